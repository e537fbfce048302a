"""What lists leave out and reads by id show: edits of it flow, nothing is overwritten unseen, at few reads."""

from __future__ import annotations

from itertools import product

import pytest
from leaving import Leaving, colours, leaving, made
from tiers import variants
from toys import TOYS, Box, World

import keapbridge as kb
from keapbridge.decide.absent_fields import SAMPLE
from keapbridge.model.actions import Update
from keapbridge.sync.reading import unlisted_fields

CRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
SIDES = [CRM, KEAP]
WAYS = [*product(SIDES, [False, True])]
COLOUR = frozenset({"colour"})


def told(report: kb.Report) -> list[str]:
    return [line.reason for line in report.lines if line.fields == ("Colour",) and "leave it out" in line.reason]


def secretive(toys: World, side: kb.Side, *, by_ids: bool = False) -> tuple[Leaving, Box]:
    box, other = leaving(toys, side)
    box.unlisted_properties, box.shows_by_ids = COLOUR, by_ids
    return box, other


def first_contact(toys: World, number: int, ours: str | None, theirs: str | None) -> None:
    for n in range(number):
        toys.toys.put(name=f"toy {n}", colour=ours)
        toys.gadgets.put(title=f"toy {n}", colour=theirs)


def by_name(box: Box) -> dict[str, str | None]:
    return {getattr(record, "name", "") or record.title: record.colour for record in box.records.values()}


def is_quiet(toys: World) -> bool:
    return not any(toys.plan(full=full).counts for full in (False, True))


@pytest.mark.parametrize(("side", "by_ids"), WAYS[1:3])
def test_what_is_edited_there_is_noticed_by_its_stamp(toys: World, side: kb.Side, *, by_ids: bool) -> None:
    box, other = secretive(toys, side, by_ids=by_ids)
    made(toys, 4)
    reports = [toys.sync() for _ in range(3)]
    assert is_quiet(toys)
    first, second, *_ = box.records
    box.put(id=first, colour="green")
    box.put(id=second)
    box.reads.clear()
    reports.append(toys.sync())
    # Two have changed; nothing is read of the others, and nothing twice.
    assert box.reads == ["list", "get 2"] if by_ids else ["list", "get 2", "get", "get"]
    assert sorted(colours(other)) == ["green", "red", "red", "red"]
    other.put(id=next(i for i, r in other.records.items() if r.colour == "green"), colour="blue")
    reports.append(toys.sync())
    assert box.records[first].colour == "blue"
    assert is_quiet(toys)
    assert sum(len(told(report)) for report in reports) <= 1


@pytest.mark.parametrize(("side", "by_ids"), WAYS[1:3])
@pytest.mark.parametrize("here", variants(["blue", None], quick=["blue"]))
def test_at_first_contact_the_other_side_learns_of_it(
    toys: World, side: kb.Side, here: str | None, *, by_ids: bool
) -> None:
    box, other = secretive(toys, side, by_ids=by_ids)
    first_contact(toys, 2, *((here, None) if side is CRM else (None, here)))
    reports = [toys.sync() for _ in range(2)]
    assert colours(other) == colours(box) == [here] * 2
    assert [len(told(report)) for report in reports] == ([1, 0] if here else [0, 0])
    assert is_quiet(toys)


def test_what_else_a_read_by_id_shows_is_learnt_with_it(toys: World) -> None:
    box, other = secretive(toys, KEAP)
    box.unlisted_properties = frozenset({"colour", "price"})
    made(toys, 4, colour=None)
    first, second, *_ = box.records
    for id in (first, second):  # nobody in Customcrm has a price
        box.put(id=id, price=kb.keap.Money(500, "USD"))
    toys.toys.put(id=next(iter(other.records)), colour="red")
    for _ in range(4):
        toys.sync()
    assert sorted(str(record.price) for record in other.records.values()).count("5.00") == 2
    box.reads.clear()
    assert is_quiet(toys)
    assert not [read for read in box.reads if read.startswith("get")]


