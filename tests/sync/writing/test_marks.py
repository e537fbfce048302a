"""Tags of Keap are called by name in Customcrm: each comes and goes by itself, in few calls, and is undone."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator

if TYPE_CHECKING:
    from conftest import World

TAGGED = kb.mapping.contacts.with_lenses(kb.tags("Tags"))
MAKING = kb.mapping.contacts.with_lenses(kb.tags("Tags", create=True))
TO_KEAP = kb.mapping.contacts.with_lenses(kb.tags("Tags", direction="to_keap"))


def tag(world: World, name: str) -> str:
    return world.keap.state.tags.add({"name": name})


def person(world: World, name: str, *tags: str) -> str:
    id: str = world.crm.state.contacts.add(
        {"FirstName": name, "Email": f"{name.lower()}@example.org", "Tags": list(tags)}
    )
    return id


def theirs(world: World, name: str) -> set[str]:
    """The names of the tags that a contact of Keap has."""
    [document] = [each for each in world.keap.state.contacts.values() if each["given_name"] == name]
    return {world.keap.state.tags[id]["name"] for id in document["tag_ids"]}


def ours(world: World, name: str) -> set[str]:
    [document] = [each for each in world.crm.state.contacts.values() if each["FirstName"] == name]
    return set(document.get("Tags") or ())


def edit_theirs(world: World, name: str, *tags: str) -> None:
    [id] = [id for id, each in world.keap.state.contacts.items() if each["given_name"] == name]
    ids = {each["name"]: id for id, each in world.keap.state.tags.items()}
    world.keap.state.contacts.edit(id, tag_ids=[ids[name] for name in tags])


def marking(world: World) -> list[tuple[str, str, int]]:
    """What was applied and removed: the verb, the tag and how many contacts."""
    found = []
    for request in world.keap.requests.matching("POST"):
        if "contacts:" in request.path:
            tag, _, verb = request.path.rpartition("/v2/tags/")[2].partition("/contacts:")
            found.append((verb, world.keap.state.tags[tag]["name"], len(request.json["contact_ids"])))
    return found


@pytest.fixture
def few(world: World) -> World:
    """A world with three tags, and a contact of either side."""
    for name in ("VIP", "Fair", "News"):
        tag(world, name)
    person(world, "Ada", "vip", "Fair")
    world.keap.state.contacts.add(
        {"given_name": "Bob", "email_addresses": [{"email": "bob@example.org", "field": "EMAIL1"}]}
    )
    edit_theirs(world, "Bob", "News", "Fair")
    assert world.sync(contacts=TAGGED).ok
    return world


def test_new_records_get_them_both_ways(few: World) -> None:
    assert (theirs(few, "Ada"), ours(few, "Bob")) == ({"VIP", "Fair"}, {"News", "Fair"})
    assert ours(few, "Ada") == {"vip", "Fair"}, "what means the same is left as it is spelt"
    few.assert_quiet(contacts=TAGGED)


def test_each_comes_and_goes_by_itself(few: World) -> None:
    [ada] = [id for id, each in few.crm.state.contacts.items() if each["FirstName"] == "Ada"]
    few.crm.state.contacts.edit(ada, Tags=["Fair"])
    edit_theirs(few, "Ada", "VIP", "Fair", "News")
    report = few.sync(contacts=TAGGED)
    assert report.ok
    assert (theirs(few, "Ada"), ours(few, "Ada")) == ({"Fair", "News"}, {"Fair", "News"})
    assert not report.counts["contacts"].get("conflict")
    few.assert_quiet(contacts=TAGGED)
    few.crm.state.contacts.edit(ada, Tags=None)
    assert few.sync(contacts=TAGGED).ok
    assert theirs(few, "Ada") == set()
    few.assert_quiet(contacts=TAGGED)


def test_at_first_contact_both_have_what_either_had(world: World) -> None:
    for name in ("VIP", "Fair"):
        tag(world, name)
    person(world, "Ada", "VIP")
    world.keap.state.contacts.add(
        {"given_name": "Ada", "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}]}
    )
    edit_theirs(world, "Ada", "Fair")
    world.sync(contacts=TAGGED)
    assert theirs(world, "Ada") == ours(world, "Ada") == {"VIP", "Fair"}
    world.assert_quiet(contacts=TAGGED)


def test_a_plan_shows_them_and_writes_nothing(few: World) -> None:
    edit_theirs(few, "Ada", "Fair")
    few.forget_requests()
    with few.sessions(contacts=TAGGED) as session:
        [change] = [change for action in session.plan().actions for change in action.changes]
        assert (change.field, change.side) == ("Tags", "customcrm")
        assert [json.loads(each) for each in (change.before, change.after)] == [["Fair", "VIP"], ["Fair"]]
    assert few.writes == []


def test_undo_takes_back_what_was_marked(few: World) -> None:
    [ada] = [id for id, each in few.crm.state.contacts.items() if each["FirstName"] == "Ada"]
    few.crm.state.contacts.edit(ada, Tags=["News"], JobTitle="Boss")
    with few.sessions(contacts=TAGGED) as session:
        report = session.sync()
        assert theirs(few, "Ada") == {"News"}
        edit_theirs(few, "Bob", "VIP")
        undone = session.undo(report.run_id)
    assert undone.ok
    assert theirs(few, "Ada") == {"VIP", "Fair"}
    assert theirs(few, "Bob") == {"VIP"}, "who was not written to is left alone"
    assert "job_title" not in next(e for e in few.keap.state.contacts.values() if e["given_name"] == "Ada")


def test_one_call_marks_many_contacts(world: World) -> None:
    for name in ("VIP", "Fair"):
        tag(world, name)
    people = [person(world, f"P{n}", "VIP") for n in range(30)]
    world.sync(contacts=TAGGED, policy=kb.Policy(max_first_create_share=None))
    assert marking(world) == [("applyTags", "VIP", 30)]
    for n, id in enumerate(people):
        world.crm.state.contacts.edit(id, Tags=["Fair"] if n % 2 else ["VIP", "Fair"])
    world.forget_requests()
    assert world.sync(contacts=TAGGED).ok
    assert sorted(marking(world)) == [("applyTags", "Fair", 30), ("removeTags", "VIP", 15)]
    assert not [each for each in world.keap.requests if each.method == "PATCH"]
    assert [theirs(world, f"P{n}") for n in (0, 1)] == [{"VIP", "Fair"}, {"Fair"}]
    world.assert_quiet(contacts=TAGGED)


def test_a_tag_that_keap_does_not_have_is_held_or_made_once(world: World) -> None:
    person(world, "Ada", "Prospect")
    person(world, "Bob", "PROSPECT ")
    world.sync(contacts=TAGGED)
    assert (theirs(world, "Ada"), dict(world.keap.state.tags)) == (set(), {})
    with world.sessions(contacts=MAKING) as session:
        plan = session.plan()
        assert not world.keap.state.tags, "a plan makes nothing"
        assert session.apply(plan).ok
    assert len(world.keap.state.tags) == 1
    assert theirs(world, "Ada") == theirs(world, "Bob")
    world.assert_quiet(contacts=MAKING)


def test_one_way_tags_that_customcrm_does_not_name_are_left(world: World) -> None:
    for name in ("VIP", "Fair", "Campaign"):
        tag(world, name)
    ada = person(world, "Ada", "VIP")
    world.sync(contacts=TO_KEAP)
    edit_theirs(world, "Ada", "VIP", "Campaign")
    world.sync(contacts=TO_KEAP)
    world.crm.state.contacts.edit(ada, Tags=["Fair"])
    world.sync(contacts=TO_KEAP)
    assert (theirs(world, "Ada"), ours(world, "Ada")) == ({"Fair", "Campaign"}, {"Fair"})
    world.assert_quiet(contacts=TO_KEAP)


def test_what_an_automation_does_with_a_tag_reaches_the_other_side(few: World) -> None:
    state = few.keap.state

    def automation(kind: str, what: str, ids: Any, moment: str) -> None:
        state.changed = None
        if what == "edit" and "News" in theirs(few, "Ada"):
            edit_theirs(few, "Ada", "News", "Fair")

    [ada] = [id for id, each in few.crm.state.contacts.items() if each["FirstName"] == "Ada"]
    few.crm.state.contacts.edit(ada, Tags=["News", "VIP"])
    state.changed = lambda *news: automation(*news) if "News" in theirs(few, "Ada") else None
    few.sync(contacts=TAGGED)
    few.sync(contacts=TAGGED)
    assert theirs(few, "Ada") == ours(few, "Ada")
    few.assert_quiet(contacts=TAGGED)


def test_a_renamed_tag_is_renamed_in_customcrm(few: World) -> None:
    [vip] = [id for id, each in few.keap.state.tags.items() if each["name"] == "VIP"]
    few.keap.state.tags.edit(vip, name="Gold")
    few.sync(contacts=TAGGED)
    assert (theirs(few, "Ada"), ours(few, "Ada")) == ({"Gold", "Fair"}, {"Gold", "Fair"})
    few.assert_quiet(contacts=TAGGED)


@pytest.mark.parametrize("status", [400, 500])
def test_a_contact_that_cannot_be_marked_stops_no_other(few: World, status: int) -> None:
    for id, each in few.crm.state.contacts.items():
        few.crm.state.contacts.edit(id, Tags=["News"], JobTitle=each["FirstName"])
    few.keap.faults.add(Fault(status=status), path="contacts:applyTags", times=1)
    report = few.sync(contacts=TAGGED)
    few.sync(contacts=TAGGED)
    assert {each["job_title"] for each in few.keap.state.contacts.values()} == {"Ada", "Bob"}
    assert (theirs(few, "Ada"), theirs(few, "Bob")) == ({"News"}, {"News"})
    assert {line.outcome for line in report.lines} == {"updated"}, "each is tried by itself"
    few.assert_quiet(contacts=TAGGED)


def test_of_two_tags_with_one_name_the_one_that_is_there_stays(world: World) -> None:
    first, second = tag(world, "VIP"), tag(world, "vip")
    tag(world, "Fair")
    person(world, "Ada", "VIP")
    world.keap.state.contacts.add(
        {
            "given_name": "Ada",
            "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}],
            "tag_ids": [second],
        }
    )
    world.sync(contacts=TAGGED)
    [document] = world.keap.state.contacts.values()
    assert document["tag_ids"] == [second], "it has a tag of that name"
    [ada] = world.crm.state.contacts
    world.crm.state.contacts.edit(ada, Tags=["Fair"])
    world.sync(contacts=TAGGED)
    assert theirs(world, "Ada") == {"Fair"}
    assert first in world.keap.state.tags


# --- games ----------------------------------------------------------------------------------------------------------

LATE = kb.Habits(get_lag="some", list_lag="some", since_lag="some")
NAMES = ("A", "B", "C", "D")


@contextmanager
def playing(habits: kb.Habits | None, store: Path) -> Iterator[tuple[KeapEmulator, CustomcrmEmulator, kb.SyncSession]]:
    with (
        KeapEmulator(habits=habits) as keap_server,
        CustomcrmEmulator() as crm_server,
        kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store=f"sqlite:///{store / 'bridge.db'}", contacts=MAKING) as session,
    ):
        yield keap_server, crm_server, session


@pytest.mark.parametrize("habits", [None, LATE], ids=["at once", "late"])
@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(2, 6))])
def test_whatever_either_side_adds_and_removes_both_end_with_the_same(
    seed: int, habits: kb.Habits | None, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    with playing(habits, tmp_path) as (keap, crm, session):
        for name in NAMES[:3]:  # the fourth is made when it is needed
            keap.state.tags.add({"name": name})
        meant = {f"P{n}": set(chance.sample(NAMES, 2)) for n in range(3)}
        for name, tags in meant.items():
            person = {"FirstName": name, "Email": f"{name}@example.org", "Tags": sorted(tags)}
            crm.state.contacts.add(person)
        for _round in range(3):
            for _ in range(7 if habits else 2):  # what is late is shown to a later run
                session.sync()
            known = {id: document["name"] for id, document in keap.state.tags.items()}
            contacts = {each["given_name"]: each for each in keap.state.contacts.values()}
            assert {name: {known[id] for id in each["tag_ids"]} for name, each in contacts.items()} == meant
            assert {each["FirstName"]: set(each.get("Tags") or ()) for each in crm.state.contacts.values()} == meant
            for id, each in crm.state.contacts.items():
                name, touched = each["FirstName"], chance.sample(NAMES, chance.randint(0, 4))
                here, there = set(touched[::2]), {tag for tag in touched[1::2] if tag in known.values()}
                held = meant[name]
                crm.state.contacts.edit(id, Tags=sorted(held ^ here) or None)
                wanted = [tag_id for tag_id, tag in known.items() if tag in held ^ there]
                keap.state.contacts.edit(contacts[name]["id"], tag_ids=wanted)
                meant[name] = held ^ here ^ there
        for _ in range(7 if habits else 2):
            session.sync()
        written = len(keap.requests.writes)
        session.sync(full=True)
        assert len(keap.requests.writes) == written
