"""Who is not whom: remembered of both, until it is taken back or one of them is forgotten."""

from __future__ import annotations

from kept import CUSTOMCRM, KEAP, NOON, TOYS, run

from keapbridge.store.sql import LinkStore

ADA, BOB, CY = (CUSTOMCRM, "A"), (KEAP, "B"), (CUSTOMCRM, "C")


def _tell(store: LinkStore, one: tuple[object, str], other: tuple[object, str], by: str | None = None) -> None:
    run(store.told_apart.note(TOYS, one, other, "run 1", NOON, by))


def test_it_is_known_of_both(toys: LinkStore) -> None:
    _tell(toys, ADA, BOB, "anna")
    _tell(toys, ADA, CY)
    assert run(toys.told_apart.of(TOYS, ["A", "B"])) == {ADA: {BOB, CY}, BOB: {ADA}}
    assert run(toys.told_apart.of(TOYS, ["D"])) == run(toys.told_apart.of("others", ["A"])) == {}
    found = run(toys.told_apart.between(TOYS, *(BOB, ADA)))
    assert found is not None
    assert (found.by, found.run_id, found.told_at) == ("anna", "run 1", NOON)


def test_each_two_are_listed_once_page_by_page(toys: LinkStore) -> None:
    for one, other in ((BOB, ADA), (CY, ADA), (CY, BOB)):
        _tell(toys, one, other)
    pairs = [(t.id, t.other_id) for t in run(toys.told_apart.page([TOYS], (), None))]
    assert pairs == [("A", "C"), ("A", "B"), ("C", "B")]
    first, *_ = run(toys.told_apart.page([TOYS], (), 1))
    after = (TOYS, first.side.value, first.id, first.other_side.value, first.other_id)
    assert [(t.id, t.other_id) for t in run(toys.told_apart.page([TOYS], after, 9))] == pairs[1:]
    assert len(run(toys.told_apart.of_run("run 1"))) == 3


def test_it_is_taken_back_for_both_once(toys: LinkStore) -> None:
    _tell(toys, ADA, BOB)
    assert run(toys.told_apart.drop(TOYS, BOB, ADA))
    assert not run(toys.told_apart.drop(TOYS, ADA, BOB))
    assert run(toys.told_apart.of(TOYS, ["A", "B"])) == {}


def test_a_bridge_knows_nothing_of_another(toys: LinkStore, others: LinkStore) -> None:
    _tell(toys, ADA, BOB)
    assert run(others.told_apart.of(TOYS, ["A"])) == {}
    assert run(others.told_apart.page([TOYS], (), None)) == []
    assert not run(others.told_apart.drop(TOYS, ADA, BOB))


def test_of_who_is_forgotten_nothing_is_left(toys: LinkStore) -> None:
    _tell(toys, ADA, BOB)
    _tell(toys, CY, BOB)
    run(toys.forgetting.erase(TOYS, CUSTOMCRM, "A", NOON))
    assert run(toys.told_apart.of(TOYS, ["A", "B"])) == {BOB: {CY}}
