"""The draft of a plan: actions are written down as they are found, in the order in which they are applied."""

from __future__ import annotations

from typing import Any

from toys import World

import keapbridge as kb
from keapbridge._flow.effects import now
from keapbridge.model.actions import HELD, Create, Skip, Update
from keapbridge.model.change import Change, Held
from keapbridge.store.sql.plans import Begun
from keapbridge.sync.planning.draft import PlanDraft

KEAP = kb.Side.KEAP
COLOUR = Change("Colour", KEAP, "red", "green")


def begun(world: World) -> PlanDraft:
    return PlanDraft(world.store, "plan", Begun(world.run(now()), ("makers", "toys")))


def skip(id: str, **more: Any) -> Skip:
    return Skip("toys", KEAP, id, "no reason", **more)


def test_actions_stay_in_the_order_in_which_they_were_added(toys: World) -> None:
    draft = begun(toys)
    first, second = draft.part(toys["makers"]), draft.part(toys["toys"])
    maker = Skip("makers", KEAP, "5", "no reason")
    for part, actions in ((first, [maker]), (second, [skip("9"), skip("1")]), (second, []), (second, [skip("4")])):
        toys.run(part.add(actions))
    plan = toys.run(draft.finish())
    assert list(plan.actions) == [maker, skip("9"), skip("1"), skip("4")]
    assert (first.actions, second.actions) == (1, 3)


def test_a_plan_counts_what_its_parts_count(toys: World) -> None:
    draft = begun(toys)
    draft.part(toys["makers"])
    part = draft.part(toys["toys"])
    part.unchanged = 7
    part.totals["links"] = 12
    held = (Held("Price", KEAP, "no currency"),)
    toys.run(
        part.add(
            [
                Create("toys", KEAP, "1", {"Name": "Top"}, held),
                Update("toys", "2", "902", (COLOUR,)),
                skip("3"),
                skip("4", field="Price"),
            ]
        )
    )
    plan = toys.run(draft.finish())
    assert plan.counts == {"toys": {"create in Keap": 1, HELD: 2, "update in Keap": 1, "skip": 1}}
    assert plan.unchanged == {"makers": 0, "toys": 7}
    assert plan.totals["toys"] == {"links": 12}
    assert not plan.is_empty


def test_a_part_belongs_to_the_plan_that_it_was_begun_in(toys: World) -> None:
    draft = PlanDraft(toys.store, "plan", None)
    assert draft.part(toys["toys"]).plan_id == "plan"
    assert [part.sync.name for part in draft.parts] == ["toys"]
