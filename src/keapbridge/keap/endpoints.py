"""Keap's endpoints as values: each function returns a `Call` and performs nothing. Pure.

What differs between contacts, companies and products is data in an `Endpoint`; the paths, filters and quirks are
those of Keap's published REST v2 contract.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

import attrs
from msgspec import Raw

from keapbridge._io.effects import Answer, Call, InTurn, Page
from keapbridge._json.codec import Codec, NotQuickError, dump_json, load_json, open_list
from keapbridge.keap import records
from keapbridge.model.checked import asked_id, usable_moment
from keapbridge.model.given import wrong
from keapbridge.model.maybe import UNSET, Maybe
from keapbridge.model.meant import is_meant

__all__ = [
    "COMPANIES",
    "CONTACTS",
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
MAX_IDS_TEXT = 3000  # characters of ids in one filter: well below what proxies take as a URL


class KeapRecord(Protocol):
    """What the three kinds of record have in common."""

    @property
    def id(self) -> Maybe[str]: ...
    @property
    def update_time(self) -> Maybe[datetime]: ...


R = TypeVar("R", bound=KeapRecord)


@attrs.frozen
class Endpoint(Generic[R]):
    """One of Keap's three resources.

    Attributes:
        name: its name in the path and in the list answer.
        singular: for messages.
        codec: reads and writes the records.
        read_only: attributes that are never written.
        choosable: whether single reads and lists take `fields`; what they ask for is every modelled field.
        answers_all: whether writes take `fields` too.
        since: the list filter for changes since a moment; `None` where there is none.
        ids: the list filter for a set of ids; `None` where there is none.
        id_above: the filter that compares ids.
        newest_first: `order_by` for a list that can stop at the first record that is too old.
        by_id: `order_by` for a list in the order of ids; `None` where none can be asked for.
        on_create, on_update: from a record's JSON to the shape that POST and PATCH want.
    """

    name: str
    singular: str
    codec: Codec[R]
    read_only: frozenset[str]
    choosable: bool
    answers_all: bool
    since: str | None
    ids: str | None
    id_above: str
    newest_first: str | None = None
    by_id: str | None = None
    on_create: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body
    on_update: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body

    @property
    def path(self) -> str:
        return f"/v2/{self.name}"

    @property
    def asked(self) -> tuple[str, ...]:
        """The fields that every read asks for: all that are modelled."""
        return self.codec.fields

    @property
    def writable(self) -> frozenset[str]:
        """The attributes that can be written."""
        return frozenset(self.codec.fields) - self.read_only


_ITEM_READ_ONLY = frozenset({"is_opt_in", "email_opt_status", "number_e164"})
_OBJECTS = frozenset({"address", "company", "email_address", "fax_number", "origin", "phone_number"})


def _body(body: dict[str, Any]) -> dict[str, Any]:
    """A record's JSON as Keap takes it: without read-only parts, and with no `null`, which its contract has nowhere.

    A property is cleared by writing it empty. Arrays and nested objects are replaced as a whole, so what is empty in
    them is left out.
    """
    return {name: _written(name, value) for name, value in body.items()}


def _written(name: str, value: Any) -> Any:
    if value is None:
        return {} if name in _OBJECTS else ""
    if isinstance(value, list):
        return [_written(name, item) for item in value]
    if isinstance(value, dict):
        return {k: v for k, v in value.items() if v is not None and k not in _ITEM_READ_ONLY}
    return value


def _company_body(body: dict[str, Any]) -> dict[str, Any]:
    if body.get("custom_fields"):
        # What was empty stays out; what is emptied is said so, because Keap may keep what is not listed.
        kept = [item for item in body["custom_fields"] if item.get("content") is not None]
        body = {**body, "custom_fields": kept}
    return _body(body)


def _contact_body(body: dict[str, Any]) -> dict[str, Any]:
    if body.get("custom_fields"):
        # What is not listed is removed.
        kept = [item for item in body["custom_fields"] if item.get("content") not in (None, "", [], ())]
        body = {**body, "custom_fields": kept}
    body = _body(body)
    if "company" in body:
        body["company"] = {"id": body["company"].get("id", "")}
    return body


def _product_body(body: dict[str, Any]) -> dict[str, Any]:
    if isinstance(body.get("price"), dict):
        # Read as {amount, currency_code, …}, written as the bare amount.
        body = {**body, "price": body["price"].get("amount")}
    return body


def _product_patch(body: dict[str, Any]) -> dict[str, Any]:
    inventory = body.get("inventory") or {}
    flat = {k: v for k, v in inventory.items() if k != "inventory_count"}
    return _body({**{k: v for k, v in _product_body(body).items() if k != "inventory"}, **flat})


_TIMES = frozenset({"id", "create_time", "update_time"})

CONTACTS: Endpoint[records.SavedContact] = Endpoint(
    name="contacts",
    singular="contact",
    codec=Codec(records.SavedContact),
    read_only=_TIMES | {"score_value", "tag_ids"},
    choosable=True,
    answers_all=True,
    since="start_update_time",
    ids="ids",
    id_above="contact_id",
    by_id="id asc",
    on_create=_contact_body,
    on_update=_contact_body,
)
COMPANIES: Endpoint[records.SavedCompany] = Endpoint(
    name="companies",
    singular="company",
    codec=Codec(records.SavedCompany),
    read_only=_TIMES,
    choosable=True,
    answers_all=False,
    since="since_time",
    ids=None,
    id_above="company_id",
    by_id="id asc",
    on_create=_company_body,
    on_update=_company_body,
)
PRODUCTS: Endpoint[records.SavedProduct] = Endpoint(
    name="products",
    singular="product",
    codec=Codec(records.SavedProduct),
    read_only=_TIMES,
    choosable=False,
    answers_all=True,
    since=None,
    ids="product_ids",
    id_above="product_id",
    newest_first="last_updated_time desc",
    on_create=_product_body,
    on_update=_product_patch,
)


# --- calls ------------------------------------------------------------------------------------------------------


def list_page(
    endpoint: Endpoint[R],
    *,
    updated_since: datetime | None = None,
    filters: Iterable[tuple[str, str]] = (),
    order_by: str | None = None,
    page_size: int = MAX_PAGE,
    unread: bool = False,
) -> Call[Page[R]]:
    """A list, from its first page on.

    Args:
        updated_since: only records changed at or after this moment. Products cannot be filtered so: they are listed
            newest first, and the list ends at the first one that is older.
        filters: `(name, value)` compared with `==`, or `(name + operator, value)`.
        unread: leave records unread where that is possible.
    """
    terms = list(filters)
    stop_before: datetime | None = None
    if updated_since is not None:
        if endpoint.since is not None:
            terms.append((endpoint.since, moment(updated_since)))
        else:
            stop_before, order_by = updated_since, endpoint.newest_first
    query: list[tuple[str, str]] = [("page_size", str(page_size))]
    if endpoint.choosable:
        query.append(("fields", ",".join(endpoint.asked)))
    if terms:
        query.append(("filter", filter_text(terms)))
    if order_by:
        query.append(("order_by", order_by))
    # Where a list ends is told by what its records hold, if they are listed newest first.
    return _page_call(endpoint, tuple(query), None, stop_before, unread=unread and stop_before is None)


def _page_call(
    endpoint: Endpoint[R],
    query: tuple[tuple[str, str], ...],
    token: str | None,
    stop_before: datetime | None,
    *,
    unread: bool,
) -> Call[Page[R]]:
    path = f"$.{endpoint.name}"

    def decode(answer: Answer) -> Page[R]:
        items, rest = open_list(answer, endpoint.name)
        if unread and isinstance(items, Raw):
            with suppress(NotQuickError):
                return page(
                    rest.get("next_page_token"),
                    answer,
                    unread=endpoint.codec.split(items, path=path, stamp="update_time"),
                )
        records, malformed = endpoint.codec.read_many(items, path=path)
        following = rest.get("next_page_token")
        if stop_before is not None and any(_older(r, stop_before) for r in records):
            records, following = tuple(r for r in records if not _older(r, stop_before)), None
        return page(following, answer, items=records, malformed=malformed)

    def page(following: Any, answer: Answer, **shown: Any) -> Page[R]:
        token = str(following) if following else None
        onward = None if token is None else _page_call(endpoint, query, token, stop_before, unread=unread)
        return Page(**shown, following=onward, token=token, served_at=answer.served_at)

    return Call(
        "GET",
        endpoint.path,
        decode,
        query=query if token is None else (*query, ("page_token", token)),
        subject=f"the list of {endpoint.name}",
        parts=InTurn(
            int(dict(query)["page_size"]),
            lambda size: _page_call(endpoint, _sized(query, size), token, stop_before, unread=unread),
        ),
    )


def _sized(query: tuple[tuple[str, str], ...], size: int) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(size) if name == "page_size" else value) for name, value in query)


def _older(record: KeapRecord, limit: datetime) -> bool:
    updated = usable_moment(record.update_time)
    return updated is not None and updated < limit


def get(endpoint: Endpoint[R], id: str) -> Call[R]:
    """One record, with every modelled field."""
    query = (("fields", ",".join(endpoint.asked)),) if endpoint.choosable else ()
    return Call(
        "GET",
        _one(endpoint, id),
        _decode_one(endpoint),
        query=query,
        subject=f"{endpoint.singular} {id}",
        route=f"{endpoint.path}/{{id}}",
    )


def get_many(endpoint: Endpoint[R], ids: Collection[str]) -> Iterator[Call[Page[R]]]:
    """The calls that read a set of records; the pages may hold others, and miss those that are gone.

    Companies have no filter for a set of ids, so neighbours are read as a range: one call covers every id from the
    first one up to as many ids as a page is long.
    """
    ordered = sorted({i for i in ids if i.isdecimal()}, key=int)
    if endpoint.ids is None:
        while ordered:
            first = int(ordered[0])
            window = [i for i in ordered if int(i) - first < MAX_PAGE]
            ordered = ordered[len(window) :]
            yield list_page(
                endpoint,
                filters=[(f"{endpoint.id_above}>=", str(first))],
                order_by=endpoint.by_id,
                page_size=int(window[-1]) - first + 1,
            )
        return
    step = max(1, min(MAX_PAGE, MAX_IDS_TEXT // (len(ordered[-1]) + 1))) if ordered else 1
    for start in range(0, len(ordered), step):
        chunk = ordered[start : start + step]
        yield list_page(endpoint, filters=[(endpoint.ids, ",".join(chunk))], page_size=len(chunk))


def create(endpoint: Endpoint[R], record: Any) -> Call[R]:
    """A new record. Keap knows no idempotency key, so this is never repeated blindly."""
    body = endpoint.codec.dump(record, endpoint.writable)
    return Call(
        "POST",
        endpoint.path,
        _decode_one(endpoint),
        query=_write_fields(endpoint),
        body=dump_json(endpoint.on_create({k: v for k, v in body.items() if v is not None})),
        subject=f"a new {endpoint.singular}",
        repeatable=False,
    )


def update(endpoint: Endpoint[R], id: str, record: R, mask: Collection[str]) -> Call[R]:
    """Write the masked attributes of `record`; arrays are replaced as a whole.

    Raises:
        ValueError: when a masked attribute cannot be written or is `UNSET`.
    """
    for name in mask:
        if name not in endpoint.writable:
            raise ValueError(f"{endpoint.name} have no writable field {name!r}{is_meant(name, endpoint.writable)}")
        if getattr(record, name) is UNSET:
            raise ValueError(
                f"{name!r} is to be written and is UNSET: give it a value (None empties it), or leave it out"
            )
    body = endpoint.on_update(endpoint.codec.dump(record, mask))
    return Call(
        "PATCH",
        _one(endpoint, id),
        _decode_one(endpoint),
        query=(*(("update_mask", name) for name in sorted(body)), *_write_fields(endpoint)),
        body=dump_json(body),
        subject=f"{endpoint.singular} {id}",
        route=f"{endpoint.path}/{{id}}",
    )


def delete(endpoint: Endpoint[Any], id: str) -> Call[None]:
    """Delete a record."""
    return Call(
        "DELETE",
        _one(endpoint, id),
        lambda _: None,
        subject=f"{endpoint.singular} {id}",
        route=f"{endpoint.path}/{{id}}",
    )


def changes_to_record(endpoint: Endpoint[R], changes: Mapping[str, Any]) -> R:
    """A record that holds only these changes.

    Raises:
        TypeError: for a name that is not a writable field.
    """
    unknown = sorted(changes.keys() - endpoint.writable)
    if unknown:
        meant = is_meant(unknown[0], endpoint.writable)
        raise TypeError(f"{endpoint.name} have no writable field {', '.join(map(repr, unknown))}{meant}")
    for name in endpoint.codec.arrays & changes.keys():
        if isinstance(changes[name], (str, Mapping)) or not isinstance(changes[name] or (), Iterable):
            raise wrong(name, f"several, such as {name}=[…]", changes[name])
    arrays = endpoint.codec.arrays
    ready = {name: tuple(v or ()) if name in arrays else v for name, v in changes.items() if v is not UNSET}
    return endpoint.codec.cls(**ready)


# --- parts ------------------------------------------------------------------------------------------------------


def moment(value: datetime) -> str:
    """A time as Keap writes it: ISO 8601, UTC, milliseconds."""
    if value.tzinfo is None:
        raise ValueError(f"a time needs a time zone, as in datetime(2026, 3, 1, tzinfo=UTC); {value} has none")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def filter_text(terms: Iterable[tuple[str, str]]) -> str:
    """Keap's filter expression: `name==value` terms joined by `;`."""
    parts = []
    for name, value in terms:
        if ";" in value:
            raise ValueError(f"Keap's filters cannot express a value with a semicolon ({name})")
        parts.append(f"{name}{value}" if name[-1] in "=<>" else f"{name}=={value}")
    return ";".join(parts)


