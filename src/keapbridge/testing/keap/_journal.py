"""How lists and records looked a few writes ago: reads of a system that becomes consistent only after a while.

SQLite's triggers note what each change replaced; a stale read undoes the latest inside a savepoint, looks, and rolls
back. So everything about the read (filters, order, pages) is as it was. While it is off, nothing is noted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

__all__ = ["Journal"]

_READS_UNTIL_VISIBLE = 5
_MOST_ENTRIES = 1000
_EVENTS = ("INSERT", "UPDATE", "DELETE")


class Journal:
    """The latest changes of the tables of a database. Its caller holds the lock of the database.

    Args:
        db: The database.
        records: The columns of each table whose rows are records, the key first.
        indexes: The columns of each table that goes with them; its changes come after those of the record.
    """

    def __init__(
        self, db: sqlite3.Connection, records: Mapping[str, Sequence[str]], indexes: Mapping[str, Sequence[str]]
    ) -> None:
        self._db = db
        self._tables = {**records, **indexes}
        self._records = frozenset(records)
        self._on = False
        self._reads = 0

    def start(self) -> None:
        """Notes changes from now on."""
        if self._on:
            return
        self._on = True
        self._db.create_function("reads_so_far", 0, lambda: self._reads)
        self._db.execute(
            "CREATE TEMP TABLE undo (number INTEGER PRIMARY KEY, reads INTEGER, kind TEXT, name TEXT, id, old TEXT)"
        )
        for table, columns in self._tables.items():
            old = ", ".join(f"old.{column}" for column in columns)
            for event in _EVENTS:
                noted = f"new.{columns[0]}, NULL" if event == "INSERT" else f"old.{columns[0]}, json_array({old})"
                self._db.execute(
                    f"CREATE TEMP TRIGGER undo_{event}_{table} AFTER {event} ON main.{table} BEGIN "
                    "INSERT INTO undo (reads, kind, name, id, old) "
                    f"VALUES (reads_so_far(), '{event}', '{table}', {noted}); "
                    f"DELETE FROM undo WHERE number <= (SELECT max(number) FROM undo) - {_MOST_ENTRIES}; END"
                )

    def stop(self) -> None:
        """Notes nothing any more, and forgets what was noted."""
        if not self._on:
            return
        self._on = False
        for table in self._tables:
            for event in _EVENTS:
                self._db.execute(f"DROP TRIGGER undo_{event}_{table}")
        self._db.execute("DROP TABLE undo")

    @property
    def has_news(self) -> bool:
        """Whether a read could be stale now."""
        return self._on and bool(self._latest(1))

    @contextmanager
    def reading(self, hidden: int) -> Iterator[None]:
        """A read that does not see the last `hidden` writes, as far as they are recent."""
        changes = self._latest(hidden) if hidden and self._on else []
        self._reads += 1
        if not changes:
            yield
            return
        self._db.execute("SAVEPOINT stale")
        try:
            for change in changes:
                self._undo(*change)
            yield
        finally:
            self._db.execute("ROLLBACK TO stale")
            self._db.execute("RELEASE stale")

    def _latest(self, writes: int) -> list[tuple[str, str, int, str | None]]:
        """The changes of the last recent writes, the latest first; always whole writes."""
        noted = self._db.execute(
            "SELECT kind, name, id, old FROM undo WHERE reads > ? ORDER BY number DESC",
            (self._reads - _READS_UNTIL_VISIBLE,),
        )
        changes: list[tuple[str, str, int, str | None]] = []
        whole = 0
        for change in noted:
            changes.append(change)
            if change[1] in self._records:
                whole = len(changes)
                writes -= 1
            if not writes:
                break
        return changes[:whole]

    def _undo(self, event: str, table: str, key: int, old: str | None) -> None:
        columns = self._tables[table]
        values = json.loads(old) if old is not None else []
        match event:
            case "INSERT":
                self._db.execute(f"DELETE FROM {table} WHERE {columns[0]} = ?", (key,))
            case "UPDATE":
                settings = ", ".join(f"{column} = ?" for column in columns)
                self._db.execute(f"UPDATE {table} SET {settings} WHERE {columns[0]} = ?", (*values, key))
            case _:
                marks = ", ".join("?" for _ in columns)
                self._db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)
