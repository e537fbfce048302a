"""The emulated Customcrm against the default REST profile, over real HTTP and as an ASGI application."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.testing import Fault
from keapbridge.testing.customcrm import CustomcrmBehaviour, CustomcrmEmulator, CustomcrmTable

Wire = dict[str, Any]

NOON = datetime(2026, 1, 2, 12, 0, 0, 678_000, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def client_of(server: CustomcrmEmulator) -> httpx.Client:
    return httpx.Client(
        base_url=server.base_url, headers={"Authorization": f"Bearer {server.token}"}, trust_env=False, verify=False
    )


@pytest.fixture
def server() -> Iterator[CustomcrmEmulator]:
    with CustomcrmEmulator(clock=lambda: NOON) as emulator:
        yield emulator


@pytest.fixture
def http(server: CustomcrmEmulator) -> Iterator[httpx.Client]:
    with client_of(server) as client:
        yield client


@pytest.fixture(scope="module")
def lasting() -> Iterator[CustomcrmEmulator]:
    """One server for all tests of refusals, which leave no trace to share."""
    with CustomcrmEmulator(clock=lambda: NOON) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def lasting_http(lasting: CustomcrmEmulator) -> Iterator[httpx.Client]:
    with client_of(lasting) as client:
        yield client


def test_answers_are_dated_by_the_clock(server: CustomcrmEmulator, http: httpx.Client) -> None:
    for path in ("/contacts", "/nowhere"):
        assert http.get(path).headers.get_list("date") == ["Fri, 02 Jan 2026 12:00:00 GMT"]
    server.faults.add(Fault(headers=(("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),)))
    assert http.get("/contacts").headers.get_list("date") == ["Thu, 01 Jan 2026 00:00:00 GMT"]


def problem(answer: httpx.Response, status: int, *fields: str) -> Wire:
    """Asserts a problem of this status about these properties, and returns it."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: Wire = answer.json()
    assert body["status"] == status
    assert all(isinstance(body[name], str) and body[name] for name in ("type", "title", "detail"))
    assert [error["field"] for error in body.get("errors", [])] == list(fields)
    assert all(error["message"] for error in body.get("errors", []))
    return body


def pages(http: httpx.Client, path: str, **query: str | int) -> Iterator[list[Wire]]:
    """The pages of a list, cursor after cursor."""
    cursor: str | None = None
    while True:
        answer = http.get(path, params=query if cursor is None else {**query, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        yield answer.json()["Items"]
        cursor = answer.json()["NextCursor"]
        if cursor is None:
            return


def listed(http: httpx.Client, path: str, **query: str | int) -> list[Wire]:
    return [item for page in pages(http, path, **query) for item in page]


# --- records ----------------------------------------------------------------------------------------------------


def test_a_created_contact_is_whole_and_stamped(http: httpx.Client) -> None:
    answer = http.post("contacts", json={"FirstName": "Ada", "BirthDate": "1815-12-10", "ShoeSize": {"eu": [38.50]}})
    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == "/api/contacts/A1"
    assert answer.headers["content-type"] == "application/json"
    record = answer.json()
    assert set(record) == {
        *("Id", "FirstName", "MiddleName", "LastName", "Title", "Suffix", "Email", "Email2", "Phone", "MobilePhone"),
        *("Fax", "JobTitle", "Website", "BirthDate", "CustomerId", "StreetAddress1", "StreetAddress2", "ZipCode"),
        *("City", "Region", "Country", "CreatedAt", "UpdatedAt", "ETag", "ShoeSize"),
    }
    assert record["Id"] == "A1"
    assert record["ETag"] == '"1"'
    assert record["CreatedAt"] == record["UpdatedAt"] == "2026-01-02T12:00:00.678Z"
    assert record["LastName"] is None
    assert record["ShoeSize"] == {"eu": [38.5]}
    again = http.get("contacts/A1")
    assert again.content == answer.content
    assert again.headers["ETag"] == '"1"'


def test_ids_are_the_systems_own(http: httpx.Client) -> None:
    made = [http.post(path, json={}).json()["Id"] for path in ("contacts", "contacts", "customers", "products")]
    assert made == ["A1", "A2", "C1", "P1"]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("12.50", "12.50"), (b"12.50", "12.50"), (b"12", "12"), (b"1e2", "100"), (b"-0.0", "0.0"), (b"0", "0")],
)
def test_prices_are_kept_as_decimal_strings(lasting_http: httpx.Client, sent: str | bytes, stored: str) -> None:
    text = sent.decode() if isinstance(sent, bytes) else f'"{sent}"'
    answer = lasting_http.post("products", content=f'{{"Price": {text}}}', headers={"Content-Type": "application/json"})
    assert answer.json()["Price"] == stored
    assert Decimal(answer.json()["Price"]) == Decimal(stored)


