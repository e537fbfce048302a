"""Single records: read, made, changed, deleted."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

import attrs

from keapbridge._io.calls import Answer, Call
from keapbridge._json.codec import id_text, load_json
from keapbridge.customcrm.endpoints.asking import about_one, created
from keapbridge.customcrm.endpoints.endpoint import Endpoint, Json, Query, id_of, is_deleted
from keapbridge.customcrm.endpoints.false_success import refuse_in_body
from keapbridge.customcrm.forms import zone_of
from keapbridge.customcrm.paths import dig, has, put
from keapbridge.customcrm.schema import time_text
from keapbridge.errors import NotFoundError, ShapeError
from keapbridge.model.given import wrong
from keapbridge.model.maybe import UNSET
from keapbridge.model.meant import is_meant

__all__ = [
    "Current",
    "changes_to_record",
    "create",
    "current",
    "delete",
    "get",
    "mark_deleted",
    "marks_after_reading",
    "reads_before_writing",
    "record_extra",
    "update",
]

R = TypeVar("R")

_NO_CONTENT = 204
_KEY = re.compile(r"\((?:\w+=)?(?:'([^']*)'|([^'()]+))\)$")  # OData: Contacts(5), Contacts('A5'), Contacts(ID=5)


@attrs.frozen
class Current:
    """A record as the API shows it, for being written back, and its version."""

    body: Json = attrs.field(repr=False)
    version: str | None


def get(endpoint: Endpoint[R], id: str) -> Call[R]:
    """One record."""
    subject = f"{endpoint.singular} {id}"
    return about_one(endpoint, "get", id, "GET", _decode_one(endpoint, subject))


def current(endpoint: Endpoint[Any], id: str) -> Call[Current]:
    """One record, as it is needed for a write that has to send more than the changes."""
    subject = f"{endpoint.singular} {id}"

    def decode(answer: Answer) -> Current:
        body = _one_body(endpoint, answer, subject)
        if not isinstance(body, dict):
            raise ShapeError("the answer is not a record", paths=["$"])
        path = endpoint.wire.paths.get("etag")
        version = answer.headers.get("etag") if path is None else dig(body, path)
        return Current(body, None if version is None else str(version))

    return about_one(endpoint, "get", id, "GET", decode)


def create(endpoint: Endpoint[R], record: Any, *, key: str | None = None) -> Call[R]:
    """A new record; with an idempotency key, where the API takes one, it may be sent again and is made once.

    Where the answer does not show the record, the one that is returned holds its id only.
    """
    body = endpoint.codec.dump(record, endpoint.writable | record_extra(record).keys())
    header = endpoint.schema.idempotency
    given = {name: value for name, value in body.items() if value is not None}
    return created(
        endpoint,
        _decode_written(endpoint, None),
        endpoint.wire.write(given),
        headers=((header, key),) if key and header else (),
        repeatable=key is not None and header is not None,
    )


def update(
    endpoint: Endpoint[R],
    id: str,
    record: R,
    mask: Collection[str],
    *,
    if_match: str | None = None,
    onto: Json | None = None,
) -> Call[R]:
    """Write the masked attributes (or extra properties) of `record`; with `if_match` only onto that version.

    Args:
        onto: the record as it is now, where more than the changes has to be sent.
    """
    changes = endpoint.codec.dump(record, mask)
    into = None if onto is None else endpoint.wire.kept(onto, changes)
    body = endpoint.wire.write(changes, into)
    return _write(endpoint, id, body, _decode_written(endpoint, id), if_match)


def reads_before_writing(endpoint: Endpoint[R], record: R, mask: Collection[str]) -> bool:
    """Whether an update needs the record as it is now."""
    return endpoint.wire.reads_before_writing(endpoint.codec.dump(record, mask))


def delete(endpoint: Endpoint[Any], id: str, *, if_match: str | None = None) -> Call[None]:
    """Delete a record; with `if_match` only that version."""

    def decode(answer: Answer) -> None:
        if answer.body.lstrip()[:1] == b"{":
            refuse_in_body(endpoint, "delete", answer, load_json(answer))

    return about_one(endpoint, "delete", id, "DELETE", decode, headers=_conditions(endpoint, if_match))


def mark_deleted(
    endpoint: Endpoint[Any], id: str, moment: datetime, *, if_match: str | None = None, onto: Json | None = None
) -> Call[None]:
    """Write the mark of deleted records; with `if_match` only onto that version."""
    mark = endpoint.schema.deleted
    assert mark is not None  # the schema has checked that a soft delete has a mark
    value: Any = mark.value
    if mark.time:
        text = time_text(moment, endpoint.schema.times, zone_of(endpoint.schema))
        value = int(text) if endpoint.schema.times in {"unix", "unix_ms"} else text
    body = {} if onto is None else endpoint.wire.kept(onto, [mark.property])
    put(body, mark.property, value)
    return _write(endpoint, id, body, lambda _: None, if_match)


def marks_after_reading(endpoint: Endpoint[Any]) -> bool:
    """Whether writing the mark of deleted records needs the record as it is now."""
    mark = endpoint.schema.deleted
    return mark is not None and endpoint.wire.reads_before_writing([mark.property])


def changes_to_record(endpoint: Endpoint[R], changes: Mapping[str, Any]) -> tuple[R, frozenset[str]]:
    """A record that holds only these changes, and their names; properties of the host come as `extra={…}`.

    Raises:
        TypeError: for a name that is not a writable field.
    """
    unknown = sorted(changes.keys() - endpoint.writable - {"extra"})
    if unknown:
        meant = is_meant(unknown[0], endpoint.writable)
        raise TypeError(f"{endpoint.singular}s have no writable field {', '.join(map(repr, unknown))}{meant}")
    if "extra" in changes and not isinstance(changes["extra"], Mapping):
        raise wrong("extra", "properties by name, such as extra={'ShoeSize': 42}", changes["extra"])
    ready = {name: value for name, value in changes.items() if value is not UNSET}
    return endpoint.codec.cls(**ready), frozenset(ready.keys() - {"extra"} | ready.get("extra", {}).keys())


def record_extra(record: Any) -> Mapping[str, Any]:
    """The host's own properties of a record."""
    extra: Mapping[str, Any] = record.extra
    return extra


