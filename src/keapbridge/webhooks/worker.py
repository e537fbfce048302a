"""The worker: takes what is due out of the inbox and syncs it, record by record, however often it was delivered.

Only what both systems hold now counts, not what an event says: so neither the order of deliveries nor a kind of event
matters, and a record that was changed ten times is synced once.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import attrs

from keapbridge._flow.drivers import AsyncDriver
from keapbridge._flow.effects import blocking, now
from keapbridge.errors import (
    KeapbridgeError,
    LinkStoreError,
    SessionBusyError,
    ShapeError,
    StatusError,
    StoppedError,
    UncertainError,
)
from keapbridge.model.names import ORDER
from keapbridge.model.report import Report
from keapbridge.model.side import Side
from keapbridge.store.inbox import Due, SqlInbox
from keapbridge.store.sql import LinkStore
from keapbridge.webhooks.threads import for_inboxes

__all__ = ["Pauses", "Syncs", "Worker"]

_log = logging.getLogger("keapbridge.webhooks")


@attrs.frozen
class Syncs:
    """What a session does for the worker, for one of the three synchronizations.

    Attributes:
        changed: syncs what was changed since the last run.
        ids: syncs these records: ids of Keap's, ids of Customcrm's.
        forget: erases what is known of a record of Keap's.
    """

    changed: Callable[[str], Awaitable[object]]
    ids: Callable[[str, Sequence[str], Sequence[str]], Awaitable[object]]
    forget: Callable[[str, str], Awaitable[object]]


BATCH = 500
IDLE = 30.0  # seconds after which to look for what another process has received
KEPT = timedelta(days=1)  # long after the last attempt of any delivery


@attrs.frozen
class Pauses:
    """How long the worker waits, in seconds.

    Attributes:
        delay: from a delivery to its sync.
        reread_after: from a sync to looking once more; `None`: not at all.
        retry: after the first failure; doubled with each.
        retry_cap: the longest pause between failures.
        busy: while another runner is at work on the session.
    """

    delay: float
    reread_after: float | None
    retry: float
    retry_cap: float
    busy: float = 0.5

    def after_failure(self, tries: int) -> timedelta:
        return timedelta(seconds=min(self.retry_cap, self.retry * 2 ** min(tries, 40)))


class Worker:
    """Works an inbox off. It belongs to one event loop at a time."""

    def __init__(self, inbox: SqlInbox, store: LinkStore, syncs: Syncs, pauses: Pauses) -> None:
        self._inbox = inbox
        self._store = store
        self._syncs = syncs
        self._pauses = pauses
        self._driver = AsyncDriver(pool=for_inboxes())
        self._wake = asyncio.Event()
        self._stopping = False
        self._pruned_at: datetime | None = None

    def wake(self) -> None:
        """There is something new to do. Call it in the worker's event loop."""
        self._wake.set()

    def stop(self) -> None:
        """End after what is being done now. Call it in the worker's event loop."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until told to stop; failures are logged and tried again."""
        while not self._stopping:
            self._wake.clear()
            try:
                pause = await self.work_once()
                await self._prune()
            except (SessionBusyError, StoppedError):
                pause = self._pauses.busy
            except Exception as error:  # noqa: BLE001 - the worker outlives everything; its inbox keeps what is to do
                _log.warning("webhooks: the inbox could not be worked off: %s", _kind(error))
                pause = self._pauses.after_failure(0).total_seconds()
            if pause > 0 and not self._stopping:
                try:
                    await asyncio.wait_for(self._wake.wait(), pause)
                except TimeoutError:
                    continue

    async def work_once(self, batches: int | None = None) -> float:
        """Sync what is due now; answers in how many seconds there is more to do.

        Args:
            batches: how many of each synchronization at most, where others wait for their turn; `None`: all there are.

        Raises:
            SessionBusyError: when another runner is at work on the session.
            StoppedError: when somebody stopped its run.
        """
        for name in ORDER:
            for _ in itertools.count() if batches is None else range(batches):
                if self._stopping:
                    break
                moment = await self._driver.run(now())
                taken = await self._driver.run(blocking("read the inbox", self._inbox.due, name, moment, BATCH))
                if not taken:
                    break
                await self._sync(name, await self._forget(name, taken))
        following = await self._driver.run(blocking("read the inbox", self._inbox.next_due))
        if following is None:
            return IDLE
        return min(IDLE, max(0.0, (following - await self._driver.run(now())).total_seconds()))

    async def _forget(self, name: str, taken: Sequence[Due]) -> Sequence[Due]:
        """Erase whom Keap was told to forget, deliveries included; answers the rest."""
        for record in taken:
            if not record.forget:
                continue
            try:
                await self._syncs.forget(name, record.id)
            except UncertainError:  # until a sync has settled it
                await self._postpone(name, [record])
        return [record for record in taken if not record.forget]

    async def _sync(self, name: str, taken: Sequence[Due]) -> None:
        """Sync these records; if the batch fails because of one of them, in halves, so that the others get through."""
        if not taken:
            return
        theirs, ours = ([record.id for record in taken if record.side is side] for side in (Side.KEAP, Side.CUSTOMCRM))
        try:
            if await self._any_is_new(name, theirs, ours):
                # Its counterpart may be there already and not known yet: found, it is linked and not made twice.
                _to_its_end(await self._syncs.changed(name))
            _to_its_end(await self._syncs.ids(name, theirs, ours))
        except (SessionBusyError, StoppedError, LinkStoreError):
            raise
        except Exception as error:  # noqa: BLE001 - what fails stays in the inbox, and the worker goes on
            if len(taken) > 1 and _may_be_one_record(error):
                half = len(taken) // 2
                await self._sync(name, taken[:half])
                await self._sync(name, taken[half:])
                return
            _log.warning("webhooks: %d %s could not be synced, tried again: %s", len(taken), name, _kind(error))
            await self._postpone(name, taken)
            return
        await self._finish(name, taken)

    async def _any_is_new(self, name: str, theirs: Sequence[str], ours: Sequence[str]) -> bool:
        for side, ids in ((Side.CUSTOMCRM, ours), (Side.KEAP, theirs)):
            if ids:
                linked = await self._driver.run(self._store.links.partners(name, side, ids))
                if not linked.keys() >= set(ids):
                    return True
        return False

    async def _finish(self, name: str, taken: Sequence[Due]) -> None:
        """What the run has settled is done; what failed in it and is worth another try stays."""
        moment = await self._driver.run(now())
        retried: dict[Due, datetime] = {}
        for side in Side:
            mine = {record.id: record for record in taken if record.side is side}
            failures = await self._driver.run(self._store.failures.of(name, side, mine))
            for id, failure in failures.items():
                # Without a next try, only an edit helps, and that will be delivered.
                if failure.next_try_at is not None:
                    due = moment + self._pauses.after_failure(mine[id].tries)
                    retried[mine[id]] = max(due, failure.next_try_at)
        done = [record for record in taken if record not in retried]
        after = self._pauses.reread_after
        again_at = None if after is None else moment + timedelta(seconds=after)
        await self._driver.run(blocking("finish", self._inbox.finish, name, done, again_at))
        if retried:
            await self._driver.run(blocking("postpone", self._inbox.postpone, name, retried))

    async def _postpone(self, name: str, taken: Sequence[Due]) -> None:
        moment = await self._driver.run(now())
        later = {record: moment + self._pauses.after_failure(record.tries) for record in taken}
        await self._driver.run(blocking("postpone", self._inbox.postpone, name, later))

    async def _prune(self) -> None:
        moment = await self._driver.run(now())
        if self._pruned_at is None or moment - self._pruned_at > timedelta(hours=1):
            await self._driver.run(blocking("forget old deliveries", self._inbox.prune, moment - KEPT))
            self._pruned_at = moment


def _to_its_end(report: object) -> None:
    """What a sync has not come to is not done: somebody has stopped it.

    Raises:
        StoppedError: so that it stays in the inbox.
    """
    if isinstance(report, Report) and not report.complete:
        raise StoppedError("a sync for webhooks was told to stop: what it has not come to stays in the inbox")


def _may_be_one_record(error: Exception) -> bool:
    """Whether a batch may have failed because of one of its records: an error that names a place in it, or no error
    that this library knows.
    """
    if isinstance(error, ShapeError):
        return bool(error.paths)
    if isinstance(error, StatusError):
        return error.status in {400, 404, 414, 422}
    return not isinstance(error, KeapbridgeError)


def _kind(error: Exception) -> str:
    """What went wrong, without what a system said about it."""
    status = getattr(error, "status", None)
    return f"{type(error).__name__} {status}" if status else type(error).__name__
