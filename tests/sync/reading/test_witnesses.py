"""What is not shown: a witness is sought before it counts as empty, and nothing is cleared without one."""

from __future__ import annotations

import pytest
from leaving import colours, leaving, made
from tiers import variants
from toys import World

import keapbridge as kb

CRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
SIDES = [CRM, KEAP]


def held(report: kb.Report) -> list[tuple[str, ...]]:
    return [line.fields for line in report.lines if line.outcome == "held" and line.object == "toys"]


@pytest.mark.parametrize("colour", ["red", None])
def test_of_a_system_that_tells_its_properties_one_record_is_enough(toys: World, colour: str | None) -> None:
    box, other = leaving(toys, CRM)
    made(toys, 1, colour=colour)
    box.unshown = frozenset({"colour"})
    box.properties = frozenset({"Name", "Maker", "Price", "Currency"})
    for id in other.records:
        other.put(id=id, colour="blue", title="Kite")
    assert held(toys.sync()) == [("Colour",)]
    assert [(toy.name, toy.colour) for toy in box.records.values()] == [("Kite", colour)]
    for id in box.records:
        box.put(id=id, name="Top")
    assert held(toys.sync()) == [("Colour",)]
    assert [(gadget.title, gadget.colour) for gadget in other.records.values()] == [("Top", "blue")]
    box.unshown, box.properties = frozenset(), None
    for id in box.records:
        box.put(id=id, colour=None)
    assert held(toys.sync()) == []
    assert colours(box) == colours(other) == ["blue"]


@pytest.mark.parametrize("side", variants(SIDES, quick=[KEAP]))
def test_what_is_shown_empty_is_cleared(toys: World, side: kb.Side) -> None:
    box, other = leaving(toys, side)
    made(toys, 4)
    for id in box.records:
        box.put(id=id, colour=None)
    assert toys.sync().ok
    assert colours(other) == [None] * 4


@pytest.mark.parametrize("number", variants([1, 2, 5], quick=[2]))
@pytest.mark.parametrize("side", variants(SIDES, quick=[CRM]))
def test_a_system_that_leaves_out_what_is_empty_can_clear(toys: World, side: kb.Side, number: int) -> None:
    box, other = leaving(toys, side)
    box.thrifty = True
    made(toys, number)
    box.put(id=next(iter(box.records)), colour=None)
    assert not held(toys.sync())
    assert colours(other).count(None) == 1


@pytest.mark.parametrize("side", variants(SIDES, quick=[KEAP]))
def test_a_system_that_leaves_out_what_is_empty_can_be_filled(toys: World, side: kb.Side) -> None:
    box, other = leaving(toys, side)
    box.thrifty = True
    made(toys, 3, colour=None)
    for id in other.records:
        other.put(id=id, colour="blue")
    assert not held(toys.sync())
    assert colours(box) == ["blue"] * 3
    assert not toys.plan(full=True).counts


@pytest.mark.parametrize("side", variants(SIDES, quick=[CRM]))
def test_a_list_that_leaves_a_value_out_for_some_is_not_believed(toys: World, side: kb.Side) -> None:
    box, other = leaving(toys, side)
    made(toys, 6)
    box.flawed = list(box.records)[3:]
    for id in box.records:
        box.put(id=id)
    toys.sync()
    assert colours(other) == ["red"] * 6
    box.flawed = ()
    assert toys.sync(full=True).ok
    assert colours(other) == colours(box) == ["red"] * 6


@pytest.mark.parametrize("side", variants(SIDES, quick=[KEAP]))
def test_what_only_single_reads_show_is_read_before_it_is_written_over(toys: World, side: kb.Side) -> None:
    box, other = leaving(toys, side)
    made(toys, 4)
    box.unlisted_properties = frozenset({"colour"})
    for id in other.records:
        other.put(id=id, colour="blue")
    first, *rest = box.records
    box.put(id=first, colour="green")  # by somebody else, and later
    toys.sync()
    assert box.records[first].colour == "green"
    assert [box.records[id].colour for id in rest] == ["blue"] * 3
    assert sorted(colours(other)) == ["blue"] * 3 + ["green"]


@pytest.mark.parametrize("number", variants([1, 2, 5], quick=[1, 5]))
@pytest.mark.parametrize("side", variants(SIDES, quick=[CRM]))
def test_what_only_lists_show_is_neither_written_nor_cleared_until_reads_by_id_show_it(
    toys: World, side: kb.Side, number: int
) -> None:
    box, other = leaving(toys, side)
    made(toys, number)
    first = next(iter(other.records))
    box.only_listed = frozenset({"colour"})
    for full in (False, True, False):
        other.put(id=first, colour="blue", **{"name" if side is KEAP else "title": "Kite"})
        report = toys.sync(full=full)
        assert held(report) == [("Colour",)]
        assert ("by their ids" in str(report)) == (number > 2)
    assert sorted(colours(other)) == ["blue"] + ["red"] * (number - 1)
    assert colours(box) == ["red"] * number
    box.only_listed = frozenset()
    for id in box.records:
        box.put(id=id)
    assert not held(toys.sync())
    assert colours(box) == colours(other)
    assert colours(box).count("blue") == 1


@pytest.mark.parametrize("side", variants(SIDES, quick=[KEAP]))
def test_what_is_written_and_never_shown_is_told_and_no_loop(toys: World, side: kb.Side) -> None:
    box, other = leaving(toys, side)
    made(toys, 4, colour=None)
    box.unshown = frozenset({"colour"})
    for id in other.records:
        other.put(id=id, colour="blue")
    assert held(toys.sync()) == [("Colour",)]
    writes = len(box.calls)
    for full in (False, True):
        assert held(toys.sync(full=full)) == [("Colour",)]
    assert colours(other) == ["blue"] * 4
    assert len(box.calls) == writes


def test_it_costs_one_small_read_for_a_field_and_nothing_in_a_quiet_run(toys: World) -> None:
    box, _ = leaving(toys, KEAP)
    made(toys, 30)
    toys.sync()
    box.reads.clear()
    toys.sync()
    assert box.reads == ["list"]
    box.unshown = frozenset({"colour"})
    for id in box.records:
        box.put(id=id)
    box.reads.clear()
    toys.sync()
    assert box.reads == ["list", "get 10", "get"]
