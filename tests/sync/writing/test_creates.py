"""Making counterparts: what is about to be made is written down first, so that nothing is ever made twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import attrs
import pytest
from toys import World, only

import keapbridge as kb
from keapbridge.errors import BoundError, MappingError, ServerError, ShapeError, StatusError, TransportError
from keapbridge.model.kept_in_store import Intent
from keapbridge.sync.writing.creates import is_ambiguous


def intents(world: World) -> list[Intent]:
    return world.run(world.store.intents.open("toys"))


def raising(error: Exception, *, once: bool = True) -> Any:
    """Something that fails a create, the first or every one."""
    left = iter([error] if once else iter(lambda: error, None))

    def hook(what: str, _id: str, _values: Mapping[str, Any]) -> None:
        if what == "create" and (found := next(left, None)) is not None:
            raise found

    return hook


def test_what_is_about_to_be_made_is_written_down_and_crossed_out_once_it_is_linked(toys: World) -> None:
    ours = toys.toys.put(name="Top", colour="red")
    known: list[Intent] = []
    toys.gadgets.before = lambda what, _id, _values: known.extend(intents(toys)) if what == "create" else None
    assert toys.sync().count("created", "toys") == 1
    [intent] = known
    assert (intent.side, intent.source_id) == (kb.Side.KEAP, ours)
    assert (intent.values["Name"], intent.values["Colour"]) == ("Top", "red")
    assert intents(toys) == []
    [link] = toys.engine.links("toys")
    assert link.keap_id == only(toys.gadgets.records).id
    assert link.keap_base["Colour"] == link.customcrm_base["Colour"] == "red"


@pytest.mark.parametrize("same_key_is_safe", [False, True])
def test_a_create_whose_answer_was_lost_is_not_made_again(toys: World, same_key_is_safe: bool) -> None:
    toys.gadgets.creates_once = same_key_is_safe
    ours = toys.toys.put(name="Top", colour="red")
    toys.gadgets.after = raising(TransportError("cut off", sent=True))
    [failure] = toys.sync().failures
    assert failure.reason.endswith("the next run finds out whether it was made")
    assert [intent.source_id for intent in intents(toys)] == [ours]
    made = only(toys.gadgets.records).id
    toys.toys.put(id=ours, colour="green")
    assert toys.sync().ok
    assert [(link.customcrm_id, link.keap_id) for link in toys.engine.links("toys")] == [(ours, made)]
    assert intents(toys) == []
    assert toys.sync().ok
    assert only(toys.gadgets.records).colour == "green", "the edit that came in between is still found"
    assert toys.toys.records.keys() == {ours}


@pytest.mark.parametrize(
    "error", [TransportError("no route", sent=False), StatusError("refused", status=422)], ids=["unsent", "refused"]
)
def test_a_create_that_surely_failed_is_forgotten_and_done_by_the_next_run(toys: World, error: Exception) -> None:
    toys.toys.put(name="Top")
    toys.gadgets.before = raising(error)
    [failure] = toys.sync().failures
    assert failure.reason == str(error)
    assert intents(toys) == []
    assert toys.gadgets.records == {}
    assert toys.sync().ok
    assert only(toys.gadgets.records).title == "Top"


def test_one_that_fails_does_not_stop_the_others(toys: World) -> None:
    for name in ("Top", "Kite", "Ball"):
        toys.toys.put(name=name)

    def refuse(what: str, _: str, values: Mapping[str, Any]) -> None:
        if what == "create" and values["title"] == "Kite":
            raise StatusError("no kites", status=422)

    toys.gadgets.before = refuse
    assert [failure.customcrm_id for failure in toys.sync().failures] == ["2"]
    assert {gadget.title for gadget in toys.gadgets.records.values()} == {"Top", "Ball"}


def test_what_a_system_fills_in_by_itself_is_nobodys_edit(toys: World) -> None:
    ours = toys.toys.put(name="Top")
    toys.gadgets.after = toys.gadgets.edited(colour="grey")
    assert toys.sync().ok
    assert toys.plan(full=True).is_empty
    assert toys.toys.records[ours].colour is None
    toys.gadgets.after = lambda *_: None
    toys.gadgets.put(id=only(toys.gadgets.records).id, colour="blue")
    assert toys.sync().ok
    assert toys.toys.records[ours].colour == "blue"


def test_what_the_answer_hides_is_read_back(toys: World) -> None:
    toys.toys.put(name="Top", colour="red")
    toys.gadgets.hides = frozenset({"title", "colour"})
    toys.gadgets.after = toys.gadgets.edited(colour="RED")
    assert toys.sync().ok
    [link] = toys.engine.links("toys")
    assert (link.customcrm_base["Colour"], link.keap_base["Colour"]) == ("red", "RED")
    assert toys.plan(full=True).is_empty


@pytest.mark.parametrize("side", list(kb.Side), ids=str)
def test_a_value_that_a_new_record_is_shown_without_was_not_taken(side: kb.Side) -> None:
    toys = World(lag=timedelta(0))
    source, target = (toys.toys, toys.gadgets)[:: 1 if side is kb.Side.KEAP else -1]

    def drop(_what: str, id: str, _values: Mapping[str, Any]) -> None:
        target.records[id] = attrs.evolve(target.records[id], colour=None)

    target.after = drop
    source.put(**{"name" if side is kb.Side.KEAP else "title": "Top"}, colour="red")
    told = [line for _ in range(4) for line in toys.sync(full=True).lines]
    assert [line.fields for line in told if line.outcome == "failed"] == [("Colour",)] * 2
    assert only(source.records).colour == "red", "nobody has cleared it"
    assert len(target.calls) == 2, "it is not written again and again"
    target.put(id=only(target.records).id, colour="blue")
    toys.sync()
    assert only(source.records).colour == "blue"


def test_a_record_that_was_deleted_after_the_plan_is_not_copied(toys: World) -> None:
    ours = toys.toys.put(name="Top")
    old = toys.plan()
    toys.plan()  # looks again, so the first plan cannot know what the store knows now
    del toys.toys.records[ours]
    assert toys.run(toys.engine.apply(old)).ok
    assert toys.gadgets.records == {}


@pytest.mark.parametrize(
    ("error", "ambiguous"),
    [
        (ServerError("failed", status=500), True),
        (ShapeError("not understood"), True),
        (TransportError("cut off", sent=True), True),
        (BoundError("too long an answer", bound="answer_bytes"), True),
        (TransportError("no route", sent=False), False),
        (StatusError("refused", status=422), False),
        (MappingError("no"), False),
        (KeyError("no"), False),
    ],
    ids=str,
)
def test_a_write_may_have_taken_effect_unless_it_is_known_that_it_did_not(error: Exception, ambiguous: bool) -> None:
    assert is_ambiguous(error) is ambiguous
