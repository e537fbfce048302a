"""What a merge does where somebody has to decide first: a record in doubt, a contested field, one that waits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from keapbridge.decide.merge import Merge, Settled, merge
from keapbridge.decide.policy import Policy, Value
from keapbridge.errors import UnfitError
from keapbridge.model.change import RECORD, Change, FieldConflict, Held
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Decided, Doubt, Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side

OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MANUAL = Policy(conflicts="manual")
Values = Mapping[str, Any]


@attrs.frozen
class Field:
    """A field of which `!` fits nowhere.

    Attributes:
        apart: why no two of its values can be compared.
        short: the side that holds no more than ten characters.
    """

    name: str = "F"
    policy: str | None = None
    follows: str | None = None
    keeps: bool = False
    to: frozenset[Side] = frozenset(Side)
    apart: str | None = None
    short: Side | None = None

    def flows_to(self, side: Side) -> bool:
        return side in self.to

    def fit(self, side: Side, value: Any) -> Any:
        if value == "!":
            raise UnfitError(f"{side.title} takes no !")
        return value[:10] if isinstance(value, str) and side is self.short else value

    def incomparable(self, a: Any, b: Any) -> str | None:
        return self.apart if None not in (a, b) else None

    def combined(self, now: Any, other: Any, base: Any) -> Any:
        return UNSET

    def encodes(self, value: Any, clean: Any) -> bool:
        return bool(value == f"&{clean}")


def pair(ours: Values, theirs: Values, base: tuple[Values, Values] = ({}, {}), **more: Any) -> Pair:
    seen = (Observation(side, "1", Snapshot(values), NOON) for side, values in ((OURS, ours), (THEIRS, theirs)))
    return Pair(Link("1", "2", *base), *seen, **more)


def edited(ours: Any = "new", theirs: Any = "old", **more: Any) -> Pair:
    """A pair of which Customcrm was edited."""
    return pair({"F": ours}, {"F": theirs}, ({"F": "old"}, {"F": "old"}), **more)


def doubt(about: str = "restored", winner: Side | None = None, *fields: str) -> Doubt:
    return Doubt(about, THEIRS, "it went back", frozenset(fields), winner=winner)


# --- a record in doubt ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("about", ["restored", "stranger", "another"])
def test_nothing_flows_of_a_record_in_doubt_and_a_person_is_asked(about: str) -> None:
    found = merge(edited(doubt=doubt(about)), [Field()], Policy())
    assert found == Merge(conflicts=(FieldConflict(RECORD, None, None, "it went back", about),))


def test_a_record_that_may_lag_is_held() -> None:
    found = merge(edited(doubt=doubt("lagging")), [Field()], Policy())
    assert found == Merge(held=(Held(RECORD, THEIRS, "it went back"),))


@pytest.mark.parametrize(("winner", "target", "before", "after"), [(OURS, THEIRS, "b", "a"), (THEIRS, OURS, "a", "b")])
def test_once_decided_what_went_back_is_taken_from_that_side(
    winner: Side, target: Side, before: str, after: str
) -> None:
    both = pair({"F": "a"}, {"F": "b"}, ({"F": "a"}, {"F": "c"}), doubt=doubt("restored", winner, "F"))
    assert merge(both, [Field()], MANUAL).changes == (Change("F", target, before, after, "accept"),)


def test_what_did_not_go_back_goes_its_own_way() -> None:
    both = pair(
        {"F": "a", "G": "x"}, {"F": "b", "G": "y"}, ({"G": "y"}, {"G": "y"}), doubt=doubt("restored", THEIRS, "F")
    )
    found = merge(both, [Field(), Field("G")], MANUAL)
    assert found.changes == (Change("F", OURS, "a", "b", "accept"), Change("G", THEIRS, "y", "x", "edit"))


@pytest.mark.parametrize(
    ("rule", "ours", "outcome"),
    [
        (Field(), "b", Merge(settled=(Settled("F", "b", "b"),))),
        (Field(apart="two currencies"), "a", Merge(held=(Held("F", THEIRS, "two currencies"),))),
        (Field(), UNSET, Merge()),
    ],
    ids=["agree", "incomparable", "unknown"],
)
def test_a_decision_moves_nothing_where_there_is_nothing_to_move(rule: Field, ours: Any, outcome: Merge) -> None:
    values = {} if ours is UNSET else {"F": ours}
    both = pair(values, {"F": "b"}, ({"F": "c"}, {"F": "c"}), doubt=doubt("restored", OURS, "F"))
    assert merge(both, [rule], MANUAL) == outcome


# --- a contested field ----------------------------------------------------------------------------------------------


def test_an_edit_of_a_contested_field_waits_with_the_reason() -> None:
    found = merge(edited(contested={"F": "two automations"}), [Field()], Policy())
    assert found == Merge(conflicts=(FieldConflict("F", "new", "old", "two automations"),))


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        (Policy(conflicts="keap"), (Change("F", OURS, "new", "old", "keap"),)),
        (Policy(conflicts="customcrm"), (Change("F", THEIRS, "old", "new", "customcrm"),)),
    ],
)
def test_a_contested_field_that_is_being_decided_goes_by_the_policy(
    policy: Policy, changes: tuple[Change, ...]
) -> None:
    assert merge(edited(contested={"F": None}), [Field()], policy).changes == changes


def test_what_nobody_edited_is_not_contested() -> None:
    still = pair({"F": "a"}, {"F": "b"}, ({"F": "a"}, {"F": "b"}), contested={"F": "two automations"})
    assert merge(still, [Field()], Policy()) == Merge()
    assert merge(edited(contested={"G": "two automations"}), [Field()], Policy()).changes


# --- fields that wait, fail, or are not understood ------------------------------------------------------------------


def test_a_field_that_waits_is_held_as_it_is_said_and_the_others_flow() -> None:
    waits = Held("F", OURS, "not shown yet")
    both = pair({"F": "a", "G": "x"}, {"F": "b", "G": "y"}, ({"F": "b", "G": "y"}, {"F": "b", "G": "y"}))
    found = merge(both, [Field(), Field("G")], Policy(), waiting={"F": waits})
    assert found == Merge(held=(waits,), changes=(Change("G", THEIRS, "y", "x"),))


def test_what_is_not_understood_is_held_with_the_reason_of_each_side_even_where_the_rest_agrees() -> None:
    seen = [Observation(s, "1", Snapshot({}, {"F": reason}), NOON) for s, reason in ((OURS, "odd"), (THEIRS, "odder"))]
    found = merge(Pair(Link("1", "2"), *seen), [Field()], Policy())
    assert found == Merge(held=(Held("F", OURS, "odd"), Held("F", THEIRS, "odder")))


def test_a_rule_that_fails_holds_its_field_alone() -> None:
    def fails(_: object) -> Any:
        raise ZeroDivisionError

    both = pair({"F": "a", "G": "x"}, {"F": "b", "G": "y"}, ({"G": "y"}, {"G": "y"}))
    policy = Policy(conflicts=fails)
    with pytest.raises(ZeroDivisionError):
        merge(both, [Field()], policy)
    found = merge(both, [Field(), Field("G")], policy, lambda field, error: f"{field}: {type(error).__name__}")
    assert [(h.field, h.side, h.reason.partition(":")[0]) for h in found.held] == [("F", THEIRS, "F")]
    assert found.changes == (Change("G", THEIRS, "y", "x"),)


# --- what follows another field -------------------------------------------------------------------------------------

LEADER, FOLLOWER = Field(), Field("R", follows="F")
OLD = {"F": "old", "R": "r"}


def test_a_follower_comes_from_the_side_of_its_leader() -> None:
    found = merge(pair({"F": "new", "R": "s"}, OLD, (OLD, OLD)), [LEADER, FOLLOWER], Policy())
    assert found.changes == (Change("F", THEIRS, "old", "new"), Change("R", THEIRS, "r", "s"))


def test_a_follower_waits_for_a_leader_that_waits() -> None:
    found = merge(pair({"F": "!", "R": "s"}, OLD, (OLD, OLD)), [LEADER, FOLLOWER], Policy())
    assert found.held == (Held("F", THEIRS, "Keap takes no !"), Held("R", THEIRS, "waits for F"))


def test_a_follower_that_does_not_flow_there_goes_its_own_way() -> None:
    one_way = attrs.evolve(FOLLOWER, to=frozenset({OURS}))
    known = ({"F": "old", "R": "r"}, {"F": "old", "R": "s"})
    found = merge(pair({"F": "new", "R": "r"}, {"F": "old", "R": "s"}, known), [LEADER, one_way], Policy())
    assert found == Merge(changes=(Change("F", THEIRS, "old", "new"),))


def test_an_edit_of_a_follower_on_the_other_side_makes_its_leader_a_conflict_that_names_it() -> None:
    found = merge(pair({"F": "new", "R": "r"}, {"F": "old", "R": "s"}, (OLD, OLD)), [LEADER, FOLLOWER], MANUAL)
    reason = "R was edited on the other side; manual"
    assert found == Merge(
        conflicts=(FieldConflict("F", "new", "old", reason),), held=(Held("R", THEIRS, "waits for F"),)
    )


def test_so_does_one_that_cannot_be_read_beside_the_leader() -> None:
    odd = Observation(OURS, "1", Snapshot({"F": "new"}, {"R": "odd"}), NOON)
    both = pair({"F": "new"}, {"F": "old", "R": "s"}, (OLD, OLD)).seeing(odd)
    found = merge(both, [LEADER, FOLLOWER], MANUAL)
    assert found.conflicts == (FieldConflict("F", "new", "old", "R was edited on the other side; manual"),)
    assert not found.changes


@pytest.mark.parametrize(
    ("ours", "theirs"), [("r", "r"), ("s", "s"), (UNSET, "s")], ids=["not edited", "edited alike", "unknown"]
)
def test_a_follower_is_no_rival_that_was_not_edited_to_another_value(ours: Any, theirs: Any) -> None:
    known = {} if ours is UNSET else {"R": ours}
    found = merge(pair({"F": "new", **known}, {"F": "old", "R": theirs}, (OLD, OLD)), [LEADER, FOLLOWER], MANUAL)
    assert found.changes[0] == Change("F", THEIRS, "old", "new")
    assert not found.conflicts


def test_a_follower_is_a_rival_only_if_it_was_known_before() -> None:
    known = {"F": "old"}
    found = merge(pair({"F": "new", "R": "r"}, {"F": "old", "R": "s"}, (known, known)), [LEADER, FOLLOWER], MANUAL)
    assert found.changes == (Change("F", THEIRS, "old", "new"), Change("R", THEIRS, "s", "r"))


def test_what_follows_something_else_is_no_rival() -> None:
    stranger = Field("S", follows="T")
    known = {"F": "old", "S": "old"}
    found = merge(pair({"F": "new", "S": "a"}, {"F": "old", "S": "b"}, (known, known)), [LEADER, stranger], MANUAL)
    assert found.changes == (Change("F", THEIRS, "old", "new"),)
    assert [conflict.field for conflict in found.conflicts] == ["S"]


def test_a_follower_that_one_side_does_not_show_stays_as_it_is() -> None:
    found = merge(pair({"F": "new", "R": "s"}, {"F": "old"}, (OLD, OLD)), [LEADER, FOLLOWER], Policy())
    assert found == Merge(changes=(Change("F", THEIRS, "old", "new"),))


@pytest.mark.parametrize(
    ("known", "changes"),
    [
        ({}, (Change("F", THEIRS, None, "x", "first contact"), Change("R", THEIRS, "s", "r", "first contact"))),
        ({"R": "s"}, (Change("F", THEIRS, None, "x", "first contact"), Change("R", THEIRS, "s", "r", "first contact"))),
        ({"R": "r"}, (Change("F", THEIRS, None, "x", "first contact"), Change("R", OURS, "r", "s"))),
    ],
    ids=["new", "not edited", "edited there"],
)
def test_at_first_contact_of_its_leader_a_follower_that_was_edited_goes_its_own_way(
    known: Values, changes: tuple[Change, ...]
) -> None:
    found = merge(pair({"F": "x", "R": "r"}, {"F": None, "R": "s"}, (known, known)), [LEADER, FOLLOWER], MANUAL)
    assert found.changes == changes


# --- a decision that was cut off --------------------------------------------------------------------------------------


def test_a_decision_that_both_sides_hold_by_now_is_settled_and_one_that_one_side_lacks_goes_on() -> None:
    decided = Decided("somebody", {OURS: "a", THEIRS: "b"}, {OURS: "c", THEIRS: "d"})

    def now(ours: str, theirs: str) -> Pair:
        link = Link("1", "2", {"F": "old"}, {"F": "old"}, decided={"F": decided})
        return attrs.evolve(pair({"F": ours}, {"F": theirs}), link=link)

    assert merge(now("c", "d"), [Field()], MANUAL) == Merge(settled=(Settled("F", "c", "d"),))
    assert merge(now("c", "b"), [Field()], MANUAL) == Merge(changes=(Change("F", THEIRS, "b", "d", "somebody"),))


# --- conflicts --------------------------------------------------------------------------------------------------------


def both_edited(ours: Any, theirs: Any) -> Pair:
    return pair({"F": ours}, {"F": theirs}, ({"F": "old"}, {"F": "old"}))


@pytest.mark.parametrize(("ours", "theirs"), [("&a", "a"), ("a", "&a")])
def test_two_values_of_which_one_is_the_other_encoded_are_settled(ours: str, theirs: str) -> None:
    assert merge(both_edited(ours, theirs), [Field()], MANUAL) == Merge(settled=(Settled("F", ours, theirs),))


def test_an_encoded_value_does_not_take_the_place_of_the_clean_one() -> None:
    assert merge(edited("&old"), [Field()], Policy()) == Merge(settled=(Settled("F", "&old", "old"),))


@pytest.mark.parametrize(("to", "target"), [(THEIRS, THEIRS), (OURS, OURS)])
def test_of_a_field_that_flows_one_way_the_source_counts(to: Side, target: Side) -> None:
    [change] = merge(both_edited("a", "b"), [Field(to=frozenset({to}))], MANUAL).changes
    assert (change.side, change.after, change.cause) == (target, "a" if to is THEIRS else "b", "edit")


def test_a_value_for_both_sides_is_written_to_both_or_to_neither() -> None:
    third = Policy(conflicts=lambda _: Value("c"))
    changes = merge(both_edited("a", "b"), [Field()], third).changes
    assert changes == tuple(
        Change("F", s, held, "c", "the host's own rule") for s, held in ((OURS, "a"), (THEIRS, "b"))
    )
    unfit = merge(both_edited("a", "b"), [Field()], Policy(conflicts=lambda _: Value("!")))
    assert unfit == Merge(held=(Held("F", OURS, "Customcrm takes no !"), Held("F", THEIRS, "Keap takes no !")))
    one = merge(both_edited("c", "b"), [Field()], third)
    assert one == Merge(changes=(Change("F", THEIRS, "b", "c", "the host's own rule"),))


def test_an_empty_value_for_both_sides_is_settled_once_where_emptiness_does_not_flow() -> None:
    nothing = Policy(conflicts=lambda _: Value(None))
    assert merge(both_edited("a", "b"), [Field(keeps=True)], nothing) == Merge(settled=(Settled("F", "a", "b"),))


@pytest.mark.parametrize("short", Side)
def test_two_values_agree_of_which_one_is_what_its_side_can_hold_of_the_other(short: Side) -> None:
    values = {short: "0123456789", short.other: "0123456789abc"}
    both = both_edited(values[OURS], values[THEIRS])
    expected = Merge(settled=(Settled("F", values[OURS], values[THEIRS]),))
    assert merge(both, [Field(short=short)], MANUAL) == expected
    assert merge(both, [Field(short=short.other)], MANUAL).conflicts


def test_where_emptiness_does_not_flow_it_is_settled() -> None:
    assert merge(edited(None), [Field(keeps=True)], Policy()) == Merge(settled=(Settled("F", None, "old"),))
    assert merge(edited(None), [Field()], Policy()).changes == (Change("F", THEIRS, "old", None),)


# --- values of several parts ------------------------------------------------------------------------------------------


class Parts(Field):
    """A field that holds several values: each side gets what the other added, and loses what it removed."""

    def combined(self, now: Any, other: Any, base: Any) -> Any:
        before = set() if base is UNSET else set(base)
        return tuple(sorted((set(now) | (set(other) - before)) - (before - set(other))))


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "found"),
    [
        ((("a",), ("a",)), ("a", "b"), ("a",), Merge(changes=(Change("F", THEIRS, ("a",), ("a", "b")),))),
        ((("a",), ("a",)), ("a",), (), Merge(changes=(Change("F", OURS, ("a",), ()),))),
        (
            (("a",), ("a",)),
            ("a", "b"),
            ("a", "c"),
            Merge(
                changes=(
                    Change("F", OURS, ("a", "b"), ("a", "b", "c")),
                    Change("F", THEIRS, ("a", "c"), ("a", "b", "c")),
                )
            ),
        ),
        ((("a",), ("b",)), ("a",), ("b",), Merge()),
        (None, ("a",), (), Merge(changes=(Change("F", THEIRS, (), ("a",), "first contact"),))),
    ],
    ids=["added", "removed", "both", "known", "first contact"],
)
def test_each_part_goes_its_own_way(base: Any, ours: Any, theirs: Any, found: Merge) -> None:
    known = ({}, {}) if base is None else ({"F": base[0]}, {"F": base[1]})
    assert merge(pair({"F": ours}, {"F": theirs}, known), [Parts()], MANUAL) == found


def test_of_parts_that_flow_one_way_only_those_of_the_source_go() -> None:
    one_way = Parts(to=frozenset({THEIRS}))
    known = ({"F": ("a",)}, {"F": ("a",)})
    found = merge(pair({"F": ("a", "b")}, {"F": ("a", "c")}, known), [one_way], MANUAL)
    assert found == Merge(changes=(Change("F", THEIRS, ("a", "c"), ("a", "b", "c")),))
    back = merge(pair({"F": ("a",)}, {"F": ("a", "c")}, known), [one_way], MANUAL)
    assert back == Merge(settled=(Settled("F", ("a",), ("a", "c")),))


def test_parts_that_would_leave_neither_side_with_anything_are_settled_once() -> None:
    class Gone(Field):
        def combined(self, now: Any, other: Any, base: Any) -> Any:
            return None

    known = ({"F": "old"}, {"F": "old"})
    found = merge(pair({"F": "a"}, {"F": "b"}, known), [Gone(keeps=True)], MANUAL)
    assert found == Merge(settled=(Settled("F", "a", "b"),))
