"""Schemas of API styles: as data, and against the documented shapes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

import keapbridge as kb
from keapbridge import customcrm as crm
from keapbridge import presets
from keapbridge._io.calls import Answer, Call
from keapbridge.customcrm import endpoints

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
HUBSPOT: dict[str, Any] = {
    "contacts": {"Email": "email", "FirstName": "firstname"},
    "customers": {"Name": "name"},
    "products": {"Name": "name"},
}
ALL: dict[str, crm.CustomcrmSchema] = {
    "drf": presets.drf(),
    "jsonapi": presets.jsonapi(),
    "odata": presets.odata(),
    "directus": presets.directus(),
    "postgrest": presets.postgrest(),
    "strapi": presets.strapi(),
    "hubspot_shape": presets.hubspot_shape(**HUBSPOT),
}
SHAPES: dict[str, tuple[Any, Any, Any]] = {
    # style → an answer with a list, one with a record, what is sent to change one
    "drf": (
        {"count": 1, "next": None, "previous": None, "results": [{"id": 7, "first_name": "Ada", "city": ""}]},
        {"id": 7, "first_name": "Ada", "city": ""},
        {"first_name": "Ada", "city": ""},
    ),
    "jsonapi": (
        {"links": {"next": None}, "data": [{"type": "contacts", "id": "7", "attributes": {"first_name": "Ada"}}]},
        {"data": {"type": "contacts", "id": "7", "attributes": {"first_name": "Ada"}}},
        {"data": {"type": "contacts", "id": "7", "attributes": {"first_name": "Ada", "city": None}}},
    ),
    "odata": (
        {"@odata.context": "$metadata", "@odata.count": 1, "value": [{"Id": "7", "FirstName": "Ada"}]},
        {"@odata.context": "$metadata", "@odata.etag": "W/1", "Id": "7", "FirstName": "Ada"},
        {"FirstName": "Ada", "City": None},
    ),
    "directus": (
        {"meta": {"filter_count": 1}, "data": [{"id": 7, "first_name": "Ada", "date_updated": None}]},
        {"data": {"id": 7, "first_name": "Ada", "date_created": "2026-03-01T00:00:00Z", "date_updated": None}},
        {"first_name": "Ada", "city": None},
    ),
    "postgrest": (
        [{"id": 7, "first_name": "Ada"}],
        [{"id": 7, "first_name": "Ada"}],
        {"first_name": "Ada", "city": None},
    ),
    "strapi": (
        {"data": [{"id": 1, "documentId": "7", "firstName": "Ada"}], "meta": {"pagination": {"total": 1}}},
        {"data": {"id": 1, "documentId": "7", "firstName": "Ada"}, "meta": {}},
        {"data": {"firstName": "Ada", "city": None}},
    ),
    "hubspot_shape": (
        {"results": [{"id": "7", "properties": {"firstname": "Ada"}, "archived": False}]},
        {"id": "7", "properties": {"firstname": "Ada"}, "archived": False},
        {"properties": {"firstname": "Ada", "email": ""}},
    ),
}


def _calls(style: str) -> tuple[Any, Any]:
    contacts = endpoints.endpoint(crm.Contact, ALL[style])
    cleared = "email" if style == "hubspot_shape" else "city"
    values: dict[str, Any] = {"first_name": "Ada", cleared: None}
    ada = crm.Contact(**values)
    return contacts, endpoints.update(contacts, "7", ada, {"first_name", cleared})


@pytest.mark.parametrize("style", ALL)
def test_the_documented_shapes_are_read_and_written(style: str) -> None:
    listed, one, sent = SHAPES[style]
    contacts, update = _calls(style)
    headers = {"content-range": "0-0/1"} if style == "postgrest" else {}
    page = endpoints.list_page(contacts).decode(Answer(200, headers, json.dumps(listed).encode()))
    assert [(record.id, record.first_name) for record in page.items] == [("7", "Ada")]
    assert page.following is None
    read = endpoints.get(contacts, "7").decode(Answer(200, {}, json.dumps(one).encode()))
    assert (read.id, read.first_name) == ("7", "Ada")
    assert json.loads(update.body) == sent


@pytest.mark.parametrize(
    ("style", "one", "changed", "batch"),
    [
        ("drf", "/contacts/7/", None, None),
        ("odata", "/Contacts('7')", "$filter=UpdatedAt ge 2026-03-01T00:00:00.000Z", "$filter=Id in ('7','8')"),
        ("directus", "/items/contacts/7", None, "filter[id][_in]=7,8"),
        ("postgrest", "/contacts?id=eq.7", "updated_at=gte.2026-03-01T00:00:00.000Z", "id=in.(7,8)"),
        ("strapi", "/contacts/7", "filters[updatedAt][$gte]=2026-03-01T00:00:00.000Z", "filters[documentId][$in]=7"),
    ],
)
def test_what_is_asked_for(style: str, one: str, changed: str | None, batch: str | None) -> None:
    def told(call: Call[Any]) -> str:
        return f"{call.path}?{'&'.join(f'{name}={text}' for name, text in call.query)}".rstrip("?")

    contacts, _ = _calls(style)
    assert told(endpoints.get(contacts, "7")).replace("%27", "'") == one
    if changed:
        assert changed in told(endpoints.list_page(contacts, updated_since=MOMENT))
    if batch:
        assert batch in told(next(iter(endpoints.get_many(contacts, ["7", "8"])))[1])


@pytest.mark.parametrize("style", ALL)
def test_each_is_data(style: str) -> None:
    assert kb.CustomcrmSchema.from_toml(ALL[style].to_toml()) == ALL[style]


def test_what_is_otherwise_is_declared_beside_it() -> None:
    people = crm.CustomcrmObject("/people/", properties={"Email": "mail"})
    schema = presets.drf(people, changed_since=crm.ChangedSince("updated_at__gte"), gone=(403, 404))
    assert schema.contacts.record == "/people/{id}/"
    assert schema.capabilities("contacts").changed_since
    with pytest.raises(TypeError, match=r"no option|pagin"):
        presets.drf(pagin=None)
