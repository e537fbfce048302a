"""What the cells of a table hold: values of records as plain ones, nested ones laid flat. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, TypeAlias

import attrs
from msgspec import UNSET

__all__ = ["Cell", "Row", "as_json", "cells", "row_of", "text_of"]

Cell: TypeAlias = str | int | float | bool | date | datetime | None
"""What one cell of a table holds."""
Row: TypeAlias = Mapping[str, Any]


def row_of(value: Any) -> dict[str, Any]:
    """One thing as a dict: a mapping as it is, an attrs object by its public attributes.

    What was not asked for, or is not known (`UNSET`), is left out; `None`, which is known to be empty, stays.

    Raises:
        TypeError: for what has no attributes to make columns of.
    """
    plain = _plain(value)
    if not isinstance(plain, dict):
        raise TypeError(f"a table is made of records, lines or mappings, not of {type(value).__name__}")
    return plain


def _plain(value: Any) -> Any:
    """The value of a dict, a list, or something that a cell can hold."""
    if attrs.has(type(value)):
        known = ((field.name, getattr(value, field.name)) for field in attrs.fields(type(value)))
        return {
            name: _plain(its)
            for name, its in known
            if its is not UNSET and not name.startswith("_") and not (name == "extra" and not its)
        }
    match value:
        case Enum():
            return value.value
        case str() | bool() | int() | float() | date() | None:
            return value
        case Mapping():
            return {str(key): _plain(its) for key, its in value.items() if its is not UNSET}
        case Collection():
            return [_plain(its) for its in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
        case _:
            return str(value)


def as_json(value: Any) -> Any:
    """The same as JSON has it: moments and days in ISO 8601."""
    match value:
        case dict():
            return {name: as_json(its) for name, its in value.items()}
        case list():
            return [as_json(its) for its in value]
        case date():
            return value.isoformat()
        case _:
            return value


def cells(row: Row) -> dict[str, Cell]:
    """A row laid flat: `{"address": {"city": "Oslo"}}` has the column `address.city`; texts of a list are joined."""
    return dict(_flat("", row))


def _flat(name: str, value: Any) -> Iterator[tuple[str, Cell]]:
    match value:
        case Mapping():
            for key, its in value.items():
                yield from _flat(f"{name}.{key}" if name else key, its)
        case list() if any(isinstance(its, (Mapping, list)) for its in value):
            for number, its in enumerate(value, 1):
                yield from _flat(f"{name}.{number}", its)
        case list():
            yield name, ", ".join(map(text_of, value))
        case _:
            yield name, value


def text_of(cell: Cell) -> str:
    """A cell as people read it; nothing for what is empty."""
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case datetime():
            return cell.isoformat(sep=" ", timespec="seconds")
        case _:
            return str(cell)
