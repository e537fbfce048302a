"""The Keap emulator, seen through HTTP only, and each of its answers held against Keap's contract."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
import keap_contract
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keap_contract import validate_exchange
from laws import examples

import keapbridge as kb
from keapbridge.keap.habits import Habits
from keapbridge.testing import Fault
from keapbridge.testing.keap import KeapBehaviour, KeapEmulator

Json = dict[str, Any]
Start = Callable[..., tuple[KeapEmulator, httpx.Client]]

# Most of a contact without `fields`: what tests look at need not be asked for each time.
ANSWERING = Habits(default_fields="most")


def _client(keap: KeapEmulator) -> httpx.Client:
    return httpx.Client(
        base_url=f"{keap.base_url}/v2", headers={"X-Keap-API-Key": keap.api_key}, timeout=60, verify=False
    )


def _hold_to_the_contract(keap: KeapEmulator) -> None:
    for exchange in keap.requests if keap_contract.AVAILABLE else ():
        validate_exchange(exchange, request=False)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts an emulator and a client for it; at the end, every answer must have kept to the contract."""
    started: list[tuple[KeapEmulator, httpx.Client]] = []

    def begin(**options: Any) -> tuple[KeapEmulator, httpx.Client]:
        keap = KeapEmulator(**{"habits": ANSWERING, **options}).__enter__()
        started.append((keap, _client(keap)))
        return started[-1]

    yield begin
    for keap, client in started:
        client.close()
        keap.close()
        _hold_to_the_contract(keap)


@pytest.fixture(scope="module")
def shared() -> Iterator[KeapEmulator]:
    """One emulator for the tests that do not mind what others left in it: starting and stopping takes longer."""
    with KeapEmulator(habits=ANSWERING) as keap:
        yield keap
    _hold_to_the_contract(keap)


@pytest.fixture(scope="module")
def asking(shared: KeapEmulator) -> Iterator[httpx.Client]:
    with _client(shared) as client:
        yield client


@pytest.fixture
def keap(start: Start) -> KeapEmulator:
    return start()[0]


@pytest.fixture
def client(keap: KeapEmulator) -> Iterator[httpx.Client]:
    with _client(keap) as client:
        yield client


def refused(answer: httpx.Response, status: int = 400) -> str:
    """The message of an answer that must be an error of Keap's shape."""
    body = answer.json()
    assert answer.status_code == status, body
    assert body.keys() == {"code", "message", "status", "details"}
    assert body["code"] == status
    assert all(detail.keys() == {"domain", "resource"} for detail in body["details"])
    return str(body["message"])


def made(answer: httpx.Response) -> Json:
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    (records,) = (value for value in answer.json().values() if isinstance(value, list))
    return [record["id"] for record in records]


def everything(client: httpx.Client, path: str) -> Json:
    """A record with every field that may be asked for."""
    fields = "email_address,phone_number,address,fax_number,notes,custom_fields,update_time,create_time,company_name"
    answer = client.get(path, params={"fields": fields} if "companies" in path else {"fields": CONTACT_FIELDS})
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


CONTACT_FIELDS = (
    "addresses,anniversary_date,birth_date,company,custom_fields,email_addresses,family_name,fax_numbers,given_name,"
    "job_title,middle_name,phone_numbers,social_accounts,tag_ids,update_time,create_time,website,score_value,origin,"
    "utm_parameters,owner_id,leadsource_id,source_type,prefix"
)

ADA = {
    "given_name": "Ada",
    "family_name": "Lovelace",
    "job_title": "Countess",
    "birth_date": "1815-12-10",
    "email_addresses": [
        {"email": "ada@example.org", "field": "EMAIL1", "opt_in_reason": "asked for it"},
        {"email": "countess@example.org", "field": "EMAIL2"},
    ],
    "phone_numbers": [{"number": "(480) 555-1234", "field": "PHONE1", "type": "Work", "extension": "7"}],
    "addresses": [
        {"field": "BILLING", "line1": "1 Main St", "locality": "Phoenix", "region_code": "US-AZ", "country_code": "USA"}
    ],
    "social_accounts": [{"type": "LINKED_IN", "name": "ada"}],
}


@pytest.mark.parametrize(("habit", "more"), [("few", set()), ("most", {"email_addresses", "tag_ids", "update_time"})])
def test_a_contact_shows_little_or_most_of_itself_unless_it_is_asked(start: Start, habit: Any, more: set[str]) -> None:
    keap, client = start(habits=Habits(default_fields=habit))
    id = keap.state.contacts.add({"given_name": "Ada", "family_name": "L", "job_title": "Countess"})
    for shown in (client.get(f"/contacts/{id}").json(), client.get("/contacts").json()["contacts"][0]):
        assert shown.keys() >= {"id", "given_name", "family_name"} | more
        assert shown.keys() <= {"id", "given_name", "family_name"} or habit == "most"
        assert "job_title" not in shown
    optional = client.get("/contacts/model").json()["optional_properties"]
    assert ("email_addresses" in optional, "job_title" in optional) == (habit == "few", True)
    assert client.get(f"/contacts/{id}", params={"fields": "job_title"}).json() == {"id": id, "job_title": "Countess"}


def test_what_a_custom_field_has_not_is_null_where_what_is_empty_is() -> None:
    with (
        KeapEmulator(habits=Habits(empty_shown="null")) as keap,
        _client(keap) as client,
        kb.KeapClient(auth=kb.KeapApiKey(keap.api_key), base_url=keap.base_url) as read,
    ):
        keap.state.contacts.add_custom_field("Shoe size")
        [field] = client.get("/contacts/model").json()["custom_fields"]
        assert (field["options"], field["default_value"]) == (None, None)
        [known] = read.contacts.model().fields
        assert (known.label, known.options) == ("Shoe size", ())
        made = read.contacts.create_custom_field(label="Colour", type="DROPDOWN", options=["Red"])
        assert [option.label for option in made.options] == ["Red"]


# --- the gateway ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{"X-Keap-API-Key": "secret"}, {"Authorization": "Bearer secret"}])
def test_either_header_carries_the_key(start: Start, headers: dict[str, str]) -> None:
    keap, _ = start(api_key="secret")
    assert httpx.get(f"{keap.base_url}/v2/contacts", headers=headers, verify=False).status_code == 200


