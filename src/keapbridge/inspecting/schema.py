"""What was read of a database, as values: tables, their columns, and some of their rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import attrs

__all__ = ["Column", "Family", "ForeignKey", "Schema", "Table"]

Family = Literal["text", "integer", "number", "float", "boolean", "date", "time", "json", "uuid", "binary", "other"]
"""What a column can hold; `"time"` is a date with a time of day."""


@attrs.frozen(kw_only=True)
class Column:
    """A column as it is declared.

    Attributes:
        name: of the column.
        family: what it can hold.
        length: the most characters of a text.
        choices: the only values that it takes, where it has a list of them.
        nullable: whether it can be empty.
        filled: whether the database fills it by itself: a default, an identity.
        counts: whether the database makes a new number for each row.
        computed: whether it can only be read.
        has_zone: whether its times tell their zone.
        moves: whether the database itself stamps it with every change of its row.
    """

    name: str
    family: Family = "text"
    length: int | None = None
    choices: tuple[str, ...] = ()
    nullable: bool = True
    filled: bool = False
    counts: bool = False
    computed: bool = False
    has_zone: bool = False
    moves: bool = False

    @property
    def must_be_given(self) -> bool:
        """Whether a new row cannot be made without it."""
        return not (self.nullable or self.filled or self.counts or self.computed)


@attrs.frozen(kw_only=True)
class ForeignKey:
    """Columns that name a row of another table.

    Attributes:
        columns: of this table.
        table: the other table, and its `schema` where that is not the default one.
        remote: its columns.
        on_delete: what becomes of this row when that one is deleted (`"CASCADE"`); empty: the deletion is refused.
    """

    columns: tuple[str, ...]
    table: str
    remote: tuple[str, ...]
    schema: str | None = None
    on_delete: str = ""


@attrs.frozen(kw_only=True)
class Table:
    """A table or a view, with some of its rows.

    Attributes:
        name: of the table.
        columns: in their order.
        schema: the database schema, where it is not the default one.
        key: the columns of its primary key.
        uniques: other columns whose values are unique together.
        foreign_keys: what it refers to.
        is_view: whether it is a view.
        triggers: the texts of its triggers, as far as they are shown.
        rows: some of its rows, in the order of `columns`. They are data of people, and are shown nowhere.
        unread: why no rows were read, where it was tried.
    """

    name: str
    columns: tuple[Column, ...]
    schema: str | None = None
    key: tuple[str, ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    is_view: bool = False
    triggers: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = attrs.field(default=(), repr=False)
    unread: str = ""

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @cached_property
    def _places(self) -> dict[str, int]:
        return {column.name: place for place, column in enumerate(self.columns)}

    def __getitem__(self, name: str) -> Column:
        return self.columns[self._places[name]]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def values(self, name: str) -> list[Any]:
        """The values of a column in the rows that were read."""
        place = self._places[name]
        return [row[place] for row in self.rows]

    @property
    def single_keys(self) -> tuple[str, ...]:
        """Columns each of which alone tells a row from all others, the primary key first."""
        keys = (self.key, *self.uniques)
        return tuple(dict.fromkeys(key[0] for key in keys if len(key) == 1))

    def foreign_key_of(self, column: str) -> ForeignKey | None:
        """What a column alone refers to."""
        return next((key for key in self.foreign_keys if key.columns == (column,)), None)


@attrs.frozen(kw_only=True)
class Schema:
    """What was read of a database.

    Attributes:
        dialect: `"sqlite"`, `"postgresql"`, `"mysql"` (also MariaDB) or another one of SQLAlchemy.
        tables: its tables and views.
        offset: minutes by which the times of the session go before UTC; `None` where there is no such thing.
        zone: the name of that zone, where it has one.
        now: the moment of the database's clock in UTC, as ISO 8601; empty where it was not asked.
        others: further database schemas that were not looked at.
    """

    dialect: str
    tables: tuple[Table, ...] = ()
    offset: int | None = None
    zone: str = ""
    now: str = ""
    others: tuple[str, ...] = ()

    def find(self, name: str, schema: str | None = None) -> Table | None:
        """A table by its name."""
        return next((t for t in self.tables if t.name == name and t.schema == schema), None)

    def referring(self, table: Table) -> Sequence[tuple[Table, ForeignKey]]:
        """The other tables that refer to one, each with the key."""
        return [
            (other, key)
            for other in self.tables
            for key in other.foreign_keys
            if key.table == table.name and key.schema == table.schema and other is not table
        ]
