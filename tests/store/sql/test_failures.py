"""Records that could not be synced: kept with their tries until they are cleared."""

from __future__ import annotations

from datetime import timedelta, timezone

from kept import CUSTOMCRM, KEAP, NOON, TOYS, run, seen

from keapbridge.model.kept_in_store import Failure
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore


def _failed(id: str, tries: int = 1, side: Side = KEAP, name: str = TOYS) -> Failure:
    return Failure(name, side, id, "refused", tries, NOON)


def test_the_last_failure_of_a_record_counts(toys: LinkStore) -> None:
    for tries in (1, 2):
        run(toys.failures.note(_failed("A", tries)))
    assert run(toys.failures.page()) == [_failed("A", 2)]
    never = Failure(TOYS, KEAP, "A", "refused for good", 3, None)
    run(toys.failures.note(never))
    assert run(toys.failures.of(TOYS, KEAP, ["A", "B"])) == {"A": never}


def test_failures_are_told_by_object_side_and_id(toys: LinkStore) -> None:
    failures = [_failed("1", side=CUSTOMCRM), _failed("1"), _failed("2"), _failed("1", name="trains")]
    for failure in reversed(failures):
        run(toys.failures.note(failure))
    assert run(toys.failures.page()) == failures
    assert run(toys.failures.of(TOYS, CUSTOMCRM, ["1", "2"])) == {"1": failures[0]}


def test_the_moment_of_the_next_try_is_the_same_in_any_time_zone(toys: LinkStore) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=-7)))
    run(toys.failures.note(Failure(TOYS, KEAP, "A", "refused", 1, there)))
    assert run(toys.failures.page()) == [_failed("A")]


def test_a_record_that_is_cleared_may_be_tried_again_and_be_given_a_partner(toys: LinkStore) -> None:
    for id in "AB":
        run(toys.failures.note(_failed(id)))
    run(toys.links.keep_apart(TOYS, seen(KEAP, "A"), "a person said so"))
    run(toys.failures.clear(TOYS, KEAP, "A"))
    assert run(toys.failures.page()) == [_failed("B")]
    assert run(toys.links.tombstones(TOYS, KEAP, ["A"])) == {}


def test_a_bridge_neither_sees_nor_clears_the_failures_of_another(toys: LinkStore, others: LinkStore) -> None:
    run(toys.failures.note(_failed("A")))
    run(others.failures.clear(TOYS, KEAP, "A"))
    assert run(others.failures.page()) == []
    assert run(others.failures.of(TOYS, KEAP, ["A"])) == {}
    assert run(toys.failures.page()) == [_failed("A")]