def test_long_prices_are_not_rounded(http: httpx.Client) -> None:
    price = "1234567890123456789012345.123456789"
    answer = http.post("products", content=f'{{"Price": {price}}}', headers={"Content-Type": "application/json"})
    assert answer.json()["Price"] == price


def test_further_properties_are_returned_as_they_are(http: httpx.Client) -> None:
    raw = '{"a":1.50,"b":1E+400,"c":123456789012345678901234567890,"d":[null,true],"e":"\\u0000Ω"}'
    answer = http.post("customers", content=f'{{"Extra":{raw}}}', headers={"Content-Type": "application/json"})
    assert raw.encode() in answer.content


def test_a_patch_changes_only_what_it_names(http: httpx.Client) -> None:
    before = http.post("customers", json={"Name": "Engines", "City": "London", "Extra": 1}).json()
    answer = http.patch("customers/C1", json={"City": None, "Phone": "+44 20 7946 0018", "More": []})
    assert answer.status_code == 200
    assert answer.headers["ETag"] == answer.json()["ETag"] == '"2"'
    assert answer.json() == before | {
        "City": None,
        "Phone": "+44 20 7946 0018",
        "More": [],
        "UpdatedAt": "2026-01-02T12:00:00.679Z",
        "ETag": '"2"',
    }
    assert http.get("customers/C1").content == answer.content


@pytest.mark.parametrize(
    "patch", [{}, {"Name": "Engine"}, {"Sku": None}, {"Price": "5.0"}, {"Active": True}, {"Extra": {"y": 2, "x": 1}}]
)
def test_a_patch_that_changes_nothing_moves_nothing(http: httpx.Client, patch: Wire) -> None:
    made = http.post("products", json={"Name": "Engine", "Price": 5.0, "Active": True, "Extra": {"x": 1, "y": 2}})
    answer = http.patch("products/P1", json=patch)
    assert answer.status_code == 200
    assert answer.content == made.content
    assert answer.headers["ETag"] == '"1"'


def test_a_one_is_not_true(http: httpx.Client) -> None:
    http.post("products", json={"Extra": 1})
    assert http.patch("products/P1", json={"Extra": True}).json()["ETag"] == '"2"'


