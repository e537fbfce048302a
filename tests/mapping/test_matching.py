"""Records are found by what is in any slot of Keap, mapped or not."""

from __future__ import annotations

import pytest

import keapbridge as kb
from keapbridge.mapping.kinds import Context
from keapbridge.model.side import Side


@pytest.mark.parametrize("slot", ["EMAIL2", "EMAIL3"])
def test_all_slots_of_keap_make_keys_mapped_or_not(slot: str) -> None:
    addresses = (kb.keap.EmailAddress("work@x.org", "EMAIL1"), kb.keap.EmailAddress("home@x.org", slot))
    numbers = (kb.keap.PhoneNumber("+4722334455", "PHONE1"), kb.keap.PhoneNumber("+4799887766", "PHONE4"))
    person = kb.keap.Contact(
        id="1", given_name="Ada", family_name="Berg", email_addresses=addresses, phone_numbers=numbers
    )
    mapper = kb.mapping.contacts
    values, _ = mapper.read(Side.KEAP, person, Context())
    found = mapper.matching.keys_of(values, mapper.matching.aliases(Side.KEAP, person, values, Context()))
    by_rank = [[key.key.split("\x1f")[-1] for key in found if key.rank == rank] for rank in (0, 1)]
    assert by_rank == [["work@x.org", "home@x.org"], ["+4722334455", "+4799887766"]]
    assert {key.stronger for key in found if key.rank} == {("work@x.org\x1ehome@x.org",)}
    assert mapper.matching.aliases(Side.CUSTOMCRM, kb.customcrm.Contact(email="a@x.org"), {}, Context()) == {}


def test_what_is_not_understood_in_another_slot_makes_no_key() -> None:
    person = kb.keap.Contact(id="1", email_addresses=(kb.keap.EmailAddress("not one", "EMAIL3"),))
    assert kb.mapping.contacts.matching.aliases(Side.KEAP, person, {}, Context()) == {}


def test_a_company_has_one_place_for_each() -> None:
    company = kb.keap.Company(id="1", company_name="Acme", email_address=kb.keap.EmailAddress("a@x.org", "EMAIL1"))
    assert kb.mapping.companies.matching.aliases(Side.KEAP, company, {}, Context()) == {}
