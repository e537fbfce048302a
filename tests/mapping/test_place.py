"""Places: where a value lives in a record, by the name that a table shows."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge.customcrm import records as customcrm
from keapbridge.errors import MappingError
from keapbridge.keap import records as keap
from keapbridge.mapping.place import constant_place, custom_place, customcrm_place, keap_place, with_whole_regions
from keapbridge.model.maybe import UNSET, Unreadable

UNMAPPED = {"id", "create_time", "update_time", "tag_ids"}
EMAIL = keap.EmailAddress("ada@example.org", "EMAIL1")


@pytest.mark.parametrize(
    ("path", "record", "raw"),
    [
        ("given_name", keap.Contact(given_name="Ada"), "Ada"),
        ("given_name+family_name", keap.Contact(given_name="Ada", family_name=None), ("Ada", None)),
        ("given_name+family_name", keap.Contact(given_name=None, family_name=None), None),
        ("email_addresses.EMAIL1", keap.Contact(email_addresses=[EMAIL]), "ada@example.org"),
        ("email_addresses.EMAIL2", keap.Contact(email_addresses=[EMAIL]), None),
        ("email_addresses.EMAIL2", keap.Contact(), UNSET),
        ("company.id", keap.Contact(company=keap.BasicCompany("11")), "11"),
        ("company.id", keap.Contact(company=None), None),
    ],
)
def test_what_was_not_read_is_unknown_and_what_was_read_without_it_is_empty(path: str, record: Any, raw: Any) -> None:
    assert keap_place(keap.Contact, path).get(record) == raw


@pytest.mark.parametrize(
    "slot", [None, UNSET, "", "\x00", "7", "email1", "PHONE1", Unreadable("no text", []), Unreadable("no text")]
)
def test_an_item_that_does_not_tell_its_slot_may_be_in_any(slot: Any) -> None:
    place = keap_place(keap.Contact, "email_addresses.EMAIL2")
    odd = keap.EmailAddress("lovelace@example.org", slot)
    assert isinstance(place.get(keap.Contact(email_addresses=[EMAIL, odd])), Unreadable)
    shown = keap.EmailAddress("ada@example.net", "EMAIL2")
    assert place.get(keap.Contact(email_addresses=[EMAIL, odd, shown])) == "ada@example.net"
    assert place.get(keap.Contact(email_addresses=[EMAIL, attrs.evolve(odd, field="EMAIL4")])) is None


@pytest.mark.parametrize(
    ("id", "is_known"), [("7", True), ("9" * 20, True), ("9" * 21, False), ("", False), ("x", False)]
)
def test_a_custom_field_whose_id_can_be_none_may_be_any(id: str, *, is_known: bool) -> None:
    place = custom_place(keap.Contact, kb.custom_field("Shoe size")).of("1")
    found = place.get(keap.Contact(custom_fields=[keap.CustomFieldValue(id, "40")]))
    assert (found is None) == is_known
    assert isinstance(found, Unreadable) != is_known


def test_a_value_is_put_into_its_slot_and_nothing_else_is_touched() -> None:
    place = keap_place(keap.Contact, "email_addresses.EMAIL2")
    record = place.put(keap.Contact(email_addresses=[EMAIL], given_name="Ada"), "lovelace@example.org")
    assert [(item.field, item.email) for item in record.email_addresses] == [
        ("EMAIL1", "ada@example.org"),
        ("EMAIL2", "lovelace@example.org"),
    ]
    assert place.put(record, None) == keap.Contact(email_addresses=[EMAIL], given_name="Ada")


@pytest.mark.parametrize(
    "path",
    [
        *("nickname", "id", "custom_fields", "social_accounts", "given_name.first", "email_addresses"),
        *("email_addresses.EMAIL9", "addresses.BILLING.planet", "email_addresses.EMAIL1.opt_in_reason"),
        *("given_name+company.id", "origin", "social_accounts.MYSPACE", "social_accounts.FACEBOOK.type"),
        *("addresses.BILLING.field", "addresses.BILLING.extra", "utm_parameters.utm_source"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused(path: str) -> None:
    with pytest.raises(MappingError):
        keap_place(keap.Contact, path)


@pytest.mark.parametrize(
    ("cls", "path"),
    [
        *((keap.Contact, name) for name in sorted(keap.READ_ONLY[keap.Contact] - UNMAPPED)),
        *((keap.Company, name) for name in sorted(keap.READ_ONLY[keap.Company] - UNMAPPED)),
        *((keap.Product, name) for name in sorted(keap.READ_ONLY[keap.Product] - UNMAPPED)),
        (keap.Contact, "email_addresses.EMAIL1.email_opt_status"),
        (keap.Contact, "phone_numbers.PHONE1.number_e164"),
        (keap.Contact, "company.company_name"),
        (keap.Contact, "origin.date"),
        (keap.Contact, "utm_parameters"),
        (keap.Contact, "given_name+groups"),
        (keap.Product, "price.formatted_amount"),
        (keap.Product, "inventory.inventory_limit"),
    ],
)
def test_what_no_write_takes_can_only_be_read(cls: type, path: str) -> None:
    assert keap_place(cls, path).is_read_only
    kb.text("Own", keap=path, direction="to_customcrm").build(customcrm.Contact, cls)
    with pytest.raises(MappingError, match=r"can only be read: direction='to_customcrm'"):
        kb.text("Own", keap=path).build(customcrm.Contact, cls)


def test_what_no_list_shows_is_not_mapped() -> None:
    with pytest.raises(MappingError, match="no list of Keap shows the count"):
        keap_place(keap.Product, "inventory.inventory_count")


def test_an_object_is_not_mapped_as_a_whole_but_by_a_part_that_is_named() -> None:
    for cls, path, such in (
        (keap.Contact, "origin", "origin.ip_address"),
        (keap.Contact, "company", "company.id"),
        (keap.Contact, "addresses", "addresses.BILLING.line1"),
        (keap.Contact, "social_accounts", "social_accounts.FACEBOOK"),
        (keap.Product, "inventory", "inventory.inventory_limit"),
    ):
        with pytest.raises(MappingError, match=rf"name a part of it, such as {such}$"):
            keap_place(cls, path)


def test_where_a_contact_came_from_is_empty_without_an_address_whenever_that_was() -> None:
    place = keap_place(keap.Contact, "origin.ip_address")
    record = keap.Contact(origin=keap.Origin(date="2026-01-02T03:04:05.000Z", ip_address="127.0.0.1"))
    assert place.get(record) == "127.0.0.1"
    assert place.put(record, "127.0.0.2").origin == keap.Origin("2026-01-02T03:04:05.000Z", "127.0.0.2")
    assert place.put(record, None).origin is None
    assert place.put(keap.Contact(), "127.0.0.1").origin == keap.Origin(ip_address="127.0.0.1")


def test_tags_are_read_as_they_are() -> None:
    assert keap_place(keap.Contact, "tag_ids", to_write=False).get(keap.Contact(tag_ids=("1",))) == ("1",)


def test_a_property_of_customcrm_is_modelled_or_the_hosts_own() -> None:
    assert customcrm_place(customcrm.Contact, "FirstName").get(customcrm.Contact(first_name="Ada")) == "Ada"
    own = customcrm_place(customcrm.Contact, "Own")
    assert own.put(customcrm.Contact(extra={"Other": 1}), 2).extra == {"Other": 1, "Own": 2}
    assert own.get(customcrm.Contact()) is UNSET


def test_a_constant_has_no_place_in_a_record() -> None:
    place = constant_place("CRM")
    record = keap.Contact(given_name="Ada")
    assert place.get(record) == "CRM"
    assert place.put(record, "other") is record
    assert (place.path, place.roots) == ('always "CRM"', ())


def test_a_region_of_another_country_than_its_address_is_taken_out() -> None:
    stray = keap.Address(field="BILLING", country_code="SWE", region_code="NO-03", region="Oslo")
    right = keap.Address(field="OTHER", country_code="NOR", region_code="NO-03", region="Oslo")
    record = with_whole_regions(keap.Contact(addresses=[stray, right]), keap.Contact(), {"addresses"})
    assert [(a.region_code, a.region) for a in record.addresses] == [(None, None), ("NO-03", "Oslo")]
    contact = keap.Contact(addresses=[stray])
    assert with_whole_regions(contact, contact, {"given_name"}).addresses == (stray,)


@pytest.mark.parametrize("default_region", [None, "NO"])
@pytest.mark.parametrize("record", [keap.Contact, keap.Company], ids=lambda record: record.__name__)
def test_a_region_goes_with_its_country_and_brings_its_country_along(record: Any, default_region: str | None) -> None:
    """Where a region without a country has one all the same, it stays."""

    def home(country: str | None, region: str | None) -> Any:
        address = keap.Address(field="BILLING", country_code=country, region_code=region)
        return record(addresses=[address]) if record is keap.Contact else record(address=address)

    def written(now: Any, before: Any) -> tuple[Any, Any]:
        root = "addresses" if record is keap.Contact else "address"
        whole = getattr(with_whole_regions(now, before, {root}, default_region), root)
        [address] = whole if record is keap.Contact else (whole,)
        return address.country_code, address.region_code

    gone = ("NOR", "NO-03") if default_region else (None, None)
    assert written(home(None, "NO-03"), home("NOR", "NO-03")) == gone
    assert written(home(None, "NO-46"), home("NOR", "NO-03")) == ("NOR", "NO-46"), "it is new"
    assert written(home(None, "NO-03"), home(None, None)) == ("NOR", "NO-03")
    assert written(home(None, "NO-03"), record()) == ("NOR", "NO-03")


@pytest.mark.parametrize(
    ("shown", "read", "code", "written"),
    [
        ({"postal_code": "92808"}, "92808", "85001", {"postal_code": "85001"}),
        ({"zip_code": "92808"}, "92808", "85001", {"postal_code": "85001", "zip_code": "85001"}),
        (
            {"postal_code": "92808", "zip_code": "92808", "zip_four": "1234"},
            "92808-1234",
            "85001-5678",
            {"postal_code": "85001", "zip_code": "85001", "zip_four": "5678"},
        ),
        (
            {"postal_code": "92808", "zip_code": "92808", "zip_four": "1234"},
            "92808-1234",
            "K1A 0B1",
            {"postal_code": "K1A 0B1", "zip_code": "K1A 0B1", "zip_four": None},
        ),
        ({"zip_code": "92808", "zip_four": "1234"}, "92808-1234", None, dict.fromkeys(("postal_code", "zip_code"))),
        ({"postal_code": "92808-1234"}, "92808-1234", "85001-5678", {"postal_code": "85001-5678"}),
    ],
)
@pytest.mark.parametrize("slot", ["address", "addresses.BILLING"])
def test_a_postal_code_is_one_value_wherever_keap_shows_it(
    slot: str, shown: dict[str, Any], read: str, code: str | None, written: dict[str, Any]
) -> None:
    place = keap_place(keap.Company if slot == "address" else keap.Contact, f"{slot}.postal_code")
    address = keap.Address(line1="1 Main", field="BILLING", **shown)
    record: Any = keap.Company(address=address) if slot == "address" else keap.Contact(addresses=(address,))
    assert place.get(record) == read
    changed = place.put(record, code)
    assert place.get(changed) == code
    held = changed.address if slot == "address" else changed.addresses[0]
    assert {name: getattr(held, name) for name in written} == written
    assert held.line1 == "1 Main"
