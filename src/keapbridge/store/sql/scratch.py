"""Match keys of records that are linked to nothing, for as long as they are compared with each other and with links.

They can be made again of what is staged whenever a plan is made, and nobody else needs them. So they are not written to
the store, but to a database of SQLite beside it, whatever the store is in: a file without a name, which only this
process knows, which holds no more than digests and what is encrypted in the store, too, and which is gone when it is
closed or when the process ends. Until it outgrows some megabytes it is in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from types import TracebackType
from typing import Any, NamedTuple, Self

from keapbridge._flow.uncollected import uncollected
from keapbridge.errors import LinkStoreError
from keapbridge.model.kept_in_store import RecordKey
from keapbridge.model.side import Side
from keapbridge.store.sql.rows import Rows, dump, load

__all__ = ["Holder", "Scratch"]

CACHE = 8 * 1024  # kB of pages that are in memory

_TABLES = """
CREATE TABLE records (n INTEGER PRIMARY KEY, side TEXT, id TEXT, rank INTEGER, keys TEXT, apart TEXT, stronger TEXT);
CREATE TABLE keys (rank INTEGER, key TEXT, n INTEGER);
"""
_INDEXES = """
CREATE INDEX IF NOT EXISTS by_id ON records (side, id, rank);
CREATE INDEX IF NOT EXISTS by_key ON keys (rank, key, n);
"""
_OF = """
SELECT side, id, keys, apart, stronger FROM records
WHERE side = ? AND rank = ? AND id IN (SELECT value FROM json_each(?))
"""
_SHARING = """
SELECT side, id, keys, apart, stronger FROM records
WHERE n IN (SELECT n FROM keys WHERE rank = ? AND key IN (SELECT value FROM json_each(?)))
"""
_NUMBERS = "SELECT key, count(*) FROM keys WHERE rank = ? AND key IN (SELECT value FROM json_each(?)) GROUP BY key"
_CROWDS = "SELECT key, count(*) FROM keys WHERE rank = ? GROUP BY key HAVING count(*) > ?"


class Holder(NamedTuple):
    """A record with its keys of one rank, as they are kept.

    Attributes:
        keys: each with how it is spelt, the main one first.
        apart: closed, as the next one.
        link: Customcrm's id of its link; `None` for a record that is linked to nothing.
    """

    side: Side
    id: str
    keys: Mapping[str, str | None]
    apart: str
    stronger: str
    link: str | None = None


class Scratch:
    """The keys of one kind of records. It is to be closed."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._size = 0
        self._is_indexed = False
        self._crowds: dict[int, Mapping[str, int]] = {}
        with _failing():
            self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{CACHE}"):
                self._file.execute(f"PRAGMA {pragma}")
            self._file.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, side: Side, keys: Mapping[str, Sequence[RecordKey]]) -> None:
        """Keep the keys of some records of a side that are not there yet, by their ids, in the order of these."""
        records: list[tuple[Any, ...]] = []
        found: list[tuple[int, str, int]] = []
        close, digest = self._rows.close, self._rows.key_digest
        for id, its in keys.items():
            for rank, some in groupby(its, attrgetter("rank")):
                first, *others = some
                self._size += 1
                held = {digest(k.key): None if k.spelt is None else digest(k.spelt) for k in (first, *others)}
                row = (self._size, side.value, id, rank, dump(held), close(first.apart), close(first.stronger))
                records.append(row)
                found += [(rank, key, self._size) for key in held]
        with _failing():
            self._file.execute("BEGIN")
            self._file.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", records)
            self._file.executemany("INSERT INTO keys VALUES (?, ?, ?)", found)
            self._file.execute("COMMIT")

    def of(self, rank: int, side: Side, ids: Collection[str]) -> list[Holder]:
        """These records, as far as they have keys of that rank."""
        return self._found(_OF, side.value, rank, _listed(ids))

    def sharing(self, rank: int, keys: Collection[str]) -> list[Holder]:
        """All records that have one of these keys."""
        return self._found(_SHARING, rank, _listed(keys))

    def numbers(self, rank: int, keys: Collection[str]) -> dict[str, int]:
        """How many records have each of these keys."""
        return dict(self._execute(_NUMBERS, rank, _listed(keys)))

    def crowds(self, rank: int, most: int) -> Mapping[str, int]:
        """The keys that more records than that have, and how many do; found out once."""
        if rank not in self._crowds:
            self._crowds[rank] = dict(self._execute(_CROWDS, rank, most))
        return self._crowds[rank]

    def same_key(self, side: Side, keys: Sequence[RecordKey]) -> list[str]:
        """The records of a side that share one of these keys."""
        found = (self.sharing(k.rank, [self._rows.key_digest(k.key)]) for k in keys)
        return sorted({one.id for its in found for one in its if one.side is side})

    def _found(self, query: str, *values: Any) -> list[Holder]:
        rows = self._execute(query, *values)
        return [Holder(Side(side), id, load(keys), *texts) for side, id, keys, *texts in rows]

    def _execute(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with _failing(), uncollected():
            if not self._is_indexed:  # when all have come, which are sorted then
                self._file.executescript(_INDEXES)
                self._is_indexed = True
            return self._file.execute(query, values).fetchall()


def _listed(texts: Collection[str]) -> str:
    return dump(list(texts))


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise LinkStoreError(f"records cannot be compared in a temporary file: {error}") from None
