"""Keap's own SDK works with the emulator, and its typed models parse every answer."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import keap_contract
import pytest

from keapbridge.keap.habits import Habits
from keapbridge.testing.keap import KeapEmulator

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("sdk")]  # its import takes seconds: once is enough


@pytest.fixture(scope="module")
def sdk() -> ModuleType:
    """The SDK, imported late: it takes seconds."""
    return importlib.import_module("keap_core_v2_client")


@pytest.fixture
def keap() -> Iterator[KeapEmulator]:
    with KeapEmulator(habits=Habits(default_fields="most")) as keap:
        yield keap
        for exchange in keap.requests if keap_contract.AVAILABLE else ():
            keap_contract.validate_exchange(exchange)


@pytest.fixture
def api(sdk: ModuleType, keap: KeapEmulator) -> Iterator[Any]:
    configuration = sdk.Configuration(host=keap.base_url.removesuffix("/rest"), access_token=keap.api_key)
    with sdk.ApiClient(configuration) as client:
        yield client


CONTACT: dict[str, Any] = {
    "given_name": "Ada",
    "job_title": "Countess",
    "birth_date": "1815-12-10",
    "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1", "opt_in_reason": "asked"}],
    "phone_numbers": [{"number": "480 555 1234", "field": "PHONE1", "type": "Work"}],
    "fax_numbers": [{"number": "480 555 1235", "field": "FAX1"}],
    "addresses": [{"field": "BILLING", "line1": "1 Main St", "country_code": "USA", "region_code": "US-AZ"}],
    "social_accounts": [{"type": "LINKED_IN", "name": "ada"}],
    "origin": {"ip_address": "127.0.0.1"},
    "utm_parameters": {"keap_source_id": "7", "utm_source": "google"},
    "source_type": "API",
}
COMPANY: dict[str, Any] = {
    "company_name": "Engines Ltd",
    "notes": "n",
    "address": {"field": "BILLING", "locality": "Berlin", "country_code": "DEU", "region_code": "DE-BE"},
    "email_address": {"email": "office@example.org", "field": "EMAIL1"},
    "phone_number": {"number": "030 123456", "field": "PHONE1"},
}
COMPANY_FIELDS = ["notes", "address", "email_address", "phone_number", "update_time", "create_time", "custom_fields"]
PRODUCT: dict[str, Any] = {
    "name": "Widget",
    "price": 1250,
    "short_description": "w",
    "sku": "W-1",
    "weight": 2.5,
    "inventory": {"inventory_limit": 3},
}


def _paged(list_page: Any, key: str, **parameters: Any) -> list[str]:
    """The ids of all pages of two."""
    found: list[str] = []
    token = None
    while token is None or token:
        page = list_page(page_size=2, page_token=token, **parameters)
        found += [record.id for record in getattr(page, key)]
        token = page.next_page_token or ""
    return found


def test_contacts(sdk: ModuleType, keap: KeapEmulator, api: Any) -> None:
    contacts = sdk.ContactApi(api)
    field = keap.state.contacts.add_custom_field("Shoe size", "WHOLE_NUMBER")
    company = keap.state.companies.add({"company_name": "Engines Ltd"})
    body = CONTACT | {"company": {"id": company}, "custom_fields": [{"id": field, "content": 38}]}
    created = contacts.create_contact(sdk.CreateUpdateContactRequest.from_dict(body))
    assert created.company.company_name == "Engines Ltd"
    assert created.email_addresses[0].email_opt_status == "SINGLE_OPT_IN"
    assert created.job_title is None
    asked = [name for name in sdk.Contact.model_fields if name != "additional_properties"]
    full = contacts.get_contact(created.id, fields=asked)
    assert full.job_title == "Countess"
    assert full.custom_fields[0].id == field
    assert full.utm_parameters[0].utm_source == "google"
    assert full.origin.ip_address == "127.0.0.1"
    assert full.addresses[0].region == "Arizona"
    changed = contacts.update_contact(
        created.id,
        sdk.CreateUpdateContactRequest(given_name="Augusta", job_title="Lady"),
        update_mask=["given_name", "job_title"],
        fields=["given_name", "job_title", "update_time"],
    )
    assert (changed.given_name, changed.job_title) == ("Augusta", "Lady")
    assert changed.update_time > full.update_time
    others = keap.state.contacts.add_many({"given_name": f"n{n}"} for n in range(4))
    assert _paged(contacts.list_contacts, "contacts", order_by="id asc") == [created.id, *others]
    assert _paged(contacts.list_contacts, "contacts", filter=f"ids=={created.id},{others[0]}") == [
        created.id,
        others[0],
    ]
    assert contacts.retrieve_contact_model().custom_fields[0].field_name == "Shoesize"
    merged = contacts.merge_contacts(sdk.MergeContactRequest(contact_id=created.id, duplicate_contact_id=others[0]))
    assert merged.id == created.id
    contacts.delete_contact(others[1])
    with pytest.raises(sdk.exceptions.NotFoundException) as caught:
        contacts.get_contact(others[1])
    assert caught.value.data.code == 404


def test_companies(sdk: ModuleType, keap: KeapEmulator, api: Any) -> None:
    companies = sdk.CompanyApi(api)
    created = companies.create_company(sdk.CreateCompanyRequest.from_dict(COMPANY))
    assert (created.company_name, created.notes) == ("Engines Ltd", None)
    full = companies.get_company(created.id, fields=COMPANY_FIELDS)
    assert (full.notes, full.address.region, full.phone_number.number_e164) == ("n", "Berlin", "+4930123456")
    changed = companies.update_company(
        created.id, sdk.UpdateCompanyRequest(company_name="Engines", notes="m"), update_mask=["company_name"]
    )
    assert changed.company_name == "Engines"
    assert keap.state.companies[created.id]["notes"] == "n"
    others = keap.state.companies.add_many({"company_name": f"n{n}"} for n in range(3))
    assert _paged(companies.list_companies, "companies", fields=COMPANY_FIELDS) == [created.id, *others]
    companies.delete_company(created.id)
    assert created.id not in keap.state.companies


def test_products(sdk: ModuleType, keap: KeapEmulator, api: Any) -> None:
    products = sdk.ProductsApi(api)
    created = products.create_product(sdk.CreateProductRequestDetail.from_dict(PRODUCT))
    assert (created.price.amount, created.price.formatted_amount) == (1250, "$12.50")
    changed = products.update_product(
        created.id,
        sdk.UpdateProductRequestDetail(price=999, inventory_limit=5),
        update_mask=["price", "inventory_limit"],
    )
    assert (changed.price.amount, changed.inventory.inventory_limit, changed.name) == (999, 5, "Widget")
    adjusted = products.adjust_inventory(
        created.id, sdk.UpdateProductInventoryRequestDetail(type="INCREASE", quantity=4)
    )
    assert adjusted.inventory.inventory_count == 4
    assert products.get_product(created.id).weight == 2.5
    others = keap.state.products.add_many({"name": f"n{n}", "price": n} for n in range(3))
    assert _paged(products.list_products, "products", order_by="name desc") == [created.id, *reversed(others)]
    products.delete_product(created.id)
    assert created.id not in keap.state.products


def test_the_consent_of_an_address(sdk: ModuleType, keap: KeapEmulator, api: Any) -> None:
    keap.state.contacts.add(CONTACT | {"utm_parameters": None})
    addresses = sdk.EmailAddressApi(api)
    assert addresses.get_email_address_status("ada@example.org").status == "SINGLE_OPT_IN"
    changed = addresses.update_email_address_opt_status(
        "ada@example.org", sdk.UpdateEmailAddress(opted_in=False, reason="asked")
    )
    assert (changed.status, changed.opted_in) == ("MANUAL", False)


def _found(records: list[Any]) -> list[str]:
    return [record.id for record in records]


def test_contacts_are_filtered(sdk: ModuleType, keap: KeapEmulator, api: Any) -> None:
    contacts = sdk.ContactApi(api)

    def matching(condition: str) -> list[str]:
        return _found(contacts.list_contacts(filter=condition, order_by="id asc").contacts)

    emails = ("ada+crm@example.org", "adam@example.org", "bob@example.org")
    ada, adam, bob = (
        contacts.create_contact(
            sdk.CreateUpdateContactRequest.from_dict({"email_addresses": [{"email": email, "field": "EMAIL1"}]})
        ).id
        for email in emails
    )
    assert matching(f"email=={emails[0]}") == [ada]
    assert matching(f"email=={emails[0].upper()}") == [ada]
    assert matching("email==ada*") == [ada, adam]
    assert matching("email==nobody@example.org") == []
    # Both ends of a window are part of it.
    moment = keap.state.contacts[adam]["update_time"]
    assert matching(f"start_update_time=={moment}") == [adam, bob]
    assert matching(f"start_update_time=={moment.replace('Z', '+00:00')};end_update_time=={moment}") == [adam]
    assert matching(f"email==ada*;end_update_time=={moment}") == [ada, adam]
    with pytest.raises(sdk.exceptions.BadRequestException) as caught:
        matching("start_update_time==yesterday")
    assert caught.value.data.code == 400


def test_companies_are_filtered(sdk: ModuleType, keap: KeapEmulator, api: Any) -> None:
    companies = sdk.CompanyApi(api)

    def matching(condition: str) -> list[str]:
        return _found(companies.list_companies(filter=condition, order_by="id asc").companies)

    names = ("Acme & Söhne", "Acme (100%)", "Engines")
    first, second, third = (companies.create_company(sdk.CreateCompanyRequest(company_name=n)).id for n in names)
    assert matching("company_name==Acme & Söhne") == [first]
    assert matching("company_name==Acme") == []
    assert matching("name==acme*") == [first, second]
    assert matching("name==Acme (100%)") == [second]
    assert matching(f"company_id>{first}") == [second, third]
    moment = keap.state.companies[second]["update_time"]
    assert matching(f"since_time=={moment}") == [second, third]
    assert matching(f"name==acme*;since_time=={moment}") == [second]


def test_products_are_filtered(sdk: ModuleType, keap: KeapEmulator, api: Any) -> None:
    products = sdk.ProductsApi(api)

    def matching(condition: str) -> list[str]:
        return _found(products.list_products(filter=condition).products)

    widget, gadget = (
        products.create_product(sdk.CreateProductRequestDetail.from_dict(PRODUCT | {"name": name, "sku": sku})).id
        for name, sku in (("Widget 10_x", "W-1"), ("Gadget", "G-1"))
    )
    assert matching("name==Widget 10_x") == [widget]
    assert matching("name==widget*") == [widget]
    assert matching("name==Widget 10?x") == []
    assert matching("sku==G-1") == [gadget]
    assert matching("name==Gadget;sku==W-1") == []
    assert matching(f"product_ids=={gadget},{widget}") == [widget, gadget]
    # There is no way to ask for what has changed.
    with pytest.raises(sdk.exceptions.BadRequestException):
        matching("start_update_time==2026-01-01T00:00:00.000Z")


def test_custom_fields_of_contacts(sdk: ModuleType, keap: KeapEmulator, api: Any) -> None:
    contacts = sdk.ContactApi(api)
    size, colour, tags = (
        contacts.create_contact_custom_field(sdk.CreateCustomFieldRequest.from_dict(field)).id
        for field in (
            {"label": "Shoe size", "field_type": "WHOLE_NUMBER"},
            {"label": "Colour", "field_type": "DROPDOWN", "options": [{"label": "red"}, {"label": "blue"}]},
            {"label": "Tastes", "field_type": "LIST_BOX", "options": [{"label": "tea"}, {"label": "coffee"}]},
        )
    )
    model = {field.id: field for field in contacts.retrieve_contact_model().custom_fields}
    assert [(model[i].label, model[i].field_type) for i in (size, colour)] == [
        ("Shoe size", "WHOLE_NUMBER"),
        ("Colour", "DROPDOWN"),
    ]
    assert [option.label for option in model[colour].options] == ["red", "blue"]

    def written(**values: Any) -> Any:
        content = [
            {"id": i, "content": values[n]}
            for n, i in (("size", size), ("colour", colour), ("tags", tags))
            if n in values
        ]
        body = {"email_addresses": CONTACT["email_addresses"], "custom_fields": content}
        return sdk.CreateUpdateContactRequest.from_dict(body)

    created = contacts.create_contact(written(size=38, colour="red", tags=["tea", "coffee"])).id
    full = contacts.get_contact(created, fields=["custom_fields"])
    assert {field.id: field.content for field in full.custom_fields} == {
        size: 38,
        colour: "red",
        tags: ["tea", "coffee"],
    }
    # What a write does not list is removed.
    contacts.update_contact(created, written(colour="blue"), update_mask=["custom_fields"])
    full = contacts.get_contact(created, fields=["custom_fields"])
    assert {field.id: field.content for field in full.custom_fields} == {colour: "blue"}
    for condition, found in (("colour==blue", [created]), ("Colour==red", []), ("ShoeSize>1", [])):
        assert _found(contacts.list_contacts(filter=condition).contacts) == found
    with pytest.raises(sdk.exceptions.BadRequestException):
        contacts.update_contact(created, written(colour="green"), update_mask=["custom_fields"])
    contacts.delete_contact_custom_field(colour)
    assert contacts.get_contact(created, fields=["custom_fields"]).custom_fields == []


def test_custom_fields_of_companies(sdk: ModuleType, keap: KeapEmulator, api: Any) -> None:
    companies = sdk.CompanyApi(api)
    request = {"label": "Branch", "field_type": "RADIO", "options": [{"label": "engines"}]}
    field = companies.create_company_custom_field(sdk.CreateCustomFieldRequest.from_dict(request))
    changed = companies.update_company_custom_field(
        field.id,
        sdk.UpdateCustomFieldMetaDataRequest.from_dict(
            {"label": "Trade", "group_id": field.group_id, "options": [{"label": "engines"}, {"label": "looms"}]}
        ),
    )
    assert (changed.label, [option.label for option in changed.options]) == ("Trade", ["engines", "looms"])
    assert changed.field_name == field.field_name, "the name that filters use stays"
    [known] = companies.retrieve_company_custom_field_model().custom_fields
    assert known.label == "Trade"
    value = {"company_name": "Jacquard", "custom_fields": [{"id": field.id, "content": "looms"}]}
    created = companies.create_company(sdk.CreateCompanyRequest.from_dict(value)).id
    [content] = companies.get_company(created, fields=["custom_fields"]).custom_fields
    assert (content.id, content.content) == (field.id, "looms")
    assert _found(companies.list_companies(filter=f"{field.field_name}==looms").companies) == [created]
    companies.delete_company_custom_field(field.id)
    assert companies.get_company(created, fields=["custom_fields"]).custom_fields == []
