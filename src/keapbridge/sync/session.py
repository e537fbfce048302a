"""The sessions: what a host embeds. Everything they do is a flow of the engine; the two classes only drive it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs

from keapbridge._io.drivers import AsyncDriver, SyncDriver
from keapbridge._io.effects import Flow
from keapbridge.customcrm.adapter import is_asynchronous, resources
from keapbridge.customcrm.records import wire_name
from keapbridge.decide.brakes import exceeded
from keapbridge.decide.policy import Policy
from keapbridge.errors import BrakeError, MappingError, StalePlanError
from keapbridge.mapping import defaults
from keapbridge.mapping.kinds import Region
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.kept import Failure, JournalEntry
from keapbridge.model.plan import Plan
from keapbridge.model.records import Canonical, Link
from keapbridge.model.report import Report
from keapbridge.model.side import Side
from keapbridge.sync.afterwards.explain import Explanation, explain, history
from keapbridge.sync.afterwards.resolve import OpenConflict, conflicts, resolve
from keapbridge.sync.afterwards.undo import UNDO, finish_undo, plan_undo, undo
from keapbridge.sync.lease import holding
from keapbridge.sync.planning.propose import propose
from keapbridge.sync.synchronization import Bridge, Progress
from keapbridge.sync.systems import AdapterRecords, CustomcrmRecords, KeapRecords, Records
from keapbridge.sync.writing.apply import apply

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from keapbridge.customcrm.adapter import CustomcrmAdapter
    from keapbridge.customcrm.client import AsyncCustomcrmClient, CustomcrmClient
    from keapbridge.keap.client import AsyncKeapClient, KeapClient

__all__ = ["AsyncObjectSync", "AsyncSyncSession", "ObjectSync", "SyncSession"]

Ids = Mapping[Side, Collection[str]]
T = TypeVar("T")

ORDER = ("companies", "products", "contacts")  # a contact refers to a company
OVERLAP = timedelta(minutes=5)
LAG = timedelta(minutes=1)
RETENTION = timedelta(days=90)


@attrs.frozen
class _Flows:
    """What a session can do, as flows; whatever plans or writes holds the session's lease."""

    bridge: Bridge

    def plan(self, objects: Sequence[str], *, full: bool, wait: float) -> Flow[Plan]:
        return self._alone(propose(self.bridge, self._there(objects), full=full), wait)

    def apply(self, plan: Plan | str, *, wait: float) -> Flow[Report]:
        return self._alone(self._apply(plan), wait)

    def sync(
        self, objects: Sequence[str], *, full: bool = False, ids: Ids | None = None, wait: float = 0.0
    ) -> Flow[Report]:
        return self._alone(self._sync(self._there(objects), full, ids), wait)

    def conflicts(self, objects: Sequence[str]) -> Flow[list[OpenConflict]]:
        return conflicts(self.bridge, self._there(objects))

    def resolve(self, conflict: OpenConflict, decision: Side | Canonical, *, wait: float) -> Flow[Report]:
        return self._alone(resolve(self.bridge, conflict, decision), wait)

    def explain(self, object: str, keap: str | None, customcrm: str | None) -> Flow[Explanation]:
        return explain(self.bridge, object, _one_id(keap, customcrm))

    def history(self, object: str, keap: str | None, customcrm: str | None) -> Flow[tuple[JournalEntry, ...]]:
        return history(self.bridge, object, _one_id(keap, customcrm))

    def plan_undo(self, run_id: str) -> Flow[Plan]:
        return plan_undo(self.bridge, run_id)

    def undo(self, run_id: str, *, wait: float) -> Flow[Report]:
        return self._alone(self._undo(run_id), wait)

    def _alone(self, flow: Flow[T], wait: float) -> Flow[T]:
        """Whatever plans or writes: alone, and after it is known what became of an undoing that was cut off."""
        return holding(self.bridge.store, self._informed(flow), wait)

    def _informed(self, flow: Flow[T]) -> Flow[T]:
        yield from finish_undo(self.bridge)
        return (yield from flow)

    def _there(self, objects: Sequence[str]) -> Sequence[str]:
        """Those of the synchronizations that this Customcrm takes part in."""
        found = [name for name in objects if (name, Side.CUSTOMCRM) in self.bridge.systems]
        if not found:
            raise LookupError(f"this Customcrm has no {', '.join(objects)}")
        return found

    def _undo(self, run_id: str) -> Flow[Report]:
        plan = yield from plan_undo(self.bridge, run_id)
        return (yield from undo(self.bridge, plan))

    def failures(self, objects: Sequence[str]) -> Flow[list[Failure]]:
        found: list[Failure] = yield from self.bridge.store.failures.all()
        return [failure for failure in found if failure.object in objects]

    def retry(self, object: str, keap: Collection[str], customcrm: Collection[str]) -> Flow[None]:
        for side, ids in ((Side.KEAP, keap), (Side.CUSTOMCRM, customcrm)):
            for id in ids:
                yield from self.bridge.store.failures.clear(object, side, id)

    def _sync(self, objects: Sequence[str], full: bool, ids: Ids | None) -> Flow[Report]:
        plan = yield from propose(self.bridge, objects, full=full, ids=ids)
        return (yield from self._apply(plan))

    def _apply(self, plan: Plan | str) -> Flow[Report]:
        if isinstance(plan, str):
            found = yield from self.bridge.store.plans.get(plan)
            if found is None:
                raise StalePlanError(f"there is no plan {plan!r} in this session's store")
            plan = found
        if plan.purpose == UNDO:
            return (yield from undo(self.bridge, plan))
        reasons = exceeded(plan, self.bridge.policy)
        if reasons:
            raise BrakeError(
                f"nothing was written: {'; '.join(reasons)}. If the plan is right, apply it with a wider Policy", plan
            )
        report = yield from apply(self.bridge, plan)
        if self.bridge.retention is not None:
            yield from self.bridge.store.runs.prune(report.started_at - self.bridge.retention)
        return report


