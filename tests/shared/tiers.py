"""Which variants of a test the first tier runs; the others are the second's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pytest

__all__ = ["each", "named", "variants"]

each = pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.thorough)], ids=["some", "each"])
"""For a test that stops something at each of its effects: the first tier stops it at every eleventh."""


def variants(values: Iterable[Any], quick: Collection[Any]) -> list[Any]:
    """For `parametrize` and fixtures: the values, of which the first tier runs some."""
    return [v if v in quick else pytest.param(v, marks=pytest.mark.thorough) for v in values]


def named(cases: Mapping[str, Any], quick: Collection[str]) -> list[Any]:
    """The same for cases that have names; a tuple is the values of several arguments."""
    assert set(quick) <= cases.keys()
    return [
        pytest.param(*values, id=name, marks=() if name in quick else pytest.mark.thorough)
        for name, case in cases.items()
        for values in [case if isinstance(case, tuple) else (case,)]
    ]