@pytest.mark.parametrize(
    ("headers", "words", "code"),
    [
        ({}, "Invalid access token", "oauth.v2.InvalidAccessToken"),
        ({"Authorization": "Basic KeapAK-emulator"}, "Invalid access token", "oauth.v2.InvalidAccessToken"),
        ({"X-Keap-API-Key": "wrong"}, "Invalid ApiKey", "oauth.v2.InvalidApiKey"),
        ({"Authorization": "Bearer wrong"}, "Invalid Access Token", "keymanagement.service.invalid_access_token"),
    ],
)
def test_who_is_not_known_gets_the_fault_of_the_gateway(
    keap: KeapEmulator, headers: dict[str, str], words: str, code: str
) -> None:
    answer = httpx.get(f"{keap.base_url}/v2/contacts", headers=headers, verify=False)
    assert answer.status_code == 401
    assert answer.json() == {"fault": {"faultstring": words, "detail": {"errorcode": code}}}


def test_every_answer_says_what_was_used(start: Start) -> None:
    now = [datetime(2030, 5, 1, 23, 59, 30, tzinfo=UTC)]
    _, client = start(clock=lambda: now[0])
    first, second = client.get("/contacts").headers, client.get("/nowhere").headers
    assert (first["x-keap-product-quota-used"], second["x-keap-product-quota-used"]) == ("1", "2")
    assert second["x-keap-product-quota-available"] == "29998"
    assert second["x-keap-product-throttle-available"] == "238"
    assert second["x-keap-product-throttle-time-unit"] == "minute"
    assert second["x-keap-tenant-throttle-time-unit"] == "minute|day"
    assert second["x-keap-tenant-throttle-limit"] == "10000|250000"
    assert second["x-keap-tenant-id"]
    assert second.get_list("date") == ["Wed, 01 May 2030 23:59:30 GMT"]
    midnight = datetime(2030, 5, 2, tzinfo=UTC)
    assert second["x-keap-product-quota-expiry-time"] == str(int(midnight.timestamp() * 1000))
    now[0] = midnight
    assert client.get("/contacts").headers["x-keap-product-quota-used"] == "1"


def test_the_application_serves_without_a_socket() -> None:
    keap = KeapEmulator()

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=keap.app)) as client:
            return await client.get(f"{keap.base_url}/v2/contacts", headers={"X-Keap-API-Key": keap.api_key})

    assert asyncio.run(ask()).json() == {"contacts": []}
    assert len(keap.requests) == 1
    keap.close()
    keap.close()


