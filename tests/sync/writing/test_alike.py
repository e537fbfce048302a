"""Pairs that hold the same are linked at once, and nobody could tell that they were not looked at one by one."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from toys import World as Toys
from toys import only

from keapbridge._flow.effects import Flow
from keapbridge.model.actions import Action
from keapbridge.sync.writing import updates

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import World

# What is another one in each store, or told by the links, and what is read as JSON, in which the order of fields says
# nothing.
OWN = {"run_id", "plan_id", "written_at", "seq", "linked"}
PLAIN = {"customcrm_base", "keap_base"}


def one_by_one(_: object, batch: Flow[list[Action]]) -> Flow[list[Action]]:
    return batch


def kept(store: Path) -> dict[str, list[dict[str, Any]]]:
    """What a store keeps of records."""
    connection = sqlite3.connect(store)
    connection.row_factory = sqlite3.Row
    found = {}
    for table in ("links", "observed", "match_keys", "journal", "lines", "failures", "missing"):
        rows = [dict(row) for row in connection.execute(f"SELECT * FROM keapbridge_{table}")]
        shown = [
            {name: json.loads(value) if name in PLAIN else value for name, value in row.items() if name not in OWN}
            for row in rows
        ]
        found[table] = sorted(shown, key=lambda row: str([value for name, value in row.items() if name not in PLAIN]))
    connection.close()
    return found


def fill(world: World) -> None:
    """Contacts that are in both systems, some with a phone number, some with a third e-mail address in Keap."""
    for n in range(9):
        ours = {"FirstName": f"Ada {n}", "LastName": "Byron", "Email": f"a{n}@example.org", "BirthDate": "1990-02-03"}
        ours |= {"Phone": f"+4930123456{n}"} if n % 2 else {}
        world.crm.state.contacts.add(ours)
        emails = [{"email": f"a{n}@example.org", "field": "EMAIL1"}]
        emails += [{"email": f"b{n}@example.org", "field": "EMAIL3"}] if n % 3 == 0 else []
        phones = [{"number": f"+4930123456{n}", "field": "PHONE1"}] if n % 2 else []
        theirs = {"given_name": f"Ada {n}", "family_name": "Byron", "email_addresses": emails, "phone_numbers": phones}
        world.keap.state.contacts.add({**theirs, "birth_date": "1990-02-03"})


def test_the_store_is_as_if_each_pair_had_been_merged(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world)
    stores = {name: tmp_path / f"{name}.db" for name in ("at once", "one by one")}
    for name, store in stores.items():
        if name == "one by one":
            monkeypatch.setattr(updates, "link_alike", one_by_one)
        with world.sessions(store=f"sqlite:///{store}") as session:
            plan = session.contacts.plan()
            assert plan.counts["contacts"] == {"link": 9}
            assert session.apply(plan).count("linked") == 9
    assert kept(stores["at once"]) == kept(stores["one by one"])


def test_a_record_that_refers_to_one_not_linked_yet_is_looked_at(toys: Toys) -> None:
    ours = toys.toys.put(name="Top", colour="red")
    toys.gadgets.put(title="Top", colour="red", maker_id=toys.keap_makers.put(name="Acme"))
    assert toys.sync().ok
    assert toys.sync().ok
    maker = only(toys.crm_makers.records)
    assert toys.toys.records[ours].maker == maker.id
    assert toys.plan(full=True).is_empty


def test_one_that_cannot_be_linked_at_once_is_looked_at_by_itself(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Top", "Kite", "Ball"):
        toys.toys.put(name=name)
        toys.gadgets.put(title=name)
    original = type(toys.store.alike)._link

    def astray(self: Any, *given: Any) -> Any:
        if any(line.customcrm_id == "2" for line in given[2]):
            raise ZeroDivisionError
        return original(self, *given)

    monkeypatch.setattr(type(toys.store.alike), "_link", astray)
    assert toys.sync().count("linked") == 3
    assert toys.plan(full=True).is_empty
