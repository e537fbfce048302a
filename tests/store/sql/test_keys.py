"""Keys: with them nothing of a person can be read; they are missed at the opening; they are added and changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from kept import CUSTOMCRM, KEAP, NOON, TOYS, begin_run, groups, having, run, stage

from keapbridge._flow.drivers import SyncDriver
from keapbridge.errors import LinkStoreError
from keapbridge.model.actions import Skip
from keapbridge.model.kept_in_store import Commit, Failure, Intent, JournalEntry, RecordKey, Removal
from keapbridge.model.raw import RawChange
from keapbridge.model.records import Link, Observation, Snapshot
from keapbridge.model.report import Line
from keapbridge.store import schema
from keapbridge.store.inbox import SqlInbox
from keapbridge.store.sql import LinkStore, keys, open_store
from keapbridge.store.sql.keys import SEALED, open_rows, reseal_rows
from keapbridge.store.sql.rows import key_digest
from keapbridge.store.works import SqlWorks

OLD, NEW, OTHER = (Fernet.generate_key() for _ in range(3))
PERSON = "Ada Lovelace"
VALUES = {"name": PERSON, "note": None}
KEY = RecordKey(0, PERSON, (PERSON,), (PERSON,), 0, f"The {PERSON}")


def keep_all(store: LinkStore) -> None:
    """All that is known of people, in all the places where it is kept."""
    for side in (CUSTOMCRM, KEAP):
        observation = Observation(side, "1", Snapshot(VALUES, {"phone": f"{PERSON} is no number"}), problem=PERSON)
        stage(store, observation, "digest", KEY)
    begin_run(store, by=PERSON)
    run(store.plans.add_actions("plan", 0, [Skip(TOYS, CUSTOMCRM, "1", f"{PERSON} has twins", ())]))
    run(store.intents.intend([Intent("intent", TOYS, KEAP, "a", VALUES, NOON)]))
    raw = (RawChange(("title",), f" {PERSON}", PERSON),)
    journal = (JournalEntry(TOYS, KEAP, "A", "update", VALUES, VALUES, NOON, raw=raw),)
    lines = (Line(TOYS, "failed", KEAP, "a", "A", (), f"400: {PERSON} is no name"),)
    run(store.links.commit("run", Commit(TOYS, Link("a", "A", VALUES, VALUES), {}, (), {KEAP: (KEY,)}, journal, lines)))
    run(store.links.settle([Commit(TOYS, Link("b", "B", VALUES, VALUES), {}, lines=lines)]))
    survivor = Observation(KEAP, "B", Snapshot(VALUES))
    run(store.links.remove("run", NOON, Removal(TOYS, Link("b", "B", VALUES, VALUES), survivor, f"{PERSON} went")))
    run(store.failures.note(Failure(TOYS, KEAP, "A", f"{PERSON} was refused", 1, None)))
    run(store.told_apart.note(TOYS, (CUSTOMCRM, "1"), (KEAP, "1"), "run", NOON, PERSON))
    run(store.facts.set("undoing", PERSON))
    SqlInbox(store).token(f"token of {PERSON}")
    run(store.runs.finish("run", NOON, {}, complete=False, why=f"500: {PERSON}"))
    SqlWorks(store).begin("plan", "A plan is applied", PERSON, NOON)
    SqlWorks(store).end("plan", NOON, error=f"{PERSON} was refused")


def all_kept(store: LinkStore) -> list[Any]:
    """What `keep_all` has kept, as it is read."""
    return [
        run(store.links.pairs_of(TOYS, ["a"])),
        run(store.staging.observations(TOYS, CUSTOMCRM, ["1"])),
        having(store, KEAP, [KEY]),
        groups(store, 0, (KEAP, ""), 10, "none"),
        run(store.plans.actions("plan", TOYS, ["skip"], -1, 10)),
        run(store.intents.open(TOYS)),
        run(store.journal.of_run("run")),
        run(store.links.tombstones(TOYS, KEAP, ["B"])),
        run(store.failures.page()),
        run(store.told_apart.page([TOYS], (), None)),
        run(store.facts.get("undoing")),
        SqlInbox(store).token("another"),
        SqlWorks(store).get("plan"),
        run(store.runs.newest(9)),
        list(store.runs._all_lines("run")),
        list(store.runs._all_lines(store.runs._core.next_run)),
    ]


@pytest.fixture
def url(template: Path, tmp_path: Path) -> str:
    (tmp_path / "bridge.db").write_bytes(template.read_bytes())
    return f"sqlite:///{tmp_path / 'bridge.db'}"


def keep(url: str, keys: Sequence[bytes]) -> list[Any]:
    store = open_store(url, "toys", keys)
    keep_all(store)
    kept = all_kept(store)
    store.close()
    return kept


def read(url: str, keys: Sequence[bytes]) -> list[Any]:
    store = open_store(url, "toys", keys)
    try:
        return all_kept(store)
    finally:
        store.close()


def in_clear(folder: Path) -> bool:
    return any(b"Lovelace" in path.read_bytes() for path in folder.iterdir())


@pytest.mark.parametrize("keys", [(), (NEW,)], ids=["plain", "encrypted"])
def test_with_keys_nothing_of_a_person_can_be_read_in_the_file(
    url: str, tmp_path: Path, keys: tuple[bytes, ...]
) -> None:
    store = open_store(url, "toys", keys)
    keep_all(store)
    found = in_clear(tmp_path)
    kept = all_kept(store)
    store.close()
    assert found is in_clear(tmp_path) is (not keys)
    assert all(kept)
    assert read(url, keys) == kept
    with closing(sqlite3.connect(tmp_path / "bridge.db")) as connection:
        for table in SEALED:
            assert connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0], f"{table.name} is empty"
        (digest,) = {row[0] for row in connection.execute("SELECT key FROM keapbridge_match_keys")}
    assert (key_digest(PERSON) in digest) is (not keys)


def test_every_text_that_may_tell_of_people_is_among_those_that_are_encrypted() -> None:
    texts = {c for table in schema.metadata.tables.values() for c in table.c if type(c.type).__name__ == "Text"}
    sealed = {table.c[name] for table, names in SEALED.items() for name in names}
    others = {f"{c.table.name.removeprefix('keapbridge_')}.{c.name}" for c in texts - sealed}
    assert others == {
        "match_keys.key",  # a keyed hash, as the next one
        "match_keys.spelt",
        "journal.sources",  # ids
        "seen_pages.ids",
        "tombstones.born",  # a moment
        "observed.absent",  # names of fields
        "plans.objects",
        "plans.counts",
        "plans.unchanged",
        "plans.watermarks",
        "plans.newest",  # ids and moments
        "cursors.newest",
        "plans.totals",
        "runs.counts",
        "works.what",  # in words that name nobody
        "works.page",  # ids
        "tokens.body",  # by the keys of the token store
        "paces.entry",
        "tenants.settings",  # of the host's, who keeps secrets elsewhere
        "tenants.why",  # in words that name nobody
    }


# --- opening ----------------------------------------------------------------------------------------------------------


def refused(url: str, keys: Sequence[str | bytes], words: str) -> None:
    with pytest.raises(LinkStoreError, match=words) as failed:
        open_store(url, "toys", keys)
    assert not any((key if isinstance(key, str) else key.decode()) in str(failed.value) for key in keys)


def test_keys_that_are_missing_or_others_are_told_at_the_opening(url: str) -> None:
    kept = keep(url, [OLD])
    refused(url, [], "is encrypted")
    refused(url, [NEW], "another key")
    refused(url, ["short"], "32 bytes")
    assert read(url, [NEW, OLD]) == kept


def test_each_key_that_is_in_use_is_asked_for(url: str) -> None:
    keep(url, [OLD])
    store = open_store(url, "toys", [NEW, OLD])
    run(store.facts.set("colour", "green"))  # encrypted with the new key
    store.close()
    for some in ([OLD], [NEW], [OTHER, NEW]):
        refused(url, some, "not all of them")
    store = open_store(url, "toys", [OLD, NEW])
    assert run(store.facts.get("colour")) == "green"
    store.close()


def test_a_store_that_holds_something_in_clear_is_not_encrypted_by_halves(url: str) -> None:
    keep(url, [])
    refused(url, [NEW], "kb.rekey")


def test_bridges_of_one_database_have_keys_of_their_own(url: str) -> None:
    kept = keep(url, [OLD])
    other = open_store(url, "others", [NEW])
    run(other.facts.set("colour", "green"))
    other.close()
    open_store(url, "third").close()
    assert read(url, [OLD]) == kept


@pytest.mark.parametrize("value", ["{x", "[]", "[[], false]"])
def test_a_broken_note_of_keys_is_told(url: str, value: str) -> None:
    keep(url, [OLD])
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE keapbridge_facts SET value = ? WHERE name = 'encryption'", [value])
    refused(url, [OLD], "broken")


# --- changing ---------------------------------------------------------------------------------------------------------


def test_after_a_change_only_the_new_key_is_needed(url: str) -> None:
    kept = keep(url, [OLD])
    store = open_store(url, "toys", [NEW, OLD])
    SyncDriver().run(store.rekey())
    assert all_kept(store) == kept  # the session goes on
    store.close()
    assert read(url, [NEW]) == kept
    refused(url, [OLD], "another key")


def test_a_change_that_is_broken_off_is_gone_on_with(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep(url, [OLD])
    monkeypatch.setattr(keys, "CHUNK", 1)
    for left in range(4):
        rows_left = iter(range(left))
        write = keys._write
        store = open_store(url, "toys", [NEW, OLD])

        def some(*arguments: Any, rows_left: Any = rows_left, write: Any = write) -> None:
            if next(rows_left, None) is None:
                raise KeyboardInterrupt
            write(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(keys, "_write", some)
            with pytest.raises(KeyboardInterrupt):
                SyncDriver().run(store.rekey())
        assert all_kept(store) == kept
        store.close()
        refused(url, [NEW], "not all of them")  # not while anything needs the old one
    store = open_store(url, "toys", [NEW, OLD])
    SyncDriver().run(store.rekey())
    store.close()
    assert read(url, [NEW]) == kept


def test_a_row_that_changed_meanwhile_is_left_to_who_changed_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(url, [OLD])
    store, other = open_store(url, "toys", [NEW, OLD]), open_store(url, "toys", [NEW, OLD])
    write = keys._write

    def late(database: Any, table: Any, *rest: Any) -> None:
        if table is schema.facts:
            run(other.facts.set("undoing", "newer"))
        write(database, table, *rest)

    monkeypatch.setattr(keys, "_write", late)
    reseal_rows(store.database, open_rows(store.database, "toys", [NEW, OLD]))
    assert run(store.facts.get("undoing")) == "newer"
    store.close()
    other.close()


def test_there_is_nothing_to_change_without_keys(url: str) -> None:
    store = open_store(url, "toys")
    with pytest.raises(LinkStoreError, match="no encryption_keys"):
        SyncDriver().run(store.rekey())
    store.close()
