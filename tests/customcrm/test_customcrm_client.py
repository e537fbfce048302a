"""The Customcrm client against the reference implementation of the default profile."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Send
from keapbridge._io.calls import Answer
from keapbridge._io.listing import items
from keapbridge.customcrm import endpoints
from keapbridge.customcrm.endpoints import CONTACTS, CUSTOMERS, PRODUCTS
from keapbridge.testing import CustomcrmEmulator, Fault


def _answer(content: Any) -> Answer:
    return Answer(200, {"content-type": "application/json"}, json.dumps(content).encode())


# --- calls as values ------------------------------------------------------------------------------------------------


def test_names_are_snake_case_here_and_pascal_case_on_the_wire() -> None:
    contact = CONTACTS.codec.load(
        {"Id": "A1", "FirstName": "Ada", "StreetAddress1": "1 Main St", "BirthDate": "1815-12-10", "ETag": '"1"'}
    )
    assert (contact.id, contact.first_name, contact.street_address1) == ("A1", "Ada", "1 Main St")
    assert (contact.birth_date, contact.etag) == (date(1815, 12, 10), '"1"')
    assert contact.last_name is kb.UNSET
    assert CONTACTS.codec.dump(contact)["StreetAddress1"] == "1 Main St"


def test_a_create_may_be_repeated_only_with_a_key() -> None:
    record = kb.customcrm.Contact(first_name="Ada", last_name=None, extra={"ShoeSize": 38})
    call = endpoints.create(CONTACTS, record, key="k-1")
    assert (call.method, call.path, call.repeatable) == ("POST", "/contacts", True)
    assert call.headers == (("Idempotency-Key", "k-1"),)
    assert json.loads(call.body or b"") == {"FirstName": "Ada", "ShoeSize": 38}
    assert not endpoints.create(CONTACTS, record).repeatable


def test_an_update_holds_what_is_masked_and_names_the_version_it_is_for() -> None:
    record = kb.customcrm.Contact(first_name="Ada", last_name=None, city="x")
    call = endpoints.update(CONTACTS, "A1", record, {"first_name", "last_name"}, if_match='"7"')
    assert json.loads(call.body or b"") == {"FirstName": "Ada", "LastName": None}
    assert call.headers == (("If-Match", '"7"'),)


def test_decimals_are_written_without_loss() -> None:
    call = endpoints.create(PRODUCTS, kb.customcrm.Product(name="W", price=Decimal("12.50"), currency="USD"))
    assert Decimal(json.loads(call.body or b"")["Price"]) == Decimal("12.50")
    for raw in ("12.50", 12.5, 12):
        assert PRODUCTS.codec.load({"Id": "P1", "Price": raw}).price == Decimal(str(raw))


def test_many_ids_are_read_in_few_calls_of_bounded_length() -> None:
    ids = [f"A{n}" for n in range(1500)]
    found = list(endpoints.get_many(CONTACTS, ids))
    asked = [i for _, call in found for i in dict(call.query)["ids"].split(",")]
    assert sorted(asked) == sorted(ids)
    assert all(len(dict(call.query)["ids"]) <= 3010 for _, call in found)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"FirstName": 7}, "$.FirstName"),
        ({"BirthDate": "soon"}, "$.BirthDate"),
        ({"UpdatedAt": []}, "$.UpdatedAt"),
        ({"StreetAddress1": {"a": 1}}, "$.StreetAddress1"),
    ],
    ids=str,
)
def test_a_wrong_type_is_an_error_with_the_json_path_of_the_wire(raw: dict[str, Any], path: str) -> None:
    with pytest.raises(kb.ShapeError) as caught:
        endpoints.get(CONTACTS, "A1").decode(_answer({"Id": "A1", **raw}))
    assert caught.value.paths == (path,)


def test_tombstones_among_changes_are_told_apart_from_records() -> None:
    items = [{"Id": "A1"}, {"Id": "A2", "Deleted": True}, {"Id": "A3", "FirstName": 7}]
    page = endpoints.list_page(CONTACTS, updated_since=datetime.now(UTC)).decode(_answer({"Items": items}))
    assert [c.id for c in page.items] == ["A1"]
    assert page.deleted == ("A2",)
    assert [m.id for m in page.malformed] == ["A3"]
    assert page.malformed[0].error.paths == ("$.Items[1].FirstName",) or page.malformed[0].error.paths == (
        "$.Items[2].FirstName",
    )
    unread = endpoints.list_page(CONTACTS, updated_since=datetime.now(UTC), unread=True).decode(
        _answer({"Items": items})
    )
    assert unread.unread is not None
    assert unread.unread.ids == ("A1", "A3")
    assert unread.deleted == ("A2",)
    assert unread.read().items == page.items


@pytest.mark.parametrize("content", [[], None, {}, {"Items": None}, {"items": []}], ids=str)
def test_a_page_of_another_shape_is_an_error(content: Any) -> None:
    with pytest.raises(kb.ShapeError):
        endpoints.list_page(CONTACTS).decode(_answer(content))


# --- over HTTP ------------------------------------------------------------------------------------------------------


def test_a_record_is_created_read_changed_and_deleted(crm: kb.CustomcrmClient, crm_server: CustomcrmEmulator) -> None:
    customer = crm.customers.create(kb.customcrm.Customer(name="Engines", street_address1="1 Main St"))
    new = crm.contacts.create(
        kb.customcrm.Contact(first_name="Ada", email="ada@example.org", customer_id=customer.id, extra={"ShoeSize": 38})
    )
    assert crm.contacts.get(new.id) == new
    assert new.extra == {"ShoeSize": 38}
    assert new.last_name is None
    changed = crm.contacts.update(new.id, last_name="L", email=None, extra={"ShoeSize": 39, "Mood": "calm"})
    assert (changed.last_name, changed.email) == ("L", None)
    stored = crm_server.state.contacts[new.id]
    assert (stored["ShoeSize"], stored["Mood"], stored["FirstName"]) == (39, "calm", "Ada")
    product = crm.products.create(
        kb.customcrm.Product(name="W", sku="W-1", price=Decimal("12.50"), currency="USD", active=True)
    )
    assert (product.price, product.active) == (Decimal("12.50"), True)
    crm.contacts.delete(new.id)
    with pytest.raises(kb.NotFoundError):
        crm.contacts.get(new.id)
    assert crm_server.state.contacts.deleted == {new.id}


def test_a_price_keeps_its_decimals(crm: kb.CustomcrmClient) -> None:
    for price in ("12.50", "0", "0.001", "123456789012345.67"):
        product = crm.products.create(kb.customcrm.Product(name="W", price=Decimal(price), currency="USD"))
        assert str(crm.products.get(product.id).price) == price


def test_one_key_makes_one_record(crm: kb.CustomcrmClient, crm_server: CustomcrmEmulator) -> None:
    record = kb.customcrm.Contact(first_name="Ada")
    first = crm.contacts.create(record, idempotency_key="k-1")
    assert crm.contacts.create(record, idempotency_key="k-1") == first
    assert len(crm_server.state.contacts) == 1


def test_a_lost_answer_to_a_create_with_a_key_is_asked_for_again(
    crm: kb.CustomcrmClient, crm_server: CustomcrmEmulator
) -> None:
    crm_server.faults.add(Fault(status=0, when="after"), method="POST")
    assert crm.contacts.create(kb.customcrm.Contact(first_name="Ada"), idempotency_key="k-1").id == "A1"
    assert len(crm_server.state.contacts) == 1
    crm_server.faults.add(Fault(status=0, when="after"), method="POST")
    with pytest.raises(kb.TransportError):
        crm.contacts.create(kb.customcrm.Contact(first_name="Kim"))
    assert len(crm_server.state.contacts) == 2


def test_a_change_made_for_another_version_is_refused(crm: kb.CustomcrmClient, crm_server: CustomcrmEmulator) -> None:
    contact = crm.contacts.create(kb.customcrm.Contact(first_name="Ada"))
    crm_server.state.contacts.edit(contact.id, FirstName="Kim")
    with pytest.raises(kb.ConflictError) as caught:
        crm.contacts.update(contact.id, if_match=contact.etag, first_name="Augusta")
    assert caught.value.status == 412
    with pytest.raises(kb.ConflictError):
        crm.contacts.delete(contact.id, if_match=contact.etag)
    assert crm_server.state.contacts[contact.id]["FirstName"] == "Kim"
    assert crm.contacts.update(contact.id, if_match=crm.contacts.get(contact.id).etag, city="x").city == "x"


def test_unset_leaves_a_field_alone(crm: kb.CustomcrmClient, crm_server: CustomcrmEmulator) -> None:
    id = crm_server.state.contacts.add({"FirstName": "Ada", "LastName": "L"})
    crm.contacts.update(id, first_name="Kim", last_name=kb.UNSET)
    assert crm_server.state.contacts[id]["LastName"] == "L"
    assert crm_server.requests.writes[-1].json == {"FirstName": "Kim"}


@pytest.mark.parametrize("name", ["nick_name", "id", "updated_at", "FirstName"])
def test_a_name_that_cannot_be_written_is_a_type_error(crm: kb.CustomcrmClient, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        crm.contacts.update("A1", **{name: "x"})


def test_unknown_properties_survive_a_read_modify_write(crm: kb.CustomcrmClient, crm_server: CustomcrmEmulator) -> None:
    id = crm_server.state.customers.add({"Name": "Engines", "Tree": {"a": [1, None, {"b": "é"}]}, "Big": 2**60})
    customer = crm.customers.get(id)
    crm.customers.update(id, name=customer.name.upper(), extra=dict(customer.extra))
    stored = crm_server.state.customers[id]
    assert (stored["Name"], stored["Tree"], stored["Big"]) == ("ENGINES", {"a": [1, None, {"b": "é"}]}, 2**60)


def test_pages_follow_the_cursor_as_they_are_needed(crm: kb.CustomcrmClient, crm_server: CustomcrmEmulator) -> None:
    ids = crm_server.state.contacts.add_many({"FirstName": f"n{n}"} for n in range(7))
    contacts = crm.contacts.list(page_size=3)
    assert len(crm_server.requests) == 0
    assert next(contacts).id == ids[0]
    assert len(crm_server.requests) == 1
    assert [c.id for c in contacts] == ids[1:]
    assert len(crm_server.requests) == 3


def test_changes_since_a_moment_are_listed_without_what_was_deleted(
    crm: kb.CustomcrmClient, crm_server: CustomcrmEmulator
) -> None:
    ids = crm_server.state.contacts.add_many({"FirstName": f"n{n}"} for n in range(5))
    moment = datetime.fromisoformat(crm_server.state.contacts[ids[-1]]["UpdatedAt"])
    crm_server.state.contacts.edit(ids[1], City="x")
    crm_server.state.contacts.delete(ids[2])
    assert {c.id for c in crm.contacts.list(updated_since=moment)} == {ids[1], ids[4]}
    page = SyncDriver().run(crm.contacts.flows.list(updated_since=moment))
    assert page.deleted == (ids[2],)
    assert page.served_at is not None
    assert abs(page.served_at - datetime.now(UTC)).total_seconds() < 5


def test_many_are_read_at_once_and_those_that_are_gone_are_missing(
    crm: kb.CustomcrmClient, crm_server: CustomcrmEmulator
) -> None:
    ids = crm_server.state.contacts.add_many({"FirstName": f"n{n}"} for n in range(10))
    crm_server.state.contacts.delete(ids[3])
    assert {c.id for c in crm.contacts.get_many([ids[1], ids[3], "A99", "../x", "a b&c"])} == {ids[1]}
    assert len(crm_server.requests) == 1
    assert crm.contacts.get_many([]) == ()


def test_a_refusal_says_which_property_and_why(crm: kb.CustomcrmClient) -> None:
    with pytest.raises(kb.StatusError, match="CustomerId") as caught:
        crm.contacts.create(kb.customcrm.Contact(first_name="Ada", customer_id="C99"))
    assert caught.value.status == 422


def test_a_wrong_token_is_an_error_that_does_not_show_it(crm_server: CustomcrmEmulator) -> None:
    with (
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken("somebody-else")) as client,
        pytest.raises(kb.AuthError) as caught,
    ):
        client.contacts.get("A1")
    assert "somebody" not in str(caught.value) + repr(client)


def test_a_slash_at_the_end_of_the_address_does_no_harm(crm_server: CustomcrmEmulator) -> None:
    with kb.CustomcrmClient(f"{crm_server.base_url}/", auth=kb.BearerToken(crm_server.token)) as client:
        assert list(client.products.list()) == []
    assert [r.path for r in crm_server.requests] == ["/api/products"]


@pytest.mark.parametrize("sockets", [True, False], ids=["sockets", "asgi"])
def test_the_async_client_does_the_same(crm_server: CustomcrmEmulator, sockets: bool) -> None:
    ids = crm_server.state.customers.add_many({"Name": f"n{n}"} for n in range(5))

    async def scenario() -> None:
        async with kb.AsyncCustomcrmClient(
            crm_server.base_url, auth=kb.BearerToken(crm_server.token), app=None if sockets else crm_server.app
        ) as client:
            assert [c.id async for c in client.customers.list(page_size=2)] == ids
            assert len(await client.customers.get_many(ids)) == 5
            new = await client.contacts.create(kb.customcrm.Contact(first_name="Ada"), idempotency_key="k")
            changed = await client.contacts.update(new.id, if_match=new.etag, first_name="Kim")
            with pytest.raises(kb.ConflictError):
                await client.contacts.delete(new.id, if_match=new.etag)
            await client.contacts.delete(new.id, if_match=changed.etag)
            with pytest.raises(kb.NotFoundError):
                await client.contacts.get(new.id)

    asyncio.run(scenario())


def test_customers_have_the_properties_that_published_dataflows_name() -> None:
    named = [
        "Id",
        "Name",
        "Description",
        "StreetAddress1",
        "StreetAddress2",
        "ZipCode",
        "City",
        "Country",
        "Phone",
        "Fax",
        "Website",
    ]
    assert set(named) <= set(CUSTOMERS.codec.wire_names.values())


@pytest.mark.parametrize(
    ("paging", "say"),
    [
        (kb.customcrm.CursorPaging(following="next"), lambda name: ({"next": name}, {})),
        (kb.customcrm.NextUrlPaging(), lambda name: ({"next": f"/contacts?page={name}"}, {})),
        (kb.customcrm.LinkPaging(), lambda name: ({}, {"link": f'</contacts?page={name}>; rel="next"'})),
    ],
    ids=["cursor", "url", "link"],
)
def test_a_declared_list_that_leads_in_a_circle_is_an_error_at_once(paging: Any, say: Any) -> None:
    schema = kb.CustomcrmSchema(paging=paging, envelope=kb.customcrm.Envelope(items="data"))
    told = iter("abcb")

    class Circle(SyncDriver):
        def perform(self, effect: Any) -> Any:
            if not isinstance(effect, Send):
                return super().perform(effect)
            more, headers = say(next(told))
            body = json.dumps({"data": [], **more}).encode()
            return Answer(200, {"content-type": "application/json", **headers}, body)

    with (
        kb.CustomcrmClient("http://127.0.0.1:9", schema=schema) as crm,
        pytest.raises(kb.ShapeError, match="never end"),
    ):
        list(items(Circle(), crm.contacts.flows.list()))
    assert not list(told)


def test_an_api_that_turns_no_pages_is_told_so() -> None:
    schema = kb.CustomcrmSchema(paging=kb.customcrm.PagePaging(), envelope=kb.customcrm.Envelope(items="data"))
    body = json.dumps({"data": [{"Id": "A1"}, {"Id": "A2"}]}).encode()
    with kb.CustomcrmClient("http://127.0.0.1:9", schema=schema) as crm:
        flow = crm.contacts.flows.list()
        next(flow)
        with pytest.raises(StopIteration) as page:
            flow.send(Answer(200, {"content-type": "application/json"}, body))
        flow = page.value.value.next()
        next(flow)
        with pytest.raises(kb.ShapeError, match="the same records as a page before"):
            flow.send(Answer(200, {"content-type": "application/json"}, body))
