"""Match keys: which records could be the same; their index is left out at first and there when it is needed."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from kept import CUSTOMCRM, KEAP, NOON, TOYS, key, link, run, seen, stage

from keapbridge._flow.effects import Flow
from keapbridge.model.actions import Adopt, Skip
from keapbridge.model.candidate import Candidate
from keapbridge.model.kept import RecordKey
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.store.database import Database
from keapbridge.store.sql import LinkStore, links
from keapbridge.store.sql.alike import Alike

if TYPE_CHECKING:
    from conftest import World

INDEX = "ix_keapbridge_match_keys"


def _indexes(store: str) -> set[str]:
    connection = sqlite3.connect(store.removeprefix("sqlite:///"))
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    connection.close()
    return found


def _fill(world: World) -> None:
    for n in range(3):
        world.crm.state.contacts.add({"FirstName": f"n{n}", "Email": f"n{n}@example.org"})
        email = {"email": f"n{n}@example.org", "field": "EMAIL1"}
        world.keap.state.contacts.add({"given_name": f"n{n}", "email_addresses": [email]})


def test_the_index_is_made_when_keys_are_compared(world: World, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(world)
    asked: list[bool] = []
    original = Database.index_again

    def index_again(self: Database, connection: object) -> None:
        asked.append(self._is_indexed)
        original(self, connection)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "index_again", index_again)
    assert world.sync().count("linked") == 3
    assert not asked[0], "it was left out"
    assert INDEX in _indexes(store)


def test_a_scan_that_was_cut_off_leaves_no_store_without_it(world: World, store: str) -> None:
    _fill(world)
    world.sync()  # the tables are there
    database = Database(store)
    with database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM keapbridge_match_keys")
        connection.exec_driver_sql("DELETE FROM keapbridge_links")
        database.leave_unindexed(connection, "default")
    database.close()
    assert INDEX not in _indexes(store)
    assert world.sync(full=True).count("linked") == 3
    assert INDEX in _indexes(store)
    world.assert_quiet()


def test_where_many_are_linked_the_index_is_made_anew(
    world: World, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MANY", 3)
    _fill(world)
    meanwhile: list[bool] = []
    original = Alike.link

    def link(self: Alike, run_id: str, lines: Sequence[Line], *others: Any) -> Flow[list[Line]]:
        meanwhile.append(INDEX in _indexes(store))
        return (yield from original(self, run_id, lines, *others))

    monkeypatch.setattr(Alike, "link", link)
    assert world.sync().count("linked") == 3
    assert meanwhile == [False]
    assert INDEX in _indexes(store)
    world.assert_quiet()


def test_the_keys_of_another_bridge_keep_their_index(world: World, store: str) -> None:
    _fill(world)
    world.sync()
    database = Database(store)
    with database.transaction() as connection:
        database.leave_unindexed(connection, "another", few=1000)
    assert INDEX in _indexes(store)
    with database.transaction() as connection:
        database.leave_unindexed(connection, "default", few=1000)
    database.close()
    assert INDEX not in _indexes(store)
    assert world.sync(full=True).count("linked") == 0
    world.assert_quiet()


def test_keys_that_are_there_keep_their_index(world: World, store: str) -> None:
    _fill(world)
    world.sync()
    database = Database(store)
    with database.transaction() as connection:
        database.leave_unindexed(connection, "default")
    database.close()
    assert INDEX in _indexes(store)


# --- which records could be the same --------------------------------------------------------------------------------


def _groups(store: LinkStore, rank: int = 0) -> list[dict[str, bool]]:
    """The groups of a rank, as the plan `plan` sees them: who is in them, and whether it has a partner."""
    found: dict[str, dict[str, bool]] = {}
    after: str | None = ""
    while after is not None:
        batch, after = run(store.match_keys.groups(TOYS, rank, after, 2, "plan"))
        for c in batch:
            found.setdefault("+".join(sorted(c.keys)), {})[f"{c.side.value} {c.id}"] = c.linked
    return sorted(found.values(), key=list)


def test_records_of_one_key_are_a_group(toys: LinkStore) -> None:
    for name in ("ada", "bob", "eve"):
        stage(toys, seen(KEAP, name), "new", key(f"{name}@example.org"), key(name, 1))
    stage(toys, seen(CUSTOMCRM, "1"), "new", key("ada@example.org"), key("bob", 1))
    assert _groups(toys) == [{"customcrm 1": False, "keap ada": False}, {"keap bob": False}, {"keap eve": False}]
    assert _groups(toys, 1) == [{"customcrm 1": False, "keap bob": False}, {"keap ada": False}, {"keap eve": False}]
    assert _groups(toys, 2) == []


def test_what_tells_records_apart_comes_along(toys: LinkStore) -> None:
    stage(toys, seen(KEAP, "A"), "new", RecordKey(1, "Ada", ("London", None), ("ada@example.org",)))
    [found], after = run(toys.match_keys.groups(TOYS, 1, "", 10, "plan"))
    assert after is None
    keys = found.keys
    assert found == Candidate(KEAP, "A", ("London", None), ("ada@example.org",), keys=keys, main=next(iter(keys)))


def test_a_linked_record_is_in_the_group_of_an_unlinked_one_only(toys: LinkStore) -> None:
    for name in ("ada", "bob"):
        keys = dict.fromkeys(Side, (key(f"{name}@example.org"),))
        link(toys, name, name.upper(), keys=keys)
    stage(toys, seen(KEAP, "twin"), "new", key("ada@example.org"))
    assert _groups(toys) == [{"customcrm ada": True, "keap ADA": True, "keap twin": False}]


def test_a_group_knows_what_is_planned(toys: LinkStore) -> None:
    run(toys.plans.begin("plan", NOON, [TOYS]))
    run(toys.plans.begin("older", NOON, [TOYS]))
    for id in ("adopted", "skipped", "free"):
        stage(toys, seen(CUSTOMCRM, id), "new", key("ada@example.org"))
    run(toys.plans.add_actions("plan", 0, [Adopt(TOYS, "adopted", "A", "name"), Skip(TOYS, CUSTOMCRM, "skipped", "")]))
    run(toys.plans.add_actions("older", 0, [Skip(TOYS, CUSTOMCRM, "free", "")]))
    assert _groups(toys) == [{"customcrm adopted": True, "customcrm free": False}]
    assert [o.id for o in run(toys.match_keys.unlinked(TOYS, CUSTOMCRM, "", 10, "plan"))] == ["free"]


def test_a_record_that_is_kept_apart_is_in_no_group(toys: LinkStore) -> None:
    for side in Side:
        stage(toys, seen(side, "1"), "new", key("ada@example.org"))
    run(toys.links.keep_apart(TOYS, seen(KEAP, "1"), "a person said so"))
    assert _groups(toys) == [{"customcrm 1": False}]


def test_unlinked_records_are_read_batch_by_batch(toys: LinkStore) -> None:
    link(toys, "b", "B")
    for id in "abcd":
        stage(toys, seen(CUSTOMCRM, id))
    assert [o.id for o in run(toys.match_keys.unlinked(TOYS, CUSTOMCRM, "", 2, "plan"))] == ["a", "c"]
    assert run(toys.match_keys.unlinked(TOYS, CUSTOMCRM, "c", 2, "plan")) == [seen(CUSTOMCRM, "d")]


def test_who_has_one_of_some_keys_is_found_once(toys: LinkStore) -> None:
    ada, ada_at_home = key("ada@example.org"), key("ada@example.com", 1)
    link(toys, "a", "A", keys={KEAP: (ada, ada_at_home)})
    stage(toys, seen(KEAP, "twin"), "new", ada)
    assert run(toys.match_keys.same_key(TOYS, KEAP, [ada, ada_at_home])) == [("A", True), ("twin", False)]
    assert run(toys.match_keys.same_key(TOYS, KEAP, [key("ada@example.org", 1)])) == []
    assert run(toys.match_keys.same_key(TOYS, CUSTOMCRM, [ada])) == []


def test_the_keys_of_a_link_are_those_it_had_last(toys: LinkStore) -> None:
    before, after = key("ada@example.org"), key("countess@example.org")
    link(toys, "a", "A", keys={KEAP: (before, key("Ada", 1))})
    link(toys, "a", "A")  # of keys nothing is said
    assert run(toys.match_keys.same_key(TOYS, KEAP, [before])) == [("A", True)]
    link(toys, "a", "A", keys={KEAP: (after,)})
    assert run(toys.match_keys.same_key(TOYS, KEAP, [before, key("Ada", 1)])) == []
    assert run(toys.match_keys.same_key(TOYS, KEAP, [after])) == [("A", True)]


def test_a_bridge_finds_no_keys_of_another(toys: LinkStore, others: LinkStore) -> None:
    stage(toys, seen(KEAP, "A"), "new", key("ada@example.org"))
    assert _groups(others) == []
    assert run(others.match_keys.unlinked(TOYS, KEAP, "", 10, "plan")) == []
    assert run(others.match_keys.same_key(TOYS, KEAP, [key("ada@example.org")])) == []
