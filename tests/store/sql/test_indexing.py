"""The indexes of match keys are left out while very many come, and there when they are needed; no link is forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from kept import CUSTOMCRM, KEAP, NOON, TOYS, begin_run, groups, having, key, keys_of, link, run, seen, stage

from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge.model.records import Snapshot
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore, indexing, links, match_keys, open_store
from keapbridge.store.sql.alike import Alike, KnownBy

if TYPE_CHECKING:
    from conftest import World

INDEXES = {"ix_keapbridge_match_keys", "ix_keapbridge_match_keys_link"}
NOTHING: dict[Side, set[str]] = {side: set() for side in Side}


def _indexes(store: str) -> set[str]:
    connection = sqlite3.connect(store.removeprefix("sqlite:///"))
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    connection.close()
    return found & INDEXES


def _fill(world: World) -> None:
    for n in range(3):
        world.crm.state.contacts.add({"FirstName": f"n{n}", "Email": f"n{n}@example.org"})
        email = {"email": f"n{n}@example.org", "field": "EMAIL1"}
        world.keap.state.contacts.add({"given_name": f"n{n}", "email_addresses": [email]})


def _leave_unindexed(store: LinkStore, few: int = 0) -> None:
    core = store.links._core
    with core.transaction() as connection:
        indexing.leave_unindexed(core, connection, few=few)


def _is_indexed(store: LinkStore) -> bool:
    core = store.links._core
    with core.reading() as connection:
        return indexing.is_indexed(core, connection)


def _link(store: LinkStore, *ids: str) -> None:
    lines = [Line(TOYS, "linked", None, id, id.upper()) for id in ids]
    assert run(store.alike.link("run", lines, NOON, NOTHING, _known_by)) == lines


def _known_by(snapshot: Snapshot) -> KnownBy:
    return KnownBy("digest", keys_of(snapshot))


def test_a_scan_that_was_cut_off_leaves_no_store_without_them(world: World, store: str) -> None:
    _fill(world)
    world.sync()  # the tables are there
    opened = open_store(store, "default")
    with opened.database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM keapbridge_match_keys")
        connection.exec_driver_sql("DELETE FROM keapbridge_links")
    _leave_unindexed(opened)
    opened.close()
    assert _indexes(store) == set()
    assert world.sync(full=True).count("linked") == 3
    assert _indexes(store) == INDEXES
    world.assert_quiet()


def test_where_many_are_linked_they_are_made_anew(world: World, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MANY", 3)
    _fill(world)
    meanwhile: list[set[str]] = []
    original = Alike.link

    def link(self: Alike, run_id: str, lines: Sequence[Line], *others: Any) -> Flow[list[Line]]:
        meanwhile.append(_indexes(store))
        return (yield from original(self, run_id, lines, *others))

    monkeypatch.setattr(Alike, "link", link)
    assert world.sync().count("linked") == 3
    assert meanwhile == [set()]
    assert _indexes(store) == INDEXES
    world.assert_quiet()


def test_the_keys_of_another_bridge_keep_theirs(world: World, store: str) -> None:
    _fill(world)
    world.sync()
    for bridge, left in (("another", INDEXES), ("default", set())):
        opened = open_store(store, bridge)
        _leave_unindexed(opened, few=1000)
        opened.close()
        assert _indexes(store) == left
    assert world.sync(full=True).count("linked") == 0
    world.assert_quiet()


def test_keys_that_are_there_keep_theirs(world: World, store: str) -> None:
    _fill(world)
    world.sync()
    opened = open_store(store, "default")
    _leave_unindexed(opened)
    opened.close()
    assert _indexes(store) == INDEXES


def test_who_was_linked_when_linking_was_cut_off_counts_as_linked(toys: LinkStore) -> None:
    for id in ("a", "b"):
        for side, its in ((CUSTOMCRM, id), (KEAP, id.upper())):
            stage(toys, seen(side, its, {"name": id}), "new", key(id))
    begin_run(toys)
    _leave_unindexed(toys, few=100)
    _link(toys, "a")
    candidates, _ = groups(toys, 0, (CUSTOMCRM, ""), 10, "plan")
    assert {(c.side, c.id): c.linked for c in candidates} == {(CUSTOMCRM, "b"): False, (KEAP, "B"): False}
    assert having(toys, KEAP, [key("a")]) == [("A", True)]
    assert _is_indexed(toys)


def test_others_may_write_between_two_of_them(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million pairs have so many keys that to sort them twice takes longer than a webhook waits."""
    monkeypatch.setattr(match_keys, "MANY", 0)
    opened = open_store(store, TOYS)
    link(opened, "a", "A", keys={CUSTOMCRM: (key("a"),)})
    _leave_unindexed(opened, few=100)
    between: list[set[str]] = []

    def pause(_: float) -> None:
        with closing(sqlite3.connect(store.removeprefix("sqlite:///"), timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        between.append(_indexes(store))

    SyncDriver(sleep=pause).run(opened.match_keys.index())
    opened.close()
    assert between == [{"ix_keapbridge_match_keys"}]
    assert _indexes(store) == INDEXES


def test_who_is_linked_between_two_of_them_counts_as_linked(toys: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may die there."""
    monkeypatch.setattr(match_keys, "MANY", 0)
    link(toys, "x", "X", keys={CUSTOMCRM: (key("x"),)})
    for side, its in ((CUSTOMCRM, "a"), (KEAP, "A")):
        stage(toys, seen(side, its, {"name": "a"}), "new", key("a"))
    begin_run(toys)
    _leave_unindexed(toys, few=100)
    assert run(toys.match_keys._index_next()) is toys.database.is_sqlite, "elsewhere nothing is left out"
    _link(toys, "a")
    run(toys.match_keys.index())
    assert having(toys, KEAP, [key("a")]) == [("A", True)]


def test_one_that_is_linked_by_itself_meanwhile_is_not_forgotten_either(toys: LinkStore) -> None:
    for side, its in ((CUSTOMCRM, "a"), (KEAP, "A"), (CUSTOMCRM, "b"), (KEAP, "B")):
        stage(toys, seen(side, its, {"name": its.lower()}), "new", key(its.lower()))
    begin_run(toys)
    _leave_unindexed(toys, few=100)
    _link(toys, "a")
    link(toys, "b", "B", keys={KEAP: (key("other"),)})
    assert _is_indexed(toys), "what B was known by had to be found"
    for name, found in (("a", [("A", True)]), ("b", []), ("other", [("B", True)])):
        assert having(toys, KEAP, [key(name)]) == found


def test_a_record_that_is_shown_twice_at_first_contact_is_known_by_its_last_keys(toys: LinkStore) -> None:
    run(toys.staging.begin_scan(TOYS, KEAP))
    stage(toys, seen(KEAP, "B"), "new", key("Bob"), complete=True)
    stage(toys, seen(KEAP, "B"), "new", key("Robert"), complete=True)
    for name, found in (("Bob", []), ("Robert", [("B", False)])):
        assert having(toys, KEAP, [key(name)]) == found
