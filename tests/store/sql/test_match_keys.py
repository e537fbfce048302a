"""Match keys: which records could be the same."""

from __future__ import annotations

import pytest
from kept import CUSTOMCRM, KEAP, NOON, TOYS, groups, having, key, link, run, seen, stage

from keapbridge.decide import match
from keapbridge.model.actions import Adopt, Skip
from keapbridge.model.candidate import Candidate
from keapbridge.model.kept_in_store import RecordKey
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore

FIRST = (CUSTOMCRM, "")


def _groups(store: LinkStore, rank: int = 0) -> list[dict[str, bool]]:
    """The groups of a rank, as the plan `plan` sees them: who is in them, and whether it has a partner."""
    found: dict[str, dict[str, bool]] = {}
    after: tuple[Side, str] | None = FIRST
    while after is not None:
        batch, after = groups(store, rank, after, 2, "plan")
        before = {place for group in found.values() for place in group}
        assert before.isdisjoint(f"{c.side.value} {c.id}" for c in batch)
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
    none, after = groups(toys, 1, FIRST, 10, "plan")
    assert (none, after) == ([], (KEAP, ""))
    [found], after = groups(toys, 1, after, 10, "plan")
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


def test_a_group_comes_once(toys: LinkStore) -> None:
    """However many records of it are looked at: with the first of them."""
    for id in "abcde":
        stage(toys, seen(CUSTOMCRM, id), "new", key("ada@example.org"))
    for id in "aB":
        stage(toys, seen(KEAP, id), "new", key("ada@example.org"))
    stage(toys, seen(KEAP, "c"), "new", key("bob@example.org"))
    every = {f"customcrm {id}": False for id in "abcde"} | {"keap a": False, "keap B": False}
    assert _groups(toys) == [every, {"keap c": False}]


def test_who_is_reached_through_another_one_is_of_the_group_too(toys: LinkStore) -> None:
    def known_by(*names: str) -> tuple[RecordKey, ...]:
        return tuple(RecordKey(0, name, (), (), slot) for slot, name in enumerate(names, 1))

    stage(toys, seen(CUSTOMCRM, "1"), "new", key("home"))
    stage(toys, seen(KEAP, "2"), "new", *known_by("home", "work"))
    stage(toys, seen(CUSTOMCRM, "3"), "new", *known_by("work", "old"))
    stage(toys, seen(KEAP, "4"), "new", key("old"))
    batch, after = groups(toys, 0, FIRST, 1, "plan")
    assert {c.id: len(c.keys) for c in batch} == {"1": 1, "2": 2, "3": 2, "4": 1}
    while after is not None:
        batch, after = groups(toys, 0, after, 1, "plan")
        assert batch == []


def test_a_crowd_is_told_and_not_read(toys: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match, "CROWD", 3)
    for id in "abcd":
        stage(toys, seen(CUSTOMCRM, id), "new", RecordKey(0, "office", (), (), 1), RecordKey(0, id, (), (), 2))
    stage(toys, seen(CUSTOMCRM, "e"), "new", key("office"))
    batch, _ = groups(toys, 0, FIRST, 1, "plan")
    assert [(c.id, c.crowd, len(c.keys)) for c in batch] == [("a", 5, 1)]
    batch, _ = groups(toys, 0, (CUSTOMCRM, "d"), 1, "plan")
    assert [(c.id, c.crowd, len(c.keys)) for c in batch] == [("e", 5, 0)]


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
    assert having(toys, KEAP, [ada, ada_at_home]) == [("A", True), ("twin", False)]
    assert having(toys, KEAP, [key("ada@example.org", 1)]) == []
    assert having(toys, CUSTOMCRM, [ada]) == []


def test_the_keys_of_a_link_are_those_it_had_last(toys: LinkStore) -> None:
    before, after = key("ada@example.org"), key("countess@example.org")
    link(toys, "a", "A", keys={KEAP: (before, key("Ada", 1))})
    link(toys, "a", "A")  # of keys nothing is said
    assert having(toys, KEAP, [before]) == [("A", True)]
    link(toys, "a", "A", keys={KEAP: (after,)})
    assert having(toys, KEAP, [before, key("Ada", 1)]) == []
    assert having(toys, KEAP, [after]) == [("A", True)]


def test_a_bridge_finds_no_keys_of_another(toys: LinkStore, others: LinkStore) -> None:
    stage(toys, seen(KEAP, "A"), "new", key("ada@example.org"))
    assert _groups(others) == []
    assert run(others.match_keys.unlinked(TOYS, KEAP, "", 10, "plan")) == []
    assert having(others, KEAP, [key("ada@example.org")]) == []


def _rows(store: LinkStore) -> list[tuple[str, str]]:
    """Whose keys are kept."""
    with store.database.reading() as c:
        found = c.exec_driver_sql("SELECT customcrm_id, side FROM keapbridge_match_keys ORDER BY rank, side").all()
    return [(id, side) for id, side in found]


def test_what_both_records_of_a_pair_have_is_written_once(toys: LinkStore) -> None:
    ada, ada_too = key("ada@example.org"), key("ada@example.com", 1)
    link(toys, "a", "A", keys={CUSTOMCRM: (ada,), KEAP: (ada, ada_too)})
    assert _rows(toys) == [("a", "both"), ("a", "keap")]
    for side, id in ((CUSTOMCRM, "a"), (KEAP, "A")):
        assert having(toys, side, [ada]) == [(id, True)]
    assert having(toys, CUSTOMCRM, [ada_too]) == []
    link(toys, "a", "A", keys={KEAP: (ada_too,)})
    assert _rows(toys) == [("a", "customcrm"), ("a", "keap")]
    assert having(toys, KEAP, [ada]) == []
    assert having(toys, CUSTOMCRM, [ada]) == [("a", True)]


def test_a_link_that_moves_is_not_known_by_the_record_that_it_had(toys: LinkStore) -> None:
    link(toys, "a", "A", keys=dict.fromkeys(Side, (key("ada@example.org"),)))
    link(toys, "a", "B", replaces="A")
    assert having(toys, KEAP, [key("ada@example.org")]) == []
    assert having(toys, CUSTOMCRM, [key("ada@example.org")]) == [("a", True)]


def test_the_records_of_linked_pairs_count_for_a_crowd(toys: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match, "CROWD", 4)
    for id in "ab":
        link(toys, id, id.upper(), keys=dict.fromkeys(Side, (key("office"),)))
    stage(toys, seen(KEAP, "free"), "new", key("office"))
    batch, _ = groups(toys, 0, (KEAP, ""), 10, "plan")
    assert [(c.id, c.crowd, len(c.keys)) for c in batch] == [("free", 5, 0)]
