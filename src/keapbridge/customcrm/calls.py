"""The default REST profile of a Customcrm, as values: each function returns a `Call` and performs nothing. Pure.

The profile: PascalCase JSON; `GET /contacts?updated_since=…&limit=…&cursor=…` answers `{"Items": […], "NextCursor":
…}` with
tombstones among the changes; `?ids=` reads many; POST takes an `Idempotency-Key`; PATCH and DELETE take `If-Match`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import attrs

from keapbridge._convert import Codec, dump_json, load_json
from keapbridge._flow import UNSET, Answer, Call, Page
from keapbridge.customcrm import models
from keapbridge.customcrm.models import wire_name

__all__ = [
    "CONTACTS",
    "CUSTOMERS",
    "PRODUCTS",
    "Endpoint",
    "create",
    "delete",
    "get",
    "get_many",
    "list_page",
    "update",
]

MAX_PAGE = 1000
MAX_IDS_TEXT = 3000

R = TypeVar("R")

_READ_ONLY = frozenset({"id", "created_at", "updated_at", "etag"})


@attrs.frozen
class Endpoint(Generic[R]):
    """One of the three objects: its path, its name in messages, its records."""

    path: str
    singular: str
    codec: Codec[R]

    @property
    def writable(self) -> frozenset[str]:
        """The attributes that can be written; any further property goes through `extra`."""
        return frozenset(self.codec.fields) - _READ_ONLY


def _endpoint(path: str, singular: str, cls: type[R]) -> Endpoint[R]:
    return Endpoint(path, singular, Codec(cls, wire_name))


CONTACTS = _endpoint("/contacts", "contact", models.Contact)
CUSTOMERS = _endpoint("/customers", "customer", models.Customer)
PRODUCTS = _endpoint("/products", "product", models.Product)


def list_page(
    endpoint: Endpoint[R], *, updated_since: datetime | None = None, page_size: int = MAX_PAGE
) -> Call[Page[R]]:
    """A list, from its first page on: everything, or the changes (and tombstones) since a moment."""
    query: tuple[tuple[str, str], ...] = (("limit", str(page_size)),)
    if updated_since is not None:
        if updated_since.tzinfo is None:
            raise ValueError("times must carry a time zone")
        text = updated_since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        query += (("updated_since", text),)
    return _page_call(endpoint, query, None)


def _page_call(endpoint: Endpoint[R], query: tuple[tuple[str, str], ...], cursor: str | None) -> Call[Page[R]]:
    def decode(answer: Answer) -> Page[R]:
        data = load_json(answer)
        body = data if isinstance(data, dict) else {}
        items = body.get("Items")
        deleted: list[str] = []
        if isinstance(items, list):
            deleted = [str(i.get("Id")) for i in items if isinstance(i, dict) and i.get("Deleted") is True]
            items = [i for i in items if not (isinstance(i, dict) and i.get("Deleted") is True)]
        records, malformed = endpoint.codec.load_many(items, asked=endpoint.codec.fields, path="$.Items")
        following = body.get("NextCursor")
        return Page(
            records,
            malformed=malformed,
            deleted=tuple(deleted),
            following=_page_call(endpoint, query, str(following)) if following else None,
            served_at=answer.served_at,
        )

    return Call(
        "GET",
        endpoint.path,
        decode,
        query=query if cursor is None else (*query, ("cursor", cursor)),
        subject=f"the list of {endpoint.singular}s",
    )


def get(endpoint: Endpoint[R], id: str) -> Call[R]:
    """One record."""
    return Call("GET", _one(endpoint, id), _decode_one(endpoint), subject=f"{endpoint.singular} {id}")


def get_many(endpoint: Endpoint[R], ids: Collection[str]) -> Iterator[Call[Page[R]]]:
    """The calls that read a set of records; the pages miss those that are gone."""
    ordered = sorted(set(ids))
    start = 0
    while start < len(ordered):
        end, length = start, 0
        while end < len(ordered) and end - start < MAX_PAGE and length < MAX_IDS_TEXT:
            length += len(ordered[end]) + 1
            end += 1
        yield _page_call(endpoint, (("ids", ",".join(ordered[start:end])),), None)
        start = end


def create(endpoint: Endpoint[R], record: R, *, key: str | None = None) -> Call[R]:
    """A new record; with an idempotency key it may be sent again and is made once."""
    body = endpoint.codec.dump(record, endpoint.writable | record_extra(record).keys())
    return Call(
        "POST",
        endpoint.path,
        _decode_one(endpoint),
        headers=(("Idempotency-Key", key),) if key else (),
        body=dump_json({name: value for name, value in body.items() if value is not None}),
        subject=f"a new {endpoint.singular}",
        repeatable=key is not None,
    )


def update(endpoint: Endpoint[R], id: str, record: R, mask: Collection[str], *, if_match: str | None = None) -> Call[R]:
    """Write the masked attributes (or extra properties) of `record`; with `if_match` only onto that version."""
    return Call(
        "PATCH",
        _one(endpoint, id),
        _decode_one(endpoint),
        headers=(("If-Match", if_match),) if if_match else (),
        body=dump_json(endpoint.codec.dump(record, mask)),
        subject=f"{endpoint.singular} {id}",
    )


def delete(endpoint: Endpoint[Any], id: str, *, if_match: str | None = None) -> Call[None]:
    """Delete a record; with `if_match` only that version."""
    return Call(
        "DELETE",
        _one(endpoint, id),
        lambda _: None,
        headers=(("If-Match", if_match),) if if_match else (),
        subject=f"{endpoint.singular} {id}",
    )


def changes_to_record(endpoint: Endpoint[R], changes: Mapping[str, Any]) -> tuple[R, frozenset[str]]:
    """A record that holds only these changes, and their names; properties of the host come as `extra={…}`.

    Raises:
        TypeError: for a name that is not a writable field.
    """
    unknown = sorted(changes.keys() - endpoint.writable - {"extra"})
    if unknown:
        raise TypeError(f"{endpoint.singular}s have no writable field {', '.join(map(repr, unknown))}")
    ready = {name: value for name, value in changes.items() if value is not UNSET}
    return endpoint.codec.cls(**ready), frozenset(ready.keys() - {"extra"} | ready.get("extra", {}).keys())


def record_extra(record: Any) -> Mapping[str, Any]:
    """The host's own properties of a record."""
    extra: Mapping[str, Any] = record.extra
    return extra


def _one(endpoint: Endpoint[Any], id: str) -> str:
    return f"{endpoint.path}/{quote(str(id), safe='')}"


def _decode_one(endpoint: Endpoint[R]) -> Callable[[Answer], R]:
    return lambda answer: endpoint.codec.load(load_json(answer), asked=endpoint.codec.fields)
