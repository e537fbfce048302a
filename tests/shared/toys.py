"""A small world: makers and toys in two boxes each, in the terms of the engine's port, and the engine between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import attrs

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge._json.codec import NO_EXTRA
from keapbridge.keap.records import EmailAddress
from keapbridge.mapping import Mapper, MatchKey
from keapbridge.model.maybe import UNSET
from keapbridge.store.sql import open_store
from keapbridge.sync.assembly import Part, assemble
from keapbridge.sync.engine import Engine
from keapbridge.sync.options import Settings
from keapbridge.sync.synchronization import AddressHolder, Synchronization, Traits
from keapbridge.sync.systems import Identity, System

__all__ = ["MAKERS", "TOYS", "Box", "Gadget", "Maker", "Toy", "World", "only"]

T = TypeVar("T")
Meanwhile = Callable[[str, str, Mapping[str, Any]], None]
"""Called with what a box is asked to do, the id (or ids) it is about, and what it is to hold; it may raise."""


def _nothing(_what: str, _id: str, _values: Mapping[str, Any]) -> None:
    pass


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


def _put(box: Box, id: str, values: Mapping[str, Any]) -> None:
    box.put(id=id, **values)


class Box:
    """A system in memory, in the terms of the engine's port.

    Attributes:
        calls: what it was asked to write, and has written.
        looks: the ids that it was asked for one by one.
        listed: since when it was asked for what changed; `None` for all.
        before: what happens before it does what it is asked to.
        after: what happens between that and the answer.
        hides: what the answers to its writes do not show.
        unlisted: the ids that its lists do not show.
        made_at: when records were made, where it tells that.
    """

    creates_once = False
    calls_per_minute = None
    lists_changes = True
    answers_all = False
    reading = ""
    properties: frozenset[str] | None = None

    def __init__(self, side: kb.Side, record_type: type, first_id: int) -> None:
        self.side = side
        self._type = record_type
        self.records: dict[str, Any] = {}
        self.calls: list[tuple[str, str]] = []
        self.looks: list[str] = []
        self.listed: list[datetime | None] = []
        self.before: Meanwhile = _nothing
        self.after: Meanwhile = _nothing
        self.hides: frozenset[str] = frozenset()
        self.unlisted: set[str] = set()
        self.made_at: dict[str, datetime] = {}
        self._keys: dict[str, str] = {}
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
        return Identity(record.id, record.updated_at, self.made_at.get(record.id), None)

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        yield from ()
        self.listed.append(updated_since)
        listed = [record for id, record in self.records.items() if id not in self.unlisted]
        return Page(tuple(r for r in listed if updated_since is None or r.updated_at >= updated_since))

    def scan(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return self.list(updated_since)

    def get(self, id: str) -> Flow[Any]:
        yield from ()
        self.looks.append(id)
        self.before("get", id, {})
        if id not in self.records:
            raise kb.NotFoundError(f"there is no {id}", status=404)
        return self.records[id]

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        yield from ()
        self.before("get", " ".join(ids), {})
        return tuple(self.records[id] for id in ids if id in self.records)

    def find_like(self, record: Any, since: datetime | None) -> Flow[tuple[Any, ...]]:
        yield from ()
        return tuple(self.records.values())

    def create(self, record: Any, idempotency_key: str) -> Flow[Any]:
        yield from ()
        values = {name: value for name in self._names() if (value := getattr(record, name)) is not UNSET}
        self.before("create", "", values)
        if self.creates_once and idempotency_key in self._keys:
            return self._shown(self._keys[idempotency_key])
        id = self._keys[idempotency_key] = self.put(
            **{name: value for name, value in values.items() if name not in {"id", "updated_at"}}
        )
        self.calls.append(("create", id))
        self.after("create", id, values)
        return self._shown(id)

    def take_new_ones_for(self, id: str) -> None:
        """From now on what is to be a new record is written over this one."""

        def create(record: Any, _key: str) -> Flow[Any]:
            yield from ()
            values = {name: value for name in self._names() if (value := getattr(record, name)) is not UNSET}
            self.before("create", id, values)
            self.put(**{name: value for name, value in values.items() if name != "updated_at"} | {"id": id})
            self.calls.append(("create", id))
            self.after("create", id, values)
            return self._shown(id)

        self.create = create  # type: ignore[method-assign]

    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]:
        yield from ()
        self.before("update", id, changes)
        self.put(id=id, **changes)
        self.calls.append(("update", id))
        self.after("update", id, changes)
        return self._shown(id)

    def delete(self, id: str, version: str | None) -> Flow[None]:
        yield from ()
        self.before("delete", id, {})
        del self.records[id]
        self.calls.append(("delete", id))

    def edited(self, **values: Any) -> Meanwhile:
        """What somebody does to every record that it is asked about."""
        return lambda _what, id_, _values: _put(self, id_, values)

    def _shown(self, id: str) -> Any:
        return attrs.evolve(self.records[id], **dict.fromkeys(self.hides, UNSET))


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
    """Four boxes, and the engine between them.

    Args:
        at: where the store is.
        settings: what a session would have chosen.
    """

    def __init__(self, *, at: str = "sqlite://", **settings: Any) -> None:
        self.crm_makers, self.keap_makers = Box(kb.Side.CUSTOMCRM, Maker, 1), Box(kb.Side.KEAP, Maker, 501)
        self.toys, self.gadgets = Box(kb.Side.CUSTOMCRM, Toy, 1), Box(kb.Side.KEAP, Gadget, 901)
        self._at = at
        self.store = open_store(at, "toys")
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
        self.engine = Engine(assemble(parts, self.store, Settings(**{"overlap": timedelta(0), **settings})))
        self.driver = SyncDriver()

    def __getitem__(self, name: str) -> Synchronization:
        return self.engine.bridge[name]

    def remap(self, name: str, mapper: Mapper) -> None:
        """Another session, with another mapping for one of them."""
        before, boxes = self.engine.bridge, {"makers": (self.crm_makers, self.keap_makers)}
        boxes["toys"] = (self.toys, self.gadgets)
        parts = [
            Part(mapper if each == name else sync.mapper, *boxes[each], sync.traits)
            for each, sync in before.synchronizations.items()
        ]
        self.engine = Engine(assemble(parts, self.store, before.settings))

    def reopen(self, driver: SyncDriver | None = None) -> None:
        """Another process, which knows what the store knows."""
        before, boxes = self.engine.bridge, {"makers": (self.crm_makers, self.keap_makers)}
        boxes["toys"] = (self.toys, self.gadgets)
        self.store.close()
        self.store = open_store(self._at, "toys")
        parts = [Part(sync.mapper, *boxes[each], sync.traits) for each, sync in before.synchronizations.items()]
        self.engine = Engine(assemble(parts, self.store, before.settings))
        self.driver = driver or SyncDriver()

    def run(self, flow: Flow[T]) -> T:
        return self.driver.run(flow)

    def sync(self, *, full: bool = False) -> kb.Report:
        return self.run(self.engine.sync(full=full))

    def plan(self, *, full: bool = False) -> kb.Plan:
        return self.run(self.engine.plan(full=full))

    def linked_toy(self, **values: Any) -> tuple[str, str]:
        """A toy that both sides know; answers its ids."""
        ours = self.toys.put(**{"name": "Top", "colour": "red", **values})
        assert self.sync().ok
        return ours, next(link.keap_id for link in self.engine.links("toys") if link.customcrm_id == ours)

    def restored_toy(self, side: kb.Side, **values: Any) -> tuple[str, str]:
        """A toy that was red, became blue on the other side, and whose system was then put back to an hour before."""
        ours, theirs = self.linked_toy(**values)
        box, other = (self.toys, self.gadgets) if side is kb.Side.CUSTOMCRM else (self.gadgets, self.toys)
        mine, its = (ours, theirs) if side is kb.Side.CUSTOMCRM else (theirs, ours)
        before = box.records[mine]
        other.put(id=its, colour="blue")
        assert self.sync().ok
        assert box.records[mine].colour == "blue"
        box.records[mine] = attrs.evolve(before, updated_at=before.updated_at - timedelta(hours=1))
        return ours, theirs

    def calls(self) -> list[tuple[str, str]]:
        boxes = (self.crm_makers, self.keap_makers, self.toys, self.gadgets)
        return [call for box in boxes for call in box.calls]


def only(records: Mapping[str, Any]) -> Any:
    [record] = records.values()
    return record
