"""How a store is opened: what is given is looked at first, and what could not work is an error that says why.

No message repeats a URL, which may hold a password.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias, Union

import attrs
from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import SingletonThreadPool

from keapbridge.errors import LinkStoreError
from keapbridge.model.given import kind, missing_driver
from keapbridge.store import engines
from keapbridge.store.engines import Shared, borrow, cannot, reason, turns_on
from keapbridge.store.files import StoreFile, file_of, make_private
from keapbridge.store.schema import HEAD
from keapbridge.store.upgrading import Migrated, bring_up_to_date

__all__ = ["Opened", "Target", "memory_engine", "open_engine", "url_of"]

_FILE = re.compile(r"[\w./~-]+")  # what may be the path of one, and holds no secret

Target: TypeAlias = Union[str, Engine]
"""Where a store is: a SQLAlchemy URL, or the host's own engine."""

LOGGER = logging.getLogger("keapbridge.store")


@attrs.frozen
class Opened:
    """The engine of a store whose tables are up to date.

    Attributes:
        file: the one that it is kept in; `None` where there is none.
        migrated: what it took to bring them up to date.
        give_back: closes its connections, when nobody else of this process uses them; the host's own stay.
    """

    engine: Engine
    file: StoreFile | None
    give_back: Callable[[], None]
    migrated: Migrated


def open_engine(target: Target) -> Opened:
    """Open a store.

    Raises:
        LinkStoreError: when it cannot be opened, or could not be relied on.
    """
    with _told(), ExitStack() as opened:
        if isinstance(target, str):
            shared, give_back = borrow(url_of(target))
        else:
            shared, give_back = Shared(_checked(target)), _leave_open
        engine = shared.engine
        opened.callback(give_back)
        path = file_of(engine.url)
        if path is not None and "mode" not in engine.url.query:
            _make(path)
        migrated = Migrated(HEAD, HEAD)
        if not shared.is_looked_at:
            with turns_on(engine):
                _look_at_connection(engine)
                migrated = bring_up_to_date(engine)
            shared.is_looked_at = True
        LOGGER.debug("opened the store on %s", engine.dialect.name if path is None else path)
        file = None if path is None else StoreFile.at(path)
        opened.pop_all()
    return Opened(engine, file, give_back, migrated)


@contextmanager
def _told() -> Iterator[None]:
    """What a driver says becomes an error of ours. It is not chained: it may show how the driver was called."""
    try:
        yield
    except ImportError as error:
        raise cannot(f"{type(error).__name__}: {missing_driver(error)}") from None
    except (SQLAlchemyError, OSError) as error:
        raise cannot(f"{type(error).__name__}: {reason(error)}") from None


def _leave_open() -> None:
    """The host closes its own engine."""


def url_of(target: str) -> URL:
    """The URL of a store; a relative path is taken from the folder that is the current one now."""
    try:
        url = make_url(target)
    except (ArgumentError, ValueError):
        meant = f"; for a file, sqlite:///{target}" if _FILE.fullmatch(target) else ""
        raise cannot(
            f"this is no SQLAlchemy URL: store takes one, such as sqlite:///bridge.db or postgresql+psycopg://…{meant}"
        ) from None
    try:
        dialect = url.get_dialect()
    except (SQLAlchemyError, ImportError):
        raise cannot(
            "SQLAlchemy does not know the database or the driver of the URL: sqlite:///… or postgresql+psycopg://…"
        ) from None
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise cannot(f"store is kept on SQLite or PostgreSQL, not on {url.get_backend_name()}")
    if getattr(dialect, "is_async", False):
        raise cannot(f"{url.drivername} is asynchronous: name a plain driver; asynchronous sessions use it in threads")
    if url.database == "" and url.get_backend_name() == "sqlite":
        raise cannot("sqlite:/// names no file; sqlite:// is a store in memory")
    if url.query.get("schema") is not None and url.get_backend_name() == "sqlite":
        raise cannot("a schema has its tables on PostgreSQL only; on SQLite name another file")
    path = file_of(url)
    return url if path is None or "uri" in url.query else url.set(database=str(path))


def memory_engine() -> Engine:
    """A store in memory, for tests: it lasts as long as the engine."""
    return engines.create(make_url("sqlite://"))


def _make(path: Path) -> None:
    try:
        make_private(path)
    except LinkStoreError as error:
        raise cannot(str(error)) from None


def _checked(engine: Any) -> Engine:
    """An engine of the host's, as far as it tells of itself."""
    if not isinstance(engine, Engine):
        if isinstance(getattr(engine, "sync_engine", None), Engine):
            raise cannot("the engine is asynchronous: give a plain one; asynchronous sessions use it in threads")
        raise cannot(f"store takes a SQLAlchemy URL, such as 'sqlite:///bridge.db', or an Engine, not {kind(engine)}")
    if engine.dialect.is_async:
        raise cannot("the engine is asynchronous: give a plain one; asynchronous sessions use it in threads")
    if engine.dialect.name not in {"sqlite", "postgresql"}:
        raise cannot(f"it is kept on SQLite or PostgreSQL, not on {engine.dialect.name}")
    names: Any = engine.get_execution_options().get("schema_translate_map") or {}
    if names and (engine.dialect.name == "sqlite" or names.keys() != {None}):
        raise cannot(
            "a schema_translate_map names the schema of its tables, which are in none: {None: ...}, on PostgreSQL"
        )
    return engine


def _look_at_connection(engine: Engine) -> None:
    """What an engine's connections are really like: by that, not by its options, a commit is whole or not."""
    with engine.connect() as connection, connection.begin():
        if _commits_by_itself(connection, connection.exec_driver_sql("SELECT 'text'").scalar()):
            raise cannot(
                "the engine commits each statement by itself (AUTOCOMMIT), so that a change could be half done. "
                'Give one without isolation_level="AUTOCOMMIT"'
            )
        if isinstance(engine.pool, SingletonThreadPool) and _is_in_memory(connection):
            raise cannot(
                "each thread would have a database in memory of its own: give poolclass=StaticPool, or sqlite://"
            )


def _is_in_memory(connection: Connection) -> bool:
    return not any(row[2] for row in connection.exec_driver_sql("PRAGMA database_list"))


def _commits_by_itself(connection: Connection, text: object) -> bool:
    if not isinstance(text, str):
        raise cannot("the engine's connections give texts as bytes: leave their text_factory as it is")
    driver: Any = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        return getattr(driver, "autocommit", False) is True
    if driver.in_transaction:
        return False
    # Nothing is begun yet: as of its first write, unless it never begins anything.
    return driver.isolation_level is None or getattr(driver, "autocommit", None) is True
