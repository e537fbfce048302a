"""Fields that begin anew: the other side's value fills them, and what was known of them counts no more."""

from __future__ import annotations

import attrs
import pytest
from tiers import named, variants
from toys import Box, World

import keapbridge as kb
from keapbridge.mapping import Mapper
from keapbridge.sync.reading.anew import begin_anew

SIDES = list(kb.Side)


def colours(*boxes: Box) -> set[object]:
    return {record.colour for box in boxes for record in box.records.values()}


def red_toys(toys: World, number: int = 3) -> None:
    for n in range(number):
        toys.toys.put(name=f"toy {n}", colour="red")
    assert toys.sync().ok


def sync_as(toys: World, mapper: Mapper) -> None:
    toys.remap("toys", mapper)
    assert toys.sync().ok


@pytest.mark.parametrize("side", SIDES)
def test_what_is_empty_where_a_field_begins_anew_is_filled_from_the_other_side(toys: World, side: kb.Side) -> None:
    red_toys(toys)
    box = {kb.Side.CUSTOMCRM: toys.toys, kb.Side.KEAP: toys.gadgets}[side]
    for id in box.records:
        box.put(id=id, colour=None)
    toys.run(begin_anew(toys["toys"], {side: ["Colour"]}))
    assert toys.sync().ok
    assert colours(toys.toys, toys.gadgets) == {"red"}


@pytest.mark.parametrize("side", variants(SIDES, quick=[kb.Side.CUSTOMCRM]))
def test_what_was_cleared_while_a_field_was_out_of_the_mapping_is_filled(toys: World, side: kb.Side) -> None:
    red_toys(toys)
    whole = toys["toys"].mapper
    sync_as(toys, whole.without("Colour"))
    box = {kb.Side.CUSTOMCRM: toys.toys, kb.Side.KEAP: toys.gadgets}[side]
    for id in box.records:
        box.put(id=id, colour=None)
    sync_as(toys, whole.without("Colour"))
    assert colours(box) == {None}
    sync_as(toys, whole)
    assert colours(toys.toys, toys.gadgets) == {"red"}


@pytest.mark.parametrize("side", variants(SIDES, quick=[kb.Side.KEAP]))
def test_so_it_is_when_records_were_only_looked_at_one_by_one(toys: World, side: kb.Side) -> None:
    red_toys(toys)
    whole = toys["toys"].mapper
    box = {kb.Side.CUSTOMCRM: toys.toys, kb.Side.KEAP: toys.gadgets}[side]
    ids = {side: list(box.records), side.other: []}
    toys.remap("toys", whole.without("Colour"))
    assert toys.run(toys.engine.sync(("toys",), ids=ids)).ok
    for id in box.records:
        box.put(id=id, colour=None)
    toys.remap("toys", whole)
    assert toys.run(toys.engine.sync(("toys",), ids=ids)).ok
    assert toys.sync().ok
    assert colours(toys.toys, toys.gadgets) == {"red"}


def cut_short(toys: World, cuts: kb.Side) -> str:
    """A toy whose colour is longer than one side can hold; its id in Customcrm."""
    box, other = (toys.toys, toys.gadgets)[:: 1 if cuts is kb.Side.CUSTOMCRM else -1]
    box.after = lambda _what, id_, values: box.records.update(
        {id_: attrs.evolve(box.records[id_], colour=values["colour"][:5])} if values.get("colour") else {}
    )
    other.put(**({"title": "top"} if cuts is kb.Side.CUSTOMCRM else {"name": "top"}), colour="crimson")
    assert toys.sync().ok
    assert colours(box) == {"crims"}
    assert not toys.plan(full=True).counts
    return next(iter(toys.toys.records))


@pytest.mark.parametrize("cuts", variants(SIDES, quick=[kb.Side.KEAP]))
@pytest.mark.parametrize("wins", ["customcrm", "keap", "newest"])
def test_a_field_that_comes_back_to_its_place_lets_no_cut_value_flow(cuts: kb.Side, wins: str) -> None:
    toys = World(policy=kb.Policy(conflicts=wins))  # type: ignore[arg-type]
    cut_short(toys, cuts)
    whole = toys["toys"].mapper
    sync_as(toys, whole.without("Colour"))
    sync_as(toys, whole.without("Colour", "Maker"))
    calls = toys.calls()
    for box in (toys.toys, toys.gadgets):
        box.put(id=next(iter(box.records)))  # it was saved, and is as it was
    sync_as(toys, whole)
    assert toys.calls() == calls
    assert colours(toys.toys, toys.gadgets) == {"crims", "crimson"}
    assert toys.plan(full=True).is_empty
    # From then on it is as it was before: who clears it clears it.
    toys.toys.put(id=next(iter(toys.toys.records)), colour=None)
    assert toys.sync().ok
    assert colours(toys.toys, toys.gadgets) == {None}


