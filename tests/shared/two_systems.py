"""A machine that plays with two small systems, their users and the engine between them, and checks the engine's laws.

Hypothesis draws what happens: users add, edit, clear, delete and merge; runs are complete or not, crash, are cut off,
throttled, shown old lists; plans are applied late, conflicts are resolved, runs are undone, policies change. The pools
of values are small, so that records match, collide and are ambiguous all the time. Now and then everything heals, and
then the laws must hold: nothing is left to do, nothing was made twice, no edit was lost, what is not mapped is
untouched, and nothing was deleted without proof and policy.

Where the machine cannot know the one right outcome (an ambiguous match, a field that was edited on both sides), it
claims less: one of the values, or a line in the report.
"""

from __future__ import annotations

import inspect
import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
from fakes import (
    INDEX_LAG,
    FakeAdapter,
    FakeCustomcrm,
    FakeKeap,
    FakeSystem,
    FakeTable,
    Fault,
    Request,
    no_faults,
)
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine
from stopping import Clock, CountingDriver, KilledError

import keapbridge as kb
from keapbridge._io.drivers import SyncDriver
from keapbridge._io.effects import Effect, Flow, Run, Send
from keapbridge.keap.fields import Model
from keapbridge.keap.slots import find_item
from keapbridge.mapping.custom import NamedField, resolve
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.plan import Conflict, Skip, Update
from keapbridge.model.records import is_stored_form
from keapbridge.store.database import memory_engine
from keapbridge.store.sql import open_store
from keapbridge.sync.afterwards import resolve as resolve_module
from keapbridge.sync.afterwards import undo
from keapbridge.sync.engine import Engine as SyncEngine
from keapbridge.sync.lease import TERM
from keapbridge.sync.options import Settings
from keapbridge.sync.planning import deletions, first_contact, linked
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.systems import KeapSystem

__all__ = ["ACTIONS", "CUSTOMCRM", "DAY", "KEAP", "STEPS", "TwoSystems", "policy_without_brakes"]

CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
OBJECTS = ("companies", "products", "contacts")
START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
AFTER_THE_TERM = TERM + timedelta(seconds=1)
STEPS = 15  # of a game
NEWCOMER = 3  # every fourth record is like no other
WEAR = 5  # things that happen before it is worth while to look whether the laws hold
ROUNDS = 3  # full runs after which nothing may be left to do
CONTEXT = Context("USD", None, {}, {})
ODD = "odd"  # stands for a value that cannot be understood

ACTIONS: set[str] = set()
"""The classes of all actions that were planned, in this process."""

MAPPERS: dict[str, Mapper] = {
    "companies": kb.mapping.companies.only("Name", "ZipCode", "Country", "City", "Email", "Phone", "Description"),
    "products": kb.mapping.products,
    "contacts": kb.mapping.contacts.only(
        "FirstName", "LastName", "Email", "Country", "Region", "City", "Phone", "JobTitle", "CustomerId"
    ).with_lenses(kb.text("Title", keap="prefix", direction="to_keap")),
}
REASON = "Signed up on our site"
# Custom fields that are made where Keap does not have them, and addresses that come with a reason.
LARGER_MAPPERS: dict[str, Mapper] = {
    "companies": MAPPERS["companies"].with_lenses(
        kb.email("Email", keap="email_address", max_length=75, opt_in_reason=REASON),
        kb.text("Tier", keap=kb.custom_field("Tier", type="TEXT", create=True)),
        attrs.evolve(MAPPERS["companies"]["Phone"], on_empty="keep"),
    ),
    "products": MAPPERS["products"],
    "contacts": MAPPERS["contacts"].with_lenses(
        kb.email("Email", keap="email_addresses.EMAIL1", max_length=75, opt_in_reason=REASON),
        kb.text("Shoes", keap=kb.custom_field("Shoe size", type="TEXT", create=True)),
        kb.text("Hat", keap=kb.custom_field("Hat size", type="TEXT", create=True)),
        attrs.evolve(MAPPERS["contacts"]["Region"], direction="to_keap"),
    ),
}


def _is_no_clerk(title: Any) -> bool:
    return title != "Clerk"


# Some records only; a function of the host's is among the conditions.
FILTERS: dict[str, dict[str, Any]] = {
    "companies": {"keap": {"Description": ("Red", "Green", None)}},
    "products": {"customcrm": {"Active": True}},
    "contacts": {"customcrm": {"JobTitle": _is_no_clerk}},
}
_PROMISES = dict.fromkeys(("changes_since", "tells_deletions", "conditional_updates", "idempotent_creates"), True)
ADAPTERS: dict[str, kb.AdapterCapabilities] = {
    "of few words": kb.AdapterCapabilities(),
    "with changes": kb.AdapterCapabilities(changes_since=True, batch_read=True),
    "of its word": kb.AdapterCapabilities(**_PROMISES, batch_read=True, parallel_calls=True),
}
WITHOUT_KEYS = "a client without idempotency keys"
PLAIN = kb.customcrm.Capabilities(changed_since=False, tombstones=False, idempotent=False)
LACKS = {"contacts": ("Country",), "customers": ("City",)}  # an address of few words
POOLS: dict[str, dict[str, tuple[Any, ...]]] = {
    "companies": {
        "Name": ("Acme", "Birch"),
        "ZipCode": ("0150", "a code that Keap cannot hold"),
        "Country": ("USA", "NOR"),
        "City": ("Oslo", "Turku", None),
        "Phone": ("+16025550143", "+4722334455", None),
        "Description": ("Red", "Green", "Blue", None),
        "Email": ("a@example.org", "c@example.org", "d*d@example.org", None),
        "Tier": ("Gold", "Silver", None),
    },
    "products": {
        "Name": ("Widget", "Gadget"),
        "Sku": ("W1", "G1", None),
        "Price": ("USD 1.00", "USD 2.00", "EUR 3.00"),
        "Description": ("Red", "Green", "Blue", None),
        "Active": (True, False),
    },
    "contacts": {
        "Email": ("a@example.org", "b@example.org", None),
        "Shoes": ("40", "41", None),
        "Hat": ("S", None),
        "FirstName": ("Ada", "Bob"),
        "LastName": ("Old", "New", "L" * 50, None),
        "Country": ("USA", "NOR", None),
        "Region": ("US-AZ", "US-CA", None),
        "City": ("Oslo", "Tempe", None),
        "Phone": ("+16025550143", "+16025550177", None),
        "JobTitle": ("Clerk", "Director", "Refused", None),
        "Title": ("Dr.", "Prof.", None),
    },
}
# What a person can type, and nobody can understand without more.
ODDITIES: dict[kb.Side, dict[str, tuple[dict[str, Any], ...]]] = {
    CUSTOMCRM: {
        "contacts": ({"country": "Atlantis"}, {"phone": "602 555 0143"}, {"email": "no address"}),
        "companies": ({"country": "Atlantis"}, {"phone": "602 555 0143"}),
        "products": ({"currency": "dollars"},),
    },
    KEAP: {
        "contacts": (
            {"phone_numbers": (kb.keap.PhoneNumber("602 555 0143", "PHONE1"),)},
            {"addresses": (kb.keap.Address(country_code="XXX", field="BILLING"),)},
        ),
        "companies": ({"phone_number": kb.keap.PhoneNumber("602 555 0143")},),
        "products": ({"price": kb.keap.Money(-5, "USD")},),
    },
}
# Fields that need another record, flow one way, or are made up where they are missing: nothing exact is claimed.
LOOSE = {"CustomerId", "Title", "ShortDescription"}
ARCHIVE = {
    "keap": {"contacts": {"contact_type": "Former"}, "products": {"storefront_hidden": True}},
    "customcrm": {"contacts": {"extra": {"State": "gone"}}},
}
IMPOSSIBLE_ARCHIVE = {"keap": {"companies": {"nonsense": 1}}, "customcrm": {"customers": {}, "companies": {"no": 1}}}


def policy_without_brakes(**choices: Any) -> kb.Policy:
    """A policy without brakes: few records are a large share."""
    free: dict[str, Any] = dict.fromkeys(("max_deletes", "max_delete_share", "max_first_create_share"))
    return kb.Policy(**{"archive": ARCHIVE, **free, **choices})


def _host_rule(contest: kb.Contest) -> Any:
    """A rule of a host's own: the longer text for both, Keap's of two that are as long, and nothing for prices."""
    if contest.field == "Price":
        return None
    a, b = str(contest.customcrm or ""), str(contest.keap or "")
    return KEAP if len(a) == len(b) else kb.Settle(contest.customcrm if len(a) > len(b) else contest.keap)


CONFLICT_RULES: tuple[Any, ...] = (
    "newest",
    "customcrm",
    "keap",
    "manual",
    _host_rule,
    {"Email": "keap", "*": "manual"},
)
DELETION_RULES: tuple[Any, ...] = (
    "unlink",
    "delete",
    "ignore",
    "archive",
    {"keap": "delete", "customcrm": "unlink"},
    {"customcrm": "delete"},
)


# A few records are many batches, and a dozen are a crowd.
SMALL: tuple[tuple[Any, str, int], ...] = (
    (linked, "BATCH", 3),
    (first_contact, "BATCH", 3),
    (first_contact, "CROWD", 12),
    (deletions, "BATCH", 2),
    (resolve_module, "BATCH", 2),
    (undo, "BATCH", 3),
)
LARGE = tuple((module, name, getattr(module, name)) for module, name, _ in SMALL)


def _set_sizes(sizes: tuple[tuple[Any, str, int], ...]) -> None:
    for module, name, size in sizes:
        setattr(module, name, size)


# --- the machine's own driver -----------------------------------------------------------------------------------------


def _asks_the_store(effect: Effect) -> bool:
    """A runner that stands still is noticed by the store; nobody could call back a request that was just begun."""
    return isinstance(effect, Run)


def _updates(effect: Effect) -> bool:
    return isinstance(effect, Send) and effect.call.method == "PATCH"


class Interrupted(CountingDriver):
    """Lets something else happen before one of the effects: an edit, another runner.

    Args:
        at: before which effect, at the earliest.
        before: which effects may be the one.
        then: what happens; it is told the effect.
    """

    def __init__(
        self, clock: Clock, *, at: int, then: Callable[[Any], Any], before: Callable[[Effect], bool] = _asks_the_store
    ) -> None:
        super().__init__(clock)
        self.next: int | None = at
        self._then = then
        self._before = before

    def _counted(self, effect: Send | Run) -> Any:
        if self.next is not None and len(self.log) >= self.next and self._before(effect):
            self.next = None
            self._then(effect)
        return super()._counted(effect)


class Dying(CountingDriver):
    """The process dies with a request that wrote something, or at an effect of a name.

    Args:
        systems: where is written.
        at: with which of these requests or effects.
        named: the name; without one it is any request that wrote.
    """

    def __init__(
        self, clock: Clock, systems: Iterable[FakeSystem], *, at: int, named: str | None = None, after: bool = True
    ) -> None:
        super().__init__(clock, stop_after=after)
        self._systems = tuple(systems)
        self._left = at
        self._named = named

    def _counted(self, effect: Send | Run) -> Any:
        if self._named is not None and isinstance(effect, Run) and effect.label == self._named:
            if self._left == 0:
                self._stop_at = len(self.log)
            self._left -= 1
        before = self._written()
        try:
            return super()._counted(effect)
        finally:
            if self._named is None and self._written() > before:
                self._left -= 1
                if self._left < 0:
                    self._die()

    def _written(self) -> int:
        return sum(len(system.writes) for system in self._systems)


