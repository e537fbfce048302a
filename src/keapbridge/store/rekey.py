"""Encrypting a store that is not, and changing its keys."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import now
from keapbridge.errors import LinkStoreError, SessionBusyError
from keapbridge.model.given import keywords, text, wrong
from keapbridge.store import schema as t
from keapbridge.store.database import Database
from keapbridge.store.engines import reason
from keapbridge.store.opening import Target
from keapbridge.store.sql.keys import begin_sealing, end_sealing, is_to_be_sealed, open_rows, reseal, reseal_rows
from keapbridge.store.sql.rows import to_text

__all__ = ["rekey"]

TERM = timedelta(hours=1)  # if it is broken off, sessions wait so long
HOLDER = "rekey"


@keywords()
def rekey(store: Target, keys: Sequence[str | bytes], *, name: str = "default") -> None:
    """Encrypt what the store knows of people with the first key, whatever it is encrypted with now.

    It works in batches, and another call goes on where one was broken off. A store that is not encrypted yet is
    encrypted while no session is open; the file of a SQLite store is written anew then, without what was in it before.
    On PostgreSQL that takes a `VACUUM FULL` of your own.

    Args:
        store: a SQLAlchemy URL or the host's own engine.
        keys: the first one encrypts; with the others (old ones) it can be decrypted.
        name: of the session whose rows they are.

    Raises:
        LinkStoreError: when the store cannot be opened, or a key is missing.
        SessionBusyError: when a session is at work on a store that is not encrypted yet.
    """
    if isinstance(keys, (str, bytes)) or not isinstance(keys, Sequence):
        raise wrong("keys", "several keys, such as keys=[key]", keys)
    if not keys:
        raise LinkStoreError("keys: there is none to encrypt the store with; one is made by Fernet.generate_key()")
    text("name", name, example="default", most=100)
    database = Database(store)
    try:
        if is_to_be_sealed(database, name):
            with _alone(database, name):
                rows = begin_sealing(database, name, keys)
                reseal_rows(database, rows)
                _wipe(database)
                end_sealing(database, rows)
        else:
            reseal(database, open_rows(database, name, keys))
    finally:
        database.close()


@contextmanager
def _alone(database: Database, bridge: str) -> Iterator[None]:
    """Hold the lease of a bridge: no session may write what is not encrypted meanwhile."""
    k = t.leases.c
    moment = SyncDriver().run(now())
    free = (k.holder.is_(None)) | (k.holder == HOLDER) | (k.expires_at <= to_text(moment))
    with database.transaction() as c:
        row = {"bridge": bridge, "holder": None, "expires_at": ""}
        c.execute(database.insert(t.leases).on_conflict_do_nothing(), [row])
        claim = update(t.leases).where(k.bridge == bridge, free)
        if c.execute(claim.values(holder=HOLDER, expires_at=to_text(moment + TERM))).rowcount != 1:
            raise SessionBusyError(
                "a session is at work on this store: close it, and call rekey again; nothing was changed"
            )
    try:
        yield
    finally:
        with database.transaction() as c:
            c.execute(update(t.leases).where(k.bridge == bridge, k.holder == HOLDER).values(holder=None))


def _wipe(database: Database) -> None:
    """Write a SQLite file anew: pages that are free now still have what was in them."""
    if not database.is_sqlite:
        return
    try:
        with database.lock, closing(database.engine.raw_connection()) as connection:
            driver: Any = connection.driver_connection
            driver.execute("VACUUM")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise LinkStoreError(f"the rows are encrypted, but not what is left of old ones: {reason(error)}") from None
