"""The two systems, the sessions between them, and how the machine looks at them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from copy import copy, deepcopy
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import attrs
from fakes import FakeAdapter, FakeCustomcrm, FakeDatabase, FakeKeap, FakeSystem, FakeTable
from hypothesis.stateful import RuleBasedStateMachine
from stopping import Clock, CountingDriver, shares

import keapbridge as kb
from keapbridge._flow.effects import Flow
from keapbridge.keap.fields import Model
from keapbridge.keap.slots import find_item
from keapbridge.mapping.custom import resolve
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.store.sql import open_store
from keapbridge.sync.engine import Engine as SyncEngine
from keapbridge.sync.options import Settings
from two_systems.doubles import Flowing, InMemory, Stores, keyed
from two_systems.drivers import Awaitable
from two_systems.pools import (
    ACTIONS,
    ADAPTERS,
    ARCHIVE,
    CONTEXT,
    CUSTOMCRM,
    KEAP,
    LACKS,
    LOOSE,
    MAPPERS,
    OBJECTS,
    ODD,
    PLAIN,
    START,
    WITHOUT_KEYS,
    Name,
    policy_without_brakes,
    without_brakes,
)

MANY = 18  # records of a kind: from there on a share of them means something


class World(RuleBasedStateMachine):
    """Two systems, and what the machine knows of them.

    Attributes:
        edited: (record, field) → the values that users gave it since everything was settled.
        settled: linked pairs and what both sides held then.
        blurred: records of which nothing exact is known any more.
        own: what is not mapped in the records of users.
        origins: key of a create → the record whose counterpart it makes.
        excused: origins for which a second record may be made, as the documented limits say.
    """

    stores: ClassVar[Stores] = InMemory()

    def __init__(self) -> None:
        super().__init__()
        self._of_hypothesis = frozenset(vars(self))
        self.clock = Clock(START)
        self.crm = FakeCustomcrm(self.clock)
        self.keap = FakeKeap(self.clock, cuts=True)
        self.keap.contacts.limits["job_title"] = 5  # less than the mapping knows
        self.keap.contacts.refused["job_title"] = {"Refus", "Refused"}
        self.engine = self.stores.new()
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
        self.answers_all = True

    def copy(self) -> Self:
        """The same two systems and their store once more: what happens to one leaves the other alone."""
        twin = type(self)()
        self.stores.end(twin.engine)
        shared = self._of_hypothesis | {"_of_hypothesis", "engine", "clock", "crm", "keap", "edited"}
        for name in vars(self).keys() - shared:
            setattr(twin, name, copy(getattr(self, name)))
        twin.edited = deepcopy(self.edited)
        twin.clock, twin.crm, twin.keap = deepcopy((self.clock, self.crm, self.keap))
        twin.engine = self.stores.same(self.engine)
        return twin

    def _policy(self, **choices: Any) -> kb.Policy:
        """A policy with the brakes of the library; without, once there are enough records for a share to mean much."""
        return policy_without_brakes(**choices) if self.crowded else kb.Policy(**{"archive": ARCHIVE, **choices})

    def _policy_for_so_many(self) -> kb.Policy:
        """The policy of the game; the shares of its brakes are of few records only."""
        many = max(len(table) for system in (self.crm, self.keap) for table in system.tables.values())
        return without_brakes(self.policy) if many >= MANY else self.policy

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
        """Whether nothing exact is claimed of a field: it flows one way, or not when it is emptied, or is not listed.

        What lists leave out is never overwritten unseen; but while nobody has met a value there, none is looked for.
        """
        lens = self.mappers[object][field]
        return field in LOOSE or self._is_unlisted(object, field) or lens.direction != "both" or lens.on_empty == "keep"

    def _is_unlisted(self, object: str, field: str) -> bool:
        """Whether Keap's lists leave a field out."""
        return self.mappers[object][field].keap.path in self.keap.habits.unlisted

    def takes_part(self, object: str, side: kb.Side, id: str) -> bool:
        """Whether a record is within the filter of the mapping."""
        values, _ = self.mappers[object].read(side, self.table(object, side)[id], self.context)
        return self.mappers[object].takes_part(side, self.table(object, side)[id], values)

    @property
    def unguarded(self) -> tuple[kb.Side, ...]:
        """Where a write cannot be for one version only: what somebody edits at the wrong moment is lost."""
        return (KEAP,) if self.is_cautious else (KEAP, CUSTOMCRM)

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

    def links(self) -> set[tuple[str, str, str]]:
        store = open_store(self.engine, "default")
        return {(object, link.customcrm_id, link.keap_id) for object in OBJECTS for link in store.links.all(object)}

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
            policy=policy or self._policy_for_so_many(),
            progress=progress,
            retention=self.retention if retention is None else retention,
            **(mappers or self.mappers),
        )
        bridge = session._engine.bridge
        taking_part = {o: keyed(bridge[o]) for o in self.objects if o in bridge.synchronizations}
        session._engine = SyncEngine(attrs.evolve(bridge, synchronizations=taking_part))
        self._listen(shares(bridge.store, self.clock))
        runner = driver or CountingDriver(self.clock)
        session._driver = Awaitable(runner) if asynchronous else runner
        for object in OBJECTS:
            part = getattr(session, object)
            part._engine, part._driver = session._engine, session._driver
        return session

    def _flowing(self, side: kb.Side, object: str) -> Flowing:
        records: Any = self.system(side).records(object)
        if side is KEAP:
            return Flowing(records, self.leaves_unread, calls_per_minute=self.calls_per_minute)
        if self.adapter == WITHOUT_KEYS:
            return Flowing(attrs.evolve(records, creates_once=False), self.leaves_unread, capabilities=PLAIN)
        return Flowing(records, self.leaves_unread)

    def _behind_an_adapter(self) -> Any:
        silent = ("UpdatedAt",) if self.adapter == "of few words" else ()
        lacks = LACKS if self.adapter == "of few words" and not self.larger else {}
        kind = FakeDatabase if self.adapter == "of its word" else FakeAdapter
        return kind(self.crm, ADAPTERS[str(self.adapter)], lacks, silent)

    def _listen(self, store: Any) -> None:
        """Learn which creates come from which records, and what is planned."""
        intend, add_actions = store.intents.intend, store.plans.add_actions

        def hear_intents(intents: Any) -> Flow[None]:
            self.origins.update({i.id: (i.object, i.side.other, i.source_id) for i in intents})
            yield from intend(intents)

        def hear_actions(plan_id: str, first: int, actions: Any, **rest: Any) -> Flow[None]:
            ACTIONS.update(type(action).__name__ for action in actions)
            yield from add_actions(plan_id, first, actions, **rest)

        store.intents.intend, store.plans.add_actions = hear_intents, hear_actions
