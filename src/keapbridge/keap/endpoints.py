"""Keap's endpoints as values: each function returns a `Call` and performs nothing. Pure.

What differs between contacts, companies and products is data in an `Endpoint`; the paths, filters and quirks are
those of Keap's published REST v2 contract.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

import attrs

from keapbridge._io.calls import Answer, Call
from keapbridge._json.codec import Codec, dump_json, load_json
from keapbridge.errors import ApiError, StatusError
from keapbridge.keap import records
from keapbridge.keap.asking import MAX_PAGE, Asking, is_refusal, names_in
from keapbridge.keap.clearing import Way, written
from keapbridge.model.checked import asked_id
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
    "update",
]

_AS_EMPTY: Mapping[str, Way] = MappingProxyType({})
_ABOUT_FIELDS = re.compile(r"\bfields\b|unrecogni[sz]ed", re.IGNORECASE)


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
        name: its name in the list answer, and in the path.
        at: its name in the path, where that is another one.
        longest_page: how long a page of its list may be.
        singular: for messages.
        codec: reads and writes the records.
        read_only: attributes that are never written.
        choosable: whether single reads and lists take `fields`.
        asked: the fields that every read asks for; all that are modelled, where nothing else is said.
        required: attributes that nothing empties.
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
    required: frozenset[str] = attrs.field(default=frozenset(), kw_only=True)
    choosable: bool
    answers_all: bool
    since: str | None
    ids: str | None
    id_above: str
    newest_first: str | None = None
    by_id: str | None = None
    at: str | None = None
    longest_page: int = MAX_PAGE
    asked: tuple[str, ...] = attrs.field(
        kw_only=True, default=attrs.Factory(lambda self: self.codec.fields, takes_self=True)
    )
    on_create: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body
    on_update: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body

    @cached_property
    def path(self) -> str:
        return f"/v2/{self.at or self.name}"

    @cached_property
    def writable(self) -> frozenset[str]:
        """The attributes that can be written."""
        return frozenset(self.codec.fields) - self.read_only


_ITEM_READ_ONLY = frozenset({"date", "is_opt_in", "email_opt_status", "number_e164"})
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
    if "utm_parameters" in body:
        # Read as one for each touch, written as one.
        if len(body["utm_parameters"]) != 1:
            raise ValueError("utm_parameters are written one at a time, and never taken back")
        [body["utm_parameters"]] = body["utm_parameters"]
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


CONTACTS: Endpoint[records.SavedContact] = Endpoint(
    name="contacts",
    singular="contact",
    codec=Codec(records.SavedContact),
    read_only=records.READ_ONLY[records.Contact],
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
    read_only=records.READ_ONLY[records.Company],
    required=frozenset({"company_name"}),
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
    read_only=records.READ_ONLY[records.Product],
    required=frozenset({"name", "price", "short_description"}),
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


def get(endpoint: Endpoint[R], id: str, asking: Asking | None = None) -> Call[R]:
    """One record, with every modelled field that Keap takes in `fields`."""
    call = Call(
        "GET",
        _one(endpoint, id),
        _decode_one(endpoint),
        subject=f"{endpoint.singular} {id}",
        route=f"{endpoint.path}/{{id}}",
    )
    return _with_fields(call, endpoint, asking) if endpoint.choosable else call


def create(endpoint: Endpoint[R], record: Any, asking: Asking | None = None) -> Call[R]:
    """A new record. Keap knows no idempotency key, so this is never repeated blindly."""
    body = endpoint.codec.dump(record, endpoint.writable)
    call = Call(
        "POST",
        endpoint.path,
        _decode_new(endpoint, asking),
        body=dump_json(endpoint.on_create({k: v for k, v in body.items() if v is not None})),
        subject=f"a new {endpoint.singular}",
        repeatable=False,
    )
    return _with_fields(call, endpoint, asking) if endpoint.choosable and endpoint.answers_all else call


def update(
    endpoint: Endpoint[R],
    id: str,
    record: R,
    mask: Collection[str],
    asking: Asking | None = None,
    ways: Mapping[str, Way] = _AS_EMPTY,
) -> Call[R]:
    """Write the masked attributes of `record`; arrays are replaced as a whole.

    Args:
        ways: how those that are emptied are written, where that is not by an empty value.

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
    call = Call(
        "PATCH",
        _one(endpoint, id),
        _decode_one(endpoint),
        query=tuple(("update_mask", name) for name in sorted(body)),
        body=dump_json(written(body, ways)),
        subject=f"{endpoint.singular} {id}",
        route=f"{endpoint.path}/{{id}}",
    )
    return _with_fields(call, endpoint, asking) if endpoint.choosable and endpoint.answers_all else call


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


def _one(endpoint: Endpoint[Any], id: str) -> str:
    return f"{endpoint.path}/{quote(asked_id(id), safe='')}"


def _with_fields(
    call: Call[R], endpoint: Endpoint[R], asking: Asking | None, without: frozenset[str] = frozenset()
) -> Call[R]:
    """The call, asking for every field that Keap takes.

    Args:
        without: names that were refused on the way here; remembered once the call is answered without them.
    """
    asking = Asking() if asking is None else asking
    kind = f"{call.method} {call.shown}"
    names = tuple(name for name in asking.without(kind, endpoint.asked) if name not in without)

    def decode(answer: Answer) -> R:
        if without:
            asking.remember_fields(kind, without)
        return call.decode(answer)

    def instead(error: ApiError) -> Call[R] | None:
        if not is_refusal(error) or not isinstance(error, StatusError):
            return None
        if call.body is not None and not _ABOUT_FIELDS.search(error.said):
            return None  # it is about what is to be written
        named = names_in(error.said, names)
        return _with_fields(call, endpoint, asking, without | named) if named else None

    query = (*call.query, ("fields", ",".join(names))) if names else call.query
    return attrs.evolve(call, query=query, decode=decode, instead=instead)


def _decode_one(endpoint: Endpoint[R]) -> Callable[[Answer], R]:
    return lambda answer: endpoint.codec.load(load_json(answer))


def _decode_new(endpoint: Endpoint[R], asking: Asking | None) -> Callable[[Answer], R]:
    """A new record; Keap says with 200 in the place of 201 that it was none."""

    def decode(answer: Answer) -> R:
        record = endpoint.codec.load(load_json(answer))
        if answer.status == 200 and asking is not None:
            asking.remember_taken(endpoint.name)
        return record

    return decode
