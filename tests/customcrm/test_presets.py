"""Schemas of API styles: as data, against the documented shapes, and against servers that somebody else wrote."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import keapbridge as kb
from keapbridge import customcrm as crm
from keapbridge import presets
from keapbridge._io.effects import Answer, Call
from keapbridge.customcrm import endpoints
from keapbridge.testing import KeapEmulator

APP = Path(__file__).parents[1] / "shared" / "others" / "drf_app.py"
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


# --- servers of others ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["page", "limit_offset", "cursor"])
def drf(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    if importlib.util.find_spec("rest_framework") is None:
        pytest.skip("Django REST Framework is not installed: it comes with the extra 'thorough'")
    with subprocess.Popen([sys.executable, str(APP), request.param], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield request.param, f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_django_rest_framework_is_kept_in_sync_both_ways(drf: tuple[str, str]) -> None:  # noqa: PLR0915 - one story
    style, url = drf

    def held(object: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        following: str | None = f"{url}/{object}/"
        while following:
            body = httpx.get(following).json()
            found, following = found + body["results"], body["next"]
        return found

    def add(object: str, **values: Any) -> int:
        id: int = httpx.post(f"{url}/{object}/", json=values).raise_for_status().json()["id"]
        return id

    def edit(id: int, **values: Any) -> None:
        httpx.patch(f"{url}/contacts/{id}/", json=values).raise_for_status()

    size = None if style == "limit_offset" else "page_size"
    schema = presets.drf(paging=style, size=size, most=3)  # type: ignore[arg-type]
    fields = ("FirstName", "LastName", "Email", "Phone", "JobTitle", "City", "Country", "BirthDate", "CustomerId")
    mappings: dict[str, Any] = {
        "companies": kb.mapping.companies.only("Name", "City", "Country", "Phone", "Description"),
        "contacts": kb.mapping.contacts.only(*fields),
    }
    with (
        KeapEmulator() as keap_server,
        kb.CustomcrmClient(url, schema=schema) as client,
        kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.SyncSession(customcrm=client, keap=keap, store="sqlite://", **mappings) as session,
    ):
        theirs = keap_server.state.contacts

        def by_mail(mail: str) -> tuple[str, Any]:
            return next((i, c) for i, c in theirs.items() if c["email_addresses"][0]["email"] == mail)

        acme = add("customers", name="Acme", city="Phoenix", country="USA")
        add("products", name="Widget", sku="W1", price="12.50", currency="USD", short_description="w")
        person = {
            "last_name": "L",
            "birth_date": "1990-02-03",
            "phone": "+16025550143",
            "city": "Phoenix",
            "country": "USA",
            "job_title": "Clerk",
        }
        ids = [add("contacts", first_name=f"F{n}", email=f"c{n}@example.org", **person) for n in range(7)]
        edit(ids[0], customer_id=acme)
        theirs.add({"given_name": "Kay", "email_addresses": [{"email": "kay@example.org", "field": "EMAIL1"}]})
        keap_server.state.companies.add({"company_name": "KeapCo"})
        items = keap_server.state.products
        items.add({"name": "Gadget", "price": 500, "active": True, "short_description": "g"})
        assert session.sync().ok
        assert (len(held("contacts")), len(theirs)) == (8, 8)
        assert (len(held("customers")), len(keap_server.state.companies)) == (2, 2)
        assert (len(held("products")), len(items)) == (2, 2)
        first = by_mail("c0@example.org")[1]
        assert (first["given_name"], first["job_title"], first["birth_date"][:10]) == ("F0", "Clerk", "1990-02-03")
        assert first["company"]["id"]
        writes = len(keap_server.requests.writes)
        assert session.sync().ok
        assert len(keap_server.requests.writes) == writes

        edit(ids[1], job_title="Engineer")
        theirs.edit(by_mail("c2@example.org")[0], job_title="Countess", family_name="Other")
        theirs.edit(by_mail("c3@example.org")[0], job_title=None)
        edit(ids[4], job_title="")
        items.edit(next(id for id, item in items.items() if item["name"] == "Widget"), price=725)
        assert session.sync().ok
        ours = {record["email"]: record for record in held("contacts")}
        assert by_mail("c1@example.org")[1]["job_title"] == "Engineer"
        assert (ours["c2@example.org"]["job_title"], ours["c2@example.org"]["last_name"]) == ("Countess", "Other")
        assert ours["c3@example.org"]["job_title"] == ""
        assert not by_mail("c4@example.org")[1].get("job_title")
        assert {record["city"] for record in ours.values()} == {"Phoenix", ""}
        assert [record["price"] for record in held("products")] == ["7.25", "5.00"]

        writes = len(keap_server.requests.writes)
        httpx.delete(f"{url}/contacts/{ids[5]}/")
        assert all(session.sync(full=full).ok for full in (False, True))
        assert len(held("contacts")) == 7
        assert len(keap_server.requests.writes) == writes
