"""Columns that hold JSON, of which a property is one place: `name->en_US`. Nothing else of them is written. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from keapbridge.model.maybe import Unreadable

__all__ = ["ARROW", "Path", "dug", "is_empty", "placed", "split"]

ARROW = "->"

Path = tuple[str, ...]
"""The keys that lead to a place in a document; none stand for the whole column."""


def split(name: str) -> tuple[str, Path]:
    """The column and the keys that a name stands for: `name->en_US`."""
    column, *keys = (part.strip() for part in name.split(ARROW))
    return column, tuple(keys)


def _document(cell: Any) -> Any:
    """What a cell holds; `None` for nothing.

    Raises:
        ValueError: where it is no JSON.
    """
    if isinstance(cell, (bytes, memoryview)):
        cell = bytes(cell).decode()
    if isinstance(cell, str):
        return json.loads(cell, parse_float=Decimal) if cell.strip() else None
    return cell


def is_empty(cell: Any) -> bool:
    """Whether a cell holds no document yet."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def dug(cell: Any, path: Path) -> Any:
    """What a document holds in a place; `None` for no such place, `Unreadable` where it is no such document."""
    if not path or cell is None or isinstance(cell, Unreadable):
        return cell
    try:
        found = _document(cell)
    except ValueError:
        return Unreadable("its column holds no JSON")
    for key in path:
        if found is None:
            return None
        if not isinstance(found, Mapping):
            return Unreadable(f"its column holds no object where {key} is looked for")
        found = found.get(key)
    return Unreadable("its column holds a structure there") if isinstance(found, (dict, list)) else found


def placed(dialect: str, onto: Any, cell: Any, path: Path, value: Any) -> Any:
    """The column with a value in a place, and with the objects that lead there.

    Args:
        onto: the expression for what the column holds; `None` for nothing yet.
        cell: what it holds.
        value: a text, a number, true or false; `None` takes the place away.
    """
    if onto is None:
        base = _empty(dialect)
    else:
        base = sa.func.coalesce(sa.cast(onto, JSONB) if dialect == "postgresql" else onto, _empty(dialect))
    before = dug(cell, path)
    if value is None:
        return _taken_out(dialect, base, path)
    for length in range(1, len(path)):
        there = _inner(cell, path[:length])
        if not isinstance(there, Mapping):
            base = _set(dialect, base, path[:length], {})
    if isinstance(before, str) and isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        value = str(value)  # as it was written there
    return _set(dialect, base, path, value)


def _inner(cell: Any, path: Path) -> Any:
    try:
        found = _document(cell)
    except ValueError:
        return None
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False, default=str)


def _empty(dialect: str) -> Any:
    return sa.cast(sa.literal("{}", sa.Text()), JSONB) if dialect == "postgresql" else sa.literal("{}", sa.Text())


def _set(dialect: str, base: Any, path: Path, value: Any) -> Any:
    text = sa.literal(_text(value), sa.Text())
    match dialect:
        case "postgresql":
            return sa.func.jsonb_set(base, _keys(path), sa.cast(text, JSONB), sa.true())
        case "sqlite":
            return sa.func.json_set(base, _dotted(path), sa.func.json(text))
        case _:
            return sa.func.json_set(base, _dotted(path), sa.func.json_extract(text, "$"))


def _taken_out(dialect: str, base: Any, path: Path) -> Any:
    if dialect == "postgresql":
        return base.op("#-")(_keys(path))
    return sa.func.json_remove(base, _dotted(path))


def _keys(path: Path) -> Any:
    return sa.cast(sa.literal(list(path), ARRAY(sa.Text())), ARRAY(sa.Text()))


def _dotted(path: Path) -> str:
    return "$" + "".join(f'."{key}"' for key in path)
