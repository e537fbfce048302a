"""The three synchronizations: what tells them apart."""

from __future__ import annotations

from typing import Any

import pytest

import keapbridge as kb
from keapbridge.keap.records import Company, Contact, EmailAddress, Money, Product
from keapbridge.model.maybe import Unreadable
from keapbridge.model.names import COMPANIES, CONTACTS, ORDER, PRODUCTS
from keapbridge.sync.blueprints import BLUEPRINTS
from keapbridge.sync.clients import KeapSystem
from keapbridge.sync.synchronization import Traits


@pytest.fixture
def systems(unasked: kb.KeapClient) -> dict[str, Any]:
    return {name: KeapSystem(getattr(unasked, name).flows) for name in ORDER}


@pytest.fixture
def traits(systems: dict[str, Any]) -> dict[str, Traits]:
    return {name: blueprint.traits(systems) for name, blueprint in BLUEPRINTS.items()}


def test_they_are_those_of_a_session_with_the_default_mappers() -> None:
    assert set(BLUEPRINTS) == set(ORDER)
    assert [BLUEPRINTS[name].default for name in ORDER] == [getattr(kb.mapping, name) for name in ORDER]


def test_consent_is_asked_for_where_the_owner_of_an_address_may_be(
    systems: dict[str, Any], traits: dict[str, Traits]
) -> None:
    looked_at = {name: [each.records for each in traits[name].address_holders] for name in ORDER}
    assert looked_at == {
        COMPANIES: [systems[CONTACTS], systems[COMPANIES]],
        CONTACTS: [systems[CONTACTS]],
        PRODUCTS: [],
    }


def test_addresses_are_told_of_every_record_that_may_hold_one(traits: dict[str, Traits]) -> None:
    address = EmailAddress("ada@example.org", "EMAIL1")
    of_contact, of_company = traits[COMPANIES].address_holders
    assert list(of_contact.addresses(Contact(email_addresses=(address,)))) == [address]
    assert list(of_contact.addresses(Contact())) == []
    unreadable = Unreadable("?", "no list")
    assert list(of_contact.addresses(Contact(email_addresses=unreadable))) == [unreadable]  # type: ignore[arg-type]
    assert list(of_company.addresses(Company(email_address=address))) == [address]
    assert list(of_company.addresses(Company())) == []
    assert of_contact.probe("ada@example.org").email_addresses == (address,)
    assert of_company.probe("ada@example.org").email_address == EmailAddress("ada@example.org")


def test_only_contacts_are_merged_in_keap_and_only_products_have_a_currency(traits: dict[str, Traits]) -> None:
    assert [name for name in ORDER if traits[name].merges_in_keap] == [CONTACTS]
    assert [name for name in ORDER if traits[name].currency_of] == [PRODUCTS]


@pytest.mark.parametrize(("price", "currency"), [(Money(1, "EUR"), "EUR"), (Money(1, "???"), None), (None, None)])
def test_the_currency_of_a_product_is_told_by_its_price(traits: dict[str, Traits], price: Any, currency: Any) -> None:
    told = traits[PRODUCTS].currency_of
    assert told is not None
    assert told(Product(price=price)) == currency
