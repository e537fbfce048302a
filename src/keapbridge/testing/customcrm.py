"""A Customcrm that speaks the default REST profile: the profile's reference implementation.

Hosts run it in place of their own CRM in tests, as a real HTTP server on loopback or as an ASGI application. Three
layers live here: the shapes (which properties an object has, and what each accepts, as data), the ledger (records,
tombstones, versions and idempotency keys in a private SQLite database) and the HTTP surface, which holds no state.
Records are kept as the JSON text that is sent, so that a page of a thousand is little more than a query and a join.
"""

from __future__ import annotations

import base64
import hmac
import re
import sqlite3
import threading
from collections.abc import Awaitable, Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Self

import attrs
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keapbridge.testing._faults import Fault, FaultKind, Faults
from keapbridge.testing._server import (
    AsgiApp,
    LoopbackServer,
    Receive,
    Recorder,
    RequestLog,
    Scope,
    Send,
)
from keapbridge.testing._webhooks import CustomcrmWebhooks

__all__ = ["CustomcrmBehaviour", "CustomcrmEmulator", "CustomcrmState", "CustomcrmTable"]

Wire = dict[str, Any]
Clock = Callable[[], datetime]

_ROOT = "/api"
_MOST = 1000
_READ_ONLY = frozenset({"Id", "CreatedAt", "UpdatedAt", "ETag", "Deleted"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# Decimals pass through untouched: a price written as the number 12.50 must not come back as 12.5.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
_canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode
# `float` where msgspec's own float would refuse a number too large for one.
_decode_plain = msgspec.json.Decoder(float_hook=float).decode


# --- shapes: what an object's properties accept -----------------------------------------------------------------

Check = Callable[[Any], Any]
"""Turns a property's value (never null) into the value that is stored; raises `ValueError` with the reason."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004 - a wrong value of the wire
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - a wrong value of the wire
    return value


def _day(value: Any) -> str:
    # The pattern comes first because `fromisoformat` also takes week dates and dates without hyphens.
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", _text(value)):
        raise ValueError("must be a date as YYYY-MM-DD")
    date.fromisoformat(value)
    return str(value)


def _price(value: Any) -> str:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        # Written out, 1e999999999 would be a gigabyte of zeros.
        if number < 0 or abs(number.adjusted()) > 30:
            raise ValueError("must be a decimal that is not negative")
        return f"{number.copy_abs():f}"
    if not isinstance(value, str):
        raise ValueError("must be a decimal, as a string or a number")  # noqa: TRY004 - a wrong value of the wire
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        raise ValueError("must be a decimal that is not negative")
    return value


@attrs.frozen
class _Shape:
    """One object of the profile: `references` names the object that a property's value must be an id of."""

    name: str
    id_prefix: str
    properties: Mapping[str, Check]
    references: Mapping[str, str] = attrs.field(factory=dict)


def _properties(texts: str, **others: Check) -> dict[str, Check]:
    return dict.fromkeys(texts.split(), _text) | others


_ADDRESS = "StreetAddress1 StreetAddress2 ZipCode City Region Country"
_SHAPES = {
    shape.name: shape
    for shape in (
        _Shape(
            "contacts",
            "A",
            _properties(
                "FirstName MiddleName LastName Title Suffix Email Email2 Phone MobilePhone Fax JobTitle Website "
                f"CustomerId {_ADDRESS}",
                BirthDate=_day,
            ),
            references={"CustomerId": "customers"},
        ),
        _Shape("customers", "C", _properties(f"Name Description {_ADDRESS} Phone Fax Email Website")),
        _Shape(
            "products",
            "P",
            _properties("Name Sku Description ShortDescription Currency", Price=_price, Active=_flag),
        ),
    )
}
_EMAILS = frozenset({"Email", "Email2"})


@attrs.frozen
class CustomcrmBehaviour:
    """How this Customcrm alters what it is given, silently, as real systems do. By default it alters nothing.

    It applies to every string a client or a user writes, in this order; what comes out is stable when it is
    written back.

    Attributes:
        trim_strings: Strip white space from both ends.
        case_fold_emails: Store `Email` and `Email2` in lower case.
        max_lengths: Property name to the number of characters that are kept.
    """

    trim_strings: bool = False
    max_lengths: Mapping[str, int] = attrs.field(factory=dict)
    case_fold_emails: bool = False

    def stored(self, name: str, value: Any) -> Any:
        """What is kept when `value` is written to the property `name`."""
        if not isinstance(value, str):
            return value
        kept = value.strip() if self.trim_strings else value
        if self.case_fold_emails and name in _EMAILS:
            kept = kept.lower()
        kept = kept[: self.max_lengths.get(name)]
        # A cut can end in a blank.
        return kept.rstrip() if self.trim_strings else kept


class _InvalidError(ValueError):
    """A record that the system refuses; `errors` pairs each property with the reason."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name} {reason}" for name, reason in errors))
        self.errors = errors


# --- the ledger: records, tombstones, versions, idempotency keys ------------------------------------------------

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
class _Row:
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


def _iso(moment: int) -> str:
    return (_EPOCH + moment * _MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _document(properties: Mapping[str, Any], *, id_: str, version: int, created: int, updated: int) -> bytes:
    """A record as it is sent: these properties under the stamps that are the system's own."""
    stamps = {"Id": id_, "CreatedAt": _iso(created), "UpdatedAt": _iso(updated), "ETag": _etag(version)}
    return _encode({"Id": id_, **properties, **stamps})


def _etag(version: int) -> str:
    return f'"{version}"'


class _Ledger:
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
        self._issued = dict.fromkeys(_SHAPES, 0)
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

    def checked(self, shape: _Shape, raw: Mapping[str, Any], current: Mapping[str, Any]) -> Wire:
        """The properties of `raw` as they would be stored, without those that `current` holds already.

        Raises:
            _InvalidError: The system refuses the record; every reason is in it.
        """
        changes: Wire = {}
        errors: list[tuple[str, str]] = []
        for name, value in raw.items():
            try:
                kept = self._accepted(shape, name, value)
                if name in current and _canonical(current[name]) == _canonical(kept):
                    continue
                if name in shape.references:
                    self._refer(shape.references[name], kept)
            except ValueError as error:
                errors.append((name, str(error)))
            else:
                changes[name] = kept
        if errors:
            raise _InvalidError(errors)
        return changes

    def insert(self, shape: _Shape, raw: Iterable[Mapping[str, Any]], count: int = 1) -> list[str]:
        """Creates `count` records; returns their ids.

        Raises:
            _InvalidError: The system refuses one of them; the transaction must not be committed.
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

    def find(self, shape: _Shape, id_: str) -> _Row | None:
        """The row with this id, a tombstone's included."""
        found = self._connection.execute(
            "SELECT number, id, version, created, updated, live, document FROM record WHERE object = ? AND id = ?",
            (shape.name, id_),
        ).fetchone()
        return _Row(*found) if found else None

    def rewrite(self, shape: _Shape, row: _Row, changes: Mapping[str, Any]) -> _Row:
        """The row's next version, with these properties changed."""
        self._note(shape.name, "updated", [row.id])
        version, moment = row.version + 1, self._moment()
        properties = _decode(row.document) | changes
        document = _document(properties, id_=row.id, version=version, created=row.created, updated=moment)
        return self._save(attrs.evolve(row, version=version, updated=moment, document=document))

    def bury(self, shape: _Shape, row: _Row) -> None:
        """Turns the row into a tombstone."""
        self._note(shape.name, "deleted", [row.id])
        moment = self._moment()
        tombstone = _encode({"Id": row.id, "Deleted": True, "UpdatedAt": _iso(moment)})
        self._save(attrs.evolve(row, version=row.version + 1, updated=moment, live=False, document=tombstone))

    def override(self, row: _Row, raw: Mapping[str, Any]) -> None:
        """Puts raw properties into the row's document, behind the system's back."""
        self._save(attrs.evolve(row, document=_encode(_decode(row.document) | raw)))

    def page(
        self, shape: _Shape, *, since: int | None, after: int | None, limit: int
    ) -> tuple[list[bytes], int | None]:
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

    def documents(self, shape: _Shape, *, live: bool) -> dict[str, bytes]:
        """An object's records, or its tombstones, by id in the order of creation."""
        return dict(
            self._connection.execute(
                "SELECT id, document FROM record WHERE object = ? AND live = ? ORDER BY number", (shape.name, live)
            )
        )

    def count(self, shape: _Shape) -> int:
        query = "SELECT count(*) FROM record WHERE object = ? AND live"
        return int(self._connection.execute(query, (shape.name,)).fetchone()[0])

    def receipt(self, shape: _Shape, key: str) -> tuple[bytes, str] | None:
        """The digest of the body that came with this idempotency key, and the id it made."""
        query = "SELECT digest, id FROM receipt WHERE object = ? AND key = ?"
        found: tuple[bytes, str] | None = self._connection.execute(query, (shape.name, key)).fetchone()
        return found

    def issue_receipt(self, shape: _Shape, key: str, digest: bytes, id_: str) -> None:
        self._connection.execute("INSERT INTO receipt VALUES (?, ?, ?, ?)", (shape.name, key, digest, id_))

    def _accepted(self, shape: _Shape, name: str, value: Any) -> Any:
        if name in _READ_ONLY:
            raise ValueError("is read-only")
        check = shape.properties.get(name)
        kept = value if check is None or value is None else check(value)
        return self._behaviour.stored(name, kept)

    def _refer(self, target: str, id_: str | None) -> None:
        row = None if id_ is None else self.find(_SHAPES[target], id_)
        if id_ is not None and (row is None or not row.live):
            raise ValueError(f"is no id among the {target}")

    def _save(self, row: _Row) -> _Row:
        self._connection.execute(
            "UPDATE record SET version = ?, updated = ?, live = ?, document = ? WHERE number = ?",
            (row.version, row.updated, row.live, row.document, row.number),
        )
        return row

    def _now(self) -> int:
        return (self._clock() - _EPOCH) // _MILLISECOND

    def _moment(self, count: int = 1) -> int:
        """The first of `count` consecutive moments for writes.

        They end now, not begin now, as far as nobody can tell: else the last of 100,000 records would be changed
        100 seconds in the future, and every client with a clock would read them again.
        """
        first = max(self._last_write + 1, self._last_request, self._now() - count + 1)
        self._last_write = max(self._last_write, first + count - 1)
        return first


# --- the state, as tests see it ---------------------------------------------------------------------------------


class CustomcrmTable(Mapping[str, Wire]):
    """The live records of one object, id to record in wire form, with the edits a user of the CRM could make.

    Reading gives copies. Edits obey the system's rules: a record that it would refuse raises `ValueError`, an id
    that is unknown or deleted raises `KeyError`. Safe to use while the server serves; everything read by one call
    belongs to one moment.
    """

    def __init__(self, ledger: _Ledger, shape: _Shape) -> None:
        self._ledger = ledger
        self._shape = shape

    def __getitem__(self, id_: str) -> Wire:
        with self._ledger.transaction():
            return self._plain(self._live(id_).document)

    def __iter__(self) -> Iterator[str]:
        with self._ledger.transaction():
            return iter(self._ledger.documents(self._shape, live=True))

    def __len__(self) -> int:
        with self._ledger.transaction():
            return self._ledger.count(self._shape)

    def __repr__(self) -> str:
        return f"<{len(self)} {self._shape.name}>"

    def values(self) -> ValuesView[Wire]:
        return self._read().values()

    def items(self) -> ItemsView[str, Wire]:
        return self._read().items()

    @property
    def deleted(self) -> set[str]:
        """The ids of the records that were deleted."""
        with self._ledger.transaction():
            return set(self._ledger.documents(self._shape, live=False))

    def add(self, record: Mapping[str, Any]) -> str:
        """Creates a record from its properties and returns the id that the system gave it."""
        return self.add_many([record])[0]

    def add_many(self, records: Iterable[Mapping[str, Any]]) -> list[str]:
        """Creates records, all or none, and returns their ids in the same order.

        Each has an `UpdatedAt` of its own, a millisecond apart. They end at the present where no request has come
        in that late; where one has, they begin there, and may reach into the future.
        """
        # Before the lock is taken, because the iterable may itself read the state; as text, because that is small.
        texts = [_encode(dict(record)) for record in records]
        with self._ledger.transaction():
            return self._ledger.insert(self._shape, map(_decode, texts), len(texts))

    def edit(self, id_: str, **changes: Any) -> None:
        """Saves a record with these properties changed, or with none; `UpdatedAt` and `ETag` move either way."""
        with self._ledger.transaction():
            row = self._live(id_)
            # Through JSON, for a copy in which Python's own types are JSON's.
            wire = _decode(_encode(changes))
            self._ledger.rewrite(self._shape, row, self._ledger.checked(self._shape, wire, _decode(row.document)))

    def delete(self, id_: str) -> None:
        """Deletes a record; its tombstone stays in the list of changes."""
        with self._ledger.transaction():
            self._ledger.bury(self._shape, self._live(id_))

    def corrupt(self, id_: str, **raw: Any) -> None:
        """Overrides properties in what is served, whatever they are, without moving `UpdatedAt` or `ETag`."""
        with self._ledger.transaction():
            self._ledger.override(self._live(id_), raw)

    def _live(self, id_: str) -> _Row:
        row = self._ledger.find(self._shape, id_)
        if row is None or not row.live:
            raise KeyError(id_)
        return row

    def _read(self) -> dict[str, Wire]:
        with self._ledger.transaction():
            documents = self._ledger.documents(self._shape, live=True)
        return {id_: self._plain(document) for id_, document in documents.items()}

    @staticmethod
    def _plain(document: bytes) -> Wire:
        plain: Wire = _decode_plain(document)
        return plain


class CustomcrmState:
    """The records of the emulated Customcrm.

    Attributes:
        contacts: The contacts; ids are `A1`, `A2`, …
        customers: The customers; ids are `C1`, `C2`, …
        products: The products; ids are `P1`, `P2`, …
    """

    def __init__(self, ledger: _Ledger) -> None:
        self.contacts = CustomcrmTable(ledger, _SHAPES["contacts"])
        self.customers = CustomcrmTable(ledger, _SHAPES["customers"])
        self.products = CustomcrmTable(ledger, _SHAPES["products"])

    def snapshot(self) -> dict[str, dict[str, Wire]]:
        """Every live record: object (`contacts`, …) to id to record."""
        return {name: dict(getattr(self, name).items()) for name in _SHAPES}


# --- the HTTP surface -------------------------------------------------------------------------------------------


class _ProblemError(HTTPException):
    def __init__(self, status: int, detail: str, errors: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(status, detail)
        self.errors = errors


def _problem(
    status: int,
    detail: str,
    errors: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem: Wire = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        problem["errors"] = [{"field": name, "message": reason} for name, reason in errors]
    return Response(_encode(problem), status, headers, media_type="application/problem+json")


async def _http_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(error.status_code, error.detail, getattr(error, "errors", ()), error.headers)


async def _invalid_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, _InvalidError)
    return _problem(422, "The record is not valid.", error.errors)


def _json(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


def _single(row: _Row, status: int = 200, **headers: str) -> Response:
    return _json(row.document, status, {"ETag": row.etag, **headers})


async def _body(request: Request) -> Wire:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not re.fullmatch(r"application/[^/]+\+json", media):
        raise _ProblemError(415, "The content type must be application/json.")
    try:
        body = _decode(await request.body())
    except (ValueError, RecursionError) as error:
        raise _ProblemError(400, "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise _ProblemError(422, "The body must be a JSON object.")
    return body


def _existing(ledger: _Ledger, shape: _Shape, request: Request) -> _Row:
    id_ = request.path_params["id"]
    row = ledger.find(shape, id_)
    if row is None or not row.live:
        raise _ProblemError(404, f"There is no record {id_} among the {shape.name}.")
    return row


def _demand_match(row: _Row, request: Request) -> None:
    wanted = ",".join(request.headers.getlist("if-match"))
    if wanted and not {"*", row.etag} & {tag.strip() for tag in wanted.split(",")}:
        raise _ProblemError(412, f"The record's version is {row.etag}.")


@attrs.frozen
class _Listing:
    """Which list is wanted, and from where on; moments in milliseconds since 1970, UTC."""

    since: int | None
    after: int | None
    limit: int


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= _MOST:
        raise ValueError(f"must be a number from 1 to {_MOST}")
    return int(text)


def _since(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        # Rounded up: a record of 05.678 is earlier than 05.6785.
        return -((_EPOCH - moment) // _MILLISECOND)
    except (ValueError, TypeError) as error:
        raise ValueError("must be a time with a zone, as 2026-01-02T03:04:05.678Z") from error


def _cursor(shape: _Shape, since: int | None, after: int) -> str:
    return base64.urlsafe_b64encode(_encode((shape.name, since, after))).decode()


def _place(shape: _Shape, cursor: str) -> tuple[int | None, int]:
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        name, since, after = msgspec.json.decode(raw, type=tuple[str, int | None, int])
        # What is not an integer of SQLite's is no cursor of ours either.
        if name == shape.name and max(abs(since or 0), abs(after)) < 2**53:
            return since, after
    except ValueError:
        pass
    raise ValueError("is not one that this list gave")


def _listing(shape: _Shape, query: Mapping[str, str]) -> _Listing:
    errors: list[tuple[str, str]] = []

    def read(name: str, parse: Callable[[str], Any], default: Any) -> Any:
        try:
            return parse(query[name]) if name in query else default
        except ValueError as error:
            errors.append((name, str(error)))
            return default

    limit = read("limit", _limit, 100)
    since = read("updated_since", _since, None)
    # A cursor remembers what its list began with, so that a client need not say it again.
    began, after = read("cursor", lambda text: _place(shape, text), (since, None))
    if not errors and "updated_since" in query and began != since:
        errors.append(("updated_since", "is not the one that the cursor's list began with"))
    if errors:
        raise _ProblemError(400, "The query is not valid.", errors)
    return _Listing(began, after, limit)


def _query(request: Request) -> dict[str, str]:
    """The query; what the profile does not know is refused, because a misspelt filter would list everything."""
    given = request.query_params.multi_items()
    query = dict(given)
    known = {"limit", "ids"} if "ids" in query else {"limit", "cursor", "updated_since"}
    errors = [(name, "is not a parameter of this list") for name in query if name not in known]
    errors += [(name, "is given twice") for name in query if sum(n == name for n, _ in given) > 1]
    if errors:
        raise _ProblemError(400, "The query is not valid.", errors)
    return query


async def _list(ledger: _Ledger, shape: _Shape, request: Request) -> Response:
    query = _query(request)
    wanted = _listing(shape, query)
    more: int | None = None
    with ledger.transaction():
        if "ids" in query:
            ids = dict.fromkeys(id_ for id_ in query["ids"].split(",") if id_)
            if len(ids) > _MOST:
                raise _ProblemError(400, "The query is not valid.", [("ids", f"are more than {_MOST}")])
            rows = (ledger.find(shape, id_) for id_ in ids)
            documents = [row.document for row in rows if row is not None and row.live]
        else:
            documents, more = ledger.page(shape, since=wanted.since, after=wanted.after, limit=wanted.limit)
    cursor = None if more is None else _cursor(shape, wanted.since, more)
    return _json(b'{"Items":[' + b",".join(documents) + b'],"NextCursor":' + _encode(cursor) + b"}")


async def _create(ledger: _Ledger, shape: _Shape, request: Request) -> Response:
    body = await _body(request)
    key = request.headers.get("idempotency-key")
    if key == "":
        # A client that believes itself protected must not be left in that belief.
        raise _ProblemError(400, "The Idempotency-Key is empty.")
    digest = sha256(_canonical(body)).digest()
    with ledger.transaction():
        receipt = ledger.receipt(shape, key) if key is not None else None
        if receipt is None:
            [id_] = ledger.insert(shape, [body])
            if key is not None:
                ledger.issue_receipt(shape, key, digest, id_)
        elif receipt[0] == digest:
            id_ = receipt[1]
        else:
            raise _ProblemError(422, "The Idempotency-Key was used with another body.")
        row = ledger.find(shape, id_)
    if row is None or not row.live:
        raise _ProblemError(410, f"The record {id_} that this Idempotency-Key made was deleted.")
    return _single(row, 201 if receipt is None else 200, Location=f"{_ROOT}/{shape.name}/{id_}")


async def _get(ledger: _Ledger, shape: _Shape, request: Request) -> Response:
    with ledger.transaction():
        return _single(_existing(ledger, shape, request))


async def _update(ledger: _Ledger, shape: _Shape, request: Request) -> Response:
    body = await _body(request)
    with ledger.transaction():
        row = _existing(ledger, shape, request)
        _demand_match(row, request)
        changes = ledger.checked(shape, body, _decode(row.document))
        return _single(ledger.rewrite(shape, row, changes) if changes else row)


async def _delete(ledger: _Ledger, shape: _Shape, request: Request) -> Response:
    with ledger.transaction():
        row = _existing(ledger, shape, request)
        _demand_match(row, request)
        ledger.bury(shape, row)
    return Response(status_code=204)


_Handler = Callable[[_Ledger, _Shape, Request], Awaitable[Response]]
# One route a path, not one a method: only so does a 405 name every method in its Allow header.
_PATHS: dict[str, dict[str, _Handler]] = {
    "": {"GET": _list, "POST": _create},
    "/{id}": {"GET": _get, "PATCH": _update, "DELETE": _delete},
}


def _route(ledger: _Ledger, shape: _Shape, path: str, handlers: Mapping[str, _Handler]) -> Route:
    async def endpoint(request: Request) -> Response:
        ledger.note_request()
        return await handlers[request.method if request.method in handlers else "GET"](ledger, shape, request)

    return Route(f"{_ROOT}/{shape.name}{path}", endpoint, methods=list(handlers))


def _application(ledger: _Ledger, token: Callable[[], str]) -> AsgiApp:
    inner = Starlette(
        routes=[_route(ledger, shape, path, to) for shape in _SHAPES.values() for path, to in _PATHS.items()],
        exception_handlers={HTTPException: _http_problem, _InvalidError: _invalid_problem},
    )
    inner.router.redirect_slashes = False

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        given = b"".join(value for name, value in scope["headers"] if name.lower() == b"authorization")
        scheme, _, credentials = given.partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(credentials.strip(), token().encode()):
            await inner(scope, receive, send)
            return
        refusal = _problem(401, "A valid bearer token is required.", headers={"WWW-Authenticate": "Bearer"})
        await refusal(scope, receive, send)

    return application


_FAULT_WORDS: dict[FaultKind, str] = {
    "429": "Too many requests.",
    "500": "Something went wrong.",
    "502": "The system behind this one gave no answer.",
    "503": "The system is down for maintenance.",
    "504": "The system behind this one took too long.",
}
# What the faults that are drawn by chance answer.
_FAULTS: dict[FaultKind, Fault] = {
    kind: Fault(int(kind), bytes(answer.body), "application/problem+json")
    for kind, text in _FAULT_WORDS.items()
    for answer in [_problem(int(kind), text)]
}


# --- the emulator -----------------------------------------------------------------------------------------------


def _system_time() -> datetime:
    return datetime.now(UTC)


class CustomcrmEmulator:
    """A Customcrm with the default REST profile, for tests.

    As a context manager it serves real HTTP on a free port of 127.0.0.1; without, `app` is the same system as an
    ASGI application. It starts empty; leaving the context (or `close()`) stops the server and drops every record.

    ```python
    with CustomcrmEmulator() as server:
        server.state.customers.add({"Name": "Analytical Engines"})
        crm = keapbridge.CustomcrmClient(server.base_url, auth=keapbridge.BearerToken(server.token))
    ```

    Args:
        token: The bearer token that clients must send.
        clock: The system's time, with a zone; a clock that stands still is fine, since every write is stamped at
            least one millisecond after the last.
        behaviour: How the system alters what it stores.

    Attributes:
        app: The recorded ASGI application; its paths begin with `/api`.
        requests: Every request seen, whichever way it came.
        faults: Faults planned for requests to come.
        state: The records, readable and editable while the server runs.
        token: The bearer token; assign another to revoke it.
        webhooks: Who is told of changes, and what was delivered.
    """

    def __init__(
        self,
        *,
        token: str = "customcrm-token",  # noqa: S107
        clock: Clock | None = None,
        behaviour: CustomcrmBehaviour | None = None,
    ) -> None:
        self.token = token
        self.requests = RequestLog()
        self.faults = Faults(_FAULTS)
        self.webhooks = CustomcrmWebhooks()
        time = clock or _system_time
        self._ledger = _Ledger(time, behaviour or CustomcrmBehaviour(), self.webhooks)
        self.state = CustomcrmState(self._ledger)
        application = _application(self._ledger, lambda: self.token)
        self.app: AsgiApp = Recorder(application, self.requests, self.faults, clock=time)
        self._server: LoopbackServer | None = None
        self._closed = False

    @property
    def base_url(self) -> str:
        """Where clients find the system; while it is not served, a URL that only reaches it through `app`."""
        origin = "emulator.invalid" if self._server is None else f"127.0.0.1:{self._server.port}"
        return f"http://{origin}{_ROOT}"

    def __enter__(self) -> Self:
        if self._closed or self._server is not None:
            raise RuntimeError("an emulator is entered once")
        server = LoopbackServer(self.app)
        server.__enter__()
        self._server = server
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the server, if it runs, and drops the records; may be called again."""
        server, self._server, self._closed = self._server, None, True
        self.webhooks.close()
        if server is not None:
            server.__exit__(None, None, None)
        self._ledger.close()

    def __repr__(self) -> str:
        return f"<CustomcrmEmulator at {self.base_url}>"