def test_deleted_records_are_gone(server: CustomcrmEmulator, http: httpx.Client) -> None:
    http.post("contacts", json={})
    answer = http.delete("contacts/A1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert server.state.contacts.deleted == {"A1"}
    for again in (http.get("contacts/A1"), http.delete("contacts/A1"), http.patch("contacts/A1", json={})):
        problem(again, 404)
    assert http.post("contacts", json={}).json()["Id"] == "A2"


@pytest.mark.parametrize("tag", ['"2"', "*", '"7", "2"'])
def test_if_match_lets_the_right_version_through(http: httpx.Client, tag: str) -> None:
    http.post("contacts", json={})
    http.patch("contacts/A1", json={"City": "Paris"})
    assert http.patch("contacts/A1", json={"City": "Rome"}, headers={"If-Match": tag}).status_code == 200
    assert http.delete("contacts/A1", headers={"If-Match": '"3"'}).status_code == 204


@pytest.mark.parametrize("tag", ['"1"', "2", 'W/"2"', '"22"'])
def test_if_match_stops_every_other_version(server: CustomcrmEmulator, http: httpx.Client, tag: str) -> None:
    http.post("contacts", json={})
    http.patch("contacts/A1", json={"City": "Paris"})
    before = server.state.snapshot()
    problem(http.patch("contacts/A1", json={"City": "Rome"}, headers={"If-Match": tag}), 412)
    problem(http.delete("contacts/A1", headers={"If-Match": tag}), 412)
    problem(http.patch("contacts/A9", json={"City": "Rome"}, headers={"If-Match": tag}), 404)
    assert server.state.snapshot() == before


# --- idempotency ------------------------------------------------------------------------------------------------


def test_a_repeated_create_makes_nothing(server: CustomcrmEmulator, http: httpx.Client) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = http.post("contacts", json={"FirstName": "Ada", "LastName": "Lovelace"}, headers=key)
    again = http.post("contacts", json={"LastName": "Lovelace", "FirstName": "Ada"}, headers=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert again.headers["ETag"] == '"1"'
    assert len(server.state.contacts) == 1


def test_a_repeated_create_answers_the_current_state(http: httpx.Client) -> None:
    key = {"Idempotency-Key": "k-1"}
    http.post("contacts", json={"FirstName": "Ada"}, headers=key)
    http.patch("contacts/A1", json={"FirstName": "Augusta"})
    again = http.post("contacts", json={"FirstName": "Ada"}, headers=key)
    assert (again.status_code, again.json()["FirstName"], again.headers["ETag"]) == (200, "Augusta", '"2"')
    http.delete("contacts/A1")
    problem(http.post("contacts", json={"FirstName": "Ada"}, headers=key), 410)


def test_a_key_belongs_to_one_body_and_one_object(server: CustomcrmEmulator, http: httpx.Client) -> None:
    key = {"Idempotency-Key": "k-1"}
    assert http.post("customers", json={"Name": "A"}, headers=key).status_code == 201
    problem(http.post("customers", json={"Name": "B"}, headers=key), 422)
    assert http.post("products", json={"Name": "A"}, headers=key).status_code == 201
    assert http.post("customers", json={"Name": "A"}, headers={"Idempotency-Key": "k-2"}).status_code == 201
    assert http.post("customers", json={"Name": "A"}).status_code == 201
    assert len(server.state.customers) == 3
    problem(http.post("customers", json={"Name": "A"}, headers={"Idempotency-Key": ""}), 400)


def test_a_refused_create_leaves_its_key_free(http: httpx.Client) -> None:
    key = {"Idempotency-Key": "k-1"}
    problem(http.post("contacts", json={"FirstName": 1}, headers=key), 422, "FirstName")
    assert http.post("contacts", json={"FirstName": "Ada"}, headers=key).status_code == 201


def test_a_create_whose_answer_was_lost_can_be_repeated(server: CustomcrmEmulator, http: httpx.Client) -> None:
    server.faults.add(Fault(cut=True, when="after"), method="POST")
    key = {"Idempotency-Key": "k-1"}
    with pytest.raises(httpx.TransportError):
        http.post("contacts", json={"FirstName": "Ada"}, headers=key)
    assert http.post("contacts", json={"FirstName": "Ada"}, headers=key).status_code == 200
    assert list(server.state.contacts) == ["A1"]


# --- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("contacts", {"FirstName": 1}, ["FirstName"]),
        ("contacts", {"Email": ["a@example.org"], "Phone": False, "City": "ok"}, ["Email", "Phone"]),
        ("contacts", {"BirthDate": "1815-13-10"}, ["BirthDate"]),
        ("contacts", {"BirthDate": "1815-02-29"}, ["BirthDate"]),
        ("contacts", {"BirthDate": "18151210"}, ["BirthDate"]),
        ("contacts", {"BirthDate": "1815-12-10T00:00:00Z"}, ["BirthDate"]),
        ("contacts", {"BirthDate": ""}, ["BirthDate"]),
        ("contacts", {"BirthDate": 18151210}, ["BirthDate"]),
        ("contacts", {"CustomerId": "C9"}, ["CustomerId"]),
        ("contacts", {"CustomerId": "A1"}, ["CustomerId"]),
        ("contacts", {"CustomerId": ""}, ["CustomerId"]),
        ("contacts", {"Id": "A7"}, ["Id"]),
        ("contacts", {"CreatedAt": None, "UpdatedAt": None, "ETag": '"1"'}, ["CreatedAt", "UpdatedAt", "ETag"]),
        ("contacts", {"Deleted": True}, ["Deleted"]),
        ("products", {"Price": -1}, ["Price"]),
        ("products", {"Price": "-1.00"}, ["Price"]),
        ("products", {"Price": "twelve"}, ["Price"]),
        ("products", {"Price": "1,50"}, ["Price"]),
        ("products", {"Price": "NaN"}, ["Price"]),
        ("products", {"Price": "1e3"}, ["Price"]),
        ("products", {"Price": " 1"}, ["Price"]),
        ("products", {"Price": "1\n"}, ["Price"]),
        ("products", {"Price": "\u0663"}, ["Price"]),
        ("products", {"Price": True}, ["Price"]),
        ("products", {"Price": {}}, ["Price"]),
        ("products", {"Active": "true"}, ["Active"]),
        ("products", {"Active": 1}, ["Active"]),
        ("products", [], []),
        ("products", 12, []),
        ("products", "text", []),
    ],
)
def test_invalid_records_are_refused_with_their_properties(
    lasting: CustomcrmEmulator, lasting_http: httpx.Client, path: str, body: Any, fields: list[str]
) -> None:
    id_ = lasting_http.post(path, json={}).json()["Id"]
    before = lasting.state.snapshot()
    problem(lasting_http.post(path, json=body), 422, *fields)
    problem(lasting_http.patch(f"{path}/{id_}", json=body), 422, *fields)
    assert lasting.state.snapshot() == before