@pytest.mark.parametrize("cuts", variants(SIDES, quick=[kb.Side.KEAP]))
@pytest.mark.parametrize("side", SIDES)
def test_an_edit_meanwhile_flows_when_its_field_comes_back(cuts: kb.Side, side: kb.Side) -> None:
    toys = World(policy=kb.Policy(conflicts=side.other))
    cut_short(toys, cuts)
    whole = toys["toys"].mapper
    sync_as(toys, whole.without("Colour"))
    box = toys.toys if side is kb.Side.CUSTOMCRM else toys.gadgets
    box.put(id=next(iter(box.records)), colour="blue")
    sync_as(toys, whole)
    assert colours(toys.toys, toys.gadgets) == {"blue"}


def test_a_field_that_comes_back_to_another_place_has_no_past() -> None:
    toys = World(policy=kb.Policy(conflicts="manual"))
    red_toys(toys)
    whole = toys["toys"].mapper
    sync_as(toys, whole.without("Colour", "Maker"))
    for id in toys.gadgets.records:
        toys.gadgets.put(id=id, maker_id="blue")
    sync_as(toys, whole.without("Colour", "Maker").with_lenses(kb.text("Colour", keap="maker_id")))
    assert len(toys.run(toys.engine.conflicts(("toys",)))) == 3


def test_a_field_that_is_mapped_to_another_place_has_no_past_there(toys: World) -> None:
    red_toys(toys)
    for id in toys.gadgets.records:
        toys.gadgets.put(id=id, maker_id=None)
    toys.gadgets.put(id=next(iter(toys.gadgets.records)), colour="blue")
    mapper = toys["toys"].mapper.without("Maker").with_lenses(kb.text("Colour", keap="maker_id"))
    sync_as(toys, mapper)
    assert colours(toys.toys) == {"red"}
    assert {record.maker_id for record in toys.gadgets.records.values()} == {"red"}
    assert sorted(record.colour for record in toys.gadgets.records.values()) == ["blue", "red", "red"]


@pytest.mark.parametrize("side", variants(SIDES, quick=[kb.Side.CUSTOMCRM]))
def test_a_column_that_was_dropped_and_added_again_is_filled(toys: World, side: kb.Side) -> None:
    red_toys(toys, 4)
    toys.sync()
    box = {kb.Side.CUSTOMCRM: toys.toys, kb.Side.KEAP: toys.gadgets}[side]
    other = toys.gadgets if box is toys.toys else toys.toys
    for id, record in box.records.items():  # no stamp moves
        box.records[id] = attrs.evolve(record, colour=None)
    other.put(id=next(iter(other.records)), colour="blue")
    assert toys.sync(full=True).ok
    assert sorted(map(str, (record.colour for record in box.records.values()))) == ["blue", "red", "red", "red"]
    assert not toys.plan(full=True).counts


@pytest.mark.parametrize(
    ("side", "how"),
    named(
        {
            f"{how}, {side.value}": (side, how)
            for side in SIDES
            for how in ("with their stamps", "but one", "one of two", "where nothing has stamps")
        },
        quick=[
            f"with their stamps, {SIDES[0].value}",
            f"but one, {SIDES[1].value}",
            f"one of two, {SIDES[0].value}",
            f"where nothing has stamps, {SIDES[1].value}",
        ],
    ),
)
def test_what_people_have_emptied_is_cleared(toys: World, side: kb.Side, how: str) -> None:
    number = 2 if how == "one of two" else 4
    red_toys(toys, number)
    toys.sync()
    box = {kb.Side.CUSTOMCRM: toys.toys, kb.Side.KEAP: toys.gadgets}[side]
    other = toys.gadgets if box is toys.toys else toys.toys
    left = number - 1 if how in {"but one", "one of two"} else number
    for id, record in list(box.records.items())[:left]:
        if how == "with their stamps":
            box.put(id=id, colour=None)
        else:
            stamp = None if how == "where nothing has stamps" else record.updated_at
            box.records[id] = attrs.evolve(record, colour=None, updated_at=stamp)
    assert toys.sync(full=True).ok
    assert sum(record.colour is None for record in other.records.values()) == left
