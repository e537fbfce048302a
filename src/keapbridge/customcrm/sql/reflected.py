"""Tables as they are in the database: their columns, what can be written to them, and what they cannot be without."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import attrs
import sqlalchemy as sa

from keapbridge.errors import MappingError
from keapbridge.model.meant import is_meant

__all__ = [
    "AsWritten",
    "Reflected",
    "can_be_blank",
    "has_zone",
    "holds_days",
    "holds_times",
    "is_binary",
    "is_bit",
    "is_list",
    "is_number",
    "is_set",
    "reflect",
    "time_column",
]


@attrs.frozen(eq=False)
class Reflected:
    """A table as it is: its columns, and what can be written.

    Attributes:
        key: the columns of its primary key.
        uniques: sets of columns that no two rows have the same values in.
        computed: columns that the database computes, and nobody writes.
    """

    table: sa.Table
    is_view: bool
    defaults: frozenset[str]
    required: frozenset[str]
    key: tuple[str, ...] = ()
    uniques: tuple[frozenset[str], ...] = ()
    computed: frozenset[str] = frozenset()

    def column(self, name: str, what: str) -> sa.Column[Any]:
        if name not in self.table.c:
            there = [c.name for c in self.table.c]
            meant = is_meant(name, there) or f" (it has {', '.join(there)})"
            raise MappingError(f"{what}: the table {self.table.fullname} has no column {name}{meant}")
        return self.table.c[name]

    def tells_rows_apart(self, names: Iterable[str]) -> bool:
        """Whether no two rows have the same values in these columns, by a key of the database."""
        return any(unique <= set(names) for unique in self.uniques)


def reflect(
    engine: sa.Engine, look: sa.Inspector, name: str, schema: str | None, ids: Collection[str], what: str
) -> Reflected:
    """A table or a view as the database has it.

    Args:
        ids: the columns that its rows are called by; its primary key where none is named.

    Raises:
        MappingError: when there is none, or it is a view that cannot be written.
    """
    is_view = name in look.get_view_names(schema)
    if not is_view and name not in look.get_table_names(schema):
        meant = is_meant(name, [*look.get_table_names(schema), *look.get_view_names(schema)])
        raise MappingError(f"{what}: there is no table or view {name}{meant}")
    found = look.get_columns(name, schema)
    key = () if is_view else tuple(look.get_pk_constraint(name, schema)["constrained_columns"])
    on_sqlite = engine.dialect.name == "sqlite"
    primary = set(ids or key)
    columns: list[Any] = []
    for c in found:
        type_, is_key = _kind(c["type"], on_sqlite), c["name"] in primary
        # A key that the database makes, and that is no number, is to be asked for when a row is made.
        made_there = is_key and c.get("default") is not None and not isinstance(type_, sa.Integer)
        given = sa.FetchedValue() if made_there else None
        columns.append(sa.Column(c["name"], type_, primary_key=is_key, server_default=given))
    table = sa.Table(name, sa.MetaData(), *columns, schema=schema)
    if is_view:
        _check_view(engine, table, what)
    made = {c["name"] for c in found if c.get("default") is not None or c.get("identity") or _counts(c)}
    required = frozenset(c["name"] for c in found if not c["nullable"])
    uniques = () if is_view else _uniques(look, name, schema, key)
    computed = frozenset(c["name"] for c in found if c.get("computed") is not None)
    return Reflected(table, is_view, frozenset(made) | computed, required, key, uniques, computed)


def _uniques(look: sa.Inspector, name: str, schema: str | None, key: Sequence[str]) -> tuple[frozenset[str], ...]:
    found = {frozenset(key)} if key else set[frozenset[str]]()
    found.update(frozenset(unique["column_names"]) for unique in look.get_unique_constraints(name, schema))
    for index in look.get_indexes(name, schema):
        is_partial = any(option.endswith("_where") for option in index.get("dialect_options", {}))
        names = index["column_names"]
        if index["unique"] and not is_partial and all(isinstance(each, str) for each in names):
            found.add(frozenset(str(each) for each in names))
    return tuple(sorted(found, key=sorted))


def _counts(column: Any) -> bool:
    return column.get("autoincrement") is True


def _kind(type_: sa.types.TypeEngine[Any], on_sqlite: bool) -> sa.types.TypeEngine[Any]:
    """The type that gives plain values: SQLite's columns hold texts and numbers whatever they are called."""
    if isinstance(type_, sa.Uuid):
        return sa.Uuid(as_uuid=False)
    if isinstance(type_, sa.JSON):
        type_.none_as_null = True  # empty is no document, and not the document `null`
    if on_sqlite and isinstance(type_, (sa.DateTime, sa.Date, sa.Time)):
        return DayAsText() if isinstance(type_, sa.Date) else TimeAsText()
    if on_sqlite and isinstance(type_, sa.types.NullType):
        return sa.String()
    if on_sqlite and isinstance(type_, sa.Numeric):
        return sa.Float()
    if on_sqlite and isinstance(type_, sa.Boolean):
        return AsWritten()
    return type_


