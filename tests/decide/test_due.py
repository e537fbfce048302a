"""When a tenant is due again: never before its time, never much later, and not all at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

import keapbridge as kb
from keapbridge.decide.due import (
    LATEST,
    LEAST,
    LONGEST,
    Ended,
    How,
    first_at,
    full_after,
    next_after,
    outcome_of,
    place,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIVE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)

spans = st.timedeltas(SECOND, timedelta(days=7))
ago = st.timedeltas(timedelta(0), timedelta(days=30))
soon = st.none() | st.timedeltas(-timedelta(days=1), timedelta(days=400)).map(lambda ahead: NOON + ahead)
names = st.text(min_size=1, max_size=20)


@given(names, spans, ago)
@examples(200)
def test_a_complete_one_is_due_at_its_place_not_at_once_and_not_much_later(
    name: str, every: timedelta, late: timedelta
) -> None:
    found = next_after(Ended(How.COMPLETE), name, NOON - late, every, 0)
    assert every / 4 <= found - (NOON - late) < every * 1.25 + SECOND
    again = next_after(Ended(How.COMPLETE), name, found + every / 8, every, 0)
    assert again == found + every  # however long it took


@given(names, st.sampled_from(How), soon, spans, st.integers(1, 10_000))
@examples(400)
def test_every_tenant_is_due_again_in_bounded_time(
    name: str, how: How, retry_at: datetime | None, every: timedelta, in_row: int
) -> None:
    found = next_after(Ended(how, retry_at), name, NOON, every, in_row)
    assert NOON <= found <= NOON + max(every * 1.25, LONGEST, LATEST)
    if how in {How.BUSY, How.QUOTA, How.UNREACHABLE} and retry_at is not None and retry_at <= NOON + LATEST:
        assert found >= retry_at


@given(names, spans, st.integers(1, 30))
@examples(200)
def test_what_fails_again_and_again_is_tried_less_and_less(name: str, every: timedelta, in_row: int) -> None:
    pauses = [next_after(Ended(How.FAILED), name, NOON, every, n) - NOON for n in (in_row, in_row + 1)]
    longest = max(every, LONGEST)
    assert pauses[0] > timedelta(0)
    assert pauses[1] > pauses[0] or pauses[1] >= 0.8 * longest
    assert max(pauses) <= longest


def test_who_told_when_to_come_back_is_believed() -> None:
    midnight = NOON + timedelta(hours=12)
    quota = kb.QuotaExhaustedError("spent", resets_at=midnight)
    assert next_after(outcome_of(quota), "acme", NOON, FIVE, 0) == midnight
    busy = kb.SessionBusyError("busy", until=NOON + timedelta(seconds=40))
    assert next_after(outcome_of(busy), "acme", NOON, FIVE, 0) == NOON + timedelta(seconds=40)
    away = kb.UnavailableError("away", retry_at=NOON + timedelta(seconds=20))
    assert next_after(outcome_of(away), "acme", NOON, FIVE, 1) == NOON + timedelta(seconds=20)
    assert next_after(outcome_of(away), "acme", NOON, FIVE, 9) > NOON + 0.7 * LONGEST


def test_what_was_cut_off_goes_on_at_once() -> None:
    assert next_after(outcome_of(kb.StoppedError("stopped")), "acme", NOON, FIVE, 5) == NOON
    assert next_after(Ended(How.LOST), "acme", NOON, FIVE, 5) == NOON


@pytest.mark.parametrize(
    ("error", "how", "is_failure"),
    [
        (kb.StoppedError("x"), How.STOPPED, False),
        (kb.SessionBusyError("x"), How.BUSY, False),
        (kb.QuotaExhaustedError("x"), How.QUOTA, False),
        (kb.RateLimitedError("x"), How.QUOTA, False),
        (kb.NoAnswerError("x"), How.UNREACHABLE, True),
        (kb.ServerError("x"), How.UNREACHABLE, True),
        (kb.AuthError("x"), How.FAILED, True),
        (kb.LinkStoreError("x"), How.UNREACHABLE, True),
        (KeyError("x"), How.FAILED, True),
    ],
)
def test_an_error_says_whose_fault_it_is(error: Exception, how: How, is_failure: bool) -> None:
    ended = outcome_of(error)
    assert (ended.how, ended.is_failure) == (how, is_failure)


def test_a_thousand_tenants_do_not_begin_together() -> None:
    begin = sorted(first_at(f"tenant {n}", NOON, timedelta(hours=1)) for n in range(1000))
    assert NOON <= begin[0] < begin[-1] <= NOON + FIVE
    assert max(sum(b <= each < b + FIVE / 10 for each in begin) for b in begin) < 150
    assert all(0 <= place(f"{n}") < 1 for n in range(1000))


@pytest.mark.parametrize("every", [FIVE, timedelta(hours=3)], ids=["as often as wished", "stretched"])
def test_a_thousand_that_began_together_are_spread_over_all_of_their_interval_by_the_next_time(
    every: timedelta,
) -> None:
    names = [f"tenant {n}" for n in range(1000)]
    begun = {name: first_at(name, NOON, FIVE) for name in names}
    again = sorted(next_after(Ended(How.COMPLETE), name, begun[name] + SECOND, every, 0) for name in names)
    assert all(sum(b <= each < b + every / 10 for each in again) < 150 for b in again)


def test_the_pauses_of_those_that_fail_of_one_cause_differ() -> None:
    found = {next_after(Ended(How.FAILED), f"tenant {n}", NOON, FIVE, 1) for n in range(100)}
    assert len(found) == 100
    assert all(NOON + 0.8 * LEAST <= each <= NOON + LEAST for each in found)


def test_everything_is_read_again_in_its_time_or_never() -> None:
    assert full_after(NOON, NOON + timedelta(hours=30), timedelta(days=1)) == NOON + timedelta(days=2)
    assert full_after(None, NOON, timedelta(days=1)) == NOON + timedelta(days=1)
    assert full_after(NOON, NOON, None) is None
