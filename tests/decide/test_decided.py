"""The laws of a decision that is not known to be written to both sides."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from laws import examples
from plain_field import Plain

from keapbridge.decide.decided import going_on, still_decided, to_be_noted
from keapbridge.decide.merge import merge
from keapbridge.decide.policy import Policy, Value
from keapbridge.model.change import Change
from keapbridge.model.records import Decided, Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side

VALUES = st.sampled_from([None, "base", "ours", "theirs", "decided", "other", True, 3])
SIDES = st.sampled_from(list(Side))
PLAIN = Policy(conflicts="manual")


def pair(ours: Any, theirs: Any, decided: Decided | None = None) -> Pair:
    link = Link("1", "901", {"F": "base"}, {"F": "base"}, decided={"F": decided} if decided else {})
    seen = {Side.CUSTOMCRM: ours, Side.KEAP: theirs}
    return Pair(link, *(Observation(side, link.id(side), Snapshot({"F": seen[side]})) for side in Side))


def begun(value: Any = "decided") -> Decided:
    before = {Side.CUSTOMCRM: "ours", Side.KEAP: "theirs"}
    return Decided("somebody", before, dict.fromkeys(Side, value))


@examples(200)
@given(VALUES, VALUES, VALUES)
def test_what_is_missing_is_written_and_what_was_edited_is_merged_as_ever(ours: Any, theirs: Any, value: Any) -> None:
    decided = begun(value)
    found = merge(pair(ours, theirs, decided), [Plain()], PLAIN)
    if ours in ("ours", value) and theirs in ("theirs", value) and ours != theirs:
        wanted = {(side, value) for side, now in zip(Side, (ours, theirs), strict=True) if now != value}
        assert {(change.side, change.after) for change in found.changes} == wanted
        assert all(change.cause == "somebody" for change in found.changes)
    else:
        assert found == merge(pair(ours, theirs), [Plain()], PLAIN)


@examples(100)
@given(SIDES, VALUES)
def test_a_value_of_a_rule_is_noted_before_it_is_written_to_the_first_side(first: Side, value: Any) -> None:
    def rule(_: Any) -> Value:
        return Value(value)

    before = pair("ours", "theirs")
    found = merge(before, [Plain()], Policy(conflicts=rule))
    noted = to_be_noted(before, found.changes)
    if value in ("ours", "theirs"):
        assert noted == {}, "one write is no more than half done"
        return
    after = {Side.CUSTOMCRM: "ours", Side.KEAP: "theirs", first: value}
    half = pair(after[Side.CUSTOMCRM], after[Side.KEAP], noted["F"])
    assert [(change.side, change.after) for change in going_on(half, "F") or ()] == [(first.other, value)]
    assert to_be_noted(half, going_on(half, "F") or ()) == {}


@examples(100)
@given(SIDES, VALUES, st.sampled_from(["deciding", "decided, and more"]))
def test_once_a_side_has_stored_its_value_only_that_is_no_edit(side: Side, now: Any, stored: str) -> None:
    decided = begun().stored(side, stored)
    values = {side: now, side.other: decided.before[side.other]}
    assert (going_on(pair(values[Side.CUSTOMCRM], values[Side.KEAP], decided), "F") is None) == (now != stored)
    values[side] = stored
    [change] = going_on(pair(values[Side.CUSTOMCRM], values[Side.KEAP], decided), "F") or ()
    assert (change.side, change.after) == (side.other, "decided")
    assert decided.stored(side.other, "decided").is_done


@examples(50)
@given(VALUES)
def test_it_holds_until_it_is_settled_or_edited(theirs: Any) -> None:
    given_pair = pair("decided", theirs, begun())
    assert bool(still_decided(given_pair, (), all_settled=False)) == (theirs in ("theirs", "decided"))
    assert still_decided(given_pair, ["F"], all_settled=True) == {}


def test_of_what_a_person_decides_one_write_is_noted_as_well() -> None:
    before = pair("ours", "theirs")
    change = Change("F", Side.KEAP, "theirs", "ours", "a person")
    assert to_be_noted(before, [change]) == {}
    [noted] = to_be_noted(before, [change], {"F"}).values()
    assert noted == Decided("a person", {Side.CUSTOMCRM: "ours", Side.KEAP: "theirs"}, dict.fromkeys(Side, "ours"))
