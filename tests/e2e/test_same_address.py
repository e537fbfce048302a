"""A Keap that takes a new contact for the one that has its e-mail address: nobody's data is lost to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World

ADA = {"FirstName": "Ada", "LastName": "Lovelace", "Email": "office@example.org", "JobTitle": "Countess"}
BOB = {"FirstName": "Bob", "LastName": "Marsh", "Email": "office@example.org", "Website": "bob.example.org"}


@pytest.fixture
def keap_habits() -> kb.Habits:
    return kb.Habits(same_email="same")


def theirs(world: World) -> list[tuple[Any, ...]]:
    return [(each["given_name"], each.get("job_title")) for each in world.keap.state.contacts.values()]


def ours(world: World) -> list[tuple[Any, ...]]:
    return [(each["FirstName"], each.get("JobTitle")) for each in world.crm.state.contacts.values()]


def test_who_was_written_over_gets_the_own_values_back_in_the_same_run(world: World) -> None:
    world.crm.state.contacts.add(ADA)
    world.sync()
    world.crm.state.contacts.add(BOB)
    auth = kb.KeapApiKey(world.keap.api_key)
    with (
        kb.KeapClient(auth=auth, base_url=world.keap.base_url) as unknowing,
        world.sessions(keap=unknowing) as session,
    ):
        report = session.sync()
        [line] = report.failures
        assert "which is linked with Customcrm A1" in line.reason
        assert line.customcrm_id == "A2"
        for _ in range(3):
            assert theirs(world) == [("Ada", "Countess")]
            assert ours(world) == [("Ada", "Countess"), ("Bob", None)]
            before = len(world.writes)
            session.sync()
            assert len(world.writes) == before, "nothing is written over a second time"
    [contact] = world.keap.state.contacts.values()
    assert "website" not in contact, "what came with the other one is gone again"


def test_who_knows_it_does_not_even_try(world: World) -> None:
    world.crm.state.contacts.add(ADA)
    world.sync()
    world.crm.state.contacts.add(BOB)
    with kb.KeapClient(
        auth=kb.KeapApiKey(world.keap.api_key), base_url=world.keap.base_url, habits=kb.Habits(same_email="same")
    ) as knowing:
        world.forget_requests()
        report = world.sync(keap=knowing)
    assert [line.customcrm_id for line in report.failures] == ["A2"]
    assert world.writes == []


def test_people_with_addresses_of_their_own_are_made_as_ever(world: World) -> None:
    world.crm.state.contacts.add(ADA)
    world.sync()
    world.crm.state.contacts.add({**BOB, "Email": "bob@example.org"})
    assert world.sync().ok
    assert theirs(world) == [("Ada", "Countess"), ("Bob", None)]
    world.assert_quiet()
