"""The ledger: records, tombstones, versions and idempotency keys in a private SQLite database.

Records are kept as the JSON text that is sent, so that a page of a thousand is little more than a query and a join.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from keapbridge.testing._webhooks import CustomcrmWebhooks
from keapbridge.testing.customcrm._shapes import SHAPES, CustomcrmBehaviour, InvalidError, Shape
from keapbridge.testing.customcrm._wire import EPOCH, MILLISECOND, Clock, Wire, canonical, decode, encode, iso

_READ_ONLY = frozenset({"Id", "CreatedAt", "UpdatedAt", "ETag", "Deleted"})

_SCHEMA = """
PRAGMA journal_mode = MEMORY;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
CREATE TABLE record (
    number INTEGER PRIMARY KEY,
    object TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    live INTEGER NOT NULL,
    document BLOB NOT NULL
);
CREATE UNIQUE INDEX record_id ON record (object, id);
CREATE UNIQUE INDEX record_order ON record (object, updated, live);
CREATE TABLE receipt (
    object TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (object, key)
) WITHOUT ROWID;
"""


@attrs.frozen
class Row:
    number: int
    id: str
    version: int
    created: int
    updated: int
    live: bool = attrs.field(converter=bool)
    document: bytes = attrs.field(repr=False)

    @property
    def etag(self) -> str:
        return _etag(self.version)


def _document(properties: Mapping[str, Any], *, id_: str, version: int, created: int, updated: int) -> bytes:
    """A record as it is sent: these properties under the stamps that are the system's own."""
    stamps = {"Id": id_, "CreatedAt": iso(created), "UpdatedAt": iso(updated), "ETag": _etag(version)}
    return encode({"Id": id_, **properties, **stamps})


def _etag(version: int) -> str:
    return f'"{version}"'


