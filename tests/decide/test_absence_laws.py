"""The laws of absence: what nothing shows is never taken for empty, and what is shown empty always is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.absence import ENOUGH, Evidence, Verdict, as_meant, verdict
from keapbridge.model.records import Observation, Snapshot
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
