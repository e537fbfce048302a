"""What the columns of a database take, as far as it keeps to that: types, enums, CHECKs that list values.

SQLite takes texts of any length into any column, and is not asked for those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from keapbridge.customcrm.sql.parts import Part, Tables
from keapbridge.customcrm.sql.reflected import can_be_blank, is_set
from keapbridge.customcrm.sql.table import SqlLookup
from keapbridge.customcrm.sql.values import converted
from keapbridge.model.capacity import Capacity

__all__ = ["capacities", "values_of_check"]

MOST_ROWS = 1000  # of a lookup, whose values are all looked at
_WHOLE: Final[tuple[tuple[type, int], ...]] = ((sa.SmallInteger, 15), (sa.BigInteger, 63), (sa.Integer, 31))
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_NUMBER_OR_TEXT = r"(?:'(?:[^']|'')*'|-?[\d.]+)(?:::[\w ]+(?:\(\d+\))?)?"
_LIST = re.compile(
    r"^[(\s]*[`\"\[]?(?P<name>\w+)[`\"\]]?[)\s]*(?:::[\w ]+)?\s*"
    rf"(?:in\s*\(|=\s*any\s*\(+array\[)\s*(?P<values>{_NUMBER_OR_TEXT}(?:\s*,\s*\(?{_NUMBER_OR_TEXT}\)?)*)"
    r"\s*[\])\s]*(?:::[\w ]+(?:\[\])?)?[)\s]*$",
    re.IGNORECASE,
)


def values_of_check(text: str) -> tuple[str, frozenset[str]] | None:
    """The column and the texts of a CHECK that lists all of its values; `None` for any other CHECK."""
    found = _LIST.match(text.strip())
    if found is None:
        return None
    texts = {each.replace("''", "'") for each in _TEXT.findall(found["values"])}
    return (found["name"], frozenset(text.casefold() for text in texts)) if texts else None


def capacities(connection: sa.Connection, tables: Tables) -> dict[str, Capacity]:
    """What the column of each property takes."""
    look = sa.inspect(connection)
    found: dict[str, Capacity] = {}
    for part in tables.parts:
        if isinstance(part.given, SqlLookup):
            found |= _of_lookup(connection, part, part.given)
        else:
            listed = dict(_checks(look, part))
            found |= {
                name: _of_column(connection, part, column, listed)
                if not part.path(name)
                else Capacity(f"column {column.name} of {part.table.name}")
                for name, column in part.columns.items()
            }
    return found


def _checks(look: sa.Inspector, part: Part) -> Iterator[tuple[str, frozenset[str]]]:
    if part.seen.is_view:
        return
    try:
        checks = look.get_check_constraints(part.table.name, part.table.schema)
    except NotImplementedError:
        return
    for check in checks:
        listed = values_of_check(str(check["sqltext"]))
        if listed is not None:
            yield listed


def _of_column(
    connection: sa.Connection, part: Part, column: sa.Column[Any], listed: Mapping[str, frozenset[str]]
) -> Capacity:
    kind, keeps = column.type, connection.dialect.name != "sqlite"
    values = listed.get(column.name)
    enums = getattr(kind, "enums", None)
    if values is None and enums:
        values = frozenset(str(each).casefold() for each in enums)
    is_text = isinstance(kind, sa.String) and not enums and not is_set(column)
    length = kind.length if keeps and is_text and isinstance(kind, sa.String) else None
    digits: tuple[int, int] | None = None
    if keeps and isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float) and kind.precision:
        digits = (kind.precision, kind.scale or 0)
    bits = next((bits for cls, bits in _WHOLE if keeps and isinstance(kind, cls)), None)
    never_empty = column.name in part.seen.required and not can_be_blank(column)
    return Capacity(
        f"column {column.name} of {part.table.name}",
        length,
        values,
        digits,
        None if bits is None else -(2**bits),
        None if bits is None else 2**bits - 1,
        never_empty,
        partial(converted, column),
    )


def _of_lookup(connection: sa.Connection, part: Part, given: SqlLookup) -> dict[str, Capacity]:
    """What the rows of a lookup have, where they are few and no others are made."""
    found: dict[str, Capacity] = {}
    for name, column in part.columns.items():
        values: frozenset[str] | None = None
        if given.missing == "hold":
            query = sa.select(column).where(column.is_not(None), *part.where).distinct().limit(MOST_ROWS + 1)
            cells = connection.execute(query).scalars().all()
            if len(cells) <= MOST_ROWS:
                values = frozenset(str(cell).casefold() for cell in cells)
        found[name] = Capacity(f"column {column.name} of {part.table.name}", values=values)
    return found
