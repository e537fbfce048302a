"""Backups of a store on SQLite: whole, at one moment, while sessions are at work; a copy of the file alone is not."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL

from keapbridge.errors import LinkStoreError
from keapbridge.store.engines import PATIENCE, reason
from keapbridge.store.files import file_of, make_private
from keapbridge.store.opening import url_of

if TYPE_CHECKING:
    from keapbridge.store.database import Database

__all__ = ["back_up", "back_up_file"]

LOGGER = logging.getLogger("keapbridge.store")


def back_up(database: Database, path: str | os.PathLike[str]) -> None:
    """Write a copy of an open store; see `SyncSession.backup`."""
    if not database.is_sqlite:
        raise LinkStoreError("a store on PostgreSQL is backed up with the database's own means: pg_dump, or snapshots")
    database.check_file()
    # Not a transaction: those begin with a lock that keeps writers waiting.
    with database.lock, closing(database.engine.raw_connection()) as connection:
        source: Any = connection.driver_connection
        _copy(source, Path(path))


def back_up_file(store: str, path: str | os.PathLike[str]) -> None:
    """Write a copy of a store that need not be open, whatever its version.

    Args:
        store: its SQLAlchemy URL, or the path of its file.
        path: where to; a file that is there is not overwritten.

    Raises:
        LinkStoreError: when there is no such store, or no copy can be made.
    """
    url = url_of(store) if "://" in store else URL.create("sqlite", database=store)
    file = file_of(url)
    if file is None:
        where = "PostgreSQL: use pg_dump" if url.get_backend_name() == "postgresql" else "in memory"
        raise LinkStoreError(f"only a store in a file of SQLite is backed up here; this one is {where}")
    if not file.is_file():
        raise LinkStoreError(
            f"there is no store {file}; name its file, such as bridge.db, or its URL, sqlite:///bridge.db"
        )
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=PATIENCE)) as source:
            if not source.execute("SELECT 1 FROM sqlite_master WHERE name = 'keapbridge_version'").fetchone():
                raise LinkStoreError(
                    f"{file} is a database, and no store of keapbridge: name the one of SyncSession(store=…)"
                )
            _copy(source, Path(path))
    except sqlite3.Error as error:
        raise LinkStoreError(f"{file} cannot be read: {reason(error)}") from None


def _copy(source: sqlite3.Connection, path: Path) -> None:
    """Copy a database, under another name until it is whole: half a backup must not be taken for one."""
    if os.path.lexists(path):
        raise LinkStoreError(f"there is something at {path} already; a backup overwrites nothing: name another file")
    part = path.with_name(f".{path.name}.part")
    try:
        if not make_private(part):
            raise LinkStoreError(f"another backup is being written, or was broken off: delete {part} if none is")
    except OSError as error:
        raise LinkStoreError(f"the backup cannot be written: {reason(error)}") from None
    try:
        with closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        _name(part, path)
    except (sqlite3.Error, OSError) as error:
        raise LinkStoreError(f"the backup cannot be written: {reason(error)}") from None
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                Path(f"{part}{suffix}").unlink()
    LOGGER.info("a backup of the store was written to %s", path)


def _name(part: Path, path: Path) -> None:
    """Give a file its name, unless there is another one of that name by now."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # no links on this file system
        if os.path.lexists(path):
            raise FileExistsError(f"{path} is there by now") from None
        part.rename(path)
