"""The company of a contact by its name: with no table of companies, and with one beside it; both ways, undone, once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World

BY_NAME = kb.mapping.contacts.without("CustomerId").with_lenses(kb.company_name("Company", create=True))
ONLY_KNOWN = kb.mapping.contacts.without("CustomerId").with_lenses(kb.company_name("Company"))


def person(world: World, name: str, company: str | None, **more: Any) -> str:
    given = {"FirstName": name, "Email": f"{name.lower()}@example.org", "Company": company}
    id: str = world.crm.state.contacts.add(given | more)
    return id


def companies(world: World) -> dict[str, str]:
    """The names of Keap's companies by id."""
    return {id: document["company_name"] for id, document in world.keap.state.companies.items()}


def company_of(world: World, name: str) -> str | None:
    """The name of the company that a contact is of in Keap."""
    [document] = [each for each in world.keap.state.contacts.values() if each["given_name"] == name]
    id = document.get("company", {}).get("id")
    return companies(world)[id] if id else None


def test_names_are_companies_in_keap_made_once_and_flow_both_ways(world: World) -> None:
    acme = world.keap.state.companies.add({"company_name": "Acme"})
    ada, ben = person(world, "Ada", "ACME "), person(world, "Ben", "Zenith")
    person(world, "Cy", "zenith"), person(world, "Di", None)
    bare = world.crm.state.snapshot()["contacts"]
    with world.sessions(contacts=BY_NAME) as session:
        plan = session.contacts.plan()
        assert list(companies(world).values()) == ["Acme"], "a plan makes nothing"
        assert session.apply(plan).ok
        assert sorted(companies(world).values()) == ["Acme", "Zenith"]
        names = {name: company_of(world, name) for name in ("Ada", "Ben", "Cy", "Di")}
        assert names == {"Ada": "Acme", "Ben": "Zenith", "Cy": "Zenith", "Di": None}
        assert {id: each["Company"] for id, each in world.crm.state.contacts.items()} == {
            id: each["Company"] for id, each in bare.items()
        }, "what means the same is left as it is spelt"
        assert session.contacts.plan(full=True).is_empty

        # In Keap somebody changes to another company, and that is renamed.
        [theirs] = [id for id, each in world.keap.state.contacts.items() if each["given_name"] == "Ben"]
        world.keap.state.contacts.edit(theirs, company={"id": acme})
        world.keap.state.companies.edit(acme, company_name="Acme Ltd")
        run = session.contacts.sync()
        assert run.ok
        told = {id: world.crm.state.contacts[id]["Company"] for id in (ada, ben)}
        assert told == {ada: "Acme Ltd", ben: "Acme Ltd"}
        assert session.contacts.plan(full=True).is_empty

        # Here, to one that there is, to a new one, and to none.
        world.crm.state.contacts.edit(ada, Company="Zenith")
        world.crm.state.contacts.edit(ben, Company="Nova")
        run = session.contacts.sync()
        assert (company_of(world, "Ada"), company_of(world, "Ben")) == ("Zenith", "Nova")
        session.undo(run.run_id)
        assert (company_of(world, "Ada"), company_of(world, "Ben")) == ("Acme Ltd", "Acme Ltd")
        assert {id: world.crm.state.contacts[id]["Company"] for id in (ada, ben)} == {ada: "Zenith", ben: "Nova"}


def test_a_company_that_is_renamed_is_renamed_here_though_it_was_spelt_otherwise_and_edited_later(world: World) -> None:
    acme = world.keap.state.companies.add({"company_name": "Acme"})
    ada = person(world, "Ada", " ACME")
    world.sync(contacts=BY_NAME)
    world.let_time_pass()
    world.crm.state.contacts.edit(ada, Title="Dr.")  # later than anything that Keap shows of her
    world.keap.state.companies.edit(acme, company_name="Acme Ltd")
    world.sync(contacts=BY_NAME, policy=kb.Policy(conflicts="newest"))
    assert world.crm.state.contacts[ada]["Company"] == "Acme Ltd"
    assert companies(world) == {acme: "Acme Ltd"}
    assert company_of(world, "Ada") == "Acme Ltd"


def test_a_name_that_keap_does_not_have_is_held_until_it_has(world: World) -> None:
    person(world, "Ada", "Acme", JobTitle="Boss")
    report = world.sync(contacts=ONLY_KNOWN)
    assert [(line.outcome, line.fields) for line in report.lines if line.outcome == "held"] == [("held", ("Company",))]
    assert company_of(world, "Ada") is None
    world.keap.state.companies.add({"company_name": "ACME"})
    world.sync(contacts=ONLY_KNOWN)
    assert company_of(world, "Ada") == "ACME"


def test_beside_a_table_of_companies_no_company_is_made_twice(world: World) -> None:
    world.crm.state.customers.add({"Name": "Acme"})
    person(world, "Ada", "acme")
    person(world, "Ben", "Nova")
    assert world.sync(contacts=BY_NAME).ok
    assert sorted(companies(world).values()) == ["Acme", "Nova"]
    assert (company_of(world, "Ada"), company_of(world, "Ben")) == ("Acme", "Nova")
    # What was made by name is a company as any other.
    assert world.sync(contacts=BY_NAME).ok
    assert sorted(each["Name"] for each in world.crm.state.customers.values()) == ["Acme", "Nova"]
    world.assert_quiet(contacts=BY_NAME)


def test_a_company_of_a_keap_that_is_restored_right_after_a_write_is_in_conflict(world: World) -> None:
    """The answer to a company's PATCH tells no time stamp, and no list has shown the new one yet."""
    keap, crm = world.keap.state.companies, world.crm.state.customers
    ours = crm.add({"Name": "Acme"})
    options: dict[str, Any] = {"lag": timedelta(0)}
    world.sync(**options)
    world.sync(**options)
    [theirs] = keap
    before = keap[theirs]
    crm.edit(ours, Name="Acme & Sons")
    world.sync(**options)
    assert keap[theirs]["company_name"] == "Acme & Sons"
    keap.corrupt(theirs, company_name="Acme", update_time=before["update_time"])
    for full in (True, False):
        report = world.sync(full=full, **options)
        assert [line.outcome for line in report.lines] == ["conflict"]
    assert (crm[ours]["Name"], keap[theirs]["company_name"]) == ("Acme & Sons", "Acme")