class Awaitable:
    """The same for the sessions of an event loop, which then never waits for anything."""

    def __init__(self, driver: CountingDriver) -> None:
        self._driver = driver

    async def run(self, flow: Flow[Any]) -> Any:
        return self._driver.run(flow)


def _value(answer: Any) -> Any:
    if not inspect.iscoroutine(answer):
        return answer
    try:
        answer.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits for an event loop")


@attrs.frozen
class _Flowing:
    """What the engine's own adapters ask of a client, over a fake."""

    records: Any
    leaves_unread: bool = False
    reading: str = ""
    calls_per_minute: int | None = None
    capabilities: kb.customcrm.Capabilities = attrs.field(factory=kb.customcrm.Capabilities)

    def sharing(self, book: Any, who: str) -> _Flowing:
        return self

    def list(self, *, updated_since: datetime | None, unread: bool = False) -> Flow[Any]:
        return (self.records.scan if unread and self.leaves_unread else self.records.list)(updated_since)

    def get(self, id: str) -> Flow[Any]:
        return self.records.get(id)

    def get_many(self, ids: Collection[str]) -> Flow[Any]:
        return self.records.get_many(ids)

    def find_like(self, record: Any, *, since: datetime) -> Flow[Any]:
        return self.records.find_like(record, since)

    def create(self, record: Any, *, idempotency_key: str | None = None) -> Flow[Any]:
        return self.records.create(record, idempotency_key)

    def update(self, id: str, changes: dict[str, Any], *, if_match: str | None = None) -> Flow[Any]:
        return self.records.update(id, changes, if_match)

    def delete(self, id: str, *, if_match: str | None = None) -> Flow[None]:
        return self.records.delete(id, if_match)

    def model(self, *, refresh: bool) -> Flow[Any]:
        return self.records.model()

    def create_custom_field(self, label: str, type: Any, options: Any, group_id: str | None) -> Flow[Any]:
        return self.records.create_custom_field(NamedField(label, None, type, True, options, group_id))


class AsyncCustomcrmClient:
    """By its name the wrong client for a session without an event loop."""


@attrs.frozen
class _Small(FakeAdapter):
    """A Customcrm that knows people only."""

    objects = ("contacts",)


class _AsyncAdapter:
    capabilities = kb.AdapterCapabilities()

    async def list_changes(self, *_: Any) -> Any: ...

    get_many = create = update = delete = list_changes


@attrs.frozen
class _Keyed(KeapSystem):
    """Keap's records, which tell the machine what they were made for."""

    def create(self, record: Any, idempotency_key: str) -> Flow[Any]:
        return self.flows.create(record, idempotency_key=idempotency_key)  # type: ignore[call-arg]


def _keyed(sync: Synchronization) -> Synchronization:
    keap: Any = sync.systems[KEAP]
    return attrs.evolve(sync, systems={**sync.systems, KEAP: _Keyed(keap.flows)})


_TEMPLATE: list[bytes] = []


def _new_store() -> Engine:
    """A store in memory with its tables; the migration runs once."""
    engine = memory_engine()
    connection: sqlite3.Connection = engine.raw_connection().driver_connection  # type: ignore[assignment]
    if not _TEMPLATE:
        open_store(engine, "template")
        _TEMPLATE.append(connection.serialize())
    else:
        connection.deserialize(_TEMPLATE[0])
    return engine


Name = tuple[str, kb.Side, str]  # of a record: synchronization, side, id
troubles = st.sampled_from([f for f in Fault if f is not Fault.STALE])
write_troubles = st.sampled_from((Fault.LOST_ANSWER, Fault.OUTAGE, Fault.RATE_LIMIT, Fault.QUOTA))


number = st.integers(0, 11)
objects = st.sampled_from(OBJECTS)
sides = st.sampled_from((CUSTOMCRM, KEAP))
moments = st.integers(0, 120)  # the number of an effect


events = st.lists(
    st.tuples(
        st.sampled_from(
            (
                "edit",
                "edit",
                "edit",
                "edit both",
                "edit both",
                "add",
                "add both",
                "delete",
                "merge",
                "join",
                "odd",
                "spoil",
                "refused",
                "opt out",
                "new field",
            )
        ),
        objects,
        sides,
        number,
        number,
    ),
    max_size=4,
)


