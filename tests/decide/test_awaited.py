"""The laws of what was written and is not shown: nobody's edit, for a while, and never for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.awaited import FIRST_WAIT, MOST_WRITES, is_overdue, still_awaited, waiting
from keapbridge.model.records import Awaited, Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LAG = timedelta(minutes=1)
VALUES = st.sampled_from([None, "old", "new", "other", True, 3])
SIDES = st.sampled_from(list(Side))


def pair(side: Side, awaited: Awaited, shown: Any, source: Any, base: Any) -> Pair:
    link = Link("1", "901").with_base(side, {"F": awaited.sent}).with_base(side.other, {"F": base})
    seen = {side: shown, side.other: source}
    ours, theirs = (Observation(s, link.id(s), Snapshot({"F": seen[s]})) for s in Side)
    return Pair(link.awaiting(side, {"F": awaited}), ours, theirs)


@examples(200)
@given(
    SIDES,
    VALUES,
    VALUES,
    VALUES,
    VALUES,
    st.integers(1, MOST_WRITES),
    st.timedeltas(timedelta(seconds=-5), timedelta(days=9)),
)
def test_only_the_old_value_of_an_unedited_pair_waits(
    side: Side, before: Any, shown: Any, source: Any, base: Any, writes: int, since: timedelta
) -> None:
    its = Awaited(before, "new", NOON, writes)
    given_pair = pair(side, its, shown, source, base)
    found, held = waiting(given_pair, NOON + since, LAG)
    assert waiting(given_pair, None, LAG)[1].keys() >= held.keys(), "while the time is not known, all waits"
    if shown != before:
        assert (found, held) == (given_pair, {})
        assert still_awaited(given_pair, ()) == {}
        return
    assert still_awaited(given_pair, ()) == {side: {"F": its}}
    assert still_awaited(given_pair, {"F"}) == {}
    if held:
        assert found == given_pair
        assert source == base
        assert (held["F"].field, held["F"].side) == ("F", side)
    else:
        assert {found.link.base(each)["F"] for each in Side} == {before}, "what the other side holds is to be written"


@examples(100)
@given(SIDES, st.integers(1, MOST_WRITES - 1))
def test_each_wait_is_longer_and_has_an_end(side: Side, writes: int) -> None:
    its = Awaited("old", "new", NOON, writes)
    of = pair(side, its, "old", "new", "new")
    pause = LAG + (FIRST_WAIT * 2 ** (writes - 2) if writes > 1 else timedelta(0))
    assert waiting(of, NOON + pause - timedelta(seconds=1), LAG)[1]
    assert not waiting(of, NOON + pause, LAG)[1]
    assert waiting(pair(side, Awaited("old", "new", NOON, MOST_WRITES), "old", "new", "new"), NOON + 9 * pause, LAG)[1]


def test_a_side_has_its_time_to_show_it() -> None:
    its = Awaited("old", "new", NOON)
    assert [is_overdue(its, NOON + after, LAG) for after in (timedelta(0), LAG)] == [False, True]
    assert is_overdue(its, NOON, timedelta(0))
