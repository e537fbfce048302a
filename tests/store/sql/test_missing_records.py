"""What was not shown where it should have been: noted, proven, read with its pair."""

from __future__ import annotations

from kept import CUSTOMCRM, FIRST, KEAP, TOYS, link, missing, run, scan

from keapbridge.store.sql import LinkStore


def test_what_is_missing_of_one_pair(toys: LinkStore, others: LinkStore) -> None:
    for n in "ab":
        link(toys, n, n.upper())
    scan(toys, "B")
    run(toys.missing.prove(TOYS, KEAP, ["A"]))
    [found] = run(toys.missing.of(TOYS, {CUSTOMCRM: "a", KEAP: "A"}))
    assert (found.side, found.id, found.proven, found.pair.link.customcrm_id) == (KEAP, "A", True, "a")
    assert run(toys.missing.of(TOYS, {CUSTOMCRM: "b", KEAP: "B"})) == []
    assert run(toys.missing.of("trains", {CUSTOMCRM: "a", KEAP: "A"})) == []
    assert run(others.missing.of(TOYS, {CUSTOMCRM: "a", KEAP: "A"})) == []


def test_only_linked_records_are_noted_as_deleted(toys: LinkStore) -> None:
    link(toys, "a", "A")
    run(toys.missing.note_deleted(TOYS, KEAP, ["A", "a", "unknown"]))
    assert missing(toys) == [(KEAP, "A", False)]


def test_a_proof_stays_when_the_record_is_noted_again(toys: LinkStore) -> None:
    link(toys, "a", "A")
    link(toys, "b", "B")
    run(toys.missing.note_deleted(TOYS, KEAP, ["A", "B"]))
    run(toys.missing.prove(TOYS, KEAP, ["A"]))
    run(toys.missing.note_deleted(TOYS, KEAP, ["A"]))
    scan(toys)
    assert missing(toys) == [(KEAP, "A", True), (KEAP, "B", False)]
    run(toys.missing.drop(TOYS, KEAP, ["A"]))
    assert missing(toys) == [(KEAP, "B", False)]


def test_what_is_missing_is_read_batch_by_batch_with_its_pair(toys: LinkStore) -> None:
    links = {n: link(toys, n, n.upper()) for n in "ab"}
    run(toys.missing.note_deleted(TOYS, KEAP, ["A", "B"]))
    run(toys.missing.note_deleted(TOYS, CUSTOMCRM, ["b"]))
    found, after = [], FIRST
    while batch := run(toys.missing.page(TOYS, after, 2)):
        found += [(each.side, each.pair.link) for each in batch]
        after = (batch[-1].side.value, batch[-1].id)
    assert found == [(CUSTOMCRM, links["b"]), (KEAP, links["a"]), (KEAP, links["b"])]