def test_faults_and_requests_are_at_hand(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.faults.add(Fault(status=429, body=b"{}"), method="GET", path="/contacts")
    assert [client.get("/contacts").status_code for _ in range(2)] == [429, 200]
    assert [r.status for r in keap.requests] == [429, 200]
    assert keap.requests[0].headers["x-keap-api-key"] == "***"


# --- create, get, update, delete ------------------------------------------------------------------------------------


def test_a_contact_lives_and_dies(keap: KeapEmulator, client: httpx.Client) -> None:
    company = made(client.post("/companies", json={"company_name": "Engines Ltd"}))["id"]
    contact = made(client.post("/contacts", json=ADA | {"company": {"id": company}}))
    path = f"/contacts/{contact['id']}"
    assert contact["company"] == {"id": company, "company_name": "Engines Ltd"}
    assert contact["email_addresses"][0] == {
        "field": "EMAIL1",
        "email": "ada@example.org",
        "is_opt_in": True,
        "email_opt_status": "SINGLE_OPT_IN",
        "opt_in_reason": "asked for it",
    }
    assert contact["phone_numbers"][0]["number_e164"] == "+14805551234"
    assert contact["addresses"][0]["region"] == "Arizona"
    assert "job_title" not in contact
    assert client.get(path).json() == contact
    assert everything(client, path)["job_title"] == "Countess"
    assert client.delete(path).status_code == 204
    refused(client.get(path), 404)
    refused(client.patch(path, json={"given_name": "Ada"}), 404)
    refused(client.delete(path), 404)
    assert contact["id"] not in keap.state.contacts


def test_a_company_answers_little_unless_asked(client: httpx.Client) -> None:
    body = {
        "company_name": "Engines Ltd",
        "notes": "n",
        "website": "https://example.org",
        "address": {"line1": "1 Main St", "country_code": "DEU", "region_code": "DE-BE"},
        "email_address": {"email": "office@example.org"},
        "phone_number": {"number": "030 123456"},
    }
    company = made(client.post("/companies", json=body))
    assert company == {"id": company["id"], "company_name": "Engines Ltd", "website": "https://example.org"}
    path = f"/companies/{company['id']}"
    assert client.get(path).json() == company
    assert client.patch(path, json={"notes": "m"}).json() == company
    full = everything(client, path)
    assert full["notes"] == "m"
    assert full["phone_number"] == {"field": "PHONE1", "number": "030 123456", "number_e164": "+4930123456"}
    assert full["address"]["field"] == "BILLING"
    assert full["update_time"] > full["create_time"]
    assert "website" not in full
    refused(client.get(path, params={"fields": "colour"}))


def test_a_product_is_written_and_read_in_different_shapes(client: httpx.Client) -> None:
    body = {"name": "Widget", "price": 1250, "short_description": "w", "inventory": {"inventory_limit": 3}}
    product = made(client.post("/products", json=body))
    path = f"/products/{product['id']}"
    assert product["price"] == {"amount": 1250, "currency_code": "USD", "formatted_amount": "$12.50"}
    assert product["inventory"] == {"inventory_limit": 3, "inventory_count": 0, "out_of_stock_enabled": False}
    changed = client.patch(path, json={"inventory_limit": 9, "price": 0}, params={"update_mask": "inventory_limit"})
    assert (changed.json()["inventory"]["inventory_limit"], changed.json()["price"]["amount"]) == (9, 1250)
    refused(client.patch(path, json={"inventory": {"inventory_limit": 1}}))
    adjusted = client.post(f"{path}:adjustInventory", json={"type": "INCREASE", "quantity": 5})
    assert adjusted.json()["inventory"]["inventory_count"] == 5
    refused(client.post(f"{path}:adjustInventory", json={"type": "DECREASE", "quantity": 6}))
    refused(client.post("/products/1:adjustInventory", json={"type": "DECREASE", "quantity": 6}), 404)
    assert "inventory_count" not in client.get("/products").json()["products"][0]["inventory"]
    assert client.delete(path).status_code == 204
    refused(client.get(path), 404)


@pytest.mark.parametrize(
    ("currency", "amount", "shown"), [("JPY", 1250, "¥1,250"), ("KWD", 1250, "KWD 1.250"), ("EUR", 1250, "€12.50")]
)
def test_prices_are_in_the_smallest_unit(start: Start, currency: str, amount: int, shown: str) -> None:
    _, client = start(currency=currency)
    product = made(client.post("/products", json={"name": "n", "price": amount, "short_description": "s"}))
    assert product["price"] == {"amount": amount, "currency_code": currency, "formatted_amount": shown}


# --- PATCH ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", ["given_name,job_title", ["given_name", "job_title"]])
def test_a_mask_limits_what_is_written(keap: KeapEmulator, client: httpx.Client, mask: str | list[str]) -> None:
    path = f"/contacts/{keap.state.contacts.add(ADA)}"
    before = everything(client, path)
    # job_title is named but not carried: left alone. family_name is carried but not named: not even checked.
    answer = client.patch(path, params={"update_mask": mask}, json={"given_name": "Augusta", "family_name": 7})
    assert answer.status_code == 200
    after = everything(client, path)
    assert after["update_time"] > before["update_time"]
    assert after == before | {"given_name": "Augusta", "update_time": after["update_time"]}


def test_without_a_mask_everything_carried_is_written(keap: KeapEmulator, client: httpx.Client) -> None:
    path = f"/contacts/{keap.state.contacts.add(ADA)}"
    client.patch(path, json={"given_name": "", "family_name": None, "email_addresses": [], "id": "77"})
    after = everything(client, path)
    assert after["email_addresses"] == []
    assert not {"given_name", "family_name"} & after.keys()
    assert after["id"] != "77"


def test_arrays_are_replaced_as_a_whole(keap: KeapEmulator, client: httpx.Client) -> None:
    path = f"/contacts/{keap.state.contacts.add(ADA)}"
    client.patch(path, json={"email_addresses": [{"email": "new@example.org", "field": "EMAIL1"}]})
    assert [e["field"] for e in client.get(path).json()["email_addresses"]] == ["EMAIL1"]


@pytest.mark.parametrize("path", ["contacts", "companies", "products"])
def test_unknown_names_are_refused(shared: KeapEmulator, asking: httpx.Client, path: str) -> None:
    record = getattr(shared.state, path).add({"name": "n", "company_name": "c", "price": 1})
    refused(asking.patch(f"/{path}/{record}", params={"update_mask": "colour"}, json={}))
    refused(asking.patch(f"/{path}/{record}", json={"colour": "red"}))
    refused(asking.get(f"/{path}", params={"filter": "colour==red"}))


def test_a_write_that_changes_nothing_does_not_move_the_time(keap: KeapEmulator, client: httpx.Client) -> None:
    company = keap.state.companies.add({"company_name": "x"})
    path = f"/contacts/{keap.state.contacts.add(ADA | {'company': {'id': company, 'company_name': 'x'}})}"
    before = everything(client, path)
    client.patch(path, json={"given_name": "Ada", "company": {"id": company}, "phone_numbers": ADA["phone_numbers"]})
    assert everything(client, path) == before


def test_times_are_apart_even_when_the_clock_stands_still(start: Start) -> None:
    keap, client = start(clock=lambda: datetime(2030, 1, 1, 12, 0, 0, 999_900, tzinfo=UTC))
    record = keap.state.contacts.add(ADA)
    seen = [keap.state.contacts[record]["update_time"]]
    for name in ("a", "b", "c"):
        seen.append(client.patch(f"/contacts/{record}", json={"given_name": name}).json()["update_time"])
        keap.state.contacts.edit(record, family_name=name)
        seen.append(keap.state.contacts[record]["update_time"])
    assert seen == sorted(set(seen))
    assert seen[:2] == ["2030-01-01T12:00:00.999Z", "2030-01-01T12:00:01.000Z"]


# --- validation -----------------------------------------------------------------------------------------------------


def _email(n: int, slot: str = "EMAIL1") -> list[Json]:
    return [{"email": "a" * (n - 12) + "@example.org", "field": slot}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"given_name": "x" * 41},
        {"middle_name": "x" * 101},
        {"website": "x" * 101},
        {"job_title": "x" * 256},
        {"given_name": 7},
        {"email_addresses": _email(76)},
        {"email_addresses": _email(101, "EMAIL2")},
        {"email_addresses": [{"email": "no address", "field": "EMAIL1"}]},
        {"email_addresses": [{"email": "a@example.org", "field": "EMAIL4"}]},
        {"email_addresses": [{"email": "a@example.org", "field": "EMAIL1"}] * 2},
        {"email_addresses": "a@example.org"},
        {"phone_numbers": [{"number": "1" * 41, "field": "PHONE1"}]},
        {"phone_numbers": [{"number": "1" * 21, "field": "PHONE4"}]},
        {"addresses": [{"field": "BILLING", "line1": "x" * 76}]},
        {"addresses": [{"field": "SHIPPING", "line1": "x" * 101}]},
        {"addresses": [{"field": "BILLING", "postal_code": "x" * 16}]},
        {"addresses": [{"field": "BILLING", "zip_four": "x" * 11}]},
        {"addresses": [{"field": "BILLING", "country_code": "US"}]},
        {"addresses": [{"field": "BILLING", "region_code": "US-AZ"}]},
        {"addresses": [{"field": "BILLING", "region": "Arizona"}]},
        {"addresses": [{"field": "BILLING", "country_code": "USA", "region_code": "AZ"}]},
        {"addresses": [{"field": "BILLING", "country_code": "DEU", "region_code": "US-AZ"}]},
        {"addresses": [{"field": "BILLING", "country": "Atlantis"}]},
        {"birth_date": "1815-12-10T00:00:00Z"},
        {"anniversary_date": "18151210"},
        {"birth_date": "2001-02-30"},
        {"company": {"id": "424242"}},
        {"company": {"company_name": "x"}},
        {"custom_fields": [{"id": "99", "content": "x"}]},
        {"source_type": "FRIEND"},
        {"social_accounts": [{"name": "x"}]},
        {"owner_id": "me"},
        {"owner_id": 5},
        {"utm_parameters": {"utm_source": "x"}},
    ],
    ids=lambda wrong: json.dumps(wrong)[:50],
)
def test_a_contact_is_checked(shared: KeapEmulator, asking: httpx.Client, wrong: Json) -> None:
    refused(asking.post("/contacts", json=ADA | wrong))
    record = shared.state.contacts.add(ADA)
    before = shared.state.snapshot()
    refused(asking.patch(f"/contacts/{record}", json={"given_name": "changed"} | wrong))
    assert shared.state.snapshot() == before


