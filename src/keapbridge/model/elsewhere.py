"""Rows of a plan or a report that stay in the store: what is left of them where the value was passed by pickle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn

import attrs

__all__ = ["passed_on"]


@attrs.frozen
class _Elsewhere:
    """In place of what reads the rows."""

    advice: str

    def __call__(self) -> Iterator[NoReturn]:
        raise LookupError(f"its rows are in the store, and do not come along: {self.advice} has them")


def passed_on(value: Any, advice: str) -> tuple[Any, tuple[()]]:
    """What `__reduce__` answers: the value with all but its rows, which say where they are.

    Args:
        value: an attrs object whose rows are read by its `_load`, some of them perhaps by its `_some`.
        advice: what is called to have them.
    """
    fields = {field.alias: getattr(value, field.name) for field in attrs.fields(type(value)) if field.name != "_some"}
    kind: Callable[..., Any] = type(value)
    return partial(kind, **fields | {"load": _Elsewhere(advice)}), ()
