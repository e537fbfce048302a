"""How a store is opened: what is given is looked at first, and what could not work is an error that says why.

No message repeats a URL, which may hold a password.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path
from typing import Any, TypeAlias, Union

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from keapbridge.errors import LinkStoreError
from keapbridge.model.given import missing_driver
from keapbridge.store import schema
from keapbridge.store.files import StoreFile, file_of, make_private

__all__ = ["Target", "memory_engine", "open_engine", "reason", "unwrapped", "url_of"]

Target: TypeAlias = Union[str, Engine]
"""Where a store is: a SQLAlchemy URL, or the host's own engine."""

LOGGING_NAME = "keapbridge"
CACHE = 64 * 1024  # kB of pages that SQLite keeps
PATIENCE = 30  # seconds to wait for another process that writes
POLL = 0.05
VERSION_TABLE = "keapbridge_version"
LOGGER = logging.getLogger("keapbridge.store")
_MIGRATING = 0x6B656170  # PostgreSQL's number for the lock of who migrates

_RESTORE = "Restore a backup of it"


def open_engine(target: Target) -> tuple[Engine, StoreFile | None]:
    """The engine of a store whose tables are up to date, and its file if it has one.

    Raises:
        LinkStoreError: when it cannot be opened, or could not be relied on.
    """
    engine: Engine | None = None
    try:
        engine = _create(url_of(target)) if isinstance(target, str) else _checked(target)
        path = file_of(engine.url)
        if path is not None and "mode" not in engine.url.query:
            _make(path)
        _look_at_connection(engine)
        _migrate(engine)
        LOGGER.debug("opened the store on %s", engine.dialect.name if path is None else path)
        return engine, None if path is None else StoreFile.at(path)
    except BaseException as error:
        if engine is not None and isinstance(target, str):
            engine.dispose()
        if isinstance(error, (SQLAlchemyError, ImportError, OSError)):
            # Not chained: errors of drivers may show how they were called.
            why = missing_driver(error) if isinstance(error, ImportError) else reason(error)
            message = f"cannot open the link store: {type(error).__name__}: {why}"
            raise LinkStoreError(message) from None
        raise


def url_of(target: str) -> URL:
    """The URL of a store; a relative path is taken from the folder that is the current one now."""
    try:
        url = make_url(target)
    except (ArgumentError, ValueError):
        raise _cannot(
            "this is no SQLAlchemy URL: store takes one, such as sqlite:///bridge.db or postgresql+psycopg://…"
        ) from None
    try:
        dialect = url.get_dialect()
    except (SQLAlchemyError, ImportError):
        raise _cannot("SQLAlchemy does not know the database or the driver that the URL names") from None
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise _cannot(f"it is kept on SQLite or PostgreSQL, not on {url.get_backend_name()}")
    if getattr(dialect, "is_async", False):
        raise _cannot(f"{url.drivername} is asynchronous: name a plain driver; asynchronous sessions use it in threads")
    if url.database == "" and url.get_backend_name() == "sqlite":
        raise _cannot("sqlite:/// names no file; sqlite:// is a store in memory")
    path = file_of(url)
    return url if path is None or "uri" in url.query else url.set(database=str(path))


def memory_engine() -> Engine:
    """A store in memory, for tests: it lasts as long as the engine."""
    return _create(make_url("sqlite://"))


def reason(error: Exception) -> str:
    """What a database or driver says, shortened."""
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return lines[0][:200] if lines else "no reason given"


def _make(path: Path) -> None:
    try:
        make_private(path)
    except LinkStoreError as error:
        raise _cannot(str(error)) from None


def _cannot(why: str) -> LinkStoreError:
    return LinkStoreError(f"cannot open the link store: {why}")


# --- engines ----------------------------------------------------------------------------------------------------------


