"""`rekey`: a store is encrypted afterwards, and nothing of what it held in clear is left in its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

import keapbridge as kb
from keapbridge._seal import seal_for
from keapbridge.store import rekey as module
from keapbridge.store.sql import open_store

if TYPE_CHECKING:
    from conftest import World

OLD, NEW = Fernet.generate_key(), Fernet.generate_key()


def _in_clear(folder: Path) -> bool:
    return any(b"lovelace" in path.read_bytes().lower() for path in folder.glob("bridge.db*"))


def _fill(world: World) -> None:
    for name, first_name in (("ada", "Ada"), ("ase", "Åse ・ 愛")):
        email = f"{name}@lovelace.example.org"
        world.crm.state.contacts.add({"FirstName": first_name, "LastName": "Lovelace", "Email": email})
    world.sync()


def _quiet_with(world: World, keys: Sequence[bytes]) -> None:
    with world.sessions(encryption_keys=keys) as session:
        report = session.sync()
        assert report.ok
        assert not report.count("created")
        assert len(list(session.contacts.links())) == 2


def test_a_store_is_encrypted_later_and_syncs_on(world: World, store: str, tmp_path: Path) -> None:
    _fill(world)
    assert _in_clear(tmp_path)
    kb.rekey(store, [OLD])
    assert not _in_clear(tmp_path)
    _quiet_with(world, [OLD])
    with world.sessions(encryption_keys=[OLD]) as session:
        session.rekey()
    kb.rekey(store, [NEW, OLD])
    _quiet_with(world, [NEW])
    assert not _in_clear(tmp_path)


def test_who_opened_the_store_before_it_was_encrypted_writes_nothing_in_clear(
    world: World, store: str, tmp_path: Path
) -> None:
    _fill(world)
    with world.sessions() as session:
        kb.rekey(store, [OLD])
        world.crm.state.contacts.add({"FirstName": "Dee", "LastName": "Lovelace", "Email": "dee@example.org"})
        with pytest.raises(kb.LinkStoreError, match="encryption_keys"):
            session.sync()
    assert not _in_clear(tmp_path)
    assert "Dee" not in str(world.keap.state.snapshot())


def test_it_goes_on_where_it_was_broken_off(world: World, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    _fill(world)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_wipe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kb.rekey(store, [OLD])
    for keys, words in (([OLD], "broken off"), ([], "is encrypted")):
        with pytest.raises(kb.LinkStoreError, match=words):
            open_store(store, "default", keys)
    kb.rekey(store, [OLD])
    _quiet_with(world, [OLD])


@pytest.mark.parametrize("broken", ["gAAAA", "gAAAAå", "{}", "Åse"])
def test_what_is_broken_is_told(broken: str) -> None:
    seal = seal_for([OLD])
    assert not seal.is_current(broken)
    with pytest.raises(kb.LinkStoreError, match="cannot be decrypted"):
        seal.open(broken)


def test_nobody_is_at_work_meanwhile(store: str) -> None:
    opened = open_store(store, "default")
    with opened.database.transaction() as connection:
        connection.exec_driver_sql(
            "INSERT INTO keapbridge_leases (bridge, holder, expires_at) VALUES ('default', 'one', '2999-01-01')"
        )
    with pytest.raises(kb.SessionBusyError, match="at work"):
        kb.rekey(store, [NEW])
    opened.close()


def test_without_a_key_or_with_another_one_nothing_is_done(world: World, store: str) -> None:
    _fill(world)
    with pytest.raises(kb.LinkStoreError, match="keys: there is none"):
        kb.rekey(store, [])
    kb.rekey(store, [OLD])
    with pytest.raises(kb.LinkStoreError, match="another key"):
        kb.rekey(store, [NEW])
    _quiet_with(world, [OLD])


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
class TestPostgresql:
    @pytest.fixture
    def store(self, postgresql_url: str) -> str:
        return postgresql_url

    def test_a_store_is_encrypted_and_its_key_changed(self, world: World, store: str) -> None:
        _fill(world)
        kb.rekey(store, [OLD])
        _quiet_with(world, [OLD])
        kb.rekey(store, [NEW, OLD])
        _quiet_with(world, [NEW])
