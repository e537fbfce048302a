"""CRMs of other styles: one small server that behaves as a schema says, and refuses what the schema does not declare.

It keeps the JSON of its own style and has its own reading of paths, so that it can disagree with the library.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

import attrs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import keapbridge as kb
from keapbridge.customcrm.schema import OBJECTS, attribute_of, wire_path
from keapbridge.testing import Recorded, RequestLog
from keapbridge.testing._faults import Faults
from keapbridge.testing._server import LoopbackServer, Recorder

Json = dict[str, Any]
Check = Callable[[Request], bool]
crm = kb.customcrm

ROOT = "/some/api"


class RefusedError(Exception):
    """An answer that says no."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@attrs.define
class Row:
    """A record as it is kept: in the CRM's own form, without what the CRM itself decides."""

    id: str
    body: Json
    created: datetime
    updated: datetime
    version: int = 1
    deleted: bool = False


def at(body: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(body, dict) or name not in body:
            return None
        body = body[name]
    return body


def set_at(body: Json, path: str, value: Any) -> None:
    names = path.split(".")
    for name in names[:-1]:
        if not isinstance(body.get(name), dict):
            body[name] = {}
        body = body[name]
    body[names[-1]] = value


def merged(old: Json, new: Json, *, deep: bool) -> Json:
    """What a partial write leaves: objects inside are joined, or replaced."""
    out = {**old, **new}
    if deep:
        for name, value in new.items():
            if isinstance(value, dict) and isinstance(old.get(name), dict):
                out[name] = merged(old[name], value, deep=True)
    return out


class CrmVariant:
    """A CRM with the REST API of a schema, on loopback.

    Args:
        signed: whether a request is signed as it should be.
        clock: says what time it is; the system's clock without it, in whole seconds as long as nothing is in a hurry.
    """

    def __init__(self, schema: crm.CustomcrmSchema, signed: Check, clock: Callable[[], datetime] | None = None) -> None:
        self.schema = schema
        self.requests = RequestLog()
        self.faults = Faults()
        self.tokens: list[str] = []
        self.token_life = 3600
        self.between_pages: list[Callable[[], None]] = []
        self._signed = signed
        self._rows: dict[str, dict[str, Row]] = {name: {} for name in OBJECTS}
        self._made: dict[tuple[str, str], str] = {}
        self._now = clock or (lambda: datetime.now(UTC).replace(microsecond=0))
        self._clock = self._now() - timedelta(hours=1)
        self._lock = threading.RLock()
        routes = [Route("/token", self._token, methods=["POST"])]
        for object in OBJECTS:
            one = getattr(schema, object).one
            routes += [
                Route(ROOT + getattr(schema, object).path, self._endpoint(object, self._many), methods=["GET", "POST"]),
                Route(ROOT + one, self._endpoint(object, self._one), methods=["GET", "PUT", "PATCH", "POST", "DELETE"]),
            ]
        self.app = Recorder(Starlette(routes=routes), self.requests, self.faults)
        self._server = LoopbackServer(self.app)
        self.base_url = f"http://127.0.0.1:{self._server.port}{ROOT}"
        self.token_url = f"http://127.0.0.1:{self._server.port}/token"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.__exit__(*exc_info)

    # --- what people do in the CRM --------------------------------------------------------------------------------

    def begin_anew(self) -> None:
        """Forget all records and requests, as a server that was started just now; tokens stay good."""
        with self._lock:
            for rows in self._rows.values():
                rows.clear()
            self._made.clear()
        self.between_pages.clear()
        self.faults.clear()
        self.requests.clear()

    def add(self, object: str, values: Mapping[str, Any], **own: Any) -> str:
        """A new record, by the names of the default profile; `own` are the CRM's own properties."""
        with self._lock:
            return self._insert(object, self._body(object, values) | own).id

    def edit(self, object: str, id: str, **values: Any) -> None:
        with self._lock:
            row = self._rows[object][id]
            row.body = merged(row.body, self._body(object, values), deep=True)
            self._touch(row)

    def remove(self, object: str, id: str) -> None:
        with self._lock:
            self._delete(object, self._rows[object][id])

    def rows(self, object: str) -> dict[str, Json]:
        """Id → record, by the names of the default profile, without what is empty or deleted."""
        cls = OBJECTS[object]
        with self._lock:
            found = {}
            for row in self._rows[object].values():
                if not row.deleted:
                    paths = {f.name: wire_path(self.schema.of(object), object, f.name) for f in attrs.fields(cls)}
                    values = {n: at(row.body, p) for n, p in paths.items() if n != "extra" and p is not None}
                    found[row.id] = {crm.records.wire_name(n): v for n, v in values.items() if v is not None}
            return found

    def raw(self, object: str, id: str) -> Json:
        """A record as the CRM keeps it."""
        return deepcopy(self._rows[object][id].body)

    def only(self, object: str) -> tuple[str, Json]:
        [(id, row)] = self.rows(object).items()
        return id, row

    @property
    def writes(self) -> list[Recorded]:
        return [r for r in self.requests.writes if r.path != "/token"]

    # --- the ledger -----------------------------------------------------------------------------------------------

    def _tick(self) -> datetime:
        self._clock = max(self._clock + timedelta(milliseconds=1), self._now())
        return self._clock

    def _body(self, object: str, values: Mapping[str, Any]) -> Json:
        out: Json = {}
        for name, value in values.items():
            attribute = attribute_of(OBJECTS[object], name)
            path = wire_path(self.schema.of(object), object, attribute) if attribute else name
            assert path is not None
            set_at(out, path, value)
        return out

    def _insert(self, object: str, body: Json) -> Row:
        number = sum(map(len, self._rows.values())) + 1
        id = str(number) if self.schema.ids == "integer" else f"x{number}"
        moment = self._tick()
        row = Row(id, body, moment, moment)
        self._rows[object][id] = row
        return row

    def _touch(self, row: Row) -> None:
        row.updated, row.version = self._tick(), row.version + 1

    def _delete(self, object: str, row: Row) -> None:
        row.deleted = True
        self._touch(row)
        mark = self.schema.of(object).deleted
        if mark is not None:
            set_at(row.body, mark.property, self._time(row.updated) if mark.time else mark.value)

    def _time(self, moment: datetime) -> Any:
        match self.schema.times:
            case "unix":
                return moment.timestamp()
            case "unix_ms":
                return int(moment.timestamp() * 1000)
            case _:
                return moment.isoformat(timespec="milliseconds").replace("+00:00", "")  # UTC, and does not say so

    def _shown(self, object: str, row: Row) -> Json:
        here = self.schema.of(object)
        body = deepcopy(row.body)
        id: Any = int(row.id) if self.schema.ids == "integer" else row.id
        system = {"id": id, "created_at": self._time(row.created), "updated_at": self._time(row.updated)}
        for attribute, value in (system | {"etag": row.version}).items():
            path = wire_path(here, object, attribute)
            if path is not None:
                set_at(body, path, value)
        return body

    # --- HTTP -----------------------------------------------------------------------------------------------------

    def _endpoint(self, object: str, work: Callable[[str, Request, bytes], Response]) -> Any:
        async def answer(request: Request) -> Response:
            body = await request.body()
            try:
                with self._lock:
                    self._check(request)
                    return work(object, request, body)
            except RefusedError as error:
                return Response(json.dumps({"detail": str(error)}), error.status, media_type="application/json")

        return answer

    def _check(self, request: Request) -> None:
        if not self._signed(request):
            raise RefusedError(401, "not signed")

    async def _token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        expected = "Basic " + base64.b64encode(b"client%3Aone:s%20ecret").decode()
        if request.headers.get("authorization") != expected or form.get("scope") != ["crm.read crm.write"]:
            return Response(json.dumps({"error": "invalid_client"}), 400, media_type="application/json")
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        body = {"access_token": self.tokens[-1], "token_type": "bearer", "expires_in": self.token_life}
        return Response(json.dumps(body), media_type="application/json")

    def _answer(self, object: str, row: Row, status: int = 200) -> Response:
        here = self.schema.of(object)
        headers = {"ETag": str(row.version)} if here.conditional else {}
        body: Any = self._shown(object, row)
        if here.envelope.record:
            body = {}
            set_at(body, here.envelope.record, self._shown(object, row))
        return Response(json.dumps(body), status, headers, media_type="application/json")

    def _written(self, object: str, row: Row, status: int) -> Response:
        if self.schema.of(object).envelope.written == "record":
            return self._answer(object, row, status)
        return Response(status_code=204, headers={"Location": f"{ROOT}/elsewhere/{row.id}"})

    def _unwrapped(self, object: str, body: bytes) -> Json:
        sends = self.schema.of(object).envelope.sends
        found = json.loads(body)
        record = at(found, sends) if sends else found
        if not isinstance(record, dict):
            raise RefusedError(422, "not a record")
        return record

    def _one(self, object: str, request: Request, body: bytes) -> Response:
        here = self.schema.of(object)
        row = self._rows[object].get(request.path_params["id"])
        shows_deleted = here.delete == "soft"
        if row is None or (row.deleted and not shows_deleted):
            raise RefusedError(404, "there is none")
        condition = request.headers.get("if-match")
        if condition is not None and not here.conditional:
            raise RefusedError(400, "If-Match is not known here")
        if condition is not None and condition != str(row.version):
            raise RefusedError(412, "it has another version")
        match request.method:
            case "GET":
                return self._answer(object, row)
            case "DELETE" if here.delete == "hard":
                self._delete(object, row)
                return Response(status_code=204)
            case method if method == here.update.method:
                record = self._unwrapped(object, body)
                deep = here.update.nested == "merge"
                row.body = record if here.update.whole else merged(row.body, record, deep=deep)
                self._touch(row)
                mark = here.deleted
                if here.delete == "soft" and mark is not None:
                    row.deleted = mark.holds(at(row.body, mark.property))
                return self._written(object, row, 200)
            case _:
                raise RefusedError(405, "not here")

    def _many(self, object: str, request: Request, body: bytes) -> Response:
        here = self.schema.of(object)
        if request.method == "POST":
            key = request.headers.get(here.idempotency) if here.idempotency else None
            if here.idempotency is None and "idempotency-key" in request.headers:
                raise RefusedError(400, "Idempotency-Key is not known here")
            known = self._made.get((object, key)) if key else None
            row = self._rows[object][known] if known else self._insert(object, self._unwrapped(object, body))
            if key:
                self._made[object, key] = row.id
            return self._written(object, row, 201)
        query = parse_qs(request.url.query, keep_blank_values=True)
        for name, value in getattr(here, object).query.items():
            if query.pop(name, None) != [value]:
                raise RefusedError(400, f"{name} is missing")
        rows = list(self._selected(object, query))
        return self._page(object, request, query, rows)

    def _selected(self, object: str, query: dict[str, list[str]]) -> Iterator[Row]:
        here = self.schema.of(object)
        rows = list(self._rows[object].values())
        since = None
        if here.changed_since is not None and here.changed_since.parameter in query:
            [text] = query.pop(here.changed_since.parameter)
            head, _, tail = here.changed_since.template.partition("{since}")
            since = self._moment(text.removeprefix(head).removesuffix(tail), here.changed_since.format)
            rows = [row for row in rows if row.updated >= since]
        shows_deleted = here.deleted is not None and (here.delete == "soft" or since is not None)
        rows = [row for row in rows if shows_deleted or not row.deleted]
        if here.batch is not None and here.batch.parameter in query:
            asked = query.pop(here.batch.parameter)
            ids = asked if here.batch.separator is None else asked[0].split(here.batch.separator)
            if len(ids) > here.batch.most:
                raise RefusedError(400, "too many ids")
            rows = [row for row in rows if row.id in ids]
        for name, parameter in getattr(here, object).find.items():
            if parameter in query:
                [wanted] = query.pop(parameter)
                path = wire_path(here, object, attribute_of(OBJECTS[object], name) or name) or name
                rows = [row for row in rows if at(row.body, path) == wanted]
        return iter(rows)

    @staticmethod
    def _moment(text: str, format: str) -> datetime:
        match format:
            case "iso8601":
                return datetime.fromisoformat(text)
            case "unix":
                return datetime.fromtimestamp(int(text), UTC)
            case "unix_ms":
                return datetime.fromtimestamp(int(text) / 1000, UTC)
            case pattern:
                return datetime.strptime(text, pattern).replace(tzinfo=UTC)

    def _page(self, object: str, request: Request, query: dict[str, list[str]], rows: list[Row]) -> Response:
        here = self.schema.of(object)
        paging = here.paging
        assert paging is not None
        size = min(int(query.pop(paging.size or "", ["2"])[0]), paging.most)
        name = getattr(paging, "parameter", "place")
        text = query.pop(name, ["0" if paging.style != "page" else str(getattr(paging, "first", 1))])[0]
        query.pop("key", None)
        if query:
            raise RefusedError(400, f"not known: {', '.join(query)}")
        start = (int(text) - getattr(paging, "first", 1)) * size if paging.style == "page" else int(text)
        if paging.style in {"cursor", "link", "next_url"}:  # a place between records that stays where it is
            numbers = [int(row.id.lstrip("x")) for row in rows]
            rows = [row for row, number in zip(rows, numbers, strict=True) if number > start]
            found, more = rows[:size], len(rows) > size
            onward = found[-1].id.lstrip("x") if found else ""
        else:
            found, more, onward = rows[start : start + size], False, ""
        body: Any = {}
        items = [self._shown(object, row) for row in found]
        headers: dict[str, str] = {}
        raw = {k: v for k, v in parse_qs(request.url.query).items() if k != "place"}
        target = f"{request.url.path}?{urlencode({**raw, 'place': onward}, doseq=True)}"
        if here.envelope.items is None:
            body = items
        else:
            set_at(body, here.envelope.items, items)
        if isinstance(paging, crm.CursorPaging):
            set_at(body, paging.following, onward if more else None)
        elif isinstance(paging, crm.NextUrlPaging):
            set_at(body, paging.following, f"https://behind.a.proxy{target}" if more else None)
        elif isinstance(paging, crm.LinkPaging):
            headers["Link"] = f'<{target}>; rel="next", <{ROOT}>; rel="first"' if more else f'<{ROOT}>; rel="first"'
        elif paging.total is not None:
            set_at(body, paging.total, len(rows))
        response = Response(json.dumps(body), headers=headers, media_type="application/json")
        if self.between_pages:
            self.between_pages.pop(0)()
        return response


# --- five styles ----------------------------------------------------------------------------------------------------

SCHEMAS: dict[str, crm.CustomcrmSchema] = {
    # Able to everything, in words of its own.
    "cursor": crm.CustomcrmSchema(
        names="camelCase",
        version="revision",
        envelope=crm.Envelope(items="data.rows", record="data", sends="data"),
        paging=crm.CursorPaging(following="data.after", parameter="after", size="pageSize", most=2),
        changed_since=crm.ChangedSince("filter", template="updatedAt ge {since}"),
        deleted=crm.DeletedMark("status", "archived"),
        delete="soft",
        idempotency="X-Request-Key",
        batch=crm.BatchRead("id", separator=None, most=2),
        contacts=crm.CustomcrmObject(
            "/people",
            properties={
                "FirstName": "name.given",
                "last_name": "name.family",
                "CustomerId": "employer.id",
                "ShoeSize": "measures.shoe",
            },
        ),
        customers=crm.CustomcrmObject("/orgs", record="/org/{id}.json"),
        products=crm.CustomcrmObject("/items", properties={"Sku": "articleNumber"}),
    ),
    # Whole records only, no list of changes, versions in headers, numbers for ids.
    "page": crm.CustomcrmSchema(
        names="snake_case",
        version=None,
        times="unix",
        ids="integer",
        decimals="number",
        envelope=crm.Envelope(items="results"),
        paging=crm.PagePaging(most=2, total="count"),
        changed_since=None,
        deleted=None,
        update=crm.Update("PUT", whole=True),
        idempotency=None,
        batch=None,
        contacts=crm.CustomcrmObject(
            "/contacts/",
            record="/contacts/{id}/",
            properties={"city": "address.town", "zip_code": "address.zip"},
            find={"Email": "email"},
            query={"sort": "id"},
        ),
        customers=crm.CustomcrmObject("/customers/", record="/customers/{id}/", find={"Name": "name"}),
        products=crm.CustomcrmObject("/products/", record="/products/{id}/", find={"Sku": "sku"}),
    ),
    # The body is the list; objects inside records are replaced; deleted records have a time; answers say little.
    "offset": crm.CustomcrmSchema(
        names="camelCase",
        created=None,
        version=None,
        conditional=False,
        envelope=crm.Envelope(items=None, written="id"),
        paging=crm.OffsetPaging(parameter="skip", size="top", most=3),
        changed_since=crm.ChangedSince("modifiedAfter", "%Y-%m-%dT%H:%M:%S"),
        deleted=crm.DeletedMark("deletedAt", time=True),
        delete="soft",
        update=crm.Update("PATCH", nested="replace"),
        batch=crm.BatchRead("ids", separator="|", sized=True),
        contacts=crm.CustomcrmObject("/c", properties={"FirstName": "name.first", "LastName": "name.last"}),
        customers=crm.CustomcrmObject("/k"),
        products=crm.CustomcrmObject("/p"),
    ),
    # The next page in a header, the key in the query; a list of deletions, but no idempotency keys and no batches.
    "link": crm.CustomcrmSchema(
        times="unix_ms",
        version="Meta.Version",
        modified="Meta.Changed",
        envelope=crm.Envelope(items="Items", record="Item"),
        paging=crm.LinkPaging(most=2),
        changed_since=crm.ChangedSince("since", "unix_ms"),
        deleted=crm.DeletedMark("Gone"),
        update=crm.Update("PUT", whole=True),
        idempotency=None,
        batch=None,
        products=crm.CustomcrmObject("/products", differs={"changed_since": None, "deleted": None}),
    ),
    # Able to nearly nothing.
    "next_url": crm.CustomcrmSchema(
        names="snake_case",
        created=None,
        modified=None,
        version=None,
        conditional=False,
        envelope=crm.Envelope(items="records", written="id"),
        paging=crm.NextUrlPaging(following="paging.next", most=2),
        changed_since=None,
        deleted=None,
        delete=None,
        update=crm.Update("POST"),
        idempotency=None,
        batch=None,
    ),
}


def auth_of(style: str, server: CrmVariant) -> Any:
    """The credentials that the CRM of a style takes."""
    match style:
        case "cursor":
            return kb.BearerToken("t0k")
        case "page":
            return kb.ApiKey("k-1", header="X-API-Key")
        case "offset":
            return kb.BasicAuth("ada", "pass:wörd")
        case "link":
            return kb.ApiKey("k 2", query="key")
        case _:
            return kb.ClientCredentials(
                server.token_url, client_id="client:one", client_secret="s ecret", scope="crm.read crm.write"
            )


def variant(style: str, schema: crm.CustomcrmSchema | None = None) -> CrmVariant:
    """The CRM of a style, or of another schema that signs its calls as that style does."""

    def signed(request: Request) -> bool:
        given = request.headers.get("authorization")
        match style:
            case "cursor":
                return given == "Bearer t0k"
            case "page":
                return request.headers.get("x-api-key") == "k-1"
            case "offset":
                return given == "Basic " + base64.b64encode("ada:pass:wörd".encode()).decode()
            case "link":
                return parse_qs(request.url.query).get("key") == ["k 2"]
            case _:
                return bool(server.tokens) and given == f"Bearer {server.tokens[-1]}"

    server = CrmVariant(schema or SCHEMAS[style], signed)
    return server
