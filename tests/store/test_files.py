"""The file of a store: nobody else can read it, and it is missed when it goes while it is open."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, make_url

import keapbridge as kb
from keapbridge.errors import LinkStoreError
from keapbridge.store.database import Database
from keapbridge.store.files import StoreFile, file_of, make_private
from keapbridge.store.sql import LinkStore, open_store

if TYPE_CHECKING:
    from conftest import World


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/bridge.db", "/var/bridge.db"),
        ("sqlite:////var/x/../bridge.db", "/var/bridge.db"),
        ("sqlite:///file:/var/my%2520bridge.db?mode=rw&uri=true", "/var/my bridge.db"),
        ("sqlite:///file:///var/bridge.db?uri=true", "/var/bridge.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("sqlite:///file::memory:?cache=shared&uri=true", None),
        ("sqlite:///file:shared?mode=memory&cache=shared&uri=true", None),
        ("postgresql+psycopg://u@h/bridge.db", None),
    ],
)
def test_the_file_that_a_url_names(url: str, path: str | None) -> None:
    assert file_of(make_url(url)) == (None if path is None else Path(path))


@pytest.mark.skipif(os.name == "nt", reason="rights are others on Windows")
@pytest.mark.parametrize("own", [False, True])
def test_nobody_else_reads_a_store(tmp_path: Path, own: bool) -> None:
    path, before = tmp_path / "bridge.db", os.umask(0o022)
    try:
        database = Database(create_engine(f"sqlite:///{path}") if own else f"sqlite:///{path}")
        with database.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO keapbridge_facts VALUES ('toys', 'colour', 'green')")
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    finally:
        os.umask(before)
    database.engine.dispose()
    assert set(modes.values()) == {0o600}
    assert set(modes) == {"bridge.db"} | ({"bridge.db-wal", "bridge.db-shm"} if not own else set())


@pytest.mark.skipif(os.name == "nt", reason="rights are others on Windows")
def test_what_a_host_has_chosen_for_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    path.touch()
    path.chmod(0o660)
    assert not make_private(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def _delete(path: Path) -> None:
    for each in path.parent.glob("bridge.db*"):
        each.unlink()


def _swap(path: Path) -> None:
    shutil.copy(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)


@pytest.mark.parametrize("gone", [_delete, _swap])
def test_a_file_that_is_not_in_its_place_any_more_is_missed(tmp_path: Path, gone: Callable[[Path], None]) -> None:
    path = tmp_path / "bridge.db"
    path.touch()
    opened = StoreFile.at(path)
    opened.check()
    gone(path)
    with pytest.raises(LinkStoreError, match="new session"):
        opened.check()


@pytest.mark.parametrize("gone", [_delete, _swap])
@pytest.mark.parametrize("idle", [False, True])
def test_a_transaction_on_a_lost_file_is_none(
    store: str, tmp_path: Path, gone: Callable[[Path], None], idle: bool
) -> None:
    opened = open_store(store, "toys")
    if idle:
        opened.database.engine.dispose()
    gone(tmp_path / "bridge.db")
    names = sorted(each.name for each in tmp_path.iterdir())
    with pytest.raises(LinkStoreError, match="deleted"), opened.database.transaction():
        pass
    assert sorted(each.name for each in tmp_path.iterdir()) == names  # none is made anew
    opened.close()


@pytest.mark.parametrize("gone", [_delete, _swap])
def test_nothing_is_written_to_the_systems_once_the_file_is_lost(
    world: World, tmp_path: Path, gone: Callable[[Path], None]
) -> None:
    for n in range(3):
        world.crm.state.contacts.add({"FirstName": f"n{n}", "Email": f"n{n}@example.org"})
    with world.sessions() as session:
        session.sync()
        for n in range(3, 9):
            world.crm.state.contacts.add({"FirstName": f"n{n}", "Email": f"n{n}@example.org"})
        gone(tmp_path / "bridge.db")
        before = world.keap.state.snapshot()
        with pytest.raises(kb.LinkStoreError, match="deleted"):
            session.sync()
    assert world.keap.state.snapshot() == before


def test_a_file_that_goes_before_the_commit_undoes_the_transaction(store: str, tmp_path: Path) -> None:
    opened = open_store(store, "toys")
    with pytest.raises(LinkStoreError, match="deleted"):
        _write_while(opened, tmp_path / "bridge.db")
    opened.close()


def _write_while(opened: LinkStore, path: Path) -> None:
    with opened.database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO keapbridge_facts VALUES ('toys', 'colour', 'green')")
        path.replace(path.with_name("aside.db"))