def test_an_enormous_price_is_refused_quickly(lasting_http: httpx.Client) -> None:
    for price in ("1e999999999", "1e-999999999"):
        answer = lasting_http.post(
            "products", content=f'{{"Price":{price}}}', headers={"Content-Type": "application/json"}
        )
        problem(answer, 422, "Price")


def test_a_contacts_customer_must_live(http: httpx.Client) -> None:
    http.post("customers", json={"Name": "Engines"})
    assert http.post("contacts", json={"CustomerId": "C1"}).status_code == 201
    http.post("contacts", json={})
    http.delete("customers/C1")
    problem(http.patch("contacts/A2", json={"CustomerId": "C1"}), 422, "CustomerId")
    # A reference left dangling is no change, and must not lock the rest of the record.
    assert http.patch("contacts/A1", json={"CustomerId": "C1", "City": "Paris"}).status_code == 200
    assert http.patch("contacts/A1", json={"CustomerId": None}).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{]", b"nul", b'{"a":NaN}', b'"\xff"', b"\xef\xbb\xbf{}", b'{"a":"\\ud800x"}', b"[" * 100_000]
)
def test_what_is_not_json_is_refused(lasting_http: httpx.Client, body: bytes) -> None:
    id_ = lasting_http.post("contacts", json={}).json()["Id"]
    problem(lasting_http.post("contacts", content=body, headers={"Content-Type": "application/json"}), 400)
    problem(lasting_http.patch(f"contacts/{id_}", content=body, headers={"Content-Type": "application/json"}), 400)


