"""Whole numbers and numbers with decimals: exact, without needless zeros."""

from __future__ import annotations

from typing import Any

import pytest
from lens_laws import read

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Kind
from keapbridge.mapping.kinds.numbers import Integer, Number
from keapbridge.model.records import Canonical


@pytest.mark.parametrize(
    ("kind", "raw", "canonical"),
    [
        (Integer(), " 038 ", 38),
        (Integer(), 38.0, 38),
        (Number(), "12.500", "12.5"),
        (Number(), 0.1, "0.1"),
        (Number(), "1E+2", "100"),
        (Number(), "-0.00", "0"),
    ],
)
def test_one_number_has_one_canonical_form(kind: Kind, raw: Any, canonical: Canonical) -> None:
    assert read(kind, raw) == canonical


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        *((Integer(), raw) for raw in (True, "38.5", "many", 1.5, "1e999999999")),
        *((Number(), raw) for raw in (True, "NaN", "Infinity", "12,5", [])),
    ],
)
def test_what_is_no_number_is_said_and_not_guessed(kind: Kind, raw: Any) -> None:
    with pytest.raises(UnfitError):
        read(kind, raw)
