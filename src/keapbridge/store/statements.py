"""Statements that are compiled once, and go to the driver without SQLAlchemy.

To put one together and compile it costs ten times what the database takes for it, and twice what SQLAlchemy does
around it.

What they raise and find is in the words of SQLAlchemy's errors and results.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Text,
    TypeDecorator,
    any_,
    bindparam,
    cast,
    func,
    select,
    true,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

__all__ = ["Found", "Statements", "begin_at_once", "run", "run_each"]

_Prepared = tuple[str, Callable[[Mapping[str, Any]], Any]]
"""A statement as text, and what puts its parameters in order."""

_COMPILED: dict[tuple[str, str, str, str | None], dict[tuple[str, ...], _Prepared]] = {}
"""By database, driver and schema, what was compiled: a host with many tenants opens one store after the other."""


class Statements:
    """The statements of one kind of database, in one schema."""

    def __init__(self, dialect: Dialect, schema: str | None) -> None:
        self._dialect = dialect
        self._schema = schema
        self._is_sqlite = dialect.name == "sqlite"
        self._known = _COMPILED.setdefault((dialect.name, dialect.driver, dialect.paramstyle, schema), {})

    def execute(
        self, connection: Connection, name: str, statement: Callable[[], Any], values: Mapping[str, Any]
    ) -> Found:
        """Execute a statement that every run or commit needs.

        Args:
            name: tells the statement from all others.
            statement: makes it, when it is needed.
            values: of its parameters, as the driver takes them; of a list its texts.
        """
        text, ordered = self.prepared((name,), statement)
        cursor = run(connection, text, ordered(values))
        try:
            return Found(cursor)  # a database may find out only now, row by row, that it is broken
        except connection.dialect.loaded_dbapi.Error as error:
            raise _wrapped(connection, text, error) from error

    def prepared(self, key: tuple[str, ...], statement: Callable[[], Any]) -> _Prepared:
        """A statement as text, and what puts its parameters in order.

        Args:
            key: tells the statement from all others.
            statement: makes it, when it is not known yet.
        """
        known = self._known.get(key)
        if known is None:
            names = {} if self._schema is None else {"schema_translate_map": {None: self._schema}}
            compiled = statement().compile(dialect=self._dialect, render_schema_translate=bool(names), **names)
            known = self._known[key] = (str(compiled), _in_order(compiled))
        return known

    def each(self, name: str) -> Select[tuple[str]]:
        """A query for the texts in a list, which is given as the parameter `name`."""
        return _each_in_json(name) if self._is_sqlite else _each_in_array(name)

    def each_in(self, column: Column[str]) -> Select[tuple[str]]:
        """A query for the texts in the lists that a column has as JSON."""
        lists = func.json_each(column) if self._is_sqlite else func.json_array_elements_text(cast(column, JSON))
        each = lists.table_valued("value")
        return select(each.c.value).select_from(column.table).join(each, true())

    def among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Whether a column is one of the texts in a list, which is given as the parameter `name`.

        One parameter, however long the list is: SQLAlchemy need not write the statement anew.
        """
        return column.in_(_each_in_json(name)) if self._is_sqlite else _among_array(column, name)


