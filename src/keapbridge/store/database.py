"""The database that everything durable lives in: SQLite or PostgreSQL, its tables brought up to date, its transactions.

Of the whole library only the modules of `store` know SQLAlchemy.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from keapbridge.errors import LinkStoreError
from keapbridge.store import schema

__all__ = ["Database", "memory_engine"]


LOGGING_NAME = "keapbridge"
PATIENCE = 30  # seconds to wait for another process that writes
POLL = 0.05


class Database:
    """An engine, and how it is used.

    Args:
        target: a SQLAlchemy URL (`sqlite:///bridge.db`, `postgresql+psycopg://…`) or the host's own engine.

    Raises:
        LinkStoreError: when the database cannot be opened.
    """

    def __init__(self, target: str | Engine) -> None:
        self._owned = isinstance(target, str)
        try:
            self.engine = _create(target) if isinstance(target, str) else target
            _migrate(self.engine)
        except (SQLAlchemyError, ImportError, OSError) as error:
            raise LinkStoreError(f"cannot open the link store: {type(error).__name__}: {_reason(error)}") from error
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.insert: Callable[[Table], Any] = (
            postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        )
        # SQLite has one writer at a time; waiting here is fairer and cheaper than its busy loop.
        self.lock = threading.RLock()

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[Connection]:
        """One transaction, rolled back when its body raises.

        Args:
            durable: it must survive a power cut, not only the death of the process.
        """
        try:
            with self.lock, self.engine.connect() as connection:
                strict = durable and self.is_sqlite
                if strict:
                    _pragma(connection, "PRAGMA synchronous=FULL")
                with connection.begin():
                    yield connection
                if strict:
                    _pragma(connection, "PRAGMA synchronous=NORMAL")
        except SQLAlchemyError as error:
            # Not chained: SQLAlchemy's error shows the values of the statement.
            raise LinkStoreError(f"the link store failed: {type(error).__name__}: {_reason(error)}") from None

    def upsert(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, or replace those with the same primary key."""
        if not rows:
            return
        statement = self.insert(table)
        keys = [c.name for c in table.primary_key]
        updates = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=updates), rows)

    def close(self) -> None:
        """Close the connections, unless the engine is the host's own."""
        if self._owned:
            self.engine.dispose()


def memory_engine() -> Engine:
    """A store in memory, for tests: it lasts as long as the engine."""
    return _create("sqlite://")


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0][:200]


def _create(url: str) -> Engine:
    # A host that logs everything would log every row, with what is known of people; it can still ask for this logger.
    logger = logging.getLogger(f"sqlalchemy.engine.Engine.{LOGGING_NAME}")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, hide_parameters=True, logging_name=LOGGING_NAME)
    in_memory = url in {"sqlite://", "sqlite:///:memory:"}
    options: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    engine = create_engine(
        url,
        hide_parameters=True,
        logging_name=LOGGING_NAME,
        connect_args={"check_same_thread": False, "timeout": PATIENCE},
        **options,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # The driver would begin transactions late and not at all for reads; they are begun below instead.
        connection.isolation_level = None
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _write_ahead(connection: Any) -> None:
    """Switch to the write-ahead log. SQLite itself does not wait here while another process closes the database."""
    pause = threading.Event()
    for left in reversed(range(int(PATIENCE / POLL))):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not left or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            pause.wait(POLL)
        else:
            return


def _migrate(engine: Engine) -> None:
    if inspect(engine).has_table("keapbridge_version"):
        with engine.connect() as connection:
            if connection.exec_driver_sql("SELECT version_num FROM keapbridge_version").scalar() == schema.HEAD:
                return
    from keapbridge.store.migrations import upgrade

    upgrade(engine)


def _pragma(connection: Connection, statement: str) -> None:
    connection.connection.driver_connection.execute(statement)  # type: ignore[union-attr]
