"""What scans see: only what differs from what is linked is kept, and what a complete scan did not see is missing."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from kept import CUSTOMCRM, KEAP, NOON, TOYS, having, key, link, missing, run, scan, seen, stage

from keapbridge.model.kept_in_store import Commit, Failure, Staged
from keapbridge.model.records import Life
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore


def _observed(store: LinkStore, side: Side, *ids: str) -> set[str]:
    return set(run(store.staging.observations(TOYS, side, ids)))


def test_only_what_differs_is_kept_and_the_rest_is_counted(toys: LinkStore) -> None:
    for n in "abc":
        link(toys, n, n.upper())
    digests = {"a": "same", "b": "edited", "c": "same", "new": "same"}
    items = [Staged(seen(CUSTOMCRM, id), digest) for id, digest in digests.items()]
    assert run(toys.staging.stage(TOYS, CUSTOMCRM, items, complete=False)) == (2, [])
    assert _observed(toys, CUSTOMCRM, *digests) == {"b", "new"}
    assert _observed(toys, KEAP, *digests) == set()


def test_what_is_as_it_was_again_is_kept_no_longer(toys: LinkStore) -> None:
    link(toys, "a", "A")
    stage(toys, seen(CUSTOMCRM, "a"), "edited")
    assert stage(toys, seen(CUSTOMCRM, "a"), "same") == 1
    assert _observed(toys, CUSTOMCRM, "a") == set()


def test_what_is_kept_comes_back_as_it_was_seen(toys: LinkStore) -> None:
    ada = seen(KEAP, "A", {"name": "Ada", "age": 36, "gone": None, "vip": True}, updated_at=NOON, version="7")
    ada = attrs.evolve(ada, problem="its name is cut", seen_in="plan", mark="text")
    stage(toys, ada)
    assert run(toys.staging.observations(TOYS, KEAP, ["A"])) == {"A": ada}


def test_an_unlinked_record_is_found_by_its_last_keys_only(toys: LinkStore) -> None:
    stage(toys, seen(KEAP, "A"), "one", key("ada@example.org"))
    stage(toys, seen(KEAP, "A"), "two", key("countess@example.org"))
    assert having(toys, KEAP, [key("countess@example.org")]) == [("A", False)]
    assert having(toys, KEAP, [key("ada@example.org")]) == []


# --- records that come in the same text -----------------------------------------------------------------------------


def test_a_text_that_was_read_before_is_recognised(toys: LinkStore) -> None:
    link(toys, "a", "A")
    link(toys, "b", "B", marks={CUSTOMCRM: "b-same"})
    stage(toys, seen(CUSTOMCRM, "a", mark="a-same"), "same")  # learnt when nothing had to be kept
    texts = {"a": "a-", "b": "b-", "new": "a-"}
    assert run(toys.staging.recognise(TOYS, CUSTOMCRM, texts, complete=False)) == {"a", "b"}
    assert run(toys.staging.recognise(TOYS, CUSTOMCRM, {"a": "other-"}, complete=False)) == set()
    assert run(toys.staging.recognise(TOYS, KEAP, {"A": "a-"}, complete=False)) == set()


def test_what_is_recognised_needs_nothing_any_more(toys: LinkStore) -> None:
    link(toys, "a", "A", marks={CUSTOMCRM: "a-same"})
    stage(toys, seen(CUSTOMCRM, "a"), "edited")
    run(toys.staging.recognise(TOYS, CUSTOMCRM, {"a": "a-"}, complete=False))
    assert _observed(toys, CUSTOMCRM, "a") == set()


def test_while_a_pair_is_open_its_records_are_read(toys: LinkStore) -> None:
    link(toys, "a", "A", digests={CUSTOMCRM: None, KEAP: "same"}, marks={CUSTOMCRM: "a-"})
    assert run(toys.staging.recognise(TOYS, CUSTOMCRM, {"a": "a-"}, complete=False)) == set()


# --- what is missing ------------------------------------------------------------------------------------------------


def test_a_complete_scan_notes_what_it_did_not_see(toys: LinkStore) -> None:
    for n in "abc":
        link(toys, n, n.upper(), marks={KEAP: f"{n}-same"})
    run(toys.staging.begin_scan(TOYS, KEAP))
    assert stage(toys, seen(KEAP, "A"), "edited", complete=True) == 0
    assert run(toys.staging.recognise(TOYS, KEAP, {"B": "b-"}, complete=True)) == {"B"}
    assert missing(toys) == []
    run(toys.staging.end_scan(TOYS, KEAP))
    assert missing(toys) == [(KEAP, "C", False)]


def test_what_is_seen_again_is_not_missing(toys: LinkStore) -> None:
    for n in "ab":
        link(toys, n, n.upper())
    scan(toys)
    assert missing(toys) == [(KEAP, "A", False), (KEAP, "B", False)]
    stage(toys, seen(KEAP, "A"), "same")
    assert missing(toys) == [(KEAP, "B", False)]
    scan(toys, "A", "B")
    assert missing(toys) == []


def test_what_a_scan_saw_that_was_cut_off_does_not_count_for_the_next(toys: LinkStore) -> None:
    link(toys, "a", "A")
    run(toys.staging.begin_scan(TOYS, KEAP))
    stage(toys, seen(KEAP, "A"), "same", complete=True)
    scan(toys)
    assert missing(toys) == [(KEAP, "A", False)]


def test_a_scan_of_changes_takes_nothing_for_missing_and_nothing_for_seen(toys: LinkStore) -> None:
    link(toys, "a", "A")
    run(toys.staging.begin_scan(TOYS, KEAP))
    stage(toys, seen(KEAP, "A"), "same", complete=False)
    run(toys.staging.end_scan(TOYS, KEAP))
    assert missing(toys) == [(KEAP, "A", False)]


# --- records that are not linked ------------------------------------------------------------------------------------


def test_unlinked_records_are_forgotten_and_linked_ones_are_not(toys: LinkStore) -> None:
    link(toys, "a", "A")
    for id in ("A", "gone", "there"):
        stage(toys, seen(KEAP, id), "edited", key(f"{id}@example.org"))
    run(toys.staging.forget_unlinked(TOYS, KEAP, ids=["A", "gone"]))
    assert _observed(toys, KEAP, "A", "gone", "there") == {"A", "there"}
    assert having(toys, KEAP, [key("gone@example.org")]) == []
    assert having(toys, KEAP, [key("there@example.org")]) == [("there", False)]


def test_what_the_last_scan_did_not_see_is_forgotten(toys: LinkStore) -> None:
    link(toys, "a", "A")
    for id, plan in (("A", "old"), ("gone", "old"), ("there", "new")):
        stage(toys, seen(KEAP, id, seen_in=plan))
    run(toys.staging.forget_unlinked(TOYS, KEAP, except_seen_in="new"))
    assert _observed(toys, KEAP, "A", "gone", "there") == {"A", "there"}


# --- edits since ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edited", [False, True])
def test_a_record_that_failed_is_tried_again_once_it_was_edited(toys: LinkStore, edited: bool) -> None:
    failure = Failure(TOYS, KEAP, "A", "refused", 1, None)
    stage(toys, seen(KEAP, "A", {"name": "Ada"}))
    run(toys.failures.note(failure))
    stage(toys, seen(KEAP, "A", {"name": "Countess" if edited else "Ada"}))
    assert run(toys.failures.page()) == ([] if edited else [failure])


@pytest.mark.parametrize("edited", [False, True])
def test_a_time_stamp_moves_only_with_an_edit(toys: LinkStore, edited: bool) -> None:
    later = NOON + timedelta(hours=1)
    stage(toys, seen(KEAP, "A", {"name": "Ada"}, updated_at=NOON))
    stage(toys, seen(KEAP, "A", {"name": "Countess" if edited else "Ada"}, updated_at=later))
    kept = run(toys.staging.observations(TOYS, KEAP, ["A"]))["A"]
    assert kept.updated_at == (later if edited else NOON)


def test_a_bridge_sees_nothing_of_another(toys: LinkStore, others: LinkStore) -> None:
    link(toys, "a", "A", marks={KEAP: "a-same"})
    stage(toys, seen(KEAP, "A"), "edited")
    assert _observed(others, KEAP, "A") == set()
    assert run(others.staging.recognise(TOYS, KEAP, {"A": "a-"}, complete=False)) == set()
    scan(others)
    run(others.missing.note_deleted(TOYS, KEAP, ["A"]))
    run(others.staging.forget_unlinked(TOYS, KEAP, ids=["A"], except_seen_in="plan"))
    assert missing(toys) == missing(others) == []
    assert _observed(toys, KEAP, "A") == {"A"}


MADE = "2026-01-01T10:00:00+00:00"


def _link_of(store: LinkStore, id: str) -> object:
    [pair] = run(store.links.pairs_of(TOYS, [id]))
    return pair.link


@pytest.mark.parametrize(("hours", "older"), [(-1, ["a"]), (0, ["a"]), (1, [])])
def test_what_differs_and_is_no_newer_than_it_was_is_told_once(toys: LinkStore, hours: int, older: list[str]) -> None:
    linked = link(toys, "a", "A")
    run(toys.links.settle([Commit(TOYS, linked.knowing(CUSTOMCRM, Life(MADE, NOON)), dict.fromkeys(Side, "same"))]))
    shown = seen(CUSTOMCRM, "a", {"name": "b"}, life=Life(MADE, NOON + timedelta(hours=hours)))
    items = [Staged(shown, "edited")]
    assert run(toys.staging.stage(TOYS, CUSTOMCRM, items, complete=False)) == (0, older)
    assert run(toys.staging.stage(TOYS, CUSTOMCRM, items, complete=False)) == (0, [])


@pytest.mark.parametrize("mark", [None, "the mark of a text"])
def test_the_life_of_what_does_not_differ_is_learnt(toys: LinkStore, mark: str | None) -> None:
    linked = link(toys, "a", "A")
    life = Life(MADE, NOON)
    assert stage(toys, seen(CUSTOMCRM, "a", life=life, mark=mark), "same") == 1
    assert _link_of(toys, "a") == attrs.evolve(linked, customcrm_life=life)


def test_the_mark_of_a_text_is_not_replaced_by_that_of_a_life(toys: LinkStore) -> None:
    link(toys, "a", "A", marks={CUSTOMCRM: "text-same"})
    stage(toys, seen(CUSTOMCRM, "a", life=Life(MADE, NOON)), "same")
    assert run(toys.staging.recognise(TOYS, CUSTOMCRM, {"a": "text-"}, complete=False)) == {"a"}


def test_nothing_of_a_linked_record_is_forgotten_as_of_an_unlinked_one(toys: LinkStore) -> None:
    for side, id in ((CUSTOMCRM, "a"), (KEAP, "A")):
        stage(toys, seen(side, id), "new", key("ada@example.org"))
    link(toys, "a", "A", keys=dict.fromkeys(Side, (key("ada@example.org"),)))
    run(toys.staging.forget_unlinked(TOYS, KEAP, ids=["A", "unknown"]))
    assert having(toys, KEAP, [key("ada@example.org")]) == [("A", True)]


def test_what_went_back_stays_so_while_it_is_kept(toys: LinkStore) -> None:
    link(toys, "a", "A")
    stage(toys, seen(CUSTOMCRM, "a"), "edited")
    run(toys.staging.note_gone_back(TOYS, CUSTOMCRM, ["a"]))
    stage(toys, seen(CUSTOMCRM, "a", {"name": "another"}), "edited again")
    assert run(toys.staging.observations(TOYS, CUSTOMCRM, ["a"]))["a"].went_back
    stage(toys, seen(CUSTOMCRM, "a"), "same")
    stage(toys, seen(CUSTOMCRM, "a"), "edited")
    assert not run(toys.staging.observations(TOYS, CUSTOMCRM, ["a"]))["a"].went_back
