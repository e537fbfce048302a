"""What only one kind of record can do: contacts are merged and compared, stock is moved, addresses opted in and out."""

from __future__ import annotations

import pytest

import keapbridge as kb
from keapbridge.testing import KeapEmulator

ADA = kb.keap.Contact(given_name="Ada", email_addresses=[kb.keap.EmailAddress("ada@x.org", "EMAIL1")])


def test_a_contact_is_created_or_written_to_by_keaps_own_comparison(
    keap: kb.KeapClient, keap_server: KeapEmulator
) -> None:
    first = keap.contacts.create_or_update(ADA)
    again = keap.contacts.create_or_update(kb.keap.Contact(job_title="Boss", email_addresses=ADA.email_addresses))
    assert (again.id, again.given_name, again.job_title) == (first.id, "Ada", "Boss")
    other = kb.keap.Contact(given_name="Bob", email_addresses=ADA.email_addresses)
    assert keap.contacts.create_or_update(other, by="EmailAndName").id != first.id
    with pytest.raises(TypeError, match="EmailAndName"):
        keap.contacts.create_or_update(ADA, by="Name")  # type: ignore[arg-type]
    assert len(keap_server.state.contacts) == 2


def test_contacts_are_merged(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    ada, double = keap_server.state.contacts.add_many(
        [{"given_name": "Ada"}, {"given_name": "A.", "job_title": "Boss"}]
    )
    merged = keap.contacts.merge(ada, double)
    assert (merged.id, merged.given_name, merged.job_title) == (ada, "Ada", "Boss")
    assert list(keap_server.state.contacts) == [ada]
    with pytest.raises(ValueError, match="with itself"):
        keap.contacts.merge(ada, ada)
    with pytest.raises(kb.errors.NotFoundError):
        keap.contacts.merge(ada, double)


def test_stock_is_moved(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    bike = keap_server.state.products.add({"name": "Bike", "price": 100})
    for by, count in ((5, 5), (-2, 3)):
        inventory = keap.products.adjust_inventory(bike, by).inventory
        assert inventory
        assert inventory.inventory_count == count
    for wrong in (0, 2**31):
        with pytest.raises(ValueError, match="by"):
            keap.products.adjust_inventory(bike, wrong)
    with pytest.raises(kb.errors.StatusError, match="negative"):
        keap.products.adjust_inventory(bike, -4)
    assert keap_server.state.products[bike]["inventory"]["inventory_count"] == 3


def test_the_consent_of_an_address_is_shown_and_changed(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    keap.contacts.create(ADA)
    addresses = keap.email_addresses
    assert addresses.status("ada@x.org").opted_in is False
    assert addresses.set_opted_in("ada@x.org", "asked", opted_in=True).status == "SINGLE_OPT_IN"
    assert addresses.set_opted_in("ada@x.org", "rang", opted_in=False).status == "MANUAL"
    keap_server.state.consents.set_status("ada@x.org", "LIST_UNSUBSCRIBE")
    assert addresses.set_opted_in("ada@x.org", "asked", opted_in=True).opted_in is False, "Keap decides"
    with pytest.raises(kb.errors.NotFoundError):
        addresses.status("bob+1/2@x.org")
    with pytest.raises(ValueError, match="reason"):
        addresses.set_opted_in("ada@x.org", " ", opted_in=True)
