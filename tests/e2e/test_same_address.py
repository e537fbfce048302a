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


@pytest.mark.parametrize("next_run", ["all", "what has changed", "the one of Keap", "those of Customcrm"])
@pytest.mark.parametrize("seed", range(4))
def test_who_was_written_over_gets_the_own_values_back_from_a_keap_whose_reads_lag(
    world: World, seed: int, next_run: str
) -> None:
    """The contact cannot be read again in the run that has written it over, or is shown as it was."""
    world.crm.state.contacts.add(ADA)
    if seed % 2:
        world.sync()
    world.crm.state.contacts.add(BOB)
    auth = kb.KeapApiKey(world.keap.api_key)
    with kb.KeapClient(auth=auth, base_url=world.keap.base_url) as keap, world.sessions(keap=keap) as session:
        world.keap.faults.randomly(1, seed=seed, kinds=["stale"], path="/crm/rest/v2/contacts")
        session.sync()
        world.keap.faults.randomly(0)
        [id] = world.keap.state.contacts
        match next_run:
            case "the one of Keap":
                session.contacts.sync_ids(keap=[id])
            case "those of Customcrm":
                session.contacts.sync_ids(customcrm=["A1", "A2"])
            case _:
                session.sync(full=next_run == "all")
        for _ in range(3):
            assert ours(world) == [("Ada", "Countess"), ("Bob", None)]
            [link] = session.contacts.links()
            assert theirs(world) == [("Ada", "Countess") if link.customcrm_id == "A1" else ("Bob", None)]
            session.sync(full=True)


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


@pytest.mark.parametrize("known", [False, True])
def test_what_somebody_holds_who_is_written_over_and_linked_with_nobody_comes_along(world: World, known: bool) -> None:
    """Two of Keap have one address, so that neither is linked with who is new; a new contact is taken for the first."""
    where = [{"field": "BILLING", "locality": "Oslo", "country_code": "NOR"}]
    mails = [{"field": "EMAIL1", "email": "office@example.org"}]
    held = {"job_title": "Clerk", "website": "https://old.example.org", "addresses": where, "email_addresses": mails}
    world.keap.state.contacts.add({"given_name": "Eve", **held})
    world.keap.state.contacts.add({"given_name": "Kim", "email_addresses": mails})
    world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "Lovelace", "Email": "office@example.org"})
    habits = kb.Habits(same_email="same") if known else None
    auth = kb.KeapApiKey(world.keap.api_key)
    with kb.KeapClient(auth=auth, base_url=world.keap.base_url, habits=habits) as keap:
        reports = [world.sync(keap=keap) for _ in range(2)]
    [ada, *_] = world.crm.state.contacts.values()
    theirs = next(iter(world.keap.state.contacts.values()))
    assert (theirs["job_title"], theirs["website"]) == ("Clerk", "https://old.example.org")
    linked = theirs["given_name"] == "Ada"
    told = [line for report in reports for line in report.lines if "has written it to one that it had" in line.reason]
    assert bool(told) is linked, "whose name it has taken is told"
    assert (ada.get("JobTitle"), ada.get("Website"), ada.get("City")) == (
        ("Clerk", "https://old.example.org", "Oslo") if linked else (None, None, None)
    )
    assert not (linked and known)  # who does not know may have had Eve come to Customcrm before Ada was made


def test_people_with_addresses_of_their_own_are_made_as_ever(world: World) -> None:
    world.crm.state.contacts.add(ADA)
    world.sync()
    world.crm.state.contacts.add({**BOB, "Email": "bob@example.org"})
    assert world.sync().ok
    assert theirs(world) == [("Ada", "Countess"), ("Bob", None)]
    world.assert_quiet()