@pytest.mark.parametrize(
    "fine",
    [
        {"given_name": "x" * 40},
        {"email_addresses": _email(75)},
        {"email_addresses": _email(100, "EMAIL3")},
        {"phone_numbers": [{"number": "1" * 40, "field": "PHONE3"}]},
        {"addresses": [{"field": "SHIPPING", "line1": "x" * 100, "postal_code": "x" * 20}]},
        {"addresses": [{"field": "OTHER", "country": "Germany", "region": "Berlin"}]},
        {"birth_date": "2000-02-29"},
        {"utm_parameters": {"keap_source_id": "1", "utm_source": "x"}},
        {"origin": {"ip_address": "127.0.0.1"}},
        {"source_type": "API", "owner_id": "5"},
    ],
    ids=lambda fine: json.dumps(fine)[:50],
)
def test_what_just_fits_is_stored(asking: httpx.Client, fine: Json) -> None:
    stored = everything(asking, f"/contacts/{made(asking.post('/contacts', json=ADA | fine))['id']}")
    for name, value in fine.items():
        if isinstance(value, str):
            assert stored[name] == value
        else:
            assert stored[name]


def test_long_names_of_places_find_their_codes(asking: httpx.Client) -> None:
    address = {"field": "OTHER", "country": "Germany", "region": "Berlin"}
    contact = made(asking.post("/contacts", json={"addresses": [address]}))
    assert contact["addresses"] == [address | {"country_code": "DEU", "region_code": "DE-BE"}]


@pytest.mark.parametrize(
    "body", [{}, {"given_name": "Ada"}, {"email_addresses": []}, {"phone_numbers": [{"field": "PHONE1"}]}]
)
def test_a_contact_must_be_reachable(asking: httpx.Client, body: Json) -> None:
    assert "at least one" in refused(asking.post("/contacts", json=body))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/companies", {}),
        ("/companies", {"company_name": " "}),
        ("/companies", {"company_name": "x", "address": {"region": "Arizona"}}),
        ("/companies", {"company_name": "x", "phone_number": [{"number": "1"}]}),
        ("/companies", {"company_name": "x", "email_address": {"email": "x"}}),
        ("/products", {"name": "n", "price": 1}),
        ("/products", {"name": "n", "short_description": "s"}),
        ("/products", {"price": 1, "short_description": "s"}),
        ("/products", {"name": "n", "price": 12.5, "short_description": "s"}),
        ("/products", {"name": "n", "price": "12", "short_description": "s"}),
        ("/products", {"name": "n", "price": -1, "short_description": "s"}),
        ("/products", {"name": "n", "price": True, "short_description": "s"}),
        ("/products", {"name": "n", "price": 10**30, "short_description": "s"}),
        ("/products", {"name": "n", "price": {"amount": 1}, "short_description": "s"}),
        ("/products", {"name": "n", "price": 1, "short_description": "s", "active": "yes"}),
        ("/products", {"name": "n", "price": 1, "short_description": "s", "inventory_limit": 1}),
        ("/products", {"name": "n", "price": 1, "short_description": "s", "weight": -1}),
        ("/contacts:merge", {"contact_id": "1"}),
        ("/contacts:merge", {"contact_id": "1", "duplicate_contact_id": "1"}),
        ("/contacts/model/customFields", {"label": "x", "field_type": "COLOUR"}),
        ("/contacts/model/customFields", {"label": "", "field_type": "TEXT"}),
        ("/contacts", []),
        ("/contacts", None),
    ],
)
def test_other_bodies_are_checked(asking: httpx.Client, path: str, body: Any) -> None:
    refused(asking.post(path, content=json.dumps(body)))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"given_name": "\\ud800"}', b"nope"])
def test_broken_json_is_refused(asking: httpx.Client, content: bytes) -> None:
    refused(asking.post("/contacts", content=content))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/contacts/", 404),
        ("GET", "/contacts/0", 404),
        ("GET", "/contacts/12x", 404),
        ("GET", f"/contacts/{'9' * 40}", 404),
        ("PUT", "/contacts/1", 405),
        ("DELETE", "/contacts", 405),
        ("PATCH", "/contacts/model/customFields/1", 405),
        ("GET", "/emailAddresses/nobody@example.org/status", 404),
    ],
)
def test_what_is_not_there_answers_in_the_same_shape(asking: httpx.Client, method: str, path: str, status: int) -> None:
    refused(asking.request(method, path), status)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "field", "email", "number", "content", "country_code"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
_NAMES = (
    *ADA,
    "company",
    "custom_fields",
    "origin",
    "utm_parameters",
    "price",
    "inventory",
    "address",
    "email_address",
)


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[tuple[KeapEmulator, httpx.Client]]:
    with KeapEmulator(habits=ANSWERING) as keap, _client(keap) as client:
        for table in (keap.state.contacts, keap.state.companies, keap.state.products):
            table.add({"id": "1"})
        yield keap, client


@examples(60)
@given(
    method=st.sampled_from(["POST", "PATCH"]),
    path=st.sampled_from(["contacts", "companies", "products", "contacts:merge", "contacts/model/customFields"]),
    body=st.dictionaries(st.sampled_from(_NAMES), _JSON, min_size=1, max_size=4),
    clauses=st.text(alphabet="=<>;*,%'\"ids_name@1", max_size=25),
)
def test_nothing_makes_it_fail(
    fuzzed: tuple[KeapEmulator, httpx.Client], method: str, path: str, body: Json, clauses: str
) -> None:
    _, client = fuzzed
    target = f"/{path}/1" if method == "PATCH" else f"/{path}"
    try:
        content = json.dumps(body).encode()
    except UnicodeEncodeError:
        content = b""
    assert client.request(method, target, content=content).status_code in (200, 201, 400, 404, 405)
    listed = path.partition("/")[0].partition(":")[0]
    for parameter in ("filter", "order_by", "page_token", "page_size", "fields"):
        assert client.get(f"/{listed}", params={parameter: clauses}).status_code in (200, 400)


# --- lists ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd() -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """A client, and contacts by their given name, in the order of their ids."""
    with KeapEmulator(habits=ANSWERING) as keap, _client(keap) as client:
        yield client, _people(keap)
    _hold_to_the_contract(keap)


