"""REST APIs that somebody else wrote, each in a process of its own, kept in sync both ways from what was detected."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

import keapbridge as kb
from keapbridge import presets
from keapbridge.testing import KeapEmulator

APPS = Path(__file__).parents[1] / "shared" / "others"
NEEDS = {"fastcrud": ("fastcrud", "aiosqlite"), "datasette": ("datasette",), "jsonapi": ("rest_framework_json_api",)}
FIELDS = ("FirstName", "LastName", "Email", "Phone", "JobTitle", "City", "Country", "BirthDate", "CustomerId")
JSONAPI = "application/vnd.api+json"


@attrs.frozen
class Other:
    """A server, and how it is spoken to without keapbridge."""

    style: str
    url: str
    http: httpx.Client
    token: str = ""

    def rows(self, object: str) -> dict[str, dict[str, Any]]:
        """All records by id, without what is empty."""
        paths = {
            "fastcrud": f"/{object}?itemsPerPage=100&page=1",
            "datasette": f"/{object}.json?_size=100",
            "jsonapi": f"/{object}/?page[size]=3",
        }
        found: list[dict[str, Any]] = []
        following: str | None = self.url + paths[self.style]
        while following:
            body = self.http.get(following).raise_for_status().json()
            found += body["rows"] if self.style == "datasette" else body["data"]
            following = (body.get("links") or {}).get("next")
        if self.style == "jsonapi":
            found = [{"id": each["id"], **each["attributes"]} for each in found]
        return {str(each["id"]): {n: v for n, v in each.items() if v not in (None, "")} for each in found}

    def _sent(self, object: str, values: dict[str, Any], id: str | None = None) -> dict[str, Any]:
        own = {} if id is None else {"id": id}
        return {"data": {"type": object, **own, "attributes": values}} if self.style == "jsonapi" else values

    def add(self, object: str, **values: Any) -> str:
        """A new record."""
        if self.style == "datasette":
            body = self.http.post(f"{self.url}/{object}/-/insert", json={"row": values, "return": True})
            return str(body.raise_for_status().json()["rows"][0]["id"])
        end = "/" if self.style == "jsonapi" else ""
        made = self.http.post(f"{self.url}/{object}{end}", json=self._sent(object, values)).raise_for_status().json()
        return str(made["data"]["id"] if self.style == "jsonapi" else made["id"])

    def edit(self, object: str, id: str, **values: Any) -> None:
        """What a person changes there."""
        if self.style == "datasette":
            answer = self.http.post(f"{self.url}/{object}/{id}/-/update", json={"update": values})
        else:
            end = "/" if self.style == "jsonapi" else ""
            answer = self.http.patch(f"{self.url}/{object}/{id}{end}", json=self._sent(object, values, id))
        answer.raise_for_status()

    def remove(self, object: str, id: str) -> None:
        """What a person deletes there."""
        if self.style == "datasette":
            answer = self.http.post(f"{self.url}/{object}/{id}/-/delete", json={})
        else:
            answer = self.http.delete(f"{self.url}/{object}/{id}{'/' if self.style == 'jsonapi' else ''}")
        answer.raise_for_status()


@pytest.fixture(params=list(NEEDS))
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Other]:
    style = request.param
    if any(importlib.util.find_spec(name) is None for name in NEEDS[style]):
        pytest.skip(f"{style} is not installed: it comes with the extra 'thorough'")
    command = [sys.executable, str(APPS / f"{style}_app.py"), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port, _, token = server.stdout.readline().strip().partition(" ")
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            headers |= {"Content-Type": JSONAPI} if style == "jsonapi" else {}
            base = f"http://127.0.0.1:{port}" + ("/crm" if style == "datasette" else "")
            transport = httpx.HTTPTransport(retries=20)
            with httpx.Client(headers=headers, timeout=60, transport=transport) as http:
                yield Other(style, base, http, token)
        finally:
            server.kill()


def declared(other: Other, monkeypatch: pytest.MonkeyPatch) -> tuple[kb.CustomcrmSchema, dict[str, Any]]:
    """The schema and the mappings of the program that was printed; the preset, where there is one, says the same."""
    end = {"datasette": ".json", "jsonapi": "/"}.get(other.style, "")
    paths: Any = {name: f"/{name}{end}" for name in ("contacts", "customers", "products")}
    auth = kb.BearerToken(other.token) if other.token else None
    found = kb.detect_api(other.url, auth=auth, **paths)
    assert found.schema is not None, str(found)
    match other.style:
        case "jsonapi":
            preset = presets.jsonapi(**paths, slash=True, most=3)
        case "datasette":
            preset = presets.datasette()
        case _:
            preset = found.schema
    for object in paths:
        ours, theirs = found.schema.of(object), preset.of(object)
        assert (ours.envelope, getattr(ours, object).one) == (theirs.envelope, getattr(theirs, object).one)
        assert type(ours.paging) is type(theirs.paging)
    monkeypatch.setenv("CRM_TOKEN", other.token)
    names: dict[str, Any] = {}
    exec(found.as_python(), names)
    names["crm"].close()
    assert names["schema"] == found.schema
    return found.schema, {name: names[name] for name in ("companies", "contacts", "products") if name in names}


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_it_is_kept_in_sync_both_ways(other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    acme = other.add("customers", name="Acme", city="Phoenix", country="USA")
    other.add("products", name="Widget", sku="W1", price=12.5, currency="USD", short_description="w")
    person = {
        "last_name": "Lee",
        "birth_date": "1990-02-03",
        "phone": "+16025550143",
        "city": "Phoenix",
        "country": "USA",
        "job_title": "Clerk",
    }
    ids = [other.add("contacts", first_name=f"F{n}", email=f"c{n}@example.org", **person) for n in range(7)]
    other.edit("contacts", ids[0], customer_id=int(acme))
    schema, mappings = declared(other, monkeypatch)
    auth = kb.BearerToken(other.token) if other.token else None
    with (
        KeapEmulator() as keap_server,
        kb.CustomcrmClient(other.url, auth=auth, schema=schema, timeout=60) as client,
        kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.SyncSession(customcrm=client, keap=keap, store="sqlite://", **mappings) as session,
    ):
        theirs = keap_server.state.contacts

        def by_mail(mail: str) -> tuple[str, Any]:
            return next((i, c) for i, c in theirs.items() if c["email_addresses"][0]["email"] == mail)

        def ours() -> dict[str, dict[str, Any]]:
            return {row["email"]: row for row in other.rows("contacts").values()}

        theirs.add({"given_name": "Kay", "email_addresses": [{"email": "kay@example.org", "field": "EMAIL1"}]})
        keap_server.state.companies.add({"company_name": "KeapCo"})
        items = keap_server.state.products
        items.add({"name": "Gadget", "price": 500, "active": True, "short_description": "g"})
        first = session.sync()
        assert first.ok, str(first)
        assert (len(ours()), len(theirs)) == (8, 8)
        assert (len(other.rows("customers")), len(keap_server.state.companies)) == (2, 2)
        assert (len(other.rows("products")), len(items)) == (2, 2)
        assert {row["name"] for row in other.rows("customers").values()} == {"Acme", "KeapCo"}
        held = by_mail("c0@example.org")[1]
        assert (held["given_name"], held["job_title"], held["birth_date"][:10]) == ("F0", "Clerk", "1990-02-03")
        assert held["company"]["id"]
        assert by_mail("c1@example.org")[1].get("company") is None
        assert ours()["kay@example.org"]["first_name"] == "Kay"
        writes = len(keap_server.requests.writes)
        before = ours()
        assert session.sync().ok
        assert (len(keap_server.requests.writes), ours()) == (writes, before)

        other.edit("contacts", ids[1], job_title="Engineer")
        theirs.edit(by_mail("c2@example.org")[0], job_title="Countess", family_name="Other")
        theirs.edit(by_mail("c3@example.org")[0], job_title=None)
        other.edit("contacts", ids[4], job_title=None)
        items.edit(next(id for id, item in items.items() if item["name"] == "Widget"), price=725)
        second = session.sync()
        assert second.ok, str(second)
        assert by_mail("c1@example.org")[1]["job_title"] == "Engineer"
        assert (ours()["c2@example.org"]["job_title"], ours()["c2@example.org"]["last_name"]) == ("Countess", "Other")
        assert "job_title" not in ours()["c3@example.org"]
        assert not by_mail("c4@example.org")[1].get("job_title")
        assert {row["city"] for row in ours().values() if "city" in row} == {"Phoenix"}
        assert {row["birth_date"] for row in ours().values() if "birth_date" in row} == {"1990-02-03"}
        assert sorted(float(row["price"]) for row in other.rows("products").values()) == [5.0, 7.25]

        other.remove("contacts", ids[5])
        writes = len(keap_server.requests.writes)
        assert all(session.sync(full=full).ok for full in (False, True))
        assert (len(ours()), len(theirs)) == (7, 8)
        assert len(keap_server.requests.writes) == writes
        assert by_mail("c5@example.org")[1]["given_name"] == "F5"
