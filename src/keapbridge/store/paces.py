"""The book of paces in the database of the link store, shared by all processes that use a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from sqlalchemy import select, update

from keapbridge.keap.turns import Entry
from keapbridge.store import schema as t
from keapbridge.store.database import Database
from keapbridge.store.retries import insistent
from keapbridge.store.sql.rows import broken

__all__ = ["SqlPaceBook"]

T = TypeVar("T")

# Made here: msgspec examines a class when it first meets it, and two threads must not make it do so at once.
_decoder = msgspec.json.Decoder(Entry)


class SqlPaceBook:
    """A row a key."""

    is_shared = True

    def __init__(self, database: Database) -> None:
        self._database = database

    @insistent
    def change(self, key: str, how: Callable[[Entry], tuple[Entry, T]]) -> T:
        """Change the entry of a key; whoever comes meanwhile waits for the end of the transaction."""
        c = t.paces.c
        query = select(c.entry).where(c.key == key).with_for_update()
        with self._database.transaction() as connection:
            stored = connection.execute(query).scalar()
            if stored is None:
                connection.execute(
                    self._database.insert(t.paces).on_conflict_do_nothing(), [{"key": key, "entry": "{}"}]
                )
                stored = connection.execute(query).scalar_one()
            entry, result = how(_entry(stored))
            body = msgspec.json.encode(entry).decode()
            connection.execute(update(t.paces).where(c.key == key).values(entry=body))
        return result


def _entry(stored: str) -> Entry:
    try:
        return _decoder.decode(stored)
    except msgspec.DecodeError:
        raise broken("a pace") from None