def _one_id(keap: str | None, customcrm: str | None) -> dict[Side, str]:
    given = {side: id for side, id in ((Side.KEAP, keap), (Side.CUSTOMCRM, customcrm)) if id is not None}
    if len(given) != 1:
        raise TypeError("name the record by keap=… or by customcrm=…")
    return given


def _bridge(
    customcrm: Any,
    keap: Any,
    store: str | Engine,
    name: str,
    policy: Policy | None,
    mappers: dict[str, Mapper],
    overlap: timedelta,
    lag: timedelta,
    retention: timedelta | None,
    encryption_keys: Sequence[str | bytes],
    default_region: str | None,
    progress: Progress | bool,
    *,
    asynchronous: bool,
) -> Bridge:
    from keapbridge.store.paces import SqlPaceBook
    from keapbridge.store.sql import open_store

    for given, expected in ((customcrm, "Customcrm"), (keap, "Keap")):
        kind = type(given).__name__
        if kind.startswith("Async") is not asynchronous and kind.endswith(f"{expected}Client"):
            wanted = f"{'Async' if asynchronous else ''}{expected}Client"
            raise TypeError(f"this session needs {wanted}, not {kind}")
    for object, mapper in mappers.items():
        if mapper.name != object:
            raise ValueError(f"{object}={mapper.name} mapper: give it as {mapper.name}=…")
    ours = _records_of(customcrm, asynchronous=asynchronous)
    mappers = {name: _narrowed(mapper, ours[name]) if name in ours else mapper for name, mapper in mappers.items()}
    theirs = {"companies": keap.companies, "products": keap.products, "contacts": keap.contacts}
    opened = open_store(store, name, encryption_keys)
    book = SqlPaceBook(opened.database)
    systems: dict[tuple[str, Side], Any] = {}
    for object in ORDER:
        if object in ours:
            systems[object, Side.CUSTOMCRM] = ours[object]
            systems[object, Side.KEAP] = KeapRecords(theirs[object].flows.sharing(book, name))
    return Bridge(
        opened, mappers, systems, policy or Policy(), overlap, lag, retention, default_region, _progress(progress)
    )