@pytest.mark.parametrize("media", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_other_content_types_are_refused(lasting_http: httpx.Client, media: str | None) -> None:
    headers = {} if media is None else {"Content-Type": media}
    id_ = lasting_http.post("contacts", json={}).json()["Id"]
    problem(lasting_http.post("contacts", content=b"{}", headers=headers), 415)
    problem(lasting_http.patch(f"contacts/{id_}", content=b"{}", headers=headers), 415)


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.crm+json"])
def test_json_has_many_names(lasting_http: httpx.Client, media: str) -> None:
    assert lasting_http.post("contacts", content=b"{}", headers={"Content-Type": media}).status_code == 201


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic Y3VzdG9tY3JtLXRva2Vu", "customcrm-token"])
@pytest.mark.parametrize("path", ["contacts", "contacts/A1", "nowhere"])
def test_without_the_token_nothing_is_told(lasting: CustomcrmEmulator, header: str | None, path: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = httpx.get(f"{lasting.base_url}/{path}", headers=headers, trust_env=False, verify=False)
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_can_be_revoked(server: CustomcrmEmulator, http: httpx.Client) -> None:
    assert http.get("contacts").status_code == 200
    server.token = "another"
    problem(http.get("contacts"), 401)
    assert http.get("contacts", headers={"Authorization": "bearer another"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["", "deals", "contacts/", "contacts/A1/notes", "contacts/A%2F1", "contacts/%00", "../x"]
)
def test_unknown_paths_are_problems(lasting_http: httpx.Client, path: str) -> None:
    problem(lasting_http.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "contacts", {"GET", "HEAD", "POST"}),
        ("DELETE", "contacts", {"GET", "HEAD", "POST"}),
        ("PUT", "contacts/A1", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("POST", "contacts/A1", {"GET", "HEAD", "PATCH", "DELETE"}),
    ],
)
def test_wrong_methods_are_problems(lasting_http: httpx.Client, method: str, path: str, allowed: set[str]) -> None:
    answer = lasting_http.request(method, path, json={})
    problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=-1", "limit"),
        ("limit=\u0661", "limit"),
        ("limit=1&limit=2", "limit"),
        ("updated_since=yesterday", "updated_since"),
        ("updated_since=2026-01-02T03:04:05", "updated_since"),
        ("updated_since=2026-01-02", "updated_since"),
        ("updated_since=", "updated_since"),
        ("cursor=abc", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=bnVsbA==", "cursor"),
        ("cursor=é", "cursor"),
        ("updatedSince=2026-01-02T03:04:05Z", "updatedSince"),
        ("ids=A1&cursor=x", "cursor"),
        ("ids=" + ",".join(f"A{n}" for n in range(1001)), "ids"),
    ],
)
def test_bad_queries_are_problems(lasting_http: httpx.Client, query: str, field: str) -> None:
    problem(lasting_http.get(f"contacts?{query}"), 400, field)


# --- lists ------------------------------------------------------------------------------------------------------


def test_an_empty_list(http: httpx.Client) -> None:
    assert http.get("contacts").json() == {"Items": [], "NextCursor": None}


def test_a_list_is_in_the_order_of_its_updates(server: CustomcrmEmulator, http: httpx.Client) -> None:
    contacts = server.state.contacts
    contacts.add_many({"FirstName": str(n)} for n in range(5))
    contacts.edit("A2", City="Paris")
    contacts.delete("A4")
    assert [record["Id"] for record in listed(http, "contacts", limit=2)] == ["A1", "A3", "A5", "A2"]
    assert listed(http, "contacts", limit=3) == listed(http, "contacts")
    assert [len(page) for page in pages(http, "contacts", limit=2)] == [2, 2]
    assert {record["Id"]: record for record in listed(http, "contacts")} == contacts


def test_a_page_is_a_hundred_unless_asked_otherwise(server: CustomcrmEmulator, http: httpx.Client) -> None:
    server.state.products.add_many({} for _ in range(1001))
    assert len(http.get("products").json()["Items"]) == 100
    assert [len(page) for page in pages(http, "products", limit=1000)] == [1000, 1]


def test_changes_include_tombstones(server: CustomcrmEmulator, http: httpx.Client) -> None:
    contacts = server.state.contacts
    contacts.add_many({} for _ in range(4))
    moment = contacts["A4"]["UpdatedAt"]
    contacts.delete("A3")
    contacts.edit("A1", City="Rome")
    changes = listed(http, "contacts", updated_since=moment, limit=1)
    assert [change["Id"] for change in changes] == ["A4", "A3", "A1"]
    assert changes[1] == {"Id": "A3", "Deleted": True, "UpdatedAt": "2026-01-02T12:00:00.679Z"}
    assert all("Deleted" not in change for change in listed(http, "contacts"))


def test_updated_since_is_inclusive_to_the_millisecond(server: CustomcrmEmulator, http: httpx.Client) -> None:
    server.state.contacts.add({})
    assert server.state.contacts["A1"]["UpdatedAt"] == "2026-01-02T12:00:00.678Z"
    for since, found in {
        "2026-01-02T12:00:00.678Z": 1,
        "2026-01-02T12:00:00.677Z": 1,
        "2026-01-02T14:00:00.678+02:00": 1,
        "2026-01-02T12:00:00.678001Z": 0,
        "2026-01-02T12:00:00.679Z": 0,
        "0001-01-01T00:00:00+23:59": 1,
        "9999-12-31T23:59:59.999999-23:59": 0,
    }.items():
        assert len(listed(http, "contacts", updated_since=since)) == found, since


def test_a_cursor_carries_its_list(server: CustomcrmEmulator, http: httpx.Client) -> None:
    server.state.contacts.add_many({} for _ in range(3))
    server.state.contacts.delete("A2")
    since = "2026-01-01T00:00:00.000Z"
    first = http.get("contacts", params={"limit": 1, "updated_since": since}).json()
    rest = http.get("contacts", params={"cursor": first["NextCursor"]}).json()
    assert [item["Id"] for item in rest["Items"]] == ["A3", "A2"]
    other = {"cursor": first["NextCursor"], "updated_since": "2026-01-01T00:00:00.001Z"}
    problem(http.get("contacts", params=other), 400, "updated_since")
    plain = http.get("contacts", params={"limit": 1}).json()["NextCursor"]
    problem(http.get("contacts", params={"cursor": plain, "updated_since": since}), 400, "updated_since")
    problem(http.get("customers", params={"cursor": plain}), 400, "cursor")


def test_a_batch_has_what_exists(server: CustomcrmEmulator, http: httpx.Client) -> None:
    ids = server.state.contacts.add_many({"FirstName": str(n)} for n in range(1000))
    server.state.contacts.delete("A2")
    answer = http.get("contacts", params={"ids": "A3,A2,,A1,A9999,A3"}).json()
    assert answer == {"Items": [server.state.contacts["A3"], server.state.contacts["A1"]], "NextCursor": None}
    assert len(http.get("contacts", params={"ids": ",".join(ids), "limit": 1000}).json()["Items"]) == 999
    assert http.get("contacts", params={"ids": ""}).json()["Items"] == []


Edit = tuple[str, int]
_edits = st.lists(st.tuples(st.sampled_from(["add", "edit", "delete", "none"]), st.integers(0, 30)), max_size=20)


def _play(table: CustomcrmTable, edit: Edit) -> None:
    what, number = edit
    ids = list(table)
    if what == "add":
        table.add({"FirstName": f"new {number}"})
    elif what == "edit" and ids:
        table.edit(ids[number % len(ids)], FirstName=f"edited {number}")
    elif what == "delete" and ids:
        table.delete(ids[number % len(ids)])


async def _paged_while_edited(count: int, limit: int, edits: list[Edit], since: str | None) -> None:
    emulator = CustomcrmEmulator(clock=lambda: NOON)
    contacts = emulator.state.contacts
    contacts.add_many({"FirstName": str(n)} for n in range(count))
    seen: list[Wire] = []
    pending = iter(edits)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(emulator.app),
        base_url=emulator.base_url,
        headers={"Authorization": f"Bearer {emulator.token}"},
    ) as http:
        query: dict[str, str | int] = {"limit": limit} | ({} if since is None else {"updated_since": since})
        cursor: str | None = None
        while cursor is not None or not seen:
            _play(contacts, next(pending, ("none", 0)))
            answer = await http.get("contacts", params=query if cursor is None else {**query, "cursor": cursor})
            page = answer.json()
            assert len(page["Items"]) <= limit
            seen += page["Items"]
            cursor = page["NextCursor"]
            if not page["Items"]:
                break
    order = [item["UpdatedAt"] for item in seen]
    assert order == sorted(set(order))
    latest = {item["Id"]: item for item in seen}
    assert {id_: latest.get(id_) for id_ in contacts} == contacts
    if since is not None:
        assert {id_ for id_, item in latest.items() if item.get("Deleted")} == contacts.deleted
    emulator.close()


