"""Users, lead sources and tags: looked up, made, and contacts marked with them."""

from __future__ import annotations

from typing import Any

import pytest

import keapbridge as kb
from keapbridge.keap.directory import entries, make_entry
from keapbridge.testing import KeapEmulator


def users(server: KeapEmulator, number: int) -> list[str]:
    add = server.state.users.add
    return [add({"given_name": f"U{n}", "email_addresses": [{"email": f"U{n}@x.org"}]}) for n in range(number)]


def test_users_are_listed_by_hundreds_and_found_by_address(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    ids = users(keap_server, 101)
    assert [user.id for user in keap.users.list()] == ids
    assert len(keap_server.requests) == 2
    [found] = keap.users.list(filters={"email": "u7@x.org"})
    assert (found.id, keap.users.get(found.id).given_name) == (ids[7], "U7")
    with pytest.raises(kb.errors.KeapbridgeError, match="made in Keap itself"):
        keap.users.create(kb.keap.User(given_name="Zoe"))


def test_lead_sources_are_found_by_name_and_made(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    made = keap.lead_sources.create(kb.keap.LeadSource(name="Google Ads", vendor="Google"))
    assert [each.id for each in keap.lead_sources.list(filters={"name": "google*"})] == [made.id]
    assert keap.lead_sources.get(made.id).vendor == "Google"
    with pytest.raises(kb.errors.NotFoundError):
        keap.lead_sources.get("1")


def test_contacts_are_tagged_by_hundreds(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    contacts = keap_server.state.contacts
    ids = contacts.add_many({"given_name": f"C{n}"} for n in range(150))
    tag = keap.tags.create(kb.keap.Tag(name="VIP")).id
    keap_server.requests.clear()
    keap.tags.apply(tag, ids)
    keap.tags.apply(tag, ids[:1])
    assert {tuple(each["tag_ids"]) for each in contacts.values()} == {(tag,)}
    assert len(keap_server.requests) == 3
    keap.tags.remove(tag, ids[:1])
    assert keap.contacts.get(ids[0]).tag_ids == ()
    assert keap.contacts.get(ids[1]).tag_ids == (tag,)
    assert [each.name for each in keap.tags.list()] == ["VIP"]


def test_who_works_there_still_comes_first_of_two_with_one_address(
    keap: kb.KeapClient, keap_server: KeapEmulator
) -> None:
    def add(**more: Any) -> str:
        return keap_server.state.users.add({"email_addresses": [{"email": "Anna@x.org"}], **more})

    left, stays, _ = add(status="Inactive"), add(status="Active"), keap_server.state.users.add({"given_name": "Nobody"})
    driver, flows = keap.contacts._driver, keap.contacts.flows
    assert driver.run(entries(flows, "users")) == [(stays, "anna@x.org"), (left, "anna@x.org")]
    made = driver.run(make_entry(flows, "lead_sources", "Fair"))
    assert driver.run(entries(flows, "lead_sources")) == [(made, "Fair")]
