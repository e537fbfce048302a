"""Writing to pairs: what moved is decided anew, what is refused is told, and what was written is never forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from tiers import variants
from toys import Box, World, only

import keapbridge as kb
from keapbridge.errors import ServerError, StatusError, UnavailableError


def refusing_colours(what: str, _: str, values: Mapping[str, Any], status: int = 422) -> None:
    if what == "update" and "colour" in values:
        raise StatusError("no such colour", status=status)


def quiet(world: World) -> bool:
    """Whether nothing is left to do, also when everything is looked at again."""
    return world.plan(full=True).is_empty


@pytest.mark.parametrize("status", variants([400, 422], quick=[422]))
def test_what_is_refused_as_a_whole_is_written_property_by_property(toys: World, status: int) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, name="Kite", colour="infrared")
    toys.gadgets.before = partial(refusing_colours, status=status)
    [failure] = toys.sync().failures
    assert (failure.side, failure.fields) == (kb.Side.KEAP, ("Colour",))
    gadget = toys.gadgets.records[theirs]
    assert (gadget.title, gadget.colour) == ("Kite", "red")
    base = only({link.keap_id: link for link in toys.engine.links("toys")}).keap_base
    assert (base["Name"], base["Colour"]) == ("Kite", "red")


def test_what_is_refused_is_told_once_also_when_the_rest_is_read_back(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, name="Kite", colour="infrared")
    toys.gadgets.hides = frozenset({"title", "colour"})
    toys.gadgets.before = refusing_colours
    report = toys.sync()
    assert report.count("failed") == 1
    [failure] = toys.run(toys.engine.failures(["toys"]))[:1]
    assert failure.tries == 1
    assert toys.gadgets.records[theirs].title == "Kite"
    toys.gadgets.before = lambda *_: None
    assert toys.sync().ok, "it is tried again at once"
    assert toys.gadgets.records[theirs].colour == "infrared"


def test_what_the_first_side_wrote_stays_when_the_second_fails(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, name="Kite")
    toys.gadgets.put(id=theirs, colour="blue")

    def meanwhile(what: str, _id: str, _values: Mapping[str, Any]) -> None:
        if what == "update":
            raise ServerError("out of order", status=500)

    toys.gadgets.before = meanwhile
    report = toys.sync()
    assert [(line.outcome, line.side, line.fields) for line in report.lines] == [
        ("updated", kb.Side.CUSTOMCRM, ("Colour",)),
        ("failed", None, ("Name",)),
    ]
    [link] = toys.engine.links("toys")
    assert (link.customcrm_base["Colour"], link.keap_base["Colour"]) == ("blue", "blue")
    assert (link.customcrm_base["Name"], link.keap_base["Name"]) == ("Top", "Top")
    toys.gadgets.before = lambda *_: None
    assert toys.sync().ok
    assert toys.toys.calls == [("update", ours)], "nothing is written twice"
    assert toys.gadgets.calls == [("create", theirs), ("update", theirs)]
    assert toys.gadgets.records[theirs].title == "Kite"


def test_what_the_answer_does_not_show_is_read_back(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.gadgets.hides = frozenset({"title", "colour"})
    toys.gadgets.after = toys.gadgets.edited(title="KITE")
    toys.toys.put(id=ours, name="Kite")
    assert toys.sync().ok
    [link] = toys.engine.links("toys")
    assert (link.customcrm_base["Name"], link.keap_base["Name"]) == ("Kite", "KITE")
    assert quiet(toys)
    assert toys.toys.records[ours].name == "Kite"
    assert toys.gadgets.records[theirs].title == "KITE"


def test_a_system_that_is_down_ends_the_run_and_the_rest_is_for_the_next_one(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, name="Kite")

    def meanwhile(what: str, _id: str, _values: Mapping[str, Any]) -> None:
        if what == "update":
            raise UnavailableError("it rests")

    toys.gadgets.before = meanwhile
    with pytest.raises(UnavailableError) as stopped:
        toys.sync()
    assert stopped.value.report is not None
    assert stopped.value.report.count("updated") == 0
    toys.gadgets.before = lambda *_: None
    assert toys.sync().ok
    assert toys.gadgets.records[theirs].title == "Kite"


def test_records_that_are_the_same_are_linked_without_a_write(toys: World) -> None:
    toys.toys.put(name="Top", colour="red")
    toys.gadgets.put(title="Top", colour="red")
    toys.toys.put(name="Kite", colour="red")
    toys.gadgets.put(title="Kite")
    report = toys.sync()
    assert report.count("linked") == 2
    assert [what for what, _ in toys.calls()] == ["update"], "only the kite had no colour"
    assert {gadget.colour for gadget in toys.gadgets.records.values()} == {"red"}


# --- what is written and not taken ----------------------------------------------------------------------------------


@pytest.mark.parametrize("hides", [frozenset(), frozenset({"colour"})], ids=["answered", "read back"])
@pytest.mark.parametrize("side", variants(kb.Side, quick=[kb.Side.KEAP]), ids=lambda side: side.title)
@pytest.mark.parametrize("edit", variants(["green", None], quick=["green"]), ids=["changed", "cleared"])
def test_what_is_not_taken_is_told_and_is_no_edit_of_the_side_that_did_not_take_it(
    toy_worlds: Callable[..., World], hides: frozenset[str], side: kb.Side, edit: str | None
) -> None:
    world = toy_worlds(lag=timedelta(0))
    ours, theirs = world.linked_toy()
    boxes = {kb.Side.CUSTOMCRM: (world.toys, ours), kb.Side.KEAP: (world.gadgets, theirs)}
    (source, edited), (target, id) = boxes[side.other], boxes[side]
    target.hides = hides
    target.after = lambda what, its, _: _put_if(what == "update", target, its, colour="red")
    source.put(id=edited, colour=edit)
    for run in range(4):
        report = world.sync(full=bool(run % 2))
        assert (source.records[edited].colour, target.records[id].colour) == (edit, "red")
        told = [line for line in report.lines if "Colour" in line.fields and line.outcome in {"failed", "held"}]
        assert told, "it is told as long as it is so"
        assert (told[0].outcome == "failed") is (run < 2)
    assert target.calls.count(("update", id)) == 2, "it is not written again and again"


def test_what_a_side_has_shown_once_can_be_edited_back(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, colour="green")
    toys.gadgets.hides = frozenset({"colour"})
    toys.gadgets.after = lambda what, its, _: _put_if(what == "update", toys.gadgets, its, colour="red")
    report = toys.sync()
    [held] = [line for line in report.lines if line.outcome == "held"]
    assert (held.fields, held.reason) == (("Colour",), "Keap does not show yet what was written")
    assert not report.failures
    toys.gadgets.put(id=theirs, colour="green")
    assert toys.sync().ok
    assert quiet(toys)
    toys.gadgets.put(id=theirs, colour="red")
    assert toys.sync().ok
    assert toys.toys.records[ours].colour == "red", "it was shown before: somebody has put the old value back"


def test_an_edit_after_what_was_not_taken_is_written(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, colour="green")
    toys.gadgets.after = lambda what, its, _: _put_if(what == "update", toys.gadgets, its, colour="red")
    toys.sync()
    toys.gadgets.after = lambda *_: None
    toys.toys.put(id=ours, colour="blue")
    assert toys.sync().ok
    assert (toys.toys.records[ours].colour, toys.gadgets.records[theirs].colour) == ("blue", "blue")
    assert quiet(toys)


def test_what_a_run_that_ended_too_early_has_written_is_no_edit_of_the_side_that_lags(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, colour="green")
    toys.gadgets.hides = frozenset({"colour"})
    toys.gadgets.after = lambda what, its, _: _put_if(what == "update", toys.gadgets, its, colour="red")

    def down(what: str, *_: Any) -> None:
        if what == "get" and toys.gadgets.calls:
            raise UnavailableError("gone", retry_at=None)

    toys.gadgets.before, toys.gadgets.calls = down, []
    toys.sync()
    toys.gadgets.before = lambda *_: None
    toys.sync(full=True)
    assert toys.toys.records[ours].colour == "green"
    toys.gadgets.put(id=theirs, colour="green")
    toys.sync()
    assert quiet(toys)


def _put_if(so: bool, box: Box, id: str, **values: Any) -> None:
    if so:
        box.put(id=id, **values)
