"""Records that are to hold what others give up, where a value is unique: in turn, at once, or told with their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from tiers import variants
from toys import Box, World

import keapbridge as kb
from keapbridge._flow.effects import Flow
from keapbridge.errors import ConflictError, StatusError

REFUSALS = [StatusError("taken", status=422), StatusError("taken", status=400), ConflictError("taken", status=409)]


def unique_colours(box: Box, error: Exception) -> Callable[[str, str, Mapping[str, Any]], None]:
    """A box in which a colour is had once."""

    def refuse(what: str, id: str, values: Mapping[str, Any]) -> None:
        others = {record.colour for record in box.records.values() if record.id != id}
        if what in {"update", "create"} and values.get("colour") in others - {None}:
            raise error

    return refuse


@pytest.fixture(params=list(kb.Side), ids=lambda side: side.title)
def boxes(request: pytest.FixtureRequest, toys: World) -> tuple[Box, Box]:
    """Where is edited, and where colours are unique."""
    found = {kb.Side.CUSTOMCRM: toys.toys, kb.Side.KEAP: toys.gadgets}
    return found[request.param.other], found[request.param]


def linked(toys: World, *colours: str) -> tuple[list[str], list[str]]:
    """Toys of these colours, linked; answers the ids of both sides."""
    ours = [toys.toys.put(name=f"Toy {n}", colour=colour) for n, colour in enumerate(colours)]
    assert toys.sync().ok
    partners = {link.customcrm_id: link.keap_id for link in toys.engine.links("toys")}
    return ours, [partners[id] for id in ours]


def colours(box: Box, ids: Sequence[str]) -> list[Any]:
    return [box.records[id].colour for id in ids]


@pytest.mark.parametrize("error", variants(REFUSALS, quick=REFUSALS[:1]), ids=lambda error: str(error.status))
def test_those_that_wait_for_each_other_in_a_row_are_written_in_turn(
    toys: World, boxes: tuple[Box, Box], error: Exception
) -> None:
    edited, unique = boxes
    ids = dict(zip((toys.toys, toys.gadgets), linked(toys, "red", "green", "blue"), strict=True))
    unique.before = unique_colours(unique, error)
    for id, colour in zip(ids[edited], ("green", "blue", "black"), strict=True):
        edited.put(id=id, colour=colour)
    assert toys.sync().ok
    assert colours(unique, ids[unique]) == colours(edited, ids[edited]) == ["green", "blue", "black"]
    assert toys.plan(full=True).is_empty


@pytest.mark.parametrize("error", variants(REFUSALS, quick=REFUSALS[:1]), ids=lambda error: str(error.status))
def test_the_report_names_those_that_swap_and_nothing_is_overwritten(
    toys: World, boxes: tuple[Box, Box], error: Exception
) -> None:
    edited, unique = boxes
    ids = dict(zip((toys.toys, toys.gadgets), linked(toys, "red", "green"), strict=True))
    unique.before = unique_colours(unique, error)
    for id, colour in zip(ids[edited], ("green", "red"), strict=True):
        edited.put(id=id, colour=colour)
    report = toys.sync()
    assert colours(edited, ids[edited]) == ["green", "red"]
    assert colours(unique, ids[unique]) == ["red", "green"]
    assert len(report.failures) == 2
    for line, id in zip(sorted(report.failures, key=str), reversed(ids[unique]), strict=True):
        assert f"{unique.side.title} {id} holds it" in line.reason
    edited.put(id=ids[edited][0], colour="white")
    assert toys.sync().ok
    assert colours(unique, ids[unique]) == ["white", "red"]


def test_those_that_swap_are_written_at_once_where_that_can_be(toys: World, boxes: tuple[Box, Box]) -> None:
    edited, unique = boxes
    ids = dict(zip((toys.toys, toys.gadgets), linked(toys, "red", "green", "blue"), strict=True))
    unique.before = unique_colours(unique, REFUSALS[0])
    at_once: list[int] = []

    def update_together(writes: Sequence[tuple[str, Mapping[str, Any], str | None]]) -> Flow[Sequence[Any]]:
        yield from ()
        at_once.append(len(writes))
        for id, changes, _ in writes:
            unique.put(id=id, **changes)
        return [unique.records[id] for id, _, _ in writes]

    vars(unique).update(writes_together=True, update_together=update_together)
    for id, colour in zip(ids[edited], ("green", "blue", "red"), strict=True):
        edited.put(id=id, colour=colour)
    report = toys.sync()
    assert report.ok
    assert sum(line.outcome == "updated" for line in report.lines) == 3
    assert at_once == [3]
    assert colours(unique, ids[unique]) == colours(edited, ids[edited]) == ["green", "blue", "red"]
    assert toys.plan(full=True).is_empty


def test_what_nobody_gives_up_is_refused_once(toys: World) -> None:
    _, theirs = linked(toys, "red", "green")
    toys.toys.before = unique_colours(toys.toys, REFUSALS[0])
    toys.gadgets.put(id=theirs[0], colour="green")
    [failure] = toys.sync().failures
    assert failure.reason == "taken"
