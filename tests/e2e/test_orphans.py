"""A company is deleted, and its system empties what referred to it: the policy says what becomes of the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World

KEAP, CUSTOMCRM = kb.Side.KEAP, kb.Side.CUSTOMCRM
NOW: dict[str, Any] = {"lag": timedelta(0)}  # what is deleted here was made a moment ago
ROUTES = ("changes", "full", "ids")


class Office:
    """Ada of Acme, and Ben who is of Bolt, in both systems."""

    def __init__(self, world: World, **options: Any) -> None:
        self.world, self.options = world, NOW | options
        ours, theirs = world.crm.state, world.keap.state
        self.acme, self.bolt = (ours.customers.add({"Name": name}) for name in ("Acme", "Bolt"))
        self.ada = ours.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "CustomerId": self.acme})
        self.ben = ours.contacts.add({"FirstName": "Ben", "Email": "ben@example.org", "CustomerId": self.bolt})
        assert world.sync(**self.options).ok
        names = {document["company_name"]: id for id, document in theirs.companies.items()}
        self.keap_acme, self.keap_bolt = names["Acme"], names["Bolt"]
        people = {document["given_name"]: id for id, document in theirs.contacts.items()}
        self.keap_ada, self.keap_ben = people["Ada"], people["Ben"]
        assert self.companies() == (self.acme, self.keap_acme)
        world.let_time_pass()
        world.forget_requests()

    def companies(self) -> tuple[str | None, str | None]:
        """Ada's company in Customcrm, and in Keap."""
        theirs = self.world.keap.state.contacts[self.keap_ada].get("company") or {}
        return self.world.crm.state.contacts[self.ada].get("CustomerId"), theirs.get("id")

    def delete_acme(self, side: kb.Side, *, edit: bool = True) -> None:
        """Acme is deleted in a system, which empties Ada's reference to it and may take that for an edit of her."""
        if side is KEAP:
            self.world.keap.state.companies.delete(self.keap_acme)
            if edit:
                self.world.keap.state.contacts.edit(self.keap_ada, job_title="Poet")
        else:
            self.world.crm.state.customers.delete(self.acme)
            self.world.crm.state.contacts.edit(self.ada, CustomerId=None, JobTitle="Poet")
        assert self.companies()[side is KEAP] is None

    def run(self, route: str) -> list[kb.Line]:
        with self.world.sessions(**self.options) as session:
            if route == "ids":
                return list(session.contacts.sync_ids(customcrm=[self.ada], keap=[self.keap_ada]).lines)
            return list(session.sync(full=route == "full").lines)

    def titles(self) -> tuple[Any, Any]:
        ours, theirs = self.world.crm.state.contacts[self.ada], self.world.keap.state.contacts[self.keap_ada]
        return ours.get("JobTitle"), theirs.get("job_title")

    def referring(self) -> list[Any]:
        """The writes that said anything of Ada's company."""
        return [write.json for write in self.world.writes if {"CustomerId", "company"} & set(write.json or {})]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("gone", [KEAP, CUSTOMCRM])
def test_who_was_of_a_deleted_company_stays_with_it_where_the_policy_keeps_it(
    world: World, gone: kb.Side, route: str
) -> None:
    office = Office(world)
    office.delete_acme(gone)
    kept = office.companies()
    for each in (route, "full", "changes", "full"):
        lines = office.run(each)
        assert office.companies() == kept
    assert office.titles() == ("Poet", "Poet"), "the rest of her flows"
    assert office.referring() == []
    assert [(line.outcome, line.fields) for line in lines if line.object == "contacts"] == [("held", ("CustomerId",))]

    # Once the company takes part again, it is made anew, and she is of the new one.
    with world.sessions(**office.options) as session:
        anew: dict[str, Any] = {"customcrm": [office.acme]} if gone is KEAP else {"keap": [office.keap_acme]}
        session.companies.retry(**anew)
        assert session.sync().ok
        links = {link.customcrm_id: link.keap_id for link in session.companies.links()}
    ours, theirs = office.companies()
    assert ours is not None
    assert links[ours] == theirs
    assert (ours if gone is KEAP else theirs) == (office.acme if gone is KEAP else office.keap_acme)
    world.assert_quiet(**office.options)


@pytest.mark.parametrize("gone", [KEAP, CUSTOMCRM])
def test_a_deletion_that_is_ignored_keeps_them_too(world: World, gone: kb.Side) -> None:
    office = Office(world, policy=kb.Policy(deletions="ignore"))
    office.delete_acme(gone)
    kept = office.companies()
    for route in ("changes", "full", "changes", "full"):
        office.run(route)
        assert office.companies() == kept
    assert office.referring() == []
    world.crm.state.contacts.edit(office.ada, CustomerId=office.bolt)
    office.run("changes")
    assert office.companies() == (office.bolt, office.keap_bolt), "who is given another company is of that one"


