"""What tells the rows of a table apart: the columns of the id, and how an id is written as one text. Pure.

An id is a tuple of what its columns hold; as a text its parts are joined by commas, of which those of its own are
written as URLs have them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

import attrs
import sqlalchemy as sa

from keapbridge.customcrm.sql.reflected import is_binary, is_number

__all__ = ["UUID_TEXT", "Key", "Raw", "id_text"]

UUID_TEXT = 32  # digits
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_SAFE = " !#$&'()*+/:;<=>?@[\\]^`{|}~\""

Raw = tuple[Any, ...]


@attrs.frozen(eq=False)
class Key:
    """The columns that rows are called by."""

    columns: tuple[sa.Column[Any], ...]

    def of(self, row: Mapping[str, Any]) -> Raw:
        """The id of a row."""
        return tuple(row[column.name] for column in self.columns)

    def text(self, raw: Sequence[Any]) -> str:
        """An id as one text."""
        return id_text(raw)

    def raw(self, text: str) -> Raw | None:
        """The id that a text stands for; `None` for one that no row can have."""
        parts = [text] if len(self.columns) == 1 else [unquote(part) for part in text.split(",")]
        if len(parts) != len(self.columns):
            return None
        found = tuple(_raw(column, part) for column, part in zip(self.columns, parts, strict=True))
        return None if None in found else found

    def among(self, ids: Sequence[Raw]) -> sa.ColumnElement[bool]:
        """The condition for the rows with these ids."""
        if len(self.columns) == 1:
            return self.columns[0].in_([id[0] for id in ids])
        return sa.tuple_(*self.columns).in_(list(ids))

    def after(self, id: Raw, columns: Sequence[Any] | None = None) -> sa.ColumnElement[bool]:
        """The condition for the rows that come after an id, in their order."""
        mine: Sequence[Any] = self.columns if columns is None else columns
        if len(mine) == 1:
            found: sa.ColumnElement[bool] = mine[0] > id[0]
            return found
        values = [sa.literal(value, column.type) for value, column in zip(id, self.columns, strict=True)]
        return sa.tuple_(*mine) > sa.tuple_(*values)


def id_text(raw: Sequence[Any]) -> str:
    """An id of one or several parts as one text."""
    return _text(raw[0]) if len(raw) == 1 else ",".join(quote(_text(part), safe=_SAFE) for part in raw)


def _text(part: Any) -> str:
    return bytes(part).hex() if isinstance(part, (bytes, memoryview)) else str(part)


def _raw(column: sa.Column[Any], text: str) -> Any:
    """A part of an id as the column has it; `None` for one that it cannot have."""
    kind = column.type
    if is_number(column) and _WHOLE.fullmatch(text):
        number = int(text)
        return number if -(2**63) <= number < (2**64 if getattr(kind, "unsigned", False) else 2**63) else None
    if isinstance(kind, sa.Uuid):
        digits = text.replace("-", "").lower()
        return text if len(digits) == UUID_TEXT and not digits.strip("0123456789abcdef") else None
    if isinstance(kind, sa.Float):
        with contextlib.suppress(ValueError):
            return int(text) if _WHOLE.fullmatch(text) else float(text)
    elif isinstance(kind, sa.Numeric):
        with contextlib.suppress(ArithmeticError):
            return Decimal(text)
    elif is_binary(column):
        with contextlib.suppress(ValueError):
            return bytes.fromhex(text)
    else:
        return text if not is_number(column) else None
    return None
