"""The Keap client against the emulator: what it asks for, what it writes, what it makes of what it gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._io.calls import Answer
from keapbridge.keap import endpoints, find_item, lists, put_item, put_items, remove_item
from keapbridge.keap.endpoints import COMPANIES, CONTACTS, PRODUCTS
from keapbridge.testing import Fault, KeapEmulator

Json = dict[str, Any]
EMAIL = kb.keap.EmailAddress("ada@example.org", "EMAIL1")


def _answer(content: Any) -> Answer:
    return Answer(200, {"content-type": "application/json"}, json.dumps(content).encode())


# --- calls as values ------------------------------------------------------------------------------------------------


def test_calls_perform_nothing_and_say_what_they_are_about() -> None:
    call = endpoints.get(CONTACTS, "12")
    assert (call.method, call.path, call.subject) == ("GET", "/v2/contacts/12", "contact 12")
    assert call.repeatable


def test_reads_ask_for_every_modelled_field() -> None:
    for endpoint in (CONTACTS, COMPANIES):
        for call in (endpoints.get(endpoint, "1"), lists.list_page(endpoint)):
            assert set(dict(call.query)["fields"].split(",")) == set(endpoint.codec.fields)
    assert "fields" not in dict(lists.list_page(PRODUCTS).query)


def test_a_list_takes_pages_of_a_thousand() -> None:
    assert dict(lists.list_page(CONTACTS).query)["page_size"] == "1000"


def test_changes_are_filtered_by_the_time_where_keap_can() -> None:
    since = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert dict(lists.list_page(CONTACTS, updated_since=since).query)["filter"] == (
        "start_update_time==2026-01-02T03:04:05.678Z"
    )
    assert dict(lists.list_page(COMPANIES, updated_since=since).query)["filter"] == (
        "since_time==2026-01-02T03:04:05.678Z"
    )
    products = dict(lists.list_page(PRODUCTS, updated_since=since).query)
    assert "filter" not in products
    assert products["order_by"] == "last_updated_time desc"


def test_times_of_other_zones_are_utc_in_filters_and_naive_ones_are_refused() -> None:
    paris = datetime.fromisoformat("2026-01-02T03:00:00+01:00")
    assert "2026-01-02T02:00:00.000Z" in dict(lists.list_page(CONTACTS, updated_since=paris).query)["filter"]
    with pytest.raises(ValueError, match="time zone"):
        lists.list_page(CONTACTS, updated_since=datetime(2026, 1, 1))  # noqa: DTZ001 - refused


def test_filters_are_joined_and_a_semicolon_in_a_value_is_refused() -> None:
    call = lists.list_page(CONTACTS, filters=[("family_name", "Smi*"), ("contact_id>", "7")])
    assert dict(call.query)["filter"] == "family_name==Smi*;contact_id>7"
    with pytest.raises(ValueError, match="semicolon"):
        lists.list_page(CONTACTS, filters=[("family_name", "a;contact_id>0")])


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    assert endpoints.get(CONTACTS, "../companies/1?x=y").path == "/v2/contacts/..%2Fcompanies%2F1%3Fx%3Dy"


def test_many_ids_are_read_in_few_calls_of_bounded_length() -> None:
    ids = [str(n) for n in range(1, 2001)]
    found = [wanted.call() for wanted in lists.of_ids(CONTACTS, ids)]
    asked = [i for call in found for i in dict(call.query)["filter"].removeprefix("ids==").split(",")]
    assert sorted(asked, key=int) == ids
    assert all(len(dict(call.query)["filter"]) < 3100 for call in found)
    assert len(found) <= 5
    assert list(lists.of_ids(CONTACTS, [])) == []


def test_neighbouring_companies_are_read_as_a_range() -> None:
    [wanted] = lists.of_ids(COMPANIES, ["500001", "500003", "500900"])
    call = wanted.call()
    assert dict(call.query)["filter"] == "company_id>=500001"
    assert dict(call.query)["page_size"] == "900"
    assert len(list(lists.of_ids(COMPANIES, ["1", "5000", "9999999"]))) == 3


def test_a_create_is_never_repeated_blindly_and_holds_no_null() -> None:
    call = endpoints.create(CONTACTS, kb.keap.Contact(given_name="Ada", family_name=None, email_addresses=(EMAIL,)))
    assert not call.repeatable
    assert json.loads(call.body or b"") == {
        "given_name": "Ada",
        "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}],
    }


def test_an_update_holds_the_masked_fields_and_its_mask_names_them() -> None:
    record = kb.keap.Contact(given_name="Ada", family_name=None, job_title="x")
    call = endpoints.update(CONTACTS, "12", record, {"given_name", "family_name"})
    assert json.loads(call.body or b"") == {"family_name": "", "given_name": "Ada"}
    assert [value for name, value in call.query if name == "update_mask"] == ["family_name", "given_name"]


def test_an_update_of_what_is_unknown_or_read_only_is_refused() -> None:
    with pytest.raises(ValueError, match="UNSET"):
        endpoints.update(CONTACTS, "12", kb.keap.Contact(), {"given_name"})
    with pytest.raises(ValueError, match="create_time"):
        endpoints.update(CONTACTS, "12", kb.keap.Contact(), {"create_time"})


def test_a_price_is_written_in_the_smallest_unit_and_an_inventory_flat() -> None:
    product = kb.keap.Product(
        price=kb.keap.Money(1250, "USD", "$12.50"),
        inventory=kb.keap.ProductInventory(inventory_limit=3, inventory_count=9, out_of_stock_enabled=True),
    )
    patch = endpoints.update(PRODUCTS, "1", product, {"price", "inventory"})
    assert json.loads(patch.body or b"") == {"price": 1250, "inventory_limit": 3, "out_of_stock_enabled": True}
    assert {v for n, v in patch.query if n == "update_mask"} == {"price", "inventory_limit", "out_of_stock_enabled"}
    assert json.loads(endpoints.create(PRODUCTS, product).body or b"")["price"] == 1250


# --- decoding -------------------------------------------------------------------------------------------------------


def test_what_is_shown_empty_is_none_and_what_is_not_shown_is_unset() -> None:
    contact = endpoints.get(CONTACTS, "1").decode(
        _answer({"id": "1", "given_name": "Ada", "birth_date": None, "fax_numbers": None})
    )
    assert contact.family_name is contact.email_addresses is kb.UNSET
    assert contact.fax_numbers == ()
    assert contact.birth_date is None
    company = endpoints.create(COMPANIES, kb.keap.Company(company_name="x")).decode(_answer({"id": "1"}))
    assert company.notes is kb.UNSET
    assert not kb.UNSET


def test_unknown_properties_are_kept_at_every_depth() -> None:
    raw: Json = {
        "id": "1",
        "soul": {"depth": 7},
        "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1", "mood": "calm"}],
        "company": {"id": "7", "colour": "red"},
    }
    contact = CONTACTS.codec.load(raw)
    assert contact.extra == {"soul": {"depth": 7}}
    assert contact.email_addresses[0].extra == {"mood": "calm"}
    assert contact.company.extra == {"colour": "red"}
    assert CONTACTS.codec.dump(contact) == raw


def test_unknown_values_of_known_enumerations_do_no_harm() -> None:
    contact = CONTACTS.codec.load({"id": "1", "source_type": "TELEPATHY", "email_addresses": [{"field": "EMAIL9"}]})
    assert contact.source_type == "TELEPATHY"
    assert contact.email_addresses[0].field == "EMAIL9"


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"given_name": 7}, "$.given_name"),
        ({"given_name": ["Ada"]}, "$.given_name"),
        ({"email_addresses": {"email": "x"}}, "$.email_addresses"),
        ({"email_addresses": [{"email": 7}]}, "$.email_addresses[0].email"),
        ({"email_addresses": [{"email": "x"}, None]}, "$.email_addresses[1]"),
        ({"birth_date": "soon"}, "$.birth_date"),
        ({"update_time": 7}, "$.update_time"),
        ({"company": []}, "$.company"),
        ({"custom_fields": "none"}, "$.custom_fields"),
        ({"company": "Engines"}, "$.company"),
        ({"email_addresses": "ada@example.org"}, "$.email_addresses"),
        ({"addresses": [[]]}, "$.addresses[0]"),
    ],
    ids=str,
)
def test_a_wrong_type_is_an_error_with_the_json_path(raw: Json, path: str) -> None:
    with pytest.raises(kb.ShapeError) as caught:
        endpoints.get(CONTACTS, "1").decode(_answer({"id": "1", **raw}))
    assert caught.value.paths
    assert all(found.startswith(path) for found in caught.value.paths)
    assert path in str(caught.value)


def test_an_error_names_places_and_never_values() -> None:
    with pytest.raises(kb.ShapeError) as caught:
        endpoints.get(CONTACTS, "1").decode(_answer({"id": "1", "given_name": {"secret": "ada@example.org"}}))
    assert "ada@" not in str(caught.value)


def test_what_is_no_object_is_no_record() -> None:
    page = lists.list_page(CONTACTS).decode(_answer({"contacts": ["?", {"id": "1"}, [], None, 7]}))
    assert [contact.id for contact in page.items] == ["1"]
    assert len(page.malformed) == 4


def test_one_bad_record_does_not_spoil_its_page() -> None:
    page = lists.list_page(CONTACTS).decode(
        _answer({"contacts": [{"id": "1"}, {"id": "2", "given_name": 7}, {"id": 3, "given_name": "Kim"}]})
    )
    assert [contact.id for contact in page.items] == ["1", "3"]
    assert [item.id for item in page.malformed] == ["2"]
    assert page.malformed[0].error.paths == ("$.contacts[1].given_name",)


@pytest.mark.parametrize(
    "content", [[], "x", None, {}, {"contacts": None}, {"contacts": {}}, {"products": []}], ids=str
)
def test_a_page_of_another_shape_is_an_error(content: Any) -> None:
    with pytest.raises(kb.ShapeError):
        lists.list_page(CONTACTS).decode(_answer(content))


@pytest.mark.parametrize("token", [None, ""])
def test_an_empty_token_ends_a_list(token: str | None) -> None:
    page = lists.list_page(CONTACTS).decode(_answer({"contacts": [], "next_page_token": token}))
    assert page.following is None


def test_times_without_milliseconds_and_dates_with_a_time_are_read() -> None:
    contact = endpoints.get(CONTACTS, "1").decode(
        _answer({"id": 1, "update_time": "2026-01-02T03:04:05Z", "birth_date": "1815-12-10T00:00:00Z"})
    )
    assert contact.update_time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert contact.birth_date == date(1815, 12, 10)
    assert contact.id == "1"


def test_records_are_frozen_slotted_and_brief() -> None:
    contact = kb.keap.Contact(given_name="Ada")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        contact.given_name = "Kim"  # type: ignore[misc]
    assert not hasattr(contact, "__dict__")
    assert repr(contact) == "Contact(given_name='Ada')"
    assert attrs.evolve(contact, given_name=None) != contact


# --- slots ----------------------------------------------------------------------------------------------------------

ITEMS = (
    kb.keap.EmailAddress("three@example.org", "EMAIL3", extra={"mood": "calm"}),
    kb.keap.EmailAddress("one@example.org", "EMAIL1", email_opt_status="SINGLE_OPT_IN"),
)


def test_an_item_is_put_in_its_slot_and_its_neighbours_stay_as_they_are() -> None:
    items = put_item(ITEMS, kb.keap.EmailAddress("new@example.org", "EMAIL1"))
    assert items[0] is ITEMS[0]
    assert items[1] == kb.keap.EmailAddress("new@example.org", "EMAIL1")  # the consent was for the old address
    assert put_item(ITEMS, kb.keap.EmailAddress("One@example.org", "EMAIL1"))[1].email_opt_status == "SINGLE_OPT_IN"
    assert put_item(kb.UNSET, EMAIL) == (EMAIL,)
    assert find_item(items, "EMAIL2") is None
    assert remove_item(items, "EMAIL1") == ITEMS[:1]
    assert put_items(ITEMS, [EMAIL, kb.keap.EmailAddress("two@example.org", "EMAIL2")])[2].field == "EMAIL2"


def test_an_item_without_a_slot_is_refused() -> None:
    with pytest.raises(ValueError, match="slot"):
        put_item(ITEMS, kb.keap.EmailAddress("x@example.org"))


# --- over HTTP ------------------------------------------------------------------------------------------------------


def test_a_record_is_created_read_changed_and_deleted(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    company = keap.companies.create(kb.keap.Company(company_name="Engines", notes="n"))
    new = keap.contacts.create(
        kb.keap.Contact(
            given_name="Ada",
            birth_date=date(1815, 12, 10),
            email_addresses=(EMAIL,),
            company=kb.keap.BasicCompany(company.id),
        )
    )
    assert new.create_time is not None
    assert keap.contacts.get(new.id) == new
    assert new.company.company_name == "Engines"
    changed = keap.contacts.update(new.id, given_name="Ada L.", birth_date=None)
    assert (changed.given_name, changed.birth_date or None) == ("Ada L.", None)
    assert keap_server.state.contacts[new.id]["email_addresses"][0]["email"] == "ada@example.org"
    product = keap.products.create(
        kb.keap.Product(name="Widget", short_description="w", price=kb.keap.Money(1250), sku="W-1")
    )
    assert product.price == kb.keap.Money(1250, "USD", "$12.50")
    assert keap.products.update(product.id, price=kb.keap.Money(999)).price.amount == 999
    for resource, id in ((keap.contacts, new.id), (keap.companies, company.id), (keap.products, product.id)):
        resource.delete(id)
        with pytest.raises(kb.NotFoundError) as caught:
            resource.get(id)
        assert caught.value.status == 404
        assert caught.value.method == "GET"
        assert id in str(caught.value)


def test_unset_leaves_a_field_alone(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    id = keap_server.state.contacts.add({"given_name": "Ada", "family_name": "L"})
    keap.contacts.update(id, given_name="Kim", family_name=kb.UNSET)
    assert keap_server.state.contacts[id]["family_name"] == "L"
    [write] = keap_server.requests.writes
    assert write.json == {"given_name": "Kim"}


def test_none_clears_a_field(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    id = keap_server.state.contacts.add({"given_name": "Ada", "family_name": "L", "birth_date": "1815-12-10"})
    keap.contacts.update(id, family_name=None, birth_date=None, company=None)
    assert keap_server.state.contacts[id].keys() & {"family_name", "birth_date"} == set()
    assert keap_server.state.contacts[id]["given_name"] == "Ada"


def test_a_name_that_is_no_field_is_a_type_error_before_anything_is_sent(
    keap: kb.KeapClient, keap_server: KeapEmulator
) -> None:
    with pytest.raises(TypeError, match="first_name"):
        keap.contacts.update("1", first_name="Ada")
    assert len(keap_server.requests) == 0


def test_a_slot_is_changed_without_the_others(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    field = keap_server.state.contacts.add_custom_field("Shoe size")
    id = keap_server.state.contacts.add(
        {
            "email_addresses": [{"email": f"e{n}@example.org", "field": f"EMAIL{n}"} for n in (1, 2, 3)],
            "phone_numbers": [{"number": "+16025550101", "field": "PHONE1", "type": "Work", "extension": "7"}],
            "social_accounts": [{"type": "LINKED_IN", "name": "ada"}],
        }
    )
    before = keap_server.state.contacts[id]
    keap.contacts.put_items(
        id,
        kb.keap.EmailAddress("new@example.org", "EMAIL2"),
        kb.keap.PhoneNumber("+16025550102", "PHONE1"),
        kb.keap.SocialAccount("adal", "TWITTER"),
        kb.keap.CustomFieldValue(field, "38"),
    )
    after = keap_server.state.contacts[id]
    assert [e["email"] for e in after["email_addresses"]] == ["e1@example.org", "new@example.org", "e3@example.org"]
    assert after["email_addresses"][0] == before["email_addresses"][0]
    assert after["phone_numbers"][0] | {"number_e164": None} == {
        "number": "+16025550102",
        "field": "PHONE1",
        "type": "Work",
        "extension": "7",
        "number_e164": None,
    }
    assert [s["type"] for s in after["social_accounts"]] == ["LINKED_IN", "TWITTER"]
    assert after["custom_fields"] == [{"id": field, "content": "38"}]


def test_unknown_properties_survive_a_read_modify_write(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    id = keap_server.state.contacts.add({"given_name": "Ada", "soul": {"depth": 7}})
    contact = keap.contacts.get(id)
    keap.contacts.update(id, given_name=contact.given_name.upper(), email_addresses=contact.email_addresses)
    assert keap_server.state.contacts[id]["soul"] == {"depth": 7}
    assert keap_server.state.contacts[id]["given_name"] == "ADA"


def test_pages_are_fetched_as_they_are_needed(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    ids = keap_server.state.contacts.add_many({"given_name": f"n{n}"} for n in range(7))
    contacts = keap.contacts.list(page_size=3)
    assert len(keap_server.requests) == 0
    assert next(contacts).id == ids[0]
    assert len(keap_server.requests) == 1
    assert [c.id for c in contacts] == ids[1:]
    assert len(keap_server.requests) == 3
    assert [r.query.get("filter") for r in keap_server.requests] == [None, "contact_id>3", "contact_id>6"]


@pytest.mark.parametrize("name", ["contacts", "companies", "products"])
def test_changes_since_a_moment_are_listed(keap: kb.KeapClient, keap_server: KeapEmulator, name: str) -> None:
    table, resource = getattr(keap_server.state, name), getattr(keap, name)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    first = {"contacts": "given_name", "companies": "company_name", "products": "name"}[name]
    for n in range(6):
        table.add({first: f"n{n}", "update_time": (start + timedelta(days=n)).isoformat()})
    found = list(resource.list(updated_since=start + timedelta(days=4), page_size=2))
    assert {getattr(record, first) for record in found} == {"n4", "n5"}
    assert list(resource.list(updated_since=start + timedelta(days=9))) == []


def test_a_list_of_changed_products_ends_at_the_first_that_is_too_old(
    keap: kb.KeapClient, keap_server: KeapEmulator
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    keap_server.state.products.add_many(
        {"name": f"n{n}", "price": 1, "update_time": (start + timedelta(days=n)).isoformat()} for n in range(30)
    )
    found = list(keap.products.list(updated_since=start + timedelta(days=25), page_size=4))
    assert [product.name for product in found] == ["n29", "n28", "n27", "n26", "n25"]
    assert len(keap_server.requests) == 2


@pytest.mark.parametrize("name", ["contacts", "companies", "products"])
def test_many_are_read_at_once_and_those_that_are_gone_are_missing(
    keap: kb.KeapClient, keap_server: KeapEmulator, name: str
) -> None:
    table = getattr(keap_server.state, name)
    first = {"contacts": "given_name", "companies": "company_name", "products": "name"}[name]
    ids = table.add_many({first: f"n{n}"} for n in range(10))
    table.delete(ids[3])
    wanted = [ids[1], ids[3], ids[7], "88888888"]
    assert {record.id for record in getattr(keap, name).get_many(wanted)} == {ids[1], ids[7]}
    assert len(keap_server.requests) <= 2
    assert getattr(keap, name).get_many([]) == ()


def test_filters_and_their_special_characters_reach_keap(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    names = ["O'Brien & Söhne", "50% + more", "a=b#c?d/e", "王 秀英"]
    keap_server.state.contacts.add_many({"family_name": name} for name in names)
    for name in names:
        assert [c.family_name for c in keap.contacts.list(filters=[("family_name", name)])] == [name]


# --- credentials, limits, errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["X-Keap-API-Key", "Authorization"])
def test_the_key_goes_into_the_header_that_was_chosen(keap_server: KeapEmulator, header: str) -> None:
    auth = kb.KeapApiKey(keap_server.api_key, header=header)
    with kb.KeapClient(auth=auth, base_url=keap_server.base_url) as client:
        list(client.contacts.list())
    [request] = keap_server.requests
    assert request.headers[header.lower()] == "***"
    assert request.headers.keys() & {"authorization", "x-keap-api-key"} == {header.lower()}
    assert request.headers["user-agent"].startswith("keapbridge/")


def test_a_wrong_key_is_an_error_that_does_not_show_it(keap_server: KeapEmulator) -> None:
    with (
        kb.KeapClient(auth=kb.KeapApiKey("KeapAK-of-somebody-else"), base_url=keap_server.base_url) as client,
        pytest.raises(kb.AuthError) as caught,
    ):
        client.contacts.get("1")
    assert caught.value.status == 401
    assert "Invalid ApiKey" in str(caught.value)
    assert "somebody" not in str(caught.value) + repr(caught.value)
    assert len(keap_server.requests) == 1


@pytest.mark.parametrize("key", ["", "  "])
def test_an_empty_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        kb.KeapApiKey(key)


@pytest.mark.parametrize("url", ["", "api.keap.com", "ftp://x", "https://user:secret@api.keap.com"])
def test_a_base_url_that_cannot_work_or_holds_credentials_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base_url") as caught:
        kb.KeapClient(auth=kb.KeapApiKey("k"), base_url=url)
    assert "secret" not in str(caught.value)


def test_no_repr_shows_a_secret(keap_server: KeapEmulator) -> None:
    auth = kb.KeapApiKey("KeapAK-very-secret")
    with kb.KeapClient(auth=auth, base_url=keap_server.base_url) as client:
        for thing in (auth, client, client._port, client._port.settings, client.contacts, client.contacts.flows):
            assert "very-secret" not in repr(thing) + str(thing)
    assert "very-secret" not in repr(kb.BearerToken("very-secret"))


def test_limits_are_what_the_last_headers_said(keap_server: KeapEmulator, keap: kb.KeapClient) -> None:
    assert keap.limits.minute.limit is None
    list(keap.contacts.list())
    list(keap.contacts.list())
    assert (keap.limits.minute.limit, keap.limits.minute.used, keap.limits.minute.available) == (240, 2, 238)
    assert (keap.limits.day.limit, keap.limits.day.available) == (30_000, 29_998)
    assert keap.limits.day.resets_at is not None
    assert timedelta(0) < keap.limits.day.resets_at - datetime.now(UTC) <= timedelta(days=1)
    assert (keap.limits.tenant.limit, keap.limits.tenant_id) == (10_000, keap_server.tenant)


@pytest.fixture
def patient(keap_server: KeapEmulator) -> Iterator[tuple[kb.KeapClient, list[float]]]:
    """A client whose pauses are written down, not waited for."""
    slept: list[float] = []
    with kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as client:
        for resource in (client.contacts, client.companies, client.products):
            resource._driver = SyncDriver(sleep=slept.append)
        yield client, slept


def test_retry_after_is_honoured(patient: tuple[kb.KeapClient, list[float]], keap_server: KeapEmulator) -> None:
    client, slept = patient
    body = b'{"code":"429","message":"Quota Exceeded","status":"Request Throttled","details":null}'
    throttled = Fault(status=429, headers=(("retry-after", "7"),), body=body, content_type="application/json")
    keap_server.faults.add(throttled, times=2)
    assert list(client.contacts.list()) == []
    assert slept == [7.0, 7.0]
    keap_server.faults.add(throttled, method="POST")
    client.contacts.create(kb.keap.Contact(email_addresses=(EMAIL,)))
    assert len(keap_server.state.contacts) == 1
    keap_server.faults.add(attrs.evolve(throttled, headers=(("retry-after", "3600"),)))
    with pytest.raises(kb.RateLimitedError) as caught:
        list(client.contacts.list())
    assert caught.value.retry_after == 3600.0


@pytest.mark.parametrize("header", ["soon", "Wed, 21 Oct 2015 07:28:00 GMT", "-1", "nan", "inf"])
def test_a_retry_after_that_says_nothing_useful_does_no_harm(
    patient: tuple[kb.KeapClient, list[float]], keap_server: KeapEmulator, header: str
) -> None:
    client, slept = patient
    keap_server.faults.add(Fault(status=429, headers=(("retry-after", header),)))
    try:
        assert list(client.contacts.list()) == []
    except kb.RateLimitedError:
        assert header == "inf"
    assert all(0 <= pause <= 60 for pause in slept)


def test_reads_and_patches_are_repeated_and_creates_are_not(
    patient: tuple[kb.KeapClient, list[float]], keap_server: KeapEmulator
) -> None:
    client, slept = patient
    id = keap_server.state.contacts.add({"given_name": "Ada"})
    for method in ("GET", "PATCH"):
        keap_server.faults.add(Fault(status=503, body=b"<html>", content_type="text/html"), method=method)
    assert client.contacts.get(id).given_name == "Ada"
    assert client.contacts.update(id, given_name="Kim").given_name == "Kim"
    assert len(slept) == 2
    keap_server.faults.add(Fault(status=0, when="after"), method="POST")
    with pytest.raises(kb.TransportError) as caught:
        client.contacts.create(kb.keap.Contact(email_addresses=(EMAIL,)))
    assert caught.value.sent
    assert len(keap_server.requests.matching("POST")) == 1
    assert len(slept) == 2


def test_a_server_that_is_not_there_is_an_error_without_effect() -> None:
    retry = kb.RetryPolicy(attempts=1)
    with kb.KeapClient(auth=kb.KeapApiKey("k"), base_url="http://127.0.0.1:9", retry=retry) as client:
        with pytest.raises(kb.TransportError) as caught:
            client.contacts.create(kb.keap.Contact(email_addresses=(EMAIL,)))
        assert not caught.value.sent
        assert caught.value.status is None


def test_an_explanation_is_shown_without_personal_data(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    with pytest.raises(kb.StatusError, match="given_name must be at most 40 characters") as caught:
        keap.contacts.create(kb.keap.Contact(given_name="A" * 41, email_addresses=(EMAIL,)))
    assert caught.value.status == 400
    keap_server.faults.add(
        Fault(
            status=400,
            body=b'{"message": "ada@example.org (+1 602 555 0101) is taken"}',
            content_type="application/json",
            headers=(("x-request-id", "r-7"),),
        )
    )
    with pytest.raises(kb.StatusError, match="is taken") as caught:
        keap.contacts.get("1")
    assert "ada@" not in str(caught.value)
    assert "0101" not in str(caught.value)
    assert caught.value.request_id == "r-7"


def test_the_client_is_used_from_many_threads_at_once(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    from concurrent.futures import ThreadPoolExecutor

    ids = keap_server.state.contacts.add_many({"given_name": f"n{n}"} for n in range(40))
    with ThreadPoolExecutor(16) as pool:
        assert [c.given_name for c in pool.map(keap.contacts.get, ids)] == [f"n{n}" for n in range(40)]


@pytest.mark.parametrize("sockets", [True, False], ids=["sockets", "asgi"])
def test_the_async_client_does_the_same(keap_server: KeapEmulator, sockets: bool) -> None:
    ids = keap_server.state.companies.add_many({"company_name": f"n{n}"} for n in range(5))

    async def scenario() -> None:
        async with kb.AsyncKeapClient(
            auth=kb.KeapApiKey(keap_server.api_key),
            base_url=keap_server.base_url,
            app=None if sockets else keap_server.app,
        ) as client:
            assert [c.id async for c in client.companies.list(page_size=2)] == ids
            assert (await client.companies.get(ids[0])).company_name == "n0"
            assert len(await client.companies.get_many(ids)) == 5
            new = await client.contacts.create(kb.keap.Contact(email_addresses=(EMAIL,)))
            await client.contacts.put_items(new.id, kb.keap.EmailAddress("two@example.org", "EMAIL2"))
            assert len((await client.contacts.get(new.id)).email_addresses) == 2
            await client.contacts.delete(new.id)
            with pytest.raises(kb.NotFoundError):
                await client.contacts.get(new.id)
            assert client.limits.minute.limit == 240

    asyncio.run(scenario())
    assert len(keap_server.state.contacts) == 0


def test_money_of_other_currencies_is_read_as_it_is() -> None:
    product = PRODUCTS.codec.load({"id": "1", "price": {"amount": 1500, "currency_code": "JPY"}, "weight": 2})
    assert product.price == kb.keap.Money(1500, "JPY")
    assert Decimal(product.weight) == 2