def _people(keap: KeapEmulator) -> dict[str, str]:
    keap.state.contacts.add_custom_field("Shoe size", "WHOLE_NUMBER")
    keap.state.contacts.add_custom_field("Nickname")
    keap.state.contacts.add_custom_field("Since", "DATE")
    keap.state.contacts.add_custom_field("Hobbies", "LIST_BOX", options=["Chess", "Maths"])
    company = keap.state.companies.add({"company_name": "Engines Ltd"})
    moment = "2020-01-0{}T00:00:00.000Z"
    rows: list[Json] = [
        {"given_name": "Ada", "family_name": "Lovelace", "company": {"id": company}, "website": "https://ada.example"},
        {"given_name": "Bob", "family_name": "Love_less"},
        {"given_name": "Cyd", "family_name": "Lovelock"},
    ]
    rows[0]["email_addresses"] = [
        {"email": "Ada@example.org", "field": "EMAIL1"},
        {"email": "second@example.org", "field": "EMAIL2"},
    ]
    rows[1]["email_addresses"] = [{"email": "bob@example.org", "field": "EMAIL1"}]
    rows[0]["phone_numbers"] = [{"number": "(480) 555-1234", "field": "PHONE2"}]
    rows[0]["addresses"] = [
        {
            "field": "BILLING",
            "line1": "1 Main St",
            "locality": "Chandler",
            "region_code": "US-AZ",
            "country_code": "USA",
        },
        {"field": "SHIPPING", "locality": "Phoenix", "postal_code": "85001", "country_code": "USA"},
    ]
    rows[0]["custom_fields"] = [{"id": "1", "content": 38}, {"id": "2", "content": "Countess"}]
    rows[1]["custom_fields"] = [
        {"id": "1", "content": "44"},
        {"id": "3", "content": "2021-01-01T00:00:00.000Z"},
        {"id": "4", "content": ["Chess", "Maths"]},
    ]
    names = {}
    for n, row in enumerate(rows, start=1):
        names[row["given_name"]] = keap.state.contacts.add(row | {"update_time": moment.format(n)})
    return names


@pytest.mark.parametrize(
    ("clauses", "found"),
    [
        ("", "Ada Bob Cyd"),
        ("email==ada@EXAMPLE.org", "Ada"),
        ("email==second*", "Ada"),
        ("email==*", "Ada Bob"),
        ("given_name==bo*", "Bob"),
        ("family_name==Love_l*", "Bob"),
        ("family_name==love*", "Ada Bob Cyd"),
        ("family_name==love", ""),
        ("given_name==Ada;family_name==Lovelace", "Ada"),
        ("given_name==Ada;family_name==Lovelock", ""),
        ("company_id==500001", "Ada"),
        ("ids==1,3,99", "Ada Cyd"),
        ("contact_ids==2", "Bob"),
        ("contact_id>1", "Bob Cyd"),
        ("contact_id>=2;contact_id<3", "Bob"),
        ("contact_id==2", "Bob"),
        ("start_update_time==2020-01-02T00:00:00.000Z", "Bob Cyd"),
        ("end_update_time==2020-01-02T01:00:00.000+01:00", "Ada Bob"),
        ("start_update_time==2020-01-02T00:00:00.001Z;end_update_time==2020-01-03T00:00:00.000Z", "Cyd"),
        ("phone_number==(480) 555-1234;phone_fields==PHONE1,PHONE2", "Ada"),
        ("phone_number==+14805551234;phone_fields==PHONE2", "Ada"),
        ("phone_number==(48*;phone_fields==PHONE2", "Ada"),
        ("phone_number==(480) 555-1234;phone_fields==PHONE1", ""),
        ("city==chan*", "Ada"),
        ("state==Arizona", "Ada"),
        ("billing_address_country_code==USA", "Ada"),
        ("shipping_address_locality==Phoenix;shipping_address_postal_code==85001", "Ada"),
        ("other_address_line1==x", ""),
        ("website==https://ada*", "Ada"),
        ("lead_source_name==Google*", ""),
        ("Shoesize>40", "Bob"),
        ("shoesize==38", "Ada"),
        ("Nickname==count*", "Ada"),
        ("Since>=2021-01-01T00:00:00.000Z", "Bob"),
        ("Since<2021-01-01T00:00:00.000Z", ""),
        ("Hobbies==Maths", "Bob"),
    ],
)
def test_contacts_are_filtered(crowd: tuple[httpx.Client, dict[str, str]], clauses: str, found: str) -> None:
    client, people = crowd
    assert ids(client.get("/contacts", params={"filter": clauses})) == [people[name] for name in found.split()]


@pytest.mark.parametrize(
    "clauses",
    [
        "given_name",
        "given_name=Ada",
        "given_name==",
        "given_name>Ada",
        "ids==1,x",
        "ids==",
        "contact_id==x",
        "start_update_time==2020-01-02",
        "start_update_time==2020-01-02T00:00:00Z",
        "start_update_time>2020-01-02T00:00:00.000Z",
        "phone_number==1",
        "phone_number==48*;phone_fields==PHONE1",
        "phone_number==1;phone_fields==PHONE9",
        "since_time==2020-01-02T00:00:00.000Z",
        "Nickname>a",
        "Since==2021-01-01",
        "Shoesize==big",
    ],
)
def test_other_filters_are_refused(crowd: tuple[httpx.Client, dict[str, str]], clauses: str) -> None:
    client, _ = crowd
    refused(client.get("/contacts", params={"filter": clauses}))


@pytest.mark.parametrize(
    ("clauses", "found"),
    [
        ("company_name==acme", "Acme"),
        ("company_name==Acme*", ""),
        ("name==ac*", "Acme Active"),
        ("email==Info@acme.example", "Acme"),
        ("city==Phoe*;state==Ariz*", "Acme"),
        ("since_time==2020-01-02T00:00:00.000Z", "Active"),
        ("until_time==2020-01-01T00:00:00.000Z", "Acme"),
        ("company_id<500002", "Acme"),
    ],
)
def test_companies_are_filtered(keap: KeapEmulator, client: httpx.Client, clauses: str, found: str) -> None:
    acme = {
        "company_name": "Acme",
        "email_address": {"email": "info@acme.example", "field": "EMAIL1"},
        "address": {"field": "BILLING", "locality": "Phoenix", "country_code": "USA", "region_code": "US-AZ"},
        "update_time": "2020-01-01T00:00:00Z",
    }
    names = {"Acme": keap.state.companies.add(acme)}
    names["Active"] = keap.state.companies.add({"company_name": "Active", "update_time": "2020-01-02T00:00:00Z"})
    assert ids(client.get("/companies", params={"filter": clauses})) == [names[name] for name in found.split()]
    refused(client.get("/companies", params={"filter": "start_update_time==2020-01-02T00:00:00.000Z"}))


