"""What a call of a declared API looks like: its method, its path, its query, its headers and its body. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec

from keapbridge._io.calls import Answer, Call
from keapbridge._json.codec import dump_json
from keapbridge.customcrm.endpoints.endpoint import Endpoint, Json, Query
from keapbridge.customcrm.paths import put
from keapbridge.customcrm.schema import Request
from keapbridge.model.checked import asked_id
from keapbridge.model.timed import as_sent

__all__ = ["about_one", "created", "listed"]

ID, IDS, RECORD = "{id}", "{ids}", "{record}"
_with_numbers = msgspec.json.Encoder(decimal_format="number", enc_hook=as_sent).encode


def about_one(
    endpoint: Endpoint[Any],
    operation: str,
    id: str,
    method: str,
    decode: Callable[[Answer], Any],
    *,
    headers: Query = (),
    record: Json | None = None,
) -> Call[Any]:
    """A call about one record, which it may send."""
    request, id = endpoint.requests[operation], asked_id(id)
    template = request.path or endpoint.declared.one
    path, query = _address(template, id)
    body = _body(endpoint, request, record, id)
    signed = _plain_headers(endpoint, request) if body is None else _headers(endpoint, request)
    return Call(
        request.method or method,
        path,
        decode,
        query=(*query, *request.query.items()),
        headers=(*signed, *headers),
        body=body,
        subject=f"{endpoint.singular} {id}",
        route=template.partition("?")[0],
        gone=endpoint.schema.gone,
    )


def created(
    endpoint: Endpoint[Any], decode: Callable[[Answer], Any], record: Json, *, headers: Query, repeatable: bool
) -> Call[Any]:
    """A call that makes a record."""
    request = endpoint.requests["create"]
    path, query = _address(request.path or endpoint.path, "")
    return Call(
        request.method or "POST",
        path,
        decode,
        query=(*query, *request.query.items()),
        headers=(*_headers(endpoint, request), *headers),
        body=_body(endpoint, request, record, None),
        subject=f"a new {endpoint.singular}",
        repeatable=repeatable,
        route="" if request.path is None else path,
    )


def listed(
    endpoint: Endpoint[Any],
    decode: Callable[[Answer], Any],
    path: str | None,
    query: Query,
    ids: Sequence[str] | None = None,
    *,
    headers: Query = (),
) -> Call[Any]:
    """A call for a page of a list: of many by their ids, where these are given.

    Args:
        path: what an answer named as the next page, with its query; `None` for the list itself.
    """
    request = endpoint.requests["list" if ids is None else "batch"]
    start, own = _address(request.path or endpoint.declared.path, "")
    method = request.method or "GET"
    in_body = method != "GET" and (path is None or request.body is not None)
    body = None
    if in_body:
        sent: Json = _filled(request.body or {}, None, None, ids, as_number=_has_numbers(endpoint))
        for name, text in () if path is not None else _without_ids(endpoint, request, query, ids):
            put(sent, name, _as_json(text))
        body, query = dump_json(sent), query if path is not None else ()
    extra = () if path is not None else (*own, *request.query.items())
    return Call(
        method,
        start if path is None else path,
        decode,
        query=(*query, *extra),
        headers=(*(_headers if body is not None else _plain_headers)(endpoint, request), *headers),
        body=body,
        subject=f"the list of {endpoint.singular}s",
        route=start,
        empty=(304,) if headers else (),
    )


def _without_ids(endpoint: Endpoint[Any], request: Request, query: Query, ids: Sequence[str] | None) -> Query:
    """Without the parameter of the ids, where these have their place in the body."""
    batch = endpoint.schema.batch
    if ids is None or batch is None or request.body is None:
        return query
    return tuple((name, text) for name, text in query if name != batch.parameter)


def _address(template: str, id: str) -> tuple[str, Query]:
    """A path with its id, percent-encoded, and the query behind it."""
    path, _, query = template.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    return path.replace(ID, quote(id, safe="")), tuple((name, text.replace(ID, id)) for name, text in pairs)


def _plain_headers(endpoint: Endpoint[Any], request: Request) -> Query:
    return tuple({**endpoint.schema.headers, **request.headers}.items())


def _headers(endpoint: Endpoint[Any], request: Request) -> Query:
    """The headers of a call that sends something."""
    kind = {"Content-Type": endpoint.schema.content_type} if endpoint.schema.content_type != "application/json" else {}
    return tuple({**kind, **endpoint.schema.headers, **request.headers}.items())


def _body(endpoint: Endpoint[Any], request: Request, record: Json | None, id: str | None) -> bytes | None:
    if request.body is not None:
        ids = None if id is None else [id]
        return _encoded(endpoint, _filled(request.body, record, id, ids, as_number=_has_numbers(endpoint)))
    return None if record is None else _encoded(endpoint, _wrapped(endpoint, record, id))


def _wrapped(endpoint: Endpoint[Any], record: Json, id: str | None) -> Json:
    envelope = endpoint.schema.envelope
    inner = dict(record) if envelope.constant else record
    for path, value in envelope.constant.items():
        if id is not None or not _names_id(value):
            put(inner, path, _filled(value, None, id, None))
    if envelope.sends is None:
        return inner
    outer: Json = {}
    put(outer, envelope.sends, inner)
    return outer


def _encoded(endpoint: Endpoint[Any], body: Any) -> bytes:
    return _with_numbers(body) if endpoint.schema.decimals == "number" else dump_json(body)


def _names_id(template: Any) -> bool:
    if isinstance(template, str):
        return ID in template
    if isinstance(template, Mapping):
        return any(map(_names_id, template.values()))
    return isinstance(template, list) and any(map(_names_id, template))


def _has_numbers(endpoint: Endpoint[Any]) -> bool:
    """Whether ids are numbers in what is sent."""
    return endpoint.schema.ids == "integer"


def _filled(
    template: Any, record: Json | None, id: str | None, ids: Sequence[str] | None, *, as_number: bool = False
) -> Any:
    """A template with what it stands for."""

    def number(id: str) -> Any:
        return int(id) if as_number and id.isdecimal() else id

    def filled(template: Any, id: str | None, ids: Sequence[str] | None) -> Any:
        if template == RECORD:
            return record
        if template == IDS:
            return list(map(number, ids or ()))
        if template == ID and id is not None:
            return number(id)
        if isinstance(template, str):
            return template if id is None else template.replace(ID, id)
        if isinstance(template, Mapping):
            return {name: filled(value, id, ids) for name, value in template.items()}
        if isinstance(template, (list, tuple)):
            if id is None and ids is not None and len(template) == 1 and _names_id(template[0]):
                return [filled(template[0], each, None) for each in ids]
            return [filled(value, id, ids) for value in template]
        return template

    return filled(template, id, ids)


def _as_json(text: str) -> Any:
    """A parameter as a body has it: numbers, lists and objects are no texts there."""
    if text.isdecimal() or text[:1] in "[{":
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(text)
    return text
