"""What is not shown: a witness is sought before it counts as empty, and nothing is cleared without one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import attrs
import pytest
from tiers import variants
from toys import Box, World

import keapbridge as kb
from keapbridge._io.effects import Flow, Page
from keapbridge.model.maybe import UNSET

CRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
SIDES = [CRM, KEAP]
Names = frozenset[str]


class Leaving(Box):
    """A box that leaves properties out of what it shows.

    Attributes:
        unshown: what nothing shows.
        unlisted_properties: what lists leave out, and single reads show.
        thrifty: whether it leaves out what is empty.
        flawed: records of which a list leaves out what all else shows.
        reads: what it was asked to read.
    """

    unshown: Names = frozenset()
    unlisted_properties: Names = frozenset()
    thrifty = False
    flawed: Collection[str] = ()
    reads: list[str] = []  # noqa: RUF012 - made anew by `leave`

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        self.reads.append("list")
        page = yield from super().list(updated_since)
        left = self.unlisted_properties
        shown = [self._as(r, left | {"colour"} if r.id in self.flawed else left) for r in page.items]
        return attrs.evolve(page, items=tuple(shown))

    def get(self, id: str) -> Flow[Any]:
        self.reads.append("get")
        return self._as((yield from super().get(id)))

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        self.reads.append(f"get {len(ids)}")
        found = yield from super().get_many(ids)
        return tuple(self._as(record, self.unlisted_properties) for record in found)

    def _shown(self, id: str) -> Any:
        return self._as(super()._shown(id))

    def _as(self, record: Any, left_out: Names = frozenset()) -> Any:
        empty = {n for n in ("colour", "maker", "maker_id") if self.thrifty and getattr(record, n, "") is None}
        there = {field.name for field in attrs.fields(type(record))}
        return attrs.evolve(record, **dict.fromkeys((self.unshown | left_out | empty) & there, UNSET))


def leaving(toys: World, side: kb.Side) -> tuple[Leaving, Box]:
    """The box of a side, which can leave out properties from now on, and the other one."""
    box, other = (toys.toys, toys.gadgets) if side is CRM else (toys.gadgets, toys.toys)
    box.__class__ = Leaving
    assert isinstance(box, Leaving)
    box.reads = []
    return box, other


def made(toys: World, number: int, **values: Any) -> None:
    for n in range(number):
        toys.toys.put(name=f"toy {n}", **{"colour": "red", **values})
    assert toys.sync().ok


def colours(box: Box) -> list[Any]:
    return [record.colour for record in box.records.values()]


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


@pytest.mark.parametrize("side", SIDES)
def test_one_record_at_a_time_it_clears_nothing_either(toys: World, side: kb.Side) -> None:
    box, other = leaving(toys, side)
    made(toys, 4)
    box.unshown = frozenset({"colour"})
    for id in box.records:
        ids = {CRM: [], KEAP: [], side: [id]}
        assert held(toys.run(toys.engine.sync(("toys",), ids=ids))) == [("Colour",)]
    assert colours(other) == ["red"] * 4


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


@pytest.mark.parametrize("side", SIDES)
def test_what_is_shown_empty_is_cleared(toys: World, side: kb.Side) -> None:
    box, other = leaving(toys, side)
    made(toys, 4)
    for id in box.records:
        box.put(id=id, colour=None)
    assert toys.sync().ok
    assert colours(other) == [None] * 4


@pytest.mark.parametrize("number", variants([1, 2, 5], quick=[2]))
@pytest.mark.parametrize("side", SIDES)
def test_a_system_that_leaves_out_what_is_empty_can_clear(toys: World, side: kb.Side, number: int) -> None:
    box, other = leaving(toys, side)
    box.thrifty = True
    made(toys, number)
    box.put(id=next(iter(box.records)), colour=None)
    assert not held(toys.sync())
    assert colours(other).count(None) == 1


@pytest.mark.parametrize("side", SIDES)
def test_a_system_that_leaves_out_what_is_empty_can_be_filled(toys: World, side: kb.Side) -> None:
    box, other = leaving(toys, side)
    box.thrifty = True
    made(toys, 3, colour=None)
    for id in other.records:
        other.put(id=id, colour="blue")
    assert not held(toys.sync())
    assert colours(box) == ["blue"] * 3
    assert not toys.plan(full=True).counts


@pytest.mark.parametrize("side", SIDES)
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


@pytest.mark.parametrize("side", SIDES)
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


@pytest.mark.parametrize("side", SIDES)
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


@pytest.mark.parametrize("side", SIDES)
def test_a_property_that_comes_back_begins_anew(toys: World, side: kb.Side) -> None:
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


def test_a_permission_that_is_given_back_is_noticed_although_no_record_changes(toys: World) -> None:
    box, _ = leaving(toys, KEAP)
    made(toys, 4)
    box.unshown = frozenset({"colour"})
    for id in box.records:
        box.put(id=id)
    assert held(toys.sync()) == [("Colour",)]
    box.unshown = frozenset()
    assert not held(toys.sync())


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
