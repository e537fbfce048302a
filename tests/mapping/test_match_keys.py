"""How match keys are made: of which values, in which order, in which spelling."""

from __future__ import annotations

from typing import Any

import pytest

import keapbridge as kb
from keapbridge.mapping import MatchKey
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.match_keys import made_keys
from keapbridge.model.side import Side

EMAIL = MatchKey(("Email",))
SLOTS = {"Email": ("Email2", "email_addresses.EMAIL3")}


def keys(**values: Any) -> list[tuple[int, str]]:
    return [(key.slot, key.key) for key in made_keys([EMAIL], values, SLOTS)]


def test_the_only_key_has_no_others_beside_it() -> None:
    assert (
        keys(Email="a@x.org") == keys(Email2="a@x.org") == keys(Email="a@x.org", Email2="A@x.org") == [(0, "a@x.org")]
    )
    assert keys() == keys(Email=None) == keys(Email="\u200b") == []


def test_of_several_keys_the_main_one_is_the_first() -> None:
    assert keys(Email="z@x.org", Email2="a@x.org") == [(1, "z@x.org"), (2, "a@x.org")]


def test_how_it_is_spelt_is_kept_where_that_is_not_as_the_key() -> None:
    spelt = [key.spelt for key in made_keys([EMAIL], {"Email": "A@x.org", "Email2": "b@x.org"}, SLOTS)]
    assert spelt == ["A@x.org", None]


@pytest.mark.parametrize("slot", ["EMAIL2", "EMAIL3"])
def test_all_slots_of_keap_make_keys_mapped_or_not(slot: str) -> None:
    addresses = (kb.keap.EmailAddress("work@x.org", "EMAIL1"), kb.keap.EmailAddress("home@x.org", slot))
    numbers = (kb.keap.PhoneNumber("+4722334455", "PHONE1"), kb.keap.PhoneNumber("+4799887766", "PHONE4"))
    person = kb.keap.Contact(
        id="1", given_name="Ada", family_name="Berg", email_addresses=addresses, phone_numbers=numbers
    )
    mapper = kb.mapping.contacts
    values, _ = mapper.read(Side.KEAP, person, Context())
    found = mapper.match_keys(values, mapper.aliases(Side.KEAP, person, values, Context()))
    by_rank = [[key.key.split("\x1f")[-1] for key in found if key.rank == rank] for rank in (0, 1)]
    assert by_rank == [["work@x.org", "home@x.org"], ["+4722334455", "+4799887766"]]
    assert {key.stronger for key in found if key.rank} == {("work@x.org\x1ehome@x.org",)}
    assert mapper.aliases(Side.CUSTOMCRM, kb.customcrm.Contact(email="a@x.org"), {}, Context()) == {}


def test_what_is_not_understood_in_another_slot_makes_no_key() -> None:
    person = kb.keap.Contact(id="1", email_addresses=(kb.keap.EmailAddress("not one", "EMAIL3"),))
    assert kb.mapping.contacts.aliases(Side.KEAP, person, {}, Context()) == {}


def test_a_company_has_one_place_for_each() -> None:
    company = kb.keap.Company(id="1", company_name="Acme", email_address=kb.keap.EmailAddress("a@x.org", "EMAIL1"))
    assert kb.mapping.companies.aliases(Side.KEAP, company, {}, Context()) == {}