def _records_of(customcrm: Any, *, asynchronous: bool) -> dict[str, Records]:
    """What a Customcrm has, by synchronization: of a client, or of an adapter."""
    names = {"companies": "customers", "products": "products", "contacts": "contacts"}
    if all(hasattr(customcrm, name) for name in names.values()):
        return {object: CustomcrmRecords(getattr(customcrm, name).flows) for object, name in names.items()}
    found = resources(customcrm)
    if not asynchronous and is_asynchronous(customcrm):
        raise TypeError(f"{type(customcrm).__name__} is asynchronous: it needs an AsyncSyncSession")
    return {object: AdapterRecords(found[name]) for object, name in names.items() if name in found}


def _narrowed(mapper: Mapper, records: Records) -> Mapper:
    """The mapping without what the default one has and this Customcrm cannot hold.

    Raises:
        MappingError: when it cannot hold what the host itself has mapped.
    """
    held = records.flows.properties if isinstance(records, AdapterRecords) else None
    if held is None:
        return mapper
    missing = {lens.name for lens in mapper.lenses if not _names(lens) <= held}
    default: Mapper = getattr(defaults, mapper.name)
    unknown = [lens.name for lens in mapper.lenses if lens.name in missing and lens not in default.lenses]
    if unknown:
        raise MappingError(f"{mapper.name}: Customcrm has nowhere to keep {', '.join(unknown)}")
    # A region means something in its country only; a phone number can do without.
    missing |= {lens.name for lens in mapper.lenses if isinstance(lens.kind, Region) and lens.scope in missing}
    freed = [attrs.evolve(lens, scope=None) for lens in mapper.lenses if lens.scope in missing]
    return mapper.with_lenses(*freed).without(*missing) if missing else mapper


def _names(lens: Lens) -> frozenset[str]:
    place = lens.customcrm
    return frozenset(place.attributes if place.in_extra else map(wire_name, place.attributes))


def _progress(wanted: Progress | bool) -> Progress:
    if wanted is True:
        from keapbridge.sync.progress import ProgressBars

        return ProgressBars()
    return wanted or (lambda *_: None)


class ObjectSync:
    """One of the three synchronizations of a session."""

    def __init__(self, driver: SyncDriver, flows: _Flows, object: str) -> None:
        self._driver = driver
        self._flows = flows
        self._object = object

    def plan(self, *, full: bool = False, wait: float = 0.0) -> Plan:
        """See `SyncSession.plan`."""
        return self._driver.run(self._flows.plan((self._object,), full=full, wait=wait))

    def sync(self, *, full: bool = False, wait: float = 0.0) -> Report:
        """See `SyncSession.sync`."""
        return self._driver.run(self._flows.sync((self._object,), full=full, wait=wait))

    def sync_ids(self, *, keap: Collection[str] = (), customcrm: Collection[str] = (), wait: float = 0.0) -> Report:
        """Sync these records only, and what earlier runs left open: what a webhook calls.

        Those that are not there any more are looked up one by one; a 404 proves that they were deleted.
        """
        ids = {Side.KEAP: tuple(keap), Side.CUSTOMCRM: tuple(customcrm)}
        return self._driver.run(self._flows.sync((self._object,), ids=ids, wait=wait))

    def conflicts(self) -> list[OpenConflict]:
        """See `SyncSession.conflicts`."""
        return self._driver.run(self._flows.conflicts((self._object,)))

    def failures(self) -> list[Failure]:
        """See `SyncSession.failures`."""
        return self._driver.run(self._flows.failures((self._object,)))

    def retry(self, *, keap: Collection[str] = (), customcrm: Collection[str] = ()) -> None:
        """Let these records take part again: those that failed, and those that were unlinked because of a deletion."""
        self._driver.run(self._flows.retry(self._object, keap, customcrm))

    def links(self) -> Iterator[Link]:
        """The linked pairs, with what both sides held after the last sync."""
        return self._flows.bridge.store.links.all(self._object)


