"""The laws of absence: what nothing shows is never taken for empty, and what is shown empty always is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.absent_fields import (
    ENOUGH,
    SAMPLE,
    Evidence,
    Question,
    Verdict,
    as_meant,
    beside_news,
    evidence,
    to_ask,
    to_ask_alone,
    verdict,
)
from keapbridge.model.records import Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side

LAWS = examples(200)
FIELDS = ("Name", "Colour", "Size")
VALUES = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from((None, "a", "b")))
VERDICTS = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(Verdict))
EVIDENCE = st.builds(Evidence, st.integers(0, 2 * ENOUGH), st.booleans(), st.booleans(), st.booleans(), st.booleans())


@LAWS
@given(EVIDENCE)
def test_nothing_is_empty_that_many_held_and_nobody_shows(found: Evidence) -> None:
    if verdict(found) is Verdict.EMPTY:
        assert found.is_shown or 0 < found.read < ENOUGH
        assert not found.is_back


@LAWS
@given(EVIDENCE)
def test_nothing_has_vanished_that_anything_shows(found: Evidence) -> None:
    if verdict(found) is Verdict.VANISHED:
        assert not any([found.is_shown, found.is_back, found.is_shown_singly])


@LAWS
@given(VALUES, VALUES, st.sets(st.sampled_from(FIELDS)), VERDICTS)
def test_a_value_is_lost_only_where_it_was_found_to_be_empty(
    shown: dict[str, str | None], base: dict[str, str | None], absent: set[str], verdicts: dict[str, Verdict]
) -> None:
    values = {**shown, **dict.fromkeys(absent)}
    seen = Observation(Side.KEAP, "1", Snapshot(values, {}, frozenset(absent)))
    meant, still_open = as_meant(seen, base, verdicts)
    now = meant.snapshot.values
    for field in FIELDS:
        if verdicts.get(field) is Verdict.VANISHED:
            assert field not in now
        elif field not in absent:
            assert now.get(field, "unknown") == values.get(field, "unknown")
        elif base.get(field) is not None and now.get(field, "unknown") is None:
            assert verdicts[field] is Verdict.EMPTY
    assert all(field in absent and field not in now for field in still_open)


@pytest.mark.parametrize("was_written", [False, True])
def test_one_or_two_records_are_believed_unless_they_were_written_just_now(*, was_written: bool) -> None:
    expected = Verdict.VANISHED if was_written else Verdict.EMPTY
    assert verdict(Evidence(ENOUGH - 1, was_written=was_written)) is expected


IDS = st.lists(st.integers(0, 40).map(str), max_size=30, unique=True)


@LAWS
@given(IDS, IDS)
def test_few_are_asked_and_some_of_both_kinds(ids: list[str], others: list[str]) -> None:
    asked = to_ask(Question("Colour", ids, others))
    rest = set(others) - set(ids)
    assert len(asked) == len(set(asked)) == min(SAMPLE, len(set(ids) | rest))
    assert len(set(asked) & set(ids)) >= min(len(ids), SAMPLE // 2)
    assert len(set(asked) & rest) >= min(len(rest), SAMPLE // 2)


def _seen(id: str, **values: str | None) -> Observation:
    return Observation(Side.KEAP, id, Snapshot(values, {}, frozenset({"Colour"} - values.keys())))


@pytest.mark.parametrize(
    ("again", "alone", "found"),
    [
        ({"1": "red"}, {}, Verdict.UNSTEADY),  # it was left out once
        ({"9": None}, {}, Verdict.EMPTY),  # another one shows it, be it empty
        ({"1": ..., "8": ..., "9": ...}, {"1": None}, Verdict.HIDDEN),
        ({"1": ..., "8": ..., "9": ...}, {}, Verdict.VANISHED),
        ({"1": ..., "9": ...}, {"1": None}, Verdict.EMPTY),  # of so few a single read must show a value
        ({"1": ..., "9": ...}, {"1": "red"}, Verdict.HIDDEN),
        ({}, {}, Verdict.UNSTEADY),
    ],
)
def test_what_is_made_of_what_was_read(again: dict[str, object], alone: dict[str, str | None], found: Verdict) -> None:
    question = Question("Colour", ["1"], ["8", "9"])
    read = {id: _seen(id) if value is ... else _seen(id, Colour=value) for id, value in again.items()}  # type: ignore[arg-type]
    singly = {id: _seen(id, Colour=value) for id, value in alone.items()}
    assert verdict(evidence(question, read, singly)) is found
    assert all(id == "1" for id in to_ask_alone(question, read))


@LAWS
@given(VALUES, VALUES, VALUES, st.none() | VALUES, st.sampled_from(Side))
def test_no_edit_is_taken_for_agreed_beside_what_is_not_known(
    own: dict[str, str | None],
    base: dict[str, str | None],
    typed: dict[str, str | None],
    shown: dict[str, str | None] | None,
    side: Side,
) -> None:
    seen = {side.other: Observation(side.other, "1", Snapshot(typed))}
    if shown is not None:
        seen[side] = Observation(side, "1", Snapshot(shown))
    link = Link("1", "1").with_base(side, own).with_base(side.other, base)
    pair = Pair(link, seen.get(Side.CUSTOMCRM), seen.get(Side.KEAP))
    known = own if shown is None else shown
    edited = {field for field, value in typed.items() if field in base and value != base[field]}
    assert beside_news(pair, side) >= edited - known.keys()
    assert not beside_news(pair, side) & known.keys()
    if shown is None:
        assert not beside_news(pair, side.other)