class TwoSystems(RuleBasedStateMachine):
    """Two systems and what happens to them.

    Attributes:
        edited: (record, field) → the values that users gave it since everything was settled.
        settled: linked pairs and what both sides held then.
        blurred: records of which nothing exact is known any more.
        own: what is not mapped in the records of users.
        origins: key of a create → the record whose counterpart it makes.
        excused: origins for which a second record may be made, as the documented limits say.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(START)
        self.crm = FakeCustomcrm(self.clock)
        self.keap = FakeKeap(self.clock, cuts=True)
        self.keap.contacts.limits["job_title"] = 5  # less than the mapping knows
        self.keap.contacts.refused["job_title"] = {"Refus", "Refused"}
        self.engine = _new_store()
        self.policy = policy_without_brakes()
        self.edited: dict[tuple[Name, str], list[Any]] = defaultdict(list)
        self.settled: dict[tuple[str, str, str], dict[str, tuple[Any, Any]]] = {}
        self.blurred: set[Name] = set()
        self.own: dict[Name, Any] = {}
        self.origins: dict[str, Name] = {}
        self.excused: set[Name] = set()
        self.plans: list[str] = []
        self.runs: list[str] = []
        self.anything_goes = False
        self.objects: tuple[str, ...] = OBJECTS
        self.crowded = False
        self.adapter: str | None = None
        self.mappers: Mapping[str, Mapper] = MAPPERS
        self.larger = False
        self.blind = False  # what Keap shows of consent is not what is
        self.leaves_unread = True  # whether lists are read by the engine, and only as far as it needs
        self.happened = 0  # since everything was settled
        self.retention: timedelta | None = Settings().retention
        self.calls_per_minute: int | None = None

    @initialize(
        taking_part=st.sampled_from((("contacts",), ("companies", "contacts"), ("products",), OBJECTS)),
        currency=st.integers(0, 3),
        first=st.lists(st.tuples(st.sampled_from(("add", "add both")), objects, sides, number, number), min_size=3),
        synced=st.integers(0, 3),
        conflicts=st.sampled_from(CONFLICT_RULES),
        deletions=st.sampled_from(DELETION_RULES),
        leaves_unread=st.booleans(),
        larger=st.booleans(),
        adapter=st.sampled_from((None, None, WITHOUT_KEYS, *ADAPTERS)),
        filtered=st.integers(0, 3),
        small=st.booleans(),
        crowd=st.integers(0, 9),
        limits=st.booleans(),
    )
    def begin(
        self,
        taking_part: tuple[str, ...],
        currency: int,
        first: Any,
        synced: int,
        conflicts: Any,
        deletions: Any,
        leaves_unread: bool = True,
        larger: bool = False,
        adapter: str | None = None,
        filtered: int = 0,
        small: bool = False,
        crowd: int = 0,
        limits: bool = False,
    ) -> None:
        """Some records, mostly synced. Mostly Keap has a product, so that its currency is known."""
        _set_sizes(SMALL if small else LARGE)
        if limits:
            self.retention, self.calls_per_minute = None, 600
        self.leaves_unread = leaves_unread
        if crowd == 9:
            taking_part = ("products",) if currency % 2 else ("contacts",)
        self.objects = taking_part  # the fewer, the more can happen to each
        self.policy = self._policy(conflicts=conflicts, deletions=deletions)
        self.adapter, self.larger = adapter, larger
        if larger:
            self.mappers = LARGER_MAPPERS
            self.keap.companies.add_field("Own")
            if synced % 2:
                self.keap.contacts.add_field("shoe SIZE")
        if filtered == 1 and crowd != 9:
            self.mappers = {name: mapper.where(**FILTERS[name]) for name, mapper in self.mappers.items()}
        held = self.session()._engine.bridge.synchronizations  # as far as the adapter can hold them
        self.mappers = {**self.mappers, **{name: sync.mapper for name, sync in held.items()}}
        if currency and "products" in taking_part:
            price = kb.keap.Money(100, "USD")
            self._own("products", KEAP, kb.keap.Product(name="First", price=price, short_description="First"))
        if crowd == 9:
            self._two_full_systems(CUSTOMCRM if synced % 2 else KEAP)
        self._all_happen(first[:8])
        if synced:
            self.watched(lambda: self.session().sync())

    def _policy(self, **choices: Any) -> kb.Policy:
        """A policy with the brakes of the library; without, once there are enough records for a share to mean much."""
        return policy_without_brakes(**choices) if self.crowded else kb.Policy(**{"archive": ARCHIVE, **choices})

    @property
    def context(self) -> Context:
        """What the mapped values depend on, as Keap is now."""
        found = {
            field: resolve(field, Model(self.table(object, KEAP).fields))
            for object, mapper in self.mappers.items()
            for field in mapper.custom_fields
        }
        return attrs.evolve(CONTEXT, custom_fields=found)

    @property
    def is_cautious(self) -> bool:
        """Whether Customcrm has versions, and makes one record of one key."""
        return self.adapter in {None, "of its word"}

    def _is_loose(self, object: str, field: str) -> bool:
        """Whether nothing exact is claimed of a field: it flows one way, or not when it is emptied."""
        lens = self.mappers[object][field]
        return field in LOOSE or lens.direction != "both" or lens.on_empty == "keep"

    def takes_part(self, object: str, side: kb.Side, id: str) -> bool:
        """Whether a record is within the filter of the mapping."""
        values, _ = self.mappers[object].read(side, self.table(object, side)[id], self.context)
        return self.mappers[object].takes_part(side, self.table(object, side)[id], values)

    @property
    def unguarded(self) -> tuple[kb.Side, ...]:
        """Where a write cannot be for one version only: what somebody edits at the wrong moment is lost."""
        return (KEAP,) if self.is_cautious else (KEAP, CUSTOMCRM)

    # --- looking --------------------------------------------------------------------------------------------------

    def system(self, side: kb.Side) -> FakeSystem:
        return self.crm if side is CUSTOMCRM else self.keap

    def table(self, object: str, side: kb.Side) -> FakeTable:
        return self.system(side).tables["customers" if (object, side) == ("companies", CUSTOMCRM) else object]

    def kind(self, object: str) -> str:
        """One of the synchronizations that take part."""
        return self.objects[OBJECTS.index(object) % len(self.objects)]

    def pick(self, object: str, side: kb.Side, n: int) -> str | None:
        ids = list(self.table(object, side))
        return ids[n % len(ids)] if ids else None

    def read(self, object: str, side: kb.Side, id: str) -> dict[str, Any]:
        """The mapped values of a record."""
        values, unreadable = self.mappers[object].read(side, self.table(object, side)[id], self.context)
        return {**values, **dict.fromkeys(unreadable, ODD)}

    def links(self) -> set[tuple[str, str, str]]:
        store = open_store(self.engine, "default")
        return {(object, link.customcrm_id, link.keap_id) for object in OBJECTS for link in store.links.all(object)}

    # --- users ----------------------------------------------------------------------------------------------------

    def _own(self, object: str, side: kb.Side, record: Any) -> str:
        """A record of a user, with something in it that is not mapped."""
        n = len(self.own)
        self.happened += 1
        match record:
            case kb.keap.Contact():
                third = kb.keap.EmailAddress(f"third{n}@example.org", "EMAIL3")
                mine = {"spouse_name": f"Spouse {n}", "email_addresses": (*(record.email_addresses or ()), third)}
            case kb.keap.Company():
                own = next((field.id for field in self.keap.companies.fields if field.label == "Own"), "7")
                others = record.custom_fields or ()
                mine = {"custom_fields": (*others, kb.keap.CustomFieldValue(own, f"Field {n}"))}
            case kb.keap.Product():
                mine = {"weight": float(n)}
            case _:
                mine = {"extra": {**(record.extra or {}), "Own": f"Own {n}"}}
        id = self.table(object, side).add(attrs.evolve(record, **mine))
        self.own[object, side, id] = self._unmapped(object, side, id)
        return id

    def _unmapped(self, object: str, side: kb.Side, id: str) -> Any:
        match record := self.table(object, side)[id]:
            case kb.keap.Contact():
                return record.spouse_name, find_item(record.email_addresses, "EMAIL3")
            case kb.keap.Company():
                mapped = {f.id for f in self.keap.companies.fields if f.label != "Own"}
                return [item for item in record.custom_fields if item.id not in mapped]
            case kb.keap.Product():
                return record.weight
            case _:
                return record.extra.get("Own")

    def _edit(self, object: str, side: kb.Side, id: str, changes: Mapping[str, Any]) -> None:
        """What a user does to a record, and what the machine has to know of it."""
        self.happened += 1
        before = self.read(object, side, id)
        self._touch(object, side, id)
        self.table(object, side).edit(id, **changes)
        for field, value in self.read(object, side, id).items():
            if value != before.get(field):
                self.edited[(object, side, id), field].append(value)

    def _touch(self, object: str, side: kb.Side, id: str) -> None:
        """A record that was made and is not linked yet is not recognised any more when somebody edits it."""
        key = next((key for key, made in self.table(object, side).made.items() if made == id), None)
        linked = {(o, s, i) for o, *ids in self.links() for s, i in zip((CUSTOMCRM, KEAP), ids, strict=True)}
        if side in self.unguarded and key in self.origins and (object, side, id) not in linked:
            self.excused.add(self.origins[key])

    def _type_in(self, object: str, side: kb.Side, id: str, field: str, value: Any) -> None:
        names = {lens.name for lens in self.mappers[object].lenses}
        if field not in names or (side is KEAP and not self._has_room(object, field)):
            return
        _, changes = self.mappers[object].changed(side, self.table(object, side)[id], {field: value}, self.context)
        self._edit(object, side, id, changes)

    def _has_room(self, object: str, field: str) -> bool:
        """Whether Keap has the custom field, where it is one."""
        custom = self.mappers[object][field].keap.custom
        return custom is None or bool(self.context.custom_fields[custom].id)

    def _happens(self, what: str, object: str, side: kb.Side, n: int, m: int) -> None:
        """One thing that users do; `n` and `m` choose the records, the field and the value."""
        object = self.kind(object)
        id = self.pick(object, side, n)
        fields = sorted(POOLS[object].keys() & {lens.name for lens in self.mappers[object].lenses})
        field = fields[m % len(fields)]
        pool = POOLS[object][field]
        match what:
            case "add":
                self._add(object, side, n + m)
            case "add both":
                self._add(object, side, n + m)
                self._add(object, side.other, n + m if n % 2 else m)
            case "edit" if id is not None:
                self._type_in(object, side, id, field, pool[(n + m) % len(pool)])
            case "edit both":
                self._edit_both(object, n, field, (pool[m % len(pool)], pool[n % len(pool)]))
            case "odd" if id is not None:
                options = ODDITIES[side][object]
                self._edit(object, side, id, options[m % len(options)])
                self.blurred.add((object, side, id))  # what it meant for other fields is not followed up
            case "delete" if id is not None:
                self.table(object, side).delete(id)
            case "merge":
                self._merge(n, m)
            case "join":
                self._join_a_company(side, n, m)
            case "opt out":
                self.keap.opt_out(str(POOLS["contacts"]["Email"][m % 2]))
            case "new field":
                self._make_a_field_anew(object)
            case "refused" if "contacts" in self.objects:
                self._type_in_what_is_refused(n)
            case "spoil" if id is not None:
                self.table(object, side).spoiled.add(id)
                self.table(object, side).nameless += m % 2

    def _all_happen(self, events: Iterable[tuple[Any, ...]]) -> None:
        for event in events:
            self._happens(*event)

    def _add(self, object: str, side: kb.Side, n: int) -> None:
        """A record with values that others have, too; or one that nobody could mistake for another."""
        values = {field: pool[(n + i * (n % 3)) % len(pool)] for i, (field, pool) in enumerate(POOLS[object].items())}
        names = {lens.name for lens in self.mappers[object].lenses}
        known = {
            field: value
            for field, value in values.items()
            if value is not None and field in names and (side is CUSTOMCRM or self._has_room(object, field))
        }
        if n % 4 == NEWCOMER:
            new = len(self.own)
            known |= {"Email": f"new{new}@example.org"} if object == "contacts" else {"Name": f"New {new}"}
            known.pop("Sku", None)
            if object == "contacts" and new % 2:  # nothing matches it: made twice, it would stay twice
                known |= {"LastName": f"New {new}", "City": "Oslo"}
                del known["Email"]
                known.pop("Phone", None)
        self._own(object, side, self.mappers[object].draft(side, known, self.context))

    def _edit_both(self, object: str, n: int, field: str, values: tuple[Any, Any]) -> None:
        """The same field of both records of a pair."""
        pairs = sorted(link for link in self.links() if link[0] == object)
        if pairs:
            _, *ids = pairs[n % len(pairs)]
            for side, id, value in zip((CUSTOMCRM, KEAP), ids, values, strict=True):
                if id in self.table(object, side):
                    self._type_in(object, side, id, field, value)

    def _type_in_what_is_refused(self, n: int) -> None:
        """Keap refuses one property of several."""
        id = self.pick("contacts", CUSTOMCRM, n)
        if id is not None:
            self._type_in("contacts", CUSTOMCRM, id, "JobTitle", "Refused")
            if n % 2:
                self._type_in("contacts", CUSTOMCRM, id, "LastName", POOLS["contacts"]["LastName"][n % 3])

    def _make_a_field_anew(self, object: str) -> None:
        """What the custom field held is gone with it, and with it what the sync can know."""
        for field in self.table(object, KEAP).fields:
            if field.label != "Own":
                self.blurred |= {
                    (o, s, id) for o, s in ((object, KEAP), (object, CUSTOMCRM)) for id in self.table(o, s)
                }
                self.table(object, KEAP).make_field_anew(field.label)

    def _merge(self, n: int, m: int) -> None:
        winner, loser = self.pick("contacts", KEAP, n), self.pick("contacts", KEAP, m)
        if winner is not None and loser is not None and winner != loser:
            for id in (winner, loser):
                self._touch("contacts", KEAP, id)
                self.blurred.add(("contacts", KEAP, id))
            before = self.own.get(("contacts", KEAP, winner))
            self.keap.merge(winner, loser)
            if before is not None:
                self.own["contacts", KEAP, winner] = self._unmapped("contacts", KEAP, winner)

    def _join_a_company(self, side: kb.Side, n: int, m: int) -> None:
        contact, company = self.pick("contacts", side, n), self.pick("companies", side, m)
        if contact is not None and company is not None:
            ours = {"customer_id": company}
            theirs = {"company": kb.keap.BasicCompany(id=company)}
            self._edit("contacts", side, contact, ours if side is CUSTOMCRM else theirs)

    def _delete_one_of_a_pair(self, object: str, n: int, side: kb.Side) -> None:
        pairs = sorted(link for link in self.links() if link[0] == object)
        if pairs:
            id = pairs[n % len(pairs)][1 if side is CUSTOMCRM else 2]
            if id in self.table(object, side):
                self.table(object, side).delete(id)

    @rule(object=objects, side=sides, n=number, deletions=st.sampled_from(DELETION_RULES), meanwhile=events)
    def delete_and_sync(self, object: str, side: kb.Side, n: int, deletions: Any, meanwhile: Any) -> None:
        """One record of a pair is deleted, and before the plan is applied the world may move on."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.policy = self._policy(deletions=deletions)
        if n == 7:
            self.policy = self._policy(deletions="archive", archive=IMPOSSIBLE_ARCHIVE)
        object = self.kind(object)
        self._delete_one_of_a_pair(object, n, side)
        plan = self.watched(lambda: self.session().plan(full=True), may_fail=[kb.ApiError])
        self._all_happen(meanwhile)
        if isinstance(plan, kb.Plan):
            self.clock.pass_by(AFTER_THE_TERM)
            if n == 5:
                self._delete_one_of_a_pair(object, n, side.other)
            self.watched(lambda: self.session().apply(plan), may_fail=[kb.ApiError])
        if n == 7:
            self.policy = self._policy()

    @precondition(lambda self: "contacts" in self.objects)
    @rule(n=number, m=number, third=st.booleans(), odd=st.booleans())
    def merge_people_who_share_an_address(self, n: int, m: int, third: bool, odd: bool) -> None:
        """Duplicates in Keap become one, whether or not they are linked."""
        self.clock.pass_by(AFTER_THE_TERM)
        if third:
            self._add("contacts", KEAP, n + m)
        winner, loser = self.pick("contacts", KEAP, n), self.pick("contacts", KEAP, m)
        for id in (winner, loser):
            if id is not None:
                self._type_in("contacts", KEAP, id, "Email", "a@example.org")
        if not odd:
            self.watched(lambda: self.session().sync())
            self.clock.pass_by(AFTER_THE_TERM)
        self._merge(n, m)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])

    @rule(object=objects, side=sides, n=number, m=number)
    def make_sense_again(self, object: str, side: kb.Side, n: int, m: int) -> None:
        """What could not be understood is typed anew, after it was held for a while."""
        self.clock.pass_by(AFTER_THE_TERM)
        self._happens("odd", object, side, n, m)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        id = self.pick(object, side if m % 2 else side.other, n)
        if id is not None:
            field = "Price" if object == "products" else "Country"
            self._type_in(object, side if m % 2 else side.other, id, field, POOLS[object][field][0])
        self.watched(lambda: self.session().sync())

    @rule(events=events, long=st.booleans())
    def users_work(self, events: Any, long: bool) -> None:
        self._all_happen(events)
        self.clock.pass_by(DAY if long else timedelta(seconds=10))

    @rule(conflicts=st.sampled_from(CONFLICT_RULES), deletions=st.sampled_from(DELETION_RULES))
    def change_the_policy(self, conflicts: Any, deletions: Any) -> None:
        self.policy = self._policy(conflicts=conflicts, deletions=deletions)

    # --- runs -----------------------------------------------------------------------------------------------------

    def session(
        self,
        driver: CountingDriver | None = None,
        *,
        asynchronous: bool = False,
        policy: kb.Policy | None = None,
        mappers: Mapping[str, Mapper] | None = None,
        progress: bool = False,
        retention: timedelta | None = None,
    ) -> Any:
        """A session over the fakes: what one process has."""
        clients = [
            SimpleNamespace(
                **{
                    "customers" if (side, object) == (CUSTOMCRM, "companies") else object: SimpleNamespace(
                        flows=self._flowing(side, object)
                    )
                    for object in OBJECTS
                }
            )
            for side in (CUSTOMCRM, KEAP)
        ]
        kind = kb.AsyncSyncSession if asynchronous else kb.SyncSession
        ours = self._behind_an_adapter() if self.adapter in ADAPTERS else clients[0]
        session: Any = kind(
            customcrm=ours,
            keap=clients[1],
            store=self.engine,
            policy=policy or self.policy,
            progress=progress,
            retention=self.retention if retention is None else retention,
            **(mappers or self.mappers),
        )
        bridge = session._engine.bridge
        taking_part = {o: _keyed(bridge[o]) for o in self.objects if o in bridge.synchronizations}
        session._engine = SyncEngine(attrs.evolve(bridge, synchronizations=taking_part))
        self._listen(bridge.store)
        runner = driver or CountingDriver(self.clock)
        session._driver = Awaitable(runner) if asynchronous else runner
        for object in OBJECTS:
            part = getattr(session, object)
            part._engine, part._driver = session._engine, session._driver
        return session

    def _flowing(self, side: kb.Side, object: str) -> _Flowing:
        records: Any = self.system(side).records(object)
        if side is KEAP:
            return _Flowing(records, self.leaves_unread, calls_per_minute=self.calls_per_minute)
        if self.adapter == WITHOUT_KEYS:
            return _Flowing(attrs.evolve(records, creates_once=False), self.leaves_unread, capabilities=PLAIN)
        return _Flowing(records, self.leaves_unread)

    def _behind_an_adapter(self) -> Any:
        silent = ("UpdatedAt",) if self.adapter == "of few words" else ()
        lacks = LACKS if self.adapter == "of few words" and not self.larger else {}
        return FakeAdapter(self.crm, ADAPTERS[str(self.adapter)], lacks, silent)

    def _listen(self, store: Any) -> None:
        """Learn which creates come from which records, and what is planned."""
        intend, add_actions = store.intents.intend, store.plans.add_actions

        def hear_intents(intents: Any) -> Flow[None]:
            self.origins.update({i.id: (i.object, i.side.other, i.source_id) for i in intents})
            yield from intend(intents)

        def hear_actions(plan_id: str, first: int, actions: Any) -> Flow[None]:
            ACTIONS.update(type(action).__name__ for action in actions)
            yield from add_actions(plan_id, first, actions)

        store.intents.intend, store.plans.add_actions = hear_intents, hear_actions

    def watched(
        self,
        work: Callable[[], Any],
        *,
        may_fail: Collection[type[BaseException]] = (),
        deletes: str = "policy",
        policy: kb.Policy | None = None,
    ) -> Any:
        """Let the engine work, and check what it did, whether it came to its end or not."""
        links = self.links()
        self.happened += 1
        removed = {(o, s): len(self.table(o, s).removed) for o in OBJECTS for s in kb.Side}
        result = None
        try:
            result = _value(work())
        except tuple(may_fail) as error:
            result = error
        gone = {(o, s, id) for (o, s), n in removed.items() for id in self.table(o, s).removed[n:]}
        assert self.blind or not self.keap.overruled, f"opted in against their will: {self.keap.overruled}"
        self.keap.overruled.clear()
        for name in gone:
            self._may_delete(name, links, deletes, policy or self.policy)
        self._nothing_is_made_twice()
        if isinstance(result, kb.Report):
            self.runs.append(result.run_id)
            self._is_well_told(result)
        return result

    def _may_delete(self, name: Name, links: set[tuple[str, str, str]], deletes: str, policy: kb.Policy) -> None:
        object, side, id = name
        if deletes == "undo":
            assert id in self.table(object, side).made.values(), f"undo deleted {name}, which no run made"
            return
        partners = [(a, b)[side is CUSTOMCRM] for o, a, b in links if o == object and (a, b)[side is KEAP] == id]
        # Made in the very same run, and unlinked again by another one: it had no partner before.
        there = [p for p in partners if p in self.table(object, side.other)]
        assert not there, f"{name} was deleted, its partner {there} is there"
        assert deletes == "resolve" or policy.deletion(side, object) == "delete", f"{name} was deleted against policy"

    def _nothing_is_made_twice(self) -> None:
        for object in OBJECTS:
            for side in kb.Side:
                table = self.table(object, side)
                counterparts: dict[Name, list[str]] = defaultdict(list)
                for key, id in table.creates:
                    if id in table and key in self.origins:
                        counterparts[self.origins[key]].append(id)
                twice = {o: ids for o, ids in counterparts.items() if len(ids) > 1 and o not in self.excused}
                assert not twice, f"{side.title} {object} made twice: {twice}"
        for name, mine in self.own.items():
            if name[2] in self.table(name[0], name[1]):
                assert self._unmapped(*name) == mine, f"{name} lost what is not mapped"

    def _is_well_told(self, report: kb.Report) -> None:
        text = f"{report}\n{report._repr_html_()}" + "\n".join(map(str, report.lines))
        assert report.run_id in text
        told = sum(n for counts in report.counts.values() for heading, n in counts.items() if heading != "unchanged")
        lines = list(report.lines)
        assert told == len(lines), f"{report.counts} for {len(lines)} lines"
        assert report.ok is (not report.failures)
        assert report.count("failed") == len(report.failures)

    def _sync(self, session: Any, how: str, n: int) -> Any:
        match how:
            case "full":
                return session.sync(full=True)
            case "changes":
                return session.sync()
            case "ids":
                object = self.objects[-1]
                ids = {side.value: [i] if (i := self.pick(object, side, n)) else [] for side in kb.Side}
                return getattr(session, object).sync_ids(**ids)
            case _:
                return getattr(session, self.kind(how)).sync()

    ways = st.sampled_from(("full", "changes", "changes", "ids", *OBJECTS))

    @rule(events=events, how=ways, n=number, asynchronous=st.booleans(), progress=st.integers(0, 3))
    def sync(self, events: Any, how: str, n: int, asynchronous: bool, progress: int) -> None:
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session(asynchronous=asynchronous, progress=progress == 2)
        self.watched(lambda: self._sync(session, how, n))

    @rule(events=events, how=ways, n=number, at=moments, after=st.booleans(), soon=st.booleans())
    def crash(self, events: Any, how: str, n: int, at: int, after: bool, soon: bool) -> None:
        """The process dies; its lease is in the way of the next one until it is over."""
        for object in self.objects:
            self._add(object, KEAP if n % 3 else CUSTOMCRM, NEWCOMER)
            self._add(object, CUSTOMCRM, NEWCOMER)
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        driver = CountingDriver(self.clock, stop_at=at, stop_after=after)
        result = self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=[KilledError])
        if isinstance(result, KilledError) and driver.log[-1] != "lease.release" and at + after > 0:
            self.watched(self.session().sync, may_fail=[kb.SessionBusyError])
        if not soon:
            self.watched(lambda: self.session().sync(wait=TERM.total_seconds() + 5))

    @rule(events=events, how=ways, n=number, side=sides, at=st.integers(0, 30), fault=troubles, times=st.integers(1, 8))
    def trouble(self, events: Any, how: str, n: int, side: kb.Side, at: int, fault: Fault, times: int) -> None:
        """One request of a run, or a few in a row, meet with trouble."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        asked = 0

        def plan(request: Request) -> Fault | None:
            nonlocal asked
            asked += 1
            return fault if at < asked <= at + times else None

        self.system(side).faults = plan
        self.watched(lambda: self._sync(self.session(), how, n), may_fail=[kb.ApiError])
        self.system(side).faults = no_faults

    @rule(
        events=events,
        n=number,
        fault=st.sampled_from((Fault.LOST_ANSWER, Fault.OUTAGE, Fault.RATE_LIMIT, Fault.QUOTA)),
        side=sides,
        methods=st.sampled_from((("POST", "PATCH", "DELETE"), ("POST",), ("PATCH",), ("DELETE",))),
    )
    def trouble_with_writes(self, events: Any, n: int, fault: Fault, side: kb.Side, methods: tuple[str, ...]) -> None:
        """No answer to any write comes back; the next runs find out."""
        self.policy = self._policy(deletions="delete")
        self._all_happen(events)
        for each, object in enumerate(self.objects):
            self._add(object, side.other, 4 * (n + each) + NEWCOMER)
            self._delete_one_of_a_pair(object, n, side.other)
            self._happens("edit", object, side.other, n + 1, n)
        self.clock.pass_by(AFTER_THE_TERM)
        self.system(side).faults = lambda request: fault if request.method in methods else None
        self.watched(lambda: self._sync(self.session(), "full" if n % 2 else "changes", n), may_fail=[kb.ApiError])
        self.system(side).faults = no_faults

    @rule(events=events, how=ways, n=number, side=sides)
    def stale(self, events: Any, how: str, n: int, side: kb.Side) -> None:
        """All lists and searches of a system show what was half a minute ago."""
        self.clock.pass_by(AFTER_THE_TERM)
        if n % 2:  # what was made just now is linked, and a complete list does not show it
            for object in self.objects:
                self._add(object, CUSTOMCRM if n % 3 else KEAP, NEWCOMER)
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            how = "full"
        self._all_happen(events)
        self._unseen_is_uncertain()
        self.system(side).faults = lambda request: Fault.STALE if request.reads else None
        self.blind = True
        self.watched(lambda: self._sync(self.session(), how, n), may_fail=[kb.ApiError])
        self.blind = False
        self.system(side).faults = no_faults

    def _unseen_is_uncertain(self) -> None:
        """Keap has no versions: what it does not show yet can be overwritten, and a lost create be made again."""
        for object in OBJECTS:
            for intent in SyncDriver().run(open_store(self.engine, "default").intents.open(object)):
                self.excused.add((object, intent.side.other, intent.source_id))
            recent = self.clock.moment - INDEX_LAG
            for side in self.unguarded:
                stamp = "update_time" if side is KEAP else "updated_at"
                table = self.table(object, side)
                self.blurred |= {(object, side, id) for id in table if getattr(table[id], stamp) >= recent}

    @rule(events=events, meanwhile=events, how=ways, n=number, at=moments)
    def edit_meanwhile(self, events: Any, meanwhile: Any, how: str, n: int, at: int) -> None:
        """Users go on working while a run is under way."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)

        def disturb(_: Any) -> None:
            for object in self.objects:  # between reading and writing there is no protection in Keap: a known limit
                for side in self.unguarded:
                    self.blurred |= {(object, side, id) for id in self.table(object, side)}
            self.blind = True
            self._all_happen(meanwhile)

        driver = Interrupted(self.clock, at=at, then=disturb)
        self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=[kb.ShapeError])
        self.blind = False

    @rule(object=objects, side=sides, n=number, m=number, often=st.booleans())
    def edit_what_is_being_written(self, object: str, side: kb.Side, n: int, m: int, often: bool) -> None:
        """Somebody is quicker by a moment: between the second reading and the write."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        pairs = sorted(link for link in self.links() if link[0] == object)
        field = "Description" if object != "contacts" else "City"
        for _, *ids in pairs:
            id = ids[side is CUSTOMCRM]
            if id in self.table(object, side.other):
                self._type_in(object, side.other, id, field, POOLS[object][field][n % 2])

        def disturb(effect: Send) -> None:
            _, name, id = effect.call.path.split("/")
            table = self.system(side).tables.get(name)
            kind = "companies" if name == "customers" else name
            if table is None or id not in table or kind != object:
                return
            if side in self.unguarded:
                self.blurred.add((object, side, id))
            self.blind = True
            other = field if n % 3 else sorted(set(POOLS[object]) - {field})[m % (len(POOLS[object]) - 1)]
            self._type_in(object, side, id, other, POOLS[object][other][m % 2])
            if often:
                driver.next = 0

        driver = Interrupted(self.clock, at=0, then=disturb, before=_updates)
        self.watched(lambda: self.session(driver).sync(), may_fail=[kb.ShapeError])
        self.blind = False

    @rule(events=events, at=moments, stalls=st.booleans(), n=number, how=ways)
    def compete(self, events: Any, at: int, stalls: bool, n: int, how: str) -> None:
        """Another runner comes while one is at work, or is taken for dead."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)

        def another(_: Any) -> None:
            if stalls:
                self.clock.pass_by(AFTER_THE_TERM)
            seen.append(self.watched(self.session().sync, may_fail=[kb.SessionBusyError]))

        seen: list[Any] = []
        driver = Interrupted(self.clock, at=1 + at, then=another)
        mine = self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=[kb.SessionBusyError])
        if seen:
            assert isinstance(seen[0], kb.Report if stalls else kb.SessionBusyError)
        if not stalls:
            assert isinstance(mine, kb.Report)

    # --- plans, decisions, looking back ---------------------------------------------------------------------------

    @rule(events=events, full=st.booleans(), asynchronous=st.booleans(), object=st.sampled_from((None, *OBJECTS)))
    def plan_now(self, events: Any, full: bool, asynchronous: bool, object: str | None) -> None:
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        before = len(self.crm.writes), len(self.keap.writes)
        session = self.session(asynchronous=asynchronous)
        part = session if object is None else getattr(session, self.kind(object))
        plan = _value(part.plan(full=full))
        assert (len(self.crm.writes), len(self.keap.writes)) == before, "a plan wrote something"
        assert plan.id in f"{plan}{plan._repr_html_()}"
        described = [str(action) for action in plan.actions]
        assert all(described)
        assert plan.is_empty or described
        self.plans.append(plan.id)

    @rule(events=events, n=number, asynchronous=st.booleans(), known=st.booleans())
    def apply_later(self, events: Any, n: int, asynchronous: bool, known: bool) -> None:
        """A plan is applied when the world has moved on; once only."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        plan = self.plans.pop(n % len(self.plans)) if self.plans and known else "no-such-plan"
        session = self.session(asynchronous=asynchronous)
        result = self.watched(lambda: session.apply(plan), may_fail=[kb.StalePlanError, kb.BrakeError])
        assert isinstance(result, kb.StalePlanError) or plan != "no-such-plan"
        if isinstance(result, kb.Report):
            again = self.watched(lambda: self.session().apply(plan), may_fail=[kb.StalePlanError])
            assert isinstance(again, kb.StalePlanError), "a plan was applied twice"

    @rule(
        object=objects,
        n=number,
        m=number,
        decision=st.sampled_from((CUSTOMCRM, KEAP, "value", "value")),
        asynchronous=st.booleans(),
        whole=st.booleans(),
        moved=st.sampled_from(("no", "no", "no", "synced", "edited", "unlinked")),
        dies=st.sampled_from((None, None, "dies", "dies before", "somewhere")),
        at=st.integers(0, 30),
    )
    def resolve(
        self,
        object: str,
        n: int,
        m: int,
        decision: Any,
        asynchronous: bool,
        whole: bool,
        moved: str,
        dies: str | None,
        at: int,
    ) -> None:
        """A field is edited on both sides, or a record here and deleted there, and somebody decides."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        parked = policy_without_brakes(conflicts="manual", deletions="delete")
        self._a_pair(object, n)
        self._happens("edit both", object, CUSTOMCRM, n, m)
        if whole:
            self._delete_one_of_a_pair(object, n, side := KEAP if n % 2 else CUSTOMCRM)
            for other in self.table(object, side.other):
                self._type_in(object, side.other, other, "Description" if object != "contacts" else "City", "Turku")
        self.watched(lambda: self.session(policy=parked).sync(full=True), policy=parked, may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session(asynchronous=asynchronous, policy=parked)
        found = _value(session.conflicts())
        whole_first = sorted(found, key=lambda conflict: (conflict.field != "*") is whole)
        if not found:
            return
        found = whole_first
        conflict = found[0 if whole else n % len(found)]
        if moved != "no":
            self._moves_on(conflict, moved, n, m)
            if moved != "edited":
                self.watched(lambda: self.session(policy=parked).sync(), policy=parked, may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
        for side, id in ((CUSTOMCRM, conflict.customcrm_id), (KEAP, conflict.keap_id)):
            self.blurred.add((conflict.object, side, id))
        if decision == "value":
            pool = POOLS[conflict.object].get(conflict.field, ("?",))
            decision = pool[n % len(pool)] if m % 4 else "no value of this field"
        expected = [kb.StalePlanError, kb.UnfitError]
        if dies is not None:
            somewhere = CountingDriver(self.clock, stop_at=at, stop_after=whole)
            driver = somewhere if dies == "somewhere" else self._cut_off(dies, 0)
            self._die_while_resolving(conflict, decision, driver, parked)
            return
        result = self.watched(lambda: session.resolve(conflict, decision), may_fail=expected, deletes="resolve")
        if isinstance(result, kb.Report) and result.ok and conflict.field != "*":
            left = [(c.object, c.customcrm_id, c.field) for c in _value(self.session().conflicts())]
            again = (conflict.object, conflict.customcrm_id, conflict.field)
            assert again not in left or conflict.object == "companies", f"{again} was resolved and waits again"

    def _moves_on(self, conflict: Any, moved: str, n: int, m: int) -> None:
        """Somebody goes on with a record whose conflict is about to be decided."""
        if moved == "synced":
            self._happens("edit both", conflict.object, CUSTOMCRM, n + 1, m)
        elif moved == "edited" and conflict.keap_id in self.table(conflict.object, KEAP):
            pool = POOLS[conflict.object].get(conflict.field, (None,))
            other = next((v for v in pool if v not in {conflict.keap, conflict.customcrm, None}), None)
            if other is not None:
                self._type_in(conflict.object, KEAP, conflict.keap_id, conflict.field, other)
        elif moved == "unlinked":
            for side, id in ((CUSTOMCRM, conflict.customcrm_id), (KEAP, conflict.keap_id)):
                if id in self.table(conflict.object, side):
                    self.table(conflict.object, side).delete(id)

    def _die_while_resolving(self, conflict: Any, decision: Any, driver: CountingDriver, parked: kb.Policy) -> None:
        """The process dies while a decision is written: the side that was decided for loses nothing."""
        ends = [KilledError, kb.StalePlanError, kb.UnfitError]
        winner = decision if isinstance(decision, kb.Side) and conflict.field != "*" else None
        id = conflict.customcrm_id if winner is CUSTOMCRM else conflict.keap_id
        wins = winner is not None and id in self.table(conflict.object, winner)
        before = self.read(conflict.object, winner, id) if winner is not None and wins else {}
        self.watched(
            lambda: self.session(driver, policy=parked).resolve(conflict, decision), may_fail=ends, deletes="resolve"
        )
        self._all_is_well()
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session(policy=parked).sync(full=True), policy=parked, may_fail=[kb.ApiError])
        if winner is not None and wins and id in self.table(conflict.object, winner):
            now = self.read(conflict.object, winner, id)
            assert now[conflict.field] == before[conflict.field], f"{conflict.field} of the winner was overwritten"

    @rule(n=number, asynchronous=st.booleans(), later=st.booleans(), back=st.integers(0, 3))
    def undo(self, n: int, asynchronous: bool, later: bool, back: int) -> None:
        """The last run is taken back, or one of those before."""
        self.clock.pass_by(AFTER_THE_TERM)
        if n % 2 == 0:
            back = 0
            self._all_happen([("edit", object, side, n + k, k) for k, object in enumerate(OBJECTS) for side in kb.Side])
            if n % 4:
                self._delete_one_of_a_pair(self.objects[-1], n, CUSTOMCRM)
                self.policy = self._policy(deletions="delete")
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
        run = self.runs[-1 - back] if len(self.runs) > back else "no-such-run"
        session = self.session(asynchronous=asynchronous)
        self.anything_goes = True  # known differences stay from here on

        def work() -> Any:
            if later:
                plan = _value(session.plan_undo(run))
                assert plan.purpose == "undo"
                return session.apply(plan.id if n % 2 else plan)
            return session.undo(run)

        result = self.watched(work, may_fail=[kb.StalePlanError], deletes="undo")
        if n == 1:  # and the undoing is undone
            self.watched(lambda: self.session().undo(self.runs[-1]), deletes="undo")
        if later and isinstance(result, kb.Report) and n % 2:
            again = self.watched(lambda: self.session().apply(result.plan_id), may_fail=[kb.StalePlanError])
            assert isinstance(again, kb.StalePlanError), "an undoing was applied twice"
        assert isinstance(result, (kb.Report, kb.StalePlanError))
        assert isinstance(result, kb.Report) or run == "no-such-run"

    @rule(n=number, fault=st.sampled_from((Fault.OUTAGE, Fault.REFUSED_KEY)), side=sides)
    def undo_in_trouble(self, n: int, fault: Fault, side: kb.Side) -> None:
        self.clock.pass_by(AFTER_THE_TERM)
        if self.runs:
            self.anything_goes = True
            self.system(side).faults = lambda request: fault if request.method != "GET" else None
            self.watched(lambda: self.session().undo(self.runs[-1]), may_fail=[kb.AuthError], deletes="undo")
            self.system(side).faults = no_faults

    @rule(
        n=number,
        at=st.integers(0, 40),
        after=st.booleans(),
        soon=st.booleans(),
        deletions=st.sampled_from(DELETION_RULES),
    )
    def crash_while_undoing(self, n: int, at: int, after: bool, soon: bool, deletions: Any) -> None:
        """The process dies while a run is taken back; what comes next finds out what it had done."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.anything_goes = True
        self.policy = self._policy(deletions=deletions)
        self._happens("edit", self.objects[-1], KEAP, n, n)
        self._delete_one_of_a_pair(self.objects[-1], n, KEAP if n % 2 else CUSTOMCRM)
        self._add(self.objects[0], CUSTOMCRM if n % 3 else KEAP, NEWCOMER)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        if self.runs:
            driver = CountingDriver(self.clock, stop_at=at, stop_after=after)
            self.watched(
                lambda: self.session(driver).undo(self.runs[-1]),
                may_fail=[KilledError, kb.StalePlanError],
                deletes="undo",
            )
            self.clock.pass_by(AFTER_THE_TERM if soon else DAY)
            again = self.session().sync if n % 2 else lambda: self.session().undo(self.runs[-1])
            self.watched(again, may_fail=[kb.StalePlanError], deletes="policy" if n % 2 else "undo")

    @rule(object=objects, side=sides, n=number, asynchronous=st.booleans())
    def look_back(self, object: str, side: kb.Side, n: int, asynchronous: bool) -> None:
        object = self.kind(object)
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session(asynchronous=asynchronous)
        assert "default" in repr(session)
        which = {side.value: self.pick(object, side, n) or "nobody"}
        before = len(self.crm.writes), len(self.keap.writes)
        if which[side.value] not in self.table(object, side).spoiled:
            explanation = self.watched(lambda: session.explain(object, **which), may_fail=[kb.ShapeError])
            if not isinstance(explanation, kb.ShapeError):
                assert object in f"{explanation}{explanation._repr_html_()}"
        _value(session.failures())
        _value(getattr(session, object).failures())
        for entry in _value(session.history(object, **which)):
            assert entry.kind in {"create", "update", "delete", "archive", "link"}
        _value(session.audit())
        assert [*getattr(session, object).links()] == [*session._engine.bridge.store.links.all(object)]
        assert [c for c in _value(getattr(session, object).conflicts()) if c.object != object] == []
        assert (len(self.crm.writes), len(self.keap.writes)) == before
        if asynchronous:
            _value(_value(session.__aenter__()).__aexit__(None, None, None))
        else:
            session.__enter__().__exit__(None, None, None)

    @rule(object=objects, side=sides, n=number, asynchronous=st.booleans())
    def retry(self, object: str, side: kb.Side, n: int, asynchronous: bool) -> None:
        """Records take part again: those that failed, and those that lost their partner."""
        object = self.kind(object)
        id = self.pick(object, side, n)
        if id is not None:
            _value(getattr(self.session(asynchronous=asynchronous), object).retry(**{side.value: [id]}))

    def _over(self, adapter: Any) -> Any:
        keap = SimpleNamespace(**{o: SimpleNamespace(flows=_Flowing(self.keap.records(o))) for o in OBJECTS})
        return kb.SyncSession(customcrm=adapter, keap=keap, store=self.engine, contacts=MAPPERS["contacts"])  # type: ignore[arg-type]

    @rule()
    def misuse(self) -> None:
        """What no host should do is an error at once."""
        small = _Small(self.crm, ADAPTERS["of its word"])
        wrong: list[tuple[type[Exception], Callable[[], Any]]] = [
            (ValueError, lambda: self.session(mappers={**self.mappers, "contacts": self.mappers["companies"]})),
            (TypeError, lambda: kb.SyncSession(customcrm=AsyncCustomcrmClient(), keap=None, store=self.engine)),  # type: ignore[arg-type]
            (LookupError, self._over(small).products.sync),
            (TypeError, lambda: self._over(_AsyncAdapter())),
            (kb.MappingError, lambda: self._over(attrs.evolve(small, lacks={"contacts": ("Title",)}))),
            (kb.MappingError, lambda: kb.Policy(conflicts="mine")),  # type: ignore[arg-type]
            (kb.MappingError, lambda: kb.Policy(deletions={"nowhere": "delete"})),
            (kb.MappingError, lambda: kb.Policy(deletions="archive")),
            (TypeError, lambda: _value(self.session().explain("contacts"))),
        ]
        for kind, work in wrong:
            try:
                work()
            except kind:
                continue
            raise AssertionError(f"this should have been a {kind.__name__}")

    @rule(events=events, deletes=st.integers(0, 1), creates=st.integers(0, 1))
    def brake(self, events: Any, deletes: int, creates: int) -> None:
        """A run that would do more than it may does nothing."""
        for n in range(3 * creates):
            self._delete_one_of_a_pair(self.objects[-1], n, KEAP)
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        tight = attrs.evolve(self.policy, max_deletes=deletes, max_creates=creates, max_updates_share=0.0)
        before = len(self.crm.writes), len(self.keap.writes)
        with_brakes = self.session(policy=tight)
        result = self.watched(lambda: with_brakes.sync(full=True), may_fail=[kb.BrakeError], policy=tight)
        if isinstance(result, kb.BrakeError):
            assert (len(self.crm.writes), len(self.keap.writes)) == before
            assert not result.plan.is_empty

    @rule(field=st.sampled_from(("City", "JobTitle")))
    def narrow_the_mapping(self, field: str) -> None:
        """Somebody leaves a field out for a while: everything is looked at again, before and after."""
        self.clock.pass_by(AFTER_THE_TERM)
        narrow = {**self.mappers, "contacts": self.mappers["contacts"].without(field)}
        self.watched(lambda: self.session(mappers=narrow).sync())

    def _two_full_systems(self, side: kb.Side) -> None:
        """Systems that look as if they were not the same ones, and a crowd that shares a key."""
        [object] = self.objects
        self.crowded = True
        self.policy = policy_without_brakes(deletions=self.policy.deletions)
        for n in range(60):
            here, there = ({"Name": f"P{n}", "Sku": f"P{n}"}, {"Name": f"Q{n}", "Sku": f"Q{n}"})
            if object == "contacts":
                here, there = ({"Email": f"p{n}@example.org"}, {"Email": "crowd@example.org", "LastName": f"L{n}"})
            for where, values in ((side, here), (side.other, there)):
                self._own(object, where, self.mappers[object].draft(where, {**values, **_priced(object)}, self.context))
        tight = policy_without_brakes(max_first_create_share=0.8, max_delete_share=0.05, deletions="unlink")
        result = self.watched(lambda: self.session(policy=tight).sync(), may_fail=[kb.BrakeError])
        assert isinstance(result, kb.BrakeError)
        self.watched(lambda: self.session().sync())
        linked = sorted(ids[side is KEAP] for _, *ids in self.links())
        for id in linked[:10]:
            self._type_in(object, side, id, "Description" if object != "contacts" else "City", "Turku")
        tight = attrs.evolve(tight, max_updates_share=0.05)
        assert isinstance(
            self.watched(lambda: self.session(policy=tight).sync(), may_fail=[kb.BrakeError]), kb.BrakeError
        )
        for id in linked[:25]:
            self.table(object, side).delete(id)
        assert isinstance(
            self.watched(lambda: self.session(policy=tight).sync(full=True), may_fail=[kb.BrakeError]), kb.BrakeError
        )

    # --- what is rare in real life ---------------------------------------------------------------------------------

    def _a_pair(self, object: str, n: int) -> dict[kb.Side, str]:
        """A linked pair of which both records are there and take part; made for it, where there is none."""
        for _ in range(2):
            for link in sorted(self.links())[n:] + sorted(self.links())[:n]:
                pair = dict(zip((CUSTOMCRM, KEAP), link[1:], strict=True))
                if link[0] == object and all(
                    id in self.table(object, side)
                    and id not in self.table(object, side).spoiled
                    and self.takes_part(object, side, id)
                    for side, id in pair.items()
                ):
                    return pair
            self._add(object, CUSTOMCRM, NEWCOMER)
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
        return {}

    def _free_field(self, object: str) -> str:
        """A field that nothing depends on."""
        return "City" if object == "contacts" else "Description"

    def _add_alike(self, object: str, *where: kb.Side) -> list[str]:
        """The same new record on these sides."""
        name = f"Alike {len(self.own)}"
        known: dict[str, Any] = {"Name": name} if object != "contacts" else {"FirstName": "Ada", "LastName": "Old"}
        if object == "contacts":
            known["Email"] = f"alike{len(self.own)}@example.org"
        return [
            self._own(object, side, self.mappers[object].draft(side, {**known, **_priced(object)}, self.context))
            for side in where
        ]

    @rule(
        what=st.sampled_from(("edit", "add", "delete", "link")),
        object=objects,
        side=sides,
        n=number,
        at=st.integers(0, 1),
        how=st.sampled_from(("dies", "dies", "dies before", Fault.LOST_ANSWER, Fault.OUTAGE)),
        meanwhile=st.sampled_from(("nothing", "nothing", "nothing", "edit", "delete", "unlink")),
        afterwards=st.sampled_from(("nothing", "nothing", "edit", "delete")),
        forgets=st.booleans(),
        again=st.booleans(),
    )
    def be_cut_off_while_undoing(
        self,
        what: str,
        object: str,
        side: kb.Side,
        n: int,
        at: int,
        how: Any,
        meanwhile: str,
        afterwards: str,
        forgets: bool,
        again: bool,
    ) -> None:
        """A run that did one thing is taken back, and the runner dies or sees no answers: what comes next finds out."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.anything_goes = True
        object = self.kind(object)
        pair = self._a_pair(object, n)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        if not pair:
            return
        self.policy = self._policy(deletions="delete", conflicts="manual")
        field = self._free_field(object)
        there = all(id in self.table(object, s) for s, id in pair.items())
        if what == "edit" and there:
            self._type_in(object, side, pair[side], field, POOLS[object][field][n % 2])
        elif what == "delete" and there:
            self.table(object, side).delete(pair[side])
        else:
            self._add_alike(object, *(kb.Side if what == "link" else (side,)))
        report = self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
        self.clock.pass_by(AFTER_THE_TERM)
        if not isinstance(report, kb.Report):
            return
        touched = [
            name for line in report.lines for name in _names_of(line) if line.outcome not in {"skipped", "failed"}
        ]
        self._meet_with(meanwhile, touched, side)
        made_before = self._made_without_intent()
        driver = self._cut_off(how, at, named="links.remove" if what == "link" and isinstance(how, str) else None)
        ends = [KilledError, kb.StalePlanError, kb.ApiError]
        self.watched(lambda: self.session(driver).undo(report.run_id), may_fail=ends, deletes="undo")
        self._all_is_well()
        if isinstance(how, Fault):  # nobody died, so nobody needs to wait; but what was made may not be shown yet
            self.clock.pass_by(timedelta(seconds=5))
            if forgets:
                self._forget_all_runs()
            else:
                self.watched(lambda: self.session().undo(report.run_id), may_fail=ends, deletes="undo")
        self._meet_with(afterwards, touched, side)
        self.clock.pass_by(AFTER_THE_TERM)
        held = self._held(touched, field)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        if afterwards == meanwhile == "nothing":
            assert what != "edit" or self._held(touched, field) == held, f"{field} was written again after all"
            assert what != "add" or not there or self._no_source_is_gone(report)
        if again and not forgets:
            self.clock.pass_by(AFTER_THE_TERM)
            self.watched(lambda: self.session().undo(report.run_id), may_fail=[kb.StalePlanError], deletes="undo")
        if what == "delete" and "edit" not in {afterwards, meanwhile} and not forgets:
            made = self._made_without_intent() - made_before
            deleted = sum(line.outcome == "deleted" for line in report.lines)
            assert len(made) <= max(deleted, 1), f"made anew more than once: {made}"

    def _forget_all_runs(self) -> None:
        self.runs.clear()
        self.plans.clear()
        self.watched(lambda: self.session(retention=timedelta(0)).sync())

    def _no_source_is_gone(self, report: kb.Report) -> bool:
        """Undoing what was made from a record leaves that record alone."""
        made = [name for line in report.lines if line.outcome == "created" for name in _names_of(line)]
        return all(id in self.table(object, side) for object, side, id in made if (object, side, id) in self.own)

    def _meet_with(self, what: str, names: Collection[Name], side: kb.Side) -> None:
        """Users go on with the records that a run has touched."""
        for object, where, id in names:
            if id not in self.table(object, where):
                continue
            if what == "edit":
                field = self._free_field(object)
                pool = POOLS[object][field]
                value = self.read(object, where, id).get(field)
                self._type_in(object, where, id, field, next(v for v in pool if v != value))
            elif what in {"delete", "unlink"} and where is side:
                self.table(object, where).delete(id)
        if what == "unlink":
            self.policy = self._policy(deletions="unlink", conflicts="manual")
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
            self.policy = self._policy(deletions="delete", conflicts="manual")

    def _held(self, names: Iterable[Name], field: str) -> dict[Name, Any]:
        return {n: self.read(*n).get(field) for n in names if n[2] in self.table(n[0], n[1])}

    def _made_without_intent(self) -> set[Name]:
        """What undoings have made anew."""
        return {
            (object, side, id)
            for object in OBJECTS
            for side in kb.Side
            for key, id in self.table(object, side).creates
            if key not in self.origins and id in self.table(object, side)
        }

    def _cut_off(self, how: Any, at: int, *, named: str | None = None) -> CountingDriver:
        """A driver whose process dies at a write; or writes that nobody learns of."""
        systems = (self.crm, self.keap)
        if how == "dies" or named is not None:
            return Dying(self.clock, systems, at=0 if named else at, named=named, after=how != "dies before")
        asked = 0

        def fault(request: Request) -> Fault | None:
            nonlocal asked
            if request.method == "GET":
                return None
            asked += 1
            if how == "dies before" and asked > at:
                raise KilledError
            return how if isinstance(how, Fault) else None

        self.crm.faults = self.keap.faults = fault
        return CountingDriver(self.clock)

    def _all_is_well(self) -> None:
        self.crm.faults = self.keap.faults = no_faults

    @rule(
        object=objects,
        side=sides,
        fault=st.sampled_from((Fault.LOST_ANSWER, Fault.LOST_ANSWER, Fault.OUTAGE)),
        twins=st.booleans(),
        often=st.booleans(),
        gone=st.integers(0, 3),
    )
    def lose_the_answer_to_a_create(
        self, object: str, side: kb.Side, fault: Fault, twins: bool, often: bool, gone: int
    ) -> None:
        """Nobody knows at first whether a counterpart was made; in the end there is one."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        [source] = self._add_alike(object, side.other)
        before = set(self.table(object, side))
        self.system(side).faults = lambda request: fault if request.method == "POST" else None
        for _ in range(1 + often):
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            self.clock.pass_by(timedelta(seconds=5))
        self._all_is_well()
        made = [id for id in self.table(object, side) if id not in before]
        if twins and made and source in self.table(object, side.other):
            values = {f: v for f, v in self.read(object, side.other, source).items() if v not in {None, ODD}}
            self._own(object, side, self.mappers[object].draft(side, values, self.context))
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        if gone == 1 and source in self.table(object, side.other):
            self.table(object, side.other).delete(source)
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        pairs = {(o, s, i) for o, *ids in self.links() for s, i in zip((CUSTOMCRM, KEAP), ids, strict=True)}
        if not twins and gone != 1 and self.takes_part(object, side.other, source):
            told = {(f.object, f.side, f.id) for f in _value(self.session().failures())}
            assert {(object, side.other, source)} <= pairs | told | self.excused or self.adapter, (
                "it got no counterpart"
            )

    @precondition(lambda self: "contacts" in self.objects)
    @rule(n=number, edits=st.integers(0, 4), conflicts=st.sampled_from(CONFLICT_RULES))
    def move_house(self, n: int, edits: int, conflicts: Any) -> None:
        """Country and region are edited on both sides, and belong together."""
        self.clock.pass_by(AFTER_THE_TERM)
        if not (pair := self._a_pair("contacts", n)):
            return
        for field, value in (("Country", "USA"), ("Region", "US-AZ")):
            for side, id in pair.items():
                self._type_in("contacts", side, id, field, value)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        self.policy = self._policy(conflicts=conflicts)
        one, other = (CUSTOMCRM, KEAP) if n % 2 else (KEAP, CUSTOMCRM)
        moves: tuple[tuple[kb.Side, str, str], ...] = (
            (one, "Country", "CAN"),
            (one, "Region", "CA-ON"),
            (other, "Country", "MEX"),
            (other, "Region", "MX-JAL"),
            (other, "Region", "US-CA"),
        )
        for k, (side, field, value) in enumerate(moves):
            if k != edits and not (k == 4 and edits != 2) and pair[side] in self.table("contacts", side):
                self._type_in("contacts", side, pair[side], field, value)
        self.watched(lambda: self.session().sync())

    @rule(object=objects, n=number, m=number, conflicts=st.sampled_from(("newest", "manual", _host_rule)))
    def edit_both_in_the_same_moment(self, object: str, n: int, m: int, conflicts: Any) -> None:
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if not (pair := self._a_pair(object, n)):
            return
        self.policy = self._policy(conflicts=conflicts)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        field = ("Title", "City", "FirstName")[m % 3] if object == "contacts" else ("Description", "Name")[m % 2]
        moment = self.clock.moment
        for k, (side, id) in enumerate(pair.items()):
            self.clock.moment = moment
            if id in self.table(object, side):
                self._type_in(object, side, id, field, POOLS[object][field][k])
        self.watched(lambda: self.session().sync())

    @precondition(lambda self: "contacts" in self.objects)
    @rule(n=number, often=st.integers(0, 3))
    def be_refused_a_part(self, n: int, often: int) -> None:
        """Keap refuses one property; the others are written, and the record is not tried for ever."""
        self.clock.pass_by(AFTER_THE_TERM)
        pair = self._a_pair("contacts", n)
        self.watched(lambda: self.session().sync(full=True))
        self.clock.pass_by(DAY)
        if not pair or any(id not in self.table("contacts", side) for side, id in pair.items()):
            return
        self._let_everything_take_part()
        wanted = {"JobTitle": "Refused", "City": "Oslo" if n % 2 else "Tempe", "LastName": ("Old", "New")[n % 2]}
        for field, value in wanted.items():
            self._type_in("contacts", CUSTOMCRM, pair[CUSTOMCRM], field, value)
        waits = {c.field for c in _value(self.session().conflicts()) if c.customcrm_id == pair[CUSTOMCRM]}
        self.watched(lambda: self.session().sync())
        if self.takes_part("contacts", CUSTOMCRM, pair[CUSTOMCRM]) and pair[KEAP] in self.table("contacts", KEAP):
            theirs = self.read("contacts", KEAP, pair[KEAP])
            for field in {"City", "LastName"} - waits:
                assert theirs[field] == wanted[field], f"{field} was not written, because JobTitle was refused"
        for _ in range(9 if often == 1 else 0):
            self.clock.pass_by(DAY)
            self.watched(lambda: self.session().sync())

    @rule(object=objects, side=sides, n=number, deletions=st.sampled_from(DELETION_RULES))
    def come_back(self, object: str, side: kb.Side, n: int, deletions: Any) -> None:
        """What was deleted is restored from a bin before the plan is applied that would follow the deletion."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if not (pair := self._a_pair(object, n)):
            return
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        if any(id not in self.table(object, s) for s, id in pair.items()):
            return
        self.policy = self._policy(deletions=deletions)
        record = self.table(object, side)[pair[side]]
        self.table(object, side).delete(pair[side])
        plan = self.watched(lambda: self.session().plan(full=True), may_fail=[kb.ApiError])
        assert all(map(str, plan.actions))
        self.table(object, side).restore(record)
        self._touch(object, side, pair[side])
        self.blurred.add((object, side, pair[side]))
        self.watched(lambda: self.session().apply(plan), may_fail=[kb.BrakeError, kb.ApiError])
        assert all(id in self.table(object, s) for s, id in pair.items()), "deleted though it was there after all"
        if object != "contacts":  # a merge of contacts may be suspected, and planned for
            assert (object, *pair.values()) in self.links(), "unlinked though it was there after all"

    @precondition(lambda self: "companies" in self.objects)
    @rule(n=number, what=st.sampled_from(("edit", "odd", "delete", Fault.OUTAGE)), new=st.booleans())
    def meddle_before_it_is_read_back(self, n: int, what: Any, new: bool) -> None:
        """The answer of Keap shows little of a company: what it holds is read back, and somebody was there before."""
        self.clock.pass_by(AFTER_THE_TERM)
        if not (pair := self._a_pair("companies", n)):
            return
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        if new:
            self._add_alike("companies", CUSTOMCRM)
        elif pair[CUSTOMCRM] in self.table("companies", CUSTOMCRM):
            for field in ("Description", "City"):
                pool = POOLS["companies"][field]
                self._type_in("companies", CUSTOMCRM, pair[CUSTOMCRM], field, pool[n % 2])

        def is_read_back(effect: Effect) -> bool:
            written = [line for line in driver.log if line.startswith(("PATCH /companies", "POST /companies"))]
            return bool(written) and isinstance(effect, Send) and effect.call.method == "GET"

        def meddle(effect: Send) -> None:
            if isinstance(what, Fault):
                self.keap.faults = lambda request: what if request.method == "GET" else None
                return
            id = self.pick("companies", KEAP, -1) if new else pair[KEAP]
            if id is None or id not in self.table("companies", KEAP):
                return
            self.blurred.add(("companies", KEAP, id))  # Keap has no versions
            self._touch("companies", KEAP, id)
            if what == "edit":
                self._type_in("companies", KEAP, id, "Description", "Blue")
            elif what == "delete":
                self.table("companies", KEAP).delete(id)
            else:
                self._edit("companies", KEAP, id, ODDITIES[KEAP]["companies"][0])

        driver = Interrupted(self.clock, at=0, then=meddle, before=is_read_back)
        self.watched(lambda: self.session(driver).sync(), may_fail=[kb.ApiError])
        self._all_is_well()

    @precondition(lambda self: self.larger)
    @rule(object=objects, n=number, new=st.booleans(), how=st.sampled_from(("apply", "ids")))
    def make_a_field_anew(self, object: str, n: int, new: bool, how: str) -> None:
        """A custom field is another one when the plan is applied, or when some records are looked at."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        field = {"contacts": "Shoes", "companies": "Tier"}.get(object)
        if field is None or not (pair := self._a_pair(object, n)):
            return
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        if new:
            record = self.mappers[object].draft(
                CUSTOMCRM,
                {"Name": f"New {len(self.own)}", "FirstName": "Ada", "LastName": "Old", field: "40"},
                self.context,
            )
            self._own(object, CUSTOMCRM, record)
        if pair[CUSTOMCRM] in self.table(object, CUSTOMCRM):
            for each in (field, self._free_field(object)):
                self._type_in(object, CUSTOMCRM, pair[CUSTOMCRM], each, POOLS[object][each][n % 2])
        if how == "apply":
            plan = self.session().plan()
            self._make_a_field_anew(object)
            self.watched(lambda: self.session().apply(plan), may_fail=[kb.BrakeError])
            self.clock.pass_by(AFTER_THE_TERM)
        else:
            self._make_a_field_anew(object)
        theirs = [pair[KEAP]] if pair[KEAP] in self.table(object, KEAP) else []
        part = getattr(self.session(), object)
        if theirs:
            self._type_in(object, KEAP, pair[KEAP], self._free_field(object), "Turku")
        self.watched(lambda: part.sync_ids(keap=theirs, customcrm=[pair[CUSTOMCRM]]))

    @precondition(lambda self: self.larger and "contacts" in self.objects)
    @rule(n=number, address=st.sampled_from(("cy@example.org", "d*d@example.org")), company=st.booleans())
    def write_to_somebody_who_opted_out(self, n: int, address: str, company: bool) -> None:
        """A record gets an address whose owner wants to hear nothing: no reason is said to Keap."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = "companies" if company and "companies" in self.objects else "contacts"
        pair = self._a_pair(object, n)
        here = kb.keap.Contact(given_name="Cy", email_addresses=(kb.keap.EmailAddress(address, "EMAIL1"),))
        if n % 3:
            self._own("contacts", KEAP, here)
        self.keap.opt_out(address)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        if n % 2 and pair and pair[CUSTOMCRM] in self.table(object, CUSTOMCRM):
            self._type_in(object, CUSTOMCRM, pair[CUSTOMCRM], "Email", address)
        else:
            known = {"Name": f"New {len(self.own)}", "FirstName": "Zoe", "LastName": f"New {len(self.own)}"}
            draft = self.mappers[object].draft(CUSTOMCRM, {**known, "Email": address}, self.context)
            self._own(object, CUSTOMCRM, draft)
        self.watched(lambda: self.session().sync())
        if n % 3:
            assert self.keap.status(address) == "MANUAL", "opted in against their will"

    @precondition(lambda self: self.larger and "contacts" in self.objects)
    @rule(n=number, fault=st.sampled_from((Fault.OUTAGE, Fault.QUOTA, Fault.REFUSED_KEY)))
    def trouble_with_searches(self, n: int, fault: Fault) -> None:
        """Whether somebody has opted out cannot be found out."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        object = "companies" if n % 2 and "companies" in self.objects else "contacts"
        known = {"Name": f"New {len(self.own)}", "FirstName": "Zoe", "LastName": f"New {len(self.own)}"}
        address = f"new{len(self.own)}@example.org"
        draft = self.mappers[object].draft(CUSTOMCRM, {**known, "Email": address}, self.context)
        id = self._own(object, CUSTOMCRM, draft)
        plan = self.session().plan()
        self.keap.faults = lambda request: fault if request.reads and request.path == "/contacts" else None
        result = self.watched(lambda: self.session().apply(plan), may_fail=[kb.ApiError, kb.BrakeError])
        self._all_is_well()
        if isinstance(result, kb.Report) and (object, id) in {(o, a) for o, a, _ in self.links()}:
            assert self.keap.status(address) == "NON_MARKETABLE", "a reason was given, though nobody could know"

    @rule(object=objects, side=sides, planned=st.booleans())
    def need_what_is_not_there(self, object: str, side: kb.Side, planned: bool) -> None:
        """A record lacks what the other system demands, from the beginning or when it comes to be made."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if planned:
            [id] = self._add_alike(object, side)
        else:
            types = {CUSTOMCRM: self.mappers[object].customcrm_type, KEAP: self.mappers[object].keap_type}
            id = self._own(object, side, types[side]())
        plan = self.watched(lambda: self.session().plan(), may_fail=[kb.ApiError])
        if planned:
            made = self.table(object, side)[id]
            names = ("name", "company_name", "email", "given_name", "first_name")
            self._edit(object, side, id, {x: None for x in names if hasattr(made, x)})
        self.clock.pass_by(2 * AFTER_THE_TERM)
        result = self.watched(lambda: self.session().apply(plan), may_fail=[kb.ApiError, kb.BrakeError])
        if isinstance(result, kb.Report):
            assert id in self.table(object, side)

    @rule(object=objects, n=number)
    def make_both_equal_before_the_plan_is_applied(self, object: str, n: int) -> None:
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if not (pair := self._a_pair(object, n)):
            return
        field = self._free_field(object)
        plan = None
        for side, id in pair.items():
            if id in self.table(object, side):
                self._type_in(object, side, id, field, POOLS[object][field][n % 2])
            plan = plan or self.session().plan()
        self.watched(lambda: self.session().apply(plan), may_fail=[kb.BrakeError])

    @rule(events=events, how=ways, n=number, each=st.integers(30, 120))
    def take_long(self, events: Any, how: str, n: int, each: int) -> None:
        """A run is slow, and keeps its lease all the same."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)

        def wait(_: Any) -> None:
            self.clock.pass_by(timedelta(seconds=each))
            driver.next = len(driver.log) + 3

        driver = Interrupted(self.clock, at=1, then=wait, before=lambda effect: isinstance(effect, Send))
        self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=[kb.SessionBusyError])

    # --- healing --------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.happened > WEAR)
    @rule()
    def heal(self) -> None:
        """All trouble ends, some complete runs follow, and all laws hold."""
        for system in (self.crm, self.keap):
            for table in system.tables.values():
                table.spoiled.clear()
                table.nameless = 0
        self.keap.contacts.refused.clear()
        for _ in range(ROUNDS):
            self.clock.pass_by(DAY)
            self._let_everything_take_part()
            self.watched(lambda: self.session().sync(full=True))
            self.clock.pass_by(DAY)
            plan = self.session().plan(full=True)
            if plan.is_empty:
                break
        writing = [action for action in plan.actions if not isinstance(action, (Conflict, Skip))]
        if writing and all(map(self._refers_to_what_is_gone, writing)):
            return  # a deletion that is ignored leaves a link to what is gone, and references to it: a known limit
        assert plan.is_empty, "not quiet:\n" + "\n".join(map(str, plan.actions))
        before = len(self.crm.writes), len(self.keap.writes)
        report = self.watched(lambda: self.session().apply(plan))
        self.watched(lambda: self.session().sync())
        assert (len(self.crm.writes), len(self.keap.writes)) == before, "something was written though all is settled"
        self._check(list(report.lines))
        self.keap.contacts.refused["job_title"] = {"Refus", "Refused"}

    def _refers_to_what_is_gone(self, action: Any) -> bool:
        if not isinstance(action, Update) or {change.field for change in action.changes} != {"CustomerId"}:
            return False
        dead = {
            ours
            for object, ours, theirs in self.links()
            if object == "companies"
            and (ours not in self.table(object, CUSTOMCRM) or theirs not in self.table(object, KEAP))
        }
        return all(change.after in dead for change in action.changes)

    def _let_everything_take_part(self) -> None:
        """What failed so often that it is not tried by itself any more."""
        session = self.session()
        for failure in SyncDriver().run(session._engine.bridge.store.failures.all()):
            if failure.next_try_at is None:
                getattr(session, failure.object).retry(**{failure.side.value: [failure.id]})

    def _check(self, lines: list[Any]) -> None:
        links = self.links()
        open_conflicts = {(c.object, c.customcrm_id, c.field) for c in self.session().conflicts()}
        told = {(x.object, side, id) for x in lines for side, id in _ids_of(x) if id is not None}
        held = {(*name, field) for x in lines if x.outcome == "held" for name in _names_of(x) for field in x.fields}
        linked: set[Name] = set()
        for object, ours, theirs in links:
            linked |= {(object, CUSTOMCRM, ours), (object, KEAP, theirs)}
            for side, id in ((CUSTOMCRM, ours), (KEAP, theirs)):
                kept = self.policy.deletion(side.other, object) == "ignore" or (object, ours, "*") in open_conflicts
                assert id in self.table(object, side) or kept, f"{object} {ours} ↔ {theirs} links what is gone"
        every = {(object, side, id) for object in OBJECTS for side in kb.Side for id in self.table(object, side)}
        lost = [name for name in every - linked - told if self.takes_part(*name)]
        assert not lost, f"{lost} are neither linked nor in the report"
        settled: dict[tuple[str, str, str], dict[str, tuple[Any, Any]]] = {}
        marked: set[tuple[Name, str]] = set()
        parked: set[Name] = set()  # outside the filter, with what both hold
        for link in links:
            object, ours, theirs = link
            if ours not in self.table(object, CUSTOMCRM) or theirs not in self.table(object, KEAP):
                continue
            names: tuple[Name, Name] = ((object, CUSTOMCRM, ours), (object, KEAP, theirs))
            if not all(self.takes_part(*name) for name in names):
                parked |= set(names)
                continue
            values = [self.read(*name) for name in names]
            settled[link] = {field: (values[0][field], values[1][field]) for field in values[0]}
            for field, pair in settled[link].items():
                waits = (object, ours, field) in open_conflicts or any((*name, field) in held for name in names)
                if waits or ODD in pair:
                    marked |= {(name, field) for name in names}
                elif not self._is_loose(object, field):
                    agree = _agree(self.mappers[object][field], self.context, *pair)
                    assert agree or self.anything_goes, f"{link}: {field} differs: {pair}"
                if link in self.settled and field in self.settled[link] and not self.blurred & set(names):
                    self._no_edit_was_lost(link, field, self.settled[link][field], pair, waits=waits)
        self.settled, self.blurred, self.happened = settled, parked, 0
        self.edited.clear()
        for name, field in marked:
            object, side, id = name
            self.edited[name, field].append(self.read(*name)[field])

    def _no_edit_was_lost(
        self, link: tuple[str, str, str], field: str, before: tuple[Any, Any], now: tuple[Any, Any], *, waits: bool
    ) -> None:
        object, ours, theirs = link
        names: tuple[Name, Name] = ((object, CUSTOMCRM, ours), (object, KEAP, theirs))
        scope = self.mappers[object][field].scope
        if (
            self.anything_goes
            or self._is_loose(object, field)
            or (scope and any((n, scope) in self.edited for n in names))
        ):
            return
        edits = [self.edited.get((name, field), []) for name in names]
        if not edits[0] and not edits[1]:
            assert now == before, f"{link}: nobody edited {field}: {before} → {now}"
        elif not edits[0] or not edits[1]:
            which = 0 if edits[0] else 1
            wanted = edits[which][-1]
            assert now[which] == wanted, f"{link}: {field} was edited to {wanted!r} and is {now}"
        else:
            known = {*before, *edits[0], *edits[1]}
            lens = self.mappers[object][field]
            for value in now:
                assert any(_agree(lens, self.context, *two) for a in known for two in ((a, value), (value, a))), (
                    f"{link}: {field} is {now}, which is none of {known}"
                )

    def teardown(self) -> None:
        self.crm.faults = self.keap.faults = no_faults
        try:
            if sys.exc_info()[0] is None:
                self.heal()
        finally:
            _set_sizes(LARGE)
            self.engine.dispose()


def _priced(object: str) -> dict[str, Any]:
    return {"Price": "USD 1.00", "ShortDescription": "Short"} if object == "products" else {}


def _ids_of(line: Any) -> Iterator[tuple[kb.Side, str | None]]:
    yield CUSTOMCRM, line.customcrm_id
    yield KEAP, line.keap_id


def _names_of(line: Any) -> list[Name]:
    return [(line.object, side, id) for side, id in _ids_of(line) if id is not None]


def _agree(lens: Lens, context: Context, ours: Any, theirs: Any) -> bool:
    """Whether two values are the same as far as both systems can hold it."""
    if is_stored_form(ours, theirs) or is_stored_form(theirs, ours):
        return True
    for side, value, held in ((KEAP, ours, theirs), (CUSTOMCRM, theirs, ours)):
        try:
            if is_stored_form(lens.fit(side, value, context), held):
                return True
        except kb.UnfitError:
            continue
    return False


def main(examples: int, number: int, actions: str) -> None:
    """Play so many games, always the same ones for a seed, and write down which actions were planned.

    A process of its own does this, so that the coverage of nothing else is counted.
    """
    quick = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),  # the shortest game that fails is not worth the wait here
    )
    run_state_machine_as_test(seed(number)(TwoSystems), settings=quick)
    Path(actions).write_text(json.dumps(sorted(ACTIONS)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
