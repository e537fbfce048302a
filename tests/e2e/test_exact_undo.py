"""What an undoing leaves is what was there, byte for byte: over both emulators, a database and a declared API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from histories.systems import CONTACTS, CRMS
from histories.world import World, worlds
from tiers import variants

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World as Emulators

# As people and programs type.
OURS = {
    "FirstName": " Ada",
    "LastName": "O&#039;Brien",
    "Email": "Ada@Example.ORG",
    "Phone": "(555) 010-2222",
    "StreetAddress1": "Way  1\r\nYard",
    "City": "Åmål\u00a0",
    "Country": "US",
    "JobTitle": "clerk  ",
    "Website": "Example.org/",
}
THEIRS = {
    "given_name": "Ada ",
    "family_name": "O'Brien",
    "email_addresses": [{"email": "ADA@example.org", "field": "EMAIL1"}],
    "phone_numbers": [
        {"number": "1 (555) 010-2222", "field": "PHONE1", "type": "Work"},
        {"number": "+1 555 010 3333", "field": "PHONE2", "type": "Home", "extension": "7"},
    ],
    "addresses": [
        {"line1": "Way  1\nYard", "locality": "A\u030am\u00e5l", "country_code": "USA", "field": "BILLING"},
        {"line1": " Elsewhere", "country_code": "USA", "field": "SHIPPING"},
    ],
    "job_title": " clerk",
    "website": "HTTPS://example.org",
}
STAMPS = {"CreatedAt", "UpdatedAt", "ETag", "created_at", "updated_at", "createdAt", "updatedAt", "revision", "version"}


@pytest.fixture
def make() -> Iterator[Callable[..., World]]:
    with worlds() as make:
        yield make


def _ours(world: World, id: str) -> Mapping[str, Any]:
    """The record as the CRM keeps it, but for what it stamps it with."""
    match world.kind:
        case "database":
            found = world.crm._db.execute(f"SELECT * FROM {CONTACTS} WHERE id = ?", (int(id),))
            held = dict(zip([column[0] for column in found.description], found.fetchone(), strict=True))
        case "declared":
            held = world.crm.server.raw(CONTACTS, id)
        case _:
            held = dict(world.crm._table(CONTACTS)[id])
    return {name: value for name, value in held.items() if name not in STAMPS}


def _theirs(world: World, id: str) -> Mapping[str, Any]:
    document = dict(world.keap.emulator.state.contacts[id])
    document.pop("update_time")
    return document


def _linked(world: World) -> tuple[str, str]:
    ours = world.crm.add(CONTACTS, OURS)
    theirs = world.keap.emulator.state.contacts.add(THEIRS)
    assert world.run().count("linked") == 1
    world.wait(minutes=5)
    world.run()
    world.wait(minutes=5)
    return ours, theirs


def _edit_theirs(world: World, id: str) -> None:
    world.keap.emulator.state.contacts.edit(
        id,
        given_name="Augusta",
        family_name="King",
        email_addresses=[{"email": "king@example.org", "field": "EMAIL1"}],
        phone_numbers=[],
        addresses=[{"line1": "Lane 2", "locality": "Oslo", "country_code": "NOR", "field": "BILLING"}],
        job_title="Countess",
        website=None,
    )


def _edit_ours(world: World, id: str) -> None:
    edits = {"FirstName": "Augusta", "LastName": None, "Email": "king@example.org", "Phone": None, "City": "Oslo"}
    world.crm.edit(CONTACTS, id, {**edits, "StreetAddress1": None, "JobTitle": "Countess", "Website": "https://b.org"})


@pytest.mark.parametrize("edited", ["keap", "customcrm"])
@pytest.mark.parametrize("kind", variants(CRMS, ["database"]))
def test_what_was_written_becomes_what_it_was_in_every_letter(
    make: Callable[..., World], kind: str, edited: str
) -> None:
    world = make(kind)
    ours, theirs = _linked(world)
    held = {"customcrm": _ours(world, ours), "keap": _theirs(world, theirs)}
    _edit_theirs(world, theirs) if edited == "keap" else _edit_ours(world, ours)
    world.wait(minutes=5)
    typed = _theirs(world, theirs) if edited == "keap" else _ours(world, ours)
    run = world.run()
    assert run.count("updated") == 1
    now_held = _ours(world, ours) if edited == "keap" else _theirs(world, theirs)
    assert now_held != held["customcrm" if edited == "keap" else "keap"]
    world.wait(minutes=5)
    report = world.session.undo(run.run_id)
    assert (report.ok, report.count("updated")) == (True, 1), report.lines
    if edited == "keap":
        assert (_ours(world, ours), _theirs(world, theirs)) == (held["customcrm"], typed)
    else:
        assert (_ours(world, ours), _theirs(world, theirs)) == (typed, held["keap"])
    world.wait(minutes=5)
    assert world.session.plan(full=True).is_empty
    again = world.session.undo(report.run_id)  # and the undoing is undone
    assert again.count("updated") == 1
    assert (_ours(world, ours) if edited == "keap" else _theirs(world, theirs)) == now_held
    assert world.alarms == []


@pytest.mark.parametrize("meanwhile", [None, "Phone", "Country"])
@pytest.mark.parametrize("kind", variants(CRMS, ["database"]))
def test_a_phone_number_that_was_only_spelt_anew_for_its_country_is_as_it_was(
    make: Callable[..., World], kind: str, meanwhile: str | None
) -> None:
    """Somebody moves, in Keap; the number stays, and is written as from abroad. One that is edited since stays so."""
    world = make(kind)
    ours, theirs = _linked(world)
    held = world.rows()["customcrm"][ours]
    moved = [{"line1": "Lane 2", "locality": "Oslo", "country_code": "NOR", "field": "BILLING"}]
    world.keap.emulator.state.contacts.edit(theirs, addresses=moved)
    world.wait(minutes=5)
    run = world.run()
    then = world.rows()["customcrm"][ours]
    assert {name for name in ("Phone", "Country") if then[name] != held[name]} == {"Phone", "Country"}
    world.wait(minutes=5)
    edits = {} if meanwhile is None else {meanwhile: {"Phone": "+47 22 33 44 55", "Country": "SE"}[meanwhile]}
    if edits:
        world.crm.edit(CONTACTS, ours, edits)
        world.wait(minutes=5)
    world.session.undo(run.run_id)
    left = {name: then[name] for name in ("Phone", "Country")} if meanwhile == "Country" else {}
    assert world.rows()["customcrm"][ours] == {**held, **left, **edits}


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.thorough) for kind in CRMS])
def test_who_was_deleted_comes_back_with_every_letter(make: Callable[..., World], kind: str) -> None:
    world = make(kind, options={"policy": kb.Policy(deletions="delete", max_delete_share=1)})
    ours, theirs = _linked(world)
    held = _theirs(world, theirs)
    world.crm.delete(CONTACTS, ours)
    world.wait(hours=1)
    run = world.run(full=True)
    assert run.count("deleted") == 1, world.told
    world.wait(hours=1)
    assert world.session.undo(run.run_id).count("created") == 1
    [made] = world.keap.emulator.state.contacts
    again = {**_theirs(world, made), "id": theirs, "create_time": held["create_time"]}
    assert again == held


@pytest.mark.usefixtures("broken_answers")
def test_what_a_system_does_not_take_as_it_has_shown_it_is_put_back_by_what_it_meant(world: Emulators) -> None:
    ours, theirs = world.crm.state.contacts, world.keap.state.contacts
    a = ours.add({"FirstName": "Ada", "Email": "a@example.org"})
    b = theirs.add({"given_name": "Ada", "email_addresses": [{"field": "EMAIL1", "email": "a@example.org"}]})
    for table, id, name in ((ours, a, "BirthDate"), (theirs, b, "birth_date")):
        table.corrupt(id, **{name: "1980-05-01T00:00:00.000Z"})
    assert world.sync().count("linked") == 1
    world.let_time_pass()
    ours.edit(a, BirthDate="1990-01-02")
    run = world.sync()
    assert theirs[b]["birth_date"] == "1990-01-02"
    with world.sessions() as session:
        assert session.undo(run.run_id).ok
    assert theirs[b]["birth_date"] == "1980-05-01"