@examples(60)
@given(st.integers(0, 12), st.integers(1, 5), _edits, st.sampled_from([None, "2026-01-01T00:00:00.000Z"]))
def test_records_edited_while_a_client_pages_are_never_missed(
    count: int, limit: int, edits: list[Edit], since: str | None
) -> None:
    asyncio.run(_paged_while_edited(count, limit, edits, since))


def test_paging_beside_a_writing_thread_misses_nothing() -> None:
    with CustomcrmEmulator() as server, client_of(server) as http:
        contacts = server.state.contacts
        ids = contacts.add_many({} for _ in range(2000))

        def write() -> None:
            for n, id_ in enumerate(ids[::7]):
                if n % 3:
                    contacts.edit(id_, FirstName=str(n))
                else:
                    contacts.delete(id_)

        writer = threading.Thread(target=write)
        writer.start()
        latest = {c["Id"]: c for c in listed(http, "contacts", limit=50, updated_since="2000-01-01T00:00:00Z")}
        writer.join()
        since = max(c["UpdatedAt"] for c in latest.values())
        latest |= {c["Id"]: c for c in listed(http, "contacts", updated_since=since)}
        assert {id_: c for id_, c in latest.items() if not c.get("Deleted")} == contacts
        assert {id_ for id_, c in latest.items() if c.get("Deleted")} == contacts.deleted


# --- time -------------------------------------------------------------------------------------------------------


def test_every_write_has_its_own_moment(server: CustomcrmEmulator, http: httpx.Client) -> None:
    state = server.state
    state.contacts.add({})
    http.post("customers", json={})
    state.products.add_many([{}, {}])
    http.patch("customers/C1", json={"Name": "Engines"})
    http.delete("products/P1")
    moments = [
        *(state.contacts["A1"]["UpdatedAt"], state.customers["C1"]["CreatedAt"], state.products["P2"]["UpdatedAt"]),
        *(state.customers["C1"]["UpdatedAt"], listed(http, "products", updated_since="2000-01-01T00:00:00Z")[-1]),
    ]
    moments[-1] = moments[-1]["UpdatedAt"]
    assert moments == sorted(set(moments))
    assert all(TIME.fullmatch(moment) for moment in moments)


def test_a_clock_that_goes_back_is_not_followed() -> None:
    times = iter([NOON, NOON - timedelta(hours=1), NOON + timedelta(hours=1)])
    contacts = CustomcrmEmulator(clock=lambda: next(times)).state.contacts
    for _ in range(3):
        contacts.add({})
    assert [record["UpdatedAt"][11:23] for record in contacts.values()] == [
        "12:00:00.678",
        "12:00:00.679",
        "13:00:00.678",
    ]


