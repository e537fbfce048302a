"""What no default mapping has of Keap's records and a host maps: where people come from, their accounts, stock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World

PEOPLE = kb.mapping.contacts.with_lenses(
    kb.text("SignedUpFrom", keap="origin.ip_address"),
    kb.text("SignedUpAt", keap="origin.date", direction="to_customcrm"),
    kb.text("LinkedIn", keap="social_accounts.LINKED_IN", max_length=255),
    kb.text("Groups", keap="groups", direction="to_customcrm"),
    kb.text("Employer", keap="company.company_name", direction="to_customcrm"),
)
GOODS = kb.mapping.products.with_lenses(
    kb.integer("StockLimit", keap="inventory.inventory_limit", direction="to_customcrm"),
    kb.choices("Categories", keap="categories", direction="to_customcrm"),
)


def theirs(world: World) -> dict[str, Any]:
    return {document["given_name"]: document for document in world.keap.state.contacts.values()}


def ours(world: World) -> dict[str, Any]:
    return {document["FirstName"]: document for document in world.crm.state.contacts.values()}


def person(name: str, **more: Any) -> dict[str, Any]:
    return {
        "given_name": name,
        "email_addresses": [{"email": f"{name.lower()}@example.org", "field": "EMAIL1"}],
        **more,
    }


@pytest.mark.habits(null="clears")  # else nothing can be emptied, where nothing else does
def test_where_people_come_from_and_their_accounts_flow_both_ways_and_are_undone(world: World) -> None:
    world.crm.state.contacts.add(
        {"FirstName": "Ada", "Email": "ada@example.org", "SignedUpFrom": "127.0.0.1", "LinkedIn": "ada"}
    )
    other = {"type": "FACEBOOK", "name": "bob.f"}
    at = {"ip_address": "127.0.0.2", "date": "2026-01-02T03:04:05.000Z"}
    bob = world.keap.state.contacts.add(
        person("Bob", origin=at, social_accounts=[other, {"type": "LINKED_IN", "name": "bob"}])
    )
    assert world.sync(contacts=PEOPLE).ok
    assert theirs(world)["Ada"]["origin"]["ip_address"] == "127.0.0.1"
    assert theirs(world)["Ada"]["social_accounts"] == [{"type": "LINKED_IN", "name": "ada"}]
    made = ours(world)["Bob"]
    assert (made["SignedUpFrom"], made["SignedUpAt"], made["LinkedIn"]) == ("127.0.0.2", at["date"], "bob")
    world.sync(contacts=PEOPLE)  # when Ada signed up is Keap's own, and comes back
    world.assert_quiet(contacts=PEOPLE)
    world.forget_requests()
    world.crm.state.contacts.edit(made["Id"], SignedUpFrom="127.0.0.3", LinkedIn="bob-l")
    with world.sessions(contacts=PEOPLE) as session:
        edited = session.sync()
        assert theirs(world)["Bob"]["origin"]["ip_address"] == "127.0.0.3"
        assert theirs(world)["Bob"]["social_accounts"] == [other, {"type": "LINKED_IN", "name": "bob-l"}]
        sent = [request.json["origin"] for request in world.keap.requests.writes]
        assert sent == [{"ip_address": "127.0.0.3"}], "no write says when"
        session.undo(edited.run_id)
        assert theirs(world)["Bob"]["origin"]["ip_address"] == "127.0.0.2"
        assert theirs(world)["Bob"]["social_accounts"] == [other, {"type": "LINKED_IN", "name": "bob"}]
        world.crm.state.contacts.edit(made["Id"], SignedUpFrom=None, LinkedIn=None)
        assert session.sync().ok
    assert not theirs(world)["Bob"].get("origin", {}).get("ip_address")
    assert theirs(world)["Bob"]["social_accounts"] == [other]
    world.keap.state.contacts.edit(bob, social_accounts=[other, {"type": "LINKED_IN", "name": "bob"}])
    assert world.sync(contacts=PEOPLE).ok
    assert ours(world)["Bob"]["LinkedIn"] == "bob"
    assert not ours(world)["Bob"].get("SignedUpFrom")


def test_what_can_only_be_read_reaches_customcrm_and_is_never_written(world: World) -> None:
    company = world.keap.state.companies.add({"company_name": "Engines"})
    id = world.keap.state.contacts.add(person("Ada", groups="7,12", company={"id": company}))
    world.keap.state.products.add(
        {
            "name": "Widget",
            "short_description": "widget",
            "price": {"amount": 500, "currency_code": "USD"},
            "inventory": {"inventory_limit": 3, "inventory_count": 9},
            "categories": ["Engines", "Toys"],
        }
    )
    assert world.sync(contacts=PEOPLE, products=GOODS).ok
    [product] = world.crm.state.products.values()
    assert (product["StockLimit"], product["Categories"]) == (3, ["Engines", "Toys"])
    made = ours(world)["Ada"]
    assert (made["Groups"], made["Employer"]) == ("7,12", "Engines")
    world.crm.state.contacts.edit(made["Id"], Groups="none", Employer="Looms")
    world.crm.state.products.edit(product["Id"], StockLimit=8)
    world.forget_requests()
    assert world.sync(contacts=PEOPLE, products=GOODS).ok
    assert [request.path for request in world.keap.requests.writes] == []
    assert (world.keap.state.contacts[id]["groups"], theirs(world)["Ada"]["company"]["id"]) == ("7,12", company)
