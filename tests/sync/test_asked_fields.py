"""A session asks Keap for the fields that its mapping looks at, and for no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World

NAMES = kb.mapping.contacts.only("FirstName", "LastName", "Email")
ALWAYS = {"id", "create_time", "update_time"}
OF_NAMES = {"given_name", "family_name", "email_addresses"}


def asked(world: World, kind: str) -> set[str]:
    """The fields that were asked for, in reads and in the answers to writes."""
    requests = [each for each in world.keap.requests if f"/v2/{kind}" in each.path and "fields" in each.query]
    lists = {frozenset(each.query["fields"].split(",")) for each in requests}
    assert len(lists) == 1, "every call asks for the same"
    return set(lists.pop())


def both_ways(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "L", "Email": "ada@example.org"})
    world.keap.state.contacts.add({"given_name": "Bob", "email_addresses": [{"email": "b@x.org", "field": "EMAIL1"}]})


def test_the_fields_of_the_mapping_are_asked_for_and_those_that_tell_which_record_it_is(world: World) -> None:
    both_ways(world)
    world.sync(contacts=NAMES)
    assert asked(world, "contacts") == OF_NAMES | ALWAYS
    assert world.counts()["contacts"] == (2, 2)
    world.assert_quiet(contacts=NAMES)
    world.forget_requests()
    world.sync(full=True, contacts=kb.mapping.contacts)
    assert {"addresses", "job_title", "company"} < asked(world, "contacts")
    assert asked(world, "contacts").isdisjoint({"score_value", "links", "tag_ids", "custom_fields", "notes"})


@pytest.mark.parametrize(
    ("condition", "more"),
    [
        ({"tag_ids": "12"}, {"tag_ids"}),
        ({"Email": "b@x.org", "company.id": None}, {"company"}),
        (lambda contact: contact.score_value is kb.UNSET, None),
    ],
    ids=["a property", "a mapped one and a part of another", "any record"],
)
def test_a_filter_is_asked_for_what_it_looks_at(world: World, condition: Any, more: set[str] | None) -> None:
    both_ways(world)
    world.sync(contacts=NAMES.where(keap=condition))
    if more is None:
        more = {field.name for field in attrs.fields(kb.keap.Contact)} - {"extra"}
    assert asked(world, "contacts") == OF_NAMES | ALWAYS | more


def test_whether_an_address_was_opted_out_is_seen_also_where_addresses_are_not_mapped(world: World) -> None:
    world.keap.state.contacts.add({"given_name": "Ada", "email_addresses": [{"email": "a@x.org", "field": "EMAIL1"}]})
    world.keap.state.set_email_status("a@x.org", "MANUAL")
    world.crm.state.customers.add({"Name": "Engines", "Email": "a@x.org"})
    reason = kb.email("Email", keap="email_address", opt_in_reason="asked for it")
    world.sync(
        companies=kb.mapping.companies.with_lenses(reason), contacts=kb.mapping.contacts.without("Email", "Email2")
    )
    assert world.keap.state.consent("a@x.org").status == "MANUAL"
    assert [each["email_address"]["email"] for each in world.keap.state.companies.values()] == ["a@x.org"]
