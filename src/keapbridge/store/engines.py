"""Engines of a store that is named by a URL: how they are made, and the one that all sessions of a process share.

A store on PostgreSQL has one engine a URL in a process, whose connections its sessions take in turn. On SQLite each
session has a connection of its own, for a file has one writer at a time anyway.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import attrs
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from keapbridge.errors import LinkStoreError
from keapbridge.store.files import file_of
from keapbridge.store.statements import begin_at_once

__all__ = [
    "LOG",
    "LONG_LOG",
    "MOST_CONNECTIONS",
    "PATIENCE",
    "Shared",
    "borrow",
    "cannot",
    "create",
    "log_up_to",
    "reason",
    "schema_of",
    "turns_on",
]

LOGGING_NAME = "keapbridge"
CACHE = 16 * 1024  # kB of pages that SQLite keeps: with more it is hardly quicker, and has most of a run's memory
PAGE = 4  # kB of a page
LOG = 32 * 1024  # kB that SQLite writes ahead,
LONG_LOG = 256 * 1024  # and while very many rows come
PATIENCE = 30  # seconds to wait for another process that writes, or for a connection
POLL = 0.05
KEPT_CONNECTIONS = 5  # that stay open, of a process, to a store on PostgreSQL
MOST_CONNECTIONS = 15  # at once


@attrs.define
class Shared:
    """An engine that sessions of this process share.

    Attributes:
        is_looked_at: whether its tables were brought up to date when it was made. Sessions that come later rely on
            that, as those do that are open: an upgrade by a later version, which only adds, ends neither.
    """

    engine: Engine
    users: int = 0
    is_looked_at: bool = False


Turns: TypeAlias = AbstractContextManager[object]

_shared: dict[URL, Shared] = {}
_turns: WeakKeyDictionary[Engine, Turns] = WeakKeyDictionary()
_lock = threading.Lock()


def borrow(url: URL) -> tuple[Shared, Callable[[], None]]:
    """The engine for a URL, and what gives it back; call that once."""
    if url.get_backend_name() == "sqlite":
        own = create(url)
        return Shared(own), own.dispose
    with _lock:
        shared = _shared.get(url)
        if shared is None:
            shared = _shared[url] = Shared(create(url))
        shared.users += 1
        return shared, lambda: _give_back(url, shared)


def _give_back(url: URL, shared: Shared) -> None:
    with _lock:
        shared.users -= 1
        if shared.users or _shared.get(url) is not shared:
            return
        del _shared[url]
    shared.engine.dispose()


def turns_on(engine: Engine) -> Turns:
    """What a store's threads take turns by; all stores over an engine of one connection (in memory) have the same."""
    if not isinstance(engine.pool, StaticPool):
        return threading.RLock()
    with _lock:
        return _turns.setdefault(engine, threading.RLock())


def _after_fork() -> None:
    """The connections are those of the parent, which goes on with them: the child makes its own."""
    global _lock  # noqa: PLW0603 - another thread of the parent may have had it
    _lock = threading.Lock()
    for shared in _shared.values():
        shared.engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def create(url: URL) -> Engine:
    """A new engine, set up as a store needs it."""
    # A host that logs everything would log every row, with what is known of people; it can still ask for this logger.
    logger = logging.getLogger(f"sqlalchemy.engine.Engine.{LOGGING_NAME}")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    common: dict[str, Any] = {"hide_parameters": True, "logging_name": LOGGING_NAME}
    if url.get_backend_name() != "sqlite":
        return _on_postgresql(url, common)
    options: dict[str, Any] = {"poolclass": StaticPool} if file_of(url) is None else {}
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": PATIENCE}, **(common | options))

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # The driver would begin transactions late and not at all for reads; `begin_at_once` does it instead.
        connection.isolation_level = None
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA cache_size=-{CACHE}")
        connection.execute("PRAGMA analysis_limit=1000")
        log_up_to(connection, LOG)
        connection.execute(f"PRAGMA journal_size_limit={LOG * 1024}")  # of the file, once it is in the database
        # Pages that are let go of are not written once more, only to be empty, as some builds of SQLite do. Whoever is
        # forgotten is (`Forgetting.clean`).
        connection.execute("PRAGMA secure_delete=FAST")

    event.listen(engine, "begin", begin_at_once)
    return engine


def log_up_to(connection: Any, size: int) -> None:
    """Let SQLite write so many kB ahead before it brings them into the database.

    Pages that are changed again and again go there once, not each time.
    """
    connection.execute(f"PRAGMA wal_autocheckpoint={size // PAGE}")


def _on_postgresql(url: URL, common: dict[str, Any]) -> Engine:
    """Connections that keep nothing for the next transaction, which a pool before the server may give to another one.

    They are not looked at before they are used: a transaction that meets a lost one is made again.
    """
    schema = url.query.get("schema")
    if url.get_driver_name() == "psycopg":
        # A statement that the server has prepared belongs to a connection; and its plan is that of the day on which
        # the tables were empty.
        common = {**common, "connect_args": {"prepare_threshold": None}}
    engine = create_engine(
        url.difference_update_query(["schema"]),
        pool_size=KEPT_CONNECTIONS,
        max_overflow=MOST_CONNECTIONS - KEPT_CONNECTIONS,
        pool_timeout=PATIENCE,
        **common,
    )
    return engine if schema is None else engine.execution_options(schema_translate_map={None: schema})


def schema_of(engine: Engine) -> str | None:
    """The schema that the tables are in; `None`: the first one of the search path."""
    names: Any = engine.get_execution_options().get("schema_translate_map") or {}
    name: str | None = names.get(None)
    return name


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


def reason(error: Exception) -> str:
    """What a database or driver says, shortened, and without the value that SQLite shows of a column."""
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return lines[0].partition(" with text '")[0][:200] if lines else "no reason given"


def cannot(why: str) -> LinkStoreError:
    """The error of a store that cannot be opened."""
    return LinkStoreError(f"cannot open the link store: {why}")
