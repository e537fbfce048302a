"""Match keys: first written without their index, which is there when it is needed, whatever happened."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from keapbridge._io.effects import Flow
from keapbridge.model.kept import Commit
from keapbridge.store.database import Database
from keapbridge.store.sql import links

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
    original = links.Links.commit

    def commit(self: links.Links, run_id: str, *commits: Commit) -> Flow[None]:
        meanwhile.append(INDEX in _indexes(store))
        yield from original(self, run_id, *commits)

    monkeypatch.setattr(links.Links, "commit", commit)
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