@pytest.mark.parametrize(
    ("clauses", "found"),
    [
        ("name==wid*", "Widget"),
        ("sku==w-1", "Widget"),
        ("description==Long*", "Gadget"),
        ("short_description==s", "Widget Gadget"),
        ("product_id>900001", "Gadget"),
        ("product_ids==900001,900002,4", "Widget Gadget"),
    ],
)
def test_products_are_filtered(keap: KeapEmulator, client: httpx.Client, clauses: str, found: str) -> None:
    rows = [
        {"name": "Widget", "sku": "W-1", "price": 5, "short_description": "s"},
        {"name": "Gadget", "description": "Long story", "price": 5, "short_description": "s"},
    ]
    names = dict(zip(("Widget", "Gadget"), keap.state.products.add_many(rows), strict=True))
    assert ids(client.get("/products", params={"filter": clauses})) == [names[name] for name in found.split()]
    refused(client.get("/products", params={"filter": "start_update_time==2020-01-02T00:00:00.000Z"}))


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("id desc", "Cyd Bob Ada"),
        ("email asc", "Cyd Ada Bob"),
        ("update_time desc", "Cyd Bob Ada"),
        ("create_time", "Ada Bob Cyd"),
    ],
)
def test_lists_are_ordered(crowd: tuple[httpx.Client, dict[str, str]], order: str, found: str) -> None:
    client, people = crowd
    assert ids(client.get("/contacts", params={"order_by": order})) == [people[name] for name in found.split()]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("contacts", {"order_by": "given_name asc"}),
        ("contacts", {"order_by": "id up"}),
        ("companies", {"order_by": "update_time desc"}),
        ("products", {"order_by": "id asc"}),
        ("contacts", {"page_size": "-1"}),
        ("contacts", {"page_size": "1001"}),
        ("contacts", {"page_size": "x"}),
        ("contacts", {"page_token": "x"}),
        ("contacts", {"page_token": "bnVsbA"}),
        ("contacts", {"fields": "id,colour"}),
    ],
)
def test_other_lists_are_refused(asking: httpx.Client, path: str, parameters: dict[str, str]) -> None:
    refused(asking.get(f"/{path}", params=parameters))


@pytest.mark.parametrize("order", ["", "id desc", "email asc", "create_time desc"])
def test_pages_neither_repeat_nor_lose_while_records_change(
    keap: KeapEmulator, client: httpx.Client, order: str
) -> None:
    made_ids = keap.state.contacts.add_many({"given_name": f"n{n}"} for n in range(25))
    seen: list[str] = []
    token = ""
    while True:
        answer = client.get("/contacts", params={"page_size": 10, "page_token": token, "order_by": order})
        seen += ids(answer)
        token = answer.json().get("next_page_token", "")
        if not token:
            break
        # What was read moves and goes; nothing else may shift because of it.
        keap.state.contacts.edit(seen[0], given_name=token)
        if seen[-1] in keap.state.contacts:
            keap.state.contacts.delete(seen[-1])
    assert sorted(seen, key=int) == made_ids


