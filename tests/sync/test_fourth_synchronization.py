"""A fourth synchronization is a value: toys and their makers are synced by the assembly that the session calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from toys import TOYS, World, only

from keapbridge.keap.records import EmailAddress, Money
from keapbridge.model.maybe import UNSET
from keapbridge.sync.assembly import Part, assemble
from keapbridge.sync.options import Settings


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.store.close()


def test_toys_reach_the_other_side_whichever_it_is(world: World) -> None:
    world.toys.put(name="Top", colour="red")
    world.gadgets.put(title="Kite", colour="blue")
    report = world.sync()
    assert report.ok
    assert {(g.title, g.colour) for g in world.gadgets.records.values()} == {("Top", "red"), ("Kite", "blue")}
    assert {(t.name, t.colour) for t in world.toys.records.values()} == {("Top", "red"), ("Kite", "blue")}


def test_an_edit_on_either_side_reaches_the_other_and_then_all_is_quiet(world: World) -> None:
    ours = world.toys.put(name="Top", colour="red")
    world.sync()
    world.toys.put(id=ours, colour="green")
    world.sync()
    gadget = only(world.gadgets.records)
    assert gadget.colour == "green"
    world.gadgets.put(id=gadget.id, title="Spinning top")
    world.sync()
    assert world.toys.records[ours].name == "Spinning top"
    before = world.calls()
    plan = world.driver.run(world.engine.plan(full=True))
    assert plan.is_empty
    assert world.sync().ok
    assert world.calls() == before


def test_toys_that_are_the_same_are_linked_and_not_made_again(world: World) -> None:
    world.toys.put(name="Top", colour="red")
    world.gadgets.put(title="Top", colour="red")
    report = world.sync()
    assert report.count("linked", "toys") == 1
    assert len(world.toys.records) == len(world.gadgets.records) == 1
    assert world.calls() == []


def test_what_others_refer_to_comes_first(world: World) -> None:
    maker = world.crm_makers.put(name="Ada")
    world.toys.put(name="Top", maker=maker)
    world.sync()
    assert only(world.gadgets.records).maker_id == only(world.keap_makers.records).id


def test_a_price_waits_until_a_record_shows_keaps_currency(world: World) -> None:
    world.toys.put(name="Top", price="12.50", currency="EUR")
    report = world.sync()
    assert [line.fields for line in report.lines if line.outcome == "held"] == [("Price",)]
    assert only(world.gadgets.records).price is None
    world.gadgets.put(title="Kite", price=Money(300, "EUR"))
    world.sync()
    world.sync()
    prices = {g.title: g.price.amount for g in world.gadgets.records.values()}
    assert prices == {"Top": 1250, "Kite": 300}


def test_a_maker_that_people_merged_in_keap_stays_linked_to_the_survivor(world: World) -> None:
    ours = world.crm_makers.put(name="Ada")
    world.sync()
    gone = only(world.keap_makers.records).id
    del world.keap_makers.records[gone]
    survivor = world.keap_makers.put(name="Ada")
    report = world.sync(full=True)
    assert [link.keap_id for link in world.engine.links("makers")] == [survivor]
    assert report.count("unlinked") == 0
    assert world.crm_makers.records.keys() == {ours}


@pytest.mark.parametrize(("status", "reason"), [("NON_MARKETABLE", "asked at the fair"), ("MANUAL", UNSET)])
def test_a_reason_to_be_written_to_is_said_only_for_an_address_that_nobody_opted_out(
    world: World, status: str, reason: Any
) -> None:
    elsewhere = EmailAddress("ada@example.org", email_opt_status=status)
    world.keap_makers.put(name="Somebody", email_address=elsewhere)
    world.sync()
    world.crm_makers.put(name="Ada", email_address="ada@example.org")
    world.sync()
    made = next(maker for maker in world.keap_makers.records.values() if maker.name == "Ada")
    assert made.email_address.email == "ada@example.org"
    assert made.email_address.opt_in_reason == reason


def test_a_deleted_toy_is_unlinked_and_its_counterpart_kept(world: World) -> None:
    ours = world.toys.put(name="Top")
    world.sync()
    del world.toys.records[ours]
    report = world.sync(full=True)
    assert report.count("unlinked", "toys") == 1
    assert only(world.gadgets.records).title == "Top"
    assert world.sync(full=True).ok
    assert world.toys.records == {}


def test_a_run_can_be_taken_back(world: World) -> None:
    ours = world.toys.put(name="Top", colour="red")
    world.sync()
    world.toys.put(id=ours, colour="green")
    run = world.sync()
    world.driver.run(world.engine.undo(run.run_id))
    assert only(world.gadgets.records).colour == "red"


def test_two_of_one_name_are_refused(world: World) -> None:
    part = Part(TOYS, world.toys, world.gadgets)
    with pytest.raises(ValueError, match="two synchronizations of the name 'toys'"):
        assemble([part, part], world.store, Settings())
