"""Dates and moments, in every spelling."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, NOWHERE, OURS, read

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds.times import Date, DateTime


@LAWS
@given(st.dates())
def test_a_date_is_the_same_with_a_time_behind_it(day: date) -> None:
    for raw in (day, day.isoformat(), f"{day.isoformat()}T00:00:00Z", f"{day.isoformat()} 10:00"):
        assert read(Date(), raw) == day.isoformat()


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("2026-01-02T03:04:05.000+02:00", "2026-01-02T01:04:05Z"),
        ("2026-01-02T03:04:05.0019Z", "2026-01-02T03:04:05.001Z"),
        (date(2026, 1, 2), "2026-01-02T00:00:00Z"),
    ],
)
def test_a_moment_has_one_canonical_form(raw: Any, canonical: str) -> None:
    assert read(DateTime(), raw) == canonical


@pytest.mark.parametrize("raw", ["soon", "2026-13-01", 5])
def test_what_is_no_moment_is_said_and_not_guessed(raw: Any) -> None:
    with pytest.raises(UnfitError):
        read(DateTime(), raw)


def test_a_date_is_written_as_one() -> None:
    assert Date().write("2026-01-02", OURS, NOWHERE) == date(2026, 1, 2)
