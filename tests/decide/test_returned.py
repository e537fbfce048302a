"""The laws of fields that come back to the mapping."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from laws import examples
from plain_field import Plain

from keapbridge.decide.merge import merge
from keapbridge.decide.policy import Policy
from keapbridge.decide.returned import returned
from keapbridge.model.records import Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side

SIDES = st.sampled_from(list(Side))
PLAIN = Policy(conflicts="manual")
VALUES = st.sampled_from([None, "known", "cut", "new", "other", 0, False])


def away(before: dict[Side, Any], now: dict[Side, Any]) -> Pair:
    bases = [{"F": value, "G": "g"} for value in before.values()]
    link = Link("1", "901", *bases).setting_aside(["F"])
    return Pair(link, *(Observation(side, link.id(side), Snapshot({"F": now[side], "G": "g"})) for side in Side))


def both(ours: Any, theirs: Any) -> dict[Side, Any]:
    return {Side.CUSTOMCRM: ours, Side.KEAP: theirs}


@examples(300)
@given(VALUES, VALUES, VALUES, VALUES)
def test_a_side_that_has_not_changed_never_takes_the_place_of_what_the_other_holds(
    a: Any, b: Any, ours: Any, theirs: Any
) -> None:
    before, now = both(a, b), both(ours, theirs)
    pair = returned(away(before, now), {"F", "G"})
    assert pair.link.aside == {}
    found = merge(pair, [Plain()], PLAIN)
    edited = {side for side in Side if now[side] != before[side]}
    if ours == theirs:
        assert (found.changes, found.conflicts) == ((), ())
    elif any(now[side] is None and before[side] is not None for side in Side):
        # It begins anew: what is empty is filled, and nothing is cleared.
        assert all(change.before is None and change.after is not None for change in found.changes)
        assert bool(found.changes) == (None in now.values())
    elif not edited:
        assert (found.changes, found.conflicts) == ((), ())
        assert {side: pair.link.base(side)["F"] for side in Side} == before
    elif len(edited) == 1:
        [change] = found.changes
        assert change.side.other in edited
        assert change.after == now[change.side.other]
    else:
        assert found.conflicts
        assert not found.changes


@examples(100)
@given(VALUES, VALUES, SIDES)
def test_what_is_not_mapped_or_not_shown_stays_aside(a: Any, b: Any, side: Side) -> None:
    pair = away(both(a, b), both(a, b))
    assert returned(pair, {"G"}) is pair
    unseen = Pair(pair.link, *(pair.seen[each] if each is side else None for each in Side))
    assert returned(unseen, {"F", "G"}) is unseen


@examples(100)
@given(VALUES, VALUES, VALUES, VALUES)
def test_what_is_known_since_counts_more_than_what_was_kept_aside(a: Any, b: Any, c: Any, d: Any) -> None:
    pair = away(both(a, b), both(c, d))
    link = pair.link.based_on(Side.CUSTOMCRM, {"F": c}).based_on(Side.KEAP, {"F": d})
    found = returned(Pair(link, pair.customcrm, pair.keap), {"F"})
    assert {side: found.link.base(side)["F"] for side in Side} == both(c, d)
    assert found.link.aside == {}
    # Away once more: the newer of what was known.
    assert link.setting_aside(["F"]).aside == {side: {"F": value} for side, value in both(c, d).items()}
