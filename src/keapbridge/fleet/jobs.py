"""What a job does for a tenant, and what is noted at its end: it always ends, and always says when it is due again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import attrs

from keapbridge._scrub import shown_reason
from keapbridge.decide.due import Ended, How, full_after, next_after, outcome_of
from keapbridge.decide.shares import Stretch
from keapbridge.errors import KeapbridgeError, TryLaterError
from keapbridge.events.values import current_tenant
from keapbridge.fleet.open_sessions import OpenSessions, Session, called
from keapbridge.fleet.systems import calls_left, hooks_of
from keapbridge.model.tenant import Lane, Standing
from keapbridge.store.inbox import SqlInbox
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.rows import to_text
from keapbridge.store.tenants import Change, Decide, SqlTenants
from keapbridge.webhooks.app import syncs_of
from keapbridge.webhooks.worker import Pauses, Worker

__all__ = ["WATCHED_EVERY", "Jobs"]

_log = logging.getLogger("keapbridge.fleet")
WATCHED_EVERY = timedelta(hours=1)  # Keap drops a subscription after some deliveries that failed
AGAIN = timedelta(minutes=1)  # deliveries that could not even be begun with
TURN = 1  # batches of deliveries that one job syncs; with more of them the tenant lines up again
GRACE = timedelta(seconds=60)  # for a job to end that was told to
LAST = timedelta(seconds=25)  # the same when the worker ends, which has waited for 30 before


@attrs.frozen
class _Done:
    """What is known after a job.

    Attributes:
        more: columns of the registry that it has found out.
    """

    ended: Ended
    more: Mapping[str, Any] = attrs.field(factory=dict)


class Jobs:
    """Does the jobs of one process.

    Args:
        deadline: how long a job may take. One that does not end when it is told to then, because a function of the
            host's hangs, is left alone: its place is free for other tenants.
        stretch: how far `every` is stretched at the moment.
        receiver: the address of the receiver for all tenants; `None` where none is watched over.
    """

    def __init__(
        self,
        tenants: SqlTenants,
        kept: OpenSessions,
        stretch: Callable[[], Stretch],
        *,
        deadline: timedelta,
        pauses: Pauses,
        receiver: str | None,
        grace: timedelta = GRACE,
    ) -> None:
        self._tenants = tenants
        self._kept = kept
        self._stretch = stretch
        self._deadline = deadline
        self._pauses = pauses
        self._receiver = receiver
        self._grace = grace
        self._workers: dict[str, Worker] = {}

    def stop(self, name: str | None = None) -> None:
        """End what is under way, of one tenant or of all: it goes on with the next job, wherever that runs."""
        for each, worker in self._workers.items():
            if name in {None, each}:
                worker.stop()
        self._kept.stop(name)

    async def run(self, name: str, lane: Lane, job: int, full: bool) -> None:
        """Do a job. It raises nothing but what cancels it."""
        standing = await called(self._tenants.begin, name, lane, job)
        if standing is None:
            return
        around = current_tenant.set(name)
        work = asyncio.ensure_future(self._work(standing, lane, full))
        try:
            await asyncio.wait({work}, timeout=self._deadline.total_seconds())
            if not work.done():
                await self._end(name, work, self._grace)
        except asyncio.CancelledError:
            # The worker gives up waiting. What is under way ends at its next call, and is due at once.
            await self._end(name, work, min(LAST, self._grace))
            raise
        finally:
            await self._note(name, lane, job, _done(name, lane, work), full)
            current_tenant.reset(around)

    async def _end(self, name: str, work: asyncio.Future[_Done], grace: timedelta) -> None:
        """Have a job end at its next call; if it does not, nobody waits for it any more."""
        self.stop(name)
        await asyncio.wait({work}, timeout=grace.total_seconds())
        if not work.done():
            self._kept.leave(name)

    async def _work(self, standing: Standing, lane: Lane, full: bool) -> _Done:
        try:
            async with self._kept.of(standing.tenant) as session:
                match lane:
                    case Lane.SYNC:
                        return await self._sync(session, standing, full)
                    case Lane.HOOKS:
                        return await self._sync_ids(session, standing.name)
                    case Lane.WATCH:
                        return await self._watch(session, standing)
        except Exception as error:  # noqa: BLE001 - a bulkhead round every tenant
            return _Done(_told(standing.name, lane, error))

    async def _sync(self, session: Session, standing: Standing, full: bool) -> _Done:
        report = await called(session.sync, full=full, deadline=self._deadline)
        more: dict[str, Any] = {}
        if full or standing.conflicts or report.count("conflict"):
            more["conflicts"] = len(await called(session.conflicts))
        left = calls_left(session)
        if left is not None:
            more["quota_left"] = left
        return _Done(Ended(How.COMPLETE if report.complete else How.STOPPED), more)

    async def _sync_ids(self, session: Session, name: str) -> _Done:
        store: LinkStore = session._engine.bridge.store  # noqa: SLF001 - a room of the same house
        worker = Worker(SqlInbox(store), store, syncs_of(session), self._pauses)
        self._workers[name] = worker
        try:
            await worker.work_once(TURN)
        finally:
            if self._workers.get(name) is worker:
                del self._workers[name]
        return _Done(Ended(How.COMPLETE))

    async def _watch(self, session: Session, standing: Standing) -> _Done:
        if self._receiver is not None:
            await called(hooks_of(session), f"{self._receiver}/keap/{standing.token}")
        return _Done(Ended(How.COMPLETE))

    async def _note(self, name: str, lane: Lane, job: int, done: _Done, full: bool) -> None:
        decide: Decide
        match lane:
            case Lane.SYNC:
                decide = partial(self._after_sync, full, done)
            case Lane.HOOKS:
                decide = partial(_after_hooks, done)
            case Lane.WATCH:
                decide = partial(_after_watch, done)
        change = await asyncio.shield(called(self._tenants.end, name, lane, job, decide))
        if change is None:
            _log.info("a %s job of the tenant %s was given up for lost before it ended", lane, name)

    def _after_sync(self, full: bool, done: _Done, found: Standing, moment: datetime) -> Change:
        tenant, ended = found.tenant, done.ended
        in_row = found.in_row + 1 if ended.is_failure else 0 if ended.how is How.COMPLETE else found.in_row
        every = self._stretch().every(tenant.every, tenant.weight)
        due = next_after(ended, tenant.name, moment, every, in_row)
        more: dict[str, Any] = {
            **done.more,
            "ended_at": to_text(moment),
            "outcome": ended.how.value,
            "why": ended.why,
            "in_row": in_row,
        }
        if ended.how is How.COMPLETE:
            more["complete_at"] = to_text(found.began_at)
            if full:
                more["full_at"] = to_text(full_after(found.full_at, moment, tenant.full_every))
        return Change(due, more)


def _done(name: str, lane: Lane, work: asyncio.Future[_Done]) -> _Done:
    if not work.done():
        _log.error("tenant %s: %s hangs and is left alone, with a thread and a session of this process", name, lane)
        return _Done(Ended(How.FAILED, why="it did not end when it was told to"))
    return _Done(Ended(How.STOPPED)) if work.cancelled() else work.result()


def _after_hooks(done: _Done, found: Standing, moment: datetime) -> Change:
    """What waits is due when the inbox says so, but behind all that is due by now: a flood waits for its next turn.

    If nothing could be begun with, it is not due before a pause.
    """
    if done.ended.how in {How.COMPLETE, How.STOPPED}:
        return Change(moment)
    return Change(next_after(done.ended, found.name, moment, AGAIN, 1))


def _after_watch(done: _Done, found: Standing, moment: datetime) -> Change:
    return Change(next_after(done.ended, found.name, moment, WATCHED_EVERY, found.in_row + 1))


def _told(name: str, lane: Lane, error: Exception) -> Ended:
    """How a job has failed, said in the log: in full where nobody has foreseen it."""
    if isinstance(error, KeapbridgeError):
        ended = outcome_of(error, shown_reason(str(error)))
        level = logging.INFO if isinstance(error, TryLaterError) else logging.WARNING
        _log.log(level, "tenant %s: %s %s: %s", name, lane, ended.how, ended.why)
        return ended
    _log.error("tenant %s: %s failed unforeseen", name, lane, exc_info=error)
    return Ended(How.FAILED, why=type(error).__name__)