def _create(url: URL) -> Engine:
    # A host that logs everything would log every row, with what is known of people; it can still ask for this logger.
    logger = logging.getLogger(f"sqlalchemy.engine.Engine.{LOGGING_NAME}")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, hide_parameters=True, logging_name=LOGGING_NAME)
    options: dict[str, Any] = {"poolclass": StaticPool} if file_of(url) is None else {}
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
        # Match keys come in no order: with many of them, pages of their index would be read and written over and over.
        connection.execute(f"PRAGMA cache_size=-{CACHE}")
        connection.execute("PRAGMA analysis_limit=1000")
        # Pages that are changed again and again go to the database once, not each time.
        connection.execute(f"PRAGMA wal_autocheckpoint={CACHE // 8}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        unwrapped(connection, "BEGIN IMMEDIATE")

    return engine


def unwrapped(connection: Connection, statement: str, values: Any = ()) -> Any:
    """Execute a statement of every transaction on SQLite: without SQLAlchemy it takes a tenth of the time.

    Returns:
        The driver's cursor.

    Raises:
        DBAPIError: as SQLAlchemy raises it.
    """
    try:
        return connection.connection.driver_connection.execute(statement, values)  # type: ignore[union-attr]
    except sqlite3.Error as error:
        raise DBAPIError.instance(statement, None, error, sqlite3.Error) from error


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


def _checked(engine: Any) -> Engine:
    """An engine of the host's, as far as it tells of itself."""
    if not isinstance(engine, Engine):
        if isinstance(getattr(engine, "sync_engine", None), Engine):
            raise _cannot("the engine is asynchronous: give a plain one; asynchronous sessions use it in threads")
        kind = type(engine).__name__
        raise _cannot(f"it is named by a SQLAlchemy URL (sqlite:///bridge.db) or an Engine, not by a {kind}")
    if engine.dialect.is_async:
        raise _cannot("the engine is asynchronous: give a plain one; asynchronous sessions use it in threads")
    if engine.dialect.name not in {"sqlite", "postgresql"}:
        raise _cannot(f"it is kept on SQLite or PostgreSQL, not on {engine.dialect.name}")
    if engine.get_execution_options().get("schema_translate_map"):
        raise _cannot("schema_translate_map does not reach all of its statements; name the schema in the search path")
    return engine


def _look_at_connection(engine: Engine) -> None:
    """What an engine's connections are really like: by that, not by its options, a commit is whole or not."""
    with engine.connect() as connection, connection.begin():
        if _commits_by_itself(connection, connection.exec_driver_sql("SELECT 'text'").scalar()):
            raise _cannot(
                "the engine commits each statement by itself (AUTOCOMMIT), so that a change could be half done. "
                'Give one without isolation_level="AUTOCOMMIT"'
            )
        if isinstance(engine.pool, SingletonThreadPool) and _is_in_memory(connection):
            raise _cannot(
                "each thread would have a database in memory of its own: give poolclass=StaticPool, or sqlite://"
            )


def _is_in_memory(connection: Connection) -> bool:
    return not any(row[2] for row in connection.exec_driver_sql("PRAGMA database_list"))


def _commits_by_itself(connection: Connection, text: object) -> bool:
    if not isinstance(text, str):
        raise _cannot("the engine's connections give texts as bytes: leave their text_factory as it is")
    driver: Any = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        return getattr(driver, "autocommit", False) is True
    if driver.in_transaction:
        return False
    # Nothing is begun yet: as of its first write, unless it never begins anything.
    return driver.isolation_level is None or getattr(driver, "autocommit", None) is True


# --- tables -----------------------------------------------------------------------------------------------------------


def _migrate(engine: Engine) -> None:
    """Bring the tables up to date, if they are those of a version that is known."""
    from keapbridge.store.migrations import known_versions, upgrade

    with engine.connect() as connection:
        versions = _versions(connection)
    if versions == [schema.HEAD]:
        return
    if versions:
        version = " and ".join(versions)
        if version not in known_versions():
            newer = version.isdigit() and version > schema.HEAD
            what = "was made by a newer keapbridge" if newer else "has a schema that is not known"
            remedy = "Update keapbridge, or go back to the backup that was made before" if newer else _RESTORE
            raise _cannot(f"it {what} (schema {version[:20]}, this version has {schema.HEAD}). {remedy}")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Of two that open a new store at once, the second waits for the first's tables.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
        upgrade(connection)
    if versions:
        LOGGER.info("the store was brought from schema %s to %s", versions[0], schema.HEAD)
    else:
        LOGGER.info("a new store was made")


def _versions(connection: Connection) -> list[str]:
    """The version of the schema; none for a database in which there is no store yet."""
    tables = inspect(connection)
    rows: list[str] = []
    if tables.has_table(VERSION_TABLE):
        rows = list(connection.exec_driver_sql("SELECT version_num FROM keapbridge_version").scalars())
    if not rows and tables.has_table(schema.links.name):
        raise _cannot(f"its tables are there, but not the row that tells their version ({VERSION_TABLE}). {_RESTORE}")
    return rows
