"""Ending links: a removal is checked once more against what is really there, and never destroys an edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from toys import World

import keapbridge as kb
from keapbridge.errors import NotFoundError, StatusError

Worlds = Callable[..., World]
DELETING = kb.Policy(deletions="delete")
ARCHIVING = kb.Policy(deletions={"keap": "archive"}, archive={"keap": {"toys": {"colour": "faded"}}})


def planned(worlds: Worlds, policy: kb.Policy) -> tuple[World, kb.Plan, str, str]:
    """A toy that was deleted in Customcrm, and the plan that follows from it."""
    world = worlds(policy=policy)
    ours, theirs = world.linked_toy()
    del world.toys.records[ours]
    return world, world.plan(full=True), ours, theirs


def outcomes(world: World, plan: kb.Plan) -> list[tuple[str, str]]:
    return [(line.outcome, line.reason) for line in world.run(world.engine.apply(plan)).lines]


def test_the_counterpart_of_a_deleted_record_is_deleted_where_the_policy_says_so(toy_worlds: Worlds) -> None:
    world, plan, _, _ = planned(toy_worlds, DELETING)
    assert outcomes(world, plan) == [("deleted", "deleted in Customcrm")]
    assert world.gadgets.records == {}
    assert list(world.engine.links("toys")) == []


def test_it_is_archived_and_not_copied_back_where_the_policy_says_that(toy_worlds: Worlds) -> None:
    world, plan, _, theirs = planned(toy_worlds, ARCHIVING)
    assert outcomes(world, plan) == [("archived", "deleted in Customcrm")]
    assert world.gadgets.records[theirs].colour == "faded"
    assert list(world.engine.links("toys")) == []
    assert world.sync(full=True).ok
    assert world.toys.records == {}


def test_nothing_is_deleted_whose_partner_is_there_after_all(toy_worlds: Worlds) -> None:
    world, plan, ours, theirs = planned(toy_worlds, DELETING)
    world.toys.put(id=ours, name="Top", colour="red")
    assert outcomes(world, plan) == [("skipped", "it is in Customcrm after all")]
    assert theirs in world.gadgets.records
    assert [link.customcrm_id for link in world.engine.links("toys")] == [ours]


def test_nothing_is_deleted_that_was_edited_since_the_plan(toy_worlds: Worlds) -> None:
    world, plan, _, theirs = planned(toy_worlds, DELETING)
    world.gadgets.put(id=theirs, colour="blue")
    [(outcome, reason)] = outcomes(world, plan)
    assert (outcome, reason) == ("conflict", "deleted in Customcrm, edited in Keap; waits for a decision")
    assert world.gadgets.records[theirs].colour == "blue"
    assert [conflict.keap_id for conflict in world.run(world.engine.conflicts())] == [theirs]


def test_what_is_gone_on_both_sides_is_forgotten(toy_worlds: Worlds) -> None:
    world, plan, _, theirs = planned(toy_worlds, DELETING)
    del world.gadgets.records[theirs]
    assert outcomes(world, plan) == [("unlinked", "deleted on both sides")]
    assert list(world.engine.links("toys")) == []


def test_somebody_else_may_be_quicker_to_delete(toy_worlds: Worlds) -> None:
    world, plan, _, theirs = planned(toy_worlds, DELETING)

    def meanwhile(what: str, _id: str, _values: Mapping[str, Any]) -> None:
        if what == "delete":
            del world.gadgets.records[theirs]
            raise NotFoundError("gone", status=404)

    world.gadgets.before = meanwhile
    assert [outcome for outcome, _ in outcomes(world, plan)] == ["deleted"]


@pytest.mark.parametrize("policy", [DELETING, ARCHIVING], ids=["delete", "archive"])
def test_a_refused_removal_is_told_and_the_link_stays(toy_worlds: Worlds, policy: kb.Policy) -> None:
    world, plan, ours, _ = planned(toy_worlds, policy)

    def refuse(what: str, _id: str, _values: Mapping[str, Any]) -> None:
        if what in {"delete", "update"}:
            raise StatusError("it is in use", status=422)

    world.gadgets.before = refuse
    assert [outcome for outcome, _ in outcomes(world, plan)] == ["failed"]
    assert [link.customcrm_id for link in world.engine.links("toys")] == [ours]


def test_an_unlinked_record_is_kept_and_its_history_tells_nothing_was_written(toy_worlds: Worlds) -> None:
    world, plan, _, theirs = planned(toy_worlds, kb.Policy(deletions="unlink"))
    before = world.calls()
    assert outcomes(world, plan) == [("unlinked", "deleted in Customcrm")]
    assert world.calls() == before
    assert theirs in world.gadgets.records