def test_a_bulk_ends_now_unless_somebody_has_looked() -> None:
    now = NOON
    with CustomcrmEmulator(clock=lambda: now) as server, client_of(server) as http:
        contacts = server.state.contacts
        contacts.add_many({} for _ in range(1000))
        assert contacts["A1"]["UpdatedAt"] == "2026-01-02T11:59:59.679Z"
        assert contacts["A1000"]["UpdatedAt"] == "2026-01-02T12:00:00.678Z"
        now += timedelta(seconds=10)
        http.get("contacts")
        now += timedelta(milliseconds=5)
        contacts.add_many({} for _ in range(10))
        # What is written after a client looked is never earlier than its look.
        assert contacts["A1001"]["UpdatedAt"] == "2026-01-02T12:00:10.678Z"
        assert contacts["A1010"]["UpdatedAt"] == "2026-01-02T12:00:10.687Z"


# --- the state --------------------------------------------------------------------------------------------------


def test_the_state_is_a_mapping_of_copies(server: CustomcrmEmulator) -> None:
    customers = server.state.customers
    assert customers.add({"Name": "Engines", "Extra": [1.5]}) == "C1"
    assert customers.add_many([{"Name": "Looms"}]) == ["C2"]
    customers["C1"]["Extra"].append(2)
    assert customers["C1"]["Extra"] == [1.5]
    assert (list(customers), len(customers), "C1" in customers, "C3" in customers) == (["C1", "C2"], 2, True, False)
    assert [record["Name"] for record in customers.values()] == ["Engines", "Looms"]
    assert dict(customers.items()) == {"C1": customers["C1"], "C2": customers["C2"]} == customers
    assert customers.get("C3") is None
    with pytest.raises(KeyError, match="C3"):
        customers["C3"]
    assert repr(customers) == "<2 customers>"


def test_the_snapshot_is_plain(server: CustomcrmEmulator) -> None:
    server.state.contacts.add({})
    server.state.contacts.add({})
    server.state.contacts.delete("A1")
    before = server.state.snapshot()
    assert before == {"contacts": {"A2": server.state.contacts["A2"]}, "customers": {}, "products": {}}
    server.state.products.add({})
    assert server.state.snapshot() != before


def test_users_edit_the_state_under_the_systems_rules(server: CustomcrmEmulator, http: httpx.Client) -> None:
    contacts = server.state.contacts
    contacts.add({"FirstName": "Ada"})
    contacts.edit("A1", FirstName="Augusta")
    assert http.get("contacts/A1").json() == contacts["A1"]
    assert (contacts["A1"]["FirstName"], contacts["A1"]["ETag"]) == ("Augusta", '"2"')
    contacts.edit("A1")
    assert (contacts["A1"]["ETag"], contacts["A1"]["UpdatedAt"]) == ('"3"', "2026-01-02T12:00:00.680Z")
    for refused in ({"FirstName": 1}, {"CustomerId": "C1"}, {"ETag": "x"}, {"BirthDate": "tomorrow"}):
        with pytest.raises(ValueError, match=next(iter(refused))):
            contacts.edit("A1", **refused)
        with pytest.raises(ValueError, match=next(iter(refused))):
            contacts.add_many([{}, refused])
    assert list(contacts) == ["A1"]
    contacts.delete("A1")
    for act in (contacts.edit, contacts.delete, contacts.corrupt, contacts.__getitem__):
        with pytest.raises(KeyError):
            act("A1")
    assert contacts.deleted == {"A1"}


def test_pythons_values_become_wire_values(server: CustomcrmEmulator) -> None:
    server.state.products.add({"Price": Decimal("12.50")})
    server.state.contacts.add({"BirthDate": NOON.date()})
    assert server.state.products["P1"]["Price"] == "12.50"
    assert server.state.contacts["A1"]["BirthDate"] == "2026-01-02"


def test_the_state_may_be_read_while_it_is_filled(server: CustomcrmEmulator) -> None:
    server.state.customers.add_many({"Name": str(n)} for n in range(3))
    server.state.contacts.add_many(
        {"CustomerId": id_, "City": server.state.customers[id_]["Name"]} for id_ in server.state.customers
    )
    assert [record["City"] for record in server.state.contacts.values()] == ["0", "1", "2"]