class TimeAsText(sa.String):
    """A date or a time, which SQLite keeps as a text.

    Attributes:
        is_day: whether it is declared to be a date.
    """

    is_day: bool = False


class DayAsText(TimeAsText):
    """A date, which SQLite keeps as a text."""

    is_day = True


class AsWritten(sa.Boolean):
    """Yes or no, read as whatever SQLite keeps in the column: any text would be a yes."""

    def result_processor(self, dialect: Any, coltype: Any) -> None:
        return None


def _check_view(engine: sa.Engine, table: sa.Table, what: str) -> None:
    """Refuse a view that cannot be written."""
    with engine.connect() as connection:
        match engine.dialect.name:
            case "sqlite":
                sql = "SELECT upper(sql) FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(:name)"
                triggers = " ".join(connection.execute(sa.text(sql), {"name": table.name}).scalars())
                lacking = [kind for kind in ("INSERT", "UPDATE", "DELETE") if f"INSTEAD OF {kind}" not in triggers]
            case "postgresql":
                # Bits of events: 4 is UPDATE, 8 is INSERT, 16 is DELETE; with triggers included.
                sql = "SELECT pg_relation_is_updatable(to_regclass(:name), true)"
                name = engine.dialect.identifier_preparer.format_table(table)
                events = connection.execute(sa.text(sql), {"name": name}).scalar() or 0
                bits = {"INSERT": 8, "UPDATE": 4, "DELETE": 16}
                lacking = [kind for kind, bit in bits.items() if not events & bit]
            case _:
                sql = (
                    "SELECT is_updatable FROM information_schema.views WHERE table_name = :name "
                    "AND table_schema = COALESCE(:schema, DATABASE())"
                )
                given = {"name": table.name, "schema": table.schema}
                lacking = [] if connection.execute(sa.text(sql), given).scalar() == "YES" else ["UPDATE"]
    if lacking:
        raise MappingError(
            f"{what}: the view {table.fullname} takes no {', '.join(lacking)}: "
            "name the table below it, or give the view INSTEAD OF triggers"
        )


def time_column(seen: Reflected, name: str, what: str) -> sa.Column[Any]:
    column = seen.column(name, what)
    if not isinstance(column.type, (sa.DateTime, sa.Date, sa.String)):
        raise MappingError(f"{what}: {seen.table.name}.{name} holds no times; without modified= all is read every time")
    return column


def has_zone(column: Any) -> bool:
    return bool(getattr(column.type, "timezone", False))


def holds_days(column: Any) -> bool:
    """Whether it is declared to hold dates without a time."""
    return isinstance(column.type, sa.Date) or getattr(column.type, "is_day", False)


def holds_times(column: sa.Column[Any]) -> bool:
    """Whether it is declared to hold days with a time."""
    is_text = isinstance(column.type, TimeAsText) and not column.type.is_day
    return is_text or isinstance(column.type, sa.DateTime)


def is_bit(column: sa.Column[Any]) -> bool:
    """Whether it holds bits, which drivers of MySQL and MariaDB show as bytes."""
    return type(column.type).__name__ == "BIT"


def is_list(column: sa.Column[Any]) -> bool:
    """Whether it is an array."""
    return isinstance(column.type, sa.ARRAY)


def is_set(column: sa.Column[Any]) -> bool:
    """Whether it is a SET of MySQL or MariaDB: some of its values, with commas between them."""
    return type(column.type).__name__ == "SET"


def is_number(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.Integer)


def is_binary(column: sa.Column[Any]) -> bool:
    """Whether it holds bytes, as which some keep UUIDs."""
    return isinstance(column.type, (sa.LargeBinary, sa.BINARY, sa.VARBINARY))


def can_be_blank(column: sa.Column[Any]) -> bool:
    """Whether "" stands for nothing in a column that is never empty."""
    return isinstance(column.type, sa.String) and not isinstance(column.type, TimeAsText)