@pytest.mark.parametrize("gone", [KEAP, CUSTOMCRM])
def test_who_was_given_another_company_meanwhile_is_of_that_one(world: World, gone: kb.Side) -> None:
    office = Office(world, policy=kb.Policy(conflicts="manual"))
    office.delete_acme(gone)
    if gone is KEAP:
        world.crm.state.contacts.edit(office.ada, CustomerId=office.bolt)
    else:
        world.keap.state.contacts.edit(office.keap_ada, company={"id": office.keap_bolt})
    for route in ("changes", "full"):
        office.run(route)
    assert office.companies() == (office.bolt, office.keap_bolt)
    world.assert_quiet(**office.options)


def test_a_deletion_that_is_carried_out_takes_the_references_along(world: World) -> None:
    office = Office(world, policy=kb.Policy(deletions="delete", max_delete_share=None))
    office.delete_acme(KEAP)
    office.run("full")
    assert office.companies() == (None, None)
    assert set(world.crm.state.customers) == {office.bolt}


def test_a_deletion_that_no_contact_tells_of_is_found_by_a_full_run(world: World) -> None:
    office = Office(world)
    office.delete_acme(KEAP, edit=False)
    for _ in range(2):
        office.run("full")
        assert office.companies() == (office.acme, None)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("gone", [KEAP, CUSTOMCRM])
def test_who_was_of_a_company_that_is_linked_anew_before_anybody_looks_stays_with_it(
    world: World, gone: kb.Side, is_there: bool, route: str
) -> None:
    """It is linked with another one of its name that is there already, or with one that is made for it."""
    office = Office(world)
    there = world.keap.state.companies if gone is KEAP else world.crm.state.customers
    there.add({"company_name" if gone is KEAP else "Name": "Acme"}) if is_there else None
    office.delete_acme(gone)
    left: dict[str, Any] = {"customcrm": [office.acme]} if gone is KEAP else {"keap": [office.keap_acme]}
    with world.sessions(**office.options) as session:
        session.companies.sync(full=True)
        session.companies.retry(**left)
        session.companies.sync(full=True)
        links = {link.customcrm_id: link.keap_id for link in session.companies.links()}
    assert len(links) == 2
    office.run(route)
    for following in ("changes", "full"):
        ours, theirs = office.companies()
        assert ours is not None
        assert links[ours] == theirs
        assert (ours, theirs) != (office.acme, office.keap_acme)
        office.run(following)
    world.let_time_pass()
    world.crm.state.contacts.edit(office.ada, CustomerId=None)
    office.run("changes")
    assert office.companies() == (None, None), "a person may still say that she is of none"


def test_a_contact_that_tells_of_a_deletion_waits_for_its_proof_which_the_next_run_of_the_companies_brings(
    world: World,
) -> None:
    office = Office(world)
    office.delete_acme(KEAP)
    with world.sessions(**office.options) as session:
        for _ in range(2):
            [told] = [line.reason for line in session.contacts.sync().lines if line.outcome == "held"]
            assert told == "is empty, and Keap does not show the record of companies that it referred to"
        assert len(world.keap.requests.matching("GET", "/companies")) == 2, "one read in a run"
        [ended] = session.companies.sync().lines
    assert (ended.outcome, ended.customcrm_id) == ("unlinked", office.acme)
    assert office.companies() == (office.acme, None)


@pytest.mark.parametrize("edited", [KEAP, CUSTOMCRM])
def test_what_a_person_empties_is_emptied_and_costs_one_read_of_the_companies(world: World, edited: kb.Side) -> None:
    office = Office(world)
    if edited is KEAP:
        for id in (office.keap_ada, office.keap_ben):
            world.keap.state.contacts.edit(id, company=None)
        asked = world.keap.requests
    else:
        for id in (office.ada, office.ben):
            world.crm.state.contacts.edit(id, CustomerId=None)
        asked = world.crm.requests
    with world.sessions(**office.options) as session:
        assert session.contacts.sync().ok
    assert office.companies() == (None, None)
    assert len(asked.matching("GET", "/compan" if edited is KEAP else "/customers")) <= 2
    world.assert_quiet(**office.options)


NAMED = kb.mapping.contacts.without("CustomerId").with_lenses(
    kb.owner("OwnerEmail"), kb.lead_source("LeadSource"), kb.company_name("Company")
)


