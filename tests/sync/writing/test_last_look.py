"""Records that somebody makes while a plan waits, or while it is being applied: none is made a second time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from stopping import Clock, CountingDriver
from tiers import variants
from toys import Box, World, only

import keapbridge as kb
from keapbridge.sync.writing import run as running

if TYPE_CHECKING:
    from conftest import World as Real

BOXES = pytest.mark.parametrize("side", variants(kb.Side, quick=[kb.Side.KEAP]))


def sides(toys: World, side: kb.Side) -> tuple[Box, Box, dict[str, str], dict[str, str]]:
    """The box where a record is made meanwhile, the other one, and how a toy is named in them."""
    there, here = (toys.gadgets, toys.toys) if side is kb.Side.KEAP else (toys.toys, toys.gadgets)
    words = {kb.Side.KEAP: "title", kb.Side.CUSTOMCRM: "name"}
    return there, here, {words[side]: "Top"}, {words[side.other]: "Top"}


def counting_lists(box: Box) -> list[datetime | None]:
    asked: list[datetime | None] = []
    list_all = box.list

    def counted(since: datetime | None) -> Any:
        asked.append(since)
        return list_all(since)

    box.list = box.scan = counted  # type: ignore[method-assign]
    return asked


@BOXES
def test_what_appears_between_plan_and_apply_is_linked(toys: World, side: kb.Side) -> None:
    there, here, its, ours = sides(toys, side)
    here.put(**ours, colour="red")
    plan = toys.plan()
    there.put(**its)
    report = toys.run(toys.engine.apply(plan))
    assert report.ok
    assert report.count("created") == 0
    assert [line.reason for line in report.lines if line.outcome == "linked"] == ["same Name, made meanwhile"]
    assert only(there.records).colour == only(here.records).colour == "red"
    assert toys.sync().count("created") == 0
    assert toys.plan(full=True).is_empty


@BOXES
def test_one_list_of_changes_is_read_for_a_batch_of_creates(toys: World, side: kb.Side) -> None:
    there, here, _, ours = sides(toys, side)
    there.put(**{"title" if side is kb.Side.KEAP else "name": "Kite"})
    toys.sync()
    for number in range(20):
        here.put(**{**ours, next(iter(ours)): f"Top {number}"})
    asked = counting_lists(there)
    plan = toys.plan()
    before = len(asked)
    assert toys.run(toys.engine.apply(plan)).count("created") == 20
    assert len(asked) == before + 1
    assert asked[-1] is not None


def test_a_system_without_lists_of_changes_is_read_once_in_a_run(toys: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BATCH", 2)
    monkeypatch.setattr(toys.gadgets, "lists_changes", False, raising=False)
    toys.driver = CountingDriver(clock := Clock(datetime.now(UTC)))
    toys.gadgets.before = lambda what, _id, _values: clock.pass_by(timedelta(minutes=2)) if what == "create" else None
    for number in range(8):
        toys.toys.put(name=f"Top {number}")
    plan = toys.plan()
    asked = counting_lists(toys.gadgets)
    assert toys.run(toys.engine.apply(plan)).count("created") == 8
    assert asked == [None]


@pytest.mark.parametrize("pause", [timedelta(seconds=1), timedelta(minutes=2)], ids=str)
def test_a_run_looks_again_when_its_reading_is_older_than_a_minute(
    toys: World, monkeypatch: pytest.MonkeyPatch, pause: timedelta
) -> None:
    monkeypatch.setattr(running, "BATCH", 1)
    toys.driver = CountingDriver(clock := Clock(datetime.now(UTC)))

    def meanwhile(what: str, _id: str, _values: Mapping[str, Any]) -> None:
        if what == "create":
            clock.pass_by(pause)
            if not any(gadget.title == "Top 5" for gadget in toys.gadgets.records.values()):
                toys.gadgets.put(title="Top 5")

    toys.gadgets.before = meanwhile
    for number in range(6):
        toys.toys.put(name=f"Top {number}", colour="red")
    asked = counting_lists(toys.gadgets)
    report = toys.sync()
    titles = sorted(gadget.title for gadget in toys.gadgets.records.values())
    if pause < timedelta(minutes=1):
        assert len(asked) == 1
        assert report.count("created") == 6
        return
    assert titles == [f"Top {number}" for number in range(6)]
    assert {gadget.colour for gadget in toys.gadgets.records.values()} == {"red"}
    assert report.count("created") == 5
    assert toys.plan(full=True).is_empty


@BOXES
def test_a_doubtful_one_is_reported_and_nothing_is_made(toys: World, side: kb.Side) -> None:
    there, here, its, ours = sides(toys, side)
    id = here.put(**ours)
    plan = toys.plan()
    first, second = there.put(**its), there.put(**its)
    report = toys.run(toys.engine.apply(plan))
    [line] = [line for line in report.lines if line.outcome == "skipped"]
    assert id in {line.keap_id, line.customcrm_id}
    assert all(f"{side.title} {each}" in line.reason for each in (first, second))
    assert len(there.records) == 2
    assert len(here.records) == 1


def test_another_one_that_appears_is_no_hindrance(toys: World) -> None:
    toys.toys.put(name="Top")
    plan = toys.plan()
    toys.gadgets.put(title="Kite")
    assert toys.run(toys.engine.apply(plan)).count("created") == 1
    assert toys.sync().count("created") == 1
    assert sorted(toy.name for toy in toys.toys.records.values()) == ["Kite", "Top"]


def test_a_record_whose_key_is_changed_meanwhile_is_found_too(toys: World) -> None:
    toys.toys.put(name="Top")
    other = toys.gadgets.put(title="Kite")
    plan = toys.plan()
    toys.gadgets.put(id=other, title="Top")
    assert toys.run(toys.engine.apply(plan)).count("created") == 0
    assert only(toys.toys.records).name == only(toys.gadgets.records).title == "Top"


MADE = {
    "contacts": (
        ({"FirstName": "Ada", "Email": "ada@example.org"}),
        ({"given_name": "Ada", "email_addresses": [{"email": "Ada@example.org", "field": "EMAIL1"}]}),
    ),
    "companies": (({"Name": "Acme"}), ({"company_name": "ACME"})),
    "products": (
        ({"Name": "Widget", "Sku": "W1", "Price": "1.00", "Currency": "USD"}),
        ({"name": "Widget", "sku": "W1", "price": 100, "short_description": "w"}),
    ),
}


@pytest.mark.parametrize("name", variants(MADE, quick=["companies"]))
@BOXES
def test_records_of_both_systems_are_found(world: Real, side: kb.Side, name: str) -> None:
    ours, theirs = MADE[name]
    crm = getattr(world.crm.state, "customers" if name == "companies" else name)
    keap = getattr(world.keap.state, name)
    with world.sessions(currency="USD") as session:
        (crm.add(ours) if side is kb.Side.KEAP else keap.add(theirs))
        plan = session.plan()
        (keap.add(theirs) if side is kb.Side.KEAP else crm.add(ours))
        report = session.apply(plan)
        assert report.ok
        assert report.count("created") == 0
        assert len(list(session._engine.bridge[name].store.links.all(name))) == 1
    assert (len(crm), len(keap)) == (1, 1)