class AsyncObjectSync:
    """`ObjectSync` for an event loop."""

    def __init__(self, driver: AsyncDriver, flows: _Flows, object: str) -> None:
        self._driver = driver
        self._flows = flows
        self._object = object

    async def plan(self, *, full: bool = False, wait: float = 0.0) -> Plan:
        """See `SyncSession.plan`."""
        return await self._driver.run(self._flows.plan((self._object,), full=full, wait=wait))

    async def sync(self, *, full: bool = False, wait: float = 0.0) -> Report:
        """See `SyncSession.sync`."""
        return await self._driver.run(self._flows.sync((self._object,), full=full, wait=wait))

    async def sync_ids(
        self, *, keap: Collection[str] = (), customcrm: Collection[str] = (), wait: float = 0.0
    ) -> Report:
        """See `ObjectSync.sync_ids`."""
        ids = {Side.KEAP: tuple(keap), Side.CUSTOMCRM: tuple(customcrm)}
        return await self._driver.run(self._flows.sync((self._object,), ids=ids, wait=wait))

    async def conflicts(self) -> list[OpenConflict]:
        """See `SyncSession.conflicts`."""
        return await self._driver.run(self._flows.conflicts((self._object,)))

    async def failures(self) -> list[Failure]:
        """See `SyncSession.failures`."""
        return await self._driver.run(self._flows.failures((self._object,)))

    async def retry(self, *, keap: Collection[str] = (), customcrm: Collection[str] = ()) -> None:
        """See `ObjectSync.retry`."""
        await self._driver.run(self._flows.retry(self._object, keap, customcrm))

    def links(self) -> Iterator[Link]:
        """See `ObjectSync.links`."""
        return self._flows.bridge.store.links.all(self._object)