@pytest.mark.habits(null="clears")
def test_who_is_called_by_a_name_that_keap_has_deleted_keeps_it_until_it_is_there_again(world: World) -> None:
    theirs, ours = world.keap.state, world.crm.state

    def make() -> dict[str, Any]:
        anna = theirs.users.add({"email_addresses": [{"email": "anna@example.org", "field": "EMAIL1"}]})
        return {
            "owner_id": anna,
            "leadsource_id": theirs.lead_sources.add({"name": "Fair"}),
            "company": {"id": theirs.companies.add({"company_name": "Acme"})},
        }

    made = make()
    names = {"OwnerEmail": "anna@example.org", "LeadSource": "Fair", "Company": "Acme"}
    for name in ("Ada", "Ben"):
        ours.contacts.add({"FirstName": name, "Email": f"{name.lower()}@example.org", **names})
    ada, ben = ours.contacts

    def held(name: str) -> dict[str, Any]:
        [document] = [each for each in theirs.contacts.values() if each["given_name"] == name]
        return {key: document.get(key) or None for key in made} | {"id": document["id"]}

    options = {"contacts": NAMED, "lag": timedelta(0)}
    assert world.sync(**options).ok
    assert (held("Ada")["owner_id"], held("Ada")["leadsource_id"]) == (made["owner_id"], made["leadsource_id"])
    world.let_time_pass()

    # Somebody empties a name that is there: it is emptied here.
    theirs.contacts.edit(held("Ben")["id"], leadsource_id=None)
    assert world.sync(**options).ok
    assert ours.contacts[ben].get("LeadSource") is None
    world.let_time_pass()

    for table, id in ((theirs.users, made["owner_id"]), (theirs.lead_sources, made["leadsource_id"])):
        table.delete(id)
    theirs.companies.delete(made["company"]["id"])
    for name in ("Ada", "Ben"):
        theirs.contacts.edit(held(name)["id"], owner_id=None, leadsource_id=None)
    world.forget_requests()
    for full in (False, True, False):
        report = world.sync(full=full, **options)
        assert {name: ours.contacts[ada].get(name) for name in names} == names
        assert {field for line in report.lines for field in line.fields} == set(names)
    assert [write.path for write in world.writes] == []

    again = make()
    assert world.sync(**options).ok
    assert {key: held("Ada")[key] for key in ("owner_id", "leadsource_id")} == {
        key: again[key] for key in ("owner_id", "leadsource_id")
    }
    assert held("Ada")["company"]["id"] == again["company"]["id"]
    assert held("Ben")["leadsource_id"] is None


@pytest.mark.habits(null="clears")
@pytest.mark.parametrize("create", [True, False])
def test_who_is_called_by_a_name_that_keap_has_deleted_and_made_again_keeps_it(world: World, create: bool) -> None:
    theirs, ours = world.keap.state, world.crm.state
    lenses = kb.lead_source("LeadSource", create=create), kb.company_name("Company", create=create)
    options: dict[str, Any] = {
        "contacts": kb.mapping.contacts.without("CustomerId").with_lenses(kb.owner("OwnerEmail"), *lenses),
        "lag": timedelta(0),
    }

    def make() -> dict[str, Any]:
        anna = {"email_addresses": [{"email": "anna@example.org", "field": "EMAIL1"}]}
        return {
            "owner_id": theirs.users.add(anna),
            "leadsource_id": theirs.lead_sources.add({"name": "Fair"}),
            "company": theirs.companies.add({"company_name": "Acme"}),
        }

    def held(name: str) -> dict[str, Any]:
        [document] = [each for each in theirs.contacts.values() if each["given_name"] == name]
        return {key: document.get(key) for key in made} | {"company": (document.get("company") or {}).get("id")}

    made = make()
    names = {"OwnerEmail": "anna@example.org", "LeadSource": "Fair", "Company": "Acme"}
    ada, ben = (ours.contacts.add({"FirstName": n, "Email": f"{n}@example.org", **names}) for n in ("Ada", "Ben"))
    assert world.sync(**options).ok
    assert held("Ada") == made
    world.let_time_pass()
    [ada_there, ben_there] = sorted(theirs.contacts, key=lambda one: str(theirs.contacts[one]["given_name"]))
    for table, id in zip((theirs.users, theirs.lead_sources, theirs.companies), made.values(), strict=True):
        table.delete(id)
    for id in (ada_there, ben_there):
        theirs.contacts.edit(id, owner_id=None, leadsource_id=None, company=None)
    again = make()
    with world.sessions(**options) as session:  # one is looked at before the others, and an edit of hers flows
        theirs.contacts.edit(ben_there, job_title="Poet")
        session.contacts.sync_ids(keap=[ben_there])
    for full in (False, True):
        assert world.sync(full=full, **options).ok
        assert {id: {n: ours.contacts[id].get(n) for n in names} for id in (ada, ben)} == {ada: names, ben: names}
        assert held("Ada") == held("Ben") == again
    world.let_time_pass()
    theirs.contacts.edit(ada_there, owner_id=None, leadsource_id=None)
    assert world.sync(**options).ok
    assert [ours.contacts[ada].get(name) for name in names] == [None, None, "Acme"], "what a person empties is emptied"


@pytest.mark.habits(null="clears")
def test_a_deleted_name_that_may_be_made_is_made_again(world: World) -> None:
    mapping = kb.mapping.contacts.with_lenses(kb.lead_source("LeadSource", create=True))
    ada = world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "LeadSource": "Fair"})
    assert world.sync(contacts=mapping).ok
    [first], [theirs] = world.keap.state.lead_sources, world.keap.state.contacts
    world.let_time_pass()
    world.keap.state.lead_sources.delete(first)
    world.keap.state.contacts.edit(theirs, leadsource_id=None)
    assert world.sync(contacts=mapping).ok
    [second] = world.keap.state.lead_sources
    assert world.keap.state.lead_sources[second]["name"] == "Fair"
    assert world.keap.state.contacts[theirs]["leadsource_id"] == second
    assert world.crm.state.contacts[ada]["LeadSource"] == "Fair"
    world.assert_quiet(contacts=mapping)
