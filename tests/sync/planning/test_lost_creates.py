"""Creates whose answers were lost: the record is looked for, and made again only when it surely is not there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from toys import World

import keapbridge as kb
from keapbridge._io.effects import now
from keapbridge.model.kept import Intent
from keapbridge.model.plan import Create, Skip
from keapbridge.sync.planning.lost_creates import CLOCK_TOLERANCE, find_made

KEAP = kb.Side.KEAP


def lost(world: World, *, ago: timedelta = timedelta(0), **draft: Any) -> Intent:
    """A toy whose gadget an earlier run may have made."""
    source = world.toys.put(name="Top", colour="red")
    moment = world.run(now()) - ago
    intent = Intent("key", "toys", KEAP, source, {"Name": "Top", "Colour": "red", **draft}, moment)
    world.run(world.store.intents.intend([intent]))
    return intent


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