class SyncSession:
    """Keeps a Customcrm and Keap in sync. It works inside a running event loop, too (Jupyter).

    Args:
        customcrm: the host's CRM: a client, a `SqlCustomcrm`, or an object of the host's that is a `CustomcrmAdapter`.
        keap: Keap.
        store: where links are remembered: a SQLAlchemy URL (`"sqlite:///bridge.db"`) or the host's own engine.
        name: keeps several pairs of systems apart in one store.
        policy: what to do where there is a choice.
        contacts: the mapping of contacts, where it is not the default one.
        companies: the same for companies.
        products: the same for products.
        overlap: how far before the last run changes are looked for again, for clocks that differ and lists that lag.
        lag: how long Keap may take to show a new record. A create whose answer was lost is looked for that long, and
            sent again only if it is not found.
        retention: how long plans, reports and the journal (and with it the ability to undo) are kept; `None`: for ever.
        encryption_keys: encrypt what the store knows of people (the `encryption` extra); the first key encrypts, all
            decrypt.
        default_region: ISO 3166-1 alpha-2 country of phone numbers without a prefix in records without a country.
        progress: `True` for progress bars (the `progress` extra), or a function that is called with the
            synchronization, what is being done, how many are done and of how many.

    Raises:
        LinkStoreError: when the store cannot be opened.
    """

    def __init__(
        self,
        *,
        customcrm: CustomcrmClient | CustomcrmAdapter,
        keap: KeapClient,
        store: str | Engine,
        name: str = "default",
        policy: Policy | None = None,
        contacts: Mapper = defaults.contacts,
        companies: Mapper = defaults.companies,
        products: Mapper = defaults.products,
        overlap: timedelta = OVERLAP,
        lag: timedelta = LAG,
        retention: timedelta | None = RETENTION,
        encryption_keys: Sequence[str | bytes] = (),
        default_region: str | None = None,
        progress: Progress | bool = False,
    ) -> None:
        mappers = {"companies": companies, "products": products, "contacts": contacts}
        self._bridge = _bridge(
            customcrm,
            keap,
            store,
            name,
            policy,
            mappers,
            overlap,
            lag,
            retention,
            encryption_keys,
            default_region,
            progress,
            asynchronous=False,
        )
        self._flows = _Flows(self._bridge)
        self._driver = SyncDriver()
        self._name = name
        self.companies = ObjectSync(self._driver, self._flows, "companies")
        self.products = ObjectSync(self._driver, self._flows, "products")
        self.contacts = ObjectSync(self._driver, self._flows, "contacts")

    def plan(self, *, full: bool = False, wait: float = 0.0) -> Plan:
        """Look at both systems and say what a sync would do. Nothing is written to either of them.

        Args:
            full: read everything, not only what changed since the last run: finds deletions, too.
            wait: seconds to wait for another runner of this session.

        Raises:
            ApiError: when a system cannot be read.
            SessionBusyError: when another runner is at work.
        """
        return self._driver.run(self._flows.plan(ORDER, full=full, wait=wait))

    def apply(self, plan: Plan | str, *, wait: float = 0.0) -> Report:
        """Do what a plan (or the plan of this id) says. What moved since is decided anew, never overwritten.

        Raises:
            StalePlanError: when the plan was applied before, or is not of this session.
            BrakeError: when it would do more than the policy allows.
            AuthError, QuotaExhaustedError, UnavailableError: when it makes no sense to go on. What was done until then
                is in the error's `report`, the rest is planned anew by the next run. Failures of single records are in
                the report instead.
        """
        return self._driver.run(self._flows.apply(plan, wait=wait))

    def sync(self, *, full: bool = False, wait: float = 0.0) -> Report:
        """`apply(plan())`: companies, then products, then contacts."""
        return self._driver.run(self._flows.sync(ORDER, full=full, wait=wait))

    def conflicts(self) -> list[OpenConflict]:
        """What waits for a decision, as far as the systems have been read. Calls neither of them."""
        return self._driver.run(self._flows.conflicts(ORDER))

    def failures(self) -> list[Failure]:
        """The records that failed and are not done yet: why, how often, and when they are tried again."""
        return self._driver.run(self._flows.failures(ORDER))

    def resolve(self, conflict: OpenConflict, decision: Side | Canonical, *, wait: float = 0.0) -> Report:
        """Settle a conflict at once, in both systems.

        Args:
            decision: the side whose value wins, or a value that both sides shall hold.

        Raises:
            StalePlanError: when the record has moved on since the conflict was listed.
            UnfitError: when the value is none for this field.
        """
        return self._driver.run(self._flows.resolve(conflict, decision, wait=wait))

    def audit(self, *, wait: float = 0.0) -> Plan:
        """Read both systems completely and say how far they have drifted apart, as the plan that would mend it."""
        return self._driver.run(self._flows.plan(ORDER, full=True, wait=wait))

    def explain(self, object: str, *, keap: str | None = None, customcrm: str | None = None) -> Explanation:
        """What a record is linked to, what both sides hold and held, and what the next sync would do."""
        return self._driver.run(self._flows.explain(object, keap, customcrm))

    def history(
        self, object: str, *, keap: str | None = None, customcrm: str | None = None
    ) -> tuple[JournalEntry, ...]:
        """What this session has written to a record, newest first."""
        return self._driver.run(self._flows.history(object, keap, customcrm))

    def plan_undo(self, run_id: str) -> Plan:
        """What taking a run back would do; `apply` does it.

        Raises:
            StalePlanError: when there is no such run in this session's store (any more).
        """
        return self._driver.run(self._flows.plan_undo(run_id))

    def undo(self, run_id: str, *, wait: float = 0.0) -> Report:
        """Take a run back on both sides. What was edited since is left alone and reported as skipped."""
        return self._driver.run(self._flows.undo(run_id, wait=wait))

    def close(self) -> None:
        """Close the store; the clients stay open."""
        self._bridge.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SyncSession {self._name!r}>"


