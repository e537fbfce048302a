"""From where a list of changes begins: nothing that is changed after a list began is missed by the next one. Pure."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.cursor import WIDEST, Shown, next_cursor

LAWS = examples(200)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OVERLAP = timedelta(minutes=5)
INSTANT = timedelta(0)
SPANS = st.timedeltas(timedelta(0), timedelta(hours=3))
STAMPS = st.none() | st.timedeltas(timedelta(days=-3), timedelta(days=3)).map(lambda span: NOON + span)
PAGES = st.lists(st.tuples(st.lists(STAMPS, max_size=5), SPANS), max_size=4)


def _shown(pages: list[tuple[list[datetime | None], timedelta]], clock: datetime = NOON) -> Shown:
    shown = Shown()
    for stamps, spent in pages:
        shown = shown.page(stamps, clock, spent)
    return shown


@LAWS
@given(st.timedeltas(timedelta(0), WIDEST), st.lists(st.tuples(SPANS, SPANS), max_size=5), SPANS)
def test_what_is_changed_after_a_list_began_is_stamped_after_its_cursor(
    behind: timedelta, pages: list[tuple[timedelta, timedelta]], later: timedelta
) -> None:
    """However far behind its clock a system stamps, and while pages come that show later edits."""
    shown = _shown([([NOON - behind + min(edited, spent)], spent) for edited, spent in pages])
    cursor = next_cursor(None, shown, NOON, NOON, OVERLAP)
    assert cursor <= NOON + later - behind - OVERLAP


@LAWS
@given(PAGES, st.none() | st.timedeltas(timedelta(days=-3), timedelta(days=3)), st.randoms(use_true_random=False))
def test_a_cursor_is_never_in_the_future_and_goes_back_only_if_it_was(
    pages: list[tuple[list[datetime | None], timedelta]], before: timedelta | None, shuffled: random.Random
) -> None:
    known = None if before is None else NOON + before
    cursor = next_cursor(known, _shown(pages), NOON, NOON, OVERLAP)
    assert cursor <= NOON
    if known is not None and known <= NOON:
        assert cursor >= known
    for stamps, _ in pages:
        shuffled.shuffle(stamps)
    shuffled.shuffle(pages)
    assert next_cursor(known, _shown(pages), NOON, NOON, OVERLAP) == cursor  # lists are sorted in any way


def test_the_newest_stamp_counts_and_not_the_clock() -> None:
    shown = _shown([([NOON - timedelta(hours=2), NOON - timedelta(minutes=10)], INSTANT)])
    assert next_cursor(None, shown, NOON, NOON, OVERLAP) == NOON - timedelta(minutes=15)


def test_a_stamp_of_the_future_says_nothing() -> None:
    shown = _shown([([NOON + timedelta(days=300), NOON - timedelta(minutes=10)], INSTANT)])
    assert next_cursor(None, shown, NOON, NOON, OVERLAP) == NOON - timedelta(minutes=15)
    alone = _shown([([NOON + timedelta(days=300)], INSTANT)])
    assert next_cursor(None, alone, NOON, NOON, OVERLAP) == NOON - WIDEST - OVERLAP


def test_a_clock_that_shows_whole_seconds_has_not_fallen_behind() -> None:
    shown = _shown([([NOON + timedelta(milliseconds=900)], INSTANT)])
    assert next_cursor(None, shown, NOON, NOON, OVERLAP) == NOON - OVERLAP


@pytest.mark.parametrize("before", [NOON - timedelta(days=90), NOON - timedelta(seconds=1)])
def test_an_empty_list_changes_nothing(before: datetime) -> None:
    assert next_cursor(before, Shown(), NOON, NOON, OVERLAP) == before


def test_of_a_system_with_nothing_in_it_nothing_is_known() -> None:
    assert next_cursor(None, Shown(), NOON, NOON, OVERLAP) == NOON - WIDEST - OVERLAP


def test_records_without_any_stamp_leave_only_clocks_to_go_by_the_earlier_one() -> None:
    unstamped = _shown([([None, None], INSTANT)])
    ours = NOON - timedelta(hours=1)
    assert next_cursor(None, unstamped, NOON, ours, OVERLAP) == ours - OVERLAP
    assert next_cursor(NOON - timedelta(days=1), unstamped, NOON, NOON, OVERLAP) == NOON - OVERLAP
    some = _shown([([None, NOON - timedelta(minutes=10)], INSTANT)])
    assert next_cursor(None, some, NOON, NOON, OVERLAP) == NOON - timedelta(minutes=15)
