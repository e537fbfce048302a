"""What a host says of its tables: where the records of one kind are, and what belongs to them in others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import attrs

from keapbridge.customcrm.sql.given import (
    A_JOIN,
    A_LOOKUP,
    a_function,
    columns_by_property,
    name_in_database,
    several,
    values_by_name,
)
from keapbridge.model.given import checks, flag, keywords, optional

__all__ = ["SqlJoin", "SqlLookup", "SqlTable"]

Insert = Literal["before", "after"]
Missing = Literal["hold", "create"]


def _one_of(*allowed: str) -> Callable[[Any, Any, object], None]:
    def check(_: Any, attribute: Any, value: object) -> None:
        if value not in allowed:
            raise ValueError(f"{attribute.name} must be {' or '.join(map(repr, allowed))}, not {value!r}")

    return check


@keywords()
@attrs.frozen
class SqlJoin:
    """A further table with a part of the record, such as its address: at most one row, which belongs to that record.

    Attributes:
        table: its name.
        local: the column that it is found by in the table that it hangs on; the id of the record by default.
        remote: the column of this table that holds the same; its primary key by default.
        columns: property → column.
        through: the join that it hangs on, by name, where that is not the table of the records: a chain.
        insert: whether a new row is made `"after"` the one that it hangs on, whose value it holds, or `"before"` it,
            since that one holds the value of this.
        where: column → value, for what tells the row from others of the record (`{"Kind": "billing"}`). A row that is
            made gets these values.
        on_create: column → value, for rows that are made; a function takes what else the row holds, by column.
        on_write: column → value, for rows that are made, and whenever something else in them is changed; a function as
            there (a copy in capitals beside an address). A row for which it says what it said before is left as it is.
        always: make a row with each new record, also without content.
        modified: the column with the time of its last change. Without it changes of this table alone cannot be listed,
            and every run reads everything, unless `moves_modified`.
        moves_modified: whoever changes a row here moves `modified` of the record, too.
        name: what it is called in `through`, and in columns of it (`modified="entity.changed_at"`); the name of the
            table by default.
        schema: the database schema it is in, where it is not the default one.
    """

    table: str = attrs.field(validator=checks(name_in_database))
    local: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    remote: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    columns: Mapping[str, str] = attrs.field(factory=dict, kw_only=True, validator=checks(columns_by_property))
    through: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    insert: Insert = attrs.field(default="after", kw_only=True, validator=_one_of("before", "after"))
    where: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, validator=checks(values_by_name))
    on_create: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, validator=checks(values_by_name))
    on_write: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, validator=checks(values_by_name))
    always: bool = attrs.field(default=False, kw_only=True, validator=checks(flag))
    modified: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    moves_modified: bool = attrs.field(default=False, kw_only=True, validator=checks(flag))
    name: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    schema: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))


@keywords()
@attrs.frozen
class SqlLookup:
    """A table that records refer to, such as that of the countries. Its rows belong to nobody, and are never changed.

    A property that is written finds a row and sets the reference to it.

    Attributes:
        table: its name.
        local: the column with the reference, in the table of the records or in that of `through`.
        columns: property → column; a row is found by all of them together.
        remote: the column that the reference holds a value of; its primary key by default.
        through: the join or lookup that has the column `local`, by name (the country of a city).
        where: column → value, for the rows that count.
        missing: what becomes of a value that no row has: `"hold"` it, or `"create"` a row.
        on_create: column → value, for rows that are made; a function takes what else the row holds, by column.
        name: what it is called in `through`; the name of the table by default.
        schema: the database schema it is in, where it is not the default one.
    """

    table: str = attrs.field(validator=checks(name_in_database))
    local: str = attrs.field(kw_only=True, validator=checks(name_in_database))
    columns: Mapping[str, str] = attrs.field(kw_only=True, validator=checks(columns_by_property))
    remote: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    through: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    where: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, validator=checks(values_by_name))
    missing: Missing = attrs.field(default="hold", kw_only=True, validator=_one_of("hold", "create"))
    on_create: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, validator=checks(values_by_name))
    name: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    schema: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))


def _joins(given: Sequence[SqlJoin]) -> tuple[SqlJoin, ...]:
    return several("joins", SqlJoin, A_JOIN, given)


def _lookups(given: Sequence[SqlLookup]) -> tuple[SqlLookup, ...]:
    return several("lookups", SqlLookup, A_LOOKUP, given)


def _cascades(given: Sequence[str]) -> tuple[str, ...]:
    return several("cascades", str, "several tables, such as cascades=['notes']", given)


def _key(given: str | Sequence[str]) -> str | tuple[str, ...]:
    if isinstance(given, str):
        name_in_database("id", given)
        return given
    names = several("id", str, "the name of a column or several, such as id='person_id'", given)
    if not names:
        raise ValueError("id names no column; such as id='person_id'")
    return names[0] if len(names) == 1 else names


def _zone(_: Any, __: Any, value: str | None) -> None:
    from zoneinfo import ZoneInfo

    if value is None:
        return
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"time_zone: {value!r} is no time zone, such as 'Europe/Oslo'") from None


@keywords()
@attrs.frozen
class SqlTable:
    """The table, or the view, with the records of one kind.

    Properties are found in columns of the same name, whatever their case and underscores (`FirstName` in `first_name`).

    Attributes:
        name: of the table or view.
        id: the column with the id: a number, a text or a UUID. No two rows share it; where it takes several columns to
            tell rows apart, all of them: `id=("order_id", "line_no")`.
        columns: property → column where the names differ, also for the host's own properties; `None` for a property
            that shall not take part although there is a column.
        where: column → value, for the rows that are records (`{"type": "person"}`); several values for any of them. New
            rows get a lone value.
        on_create: column → value, for new rows, and never for others; a function takes what else the row holds.
        on_write: column → value, for new rows, and whenever a property in this table is changed; a function as there.
        modified: the column with the time of the last change; of a joined table as `"entity.changed_at"`. Without it
            every run reads everything. One that holds days is read from the day before, and decides no conflict.
        created: the column with the time when the record was made. It tells a row that was given the id of a deleted
            one.
        deleted: a column for soft deletion: a time, a boolean or a number; of a joined table as `"entity.deleted"`. A
            record is there while it is empty, false or 0. Without it records are deleted.
        time_zone: of times without one (`"Europe/Oslo"`); UTC by default.
        key: a unique text column that keeps the key of a create, so that it can be repeated where the database makes
            the ids.
        constants: property → value, for what all records have in common (`{"Currency": "USD"}`).
        joins: further tables with parts of the record.
        lookups: tables that records refer to.
        new_id: makes an id from the key of a create, or from the key and the connection of its transaction. By default
            the database makes numbers and what has a default, and other ids are UUIDs made from the key.
        touch: set `modified` with every write; not needed where a trigger does it.
        cascades: tables from which the database may delete rows, or where it may empty references, when a record is
            deleted. Such a deletion is refused where rows of others are concerned: an undoing cannot bring them back.
        schema: the database schema it is in, where it is not the default one.
    """

    name: str = attrs.field(validator=checks(name_in_database))
    id: str | Sequence[str] = attrs.field(default="Id", converter=_key, kw_only=True)
    columns: Mapping[str, str | None] = attrs.field(factory=dict, kw_only=True, validator=checks(columns_by_property))
    where: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, validator=checks(values_by_name))
    on_create: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, validator=checks(values_by_name))
    on_write: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, validator=checks(values_by_name))
    modified: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    created: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    deleted: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    time_zone: str | None = attrs.field(default=None, kw_only=True, validator=_zone)
    key: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))
    constants: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, validator=checks(values_by_name))
    joins: Sequence[SqlJoin] = attrs.field(default=(), converter=_joins, kw_only=True)
    lookups: Sequence[SqlLookup] = attrs.field(default=(), converter=_lookups, kw_only=True)
    new_id: Callable[..., Any] | None = attrs.field(default=None, kw_only=True, validator=checks(optional(a_function)))
    touch: bool = attrs.field(default=True, kw_only=True, validator=checks(flag))
    cascades: Sequence[str] = attrs.field(default=(), converter=_cascades, kw_only=True)
    schema: str | None = attrs.field(default=None, kw_only=True, validator=checks(optional(name_in_database)))

    @property
    def ids(self) -> tuple[str, ...]:
        """The columns that the id is in."""
        return (self.id,) if isinstance(self.id, str) else tuple(self.id)

    @classmethod
    def from_toml(cls, source: str) -> SqlTable:
        """A table from a text that is TOML: its keys are the attributes, `false` stands for `None`.

        Functions are named as `module:name`, and a value that TOML lacks is `{empty = true}` or `{decimal = "12.50"}`.

        Raises:
            ValueError: naming the key, for a key that is not known and a value that cannot be.
        """
        import tomllib

        from keapbridge.customcrm.sql.toml import table_from

        return table_from(cls, tomllib.loads(source))

    def to_toml(self) -> str:
        """The table as TOML, which `from_toml` reads again: what is not as by default.

        Raises:
            ValueError: for a function that has no name in a module.
        """
        from keapbridge._toml.writing import dumps
        from keapbridge.customcrm.sql.toml import table_table

        return dumps(table_table(self))
