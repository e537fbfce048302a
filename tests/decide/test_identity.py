"""Who a record is: the laws of births and signs. Pure and quick."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.identity import Who, is_made_after, is_new, is_newborn, same_birth, who_is_it
from keapbridge.model.records import UNKNOWN_LIFE, Canonical, Life

LAWS = examples(100)
SIGNS = {"email": ("Email", "Email2"), "name": ("FirstName", "LastName"), "phone": ("Phone", "MobilePhone")}
FIELDS = [field for fields in SIGNS.values() for field in fields]
MADE = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
BORN, LATER = Life(MADE.isoformat()), Life((MADE + timedelta(days=3)).isoformat())

Values = Mapping[str, Canonical]
EVE: Values = {"Email": "eve@example.org", "FirstName": "Eve", "LastName": "Lund", "Phone": "+4711111111"}
BOB: Values = {"Email": "bob@example.org", "FirstName": "Bob", "LastName": "Holm", "Phone": "+4722222222"}
MARRIED: Values = {**EVE, "Email": "eve.berg@example.org", "LastName": "Berg"}

values = st.fixed_dictionaries(
    {}, optional={field: st.none() | st.sampled_from(["a", "b", "a b", "c d"]) for field in FIELDS}
)
lives = st.sampled_from([UNKNOWN_LIFE, BORN, LATER])


def who(known: Life, base: Values, shown: Life, now: Values, linked: Values | None = None) -> Who:
    return who_is_it(SIGNS, known, base, shown, now, base if linked is None else linked)


@pytest.mark.parametrize(
    ("known", "base", "shown", "now", "expected"),
    [
        (BORN, EVE, LATER, BOB, Who.ANOTHER),
        (BORN, EVE, LATER, MARRIED, Who.ANOTHER),
        (BORN, EVE, LATER, EVE, Who.SAME),
        (BORN, EVE, LATER, {**EVE, "Phone": "+4722222222"}, Who.SAME),
        (BORN, EVE, LATER, {**EVE, "Email": None}, Who.SAME),
        (BORN, {"Email": "eve@example.org"}, LATER, {"FirstName": "Bob"}, Who.ANOTHER),
        (BORN, EVE, LATER, {**EVE, "FirstName": "Adam"}, Who.ANOTHER),
        (BORN, {"FirstName": "Eve"}, LATER, {"FirstName": "Eve", "LastName": "Lund"}, Who.ANOTHER),
        (BORN, EVE, BORN, BOB, Who.SAME),
        (UNKNOWN_LIFE, EVE, UNKNOWN_LIFE, BOB, Who.PERHAPS),
        (UNKNOWN_LIFE, EVE, LATER, BOB, Who.PERHAPS),
        (BORN, EVE, UNKNOWN_LIFE, {**BOB, "Phone": None}, Who.PERHAPS),
        (UNKNOWN_LIFE, EVE, UNKNOWN_LIFE, MARRIED, Who.SAME),
        (UNKNOWN_LIFE, EVE, UNKNOWN_LIFE, {**BOB, "Phone": EVE["Phone"]}, Who.SAME),
        (UNKNOWN_LIFE, EVE, UNKNOWN_LIFE, {**BOB, "LastName": "Lund"}, Who.SAME),
        (UNKNOWN_LIFE, EVE, UNKNOWN_LIFE, {**BOB, "Email2": EVE["Email"]}, Who.SAME),
        (UNKNOWN_LIFE, EVE, UNKNOWN_LIFE, dict.fromkeys(EVE), Who.SAME),
        (UNKNOWN_LIFE, {"FirstName": "Eve"}, UNKNOWN_LIFE, {"FirstName": "Bob"}, Who.SAME),
        (UNKNOWN_LIFE, {"Email": "eve@example.org"}, UNKNOWN_LIFE, BOB, Who.SAME),
    ],
)
def test_births_and_signs_tell_who_a_record_is(
    known: Life, base: Values, shown: Life, now: Values, expected: Who
) -> None:
    assert who(known, base, shown, now) is expected


def test_what_both_sides_were_changed_to_is_no_sign_of_another() -> None:
    assert who(UNKNOWN_LIFE, EVE, UNKNOWN_LIFE, BOB, linked=BOB) is Who.SAME
    assert who(BORN, EVE, LATER, BOB, linked=BOB) is Who.SAME


def test_births_on_one_day_tell_nothing() -> None:
    day = Life("2026-01-01T00:00:00+00:00")
    assert who(day, EVE, day, BOB) is Who.PERHAPS


@LAWS
@given(lives, values, lives, values)
def test_nobody_is_doubted_who_keeps_what_people_know_them_by(
    known: Life, base: Values, shown: Life, now: Values
) -> None:
    more = {field: value for field, value in now.items() if field not in SIGNS["name"]}  # of a name every word counts
    assert who(known, base, shown, {**more, **base}) is Who.SAME


@LAWS
@given(lives, values, values)
def test_one_birth_is_one_record(life: Life, base: Values, now: Values) -> None:
    if life.born is not None:
        assert who(life, base, life, now) is Who.SAME


@LAWS
@given(values, values)
def test_without_births_a_link_never_ends_by_itself(base: Values, now: Values) -> None:
    assert who(UNKNOWN_LIFE, base, BORN, now) is not Who.ANOTHER


@LAWS
@given(lives, values, lives, values)
def test_what_no_sign_is_known_of_is_never_doubted(known: Life, base: Values, shown: Life, now: Values) -> None:
    assert who_is_it({}, known, base, shown, now, base) is Who.SAME


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (MADE, MADE, True),
        (MADE, MADE.replace(microsecond=0), True),
        (MADE, MADE.replace(microsecond=123000), True),
        (MADE, MADE + timedelta(microseconds=1), False),
        (MADE.replace(microsecond=0), MADE.replace(second=1, microsecond=0), False),
    ],
)
def test_a_birth_is_the_same_in_fewer_digits(a: datetime, b: datetime, same: bool) -> None:
    assert same_birth(a.isoformat(), b.isoformat()) is same
    assert same_birth(b.isoformat(), a.isoformat()) is same


def test_what_is_no_time_is_the_same_as_itself_only() -> None:
    assert same_birth("the first of May", "the first of May")
    assert not same_birth("the first of May", "the second of May")
    assert not same_birth("2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("age", "lag", "new"),
    [
        (timedelta(seconds=46), timedelta(minutes=1), True),
        (timedelta(seconds=60), timedelta(minutes=1), False),
        (-timedelta(minutes=10), timedelta(minutes=1), True),  # by the system's clock, which is ahead
        (-timedelta(days=2), timedelta(minutes=1), False),  # by a wrong one
        (-timedelta(seconds=1), timedelta(0), False),
    ],
)
def test_what_was_made_within_the_lag_is_new(age: timedelta, lag: timedelta, new: bool) -> None:
    assert is_newborn(Life((MADE - age).isoformat()), MADE, lag) is new


@pytest.mark.parametrize("born", [None, "", "the first of May", "2026-01-01T00:00:00"])
def test_what_does_not_tell_when_it_was_made_is_not_new(born: str | None) -> None:
    assert not is_newborn(Life(born), MADE, timedelta(minutes=1))


def test_an_answer_to_a_create_is_another_record_only_where_both_births_are_told_and_differ() -> None:
    day, moment = Life("2026-01-31T00:00:00+00:00"), Life(MADE.replace(microsecond=0).isoformat())
    assert is_new(BORN, LATER)
    for known, shown in ((BORN, BORN), (BORN, moment), (BORN, UNKNOWN_LIFE), (UNKNOWN_LIFE, LATER), (day, day)):
        assert not is_new(known, shown)


@pytest.mark.parametrize(
    ("life", "moment", "after"),
    [
        (LATER, MADE, True),
        (BORN, MADE, False),
        (BORN, MADE + timedelta(days=3), False),
        (LATER, None, False),
        (UNKNOWN_LIFE, MADE, False),
        (Life("2026-02-02T10:00:00"), MADE, False),  # of what zone?
        (Life("yesterday"), MADE, False),
    ],
)
def test_who_was_made_after_a_moment_says_so_or_is_not_believed_to_be(
    life: Life, moment: datetime | None, *, after: bool
) -> None:
    assert is_made_after(life, moment) is after
