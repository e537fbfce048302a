"""Creates whose answers were lost: the record is looked for, and made again only when it surely is not there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
from toys import TOYS, World

import keapbridge as kb
from keapbridge._flow.effects import now
from keapbridge.mapping import NearKey
from keapbridge.model.actions import Create, Skip
from keapbridge.model.kept_in_store import Intent
from keapbridge.sync.planning.lost_creates import CLOCK_TOLERANCE, find_made

KEAP = kb.Side.KEAP


def lost(world: World, side: kb.Side = KEAP, *, ago: timedelta = timedelta(0), **draft: Any) -> Intent:
    """A toy whose gadget an earlier run may have made, or the other way round."""
    source = put(world, side.other)
    moment = world.run(now()) - ago
    intent = Intent("key", "toys", side, source, {"Name": "Top", "Colour": "red", **draft}, moment)
    world.run(world.store.intents.intend([intent]))
    return intent


def put(world: World, side: kb.Side, colour: str = "red") -> str:
    """A top of either side."""
    if side is KEAP:
        return world.gadgets.put(title="Top", colour=colour)
    return world.toys.put(name="Top", colour=colour)


def intents(world: World) -> list[Intent]:
    return world.run(world.store.intents.open("toys"))


def found(world: World, intent: Intent) -> list[str]:
    return [seen.id for seen in world.run(find_made(world["toys"], intent))]


def test_the_one_record_that_it_can_be_is_linked(toys: World) -> None:
    intent = lost(toys)
    made = toys.gadgets.put(title="Top", colour="red")
    plan = toys.plan()
    assert [(link.customcrm_id, link.keap_id) for link in toys.engine.links("toys")] == [(intent.source_id, made)]
    assert intents(toys) == []
    report = toys.run(toys.engine.apply(plan))
    assert [(line.outcome, line.reason) for line in report.lines] == [
        ("linked", "made by an earlier run that did not learn of it")
    ]
    assert toys.calls() == []


def test_edits_on_both_sides_since_it_was_sent_are_still_found(toys: World) -> None:
    intent = lost(toys)
    made = toys.gadgets.put(title="Top", colour="red")
    toys.toys.put(id=intent.source_id, colour="green")
    for _ in range(2):
        assert toys.sync().ok
    assert toys.gadgets.records[made].colour == "green"


def test_it_is_not_made_again_before_keap_has_had_the_time_to_show_it(toys: World) -> None:
    intent = lost(toys)
    [skip] = toys.plan().actions
    assert isinstance(skip, Skip)
    assert (skip.side, skip.id) == (kb.Side.CUSTOMCRM, intent.source_id)
    assert skip.reason.startswith("whether its counterpart was made is not certain before")
    assert toys.sync().ok
    assert toys.gadgets.records == {}
    assert intents(toys) == [intent]


def test_after_that_time_it_is_made_again(toy_worlds: Callable[..., World]) -> None:
    world = toy_worlds(lag=timedelta(minutes=1))
    intent = lost(world, ago=timedelta(minutes=2, seconds=1))
    [create] = world.plan().actions
    assert isinstance(create, Create)
    assert create.source_id == intent.source_id
    assert intents(world) == []


def test_several_that_it_could_be_wait_for_a_person(toys: World) -> None:
    intent = lost(toys)
    ids = [toys.gadgets.put(title="Top", colour="red") for _ in range(2)]
    [skip] = [a for a in toys.plan().actions if isinstance(a, Skip) and a.side is kb.Side.CUSTOMCRM]
    assert skip.candidates == tuple((KEAP, id) for id in ids)
    assert intents(toys) == [intent]
    assert list(toys.engine.links("toys")) == []


@pytest.mark.parametrize("side", kb.Side)
def test_one_that_somebody_edited_before_it_was_looked_for_is_not_given_a_second(
    toy_worlds: Callable[..., World], side: kb.Side
) -> None:
    world = toy_worlds()
    intent = lost(world, side)
    made = put(world, side, "green")
    for _ in range(2):
        about = {(a.side, a.id): a for a in world.plan().actions if isinstance(a, Skip)}
        assert about.keys() == {(side, made), (side.other, intent.source_id)}
        assert about[side, made].candidates == ((side.other, intent.source_id),)
        assert intent.source_id in about[side, made].reason
        assert world.sync().ok
    assert world.calls() == []
    assert intents(world) == [intent]

    world.run(world.store.intents.renew(intent.id, intent.created_at - timedelta(minutes=3)))
    assert world.sync().ok
    assert [(link.id(side), link.id(side.other)) for link in world.engine.links("toys")] == [(made, intent.source_id)]
    assert (len(world.toys.records), len(world.gadgets.records)) == (1, 1)


@pytest.mark.parametrize("side", kb.Side)
def test_none_is_made_for_what_it_could_be_while_it_cannot_be_looked_for(
    toy_worlds: Callable[..., World], side: kb.Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = toy_worlds()
    intent = lost(world, side)
    put(world, side, "green")

    def refuse(*_: Any) -> Any:
        raise kb.ServerError("it does not work", status=500)

    box = world.gadgets if side is KEAP else world.toys
    monkeypatch.setattr(box, "find_like", refuse)
    assert {type(action) for action in world.plan().actions} == {Skip}
    world.sync()
    assert world.calls() == []
    assert intents(world) == [intent]


@pytest.mark.parametrize("side", kb.Side)
@pytest.mark.parametrize("colours", [("red", "red"), ("green", "green"), ("red", "green")])
def test_none_of_several_that_it_could_be_is_given_a_counterpart(
    toy_worlds: Callable[..., World], side: kb.Side, colours: tuple[str, str]
) -> None:
    world = toy_worlds()
    lost(world, side)
    for colour in colours:
        put(world, side, colour)
    for _ in range(2):
        assert world.sync().ok
    assert world.calls() == []


@pytest.mark.parametrize("side", kb.Side)
def test_one_of_several_is_given_no_counterpart_though_it_shares_no_key(
    toy_worlds: Callable[..., World], side: kb.Side
) -> None:
    world = toy_worlds()
    intent = lost(world, side, Name=None)
    box, title = (world.gadgets, "title") if side is KEAP else (world.toys, "name")
    made = {box.put(**{title: name}, colour="red") for name in ("Kite", "Ball")}
    assert {a.id for a in world.plan().actions if isinstance(a, Skip)} == {intent.source_id, *made}
    assert world.sync().ok
    assert world.calls() == []


@pytest.mark.parametrize("side", kb.Side)
def test_one_that_is_a_near_miss_by_now_is_not_given_a_second(toy_worlds: Callable[..., World], side: kb.Side) -> None:
    world = toy_worlds()
    world.remap("toys", attrs.evolve(TOYS, near=(NearKey(("Colour",)),)))
    intent = lost(world, side)
    made = put(world, side)
    box = world.gadgets if side is KEAP else world.toys
    box.put(id=made, **{"title" if side is KEAP else "name": "Humming top"})
    assert {a.id for a in world.plan().actions if isinstance(a, Skip)} == {intent.source_id, made}
    assert world.sync().ok
    assert world.calls() == []


@pytest.mark.parametrize("side", kb.Side)
def test_others_are_made_meanwhile(toy_worlds: Callable[..., World], side: kb.Side) -> None:
    world = toy_worlds()
    intent = lost(world, side)
    world.toys.put(name="Ball")
    world.gadgets.put(title="Kite")
    assert world.sync().ok
    assert sorted(what for what, _ in world.calls()) == ["create", "create"]
    assert intents(world) == [intent]


def test_it_is_told_of_one_whose_record_is_gone(toys: World) -> None:
    intent = lost(toys)
    del toys.toys.records[intent.source_id]
    [skip] = toys.plan().actions
    assert isinstance(skip, Skip)
    assert skip.id == intent.source_id


def test_a_record_that_has_been_linked_since_needs_nothing(toys: World) -> None:
    ours, _ = toys.linked_toy()
    toys.run(toys.store.intents.intend([Intent("key", "toys", KEAP, ours, {"Name": "Top"}, toys.run(now()))]))
    assert toys.plan().is_empty
    assert intents(toys) == []


def test_a_system_that_knows_the_key_is_not_searched(toys: World) -> None:
    intent = lost(toys)
    toys.gadgets.creates_once = True
    toys.gadgets.put(title="Ball")
    toys.plan()
    assert intents(toys) == [intent]


@pytest.mark.parametrize(
    ("values", "is_it"),
    [
        ({"title": "Top", "colour": "red"}, True),
        ({"title": "TOP ", "colour": "red"}, True),
        ({"title": "Top", "colour": "blue"}, False),
        ({"title": "Top"}, False),
    ],
    ids=["all", "in its own form", "another", "less"],
)
def test_it_holds_all_that_was_sent_in_the_systems_own_form(toys: World, values: dict[str, Any], is_it: bool) -> None:
    intent = lost(toys)
    made = toys.gadgets.put(**values)
    assert found(toys, intent) == ([made] if is_it else [])


@pytest.mark.parametrize("beyond", [timedelta(seconds=-1), timedelta(seconds=1)], ids=["within", "beyond"])
def test_it_is_no_older_than_clocks_may_differ(toys: World, beyond: timedelta) -> None:
    intent = lost(toys)
    made = toys.gadgets.put(title="Top", colour="red")
    toys.gadgets.made_at[made] = intent.created_at - CLOCK_TOLERANCE - beyond
    assert (made in found(toys, intent)) is (beyond < timedelta(0))


def test_it_is_found_though_the_clock_of_its_intent_was_ahead(toys: World) -> None:
    assert toys.sync().ok  # from then on it is known up to when the systems were read
    intent = lost(toys, ago=timedelta(hours=-1))
    made = toys.gadgets.put(title="Top", colour="red")
    toys.gadgets.made_at[made] = toys.run(now())
    assert found(toys, intent) == [made]


def test_it_is_linked_to_nothing_else(toys: World) -> None:
    toys.linked_toy()
    assert found(toys, lost(toys)) == []


def test_a_draft_that_nothing_can_be_told_by_finds_nothing(toys: World) -> None:
    toys.gadgets.put(title="Top", colour="red")
    intent = Intent("key", "toys", KEAP, "1", {"Name": None}, toys.run(now()))
    assert found(toys, intent) == []
