"""Pairs that hold the same are found and linked by what is stored of them, as it is."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import pytest
from cryptography.fernet import Fernet
from kept import CUSTOMCRM, KEAP, NOON, TOYS, begin_run, having, key, keys_of, link, run, seen, stage
from sqlalchemy import Engine

from keapbridge.model.kept_in_store import Failure, RecordKey
from keapbridge.model.records import Life, Observation, Snapshot
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore, alike, open_store
from keapbridge.store.sql.alike import KnownBy

ENCRYPTION_KEY = "2YdxQ4rnBl4eGg5mDsLH0dsZoM1MO1S7wN9eF3Ew0O8="
NEAR = (RecordKey(1, "near", (), ()),)
NOTHING: dict[Side, set[str]] = {side: set() for side in Side}


def known_by(snapshot: Snapshot) -> KnownBy | None:
    """Whoever is called `later` is not to be linked as it is."""
    name = snapshot.values["name"]
    third = snapshot.aliases.get("third", "")
    return None if name == "later" else KnownBy(f"digest of {name}{third}", (*keys_of(snapshot), *NEAR))


def told(*pairs: str) -> list[Line]:
    return [Line(TOYS, "linked", None, f"{id}", f"{id}".upper(), (), "same Name") for id in pairs]


def both(store: LinkStore, id: str, name: str, **rest: object) -> None:
    """Two records that hold the same: `a` and `A`."""
    for side, its in ((CUSTOMCRM, id), (KEAP, id.upper())):
        stage(store, seen(side, its, {"name": name}, **rest), "new", key(name))


def link_all(store: LinkStore, lines: Iterable[Line]) -> list[Line]:
    begin_run(store)
    return run(store.alike.link("run", list(lines), NOON, NOTHING, known_by))


def test_two_records_are_alike_when_they_hold_the_same_and_nothing_of_them_is_open(toys: LinkStore) -> None:
    same = {"name": "Ada", "age": 36}
    of_keap: dict[str, Observation | None] = {
        "same": seen(KEAP, "same", {"age": 36, "name": "Ada"}),
        "other": seen(KEAP, "other", {**same, "age": 37}),
        "less": seen(KEAP, "less", {"name": "Ada"}),
        "problem": attrs.evolve(seen(KEAP, "problem", same), problem="it cannot be read"),
        "back": attrs.evolve(seen(KEAP, "back", same), went_back=True),
        "gone": None,
    }
    for id, snapshot in {
        "unreadable": Snapshot(same, {"phone": "no number"}),
        "absent": Snapshot({**same, "phone": None}, absent=frozenset({"phone"})),
    }.items():
        of_keap[id] = attrs.evolve(seen(KEAP, id), snapshot=snapshot)
    for id, theirs in of_keap.items():
        snapshot = Snapshot(same) if theirs is None or id not in {"unreadable", "absent"} else theirs.snapshot
        stage(toys, attrs.evolve(seen(CUSTOMCRM, id), snapshot=snapshot))
        if theirs is not None:
            stage(toys, theirs)
    pairs = [(id, id) for id in of_keap]
    none: dict[Side, set[str]] = {side: set() for side in Side}
    assert run(toys.alike.those(TOYS, pairs, none)) == {("same", "same"), ("absent", "absent")}
    assert run(toys.alike.those(TOYS, pairs, none | {KEAP: {"phone"}})) == {("same", "same")}
    assert run(toys.alike.those(TOYS, [], none)) == set()


def test_they_are_linked_as_they_are_stored(toys: LinkStore) -> None:
    for id in "abc":
        both(toys, id, "Ada", mark=f"mark of {id}", life=Life("2026", NOON))
    assert link_all(toys, told("a", "b")) == told("a", "b")
    first, second = toys.links.all(TOYS)
    assert (first.customcrm_id, first.keap_id, first.customcrm_base, first.keap_base) == (
        *("a", "A"),
        *({"name": "Ada"}, {"name": "Ada"}),
    )
    assert (first.customcrm_life, first.keap_life) == (Life("2026", NOON), Life("2026", NOON))
    assert (second.customcrm_id, second.keap_id) == ("b", "B")
    for side, left in ((CUSTOMCRM, "c"), (KEAP, "C")):
        assert run(toys.staging.recognise(TOYS, side, {left.lower(): "x", "a": "mark of a"}, complete=False)) == set()
        assert set(run(toys.staging.observations(TOYS, side, ["a", "A", "b", "B", "c", "C"]))) == {left}
        its = having(toys, side, [key("Ada")])
        assert its == [(id, id != left) for id in sorted("abc" if side is CUSTOMCRM else "ABC")]
        assert [c.id for _, c in run(toys.match_keys.linked_sharers(TOYS, NEAR)) if c.side is side] == [
            id for id in ("abc" if side is CUSTOMCRM else "ABC") if id != left
        ]
    assert [line.reason for line in run(toys.runs.report("run")).lines] == ["same Name"] * 2
    assert [(e.kind, e.record_id, e.partner_id, e.written_at) for e in run(toys.journal.of_run("run")) or ()] == [
        ("link", "a", "A", NOON),
        ("link", "b", "B", NOON),
    ]


def test_what_is_known_by_other_names_has_a_digest_of_its_own(toys: LinkStore) -> None:
    for side, id in ((CUSTOMCRM, "a"), (KEAP, "A")):
        aliases = {"third": "ada@example.net"} if side is KEAP else {}
        stage(toys, attrs.evolve(seen(side, id), snapshot=Snapshot({"name": "Ada"}, aliases=aliases)))
    assert link_all(toys, told("a"))
    digests = {CUSTOMCRM: "digest of Ada", KEAP: "digest of Adaada@example.net"}
    for side, id in ((CUSTOMCRM, "a"), (KEAP, "A")):
        assert stage(toys, seen(side, id), digests[side]) == 1, "it is as its link knows it"


def test_what_is_linked_by_now_or_no_more_alike_is_left(toys: LinkStore) -> None:
    for id in ("taken", "other", "edited", "later", "free"):
        both(toys, id, "later" if id == "later" else "Ada")
    link(toys, "taken", "X")
    link(toys, "x", "OTHER")
    stage(toys, seen(KEAP, "EDITED", {"name": "Bob"}))
    assert link_all(toys, told("taken", "other", "edited", "later", "free", "gone")) == told("free")
    assert {(each.customcrm_id, each.keap_id) for each in toys.links.all(TOYS)} == {
        *(("taken", "X"), ("x", "OTHER"), ("free", "FREE")),
    }


def test_who_failed_before_and_is_linked_has_failed_no_more(toys: LinkStore) -> None:
    both(toys, "a", "Ada")
    run(toys.failures.note(Failure(TOYS, KEAP, "A", "it was refused", 1, NOON)))
    assert link_all(toys, told("a"))
    assert run(toys.failures.of(TOYS, KEAP, ["A"])) == {}


def test_many_are_linked_step_by_step(toys: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "STEP", 2)
    for id in "abcde":
        both(toys, id, id)
    assert link_all(toys, told(*"abcde")) == told(*"abcde")
    assert len(list(toys.links.all(TOYS))) == 5


def test_what_is_linked_while_keys_are_changed_needs_no_old_key(engine: Engine) -> None:
    """Whoever changes them may be past the links already, and the host drops the old key then."""
    both(open_store(engine, "sealed", [ENCRYPTION_KEY]), "a", "Ada")
    keys = [Fernet.generate_key(), ENCRYPTION_KEY]
    assert link_all(open_store(engine, "sealed", keys), told("a"))
    with open_store(engine, "sealed", keys).database.reading() as c:
        stored = c.exec_driver_sql("SELECT customcrm_base, keap_base FROM keapbridge_links").one()
    assert [Fernet(keys[0]).decrypt(text) for text in stored] == [b'{"name":"Ada"}', b"null"]


def test_what_is_encrypted_stays_so(engine: Engine) -> None:
    store = open_store(engine, "sealed", [ENCRYPTION_KEY])
    both(store, "a", "Ada")
    assert link_all(store, told("a"))
    [linked] = store.links.all(TOYS)
    assert linked.keap_base == {"name": "Ada"}
    with store.database.reading() as c:
        stored = c.exec_driver_sql("SELECT customcrm_base, keap_base FROM keapbridge_links").one()
    assert "Ada" not in str(stored)
