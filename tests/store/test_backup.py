"""Backups: all of a store at one moment, for its owner alone, over nothing that is there."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import keapbridge as kb
from keapbridge.__main__ import main
from keapbridge.store import backup as backups
from keapbridge.store.backup import back_up_file
from keapbridge.store.opening import memory_engine
from keapbridge.store.sql import open_store

if TYPE_CHECKING:
    from conftest import World


def _links(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM keapbridge_links").fetchone()[0])


@pytest.fixture
def filled(world: World) -> World:
    world.crm.state.contacts.add_many({"FirstName": f"n{n}", "Email": f"n{n}@example.org"} for n in range(20))
    return world


def test_a_backup_of_an_open_store_has_all_of_it(
    filled: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "keapbridge.store")
    path, other = tmp_path / "backup.db", tmp_path / "other.db"
    with filled.sessions() as session:
        session.sync()
        session.backup(path)
        assert main(["backup", f"sqlite:///{tmp_path / 'bridge.db'}", str(other)]) == 0
        assert caplog.messages == [f"a backup of the store was written to {copy}" for copy in (path, other)]
        session.sync()  # the store itself is in use as before
    for copy in (path, other):
        assert _links(copy) == 20
        assert os.name == "nt" or stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert not list(tmp_path.glob(".*"))
    with filled.sessions(store=f"sqlite:///{path}") as session:  # it is a store like any other
        assert session.sync(full=True).count("unchanged") == 20
        assert len(list(session.contacts.links())) == 20


def test_a_backup_while_another_writes_waits_for_nobody(store: str, tmp_path: Path) -> None:
    opened, other = open_store(store, "toys"), open_store(store, "toys")
    with other.database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO keapbridge_facts VALUES ('toys', 'colour', 'green')")
        backups.back_up(opened.database, tmp_path / "backup.db")
    with closing(sqlite3.connect(tmp_path / "backup.db")) as copy:
        assert copy.execute("SELECT * FROM keapbridge_facts").fetchall() == []
    opened.close()
    other.close()


def test_a_store_in_memory_is_backed_up_too(tmp_path: Path) -> None:
    engine = memory_engine()
    backups.back_up(open_store(engine, "toys").database, tmp_path / "backup.db")
    engine.dispose()
    assert _links(tmp_path / "backup.db") == 0


def test_nothing_is_overwritten(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "backup.db"
    path.write_text("a letter")
    with pytest.raises(kb.LinkStoreError, match="overwrites nothing"):
        back_up_file(store, path)
    assert main(["backup", store, str(path)]) == 1
    assert "overwrites nothing" in capsys.readouterr().err
    assert path.read_text() == "a letter"
    with pytest.raises(kb.LinkStoreError, match="overwrites nothing"):
        back_up_file(store, store.removeprefix("sqlite:///"))


@pytest.mark.parametrize("linking", [True, False])
def test_what_came_meanwhile_is_not_overwritten_either(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linking: bool
) -> None:
    path, make = tmp_path / "backup.db", backups.make_private

    def make_and_be_late(part: Path) -> bool:
        path.write_text("a letter")
        return make(part)

    monkeypatch.setattr(backups, "make_private", make_and_be_late)
    if not linking:
        monkeypatch.setattr(os, "link", _no_links)
    with pytest.raises(kb.LinkStoreError, match="cannot be written"):
        back_up_file(store, path)
    assert path.read_text() == "a letter"
    assert not list(tmp_path.glob(".*"))


def test_without_links_the_copy_gets_its_name_all_the_same(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    back_up_file(store, tmp_path / "backup.db")
    assert _links(tmp_path / "backup.db") == 0
    assert not list(tmp_path.glob(".*"))


def _no_links(part: Path, path: Path) -> None:
    raise OSError


def test_a_store_is_named_by_its_file_too(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(store, "toys").close()
    file = Path(store.removeprefix("sqlite:///"))
    back_up_file(str(file), tmp_path / "one.db")
    monkeypatch.chdir(file.parent)
    assert main(["backup", file.name, str(tmp_path / "two.db")]) == 0
    assert _links(tmp_path / "one.db") == _links(tmp_path / "two.db") == 0


def test_what_cannot_be_backed_up_is_told(tmp_path: Path) -> None:
    (tmp_path / "photo.db").write_bytes(b"not a database" * 100)
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE t (x)")
    for store, words in (
        (f"sqlite:///{tmp_path / 'none.db'}", "no store"),
        (f"sqlite:///{tmp_path / 'photo.db'}", "cannot be read"),
        (f"sqlite:///{tmp_path / 'other.db'}", "no store of keapbridge"),
        ("sqlite://", "in memory"),
        ("postgresql+psycopg://u:secret@h/d", "pg_dump"),
        ("none.db", "no store .*none.db; name its file, such as bridge.db, or its URL"),
        ("://", "no SQLAlchemy URL"),
    ):
        with pytest.raises(kb.LinkStoreError, match=words) as failed:
            back_up_file(store, tmp_path / "backup.db")
        assert "secret" not in str(failed.value)
    assert not (tmp_path / "none.db").exists()
    assert not (tmp_path / "backup.db").exists()


def test_a_backup_needs_a_folder(store: str, tmp_path: Path) -> None:
    with pytest.raises(kb.LinkStoreError, match="no folder"):
        back_up_file(store, tmp_path / "no" / "backup.db")
