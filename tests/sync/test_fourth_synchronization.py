"""A fourth synchronization is a value: toys and their makers are synced by the assembly that the session calls."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge._io.drivers import SyncDriver
from keapbridge._io.effects import Flow, Page
from keapbridge._json.codec import NO_EXTRA
from keapbridge.keap.records import EmailAddress, Money
from keapbridge.mapping import Mapper, MatchKey
from keapbridge.model.maybe import UNSET
from keapbridge.store.sql import open_store
from keapbridge.sync.assembly import Part, assemble
from keapbridge.sync.engine import Engine
from keapbridge.sync.options import Settings
from keapbridge.sync.synchronization import AddressHolder, Traits
from keapbridge.sync.systems import Identity, System

START = datetime(2026, 1, 1, tzinfo=UTC)


@attrs.frozen
class Maker:
    """Who makes toys, in either system."""

    id: Any = UNSET
    name: Any = UNSET
    email_address: Any = UNSET
    updated_at: Any = UNSET
    extra: Mapping[str, Any] = NO_EXTRA


@attrs.frozen
class Toy:
    """A toy, as Customcrm has it."""

    id: Any = UNSET
    name: Any = UNSET
    colour: Any = UNSET
    maker: Any = UNSET
    price: Any = UNSET
    currency: Any = UNSET
    updated_at: Any = UNSET
    extra: Mapping[str, Any] = NO_EXTRA


@attrs.frozen
class Gadget:
    """A toy, as Keap would have it."""

    id: Any = UNSET
    title: Any = UNSET
    colour: Any = UNSET
    maker_id: Any = UNSET
    price: Any = UNSET
    updated_at: Any = UNSET
    extra: Mapping[str, Any] = NO_EXTRA


class Box:
    """A system in memory, in the terms of the engine's port; `calls` are what it was asked to write."""

    creates_once = False
    calls_per_minute = None
    lists_changes = True
    reading = ""
    properties = None

    def __init__(self, side: kb.Side, record_type: type, first_id: int) -> None:
        self.side = side
        self._type = record_type
        self.records: dict[str, Any] = {}
        self.calls: list[tuple[str, str]] = []
        self._ids = itertools.count(first_id)
        self._ticks = itertools.count(1)

    def put(self, **values: Any) -> str:
        """What a person does."""
        id = str(values.pop("id", next(self._ids)))
        held = self.records.get(id) or self._type(**dict.fromkeys(self._names()))
        self.records[id] = attrs.evolve(held, id=id, **values, updated_at=self._now())
        return id

    def _names(self) -> list[str]:
        return [field.name for field in attrs.fields(self._type) if field.name != "extra"]

    def _now(self) -> datetime:
        return datetime.now(UTC) + timedelta(microseconds=next(self._ticks))

    def identify(self, record: Any) -> Identity:
        return Identity(record.id, record.updated_at, None, None)

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        yield from ()
        return Page(tuple(r for r in self.records.values() if updated_since is None or r.updated_at >= updated_since))

    def scan(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return self.list(updated_since)

    def get(self, id: str) -> Flow[Any]:
        yield from ()
        if id not in self.records:
            raise kb.NotFoundError(f"there is no {id}", status=404)
        return self.records[id]

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        yield from ()
        return tuple(self.records[id] for id in ids if id in self.records)

    def find_like(self, record: Any, since: datetime | None) -> Flow[tuple[Any, ...]]:
        yield from ()
        return tuple(self.records.values())

    def create(self, record: Any, idempotency_key: str) -> Flow[Any]:
        yield from ()
        values = {name: value for name in self._names() if (value := getattr(record, name)) is not UNSET}
        id = self.put(**{name: value for name, value in values.items() if name not in {"id", "updated_at"}})
        self.calls.append(("create", id))
        return self.records[id]

    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]:
        yield from ()
        self.put(id=id, **changes)
        self.calls.append(("update", id))
        return self.records[id]

    def delete(self, id: str, version: str | None) -> Flow[None]:
        yield from ()
        del self.records[id]
        self.calls.append(("delete", id))


MAKERS = Mapper(
    "makers",
    "Maker",
    "Makers",
    Maker,
    Maker,
    tuple(
        declared.build(Maker, Maker)
        for declared in (
            kb.text("Name", keap="name", required=True),
            kb.email("EmailAddress", keap="email_address", opt_in_reason="asked at the fair"),
        )
    ),
    (MatchKey(("Name",)),),
)
TOYS = Mapper(
    "toys",
    "Toy",
    "Gadgets",
    Toy,
    Gadget,
    tuple(
        declared.build(Toy, Gadget)
        for declared in (
            kb.text("Name", keap="title", required=True),
            kb.text("Colour", keap="colour"),
            kb.reference("Maker", "makers", keap="maker_id"),
            kb.money("Price", currency="Currency", keap="price"),
        )
    ),
    (MatchKey(("Name",)),),
)


class World:
    """Four boxes, and the engine between them."""

    def __init__(self) -> None:
        self.crm_makers, self.keap_makers = Box(kb.Side.CUSTOMCRM, Maker, 1), Box(kb.Side.KEAP, Maker, 501)
        self.toys, self.gadgets = Box(kb.Side.CUSTOMCRM, Toy, 1), Box(kb.Side.KEAP, Gadget, 901)
        self.store = open_store("sqlite://", "toys")
        keap_makers: System = self.keap_makers
        holder = AddressHolder(
            keap_makers,
            lambda address: Maker(email_address=EmailAddress(address)),
            lambda record: (record.email_address,) if record.email_address else (),
        )
        parts = [
            Part(MAKERS, self.crm_makers, self.keap_makers, Traits(merges_in_keap=True, address_holders=(holder,))),
            Part(
                TOYS,
                self.toys,
                self.gadgets,
                Traits(currency_of=lambda record: record.price.currency_code if record.price else None),
            ),
        ]
        self.engine = Engine(assemble(parts, self.store, Settings(overlap=timedelta(0))))
        self.driver = SyncDriver()

    def sync(self, *, full: bool = False) -> kb.Report:
        return self.driver.run(self.engine.sync(full=full))

    def calls(self) -> list[tuple[str, str]]:
        boxes = (self.crm_makers, self.keap_makers, self.toys, self.gadgets)
        return [call for box in boxes for call in box.calls]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.store.close()


def only(records: Mapping[str, Any]) -> Any:
    [record] = records.values()
    return record


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
