"""What has vanished is held, clears nothing, and goes on from what was known when it is shown again."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from leaving import colours, leaving, made
from tiers import variants
from toys import World

import keapbridge as kb

CRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
SIDES = [CRM, KEAP]


def held(report: kb.Report) -> list[tuple[str, ...]]:
    return [line.fields for line in report.lines if line.outcome == "held" and line.object == "toys"]


@pytest.mark.parametrize("full", variants([False, True], quick=[False]))
@pytest.mark.parametrize("side", SIDES)
def test_what_nothing_shows_any_more_clears_nothing_and_is_told(toys: World, side: kb.Side, *, full: bool) -> None:
    box, other = leaving(toys, side)
    made(toys, 4)
    box.unshown = frozenset({"colour"})
    for _ in range(3):
        for id in list(box.records)[:2]:
            box.put(id=id)  # edited, in nothing that is mapped
        assert held(toys.sync(full=full)) == [("Colour",)]
    assert colours(other) == ["red"] * 4
    assert colours(box) == ["red"] * 4


@pytest.mark.parametrize("side", variants(SIDES, quick=[CRM]))
def test_one_record_at_a_time_it_clears_nothing_either(toys: World, side: kb.Side) -> None:
    box, other = leaving(toys, side)
    made(toys, 4)
    box.unshown = frozenset({"colour"})
    for id in box.records:
        ids = {CRM: [], KEAP: [], side: [id]}
        assert held(toys.run(toys.engine.sync(("toys",), ids=ids))) == [("Colour",)]
    assert colours(other) == ["red"] * 4


@pytest.mark.parametrize("side", variants(SIDES, quick=[KEAP]))
def test_a_property_that_comes_back_empty_is_filled(toys: World, side: kb.Side) -> None:
    box, other = leaving(toys, side)
    made(toys, 4)
    box.unshown = frozenset({"colour"})
    for id in box.records:
        box.put(id=id)
    toys.sync()
    other.put(id=next(iter(other.records)), colour="blue")  # while nothing shows it
    toys.sync()
    box.unshown = frozenset()
    for id in box.records:
        box.put(id=id, colour=None)  # it was made again, empty
    assert not held(toys.sync())
    assert sorted(colours(other)) == sorted(colours(box)) == ["blue", "red", "red", "red"]
    assert not toys.plan(full=True).counts


@pytest.mark.parametrize("edited", ["where it is not shown", "on the other side"])
@pytest.mark.parametrize("side", variants(SIDES, quick=[CRM]))
def test_an_edit_while_a_property_is_not_shown_flows_once_it_is(side: kb.Side, edited: str) -> None:
    typed, wins = (side, side.other) if edited == "where it is not shown" else (side.other, side)
    toys = World(policy=kb.Policy(conflicts=wins))
    box, other = leaving(toys, side)
    made(toys, 4)
    where = box if typed is side else other
    where.put(id=next(iter(where.records)), colour="blue")
    box.unshown = frozenset({"colour"})
    for id in box.records:
        box.put(id=id)
    assert held(toys.sync()) == [("Colour",)]
    box.unshown = frozenset()
    for id in box.records:
        box.put(id=id)
    toys.sync()
    assert sorted(colours(other)) == sorted(colours(box)) == ["blue", "red", "red", "red"]
    assert not toys.plan(full=True).counts


def test_a_permission_that_is_given_back_is_noticed_although_no_record_changes(toys: World) -> None:
    box, _ = leaving(toys, KEAP)
    made(toys, 4)
    box.unshown = frozenset({"colour"})
    for id in box.records:
        box.put(id=id)
    assert held(toys.sync()) == [("Colour",)]
    box.unshown = frozenset()
    assert not held(toys.sync())


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.parametrize("side", SIDES)
def test_what_went_back_while_nothing_showed_it_writes_nothing_over(side: kb.Side, *, stamped: bool) -> None:
    toys = World(lag=timedelta(0))
    box, other = leaving(toys, side)
    made(toys, 4)
    backup = dict(box.records)
    for id in other.records:
        other.put(id=id, colour="blue")
    toys.sync()
    assert colours(box) == ["blue"] * 4
    box.unshown = frozenset({"colour"})
    for id, record in backup.items():  # as of the backup; or without a stamp that would tell
        box.records[id] = record if stamped else attrs.evolve(record, updated_at=None)
    assert held(toys.sync(full=True)) == [("Colour",)]
    box.unshown = frozenset()
    for _ in range(2):
        report = toys.sync(full=True)
        assert [line.outcome for line in report.lines] == ["conflict"] * 4
        assert (colours(box), colours(other)) == (["red"] * 4, ["blue"] * 4)
    for conflict in toys.run(toys.engine.conflicts()):
        toys.run(toys.engine.resolve(conflict, side.other))
    assert colours(box) == colours(other) == ["blue"] * 4
    assert not toys.plan(full=True).counts
