"""Keap's own SDK and the emulator agree on every property, filter, order and mask: a table of checks, made here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from keapbridge.testing.keap import KeapEmulator, _filters, _resources
from keapbridge.testing.keap._fields import FIELD_TYPES

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("sdk")]

ITEMS: dict[str, Any] = {
    "addresses": [{"field": "BILLING", "line1": "1 Main St", "country_code": "USA", "region_code": "US-AZ"}],
    "address": {"field": "BILLING", "line1": "1 Main St", "country_code": "USA", "region_code": "US-AZ"},
    "email_addresses": [{"field": "EMAIL1", "email": "ada@example.org"}],
    "email_address": {"field": "EMAIL1", "email": "ada@example.org"},
    "phone_numbers": [{"field": "PHONE1", "number": "4805551234"}],
    "phone_number": {"field": "PHONE1", "number": "4805551234"},
    "fax_numbers": [{"field": "FAX1", "number": "4805551235"}],
    "fax_number": {"field": "FAX1", "number": "4805551235"},
    "social_accounts": [{"type": "LINKED_IN", "name": "ada"}],
    "source_type": "API",
    "origin": {"ip_address": "127.0.0.1"},
    "utm_parameters": {"keap_source_id": "7", "utm_source": "google"},
    "birth_date": "1985-03-15",
    "anniversary_date": "2010-06-01",
    "owner_id": "71",
    "leadsource_id": "3001",
    "price": 1250,
    "weight": 2.5,
    "inventory_limit": 3,
    "out_of_stock_enabled": True,
    "email_for_inventory_notifications": "s@example.org",
}
NAMES = {"contacts": "contact", "companies": "company", "products": "product"}
LEFT = {"company", "custom_fields", "inventory", "utm_parameters"}  # other words, or what must be there before


@attrs.define
class Table:
    """The checks that were made, and those that disagree."""

    made: int = 0
    wrong: list[str] = attrs.field(factory=list)

    def check(self, what: str, found: Any, wanted: Any) -> None:
        self.made += 1
        if found != wanted:
            self.wrong.append(f"{what}: {found!r}, not {wanted!r}")


@attrs.frozen
class Api:
    """The SDK's calls for one kind of record, with JSON in and out."""

    sdk: Any
    client: Any
    name: str

    @property
    def one(self) -> str:
        return NAMES[self.name]

    def _call(self, verb: str, *args: Any, **more: Any) -> Any:
        cls = {"contacts": "ContactApi", "companies": "CompanyApi", "products": "ProductsApi"}[self.name]
        return getattr(getattr(self.sdk, cls)(self.client), verb)(*args, **more)

    def _request(self, verb: str, body: Any) -> Any:
        made = {
            "contacts": "CreateUpdateContactRequest",
            "companies": f"{verb}CompanyRequest",
            "products": f"{verb}ProductRequestDetail",
        }
        return getattr(self.sdk, made[self.name]).from_dict(body)

    def create(self, body: Any) -> str:
        return str(self._call(f"create_{self.one}", self._request("Create", body)).id)

    def update(self, id: str, body: Any, mask: list[str]) -> None:
        self._call(f"update_{self.one}", id, self._request("Update", body), update_mask=mask)

    def get(self, id: str, fields: list[str] | None = None) -> dict[str, Any]:
        more = {"fields": fields} if fields and self.name != "products" else {}
        found: dict[str, Any] = self._call(f"get_{self.one}", id, **more).to_dict()
        return found

    def ids(self, **parameters: Any) -> list[str]:
        return [each.id for each in getattr(self._call(f"list_{self.name}", **parameters), self.name)]


@pytest.fixture(scope="module")
def server() -> Iterator[KeapEmulator]:
    with KeapEmulator() as keap:
        yield keap


def value_of(name: str, turn: int) -> Any:
    if name in _resources._PRODUCT_FLAGS:
        return turn == 0
    return ITEMS.get(name, f"{name[:6]} {turn}")


def held(document: dict[str, Any], name: str, written: Any) -> Any:
    """What a document holds of what was written, in the form in which it was written."""
    found = document.get(name, (document.get("inventory") or {}).get(name))
    if isinstance(written, list) and isinstance(found, list):
        return [held({"it": f}, "it", w) for f, w in zip(found, written, strict=False)]
    if isinstance(written, dict) and isinstance(found, dict):
        return {key: found.get(key) for key in written}
    return found["amount"] if name == "price" and isinstance(found, dict) else found


def test_the_sdk_and_the_emulator_agree(server: KeapEmulator) -> None:
    sdk: Any = importlib.import_module("keap_core_v2_client")
    table = Table()
    server.state.users.add({"given_name": "Anna"})
    configuration = sdk.Configuration(host=server.base_url.removesuffix("/rest"), access_token=server.api_key)
    with sdk.ApiClient(configuration) as client:
        for resource in _resources.RESOURCES:
            api = Api(sdk, client, resource.name)
            _properties(table, api, resource)
            _lists(table, api, resource, server)
            if resource.record_type:
                _custom_fields(table, api)
    assert table.wrong == []
    assert table.made >= 440


