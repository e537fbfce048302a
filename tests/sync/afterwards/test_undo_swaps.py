"""Undoing where values are unique: in turn, at once where two hold each other's, or told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tiers import variants
from toys import Box, World

import keapbridge as kb
from keapbridge._flow.effects import Flow
from keapbridge.errors import ConflictError, StatusError

REFUSALS = [StatusError("taken", status=422), ConflictError("taken", status=409)]


@pytest.fixture(params=variants(kb.Side, quick=[kb.Side.KEAP]), ids=lambda side: side.title)
def boxes(request: pytest.FixtureRequest, toys: World) -> tuple[Box, Box]:
    """Where is edited, and where colours are unique."""
    found = {kb.Side.CUSTOMCRM: toys.toys, kb.Side.KEAP: toys.gadgets}
    return found[request.param.other], found[request.param]


def make_unique(box: Box, error: Exception) -> None:
    """A colour is had once from now on."""

    def refuse(what: str, id: str, values: Mapping[str, Any]) -> None:
        others = {record.colour for record in box.records.values() if record.id != id}
        if what == "update" and values.get("colour") in others - {None}:
            raise error

    box.before = refuse


def write_at_once(box: Box) -> list[int]:
    """From now on the box can write to several records at once; answers how many each time."""
    at_once: list[int] = []

    def update_together(writes: Sequence[tuple[str, Mapping[str, Any], str | None]]) -> Flow[Sequence[Any]]:
        yield from ()
        at_once.append(len(writes))
        for id, changes, _ in writes:
            box.put(id=id, **changes)
        return [box.records[id] for id, _, _ in writes]

    vars(box).update(writes_together=True, update_together=update_together)
    return at_once


def colours(box: Box) -> dict[str, Any]:
    return {str(getattr(r, "name", None) or getattr(r, "title", None)): r.colour for r in box.records.values()}


def edited(toys: World, box: Box, **new: str) -> kb.Report:
    """A run after others have typed these colours, by name."""
    for id, record in list(box.records.items()):
        name = getattr(record, "name", None) or getattr(record, "title", None)
        box.put(id=id, colour=new[str(name)])
    report = toys.sync()
    assert report.ok
    return report


def made(toys: World, **colours: str) -> None:
    for name, colour in colours.items():
        toys.toys.put(name=name, colour=colour)
    assert toys.sync().ok


BEFORE, ROUND = {"a": "red", "b": "green", "c": "blue"}, {"a": "green", "b": "blue", "c": "red"}


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: str(error.status))
def test_who_swapped_is_swapped_back_at_once(toys: World, boxes: tuple[Box, Box], error: Exception) -> None:
    other, unique = boxes
    made(toys, **BEFORE)
    run = edited(toys, other, **ROUND)
    make_unique(unique, error)
    at_once = write_at_once(unique)
    report = toys.run(toys.engine.undo(run.run_id))
    assert (report.ok, report.count("updated"), at_once) == (True, 3, [3])
    assert colours(unique) == BEFORE
    assert colours(other) == ROUND
    assert toys.plan(full=True).is_empty


def test_those_in_a_row_are_put_back_in_turn(toys: World, boxes: tuple[Box, Box]) -> None:
    other, unique = boxes
    made(toys, **BEFORE)
    run = edited(toys, other, a="green", b="blue", c="black")
    make_unique(unique, REFUSALS[0])
    report = toys.run(toys.engine.undo(run.run_id))
    assert (report.ok, report.count("updated")) == (True, 3)
    assert colours(unique) == BEFORE


def test_who_cannot_be_swapped_back_is_told_and_left(toys: World, boxes: tuple[Box, Box]) -> None:
    other, unique = boxes
    made(toys, **BEFORE)
    run = edited(toys, other, **ROUND)
    make_unique(unique, REFUSALS[0])
    report = toys.run(toys.engine.undo(run.run_id))
    assert [(line.outcome, line.reason) for line in report.failures] == [("failed", "taken")] * 3
    assert colours(unique) == ROUND
    assert toys.plan(full=True).is_empty
