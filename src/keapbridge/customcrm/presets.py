"""Schemas of API styles that many systems share, as data: begin with one, and declare what is otherwise.

Each function gives a `CustomcrmSchema`. The three objects are paths below the base URL, or a `CustomcrmObject`;
whatever else a schema has can be given by its key, and counts before what the style says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from keapbridge.customcrm.records import wire_name
from keapbridge.customcrm.schema import (
    OBJECTS,
    BatchRead,
    ChangedSince,
    CursorPaging,
    CustomcrmObject,
    CustomcrmSchema,
    DeletedMark,
    Envelope,
    NextUrlPaging,
    OffsetPaging,
    PagePaging,
    Paging,
    Request,
    Update,
)

__all__ = ["datasette", "directus", "drf", "hubspot_shape", "jsonapi", "odata", "postgrest", "strapi"]

Given = str | CustomcrmObject
_PLAIN: Mapping[str, Any] = {
    "version": None,
    "changed_since": None,
    "deleted": None,
    "conditional": False,
    "idempotency": None,
    "batch": None,
}
"""What most styles do not have."""
_SHOWS_WRITTEN: Mapping[str, Request] = dict.fromkeys(
    ("create", "update"), Request(headers={"Prefer": "return=representation"})
)
"""Reads that ask for this are refused by some servers of OData."""


def drf(
    contacts: Given = "/contacts/",
    customers: Given = "/customers/",
    products: Given = "/products/",
    *,
    paging: Literal["page", "limit_offset", "cursor"] = "page",
    size: str | None = None,
    most: int = 100,
    **otherwise: Any,
) -> CustomcrmSchema:
    """Django REST Framework with one of its three paginations.

    Args:
        size: the parameter of the page size (`page_size_query_param`); the framework has none by itself. `limit_offset`
            always has `limit`.
        most: how many records a page has: `PAGE_SIZE`, or the `max_page_size` where there is a parameter.
    """
    styles: dict[str, Paging] = {
        "page": PagePaging(parameter="page", size=size, most=most, total="count"),
        "limit_offset": OffsetPaging(parameter="offset", size="limit", most=most, total="count"),
        "cursor": NextUrlPaging(following="next", size=size, most=most),
    }
    return _schema(
        {"contacts": contacts, "customers": customers, "products": products},
        otherwise,
        record=lambda path: f"{path.rstrip('/')}/{{id}}/",
        names="snake_case",
        ids="integer",
        empty="text",
        envelope=Envelope(items="results"),
        paging=styles[paging],
    )


def jsonapi(
    contacts: Given = "/contacts",
    customers: Given = "/customers",
    products: Given = "/products",
    *,
    names: Literal["snake_case", "camelCase"] = "snake_case",
    types: Mapping[str, str] | None = None,
    size: str = "page[size]",
    most: int = 100,
    slash: bool = False,
    **otherwise: Any,
) -> CustomcrmSchema:
    """JSON:API. References are relationships there: declare `CustomerId` where you need it.

    Args:
        types: object → its `type`, where that is not the last part of the path.
        slash: whether paths end with a slash.
    """
    objects: dict[str, CustomcrmObject] = {}
    for name, given in {"contacts": contacts, "customers": customers, "products": products}.items():
        declared = _object(given, (lambda path: f"{path.rstrip('/')}/{{id}}/") if slash else None)
        kind = (types or {}).get(name) or declared.path.strip("/").rpartition("/")[2]
        constant = {"type": kind, "id": "{id}"}
        envelope = Envelope(items="data", record="data", sends="data", constant=constant)
        inside = {wire_name(each): f"attributes.{_spelled(each, names)}" for each in _attributes(name)}
        objects[name] = attrs.evolve(
            declared,
            properties={**inside, **declared.properties},
            differs={"envelope": envelope, **declared.differs},
        )
    given_all: dict[str, Given] = {**objects}
    return _schema(
        given_all,
        otherwise,
        names=names,
        id="id",
        created=f"attributes.{_spelled('created_at', names)}",
        modified=f"attributes.{_spelled('updated_at', names)}",
        headers={"Accept": "application/vnd.api+json"},
        content_type="application/vnd.api+json",
        paging=NextUrlPaging(following="links.next", size=size, most=most),
    )


def odata(
    contacts: Given = "/Contacts",
    customers: Given = "/Customers",
    products: Given = "/Products",
    *,
    id: str = "Id",
    modified: str | None = "UpdatedAt",
    keys: Literal["text", "integer", "guid"] = "text",
    most: int = 100,
    **otherwise: Any,
) -> CustomcrmSchema:
    """OData 4.

    Args:
        id: the property with the key, which filters name, too.
        modified: the property with the time of the last change, which filters name, too.
        keys: what keys are: texts stand in quotes.
    """
    quote = "'" if keys == "text" else ""
    query = {"$count": "true", "$orderby": id}
    return _schema(
        {"contacts": contacts, "customers": customers, "products": products},
        otherwise,
        query=query,
        record=lambda path: f"{path}({quote}{{id}}{quote})",
        id=id,
        modified=modified,
        version="@odata\\.etag",
        conditional=True,
        ids="integer" if keys == "integer" else "text",
        decimals="number",
        requests=_SHOWS_WRITTEN,
        envelope=Envelope(items="value"),
        paging=OffsetPaging(parameter="$skip", size="$top", most=most, total="@odata\\.count"),
        changed_since=None if modified is None else ChangedSince("$filter", template=f"{modified} ge {{since}}"),
        batch=BatchRead("$filter", separator=f"{quote},{quote}", template=f"{id} in ({quote}{{ids}}{quote})", most=50),
    )


def directus(
    contacts: Given = "/items/contacts",
    customers: Given = "/items/customers",
    products: Given = "/items/products",
    *,
    most: int = 100,
    **otherwise: Any,
) -> CustomcrmSchema:
    """Directus, whose records have `date_created` and `date_updated`."""
    return _schema(
        {"contacts": contacts, "customers": customers, "products": products},
        otherwise,
        query={"meta": "filter_count", "sort": "id"},
        names="snake_case",
        created="date_created",
        modified="date_updated|date_created",
        ids="integer",
        gone=(403, 404),
        envelope=Envelope(items="data", record="data"),
        paging=OffsetPaging(parameter="offset", size="limit", most=most, total="meta.filter_count"),
        batch=BatchRead("filter[id][_in]", most=100, sized=True),
    )


def postgrest(
    contacts: Given = "/contacts",
    customers: Given = "/customers",
    products: Given = "/products",
    *,
    id: str = "id",
    modified: str | None = "updated_at",
    most: int = 1000,
    **otherwise: Any,
) -> CustomcrmSchema:
    """PostgREST, as Supabase has it.

    Args:
        id: the column with the key, which filters name, too.
        modified: the column with the time of the last change, which filters name, too.
    """
    return _schema(
        {"contacts": contacts, "customers": customers, "products": products},
        otherwise,
        query={"order": id},
        record=lambda path: f"{path}?{id}=eq.{{id}}",
        names="snake_case",
        id=id,
        modified=modified,
        ids="integer",
        decimals="number",
        requests={**_SHOWS_WRITTEN, "list": Request(headers={"Prefer": "count=exact"})},
        envelope=Envelope(items=None, record="[0]"),
        paging=OffsetPaging(parameter="offset", size="limit", most=most, total_header="Content-Range"),
        changed_since=None if modified is None else ChangedSince(modified, template="gte.{since}"),
        batch=BatchRead(id, template="in.({ids})", most=100),
    )


def strapi(
    contacts: Given = "/contacts",
    customers: Given = "/customers",
    products: Given = "/products",
    *,
    most: int = 100,
    **otherwise: Any,
) -> CustomcrmSchema:
    """Strapi 5, below its `/api`."""
    return _schema(
        {"contacts": contacts, "customers": customers, "products": products},
        otherwise,
        query={"sort": "id:asc"},
        names="camelCase",
        id="documentId",
        decimals="number",
        envelope=Envelope(items="data", record="data", sends="data"),
        paging=PagePaging(
            parameter="pagination[page]", size="pagination[pageSize]", most=most, total="meta.pagination.total"
        ),
        changed_since=ChangedSince("filters[updatedAt][$gte]"),
        update=Update("PUT"),
        batch=BatchRead("filters[documentId][$in]", separator=None, most=50, sized=True),
    )


def datasette(
    contacts: Given = "/contacts",
    customers: Given = "/customers",
    products: Given = "/products",
    *,
    id: str = "id",
    modified: str | None = "updated_at",
    most: int = 100,
    **otherwise: Any,
) -> CustomcrmSchema:
    """Datasette 1.0, below the address of a database; what is written takes its write API.

    Args:
        contacts: the table of contacts.
        customers: the table of customers.
        products: the table of products.
        id: the column with the key, which filters name, too.
        modified: the column with the time of the last change, which filters name, too.
    """
    objects: dict[str, Given] = {}
    for name, given in {"contacts": contacts, "customers": customers, "products": products}.items():
        declared = CustomcrmObject(given) if isinstance(given, str) else given
        table = declared.path.removesuffix(".json")
        writes = {
            "create": Request("POST", f"{table}/-/insert", body={"row": "{record}", "return": True}),
            "update": Request("POST", f"{table}/{{id}}/-/update", body={"update": "{record}"}),
            "delete": Request("POST", f"{table}/{{id}}/-/delete", body={}),
        }
        objects[name] = attrs.evolve(
            declared,
            path=f"{table}.json",
            record=declared.record or f"{table}/{{id}}.json",
            requests={**writes, **declared.requests},
        )
    return _schema(
        objects,
        otherwise,
        names="snake_case",
        id=id,
        modified=modified,
        ids="integer",
        decimals="number",
        booleans="integer",
        envelope=Envelope(items="rows", record="rows[0]", written="id"),
        paging=CursorPaging(following="next", parameter="_next", size="_size", most=most),
        changed_since=None if modified is None else ChangedSince(f"{modified}__gte"),
        batch=BatchRead(f"{id}__in", most=100),
    )


def hubspot_shape(
    contacts: Mapping[str, str],
    customers: Mapping[str, str],
    products: Mapping[str, str],
    *,
    most: int = 100,
    **otherwise: Any,
) -> CustomcrmSchema:
    """The shape of HubSpot's CRM objects (version 3), below `/crm/v3/objects`.

    Args:
        contacts: property of the default profile, or of your own → property there.
        customers: the same for customers.
        products: the same for products.
    """

    def object(path: str, names: Mapping[str, str]) -> CustomcrmObject:
        shown = ",".join(names.values())
        body = {"inputs": [{"id": "{id}"}], "properties": list(names.values())}
        return CustomcrmObject(
            path,
            properties={ours: f"properties.{theirs}" for ours, theirs in names.items()},
            query={"properties": shown},
            requests={
                "get": Request(query={"properties": shown}),
                "batch": Request("POST", f"{path}/batch/read", body=body),
            },
        )

    return _schema(
        {
            "contacts": object("/contacts", contacts),
            "customers": object("/companies", customers),
            "products": object("/products", products),
        },
        otherwise,
        names="camelCase",
        created="createdAt",
        modified="updatedAt",
        empty="everything",
        envelope=Envelope(items="results", written="id"),
        paging=CursorPaging(following="paging.next.after", parameter="after", size="limit", most=most),
        deleted=DeletedMark("archived"),
        batch=BatchRead(most=100),
    )


# --- what they share ----------------------------------------------------------------------------------------------


def _schema(
    objects: Mapping[str, Given],
    otherwise: Mapping[str, Any],
    *,
    record: Callable[[str], str] | None = None,
    query: Mapping[str, str] | None = None,
    **style: Any,
) -> CustomcrmSchema:
    declared = {name: _object(given, record, query) for name, given in objects.items()}
    return CustomcrmSchema(**{**_PLAIN, **style, **declared, **otherwise})


def _object(
    given: Given, record: Callable[[str], str] | None, query: Mapping[str, str] | None = None
) -> CustomcrmObject:
    declared = CustomcrmObject(given) if isinstance(given, str) else given
    one = declared.record if declared.record or record is None else record(declared.path)
    return attrs.evolve(declared, record=one, query={**(query or {}), **declared.query})


def _attributes(object: str) -> list[str]:
    own = {"id", "created_at", "updated_at", "etag", "extra", "customer_id"}
    return [f.name for f in attrs.fields(OBJECTS[object]) if f.name not in own]


def _spelled(attribute: str, names: str) -> str:
    pascal = wire_name(attribute)
    return attribute if names == "snake_case" else pascal[0].lower() + pascal[1:]
