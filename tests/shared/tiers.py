"""Which variants of a test the first tier runs; the others are the second's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pytest

__all__ = ["named", "variants"]


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