class Ledger:
    """Everything the emulated system knows; what it does, it does inside `transaction()`.

    Every write has a moment (milliseconds since 1970, UTC) of its own, later than all before it: the order of
    moments is the order of (UpdatedAt, Id), and one index serves all paging.
    """

    def __init__(self, clock: Clock, behaviour: CustomcrmBehaviour, webhooks: CustomcrmWebhooks) -> None:
        self._clock = clock
        self._webhooks = webhooks
        self._changes: list[tuple[str, str, str]] = []
        self._behaviour = behaviour
        self._lock = threading.Lock()
        # The empty name is a private database that SQLite moves to a temporary file once it outgrows its cache.
        self._connection = sqlite3.connect("", check_same_thread=False)
        self._connection.executescript(_SCHEMA)
        self._issued = dict.fromkeys(SHAPES, 0)
        self._last_write = 0
        self._last_request = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            self._changes.clear()
            with self._connection:
                yield
            if self._changes:
                self._webhooks.note(self._changes)

    def _note(self, shape: str, what: str, ids: Iterable[str]) -> None:
        if self._webhooks.wanted:
            self._changes += [(shape, what, id_) for id_ in ids]

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def note_request(self) -> None:
        """A client may have read up to now: no later write may claim an earlier moment."""
        self._last_request = self._now()

    def checked(self, shape: Shape, raw: Mapping[str, Any], current: Mapping[str, Any]) -> Wire:
        """The properties of `raw` as they would be stored, without those that `current` holds already.

        Raises:
            InvalidError: The system refuses the record; every reason is in it.
        """
        changes: Wire = {}
        errors: list[tuple[str, str]] = []
        for name, value in raw.items():
            try:
                kept = self._accepted(shape, name, value)
                if name in current and canonical(current[name]) == canonical(kept):
                    continue
                if name in shape.references:
                    self._refer(shape.references[name], kept)
            except ValueError as error:
                errors.append((name, str(error)))
            else:
                changes[name] = kept
        if errors:
            raise InvalidError(errors)
        return changes

    def insert(self, shape: Shape, raw: Iterable[Mapping[str, Any]], count: int = 1) -> list[str]:
        """Creates `count` records; returns their ids.

        Raises:
            InvalidError: The system refuses one of them; the transaction must not be committed.
        """
        first, issued = self._moment(count), self._issued[shape.name]
        empty = dict.fromkeys(shape.properties)
        ids = []
        for n, given in enumerate(raw):
            id_, moment = f"{shape.id_prefix}{issued + n + 1}", first + n
            properties = empty | self.checked(shape, given, {})
            document = _document(properties, id_=id_, version=1, created=moment, updated=moment)
            self._connection.execute(
                "INSERT INTO record (object, id, version, created, updated, live, document) "
                "VALUES (?, ?, 1, ?, ?, 1, ?)",
                (shape.name, id_, moment, moment, document),
            )
            ids.append(id_)
        self._issued[shape.name] = issued + len(ids)
        self._note(shape.name, "created", ids)
        return ids

    def find(self, shape: Shape, id_: str) -> Row | None:
        """The row with this id, a tombstone's included."""
        found = self._connection.execute(
            "SELECT number, id, version, created, updated, live, document FROM record WHERE object = ? AND id = ?",
            (shape.name, id_),
        ).fetchone()
        return Row(*found) if found else None

    def rewrite(self, shape: Shape, row: Row, changes: Mapping[str, Any]) -> Row:
        """The row's next version, with these properties changed."""
        self._note(shape.name, "updated", [row.id])
        version, moment = row.version + 1, self._moment()
        properties = decode(row.document) | changes
        document = _document(properties, id_=row.id, version=version, created=row.created, updated=moment)
        return self._save(attrs.evolve(row, version=version, updated=moment, document=document))

    def bury(self, shape: Shape, row: Row) -> None:
        """Turns the row into a tombstone."""
        self._note(shape.name, "deleted", [row.id])
        moment = self._moment()
        tombstone = encode({"Id": row.id, "Deleted": True, "UpdatedAt": iso(moment)})
        self._save(attrs.evolve(row, version=row.version + 1, updated=moment, live=False, document=tombstone))

    def override(self, row: Row, raw: Mapping[str, Any]) -> None:
        """Puts raw properties into the row's document, behind the system's back."""
        self._save(attrs.evolve(row, document=encode(decode(row.document) | raw)))

    def page(self, shape: Shape, *, since: int | None, after: int | None, limit: int) -> tuple[list[bytes], int | None]:
        """Documents in the order of their moments, and the last one's moment when more follow.

        Args:
            shape: The object whose records are listed.
            since: The earliest moment wanted; with one, tombstones are listed too.
            after: The moment behind which this page begins.
            limit: The most documents to return.
        """
        begin = max(since or 0, 0 if after is None else after + 1)
        rows = self._connection.execute(
            "SELECT updated, document FROM record WHERE object = ? AND updated >= ? AND live >= ? "
            "ORDER BY updated LIMIT ?",
            (shape.name, begin, since is None, limit + 1),
        ).fetchall()
        more = rows[limit - 1][0] if len(rows) > limit else None
        return [document for _, document in rows[:limit]], more

    def documents(self, shape: Shape, *, live: bool) -> dict[str, bytes]:
        """An object's records, or its tombstones, by id in the order of creation."""
        return dict(
            self._connection.execute(
                "SELECT id, document FROM record WHERE object = ? AND live = ? ORDER BY number", (shape.name, live)
            )
        )

    def count(self, shape: Shape) -> int:
        query = "SELECT count(*) FROM record WHERE object = ? AND live"
        return int(self._connection.execute(query, (shape.name,)).fetchone()[0])

    def receipt(self, shape: Shape, key: str) -> tuple[bytes, str] | None:
        """The digest of the body that came with this idempotency key, and the id it made."""
        query = "SELECT digest, id FROM receipt WHERE object = ? AND key = ?"
        found: tuple[bytes, str] | None = self._connection.execute(query, (shape.name, key)).fetchone()
        return found

    def issue_receipt(self, shape: Shape, key: str, digest: bytes, id_: str) -> None:
        self._connection.execute("INSERT INTO receipt VALUES (?, ?, ?, ?)", (shape.name, key, digest, id_))

    def _accepted(self, shape: Shape, name: str, value: Any) -> Any:
        if name in _READ_ONLY:
            raise ValueError("is read-only")
        check = shape.properties.get(name)
        kept = value if check is None or value is None else check(value)
        return self._behaviour.stored(name, kept)

    def _refer(self, target: str, id_: str | None) -> None:
        row = None if id_ is None else self.find(SHAPES[target], id_)
        if id_ is not None and (row is None or not row.live):
            raise ValueError(f"is no id among the {target}")

    def _save(self, row: Row) -> Row:
        self._connection.execute(
            "UPDATE record SET version = ?, updated = ?, live = ?, document = ? WHERE number = ?",
            (row.version, row.updated, row.live, row.document, row.number),
        )
        return row

    def _now(self) -> int:
        return (self._clock() - EPOCH) // MILLISECOND

    def _moment(self, count: int = 1) -> int:
        """The first of `count` consecutive moments for writes.

        They end now, not begin now, as far as nobody can tell: else the last of 100,000 records would be changed
        100 seconds in the future, and every client with a clock would read them again.
        """
        first = max(self._last_write + 1, self._last_request, self._now() - count + 1)
        self._last_write = max(self._last_write, first + count - 1)
        return first
