"""The database that everything durable lives in: SQLite or PostgreSQL, its tables brought up to date, its transactions.

Of the whole library only the modules of `store` know SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

import attrs
from sqlalchemy import Connection, String, Table, Text, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from keapbridge._flow.uncollected import uncollected
from keapbridge.errors import LinkStoreError, SessionBusyError
from keapbridge.store import schema, statements
from keapbridge.store.engines import log_up_to, reason, schema_of, turns_on
from keapbridge.store.opening import Target, open_engine
from keapbridge.store.retries import PassingError, is_passing
from keapbridge.store.statements import Statements

__all__ = ["Database", "Fence"]

BULK = 20_000  # rows that a database should learn of


@attrs.frozen
class Fence:
    """Who must still hold the lease of a bridge, for a transaction to be made at all."""

    bridge: str
    holder: str


class Database:
    """An engine, and how it is used.

    Args:
        target: a SQLAlchemy URL (`sqlite:///bridge.db`, `postgresql+psycopg://…`) or the host's own engine.

    Raises:
        LinkStoreError: when the database cannot be opened, or could not be relied on.
    """

    def __init__(self, target: Target) -> None:
        self._owned = isinstance(target, str)
        opened = open_engine(target)
        self.engine, self._file, self._give_back = opened.engine, opened.file, opened.give_back
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.insert: Callable[[Table], Any] = (
            postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        )
        # The host's own engine may promise more to who reads.
        self._apart = (
            self.engine.execution_options(isolation_level="AUTOCOMMIT")
            if self._owned and not self.is_sqlite
            else self.engine
        )
        self._written, self._refresh_at = 0, BULK  # rows
        self._statements = Statements(self.engine.dialect, schema_of(self.engine))
        self.execute, self.each, self.among = self._statements.execute, self._statements.each, self._statements.among
        self.each_in = self._statements.each_in
        # SQLite has one writer at a time; waiting here is fairer and cheaper than its busy loop.
        self.lock = turns_on(self.engine)
        self._kept: Connection | None = None
        self._is_closed = False

    @contextmanager
    def transaction(
        self, *, durable: bool = False, fence: Fence | None = None, apart: bool = False
    ) -> Iterator[Connection]:
        """One transaction, rolled back when its body raises.

        Args:
            durable: it must survive a power cut, not only the death of the process.
            fence: who must hold a lease meanwhile.
            apart: each of its statements may stand for itself, because they only read, or because none of them does
                any harm a second time. On PostgreSQL it is no transaction then, and nothing is said to the server
                before and after.

        Raises:
            SessionBusyError: when somebody else holds it.
            LinkStoreError: when the database fails, or its file is not in its place any more.
        """
        committing = False
        try:
            with self.lock, self._connection(apart=apart) as connection:
                strict = durable and self.is_sqlite
                if strict:
                    statements.run(connection, "PRAGMA synchronous=FULL")
                with connection.begin():
                    if fence is not None:
                        self._check(connection, fence)
                    with uncollected():
                        yield connection
                    self._refresh_statistics(connection)
                    self.check_file()
                    committing = True
                if strict:
                    statements.run(connection, "PRAGMA synchronous=NORMAL")
        except SQLAlchemyError as error:
            self.check_file()  # what it says is clearer
            has_waited = self._owned and self.is_sqlite
            # Not chained: SQLAlchemy's error shows the values of the statement.
            message = f"the link store failed: {type(error).__name__}: {reason(error)}"
            if is_passing(error, committing=committing, has_waited=has_waited):
                raise PassingError(message) from None
            raise LinkStoreError(message, refused=_is_refusal(error)) from None

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction whose body writes nothing."""
        return self.transaction(apart=True)

    def check_file(self) -> None:
        """Raise `LinkStoreError` when the file was deleted or swapped: nothing that is written would be there later."""
        if self._file is not None:
            self._file.check()

    @contextmanager
    def _connection(self, *, apart: bool) -> Iterator[Connection]:
        """A connection; that of an SQLite of our own is kept for the next one, unless anything happens to it.

        A small run makes a hundred transactions, and takes a connection longer than what most of them ask.
        """
        connection, self._kept = self._kept, None
        if connection is None:
            self.check_file()  # first: a connection that is opened now would make a new, empty one
        if not (self._owned and self.is_sqlite):
            with (self._apart if apart else self.engine).connect() as connection:
                yield connection
            return
        if self._is_closed and self._file is None:
            raise LinkStoreError("the link store was in memory, and is gone: its session is closed")
        connection = connection or self.engine.connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if self._is_closed:  # a report may be read later than that
            connection.close()
            self.engine.dispose()
        else:
            self._kept = connection

    def _check(self, connection: Connection, fence: Fence) -> None:
        def holder_of() -> Any:
            k = schema.leases.c
            return select(k.holder, k.expires_at).where(k.bridge == bindparam("bridge"))

        holder, until = self.execute(connection, "holder", holder_of, {"bridge": fence.bridge}).one()
        if holder != fence.holder:
            raise SessionBusyError(
                "another runner took this session over; this one stops, and what it did stays done",
                holder=holder,
                until=datetime.fromisoformat(until) if holder else None,
            )

    def upsert(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, or replace those with the same primary key; all have the same columns.

        Of several with one key the last counts.
        """
        keys = [c.name for c in table.primary_key]

        def replacing(new: Any) -> Any:
            updates = {name: new.excluded[name] for name in rows[0] if name not in keys}
            return new.on_conflict_do_update(index_elements=keys, set_=updates)

        # SQLite takes them one by one.
        last = rows if self.is_sqlite else _last_of_each(keys, rows)
        self._insert(connection, f"upsert {table.name}", table, last, replacing)

    def append(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows that are new; all have the same columns."""
        self._insert(connection, f"insert {table.name}", table, rows, lambda new: new)

    def add_missing(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert the rows that are new and leave those that are there; all have the same columns."""
        self._insert(connection, f"add to {table.name}", table, rows, lambda new: new.on_conflict_do_nothing())

    def _insert(
        self,
        connection: Connection,
        name: str,
        table: Table,
        rows: Sequence[Mapping[str, Any]],
        clash: Callable[[Any], Any],
    ) -> None:
        """Insert rows; `clash` says in the statement what happens to those that are there.

        To PostgreSQL many go as an array a column, in one statement: row by row each would be one.
        """

        def one_by_one(columns: tuple[str, ...]) -> Any:
            return clash(self.insert(table).values({name: bindparam(name) for name in columns}))

        def at_once() -> Any:
            # Texts have no length here: one that is too long is refused by the column, and would be cut by a cast.
            given = [bindparam(each, type_=postgresql.ARRAY(_plain(table.c[each].type))) for each in rows[0]]
            each = func.unnest(*given).table_valued(*rows[0]).render_derived()
            return clash(self.insert(table).from_select(list(rows[0]), select(*each.c)))

        if self.is_sqlite or len(rows) < 2:
            self.write_many(connection, name, one_by_one, rows)
            return
        text, values = self._statements.prepared((f"{name} at once", *rows[0]), at_once)
        statements.run(connection, text, values({column: [row[column] for row in rows] for column in rows[0]}))

    def write_many(
        self,
        connection: Connection,
        name: str,
        statement: Callable[[tuple[str, ...]], Any],
        rows: Sequence[Mapping[str, Any]],
    ) -> None:
        """Execute a statement once for each row, which has the values of its parameters under their names.

        The statement is compiled once for all, and the rows go to the driver as they are: texts, numbers, booleans and
        `None` are the same for both. Through SQLAlchemy's own executemany each row would cost several times as much.

        Args:
            name: tells the statement from others.
            statement: makes it, when it is needed, from the names of a row's columns.
        """
        if not rows:
            return
        text, values = self._statements.prepared((name, *rows[0]), lambda: statement(tuple(rows[0])))
        one, *others = map(values, rows)
        if others:
            statements.run_each(connection, text, [one, *others])
        else:
            statements.run(connection, text, one)
        self._written += len(rows)

    def log(self, connection: Connection, size: int) -> None:
        """Let SQLite write so many kB ahead; the host's own engine is as the host wants it."""
        if self._owned and self.is_sqlite:
            log_up_to(connection.connection.driver_connection, size)

    def _refresh_statistics(self, connection: Connection) -> None:
        """Tell the database how large its tables have become, each time they may have doubled.

        On SQLite only: PostgreSQL looks by itself, and its statements are such that it need not have looked yet.
        """
        if not self.is_sqlite or self._written < self._refresh_at:
            return
        self._refresh_at = 2 * self._written
        for table in (schema.links, schema.observed, schema.match_keys, schema.actions):
            connection.exec_driver_sql(f"ANALYZE {table.name}")

    def close(self) -> None:
        """Close the connections, unless they are the host's own or other sessions of this process use them."""
        with self.lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self._kept is not None:
                self._kept.close()
                self._kept = None
            self._give_back()


def _plain(kind: Any) -> Any:
    return Text() if isinstance(kind, String) else kind


def _last_of_each(keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Rows without those of which a later one has the same key: one statement changes no row twice."""
    if len(rows) < 2:
        return rows
    return list({tuple(row[key] for key in keys): row for row in rows}.values())


def _is_refusal(error: SQLAlchemyError) -> bool:
    """Whether it is about the values: a text with half of a character, one that is too long for an index."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, StatementError)
    state = getattr(error.orig, "sqlstate", None) or ""
    return isinstance(error, (DataError, IntegrityError)) or state[:2] in {"22", "23", "54"}
