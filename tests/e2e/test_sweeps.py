"""A column that is emptied stays in the other system: through both emulators, a database, and a custom field."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World
    from keapbridge.testing import KeapEmulator

Sessions = Callable[..., kb.SyncSession]
MANY = 24
SHOE_SIZE = kb.text("ShoeSize", keap=kb.custom_field("Shoe size", type="TEXT", create=True))


def _held(report: kb.Report) -> list[tuple[str, tuple[str, ...], kb.Side | None]]:
    return [(line.object, line.fields, line.side) for line in report.lines if line.outcome == "held"]


@pytest.mark.thorough
def test_each_synchronization_holds_its_own_field_and_its_own_direction(world: World) -> None:
    crm, keap = world.crm.state, world.keap.state
    keap.products.add({"name": "Widget", "sku": "W", "price": 1250, "short_description": "w"})  # tells the currency
    for n in range(MANY):
        crm.customers.add({"Name": f"Firm {n}", "Website": f"https://{n}.example.org"})
        crm.products.add(
            {"Name": f"Thing {n}", "Sku": f"S{n}", "Description": f"About {n}", "Price": "5", "Currency": "USD"}
        )
        crm.contacts.add({"FirstName": "P", "Email": f"p{n}@example.org", "JobTitle": f"Job {n}", "ShoeSize": f"{n}"})
    options: dict[str, Any] = {"contacts": kb.mapping.contacts.with_lenses(SHOE_SIZE)}
    assert world.sync(**options).count("created") == 3 * MANY + 1
    world.let_time_pass()
    for id in list(crm.customers):
        crm.customers.edit(id, Website=None)
    for id in list(crm.products):
        crm.products.edit(id, Description="Sold out")
    for id in list(crm.contacts):
        crm.contacts.edit(id, ShoeSize=None)
    for id in list(keap.contacts)[1:]:  # the first one shows that there is such a property
        keap.contacts.edit(id, job_title=None)
    one = next(iter(crm.contacts))
    crm.contacts.edit(one, FirstName="Renamed")
    world.forget_requests()
    report = world.sync(**options)
    assert sorted(_held(report), key=str) == sorted(
        [
            ("companies", ("Website",), kb.Side.KEAP),
            ("products", ("Description",), kb.Side.KEAP),
            ("contacts", ("JobTitle",), kb.Side.CUSTOMCRM),
            ("contacts", ("ShoeSize",), kb.Side.KEAP),
        ],
        key=str,
    )
    assert [write.method for write in world.writes] == ["PATCH"], "a name flows"
    before = world.snapshot()
    assert len(_held(world.sync(full=True, **options))) == 4
    assert world.snapshot() == before
    with world.sessions(**options) as session:
        accepted = session.sync(accept=["contacts.ShoeSize", "companies.Website"])
    assert accepted.count("updated") == 2 * MANY
    assert {contact["JobTitle"] is None for contact in crm.contacts.values()} == {False}
    assert not any(company.get("website") for company in keap.companies.values())


@pytest.mark.habits(empty_text="clears")  # else nothing can be emptied, where nothing else does
def test_a_column_that_is_emptied_in_a_database_is_held(
    keap_server: KeapEmulator, keap: kb.KeapClient, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "crm.db", isolation_level=None) as database:
        database.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, first_name TEXT, email TEXT, job_title TEXT)")
        database.executemany(
            "INSERT INTO people (first_name, email, job_title) VALUES ('P', ?, 'Cook')",
            [(f"p{n}@example.org",) for n in range(MANY)],
        )
        crm = kb.SqlCustomcrm(f"sqlite:///{tmp_path / 'crm.db'}", contacts=kb.SqlTable("people", id="id"))
        with kb.SyncSession(customcrm=crm, keap=keap, store=f"sqlite:///{tmp_path / 'store.db'}") as session:
            assert session.sync().count("created") == MANY
            database.execute("UPDATE people SET job_title = ''")
            assert _held(session.sync()) == [("contacts", ("JobTitle",), kb.Side.KEAP)]
            database.execute("UPDATE people SET job_title = 'Cook' WHERE id > 10")
            assert _held(session.sync()) == []
            assert session.sync().count("updated") == 0
        crm.close()
    titles = [contact.get("job_title") for contact in keap_server.state.contacts.values()]
    assert (titles.count("Cook"), len(titles)) == (MANY - 10, MANY), "ten of them are few"


@pytest.mark.habits(empty_text="clears")
@pytest.mark.parametrize("emptied", list(kb.Side))
def test_a_conflict_in_a_held_field_is_decided_for_the_side_that_was_emptied(world: World, emptied: kb.Side) -> None:
    """Those whose emptiness waits are no witness of the property; the few that still hold a value are."""
    crm, keap = world.crm.state.contacts, world.keap.state.contacts
    for n in range(MANY + 3):
        crm.add({"FirstName": "P", "Email": f"p{n}@example.org", "JobTitle": f"Job {n}"})
    options: dict[str, Any] = {"policy": kb.Policy(conflicts="manual")}
    world.sync(**options)
    world.let_time_pass()
    ours, theirs = sorted(crm)[:MANY], sorted(keap, key=int)[:MANY]
    for id in theirs if emptied is kb.Side.KEAP else ours:
        if emptied is kb.Side.KEAP:
            keap.edit(id, job_title=None)
        else:
            crm.edit(id, JobTitle=None)
    one = next(n for n, contact in keap.items() if contact["email_addresses"][0]["email"] == crm[ours[0]]["Email"])
    if emptied is kb.Side.KEAP:
        crm.edit(ours[0], JobTitle="Edited")
    else:
        keap.edit(one, job_title="Edited")
    assert len(_held(world.sync(**options))) == 1
    with world.sessions(**options) as session:
        [conflict] = session.conflicts()
        session.resolve(conflict, emptied)
        assert (crm[ours[0]]["JobTitle"], keap[one].get("job_title")) == (None, None)
        left = keap.values() if emptied is kb.Side.CUSTOMCRM else crm.values()
        assert sum(bool(contact.get("job_title") or contact.get("JobTitle")) for contact in left) == MANY + 2
        assert session.sync(accept=["contacts.JobTitle"]).count("updated") == MANY - 1