@pytest.mark.parametrize("side", SIDES)
def test_however_many_there_are_none_is_overwritten_unseen(toys: World, side: kb.Side) -> None:
    box, _ = secretive(toys, side)
    number = SAMPLE + 2
    names = [f"colour {n}" for n in range(number)]
    made(toys, number, colour=None)
    for id, colour in zip(box.records, names, strict=True):
        box.put(id=id, colour=colour)
    for n, id in enumerate(toys.toys.records if side is KEAP else toys.gadgets.records):
        (toys.toys if side is KEAP else toys.gadgets).put(id=id, colour=f"other {n}")
    for id, colour in zip(box.records, names, strict=True):
        box.put(id=id, colour=colour)  # these are the newer ones
    toys.sync()
    toys.sync()
    assert sorted(colours(toys.toys)) == sorted(colours(toys.gadgets)) == sorted(names)


@pytest.mark.parametrize("side", variants(SIDES, quick=[KEAP]))
def test_without_stamps_an_edit_of_it_alone_waits_and_is_never_lost(toys: World, side: kb.Side) -> None:
    box, other = secretive(toys, side)
    box.stamped = box.lists_changes = False
    made(toys, 2)
    toys.sync()
    first, _ = box.records
    box.put(id=first, colour="green")
    box.reads.clear()
    assert is_quiet(toys)
    assert not [read for read in box.reads if read.startswith("get")]
    for id in other.records:
        other.put(id=id, colour="blue")
    toys.sync()
    written = toys.run(toys.engine.bridge.store.journal.history("toys", side, first))
    # It was read before it was written over, and is not lost.
    assert box.records[first].colour == "green" or written[0].before["Colour"] == "green"


@pytest.mark.parametrize("side", variants(SIDES, quick=[CRM]))
def test_it_can_be_cleared_and_nothing_is_when_no_read_shows_it_any_more(toys: World, side: kb.Side) -> None:
    box, other = secretive(toys, side)
    box.thrifty = True
    made(toys, 6)
    toys.sync()
    first, *rest = box.records
    box.put(id=first, colour=None)
    toys.sync()
    assert sorted(colours(other), key=str) == [None] + ["red"] * 5
    box.unshown = COLOUR
    for id in rest[:2]:
        box.put(id=id)
    lines = [line for line in toys.sync().lines if line.outcome == "held"]
    assert [(line.fields, "no record of" in line.reason) for line in lines] == [(("Colour",), True)]
    assert sorted(colours(other), key=str) == [None] + ["red"] * 5
    box.unshown = frozenset()
    box.put(id=rest[0], colour="blue")
    for _ in range(2):
        toys.sync()
    assert sorted(colours(other), key=str) == sorted(colours(box), key=str) == [None, "blue"] + ["red"] * 4


def test_who_was_linked_before_it_was_known_is_read_some_in_each_run(
    toys: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlisted_fields, "CATCH_UP", 2)
    box, other = secretive(toys, KEAP)
    made(toys, 5, colour=None)
    for id, record in box.records.items():
        box.records[id] = type(record)(**{**_held(record), "colour": "blue"})  # no stamp tells of it
    toys.toys.put(id=next(iter(other.records)), colour="red")
    toys.sync()
    filled = []
    for _ in range(4):
        toys.sync()
        filled.append(colours(other).count("blue"))
    assert filled[-1] >= 4
    assert is_quiet(toys)


def _held(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in ("id", "title", "maker_id", "price", "updated_at")}


def test_who_leaves_the_filter_by_it_is_left_alone_by_the_plan_already(toys: World) -> None:
    box, other = secretive(toys, KEAP)
    toys.remap("toys", TOYS.where(keap={"Colour": ("red", None)}))
    made(toys, 2)
    toys.toys.put(name="bare", colour=None)
    for _ in range(3):
        toys.sync()
    bare = next(id for id, record in box.records.items() if record.title == "bare")
    ours = next(id for id, record in other.records.items() if record.name == "bare")
    box.put(id=bare, colour="blue")
    other.put(id=ours, name="Kite")
    for full in (False, True, True):
        toys.sync(full=full)
    assert (box.records[bare].title, box.records[bare].colour) == ("bare", "blue")
    assert not any(isinstance(action, Update) for action in toys.plan(full=True).actions)


