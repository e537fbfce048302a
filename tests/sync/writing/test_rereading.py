"""Records are read again before they are written: what moved meanwhile is decided anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toys import World

import keapbridge as kb


def test_what_moved_between_plan_and_apply_is_not_overwritten(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, name="Kite")
    plan = toys.plan()
    toys.toys.put(id=ours, name="Ball")
    toys.gadgets.put(id=theirs, colour="blue")
    assert toys.run(toys.engine.apply(plan)).ok
    assert toys.gadgets.records[theirs].colour == "blue"
    assert toys.sync().ok
    assert (toys.gadgets.records[theirs].title, toys.toys.records[ours].colour) == ("Ball", "blue")


def test_a_record_that_is_gone_when_it_is_to_be_written_is_not_made_again(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, name="Kite")
    plan = toys.plan()
    del toys.gadgets.records[theirs]
    [failure] = toys.run(toys.engine.apply(plan)).failures
    assert failure.side is kb.Side.KEAP
    assert failure.reason.startswith("could not be read again in Keap: it is not there any more")
    assert toys.gadgets.records == {}


def test_a_record_that_cannot_be_read_again_is_told_with_what_stood_in_the_way(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, name="Kite")
    plan = toys.plan()

    def refused(what: str, _id: str, _values: Mapping[str, Any]) -> None:
        if what == "get":
            raise kb.NoAnswerError("no answer about gadgets: refused, for nothing listens at this address and port")

    toys.gadgets.before = refused
    [failure] = toys.run(toys.engine.apply(plan)).failures
    assert failure.side is kb.Side.KEAP
    assert failure.reason.startswith("could not be read again in Keap: no answer about gadgets: refused")
    assert toys.gadgets.records[theirs].title == "Top"
