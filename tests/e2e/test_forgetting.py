"""A person who must be forgotten, whatever has happened to them: nothing of theirs is left in any table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
from histories.systems import CONTACTS
from histories.world import World, worlds
from tiers import named, variants

import keapbridge as kb
from keapbridge.store import schema
from keapbridge.testing import Fault

Worlds = Callable[..., World]
BOTH = ("customcrm", "keap")
ADA = {"FirstName": "Ada", "LastName": "Lovelace", "Email": "office@example.org", "JobTitle": "Countess"}
WHO = {"FirstName": "Zebulon", "LastName": "Quagmire", "Email": "zebulon@example.org", "City": "Xanadu"}
MARKS = ("zebulon", "quagmire", "xanadu", "xylograph", "4155550123")


@pytest.fixture(scope="module")
def make() -> Iterator[Worlds]:
    with worlds() as making:
        yield making


def kept(world: World) -> dict[str, list[str]]:
    """By table, the rows in which anything of the person is."""
    found: dict[str, list[str]] = {}
    with world._engine.connect() as connection:
        for table in schema.metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                if any(mark in str(row).lower() for mark in MARKS):
                    found.setdefault(table.name.removeprefix("keapbridge_"), []).append(str(row))
    return found


def others(world: World) -> dict[str, set[str]]:
    """All but Ada."""
    rows = world.rows()
    return {side: {id for id, row in rows[side].items() if row.get("FirstName") != "Ada"} for side in BOTH}


def rows_of(world: World, ids: dict[str, set[str]]) -> dict[str, dict[str, Any]]:
    return {side: {id: row for id, row in rows.items() if id in ids[side]} for side, rows in world.rows().items()}


def of(world: World, side: str, **values: Any) -> str:
    return world.by(CONTACTS, side, **values or {"FirstName": "Zebulon"})


def edit(world: World, side: str, **values: Any) -> None:
    world.system(side).edit(CONTACTS, of(world, side), values)


def answer(world: World, status: int, text: str, method: str | None = None, times: int = 1) -> None:
    """Let Keap say something of the person."""
    fault = Fault(status, json.dumps({"message": text}).encode(), "application/json")
    world.keap.emulator.faults.add(fault, method=method, path="contacts", times=times)


def linked(world: World) -> None:
    world.crm.add(CONTACTS, WHO)
    world.run()
    world.wait(days=1)


def edited(world: World) -> None:
    for side in BOTH:
        edit(world, side, JobTitle=f"Xylograph in {side}")
        world.run()
        world.wait(days=1)
        edit(world, side, JobTitle=None)
        world.run()
        world.wait(days=1)


def in_conflict(world: World) -> None:
    world.open(policy=kb.Policy(conflicts="manual"))
    for side in BOTH:
        edit(world, side, JobTitle=f"Xylograph in {side}")
    world.run()
    assert len(list(world.session.conflicts())) == 1


def decided(world: World) -> None:
    in_conflict(world)
    [conflict] = world.session.conflicts()
    world.session.resolve(conflict, value="Xylograph of both", by="Anna")


def held(world: World) -> None:
    edit(world, "customcrm", Country="Xanadu", Phone="4155550123")
    world.run()
    assert world.says("Country")


def refused(world: World) -> None:
    edit(world, "customcrm", JobTitle="Xylograph")
    answer(world, 400, "no such job: Xylograph of Zebulon", "PATCH")
    world.run()
    assert world.says("Xylograph of Zebulon")


def refused_when_made(world: World) -> None:
    world.crm.add(CONTACTS, {**WHO, "FirstName": "Zebulon the second", "Email": "zebulon2@example.org"})
    answer(world, 400, "no such name: Quagmire", "POST")
    world.run()
    assert world.says("no such name")


def cut_off(world: World) -> None:
    edit(world, "customcrm", JobTitle="Xylograph")
    answer(world, 401, "Xylograph is not allowed", times=99)
    world.run()
    world.keap.emulator.faults.clear()
    assert world.says("Xylograph is not allowed")


def planned(world: World) -> None:
    for side, field in zip(BOTH, ("JobTitle", "City"), strict=True):
        edit(world, side, **{field: "Xylograph"})
    world.session.plan()
    world.session.plan(full=True)


def told_by_a_webhook(world: World) -> None:
    edit(world, "keap", JobTitle="Xylograph")
    world.look_at(CONTACTS, keap=(of(world, "keap"),))


def restored(world: World) -> None:
    backups = {side: world.system(side).backup() for side in BOTH}
    edit(world, "customcrm", JobTitle="Xylograph")
    world.run()
    world.wait(days=1)
    world.keap.restore(backups["keap"])
    world.run(full=True)
    assert world.says("went back")


def undone(world: World) -> None:
    edit(world, "customcrm", JobTitle="Xylograph", LastName=None)
    report = world.run()
    world.session.undo(report)


def deleted(world: World) -> None:
    world.open(policy=kb.Policy(deletions="delete", max_delete_share=None))
    id = of(world, "keap")
    world.keap.delete(CONTACTS, id)
    for _ in range(2):
        world.wait(days=1)
        world.run(full=True)
    assert not any("Zebulon" in str(row) for row in world.rows()["customcrm"].values())


def written_over_another(world: World) -> None:
    """Keap takes the new contact for Ada, who has the same address, and gets her own values back."""
    world.crm.add(CONTACTS, {**WHO, "Email": ADA["Email"], "Website": "https://xylograph.example"})
    world.run()
    assert world.says("what that one held is put back")
    world.wait(minutes=5)
    world.run()


def written_over_another_and_planned(world: World) -> None:
    """A plan is made while Ada shows what was written over her."""
    world.crm.add(CONTACTS, {**WHO, "Email": ADA["Email"], "Website": "https://xylograph.example"})
    answer(world, 503, "later", "PATCH", times=9)
    world.run()
    world.keap.emulator.faults.clear()
    assert [row["FirstName"] for row in world.rows()["keap"].values()] == ["Zebulon"]
    world.session.contacts.retry(customcrm=[world.by(CONTACTS, "customcrm", FirstName="Ada")])
    assert "put back" in str(list(world.session.plan().actions))
    world.wait(days=2)
    world.run()
    world.wait(minutes=5)
    world.run()


WAYS: dict[str, Any] = {
    way.__name__.replace("_", " "): way
    for way in (
        *(edited, in_conflict, decided, held, refused, refused_when_made, cut_off, planned, told_by_a_webhook),
        *(restored, undone, deleted, written_over_another, written_over_another_and_planned),
    )
}


@pytest.mark.parametrize("crm", variants(["emulator", "database", "declared"], quick=["emulator"]))
@pytest.mark.parametrize("way", named(WAYS, quick=["edited", "written over another"]))
def test_nothing_of_a_person_is_left_whatever_has_happened(make: Worlds, crm: str, way: Callable[..., None]) -> None:
    is_over = way.__name__.startswith("written_over")
    world = make(crm, habits=kb.Habits(same_email="same") if is_over else None)
    world.open()
    world.crm.add(CONTACTS, ADA)
    world.run()
    world.wait(days=1)
    if not is_over:
        linked(world)
    ids = others(world)
    way(world)
    for side, its in others(world).items():
        ids[side] |= its
    assert kept(world)
    for id in sorted(ids["customcrm"]):
        world.session.forget(CONTACTS, customcrm=id)
    assert kept(world) == {}
    before = rows_of(world, ids)
    for full in (False, True):
        world.wait(days=1)
        world.run(full=full)
        assert kept(world) == {}
    assert rows_of(world, ids) == before
    for side, rows in world.rows().items():
        [ada] = [row for id, row in rows.items() if id not in ids[side]]
        assert ada.items() >= ADA.items()


@pytest.mark.parametrize("crm", variants(["database", "declared"], quick=["database"]))
@pytest.mark.parametrize("is_made_here", [True, False])
def test_who_has_got_the_number_of_a_person_goes_on(make: Worlds, crm: str, is_made_here: bool) -> None:
    """Bob has got the number that the person had, and is nobody who asked to be forgotten."""
    world = make(crm)
    world.open()
    world.crm.add(CONTACTS, ADA)
    world.run()
    if is_made_here:
        linked(world)
    else:
        world.keap.add(CONTACTS, WHO)
        world.run()
        world.wait(days=1)
    refused(world)
    world.wait(days=2)
    world.run()
    number, theirs = of(world, "customcrm"), of(world, "keap")
    bob = {"FirstName": "Bob", "Email": "bob@example.org"}
    if crm == "database":
        world.crm.delete(CONTACTS, number)
        assert world.crm.add(CONTACTS, bob) == number
    else:
        rows = world.crm.server._rows[CONTACTS]
        rows[number] = attrs.evolve(rows.pop(world.crm.add(CONTACTS, bob)), id=number)
    for _ in range(2):
        world.run(full=True)
        world.wait(days=1)
    bob_there = of(world, "keap", FirstName="Bob")
    assert len(world.rows()["keap"]) == 3
    told = world.session.forget(CONTACTS, keap=theirs)
    assert (told.customcrm, told.keap) == ((), (theirs,))
    assert kept(world) == {}
    world.crm.edit(CONTACTS, number, {"JobTitle": "Diver"})
    world.run()
    assert world.rows()["keap"][bob_there]["JobTitle"] == "Diver"
    assert (number, bob_there) in [(link.customcrm_id, link.keap_id) for link in world.session.contacts.links()]
    assert kept(world) == {}