class _Listed(TypeDecorator[Any]):
    """A list of texts as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: object) -> str:
        return _in_json(value)


def _in_json(texts: Collection[str]) -> str:
    return msgspec.json.encode(list(texts)).decode()


def _each_in_json(name: str) -> Select[tuple[str]]:
    given: Any = bindparam(name, type_=_Listed)
    return select(func.json_each(given).table_valued("value").c.value)


def _among_array(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """So that an index is used also while PostgreSQL knows nothing of a table: what would be joined is read whole."""
    given: Any = bindparam(name, type_=postgresql.ARRAY(Text))
    return column == any_(given)


def _each_in_array(name: str) -> Select[tuple[str]]:
    given: Any = bindparam(name, type_=postgresql.ARRAY(Text))
    return select(func.unnest(given).column_valued(f"each_{name}"))


def _in_order(compiled: Any) -> Callable[[Mapping[str, Any]], Any]:
    """Parameters as a driver takes them: by their places, or by their names.

    Some have a value of their own, and lists are given as collections.
    """
    names: Sequence[str] | None = compiled.positiontup
    own = {name: value for name, value in compiled.params.items() if value is not None}
    kinds = {name: bind.type for name, bind in compiled.binds.items()}
    lists: dict[str, Callable[[Collection[str]], Any]] = {
        **{name: _in_json for name, kind in kinds.items() if isinstance(kind, _Listed)},
        **{name: list for name, kind in kinds.items() if isinstance(kind, postgresql.ARRAY)},
    }

    def arranged(values: Mapping[str, Any]) -> Any:
        return values if names is None else tuple([values[name] for name in names])

    def completed(values: Mapping[str, Any]) -> Any:
        return arranged({**own, **values, **{name: listed(values[name]) for name, listed in lists.items()}})

    return completed if own or lists else arranged


class Found:
    """The rows, all of which are read: whoever asks for many asks for some at a time.

    A row is a tuple whose values have the names of their columns, too; without them many come sooner (`tuples`).

    Attributes:
        rowcount: how many rows were changed.
    """

    def __init__(self, cursor: Any) -> None:
        self.rowcount: int = cursor.rowcount
        columns = tuple([column[0] for column in cursor.description or ()])
        self._rows: list[Any] = cursor.fetchall() if columns else []
        self._row = _row_of(columns)

    def __iter__(self) -> Iterator[Any]:
        return map(self._row, self._rows)

    def all(self) -> Sequence[Any]:
        return list(self)

    def tuples(self) -> Iterator[tuple[Any, ...]]:
        """The rows by the places of their values alone."""
        return map(tuple, self._rows)

    def first(self) -> Any:
        """The first row; `None` where there is none."""
        return next(iter(self), None)

    def one(self) -> Any:
        """The only row.

        Raises:
            ValueError: when there are none or several.
        """
        [row] = self
        return row

    def scalars(self) -> Iterator[Any]:
        """The first value of each row."""
        return (row[0] for row in self._rows)

    def scalar(self) -> Any:
        """The first value of the first row; `None` where there is none."""
        return self._rows[0][0] if self._rows else None


@lru_cache(maxsize=512)
def _row_of(columns: tuple[str, ...]) -> Any:
    made: Any = namedtuple("Row", columns, rename=True)  # type: ignore[misc]  # noqa: PYI024 - known only now
    return made._make


def begin_at_once(connection: Connection) -> None:
    """Begin a transaction of SQLite with the right to write, which it may not get later: a listener of `begin`."""
    run(connection, "BEGIN IMMEDIATE")


def run(connection: Connection, statement: str, values: Any = ()) -> Any:
    """Execute a statement.

    Returns:
        The driver's cursor.

    Raises:
        DBAPIError: as SQLAlchemy raises it.
    """
    return _given(connection, statement, "execute", values)


def run_each(connection: Connection, statement: str, rows: Sequence[Any]) -> None:
    """Execute a statement once for each row of values; see `run`."""
    _given(connection, statement, "executemany", rows)


def _given(connection: Connection, statement: str, method: str, values: Any) -> Any:
    driver: Any = connection.connection.driver_connection
    try:
        cursor = driver.cursor()
        getattr(cursor, method)(statement, values)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _wrapped(connection, statement, error) from error
    return cursor


def _wrapped(connection: Connection, statement: str, error: Exception) -> DBAPIError:
    """A driver's error in SQLAlchemy's words; with a connection that is lost, all others may be so, too."""
    dialect: Any = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection.driver_connection, None)
    if lost:
        connection.invalidate(error)
        connection.engine.dispose()
    return DBAPIError.instance(statement, None, error, dialect.loaded_dbapi.Error, connection_invalidated=lost)  # type: ignore[return-value]