def _conditions(endpoint: Endpoint[Any], version: str | None) -> Query:
    return (("If-Match", version),) if version and endpoint.schema.conditional else ()


def _write(
    endpoint: Endpoint[Any], id: str, body: Json, decode: Callable[[Answer], Any], version: str | None
) -> Call[Any]:
    method, headers = endpoint.schema.update.method, _conditions(endpoint, version)
    return about_one(endpoint, "update", id, method, decode, headers=headers, record=body)


def _is_empty_list(body: Any, where: str | None) -> bool:
    """Whether a record is looked for in a list that has none."""
    path = (where or "").rpartition("[")[0]
    return bool((dig(body, path) if path else body) == [])


def _one_body(endpoint: Endpoint[Any], answer: Answer, subject: str, operation: str = "get") -> Any:
    body, where = None if answer.status == _NO_CONTENT else load_json(answer), endpoint.schema.envelope.record
    refuse_in_body(endpoint, operation, answer, body)
    found = dig(body, where)
    if found is None and (body is None or has(body, where) or _is_empty_list(body, where)):
        raise NotFoundError(f"{subject} is not there: the answer shows null in its place", status=404)
    if is_deleted(endpoint, found):
        raise NotFoundError(f"{subject} is marked as deleted", status=410)
    return found


def _decode_one(endpoint: Endpoint[R], subject: str, operation: str = "get") -> Callable[[Answer], R]:
    where = endpoint.schema.envelope.record
    path = f"$.{where}" if where else "$"

    def decode(answer: Answer) -> R:
        body = endpoint.wire.read(_one_body(endpoint, answer, subject, operation))
        record = endpoint.codec.load(body, path=path)
        return _versioned(endpoint, record, answer)

    return decode


def _versioned(endpoint: Endpoint[R], record: R, answer: Answer) -> R:
    if "etag" in endpoint.wire.paths:
        return record
    versioned: R = attrs.evolve(cast("Any", record), etag=answer.headers.get("etag"))
    return versioned


def _decode_written(endpoint: Endpoint[R], id: str | None) -> Callable[[Answer], R]:
    """The record that an answer to a write shows, or one with its id only where it shows no more."""
    subject = f"{endpoint.singular} {id or ''}".rstrip()
    operation = "create" if id is None else "update"
    whole = _decode_one(endpoint, subject, operation)

    def decode(answer: Answer) -> R:
        body = load_json(answer) if answer.body.strip() else None
        refuse_in_body(endpoint, operation, answer, body)
        shows = dig(body, endpoint.schema.envelope.record) is not None
        if endpoint.schema.envelope.written == "record" and shows and (id or not endpoint.requests["create"].id):
            return whole(answer)
        values: Json = {"id": id or _new_id(endpoint, answer)}
        return endpoint.codec.cls(**values)

    return decode


def _new_id(endpoint: Endpoint[Any], answer: Answer) -> str:
    body = load_json(answer) if answer.body.strip() else None
    told = id_text(dig(body, endpoint.requests["create"].id))
    if found := told or id_of(endpoint, dig(body, endpoint.schema.envelope.record)) or id_of(endpoint, body):
        return found
    address = answer.headers.get("location") or answer.headers.get("odata-entityid") or ""
    last = urlsplit(address).path.rstrip("/").rpartition("/")[2]
    inside = _KEY.search(last)
    last = last if inside is None else inside[1] or inside[2]
    if not last:
        raise ShapeError(
            "the answer tells no id of the new record: declare where it is, "
            "requests={'create': kb.customcrm.Request(id='…')}",
            paths=["$"],
        )
    return unquote(last)
