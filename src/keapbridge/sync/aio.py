"""The session for an event loop: the same flows of the engine as `session` drives, driven by asyncio."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, Unpack

from keapbridge._flow.drivers import AsyncDriver
from keapbridge.decide.brakes import Exceeded
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.accepted import Accept
from keapbridge.model.actions import NumberedAction
from keapbridge.model.finding import Findings
from keapbridge.model.given import telling_methods
from keapbridge.model.kept_in_store import Failure, Forgotten, JournalEntry
from keapbridge.model.maybe import UNSET
from keapbridge.model.names import COMPANIES, CONTACTS, PRODUCTS, Name
from keapbridge.model.pair_in_doubt import PairInDoubt, ToldApart
from keapbridge.model.plan import Plan
from keapbridge.model.records import Link
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side
from keapbridge.model.summaries import PlanSummary, RunSummary, UnderWay
from keapbridge.model.waiting import Waiting
from keapbridge.store.opening import Target
from keapbridge.sync.afterwards.explain import Explanation
from keapbridge.sync.afterwards.open_conflicts import OpenConflict
from keapbridge.sync.afterwards.resolve import Given, Rule
from keapbridge.sync.assembly import open_bridge
from keapbridge.sync.engine import Engine, shown
from keapbridge.sync.options import SessionOptions
from keapbridge.tables.approvals import Approvals
from keapbridge.tables.tabular import Page, Rows

if TYPE_CHECKING:
    from keapbridge.customcrm.adapter import CustomcrmAdapter
    from keapbridge.customcrm.client import AsyncCustomcrmClient
    from keapbridge.keap.client import AsyncKeapClient

__all__ = ["AsyncObjectSync", "AsyncSyncSession", "closing_too"]


@telling_methods
class AsyncObjectSync:
    """`ObjectSync` for an event loop."""

    def __init__(self, driver: AsyncDriver, engine: Engine, name: str) -> None:
        self._driver = driver
        self._engine = engine
        self._name = name

    async def plan(self, *, full: bool = False, wait: float = 0.0, deadline: timedelta | None = None) -> Plan:
        """See `SyncSession.plan`."""
        return await self._driver.run(self._engine.plan((self._name,), full=full, wait=wait, deadline=deadline))

    async def sync(
        self,
        *,
        full: bool = False,
        wait: float = 0.0,
        deadline: timedelta | None = None,
        accept: Accept = (),
        by: str | None = None,
    ) -> Report:
        """See `SyncSession.sync`."""
        return await self._driver.run(
            self._engine.sync((self._name,), full=full, wait=wait, deadline=deadline, accept=accept, by=by)
        )

    async def sync_ids(
        self,
        *,
        keap: Collection[str | int] = (),
        customcrm: Collection[str | int] = (),
        wait: float = 0.0,
        deadline: timedelta | None = None,
        accept: Accept = (),
        by: str | None = None,
    ) -> Report:
        """See `ObjectSync.sync_ids`."""
        ids = {Side.KEAP: keap, Side.CUSTOMCRM: customcrm}
        return await self._driver.run(
            self._engine.sync((self._name,), ids=ids, wait=wait, deadline=deadline, accept=accept, by=by)
        )

    async def conflicts(
        self,
        *,
        keap: str | int | None = None,
        customcrm: str | int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Page[OpenConflict]:
        """See `SyncSession.conflicts`."""
        return await self._driver.run(
            self._engine.conflicts((self._name,), keap=keap, customcrm=customcrm, after=after, limit=limit)
        )

    async def pairs_in_doubt(self, *, after: str | None = None, limit: int | None = None) -> Page[PairInDoubt]:
        """See `SyncSession.pairs_in_doubt`."""
        return await self._driver.run(self._engine.pairs_in_doubt((self._name,), after=after, limit=limit))

    async def told_apart(self, *, after: str | None = None, limit: int | None = None) -> Page[ToldApart]:
        """See `SyncSession.told_apart`."""
        return await self._driver.run(self._engine.told_apart((self._name,), after=after, limit=limit))

    async def failures(self, *, after: str | None = None, limit: int | None = None) -> Page[Failure]:
        """See `SyncSession.failures`."""
        return await self._driver.run(self._engine.failures((self._name,), after=after, limit=limit))

    async def retry(
        self, *, keap: Collection[str | int] = (), customcrm: Collection[str | int] = (), by: str | None = None
    ) -> int:
        """See `ObjectSync.retry`."""
        return await self._driver.run(self._engine.retry(self._name, keap, customcrm, by))

    def links(self) -> Iterator[Link]:
        """See `ObjectSync.links`."""
        return self._engine.links(self._name)


@telling_methods
class AsyncSyncSession:
    """`SyncSession` for an event loop, over the async clients."""

    def __init__(
        self,
        *,
        customcrm: AsyncCustomcrmClient | CustomcrmAdapter,
        keap: AsyncKeapClient,
        store: Target,
        **options: Unpack[SessionOptions],
    ) -> None:
        self._engine = Engine(open_bridge(customcrm, keap, store, options, asynchronous=True))
        settings = self._engine.bridge.settings
        self._driver = AsyncDriver(one_thread=settings.debug, tell=settings.watch.tell)
        self._name = options.get("name", "default")
        self._closes = AsyncExitStack()
        self.companies = AsyncObjectSync(self._driver, self._engine, COMPANIES)
        self.products = AsyncObjectSync(self._driver, self._engine, PRODUCTS)
        self.contacts = AsyncObjectSync(self._driver, self._engine, CONTACTS)

    @property
    def mappers(self) -> Mapping[str, Mapper]:
        """See `SyncSession.mappers`."""
        return {name: sync.mapper for name, sync in self._engine.bridge.synchronizations.items()}

    async def check(self) -> Findings:
        """See `SyncSession.check`."""
        return await self._driver.run(self._engine.check())

    async def plan(self, *, full: bool = False, wait: float = 0.0, deadline: timedelta | None = None) -> Plan:
        """See `SyncSession.plan`."""
        return await self._driver.run(self._engine.plan(full=full, wait=wait, deadline=deadline))

    async def apply(
        self,
        plan: Plan | str,
        *,
        only: Approvals | Collection[int] | None = None,
        wait: float = 0.0,
        deadline: timedelta | None = None,
        accept: Accept = (),
        by: str | None = None,
    ) -> Report:
        """See `SyncSession.apply`."""
        return await self._driver.run(
            self._engine.apply(plan, only=only, wait=wait, deadline=deadline, accept=accept, by=by)
        )

    async def sync(
        self,
        *,
        full: bool = False,
        wait: float = 0.0,
        deadline: timedelta | None = None,
        accept: Accept = (),
        by: str | None = None,
    ) -> Report:
        """See `SyncSession.sync`."""
        return await self._driver.run(self._engine.sync(full=full, wait=wait, deadline=deadline, accept=accept, by=by))

    async def conflicts(
        self,
        *,
        keap: str | int | None = None,
        customcrm: str | int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Page[OpenConflict]:
        """See `SyncSession.conflicts`."""
        return await self._driver.run(self._engine.conflicts(keap=keap, customcrm=customcrm, after=after, limit=limit))

    async def pairs_in_doubt(self, *, after: str | None = None, limit: int | None = None) -> Page[PairInDoubt]:
        """See `SyncSession.pairs_in_doubt`."""
        return await self._driver.run(self._engine.pairs_in_doubt(after=after, limit=limit))

    async def same(self, pair: PairInDoubt | str, *, by: str | None = None, wait: float = 0.0) -> Report:
        """See `SyncSession.same`."""
        return await self._driver.run(self._engine.same(pair, by=by, wait=wait))

    async def different(self, pair: PairInDoubt | str, *, by: str | None = None, wait: float = 0.0) -> Report:
        """See `SyncSession.different`."""
        return await self._driver.run(self._engine.different(pair, by=by, wait=wait))

    async def told_apart(self, *, after: str | None = None, limit: int | None = None) -> Page[ToldApart]:
        """See `SyncSession.told_apart`."""
        return await self._driver.run(self._engine.told_apart(after=after, limit=limit))

    async def failures(self, *, after: str | None = None, limit: int | None = None) -> Page[Failure]:
        """See `SyncSession.failures`."""
        return await self._driver.run(self._engine.failures(after=after, limit=limit))

    async def waiting(self, *, most: int = 100) -> Rows[Waiting]:
        """See `SyncSession.waiting`."""
        return await self._driver.run(self._engine.waiting(most))

    async def resolve(
        self,
        conflict: OpenConflict | str,
        decision: Given | None = None,
        *,
        value: Any = UNSET,
        by: str | None = None,
        wait: float = 0.0,
    ) -> Report:
        """See `SyncSession.resolve`."""
        return await self._driver.run(self._engine.resolve(conflict, decision, value=value, by=by, wait=wait))

    async def resolve_many(
        self,
        conflicts: Iterable[OpenConflict | str],
        decision: Given | Rule | None = None,
        *,
        value: Any = UNSET,
        by: str | None = None,
        wait: float = 0.0,
        deadline: timedelta | None = None,
    ) -> Report:
        """See `SyncSession.resolve_many`."""
        return await self._driver.run(
            self._engine.resolve_many(conflicts, decision, value=value, by=by, wait=wait, deadline=deadline)
        )

    async def audit(self, *, wait: float = 0.0, deadline: timedelta | None = None) -> Plan:
        """See `SyncSession.audit`."""
        return await self._driver.run(self._engine.plan(full=True, wait=wait, deadline=deadline))

    async def explain(
        self, name: Name, *, keap: str | int | None = None, customcrm: str | int | None = None
    ) -> Explanation:
        """See `SyncSession.explain`."""
        return await self._driver.run(self._engine.explain(name, keap, customcrm))

    async def history(
        self, name: Name, *, keap: str | int | None = None, customcrm: str | int | None = None
    ) -> Rows[JournalEntry]:
        """See `SyncSession.history`."""
        return await self._driver.run(self._engine.history(name, keap, customcrm))

    async def plans(self, *, limit: int = 50, after: str | None = None) -> Page[PlanSummary]:
        """See `SyncSession.plans`."""
        return await self._driver.run(self._engine.plans(limit, after))

    async def runs(self, *, limit: int = 50, after: str | None = None) -> Page[RunSummary]:
        """See `SyncSession.runs`."""
        return await self._driver.run(self._engine.runs(limit, after))

    async def saved_plan(self, plan_id: str) -> Plan:
        """See `SyncSession.saved_plan`."""
        return await self._driver.run(self._engine.saved_plan(plan_id))

    async def report(self, run_id: str) -> Report:
        """See `SyncSession.report`."""
        return await self._driver.run(self._engine.report(run_id))

    async def brakes(self, plan: Plan) -> Rows[Exceeded]:
        """See `SyncSession.brakes`."""
        return Rows(self._engine.brakes(plan))

    async def under_way(self) -> UnderWay | None:
        """See `SyncSession.under_way`."""
        return await self._driver.run(self._engine.under_way())

    async def last_full_scan(self) -> datetime | None:
        """See `SyncSession.last_full_scan`."""
        return await self._driver.run(self._engine.last_full_scan())

    async def actions(
        self,
        plan_id: str,
        *,
        object: Name | None = None,
        kind: str | None = None,
        matching: str = "",
        after: str | None = None,
        limit: int = 50,
    ) -> Page[NumberedAction]:
        """See `SyncSession.actions`."""
        return await self._driver.run(
            self._engine.actions(plan_id, object=object, kind=kind, matching=matching, after=after, limit=limit)
        )

    async def lines(
        self,
        run_id: str | Report,
        *,
        object: Name | None = None,
        outcome: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Line]:
        """See `SyncSession.lines`."""
        return await self._driver.run(
            self._engine.lines(run_id, object=object, outcome=outcome, after=after, limit=limit)
        )

    async def plan_undo(self, run_id: str | Report) -> Plan:
        """See `SyncSession.plan_undo`."""
        return await self._driver.run(self._engine.plan_undo(run_id))

    async def undo(
        self, run_id: str | Report, *, wait: float = 0.0, deadline: timedelta | None = None, by: str | None = None
    ) -> Report:
        """See `SyncSession.undo`."""
        return await self._driver.run(self._engine.undo(run_id, wait=wait, deadline=deadline, by=by))

    def stop(self) -> None:
        """See `SyncSession.stop`."""
        self._engine.stop()

    async def forget(
        self, name: Name, *, keap: str | int | None = None, customcrm: str | int | None = None, wait: float = 0.0
    ) -> Forgotten:
        """See `SyncSession.forget`."""
        return await self._driver.run(self._engine.forget(name, keap, customcrm, wait=wait))

    async def rebind(self, *, keep_links: bool = False, wait: float = 0.0) -> int:
        """See `SyncSession.rebind`."""
        return await self._driver.run(self._engine.rebind(keep_links=keep_links, wait=wait))

    async def backup(self, path: str | os.PathLike[str]) -> None:
        """See `SyncSession.backup`."""
        await self._driver.run(self._engine.backup(path))

    async def rekey(self) -> None:
        """See `SyncSession.rekey`."""
        await self._driver.run(self._engine.rekey())

    async def aclose(self) -> None:
        """See `SyncSession.close`."""
        self._engine.close()
        await self._closes.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncSyncSession {self._name!r}>"

    def _repr_html_(self) -> str:
        return shown(self._engine, "AsyncSyncSession")


def closing_too(session: AsyncSyncSession, others: AsyncExitStack) -> AsyncSyncSession:
    """The session, which closes what was opened for it when it is closed."""
    session._closes = others  # noqa: SLF001 - a function of this class
    return session