def _properties(table: Table, api: Api, resource: _resources.Resource) -> None:
    must: dict[str, Any] = {name: value_of(name, 0) for name in resource.required}
    if api.name == "contacts":
        must["email_addresses"] = ITEMS["email_addresses"]
    for name in sorted(resource.create.keys() - LEFT):
        first = value_of(name, 0)
        id = api.create(must | {name: first})
        table.check(f"{api.name}.{name}, created", held(api.get(id, [name]), name, first), first)
    full = api.create(must)
    for name in sorted(resource.update.keys() - LEFT):
        other = "description" if name == "sku" else "sku" if api.name == "products" else "website"
        second = value_of(name, 1)
        beside = value_of("never", 0)
        before = held(api.get(full, [other]), other, beside)
        api.update(full, {name: second, other: beside if other != name else second}, [name])
        after = api.get(full, [name, other])
        table.check(f"{api.name}.{name}, updated", held(after, name, second), second)
        if other != name:
            table.check(f"{api.name}.{name}, masked", held(after, other, beside), before)
    for name in sorted(resource.fields - {"id"}):
        shown = api.get(full, [name])
        table.check(f"{api.name}.{name}, alone", set(shown) - {"id", name}, set())


def _custom_fields(table: Table, api: Api) -> None:
    for kind in FIELD_TYPES:
        body = {"label": f"My {kind}", "field_type": kind}
        request = api.sdk.CreateCustomFieldRequest.from_dict(body)
        made = api._call(f"create_{api.one}_custom_field", request)
        table.check(f"custom field {kind}", (made.label, made.field_type), (f"My {kind}", kind))
    model = api._call("retrieve_contact_model" if api.name == "contacts" else "retrieve_company_custom_field_model")
    table.check(f"model of {api.name}", [field.field_type for field in model.custom_fields], list(FIELD_TYPES))


def _lists(table: Table, api: Api, resource: _resources.Resource, server: KeapEmulator) -> None:
    state = server.state.table(resource)
    for id in list(state):
        state.delete(id)
    ids = []
    for n in range(3):
        text = f"Some{n} text"
        slots = {
            slot: {"field": slot, "line1": text, "locality": text, "region": text}
            for slot in ("BILLING", "SHIPPING", "OTHER")
        }
        for slot in slots.values():
            slot |= {"postal_code": f"8500{n}", "country_code": ("USA", "DEU", "FRA")[n]}
        plain = dict.fromkeys(
            (
                "given_name",
                "family_name",
                "middle_name",
                "website",
                "description",
                "short_description",
                "sku",
                "name",
                "company_name",
            ),
            text,
        )
        contact = {
            "email_addresses": [{"field": "EMAIL1", "email": f"some{n}@x.org"}],
            "addresses": list(slots.values()),
        }
        company = {"email_address": {"field": "EMAIL1", "email": f"some{n}@x.org"}, "address": slots["BILLING"]}
        more = {"contacts": contact, "companies": company, "products": {"price": n}}[api.name]
        ids.append(state.add(plain | more))
    for name in resource.orders:
        table.check(f"{api.name} by {name}", api.ids(order_by=f"{name} asc"), ids)
        table.check(f"{api.name} by {name} down", api.ids(order_by=f"{name} desc"), ids[::-1])
    for name, known in _filters._FILTERS[api.name].items():
        stamps = [state[id]["update_time"] for id in ids]
        if known.kind == "ids":
            table.check(f"{name}==", api.ids(filter=f"{name}=={ids[0]},{ids[2]}"), [ids[0], ids[2]])
            table.check(f"{name}== one", api.ids(filter=f"{name}=={ids[1]}"), [ids[1]])
        elif known.kind == "number":
            for operator, wanted in (
                ("==", ids[1:2]),
                (">", ids[2:]),
                (">=", ids[1:]),
                ("<", ids[:1]),
                ("<=", ids[:2]),
            ):
                table.check(f"{name}{operator}", api.ids(filter=f"{name}{operator}{ids[1]}"), wanted)
        elif known.kind == "moment":
            wanted = ids[1:] if name in {"start_update_time", "since_time"} else ids[:2]
            table.check(f"{name}==", api.ids(filter=f"{name}=={stamps[1]}"), wanted)
        elif name not in {"company_id", "lead_source_name"}:
            tail = name.rpartition("_address_")[2]
            own = {"postal_code": "85001", "country_code": "DEU", "email": "some1@x.org"}.get(tail, "Some1 text")
            table.check(f"{name}==", api.ids(filter=f"{name}=={own}"), [ids[1]])
            table.check(f"{name}== nobody", api.ids(filter=f"{name}==nobody"), [])
            if known.kind == "text":
                table.check(f"{name}==*", api.ids(filter=f"{name}==some1*"), [ids[1]])
