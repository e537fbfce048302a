"""Users and lead sources of Keap are called by name in Customcrm: both ways, undone, held when unknown, made once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from histories.world import MAPPERS, worlds
from tiers import variants

import keapbridge as kb
from keapbridge.testing import Fault

if TYPE_CHECKING:
    from conftest import World

NAMED = kb.mapping.contacts.with_lenses(kb.owner("OwnerEmail"), kb.lead_source("LeadSource", create=True))
ONLY_KNOWN = kb.mapping.contacts.with_lenses(kb.owner("OwnerEmail"), kb.lead_source("LeadSource"))


def user(world: World, email: str, **more: Any) -> str:
    return world.keap.state.users.add({"email_addresses": [{"email": email, "field": "EMAIL1"}], **more})


def person(world: World, name: str, **more: Any) -> str:
    id: str = world.crm.state.contacts.add({"FirstName": name, "Email": f"{name.lower()}@example.org", **more})
    return id


def theirs(world: World) -> dict[str, Any]:
    return {document["given_name"]: document for document in world.keap.state.contacts.values()}


def asked(world: World) -> list[str]:
    paths = [request.path.rpartition("/v2/")[2] for request in world.keap.requests.matching("GET")]
    return [path for path in paths if path in {"users", "leadSources"}]


@pytest.mark.habits(null="clears")  # else nothing can be emptied, where nothing else does
def test_they_flow_both_ways_with_one_call_for_each_list(world: World) -> None:
    anna, ben = user(world, "Anna@Example.org"), user(world, "ben@example.org")
    web = world.keap.state.lead_sources.add({"name": "Web site"})
    ada = person(world, "Ada", OwnerEmail="anna@example.org", LeadSource="web  SITE")
    bob = world.keap.state.contacts.add(
        {
            "given_name": "Bob",
            "owner_id": ben,
            "leadsource_id": web,
            "email_addresses": [{"email": "bob@example.org", "field": "EMAIL1"}],
        }
    )
    assert world.sync(contacts=NAMED).ok
    assert (theirs(world)["Ada"]["owner_id"], theirs(world)["Ada"]["leadsource_id"]) == (anna, web)
    [made] = [each for each in world.crm.state.contacts.values() if each["FirstName"] == "Bob"]
    assert (made["OwnerEmail"], made["LeadSource"]) == ("ben@example.org", "Web site")
    assert world.crm.state.contacts[ada]["LeadSource"] == "web  SITE", "what means the same is left as it is spelt"
    world.assert_quiet(contacts=NAMED)
    world.forget_requests()
    world.keap.state.contacts.edit(bob, owner_id=anna)
    world.crm.state.contacts.edit(ada, OwnerEmail=None, LeadSource=None)
    with world.sessions(contacts=NAMED) as session:
        report = session.sync()
        assert report.ok
        assert asked(world) == ["leadSources", "users"]
        assert world.crm.state.contacts[made["Id"]]["OwnerEmail"] == "anna@example.org"
        assert theirs(world)["Ada"].keys().isdisjoint({"owner_id", "leadsource_id"})
        session.undo(report.run_id)
    assert world.crm.state.contacts[made["Id"]]["OwnerEmail"] == "ben@example.org"
    assert (theirs(world)["Ada"]["owner_id"], theirs(world)["Ada"]["leadsource_id"]) == (anna, web)


def test_who_or_what_keap_does_not_have_is_held_and_flows_when_it_is_there(world: World) -> None:
    ada = person(world, "Ada", OwnerEmail="carl@example.org", LeadSource="Fair", JobTitle="Boss")
    bob = world.keap.state.contacts.add(
        {"given_name": "Bob", "owner_id": "999", "email_addresses": [{"email": "b@x.org", "field": "EMAIL1"}]}
    )
    world.sync(contacts=ONLY_KNOWN)
    assert theirs(world)["Ada"]["job_title"] == "Boss", "the rest flows"
    assert theirs(world)["Ada"].keys().isdisjoint({"owner_id", "leadsource_id"})
    assert theirs(world)["Bob"]["owner_id"] == "999"
    carl = user(world, "carl@example.org", status="Inactive")
    fair = world.keap.state.lead_sources.add({"name": "FAIR"})
    world.keap.state.users._held["999"] = {"id": "999", "email_addresses": [{"email": "dora@example.org"}]}
    world.sync(contacts=ONLY_KNOWN)
    assert (theirs(world)["Ada"]["owner_id"], theirs(world)["Ada"]["leadsource_id"]) == (carl, fair)
    owners = {each["FirstName"]: each.get("OwnerEmail") for each in world.crm.state.contacts.values()}
    assert owners == {"Ada": "carl@example.org", "Bob": "dora@example.org"}
    assert world.crm.state.contacts[ada]["LeadSource"] == "Fair"
    assert world.keap.state.contacts[bob]["owner_id"] == "999"
    world.assert_quiet(contacts=ONLY_KNOWN)


def test_a_lead_source_is_made_once_however_it_is_spelt(world: World) -> None:
    for n, name in enumerate(["Trade fair", "trade  fair", "TRADE FAIR", "Radio"]):
        person(world, f"P{n}", LeadSource=name)
    with world.sessions(contacts=NAMED) as session:
        plan = session.plan()
        assert len(world.keap.state.lead_sources) == 0, "a plan makes nothing"
        # Somebody makes one meanwhile.
        world.keap.state.lead_sources.add({"name": "radio"})
        assert session.apply(plan).ok
    names = {id: each["name"] for id, each in world.keap.state.lead_sources.items()}
    assert sorted(name.lower() for name in names.values()) == ["radio", "trade fair"]
    held = {given: names[document["leadsource_id"]].lower() for given, document in theirs(world).items()}
    assert held == {"P0": "trade fair", "P1": "trade fair", "P2": "trade fair", "P3": "radio"}
    world.assert_quiet(contacts=NAMED)


@pytest.mark.thorough
def test_a_lead_source_that_was_made_without_an_answer_is_not_made_again(world: World) -> None:
    person(world, "Ada", LeadSource="Fair")
    world.keap.faults.add(Fault(status=0, when="after"), method="POST", path="leadSources")
    report = world.sync(contacts=NAMED)
    assert not report.ok

    assert world.sync(contacts=NAMED).ok
    [fair] = world.keap.state.lead_sources
    assert theirs(world)["Ada"]["leadsource_id"] == fair
    assert len(world.keap.state.contacts) == 1


@pytest.mark.thorough
def test_a_user_who_has_another_address_is_the_same_owner(world: World) -> None:
    anna = user(world, "anna@example.org")
    ada = person(world, "Ada", OwnerEmail="anna@example.org")
    world.sync(contacts=NAMED)
    world.keap.state.users.edit(anna, email_addresses=[{"email": "anna.b@example.org", "field": "EMAIL1"}])
    world.sync(contacts=NAMED)
    assert world.crm.state.contacts[ada]["OwnerEmail"] == "anna.b@example.org"
    assert theirs(world)["Ada"]["owner_id"] == anna
    world.assert_quiet(contacts=NAMED)


@pytest.mark.parametrize("crm", variants(["emulator", "database", "declared"], quick=["emulator"]))
@pytest.mark.parametrize("first", ["one of them", "a run that is broken off"])
def test_whoever_is_looked_at_after_a_rename_is_called_by_the_new_name(crm: str, first: str) -> None:
    named = MAPPERS["contacts"].without("JobTitle").with_lenses(kb.lead_source("JobTitle", create=True))
    with worlds() as make:
        world = make(crm, mappers={"contacts": named})
        for name in ("Ada", "Ben"):
            world.crm.add("contacts", {"FirstName": name, "Email": f"{name}@example.org", "JobTitle": "Fair"})
        world.run()
        world.wait(days=2)
        world.crm.add("contacts", {"FirstName": "Eve", "Email": "eve@example.org"})
        for _ in range(2):
            world.run()
            world.wait(days=2)
        keap = world.keap.emulator
        [source] = keap.state.lead_sources
        keap.state.lead_sources.edit(source, name="Trade fair")
        if first == "one of them":
            world.look_at("contacts", keap=(world.by("contacts", "keap", FirstName="Ada"),))
        else:
            keap.faults.add(Fault(status=403), method="GET", path="/contacts", times=9)
            assert not world.run().ok
            keap.faults.clear()
        world.run()
        assert sorted(world.column("customcrm", "JobTitle").values(), key=str) == [None, "Trade fair", "Trade fair"]


@pytest.mark.parametrize("value", [None, "Radio"])
def test_a_lead_source_that_somebody_decides_for_is_made(world: World, value: str | None) -> None:
    ada = person(world, "Ada", LeadSource="Web site")
    options: dict[str, Any] = {"contacts": NAMED, "policy": kb.Policy(conflicts="manual")}
    world.sync(**options)
    [(id, _)] = world.keap.state.contacts.items()
    world.crm.state.contacts.edit(ada, LeadSource="Fair")
    world.keap.state.contacts.edit(id, leadsource_id=world.keap.state.lead_sources.add({"name": "Friend"}))
    with world.sessions(**options) as session:
        session.sync()
        [conflict] = session.conflicts()
        if value is None:
            session.resolve(conflict, "customcrm")
        else:
            session.resolve(conflict, value=value)
    made = world.keap.state.lead_sources[world.keap.state.contacts[id]["leadsource_id"]]["name"]
    assert made == world.crm.state.contacts[ada]["LeadSource"] == (value or "Fair")
    world.assert_quiet(**options)


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("crm", variants(["emulator", "database", "declared"], quick=["emulator"]))
@pytest.mark.parametrize("how", ["deleted", "made anew", "noticed by one look"])
def test_a_tag_that_is_deleted_in_keap_is_taken_from_nobody_here(crm: str, how: str, *, create: bool) -> None:
    tags = kb.tags("JobTitle", separator=",", create=create)
    with worlds() as make:
        world = make(crm, mappers={"contacts": MAPPERS["contacts"].without("JobTitle").with_lenses(tags)})
        keap = world.keap.emulator
        vip, new = (keap.state.tags.add({"name": name}) for name in ("VIP", "New"))
        for name, its in (("Ada", "New,VIP"), ("Ben", "VIP"), ("Eve", "New")):
            world.crm.add("contacts", {"FirstName": name, "Email": f"{name}@example.org", "JobTitle": its})
        for _ in range(2):
            world.run()
            world.wait(days=2)
        theirs = {name: world.by("contacts", "keap", FirstName=name) for name in ("Ada", "Ben", "Eve")}
        keap.state.tags.delete(vip)
        for id, held in keap.state.contacts.items():
            keap.state.contacts.edit(id, tag_ids=[tag for tag in held["tag_ids"] if tag != vip])
        if how == "made anew":
            keap.state.tags.add({"name": "VIP"})
        if how == "noticed by one look":
            world.look_at("contacts", keap=(theirs["Eve"],))
        for full in (False, True):
            world.run(full=full)
            assert sorted(world.column("customcrm", "JobTitle").values()) == ["New", "New,VIP", "VIP"]
            world.wait(days=2)
        keap.state.contacts.edit(theirs["Ada"], tag_ids=[])
        keap.state.contacts.edit(theirs["Ben"], tag_ids=[new])
        world.crm.edit("contacts", world.by("contacts", "customcrm", FirstName="Eve"), {"JobTitle": None})
        for full in (False, True):
            world.run(full=full)
            ours = {row["FirstName"]: row.get("JobTitle") or "" for row in world.rows()["customcrm"].values()}
            assert ours == {"Ada": "VIP", "Ben": "New, VIP", "Eve": ""}
            held_there = {id: held["tag_ids"] for id, held in keap.state.contacts.items()}
            assert held_there == {theirs["Ada"]: [], theirs["Ben"]: [new], theirs["Eve"]: []}
            world.wait(days=2)
