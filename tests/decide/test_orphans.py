"""The laws of empty references: what a deletion has emptied is nobody's edit, what a person has emptied is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples
from plain_field import Plain

from keapbridge.decide.merge import merge
from keapbridge.decide.orphans import TWO_CLOCKS, Standing, bereft, emptied_reference
from keapbridge.decide.policy import Policy
from keapbridge.model.change import Held
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Life, Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side

FIELD = Plain.name
VALUES = st.sampled_from([None, "a", "b"])
BASES = st.sampled_from([UNSET, None, "a", "b"])
PER_SIDE = st.fixed_dictionaries(dict.fromkeys(Side, BASES))


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    link = Link("1", "901")
    for side, base in draw(PER_SIDE).items():
        link = link if base is UNSET else link.with_base(side, {FIELD: base})
    ours, theirs = (Observation(side, link.id(side), Snapshot({FIELD: draw(VALUES)})) for side in Side)
    return Pair(link, ours, theirs)


STANDINGS = st.fixed_dictionaries({(side, id): st.sampled_from(Standing) for side in Side for id in "ab"})
FLOWS = st.fixed_dictionaries({side: st.booleans() for side in Side})


class OneWay(Plain):
    """A field that flows to some sides only."""

    def __init__(self, flows: Any) -> None:
        self.flows = flows

    def flows_to(self, side: Side) -> bool:
        return bool(self.flows[side])


def decided(pair: Pair, standings: Any, flows: Any) -> Pair:
    def standing(object: str, side: Side, id: str) -> Standing:
        assert object == "companies"
        found: Standing = standings[side, id]
        return found

    return bereft(pair, {FIELD: "companies"}, lambda _, side: flows[side], standing, lambda *_: None)


@examples(300)
@given(pairs(), STANDINGS, FLOWS)
def test_no_value_is_cleared_because_its_record_is_gone_where_the_other_was_emptied(
    pair: Pair, standings: Any, flows: Any
) -> None:
    found = decided(pair, standings, flows)
    waits = {field: Held(field, *its) for field, its in found.orphans.items()}
    outcome = merge(found, [OneWay(flows)], Policy("keap"), waiting=waits)
    for change in outcome.changes:
        side, base = change.side.other, pair.link.base(change.side.other).get(FIELD, UNSET)
        if change.after is None and isinstance(base, str):
            assert standings[side, base] is Standing.THERE, "only a person's edit clears anything"
        empty = pair.current[change.side].values[FIELD] is None and found.link.base(change.side).get(FIELD, 0) == 0
        if empty:
            its = standings[change.side, str(change.after)]
            assert its in {Standing.THERE, Standing.UNLISTED}, "nothing refers to what is not there"
    assert {held.field for held in outcome.held} == waits.keys()


@pytest.mark.parametrize(
    ("changed", "before"), [(-3600, True), (0, True), (TWO_CLOCKS.total_seconds() + 1, False), (None, False)]
)
def test_a_base_from_before_its_record_became_another_one_ends(changed: float | None, before: bool) -> None:
    """By the time at which the record that refers to it was changed last."""
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    life = Life(changed=None if changed is None else moment + timedelta(seconds=changed))
    link = Link("1", "901", {FIELD: "a"}, {FIELD: "a"}).knowing(Side.KEAP, life)
    ours, theirs = (Observation(s, link.id(s), Snapshot({FIELD: v})) for s, v in zip(Side, ("a", None), strict=True))
    found = bereft(
        Pair(link, ours, theirs),
        {FIELD: "companies"},
        lambda *_: True,
        lambda *_: Standing.THERE,
        lambda *record: moment if record == ("companies", Side.KEAP, "a") else None,
    )
    assert found.link.base(Side.CUSTOMCRM) == {FIELD: "a"}
    assert found.link.base(Side.KEAP) == ({} if before else {FIELD: "a"})
    assert not found.orphans


@examples(300)
@given(pairs(), STANDINGS, FLOWS)
def test_only_the_bases_of_what_was_emptied_end_and_deciding_twice_is_deciding_once(
    pair: Pair, standings: Any, flows: Any
) -> None:
    found = decided(pair, standings, flows)
    for side in Side:
        base = pair.link.base(side)
        if found.link.base(side) != base:
            assert pair.current[side].values[FIELD] is None
            assert found.link.base(side) == {}
            assert standings[side, base[FIELD]] not in {Standing.THERE, Standing.MISSING}
    assert decided(found, standings, flows) == found
    if not list(emptied_reference(pair, FIELD)) or set(standings.values()) == {Standing.THERE}:
        assert found is pair