def test_corruption_reaches_the_client_silently(server: CustomcrmEmulator, http: httpx.Client) -> None:
    contacts = server.state.contacts
    contacts.add({"FirstName": "Ada", "City": "London"})
    before = contacts["A1"]
    contacts.corrupt("A1", FirstName=["not", "a", "string"], BirthDate="never", UpdatedAt=12)
    served = before | {"FirstName": ["not", "a", "string"], "BirthDate": "never", "UpdatedAt": 12}
    assert http.get("contacts/A1").json() == contacts["A1"] == served
    assert listed(http, "contacts", updated_since=before["UpdatedAt"]) == [served]
    healed = http.patch("contacts/A1", json={"FirstName": "Ada"}).json()
    assert healed == before | {"BirthDate": "never", "UpdatedAt": "2026-01-02T12:00:00.679Z", "ETag": '"2"'}


# --- behaviour --------------------------------------------------------------------------------------------------


def test_a_system_may_store_other_than_it_is_told() -> None:
    behaviour = CustomcrmBehaviour(trim_strings=True, max_lengths={"FirstName": 4}, case_fold_emails=True)
    with CustomcrmEmulator(behaviour=behaviour) as server, client_of(server) as http:
        sent = {"FirstName": "  Ada Lovelace ", "Email": " Ada@Example.ORG", "City": " A B ", "Extra": " x "}
        made = http.post("contacts", json=sent).json()
        assert {name: made[name] for name in sent} == {
            "FirstName": "Ada",
            "Email": "ada@example.org",
            "City": "A B",
            "Extra": "x",
        }
        for again in (sent, {name: made[name] for name in sent}):
            assert http.patch("contacts/A1", json=again).json() == made
        server.state.contacts.edit("A1", Email2="X@Y.org", FirstName="Augusta")
        assert server.state.contacts["A1"]["Email2"] == "x@y.org"
        assert server.state.contacts["A1"]["FirstName"] == "Augu"


def test_by_default_nothing_is_altered(http: httpx.Client) -> None:
    sent = {"FirstName": "  Ada ", "Email": " Ada@Example.ORG", "LastName": "x" * 100_000}
    made = http.post("contacts", json=sent).json()
    assert {name: made[name] for name in sent} == sent


# --- the emulator -----------------------------------------------------------------------------------------------


def test_requests_are_recorded_without_the_token(server: CustomcrmEmulator, http: httpx.Client) -> None:
    http.post("contacts", json={"FirstName": "Ada"})
    http.get("contacts/A1")
    [write] = server.requests.writes
    assert (write.method, write.path, write.json, write.status) == ("POST", "/api/contacts", {"FirstName": "Ada"}, 201)
    assert server.token not in repr(list(server.requests)) + repr(write.headers)


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_faults_replace_answers(server: CustomcrmEmulator, http: httpx.Client, when: str, made: int) -> None:
    server.faults.add(Fault(status=503, when=when), method="POST", path="/contacts")
    assert http.post("contacts", json={}).status_code == 503
    assert len(server.state.contacts) == made


def test_the_application_works_without_a_server() -> None:
    async def exchange(emulator: CustomcrmEmulator) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(emulator.app), base_url=emulator.base_url) as http:
            return await http.get("contacts", headers={"Authorization": f"Bearer {emulator.token}"})

    emulator = CustomcrmEmulator(token="mine")
    emulator.state.contacts.add({})
    answer = asyncio.run(exchange(emulator))
    assert [item["Id"] for item in answer.json()["Items"]] == ["A1"]
    assert len(emulator.requests) == 1
    emulator.close()


def test_closing_is_final_and_repeatable() -> None:
    emulator = CustomcrmEmulator()
    with emulator as server:
        assert server is emulator
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/api", server.base_url)
        base_url = server.base_url
        with pytest.raises(RuntimeError):
            emulator.__enter__()
        assert server.base_url == base_url
        emulator.close()
    emulator.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base_url}/contacts", trust_env=False, verify=False)
    with pytest.raises(sqlite3.ProgrammingError):
        emulator.state.snapshot()
    with pytest.raises(RuntimeError):
        emulator.__enter__()


def test_two_emulators_share_nothing() -> None:
    with CustomcrmEmulator() as one, CustomcrmEmulator() as other:
        one.state.contacts.add({})
        assert one.base_url != other.base_url
        assert len(other.state.contacts) == 0
        with client_of(other) as http:
            assert listed(http, "contacts") == []


def test_many_records_page_through(server: CustomcrmEmulator, http: httpx.Client) -> None:
    ids = server.state.contacts.add_many({"FirstName": f"n{n}", "Email": f"n{n}@example.org"} for n in range(10_000))
    assert [record["Id"] for record in listed(http, "contacts", limit=1000)] == ids
    assert len(server.requests) == 10
