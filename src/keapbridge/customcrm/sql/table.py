"""What a host says of its tables: where the records of one kind are, and what belongs to them in other tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from keapbridge.model.given import keywords

__all__ = ["SqlJoin", "SqlTable"]


@keywords()
@attrs.frozen
class SqlJoin:
    """A second table with a part of the record, such as its address: at most one row for a record.

    Attributes:
        table: its name.
        on: the column that holds the id of the record.
        columns: property → column.
        where: column → value, for what tells the row from others of the record (`{"Kind": "billing"}`). A row that is
            made gets these values.
        modified: the column with the time of its last change. Without it changes of this table alone cannot be listed,
            and every run reads everything.
        schema: the database schema it is in, where it is not the default one.
    """

    table: str
    on: str
    columns: Mapping[str, str]
    where: Mapping[str, Any] = attrs.field(factory=dict)
    modified: str | None = None
    schema: str | None = None


def _as_tuple(joins: Sequence[SqlJoin]) -> tuple[SqlJoin, ...]:
    return tuple(joins)


@keywords()
@attrs.frozen
class SqlTable:
    """The table, or the view, with the records of one kind.

    Properties are found in columns of the same name, whatever their case and underscores (`FirstName` in `first_name`).

    Attributes:
        name: of the table or view.
        id: the column with the id: a number, a text or a UUID.
        columns: property → column where the names differ, also for the host's own properties; `None` for a property
            that shall not take part although there is a column.
        modified: the column with the time of the last change; in UTC where it has no time zone. Without it every run
            reads everything.
        created: the column with the time when the record was made. It tells a row that was given the id of a deleted
            one.
        deleted: a column for soft deletion: a time, a boolean or a number. A record is there while it is empty, false
            or 0. Without it records are deleted.
        key: a unique text column that keeps the key of a create, so that it can be repeated where the database makes
            the ids.
        constants: property → value, for what all records have in common (`{"Currency": "USD"}`).
        joins: further tables with parts of the record.
        new_id: makes an id from the key of a create. By default the database makes numbers and what has a default, and
            other ids are UUIDs made from the key.
        touch: set `modified` with every write; not needed where a trigger does it.
        schema: the database schema it is in, where it is not the default one.
    """

    name: str
    id: str = attrs.field(default="Id", kw_only=True)
    columns: Mapping[str, str | None] = attrs.field(factory=dict, kw_only=True)
    modified: str | None = attrs.field(default=None, kw_only=True)
    created: str | None = attrs.field(default=None, kw_only=True)
    deleted: str | None = attrs.field(default=None, kw_only=True)
    key: str | None = attrs.field(default=None, kw_only=True)
    constants: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)
    joins: Sequence[SqlJoin] = attrs.field(default=(), converter=_as_tuple, kw_only=True)
    new_id: Callable[[str], Any] | None = attrs.field(default=None, kw_only=True)
    touch: bool = attrs.field(default=True, kw_only=True)
    schema: str | None = attrs.field(default=None, kw_only=True)

    @classmethod
    def from_toml(cls, source: str) -> SqlTable:
        """A table from a text that is TOML: its keys are the attributes, `false` stands for `None`.

        Functions are named as `module:name`, and a value that TOML lacks is `{empty = true}` or `{decimal = "12.50"}`.

        Raises:
            ValueError: naming the key, for a key that is not known and a value that cannot be.
        """
        import tomllib

        from keapbridge.customcrm.sql.toml import table_from

        return table_from(tomllib.loads(source))

    def to_toml(self) -> str:
        """The table as TOML, which `from_toml` reads again: what is not as by default.

        Raises:
            ValueError: for a function that has no name in a module.
        """
        from keapbridge._toml.writing import dumps
        from keapbridge.customcrm.sql.toml import table_table

        return dumps(table_table(self))
