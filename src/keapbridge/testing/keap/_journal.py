"""How lists and records looked a few writes ago: reads of a system that becomes consistent only after a while.

SQLite's triggers note how each change is undone; a stale read undoes the latest inside a savepoint, looks, and rolls
back. So everything about the read (filters, order, pages) is as it was. While it is off, nothing is noted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

__all__ = ["Journal"]

_READS_UNTIL_VISIBLE = 5
_MOST_ENTRIES = 1000


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
            "CREATE TEMP TABLE undo (number INTEGER PRIMARY KEY, record INTEGER, reads INTEGER, statement TEXT)"
        )
        for table, columns in self._tables.items():
            for event, statement in _undoing(table, columns).items():
                self._db.execute(
                    f"CREATE TEMP TRIGGER undo_{event}_{table} AFTER {event} ON main.{table} BEGIN "
                    "INSERT INTO undo (record, reads, statement) "
                    f"VALUES ({int(table in self._records)}, reads_so_far(), {statement}); "
                    f"DELETE FROM undo WHERE number <= (SELECT max(number) FROM undo) - {_MOST_ENTRIES}; END"
                )

    def stop(self) -> None:
        """Notes nothing any more, and forgets what was noted."""
        if not self._on:
            return
        self._on = False
        for table, columns in self._tables.items():
            for event in _undoing(table, columns):
                self._db.execute(f"DROP TRIGGER undo_{event}_{table}")
        self._db.execute("DROP TABLE undo")

    @property
    def has_news(self) -> bool:
        """Whether a read could be stale now."""
        return self._on and bool(self._undo(1))

    @contextmanager
    def reading(self, hidden: int) -> Iterator[None]:
        """A read that does not see the last `hidden` writes, as far as they are recent."""
        statements = self._undo(hidden) if hidden and self._on else []
        self._reads += 1
        if not statements:
            yield
            return
        self._db.execute("SAVEPOINT stale")
        try:
            for statement in statements:
                self._db.execute(statement)
            yield
        finally:
            self._db.execute("ROLLBACK TO stale")
            self._db.execute("RELEASE stale")

    def _undo(self, writes: int) -> list[str]:
        """What undoes the last recent writes, the latest first; always whole writes."""
        noted = self._db.execute(
            "SELECT record, statement FROM undo WHERE reads > ? ORDER BY number DESC",
            (self._reads - _READS_UNTIL_VISIBLE,),
        )
        statements: list[str] = []
        whole = 0
        for is_record, statement in noted:
            statements.append(statement)
            writes -= is_record
            if is_record:
                whole = len(statements)
            if not writes:
                break
        return statements[:whole]


def _undoing(table: str, columns: Sequence[str]) -> dict[str, str]:
    """SQL whose value is the statement that undoes each kind of change of a row."""
    key = columns[0]
    values = " || ', ' || ".join(f"quote(old.{c})" for c in columns)
    settings = " || ', ' || ".join(f"'{c} = ' || quote(old.{c})" for c in columns)
    return {
        "INSERT": f"'DELETE FROM {table} WHERE {key} = ' || new.{key}",
        "UPDATE": f"'UPDATE {table} SET ' || {settings} || ' WHERE {key} = ' || new.{key}",
        "DELETE": f"'INSERT INTO {table} ({', '.join(columns)}) VALUES (' || {values} || ')'",
    }
