"""The HTTP surface of the default REST profile; it holds no state."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import attrs
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keapbridge.testing._faults import Fault, FaultKind
from keapbridge.testing._server import AsgiApp, Receive, Scope, Send
from keapbridge.testing.customcrm._ledger import Ledger, Row
from keapbridge.testing.customcrm._shapes import SHAPES, InvalidError, Shape
from keapbridge.testing.customcrm._wire import EPOCH, MILLISECOND, ROOT, Wire, canonical, decode, encode

_MOST = 1000


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
    return Response(encode(problem), status, headers, media_type="application/problem+json")


async def _http_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(error.status_code, error.detail, getattr(error, "errors", ()), error.headers)


async def _invalid_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidError)
    return _problem(422, "The record is not valid.", error.errors)


def _json(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


def _single(row: Row, status: int = 200, **headers: str) -> Response:
    return _json(row.document, status, {"ETag": row.etag, **headers})


async def _body(request: Request) -> Wire:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not re.fullmatch(r"application/[^/]+\+json", media):
        raise _ProblemError(415, "The content type must be application/json.")
    try:
        body = decode(await request.body())
    except (ValueError, RecursionError) as error:
        raise _ProblemError(400, "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise _ProblemError(422, "The body must be a JSON object.")
    return body


def _existing(ledger: Ledger, shape: Shape, request: Request) -> Row:
    id_ = request.path_params["id"]
    row = ledger.find(shape, id_)
    if row is None or not row.live:
        raise _ProblemError(404, f"There is no record {id_} among the {shape.name}.")
    return row


def _demand_match(row: Row, request: Request) -> None:
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
        return -((EPOCH - moment) // MILLISECOND)
    except (ValueError, TypeError) as error:
        raise ValueError("must be a time with a zone, as 2026-01-02T03:04:05.678Z") from error


def _cursor(shape: Shape, since: int | None, after: int) -> str:
    return base64.urlsafe_b64encode(encode((shape.name, since, after))).decode()


def _place(shape: Shape, cursor: str) -> tuple[int | None, int]:
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        name, since, after = msgspec.json.decode(raw, type=tuple[str, int | None, int])
        # What is not an integer of SQLite's is no cursor of ours either.
        if name == shape.name and max(abs(since or 0), abs(after)) < 2**53:
            return since, after
    except ValueError:
        pass
    raise ValueError("is not one that this list gave")


def _listing(shape: Shape, query: Mapping[str, str]) -> _Listing:
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


async def _list(ledger: Ledger, shape: Shape, request: Request) -> Response:
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
    return _json(b'{"Items":[' + b",".join(documents) + b'],"NextCursor":' + encode(cursor) + b"}")


async def _create(ledger: Ledger, shape: Shape, request: Request) -> Response:
    body = await _body(request)
    key = request.headers.get("idempotency-key")
    if key == "":
        # A client that believes itself protected must not be left in that belief.
        raise _ProblemError(400, "The Idempotency-Key is empty.")
    digest = sha256(canonical(body)).digest()
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
    return _single(row, 201 if receipt is None else 200, Location=f"{ROOT}/{shape.name}/{id_}")


async def _get(ledger: Ledger, shape: Shape, request: Request) -> Response:
    with ledger.transaction():
        return _single(_existing(ledger, shape, request))


async def _update(ledger: Ledger, shape: Shape, request: Request) -> Response:
    body = await _body(request)
    with ledger.transaction():
        row = _existing(ledger, shape, request)
        _demand_match(row, request)
        changes = ledger.checked(shape, body, decode(row.document))
        return _single(ledger.rewrite(shape, row, changes) if changes else row)


async def _delete(ledger: Ledger, shape: Shape, request: Request) -> Response:
    with ledger.transaction():
        row = _existing(ledger, shape, request)
        _demand_match(row, request)
        ledger.bury(shape, row)
    return Response(status_code=204)


_Handler = Callable[[Ledger, Shape, Request], Awaitable[Response]]
# One route a path, not one a method: only so does a 405 name every method in its Allow header.
_PATHS: dict[str, dict[str, _Handler]] = {
    "": {"GET": _list, "POST": _create},
    "/{id}": {"GET": _get, "PATCH": _update, "DELETE": _delete},
}


def _route(ledger: Ledger, shape: Shape, path: str, handlers: Mapping[str, _Handler]) -> Route:
    async def endpoint(request: Request) -> Response:
        ledger.note_request()
        return await handlers[request.method if request.method in handlers else "GET"](ledger, shape, request)

    return Route(f"{ROOT}/{shape.name}{path}", endpoint, methods=list(handlers))


def application(ledger: Ledger, token: Callable[[], str]) -> AsgiApp:
    inner = Starlette(
        routes=[_route(ledger, shape, path, to) for shape in SHAPES.values() for path, to in _PATHS.items()],
        exception_handlers={HTTPException: _http_problem, InvalidError: _invalid_problem},
    )
    inner.router.redirect_slashes = False

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        given = b"".join(value for name, value in scope["headers"] if name.lower() == b"authorization")
        scheme, _, credentials = given.partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(credentials.strip(), token().encode()):
            await inner(scope, receive, send)
            return
        refusal = _problem(401, "A valid bearer token is required.", headers={"WWW-Authenticate": "Bearer"})
        await refusal(scope, receive, send)

    return guarded


_FAULT_WORDS: dict[FaultKind, str] = {
    "429": "Too many requests.",
    "500": "Something went wrong.",
    "502": "The system behind this one gave no answer.",
    "503": "The system is down for maintenance.",
    "504": "The system behind this one took too long.",
}
# What the faults that are drawn by chance answer.
FAULTS: dict[FaultKind, Fault] = {
    kind: Fault(int(kind), bytes(answer.body), "application/problem+json")
    for kind, text in _FAULT_WORDS.items()
    for answer in [_problem(int(kind), text)]
}
