"""What a database would do to rows of others when a record is deleted. Nothing brings those back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from keapbridge.customcrm.sql.gathering import Found
from keapbridge.customcrm.sql.parts import Part, Tables
from keapbridge.errors import StatusError
from keapbridge.model.maybe import Unreadable

__all__ = ["references_to", "refuse_cascades"]

_HARM = {"CASCADE": "would be deleted with it", "SET NULL": "would lose it", "SET DEFAULT": "would lose it"}


def refuse_cascades(
    connection: sa.Connection, tables: Tables, found: Found, allowed: Collection[str], subject: str
) -> None:
    """Refuse a deletion that changes rows of others.

    Args:
        allowed: tables whose rows may be changed so.

    Raises:
        StatusError: naming the table.
    """
    # Its own rows go with it, and come back with an undoing; others of their tables do not.
    parts = (part for part in tables.parts if not part.is_lookup and isinstance(found.row(part), Mapping))
    own = Counter(part.table.name for part in parts)
    for part in tables.parts:
        row = found.row(part)
        if part.is_lookup or row is None or isinstance(row, Unreadable):
            continue
        for other, columns, referred, harm in references_to(connection, part):
            if other.name in allowed or harm not in _HARM:
                continue
            these = [column == row[name] for column, name in zip(columns, referred, strict=True)]
            count = connection.execute(sa.select(sa.func.count()).select_from(other).where(*these)).scalar_one()
            count -= own.get(other.name, 0)
            if count > 0:
                rows = "1 row" if count == 1 else f"{count} rows"
                raise StatusError(
                    f"{subject}: {rows} of {other.name} {_HARM[harm]}, and no undoing brings that back: "
                    f"cascades=[{other.name!r}] allows it",
                    status=422,
                )


def references_to(connection: sa.Connection, part: Part) -> Iterator[tuple[Any, list[Any], list[str], str]]:
    """The foreign keys that refer to a part: table and columns of each, its own columns, what a deletion does."""
    look = sa.inspect(connection)
    for name in look.get_table_names(part.table.schema):
        keys = _of_sqlite(connection, name) if connection.dialect.name == "sqlite" else _keys(look, name, part)
        for referred_table, columns, referred, harm in keys:
            if referred_table.casefold() == part.table.name.casefold():
                table = sa.table(name, *(sa.column(c) for c in columns), schema=part.table.schema)
                yield table, [table.c[c] for c in columns], referred or list(part.seen.key), harm


def _keys(look: sa.Inspector, name: str, part: Part) -> Iterator[tuple[str, list[str], list[str], str]]:
    for key in look.get_foreign_keys(name, part.table.schema):
        harm = str(key.get("options", {}).get("ondelete") or "NO ACTION").upper()
        yield key["referred_table"], list(key["constrained_columns"]), list(key["referred_columns"]), harm


def _of_sqlite(connection: sa.Connection, name: str) -> Iterator[tuple[str, list[str], list[str], str]]:
    """The same by SQLite itself: what is said of a column that refers is not read by others."""
    quoted = connection.dialect.identifier_preparer.quote(name)
    found: dict[int, tuple[str, list[str], list[str], str]] = {}
    for number, _, table, column, referred, _, harm, _ in connection.exec_driver_sql(
        f"PRAGMA foreign_key_list({quoted})"
    ).all():
        _, columns, others, _ = found.setdefault(number, (table, [], [], harm))
        columns.append(column)
        others += [] if referred is None else [referred]
    yield from found.values()