def _one(endpoint: Endpoint[Any], id: str) -> str:
    return f"{endpoint.path}/{quote(asked_id(id), safe='')}"


def _write_fields(endpoint: Endpoint[Any]) -> tuple[tuple[str, str], ...]:
    return (("fields", ",".join(endpoint.asked)),) if endpoint.choosable and endpoint.answers_all else ()


def _decode_one(endpoint: Endpoint[R]) -> Callable[[Answer], R]:
    return lambda answer: endpoint.codec.load(load_json(answer))


def find_like(endpoint: Endpoint[R], record: R, *, since: datetime | None = None) -> Call[Page[R]] | None:
    """The list of records that could be this one: by its strongest property that Keap can filter by, changed since.

    Without such a property, or with one that a filter cannot express, all that were changed since; `None` without that.
    """
    for name, value in _likeness(record):
        if value and ";" not in value and "*" not in value:
            terms = [(name, value)]
            if since is not None and endpoint.since is not None:
                terms.append((endpoint.since, moment(since)))
            return list_page(endpoint, filters=terms)
    return None if since is None else list_page(endpoint, updated_since=since)


def _likeness(record: Any) -> Iterator[tuple[str, str | None]]:
    match record:
        case records.Contact():
            yield "email", next((e.email or None for e in record.email_addresses or () if e.field == "EMAIL1"), None)
            yield "family_name", record.family_name or None
            yield "given_name", record.given_name or None
        case records.Company():
            yield "company_name", record.company_name or None
            yield "email", (record.email_address.email or None) if record.email_address else None
        case records.Product():
            yield "sku", record.sku or None
            yield "name", record.name or None
