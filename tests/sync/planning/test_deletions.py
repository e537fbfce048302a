"""Deletions: only a 404 proves that a record is gone, and what could be a merge never costs a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from toys import World

import keapbridge as kb
from keapbridge.errors import ShapeError
from keapbridge.model.actions import Adopt, Conflict, Delete, Skip, Unlink
from keapbridge.model.records import Awaited, Link, Observation, Pair, Snapshot
from keapbridge.sync.planning.deletions import ENDS_EARLY, RECORD, differs

Worlds = Callable[..., World]
CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
BOTH_DELETE = kb.Policy(deletions="delete")


def test_what_a_list_does_not_show_is_looked_up_and_found(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.gadgets.unlisted = {theirs}
    plan = toys.plan(full=True)
    reason = f"the list does not show {theirs} though they are there: {ENDS_EARLY}"
    assert list(plan.actions) == [Skip("toys", KEAP, "*", reason)]
    assert toys.gadgets.looks == [theirs]
    toys.toys.put(id=ours, colour="green")
    assert toys.sync().ok
    assert toys.gadgets.records[theirs].colour == "green"


@pytest.mark.parametrize("side", [CUSTOMCRM, KEAP])
def test_a_list_that_ends_early_is_told_whatever_it_may_leave_out(toys: World, side: kb.Side) -> None:
    box = toys.toys if side is CUSTOMCRM else toys.gadgets
    for n in range(5):
        toys.linked_toy(name=f"Toy {n}")
    box.unlisted = set(box.records)
    assert list(toys.sync().lines) == [], "a list of changes shows few"
    told = [str(line) for line in toys.sync(full=True).lines]
    first = ", ".join(sorted(box.records)[:3])
    reason = f"the list does not show {first} and 2 more though they are there: {ENDS_EARLY}"
    assert told == [f"toys: {side.title} * skipped: {reason}"]
    box.unlisted.clear()
    assert list(toys.sync(full=True).lines) == []
    assert len(toys.toys.records) == len(toys.gadgets.records) == 5


@pytest.mark.parametrize("made", [timedelta(0), timedelta(hours=1)])
def test_what_was_made_a_moment_ago_may_not_be_listed_yet(toy_worlds: Worlds, made: timedelta) -> None:
    toys = toy_worlds(lag=timedelta(minutes=1))
    _, theirs = toys.linked_toy()
    toys.gadgets.made_at[theirs] = datetime.now(UTC) - made
    toys.sync(full=True)
    toys.gadgets.unlisted = {theirs}
    assert len(list(toys.sync(full=True).lines)) == bool(made)


def test_an_edit_of_what_a_list_does_not_show_is_found_by_looking_it_up(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.gadgets.unlisted = {theirs}
    toys.gadgets.put(id=theirs, colour="blue")
    for _ in range(2):
        assert toys.sync(full=True).ok
    assert toys.toys.records[ours].colour == "blue"


def test_an_unexpected_form_is_no_proof_that_a_record_is_gone(toys: World) -> None:
    _, theirs = toys.linked_toy()
    toys.gadgets.unlisted = {theirs}

    def odd(what: str, id: str, _: Mapping[str, Any]) -> None:
        if what == "get":
            raise ShapeError(f"{id} is odd")

    toys.gadgets.before = odd
    assert toys.plan(full=True).is_empty


def test_a_404_is_proof(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    del toys.gadgets.records[theirs]
    assert list(toys.plan(full=True).actions) == [Unlink("toys", ours, theirs, KEAP, "deleted in Keap")]
    assert toys.gadgets.looks == [theirs]


def test_no_more_is_looked_up_than_tells_that_the_brakes_hold(toy_worlds: Worlds) -> None:
    world = toy_worlds(policy=kb.Policy(max_deletes=1))
    for name in "abcde":
        world.toys.put(name=name)
    assert world.sync().ok
    world.gadgets.records.clear()
    plan = world.plan(full=True)
    assert len(world.gadgets.looks) == 2
    found = list(plan.actions)
    assert [type(action) for action in found].count(Unlink) == 2
    reasons = {action.reason for action in found if isinstance(action, Skip)}
    assert reasons == {"not shown by the list; more are missing than the policy lets be removed"}
    with pytest.raises(kb.BrakeError):
        world.run(world.engine.apply(plan))
    assert len(list(world.engine.links("toys"))) == 5


@pytest.mark.parametrize("gone", [CUSTOMCRM, KEAP])
def test_the_policy_says_what_becomes_of_the_counterpart(toy_worlds: Worlds, gone: kb.Side) -> None:
    policy = kb.Policy(deletions={gone.other.value: "delete", gone.value: "ignore"})
    world = toy_worlds(policy=policy)
    world.linked_toy(name="Top")
    ours, theirs = world.linked_toy(name="Kite")
    first, second = list(world.engine.links("toys"))
    del (world.toys if gone is CUSTOMCRM else world.gadgets).records[second.id(gone)]
    del (world.toys if gone is KEAP else world.gadgets).records[first.id(gone.other)]
    found = set(world.plan(full=True).actions)
    assert found == {
        Delete("toys", gone.other, second.id(gone.other), second.id(gone)),
        Skip(
            "toys",
            gone,
            first.id(gone),
            f"deleted in {gone.other.title}, and the policy is to ignore it",
        ),
    }
    assert {second.customcrm_id, second.keap_id} == {ours, theirs}


def test_what_was_edited_waits_for_a_decision_instead_of_being_deleted(toy_worlds: Worlds) -> None:
    world = toy_worlds(policy=BOTH_DELETE)
    ours, theirs = world.linked_toy()
    del world.toys.records[ours]
    world.gadgets.put(id=theirs, colour="blue")
    [action] = world.plan(full=True).actions
    assert isinstance(action, Conflict)
    assert action.conflict.field == RECORD
    assert action.conflict.reason == "deleted in Customcrm, edited in Keap"


@pytest.mark.parametrize("side", kb.Side)
def test_what_was_edited_and_is_deleted_as_well_waits_for_nobody(toy_worlds: Worlds, side: kb.Side) -> None:
    world = toy_worlds(policy=BOTH_DELETE)
    boxes = dict(zip(kb.Side, zip((world.toys, world.gadgets), world.linked_toy(), strict=True), strict=True))
    (box, gone), (other, left) = boxes[side], boxes[side.other]
    del box.records[gone]
    other.put(id=left, colour="blue")
    assert [conflict.field for conflict in _waiting(world)] == [RECORD]
    del other.records[left]
    assert world.sync(full=True).count("conflict") == 0
    assert not list(world.engine.links("toys"))
    assert not _waiting(world)
    assert not world.toys.records
    assert not world.gadgets.records


def _waiting(world: World) -> list[Any]:
    """What waits for a decision after a run."""
    assert world.sync(full=True).ok
    return list(world.run(world.engine.conflicts()))


# --- merged in Keap -------------------------------------------------------------------------------------------------


def merged(world: World, *losers: str, name: str = "Ada") -> str:
    """People merge these makers of Keap into one that is none of them; answers its id."""
    for id in losers:
        del world.keap_makers.records[id]
    return world.keap_makers.put(name=name)


def makers(world: World, *names: str) -> list[Link]:
    for name in names:
        world.crm_makers.put(name=name)
    assert world.sync().ok
    return list(world.engine.links("makers"))


def test_the_link_moves_to_the_survivor_of_a_merge(toy_worlds: Worlds) -> None:
    world = toy_worlds(policy=BOTH_DELETE)
    [link] = makers(world, "Ada")
    survivor = merged(world, link.keap_id)
    [action] = world.plan(full=True).actions
    assert isinstance(action, Adopt)
    assert (action.customcrm_id, action.keap_id, action.replaces) == (link.customcrm_id, survivor, link.keap_id)


def test_a_survivor_is_claimed_once(toy_worlds: Worlds) -> None:
    world = toy_worlds(policy=BOTH_DELETE)
    one, two = makers(world, "Ada", "Bob")
    world.crm_makers.put(id=two.customcrm_id, name="Ada")
    assert world.sync().ok
    survivor = merged(world, one.keap_id, two.keap_id)
    actions = list(world.plan(full=True).actions)
    assert [action.keap_id for action in actions if isinstance(action, Adopt)] == [survivor]
    [unlinked] = [action for action in actions if isinstance(action, Unlink)]
    assert survivor in unlinked.reason
    assert unlinked.reason.endswith("nothing is deleted")
    assert not [action for action in actions if isinstance(action, Delete)]


def test_nothing_is_deleted_where_several_could_be_the_survivor(toy_worlds: Worlds) -> None:
    world = toy_worlds(policy=BOTH_DELETE)
    [link] = makers(world, "Ada")
    first = merged(world, link.keap_id)
    second = merged(world)
    found = [action for action in world.plan(full=True).actions if isinstance(action, (Unlink, Delete, Adopt))]
    reason = f"deleted in Keap, perhaps merged into {first}, {second}: nothing is deleted"
    assert found == [Unlink("makers", link.customcrm_id, link.keap_id, KEAP, reason)]


def test_records_that_are_never_merged_have_no_survivors(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    del toys.gadgets.records[theirs]
    toys.gadgets.put(title="Top")
    found = [action for action in toys.plan(full=True).actions if isinstance(action, Unlink)]
    assert found == [Unlink("toys", ours, theirs, KEAP, "deleted in Keap")]


@pytest.mark.parametrize("side", [CUSTOMCRM, KEAP], ids=str)
def test_what_is_there_under_another_id_costs_its_counterpart_nothing(toy_worlds: Worlds, side: kb.Side) -> None:
    world = toy_worlds(policy=BOTH_DELETE)
    ours, theirs = world.linked_toy()
    box, other = (world.toys, world.gadgets) if side is CUSTOMCRM else (world.gadgets, world.toys)
    gone, left = (ours, theirs) if side is CUSTOMCRM else (theirs, ours)
    held = box.records.pop(gone)
    again = box.put(**{"name" if side is CUSTOMCRM else "title": "Top"}, colour=held.colour)
    kept = dict(other.records)
    [unlinked] = [action for action in world.plan(full=True).actions if isinstance(action, (Unlink, Delete))]
    reason = f"deleted in {side.title}, perhaps {again} now: nothing is deleted"
    assert unlinked == Unlink("toys", ours, theirs, side, reason)
    for full in (True, True, False):
        assert world.sync(full=full).ok
        assert other.records == kept
    [link] = world.engine.links("toys")
    assert (link.id(side), link.id(side.other)) == (again, left)


def test_another_record_of_the_same_key_that_is_linked_is_no_successor(toy_worlds: Worlds) -> None:
    world = toy_worlds(policy=BOTH_DELETE)
    ours, theirs = world.linked_toy()
    kite = world.toys.put(name="Kite", colour="blue")
    assert world.sync().ok
    world.toys.put(id=kite, name="Top")
    assert world.sync().ok
    del world.toys.records[ours]
    [deleted] = [action for action in world.plan(full=True).actions if isinstance(action, (Unlink, Delete))]
    assert deleted == Delete("toys", KEAP, theirs, ours)


# --- edits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "edited"),
    [
        ({"Name": "Top"}, False),
        ({"Name": "Kite"}, True),
        ({"Name": None}, True),
        ({}, False),
        ({"Colour": "red"}, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("side", list(kb.Side))
def test_an_edit_is_a_difference_from_what_the_side_itself_held(
    held: dict[str, Any], edited: bool, side: kb.Side
) -> None:
    link = Link("1", "901").with_base(side, {"Name": "Top"}).with_base(side.other, {"Name": "TOP"})
    seen = Observation(side, link.id(side), Snapshot(held))
    assert differs(Pair(link, None, None).seeing(seen), side) is edited
    assert not differs(Pair(link, None, None), side), "what was not seen is as its base says"


@pytest.mark.parametrize("side", list(kb.Side))
def test_what_a_side_held_before_a_write_that_it_does_not_show_yet_is_no_edit(side: kb.Side) -> None:
    link = Link("1", "901").with_base(side, {"Name": "Top"})
    link = link.awaiting(side, {"Name": Awaited("Kite", "Top", datetime(2026, 3, 1, tzinfo=UTC))})
    for held, edited in (("Kite", False), ("Ball", True)):
        seen = Observation(side, link.id(side), Snapshot({"Name": held}))
        assert differs(Pair(link, None, None).seeing(seen), side) is edited


@pytest.mark.parametrize("full", [True, False])
def test_who_was_unlinked_and_is_deleted_later_is_in_nobodys_way(toys: World, *, full: bool) -> None:
    ours, theirs = toys.linked_toy()
    name = toys.toys.records[ours].name
    del toys.gadgets.records[theirs]
    assert toys.sync(full=True).ok
    del toys.toys.records[ours]
    toys.toys.put(name=name)
    toys.gadgets.put(title=name)
    toys.sync(full=full)
    toys.sync(full=True)
    assert len(list(toys.engine.links("toys"))) == 1
    assert not any(line.outcome == "skipped" for line in toys.sync(full=True).lines)