def test_whom_the_sync_itself_made_outside_the_filter_is_not_planned_for_ever(toys: World) -> None:
    box, other = secretive(toys, KEAP)
    toys.remap("toys", TOYS.where(keap={"Colour": ("red", None)}))
    made(toys, 2)
    blue = other.put(name="Kite", colour="blue")
    for _ in range(3):
        toys.sync()
    [theirs] = [id for id, record in box.records.items() if record.title == "Kite"]
    other.put(id=blue, name="Dragon")
    for _ in range(2):
        toys.sync(full=True)
    assert not any(isinstance(action, Update) for action in toys.plan(full=True).actions)
    assert (box.records[theirs].title, box.records[theirs].colour) == ("Kite", "blue")
    box.put(id=theirs, colour="red")
    toys.sync()
    assert box.records[theirs].title == "Dragon"


def test_whom_only_that_lets_take_part_does_so(toys: World) -> None:
    box, other = secretive(toys, KEAP)
    made(toys, 4)
    for _ in range(3):
        toys.sync()
    toys.remap("toys", TOYS.where(keap={"Colour": ("red",)}))
    toys.sync()
    first = next(iter(other.records))
    other.put(id=first, name="Dragon")
    toys.sync()
    assert "Dragon" in {record.title for record in box.records.values()}
    assert is_quiet(toys)


def test_what_lists_show_again_is_taken_at_their_word(toys: World) -> None:
    box, other = secretive(toys, KEAP)
    made(toys, 3)
    toys.sync()
    box.unlisted_properties = frozenset()
    for id in box.records:
        box.put(id=id, colour="blue")
    box.reads.clear()
    toys.sync()
    assert box.reads == ["list"]
    assert colours(other) == ["blue"] * 3
    assert not toys["toys"].absences.unlisted[KEAP]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("again", [False, True])
def test_what_is_typed_beside_a_record_of_which_nothing_is_known_arrives(
    toys: World, side: kb.Side, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    monkeypatch.setattr(unlisted_fields, "CATCH_UP", 0)
    box, other = secretive(toys, side)
    box.thrifty = True
    made(toys, 3)
    for n in range(3):
        toys.toys.put(name=f"bare {n}")
    toys.sync()
    red, bare = ([id for id, r in other.records.items() if r.colour == colour] for colour in ("red", None))
    for id, record in box.records.items():
        if record.colour == "red":
            box.put(id=id)  # it is found out by them that lists leave it out
    toys.sync()
    if again:
        box.unlisted_properties = frozenset()
        toys.sync(full=True)
    for id, colour in zip((*bare, *red), ("blue", "green", "pink", "grey", "white", None), strict=True):
        other.put(id=id, colour=colour)
    assert toys.sync().ok
    assert by_name(box) == by_name(other)
    assert sorted(colours(other), key=str) == [None, "blue", "green", "grey", "pink", "white"]
    assert is_quiet(toys)


@pytest.mark.parametrize("side", SIDES)
def test_where_nothing_is_known_an_edit_waits_until_the_other_record_can_be_read(toys: World, side: kb.Side) -> None:
    box, other = secretive(toys, side)
    box.unlisted_properties = frozenset()
    made(toys, 3, colour=None)
    toys.sync()
    toys.run(toys.engine.bridge.store.bases.forget("toys", {side: ["Colour"]}))
    first, second, _ = other.records
    other.put(id=first, colour="blue")
    other.put(id=second)
    box.unlisted = set(box.records)  # they have not changed

    is_down = True

    def fail(what: str, _id: str, _record: object) -> None:
        if what == "get" and is_down:
            raise kb.ServerError("out of order", status=503)

    box.before = fail
    for _ in range(2):
        report = toys.sync()
        assert [(line.fields, line.outcome) for line in report.lines] == [(("Colour",), "held")]
    assert colours(box) == [None] * 3
    is_down = False
    assert toys.sync().ok
    assert colours(box) == colours(other) == ["blue", None, None]
    box.unlisted.clear()
    assert is_quiet(toys)
