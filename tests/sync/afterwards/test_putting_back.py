"""One write is taken back: exactly, in few calls, and never over what somebody has typed since."""

from __future__ import annotations

from typing import Any

import pytest
from toys import World

import keapbridge as kb

CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP


def _edited(world: World, number: int = 1, **values: Any) -> tuple[list[str], str]:
    """Toys that a run has edited in Keap; their Keap ids, and the run."""
    ours = [world.toys.put(name=f"Top {n}", colour="red") for n in range(number)]
    assert world.sync().ok
    theirs = {link.customcrm_id: link.keap_id for link in world.engine.links("toys")}
    for id in theirs.values():
        world.gadgets.put(id=id, colour=" red ")
    assert world.sync().ok
    for id in ours:
        world.toys.put(id=id, **({"colour": "green"} | values))
    done = world.sync()
    assert done.count("updated") == number
    for box in (world.toys, world.gadgets):
        box.calls.clear()
    return [theirs[id] for id in ours], done.run_id


def _undo(world: World, run_id: str) -> kb.Report:
    report: kb.Report = world.run(world.engine.undo(run_id))
    return report


def test_many_are_read_in_few_calls_and_each_is_written_once() -> None:
    world = World()
    theirs, done = _edited(world, 30)
    reads: list[str] = []
    world.gadgets.before = lambda what, ids, _: reads.append(ids) if what == "get" else None
    report = _undo(world, done)
    assert (report.ok, report.count("updated")) == (True, 30)
    assert {world.gadgets.records[id].colour for id in theirs} == {" red "}
    assert len(reads) == 1
    assert sorted(world.gadgets.calls) == sorted(("update", id) for id in theirs)
    assert world.toys.calls == []
    world.gadgets.before = lambda *_: None
    assert world.plan(full=True).is_empty


def test_what_somebody_typed_since_stays_and_the_rest_is_put_back() -> None:
    world = World()
    [theirs], done = _edited(world, name="Spinning top")
    world.gadgets.put(id=theirs, colour="blue")
    report = _undo(world, done)
    assert [line.reason for line in report.lines if line.outcome == "skipped"] == ["edited since: Colour"]
    assert (world.gadgets.records[theirs].title, world.gadgets.records[theirs].colour) == ("Top 0", "blue")


def test_what_a_system_keeps_in_a_form_of_its_own_is_no_edit() -> None:
    world = World()
    world.gadgets.hides = frozenset({"colour"})

    def shout(what: str, id: str, values: Any) -> None:
        if what == "update" and values.get("colour"):
            world.gadgets.put(id=id, colour=values["colour"].upper())

    world.gadgets.after = shout
    [theirs], done = _edited(world)
    assert world.gadgets.records[theirs].colour == "GREEN"
    world.gadgets.after = lambda *_: None
    report = _undo(world, done)
    assert (report.count("updated"), world.gadgets.records[theirs].colour) == (1, " red ")


def test_one_that_moves_just_before_its_write_is_looked_at_again() -> None:
    world = World()
    theirs, done = _edited(world, 2)
    moved = theirs[0]

    def move(what: str, id: str, _: Any) -> None:
        if what == "update" and id == moved and world.gadgets.records[id].colour == "green":
            world.gadgets.put(id=id, colour="blue")
            raise kb.ConflictError("it was changed meanwhile", status=412)

    world.gadgets.before = move
    report = _undo(world, done)
    assert [line.reason for line in report.lines if line.outcome == "skipped"] == ["edited since: Colour"]
    assert [world.gadgets.records[id].colour for id in theirs] == ["blue", " red "]


def test_a_write_that_was_done_although_it_seems_to_conflict_is_remembered() -> None:
    world = World()
    [theirs], done = _edited(world)

    def twice(what: str, id: str, _: Any) -> None:
        if what == "update":
            raise kb.ConflictError("it was changed meanwhile: by this very write", status=412)

    world.gadgets.after = twice
    report = _undo(world, done)
    assert (report.count("updated"), report.count("failed")) == (1, 0)
    world.gadgets.after = lambda *_: None
    assert world.plan(full=True).is_empty
    assert world.gadgets.records[theirs].colour == " red "


@pytest.mark.parametrize("error", [kb.StatusError("no", status=422), ValueError("a mistake")])
def test_one_that_fails_is_a_line_and_the_others_are_put_back(error: Exception) -> None:
    world = World()
    theirs, done = _edited(world, 3)

    def refuse(what: str, id: str, _: Any) -> None:
        if what == "update" and id == theirs[1]:
            raise error

    world.gadgets.before = refuse
    report = _undo(world, done)
    [failed] = [line for line in report.lines if line.outcome == "failed"]
    assert (failed.keap_id, failed.fields) == (theirs[1], ("Colour",))
    assert [world.gadgets.records[id].colour for id in theirs] == [" red ", "green", " red "]
    world.gadgets.before = lambda *_: None
    again = _undo(world, done)
    assert (again.count("updated"), again.count("skipped")) == (1, 2)


def test_a_record_that_cannot_be_read_is_not_deleted() -> None:
    world = World()
    world.toys.put(name="Top", colour="red")
    done = world.sync()
    [made] = world.gadgets.records

    def odd(what: str, ids: str, _: Any) -> None:
        if what == "get" and made in ids.split():
            raise kb.ShapeError("it is odd", paths=["$.title"])

    world.gadgets.before = odd
    report = _undo(world, done.run_id)
    assert {(line.outcome, line.reason) for line in report.lines} == {("failed", "it is odd")}
    assert list(world.gadgets.records) == [made]


def test_the_link_of_a_record_that_was_made_ends_without_a_word_of_its_own() -> None:
    world = World()
    for n in range(3):
        world.toys.put(name=f"Top {n}")
    done = world.sync()
    report = _undo(world, done.run_id)
    assert [line.outcome for line in report.lines] == ["deleted"] * 3
    assert (world.gadgets.records, list(world.engine.links("toys"))) == ({}, [])


def test_links_alone_end_without_a_write() -> None:
    world = World()
    for n in range(5):
        world.toys.put(name=f"Top {n}", colour="red")
        world.gadgets.put(title=f"Top {n}", colour="red")
    done = world.sync()
    assert (done.count("linked"), world.calls()) == (5, [])
    report = _undo(world, done.run_id)
    assert (report.count("unlinked"), world.calls()) == (5, [])
    assert world.plan(full=True).counts.get("toys", {}).get("link", 0) == 0, "they are kept apart"
