"""What speaks against taking for an edit what a record shows: it is older and holds what it held, it is another one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest
from toys import World

import keapbridge as kb
from keapbridge.sync.linked_in_doubt import LAGGING, RESTORED, doubted, has_gone_back

Worlds = Callable[..., World]
CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
AT_ONCE = timedelta(0)


def doubts_of(world: World, ours: str) -> list[str]:
    def look() -> object:
        pairs = yield from world["toys"].store.links.pairs_of("toys", [ours])
        return (yield from doubted(world["toys"], pairs))

    return [pair.doubt.about for pair in world.run(look()) if pair.doubt is not None]  # type: ignore[arg-type]


def gone_back(world: World, side: kb.Side, ids: tuple[str, ...]) -> bool:
    return world.run(has_gone_back(world["toys"], {side: ids}))


@pytest.mark.parametrize("side", [CUSTOMCRM, KEAP])
def test_a_record_that_is_older_and_holds_what_it_held_has_gone_back(toy_worlds: Worlds, side: kb.Side) -> None:
    toys = toy_worlds(lag=AT_ONCE)
    ours, theirs = toys.restored_toy(side)
    toys.plan(full=True)
    assert doubts_of(toys, ours) == [RESTORED]
    assert gone_back(toys, side, (ours if side is CUSTOMCRM else theirs,))
    assert not gone_back(toys, side, ())


def test_shortly_after_the_write_it_may_be_a_list_that_lags(toys: World) -> None:
    ours, _ = toys.restored_toy(CUSTOMCRM)
    toys.plan(full=True)
    assert doubts_of(toys, ours) == [LAGGING]
    assert not gone_back(toys, CUSTOMCRM, (ours,))


def test_for_that_it_need_not_be_older_by_much(toy_worlds: Worlds) -> None:
    for lag, colour in ((timedelta(minutes=1), "blue"), (AT_ONCE, "red")):
        toys = toy_worlds(lag=lag)
        ours, theirs = toys.restored_toy(CUSTOMCRM)
        stamp = toys.run(toys.store.links.pairs_of("toys", [ours]))[0].link.life(CUSTOMCRM).changed
        toys.toys.records[ours] = attrs.evolve(toys.toys.records[ours], updated_at=stamp - timedelta(seconds=1))
        assert toys.sync(full=True).ok
        assert toys.gadgets.records[theirs].colour == colour


def test_an_older_stamp_with_a_new_value_is_an_edit(toy_worlds: Worlds) -> None:
    toys = toy_worlds(lag=AT_ONCE)
    ours, theirs = toys.restored_toy(CUSTOMCRM)
    toys.toys.records[ours] = attrs.evolve(toys.toys.records[ours], colour="green")
    assert toys.sync(full=True).ok
    assert toys.gadgets.records[theirs].colour == "green"


def test_an_earlier_value_that_was_chosen_now_is_an_edit(toy_worlds: Worlds) -> None:
    toys = toy_worlds(lag=AT_ONCE)
    ours, theirs = toys.restored_toy(CUSTOMCRM)
    toys.toys.put(id=ours)
    assert toys.sync(full=True).ok
    assert toys.gadgets.records[theirs].colour == "red"


def test_without_stamps_nobody_can_tell(toy_worlds: Worlds) -> None:
    toys = toy_worlds(lag=AT_ONCE)
    ours, theirs = toys.restored_toy(CUSTOMCRM)
    toys.toys.records[ours] = attrs.evolve(toys.toys.records[ours], updated_at=None)
    assert toys.sync(full=True).ok
    assert toys.gadgets.records[theirs].colour == "red"