def test_a_token_is_good_for_its_own_list_only(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.state.contacts.add_many({"given_name": "n"} for _ in range(3))
    token = client.get("/contacts", params={"page_size": 1}).json()["next_page_token"]
    refused(client.get("/contacts", params={"page_token": token, "order_by": "id desc"}))
    assert len(ids(client.get("/contacts", params={"page_token": token, "page_size": 1000}))) == 2


def test_fields_choose_what_is_answered(keap: KeapEmulator, client: httpx.Client) -> None:
    record = keap.state.contacts.add(ADA | {"hat_size": 7})
    plain = client.get(f"/contacts/{record}").json()
    assert "job_title" not in plain
    assert plain["hat_size"] == 7
    asked = {"fields": "job_title,custom_fields"}
    for answer in (
        client.get(f"/contacts/{record}", params=asked).json(),
        client.get("/contacts", params=asked).json()["contacts"][0],
        client.patch(f"/contacts/{record}", params=asked, json={}).json(),
    ):
        assert answer == {"id": record, "job_title": "Countess", "custom_fields": []}


def test_a_page_of_a_large_crm_is_read_from_an_index(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.state.contacts.add_many(
        {"given_name": f"n{n}", "email_addresses": [{"email": f"n{n}@example.org", "field": "EMAIL1"}]}
        for n in range(20_000)
    )
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 100

    keap.state._db.set_progress_handler(count, 100)
    for order in ("id asc", "update_time desc", "email asc"):
        assert len(ids(client.get("/contacts", params={"order_by": order}))) == 1000
    keap.state._db.set_progress_handler(None, 0)
    assert steps < 3 * 20_000, "a page costs what it shows, not what there is"
    keap.requests.clear()


# --- duplicates, merges, the model, consent -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "change", "status"),
    [
        ("Email", {"given_name": "Augusta"}, 200),
        ("EmailAndName", {"job_title": "x"}, 200),
        ("EmailAndName", {"given_name": "Augusta"}, 201),
        ("EmailAndNameAndCompany", {}, 200),
        ("EmailAndNameAndCompany", {"company": {"id": "500001"}}, 201),
        ("Email", {"email_addresses": [{"email": "other@example.org", "field": "EMAIL1"}]}, 201),
    ],
)
def test_a_post_may_update_its_duplicate(
    keap: KeapEmulator, client: httpx.Client, option: str, change: Json, status: int
) -> None:
    keap.state.companies.add({"company_name": "x"})
    record = keap.state.contacts.add(ADA | {"middle_name": "King"})
    answer = client.post("/contacts", params={"duplicate_option": option}, json=ADA | change)
    assert answer.status_code == status
    assert (answer.json()["id"] == record) == (status == 200)
    assert len(keap.state.contacts) == (1 if status == 200 else 2)
    assert keap.state.contacts[record]["middle_name"] == "King"


def test_other_ways_to_find_duplicates_are_refused(asking: httpx.Client) -> None:
    refused(asking.post("/contacts", params={"duplicate_option": "Phone"}, json=ADA))


def test_the_loser_of_a_merge_fills_the_winner_and_disappears(keap: KeapEmulator, client: httpx.Client) -> None:
    winner = keap.state.contacts.add({"given_name": "A", "email_addresses": [{"email": "a@x.org", "field": "EMAIL1"}]})
    loser = keap.state.contacts.add(ADA)
    before = keap.state.contacts[winner]["update_time"]
    answer = client.post("/contacts:merge", json={"contact_id": winner, "duplicate_contact_id": loser})
    merged = keap.state.contacts[winner]
    assert answer.json()["id"] == winner
    assert (merged["given_name"], merged["family_name"]) == ("A", "Lovelace")
    assert [e["email"] for e in merged["email_addresses"]] == ["a@x.org", "countess@example.org"]
    assert merged["update_time"] > before
    refused(client.get(f"/contacts/{loser}"), 404)
    refused(client.post("/contacts:merge", json={"contact_id": winner, "duplicate_contact_id": loser}), 404)


@pytest.mark.parametrize("path", ["contacts", "companies"])
def test_custom_fields_have_a_model(keap: KeapEmulator, client: httpx.Client, path: str) -> None:
    field = {"label": "Favourite colour", "field_type": "DROPDOWN", "options": [{"label": "red"}, {"label": "blue"}]}
    created = made(client.post(f"/{path}/model/customFields", json=field))
    again = made(client.post(f"/{path}/model/customFields", json=field))
    assert (created["field_name"], again["field_name"]) == ("Favouritecolour", "Favouritecolour0")
    model = client.get(f"/{path}/model").json()
    assert model["custom_fields"] == [created, again]
    assert "custom_fields" in model["optional_properties"]
    record = getattr(keap.state, path).add({"company_name": "x"})
    target = f"/{path}/{record}"
    value = {"id": created["id"], "content": "red"}
    refused(client.patch(target, json={"custom_fields": [{"id": created["id"], "content": "green"}]}))
    assert client.patch(target, json={"custom_fields": [value]}).status_code == 200
    assert everything(client, target)["custom_fields"] == [value]
    assert client.delete(f"/{path}/model/customFields/{created['id']}").status_code == 204
    assert everything(client, target)["custom_fields"] == []
    refused(client.delete(f"/{path}/model/customFields/{created['id']}"), 404)


def test_a_custom_field_of_companies_can_be_changed(client: httpx.Client) -> None:
    created = made(client.post("/companies/model/customFields", json={"label": "a", "field_type": "TEXT"}))
    path = f"/companies/model/customFields/{created['id']}"
    body = {"label": "b", "group_id": "4"}
    assert client.patch(path, json=body, params={"update_mask": "label"}).json() == created | {"label": "b"}
    assert client.patch(path, json=body).json() == created | body


@pytest.mark.parametrize(
    ("status", "after"),
    [
        ("NON_MARKETABLE", "SINGLE_OPT_IN"),
        ("UNENGAGED_NON_MARKETABLE", "SINGLE_OPT_IN"),
        ("MANUAL", "SINGLE_OPT_IN"),
        ("LIST_UNSUBSCRIBE", "LIST_UNSUBSCRIBE"),
        ("HARD_BOUNCE", "HARD_BOUNCE"),
        ("CONFIRMED", "CONFIRMED"),
    ],
)
def test_a_reason_opts_in_only_who_did_not_opt_out(
    keap: KeapEmulator, client: httpx.Client, status: str, after: str
) -> None:
    email = {"email": "Ada@example.org", "field": "EMAIL1"}
    record = keap.state.contacts.add({"email_addresses": [email | {"email_opt_status": status}]})
    path = f"/contacts/{record}"
    # What is read-only is ignored when it comes back, whatever it says.
    client.patch(path, json={"email_addresses": [email | {"email_opt_status": "CONFIRMED", "is_opt_in": True}]})
    assert client.get(path).json()["email_addresses"][0]["email_opt_status"] == status
    answer = client.patch(path, json={"email_addresses": [email | {"opt_in_reason": "asked"}]})
    assert answer.status_code == 200
    assert answer.json()["email_addresses"][0]["email_opt_status"] == after
    seen = client.get("/emailAddresses/ada@example.org/status").json()
    assert seen["status"] == after
    assert seen["opted_in"] == (after in ("SINGLE_OPT_IN", "CONFIRMED"))


def test_the_consent_of_an_address_is_changed_directly(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.state.contacts.add(ADA)
    path = "/emailAddresses/ada@example.org/status"
    out = client.patch(path, json={"opted_in": False, "reason": "asked"})
    assert out.json()["status"] == "MANUAL"
    assert client.patch(path, json={"opted_in": True, "reason": "again"}).json()["status"] == "SINGLE_OPT_IN"
    keap.state.set_email_status("ada@example.org", "SPAM")
    assert client.patch(path, json={"opted_in": True, "reason": "again"}).json()["status"] == "SPAM"
    refused(client.patch(path, json={"opted_in": "yes", "reason": "r"}))
    refused(client.patch(path, json={"opted_in": True}))
    refused(client.patch("/emailAddresses/x@example.org/status", json={"opted_in": True, "reason": "r"}), 404)


def test_a_company_takes_its_name_along_and_leaves_its_contacts(keap: KeapEmulator, client: httpx.Client) -> None:
    company = keap.state.companies.add({"company_name": "old"})
    record = keap.state.contacts.add({"company": {"id": company}})
    keap.state.companies.edit(company, company_name="new")
    assert client.get(f"/contacts/{record}").json()["company"]["company_name"] == "new"
    client.delete(f"/companies/{company}")
    assert "company" not in client.get(f"/contacts/{record}").json()
    assert ids(client.get("/contacts", params={"filter": f"company_id=={company}"})) == []


# --- switches -------------------------------------------------------------------------------------------------------


def test_null_may_be_ignored(start: Start) -> None:
    keap, client = start(behaviour=KeapBehaviour(null_clears=False))
    record = keap.state.contacts.add(ADA)
    client.patch(f"/contacts/{record}", json={"given_name": None})
    assert keap.state.contacts[record]["given_name"] == "Ada"


@pytest.mark.parametrize(("mode", "kept"), [("replace", ["2"]), ("merge", ["1", "2"])])
def test_custom_fields_of_companies_may_be_merged(
    start: Start, mode: Literal["replace", "merge"], kept: list[str]
) -> None:
    keap, client = start(behaviour=KeapBehaviour(company_custom_fields=mode))
    for label in ("a", "b"):
        keap.state.companies.add_custom_field(label)
    record = keap.state.companies.add({"company_name": "x", "custom_fields": [{"id": "1", "content": "one"}]})
    client.patch(f"/companies/{record}", json={"custom_fields": [{"id": "2", "content": "two"}]})
    assert [f["id"] for f in keap.state.companies[record]["custom_fields"]] == kept


def test_companies_may_answer_everything(start: Start) -> None:
    _, client = start(behaviour=KeapBehaviour(company_writes_answer_everything=True))
    assert made(client.post("/companies", json={"company_name": "x", "notes": "n"}))["notes"] == "n"


def test_values_may_be_stored_differently(start: Start) -> None:
    behaviour = KeapBehaviour(
        truncate_silently=True, case_fold_emails=True, reformat_phones=True, lose_milliseconds=True
    )
    keap, client = start(behaviour=behaviour)
    body = {
        "given_name": "x" * 50,
        "email_addresses": [{"email": "Ada@Example.org", "field": "EMAIL1"}],
        "phone_numbers": [{"number": "480.555.1234", "field": "PHONE1"}, {"number": "at home", "field": "PHONE2"}],
    }
    contact = made(client.post("/contacts", json=body))
    assert contact["given_name"] == "x" * 40
    assert contact["email_addresses"][0]["email"] == "ada@example.org"
    assert [p["number"] for p in contact["phone_numbers"]] == ["(480) 555-1234", "at home"]
    stored = keap.state.contacts[contact["id"]]["update_time"]
    assert contact["update_time"] == stored[:19] + "Z" != stored


# --- the state ------------------------------------------------------------------------------------------------------


def test_the_state_is_a_mapping_of_copies(keap: KeapEmulator) -> None:
    contacts = keap.state.contacts
    first, second = contacts.add_many([ADA, {"given_name": "Bob", "tag_ids": ["4"]}])
    assert list(contacts) == [first, second]
    assert (len(contacts), first in contacts, "77" in contacts, "x" in contacts) == (2, True, False, False)
    assert [d["given_name"] for d in contacts.values()] == ["Ada", "Bob"]
    assert dict(contacts.items())[second] == contacts[second]
    contacts[first]["given_name"] = "changed"
    contacts[first]["email_addresses"].clear()
    assert contacts[first]["given_name"] == "Ada"
    assert contacts[first]["email_addresses"]
    assert keap.state.snapshot() == {"contacts": dict(contacts.items()), "companies": {}, "products": {}}
    for missing in (lambda: contacts["77"], lambda: contacts.edit("77"), lambda: contacts.delete("77")):
        with pytest.raises(KeyError):
            missing()
    with pytest.raises(ValueError, match="already"):
        contacts.add({"id": first})
    assert int(contacts.add({"id": "50"})) + 1 == int(contacts.add({}))


def test_users_edit_beside_the_api(keap: KeapEmulator, client: httpx.Client) -> None:
    product = keap.state.products.add({"name": "n", "price": 250})
    assert keap.state.products[product]["price"]["formatted_amount"] == "$2.50"
    before = keap.state.products[product]
    keap.state.products.edit(product, price={"amount": 5, "currency_code": "EUR"}, name=None)
    after = client.get(f"/products/{product}").json()
    assert after["price"] == {"amount": 5, "currency_code": "EUR"}
    assert "name" not in after
    assert after["update_time"] > before["update_time"]
    keap.state.products.delete(product)
    refused(client.get(f"/products/{product}"), 404)


def test_corruption_is_served_and_survived(keap: KeapEmulator) -> None:
    wrong: Json = {"given_name": 7, "email_addresses": "none", "company": {"id": []}, "addresses": [3], "hat": None}
    record = keap.state.contacts.add(ADA)
    before = keap.state.contacts[record]["update_time"]
    keap.state.contacts.corrupt(record, family_name=..., **wrong)
    # A client of its own: what is corrupted cannot keep to the contract.
    with KeapEmulator(habits=ANSWERING) as other, _client(other) as client:
        copy = other.state.contacts.add(ADA)
        other.state.contacts.corrupt(copy, family_name=..., **wrong)
        served = client.get(f"/contacts/{copy}").json()
        assert {name: served[name] for name in wrong} == wrong
        assert "family_name" not in served
        for clauses in ("city==x*", "email==ada*", "phone_number==1;phone_fields==PHONE1", "company_id==1"):
            assert client.get("/contacts", params={"filter": clauses}).status_code == 200
        assert client.patch(f"/contacts/{copy}", json={"given_name": "Ada"}).json()["given_name"] == "Ada"
    assert keap.state.contacts[record]["update_time"] == before


def test_unknown_properties_survive_a_write(keap: KeapEmulator, client: httpx.Client) -> None:
    record = keap.state.contacts.add(ADA | {"hat": {"size": 7}})
    client.patch(f"/contacts/{record}", json={"given_name": "Augusta"})
    assert keap.state.contacts[record]["hat"] == {"size": 7}


def test_the_test_and_the_server_share_the_state(keap: KeapEmulator, client: httpx.Client) -> None:
    record = keap.state.contacts.add(ADA)

    def edit() -> None:
        for n in range(200):
            keap.state.contacts.edit(record, middle_name=str(n))
            keap.state.contacts.add({"given_name": str(n)})

    threads = [threading.Thread(target=edit) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        client.patch(f"/contacts/{record}", json={"job_title": "x"})
        client.get("/contacts", params={"page_size": 10})
    assert len(keap.state.contacts) == 601
    assert keap.state.contacts[record]["job_title"] == "x"


@pytest.mark.thorough
@pytest.mark.skipif(not keap_contract.AVAILABLE, reason=keap_contract.UNAVAILABLE)
def test_the_contract_is_not_toothless(keap: KeapEmulator, client: httpx.Client) -> None:
    from openapi_core.exceptions import OpenAPIError

    record = keap.state.contacts.add(ADA)
    keap.state.contacts.corrupt(record, given_name=7)
    client.get("/contacts")
    client.get("/companies", params={"colour": "red"})
    client.patch(f"/contacts/{record}", params={"update_mask": ["family_name"]}, json={"family_name": None})
    keap.state.contacts.edit(record, given_name="Ada")
    client.patch(f"/contacts/{record}", params={"fields": "id"}, json={"family_name": "x"})
    wrong_answer, wrong_parameter, wrong_body, fine = keap.requests
    keap.requests.clear()
    with pytest.raises(OpenAPIError, match="not valid for schema"):
        validate_exchange(wrong_answer)
    with pytest.raises(AssertionError, match="colour"):
        validate_exchange(wrong_parameter)
    with pytest.raises(OpenAPIError, match="Request body"):
        validate_exchange(wrong_body)
    validate_exchange(fine)


PERSON = {"given_name": "Ada", "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}]}


def test_yes_and_no_are_found_however_they_are_spelled(keap: KeapEmulator, client: httpx.Client) -> None:
    field = keap.state.contacts.add_custom_field("Vip", "YES_NO")
    by_id = {
        keap.state.contacts.add(PERSON | {"custom_fields": [{"id": field, "content": c}]}): c for c in (1, "true", 0)
    }
    for value, wanted in (("1", 2), ("true", 2), ("Yes", 2), ("0", 1), ("no", 1)):
        found = ids(client.get("/contacts", params={"filter": f"Vip=={value}", "fields": "id"}))
        assert len([id for id in found if id in by_id]) == wanted, value
    refused(client.get("/contacts", params={"filter": "Vip==perhaps"}))


def test_a_page_of_no_length_is_as_long_as_keap_likes(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.state.contacts.add_many(PERSON for _ in range(3))
    assert len(ids(client.get("/contacts", params={"page_size": 0}))) >= 3