class AsyncSyncSession:
    """`SyncSession` for an event loop, over the async clients."""

    def __init__(
        self,
        *,
        customcrm: AsyncCustomcrmClient | CustomcrmAdapter,
        keap: AsyncKeapClient,
        store: str | Engine,
        name: str = "default",
        policy: Policy | None = None,
        contacts: Mapper = defaults.contacts,
        companies: Mapper = defaults.companies,
        products: Mapper = defaults.products,
        overlap: timedelta = OVERLAP,
        lag: timedelta = LAG,
        retention: timedelta | None = RETENTION,
        encryption_keys: Sequence[str | bytes] = (),
        default_region: str | None = None,
        progress: Progress | bool = False,
    ) -> None:
        mappers = {"companies": companies, "products": products, "contacts": contacts}
        self._bridge = _bridge(
            customcrm,
            keap,
            store,
            name,
            policy,
            mappers,
            overlap,
            lag,
            retention,
            encryption_keys,
            default_region,
            progress,
            asynchronous=True,
        )
        self._flows = _Flows(self._bridge)
        self._driver = AsyncDriver()
        self._name = name
        self.companies = AsyncObjectSync(self._driver, self._flows, "companies")
        self.products = AsyncObjectSync(self._driver, self._flows, "products")
        self.contacts = AsyncObjectSync(self._driver, self._flows, "contacts")

    async def plan(self, *, full: bool = False, wait: float = 0.0) -> Plan:
        """See `SyncSession.plan`."""
        return await self._driver.run(self._flows.plan(ORDER, full=full, wait=wait))

    async def apply(self, plan: Plan | str, *, wait: float = 0.0) -> Report:
        """See `SyncSession.apply`."""
        return await self._driver.run(self._flows.apply(plan, wait=wait))

    async def sync(self, *, full: bool = False, wait: float = 0.0) -> Report:
        """See `SyncSession.sync`."""
        return await self._driver.run(self._flows.sync(ORDER, full=full, wait=wait))

    async def conflicts(self) -> list[OpenConflict]:
        """See `SyncSession.conflicts`."""
        return await self._driver.run(self._flows.conflicts(ORDER))

    async def failures(self) -> list[Failure]:
        """See `SyncSession.failures`."""
        return await self._driver.run(self._flows.failures(ORDER))

    async def resolve(self, conflict: OpenConflict, decision: Side | Canonical, *, wait: float = 0.0) -> Report:
        """See `SyncSession.resolve`."""
        return await self._driver.run(self._flows.resolve(conflict, decision, wait=wait))

    async def audit(self, *, wait: float = 0.0) -> Plan:
        """See `SyncSession.audit`."""
        return await self._driver.run(self._flows.plan(ORDER, full=True, wait=wait))

    async def explain(self, object: str, *, keap: str | None = None, customcrm: str | None = None) -> Explanation:
        """See `SyncSession.explain`."""
        return await self._driver.run(self._flows.explain(object, keap, customcrm))

    async def history(
        self, object: str, *, keap: str | None = None, customcrm: str | None = None
    ) -> tuple[JournalEntry, ...]:
        """See `SyncSession.history`."""
        return await self._driver.run(self._flows.history(object, keap, customcrm))

    async def plan_undo(self, run_id: str) -> Plan:
        """See `SyncSession.plan_undo`."""
        return await self._driver.run(self._flows.plan_undo(run_id))

    async def undo(self, run_id: str, *, wait: float = 0.0) -> Report:
        """See `SyncSession.undo`."""
        return await self._driver.run(self._flows.undo(run_id, wait=wait))

    async def aclose(self) -> None:
        """Close the store; the clients stay open."""
        self._bridge.store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncSyncSession {self._name!r}>"
