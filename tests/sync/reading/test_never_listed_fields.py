"""What few records hold and no list shows: an edit of it is noticed, at few reads."""

from __future__ import annotations

from itertools import product

import pytest
from leaving import Leaving, colours, leaving
from toys import Box, World

import keapbridge as kb
from keapbridge.decide.absent_fields import Verdict
from keapbridge.sync.reading.never_listed_fields import PROBED
from keapbridge.sync.reading.unlisted_fields import is_listed_again

SIDES = list(kb.Side)
NUMBER = 3 * PROBED


@pytest.fixture(params=product(SIDES, ["colour", "price"]), ids=lambda it: f"{it[0].value}-{it[1]}")
def sparse(toys: World, request: pytest.FixtureRequest) -> tuple[World, Leaving, Box]:
    """Two linked boxes, one of whose lists leave out what none of its records holds yet."""
    side, left_out = request.param
    box, other = leaving(toys, side)
    box.thrifty = True
    box.unlisted_properties = frozenset({left_out})
    for n in range(NUMBER):
        box.put(**{"name" if side is kb.Side.CUSTOMCRM else "title": f"toy {n}"})
    assert toys.sync().ok
    toys.sync()
    box.reads.clear()
    return toys, box, other


def reads_alone(box: Leaving) -> int:
    return box.reads.count("get")


@pytest.mark.parametrize("also", [[], range(NUMBER - 1)], ids=["alone", "among others"])
def test_the_first_edit_of_it_is_noticed_and_so_are_all_others(toys: World, also: range) -> None:
    box, other = leaving(toys, kb.Side.KEAP)
    box.thrifty, box.unlisted_properties = True, frozenset({"colour"})
    for n in range(NUMBER):
        toys.toys.put(name=f"toy {n}")
    toys.sync()
    toys.sync()
    ids = list(box.records)
    for n in also:
        box.put(id=ids[n], title=f"new {n}", colour="green")
    box.put(id=ids[-1], colour="red")
    box.reads.clear()
    for _ in range(2):
        toys.sync()
    held = ["green"] * len(also)
    assert sorted(map(str, colours(other))) == sorted(["None"] * (NUMBER - 1 - len(also)) + held + ["red"])
    box.put(id=ids[-1], colour="blue")
    toys.sync()
    assert sorted(map(str, colours(other))) == sorted(["None"] * (NUMBER - 1 - len(also)) + held + ["blue"])
    assert not toys.plan(full=True).counts


def test_where_nobody_holds_it_one_is_read_of_those_that_change_and_show_nothing_new(
    sparse: tuple[World, Leaving, Box],
) -> None:
    toys, box, _ = sparse
    toys.sync(full=True)
    assert reads_alone(box) == 0
    for id in list(box.records):
        box.put(id=id)
    toys.sync()
    assert reads_alone(box) == 1
    box.reads.clear()
    for n, id in enumerate(box.records):
        box.put(id=id, **{"name" if box is toys.toys else "title": f"new {n}"})
    toys.sync()
    toys.sync()
    assert reads_alone(box) == 0


def test_once_lists_show_it_nothing_is_read_for_it(sparse: tuple[World, Leaving, Box]) -> None:
    toys, box, other = sparse
    box.unlisted_properties, box.thrifty = frozenset(), False
    for id in list(box.records)[:2]:
        box.put(id=id, colour="red", price=None)
    toys.sync()
    assert colours(other).count("red") == 2
    box.thrifty = True
    box.reads.clear()
    for id in list(box.records)[2:]:
        box.put(id=id)
    toys.sync()
    assert reads_alone(box) == 0


@pytest.mark.parametrize("side", SIDES)
def test_what_only_lists_show_at_last_stays_held(toys: World, side: kb.Side) -> None:
    sync = toys["toys"]
    absences = sync.absences
    absences.never_listed[side], absences.shown[side] = {"Colour"}, {"Colour"}
    absences.verdicts[side, "Colour"] = Verdict.VANISHED  # no read by id shows it
    toys.run(is_listed_again(sync, anew=False))
    assert not absences.never_listed[side]
    assert absences.has_vanished(side, "Colour")
