"""Going back: what is an edit, what is a restored record, and when it is the whole system. Pure and quick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.restored import (
    FEW,
    back_total,
    gone_back,
    is_another_past,
    is_older,
    life_after_write,
    newest,
    old_state,
    out_of_sight,
    stops,
)
from keapbridge.model.actions import Action
from keapbridge.model.kept_in_store import JournalEntry
from keapbridge.model.plan import Plan
from keapbridge.model.records import Canonical, Life
from keapbridge.model.side import Side

LAWS = examples(100)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

texts = st.none() | st.sampled_from(["a", "b", "c"])
values = st.dictionaries(st.sampled_from(["One", "Two", "Three"]), texts)


def written(before: Mapping[str, Canonical], *, hours: int = 0, side: Side = Side.CUSTOMCRM) -> JournalEntry:
    return JournalEntry("contacts", side, "1", "update", before, {}, NOON + timedelta(hours=hours), "2")


entries = st.lists(st.builds(written, values), max_size=4)


@LAWS
@given(values, values, entries)
def test_only_what_was_held_before_has_gone_back(
    base: dict[str, Canonical], now: dict[str, Canonical], journal: list[JournalEntry]
) -> None:
    back = gone_back(base, now, journal)
    changed = {field for field in now if field in base and base[field] != now[field]}
    held_before = {f for f in changed for entry in journal if f in entry.before and entry.before[f] == now[f]}
    assert (back is not None) == bool(held_before)
    assert back is None or back.fields == changed


@LAWS
@given(values, entries)
def test_what_holds_its_base_has_not_gone_back(base: dict[str, Canonical], journal: list[JournalEntry]) -> None:
    assert gone_back(base, base, journal) is None


@LAWS
@given(values, values, entries, st.booleans(), st.none() | st.just(NOON))
def test_what_shows_nothing_else_than_its_base_is_no_old_state_whatever_the_journal_says(
    base: dict[str, Canonical],
    more: dict[str, Canonical],
    journal: list[JournalEntry],
    older: bool,
    written_at: datetime | None,
) -> None:
    times = {"older": older, "moment": NOON, "lag": timedelta(minutes=1), "written_at": written_at}
    assert old_state(base, {**more, **base}, (), journal, **times) is None


def test_it_may_have_gone_back_by_more_than_one_write() -> None:
    journal = [written({"One": "a"}), written({"One": "b"}, hours=1)]
    back = gone_back({"One": "c", "Two": "x"}, {"One": "a", "Two": "y"}, journal)
    assert back is not None
    assert (back.fields, back.written_at) == (frozenset({"One", "Two"}), NOON)


def test_what_was_empty_before_goes_back_to_be_empty() -> None:
    assert gone_back({"One": "a"}, {"One": None}, [written({"One": None})]) is not None
    assert gone_back({"One": "a"}, {"One": None}, [written({"Two": None})]) is None


@pytest.mark.parametrize(
    ("known", "shown", "older"),
    [
        (NOON, NOON - timedelta(seconds=3), True),
        (NOON, NOON - timedelta(seconds=2), False),
        (NOON, NOON + timedelta(hours=1), False),
        (None, NOON, False),
        (NOON, None, False),
    ],
)
def test_two_seconds_are_no_age(known: datetime | None, shown: datetime | None, older: bool) -> None:
    assert is_older(known, shown) is older


@pytest.mark.parametrize(
    ("awaited", "older", "minutes", "certain"),
    [
        ((), True, 5, True),
        ((), True, 1, False),
        ((), False, 1, False),  # as old as known: an old state of a list that lags
        ((), False, 5, None),  # somebody has chosen the earlier value
        (("One",), True, 5, None),  # it has not shown the write yet
        (("One",), True, 1, None),
    ],
)
def test_an_old_state_lags_or_has_gone_back_and_what_was_never_shown_is_awaited(
    awaited: tuple[str, ...], older: bool, minutes: int, certain: bool | None
) -> None:
    moment, lag = NOON + timedelta(minutes=minutes), timedelta(minutes=2)
    back = old_state({"One": "b"}, {"One": "a"}, awaited, [written({"One": "a"})], older=older, moment=moment, lag=lag)
    assert (back and back.certain) is certain


STAMPS = st.dictionaries(
    st.sampled_from("abcdef"), st.timedeltas(timedelta(0), timedelta(hours=1)).map(lambda span: NOON + span)
)


@LAWS
@given(STAMPS, STAMPS)
def test_the_newest_are_known_in_whatever_parts_they_come(one: dict[str, datetime], more: dict[str, datetime]) -> None:
    more = {id: at + timedelta(hours=1) for id, at in more.items()}  # what is edited has a later stamp
    whole = {**one, **more}
    kept = newest(whole)
    assert newest({id: at for id, at in newest(one).items() if id not in more} | more) == kept
    assert len(kept) == min(FEW, len(whole))
    assert all(whole[id] <= min(kept.values()) for id in whole.keys() - kept.keys())


def test_a_list_shows_the_newest_change_again() -> None:
    known = {"a": NOON, "b": NOON - timedelta(hours=1)}
    since = NOON - timedelta(minutes=5)
    assert out_of_sight(known, {"a"}, since) == {}
    assert out_of_sight(known, {"x"}, since) == known
    assert out_of_sight(known, {"b"}, since) == {"a": NOON}
    assert out_of_sight({"b": known["b"]}, (), since) == {}  # it need not be shown any more
    assert out_of_sight(known, (), NOON) == {}  # nothing is looked at twice


@pytest.mark.parametrize(
    ("found", "is_so"),
    [
        ({"a": NOON, "b": NOON}, False),
        ({"a": NOON + timedelta(hours=1)}, False),  # one was deleted, the other one edited
        ({"a": None}, False),  # it does not say
        ({"a": NOON - timedelta(hours=1), "b": NOON}, True),
        ({}, True),  # both are not there any more, or not yet
    ],
)
def test_an_older_state_shows_in_what_was_newest(found: dict[str, datetime | None], is_so: bool) -> None:
    assert is_another_past({"a": NOON, "b": NOON}, found) is is_so


def test_one_that_is_gone_was_deleted() -> None:
    assert not is_another_past({"a": NOON}, {})


def plan_of(**totals: dict[str, int]) -> Plan:
    def nothing() -> Iterator[Action]:
        return iter(())

    return Plan("p", NOON, tuple(totals), {}, {}, totals, "sync", nothing)


def test_ten_records_are_a_system() -> None:
    back, by = back_total(Side.KEAP), back_total(Side.KEAP, "_by")
    found = stops(plan_of(companies={back: 9, by: 5}, contacts={back: 10, by: 7384}, products={}))
    assert list(found) == ["contacts"]
    assert found["contacts"].startswith("Keap went back: 10 contacts")
    assert "2:03:04" in found["contacts"]
    assert "accept={'restored': 'customcrm'} or accept={'restored': 'keap'}" in found["contacts"]


def test_after_a_write_whose_answer_tells_no_stamp_the_one_from_before_is_older() -> None:
    before = Life("then", NOON)
    assert is_older(life_after_write(Life(), before).changed, NOON)
    assert not is_older(life_after_write(Life(), before).changed, NOON + timedelta(microseconds=1))
    later = Life(None, NOON + timedelta(hours=1))
    assert life_after_write(later, before) == Life("then", later.changed)
    assert life_after_write(Life(), Life("then")) == Life("then")
