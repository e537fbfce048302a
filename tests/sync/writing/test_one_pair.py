"""Writing one pair: it may move while it is written, a few times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from toys import World

import keapbridge as kb
from keapbridge.errors import ConflictError
from keapbridge.sync.writing.one_pair import ATTEMPTS, STANDS_STILL


def quiet(world: World) -> bool:
    """Whether nothing is left to do, also when everything is looked at again."""
    return world.plan(full=True).is_empty


def test_a_record_that_moved_is_read_again_and_decided_anew(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, colour="green")
    moves = iter([True])

    def meanwhile(what: str, id: str, _: Mapping[str, Any]) -> None:
        if what == "update" and next(moves, False):
            toys.gadgets.put(id=id, title="Spinning top")
            raise ConflictError("it moved", status=409)

    toys.gadgets.before = meanwhile
    assert toys.sync().ok
    gadget, toy = toys.gadgets.records[theirs], toys.toys.records[ours]
    assert (gadget.title, gadget.colour) == (toy.name, toy.colour) == ("Spinning top", "green")
    assert quiet(toys)


def test_a_record_that_never_stands_still_fails_and_is_left_as_it_is(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, colour="green")
    tries: list[str] = []

    def meanwhile(what: str, id: str, _: Mapping[str, Any]) -> None:
        if what == "update":
            tries.append(id)
            toys.gadgets.put(id=id)
            raise ConflictError("it moved", status=409)

    toys.gadgets.before = meanwhile
    [failure] = toys.sync().failures
    assert (failure.fields, failure.reason) == (
        ("Colour",),
        "it kept changing while it was to be written; a later run tries again",
    )
    assert tries == [theirs] * ATTEMPTS
    assert toys.gadgets.records[theirs].colour == "red"


@pytest.mark.parametrize("side", list(kb.Side))
def test_a_system_that_refuses_the_version_that_it_shows_is_told_from_one_that_moves(
    toys: World, side: kb.Side
) -> None:
    ours, theirs = toys.linked_toy()
    box, other, id = (toys.toys, toys.gadgets, theirs) if side is kb.Side.CUSTOMCRM else (toys.gadgets, toys.toys, ours)
    other.put(id=id, colour="green")

    def refuse(what: str, _id: str, _: Mapping[str, Any]) -> None:
        if what == "update":
            raise ConflictError("412 for it", status=412)

    box.before = refuse
    [failure] = toys.sync().failures
    assert (failure.fields, failure.reason) == (("Colour",), f"412 for it: {STANDS_STILL}")
    assert [record.colour for record in box.records.values()] == ["red"]
