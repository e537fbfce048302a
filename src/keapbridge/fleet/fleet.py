"""The fleet: what a host makes, and what keeps it going."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from keapbridge.decide.shares import Quota, Stretch, stretched
from keapbridge.fleet.desks import FleetDesks
from keapbridge.fleet.doors import FleetDoors
from keapbridge.fleet.jobs import Jobs
from keapbridge.fleet.open_sessions import Opens, OpenSessions, called
from keapbridge.fleet.queue import SILENT, Deferring, give_up_stalled, make_app, prune
from keapbridge.fleet.status import FleetStatus, status_of
from keapbridge.fleet.tenants import Tenants
from keapbridge.fleet.worker import run_once, run_worker
from keapbridge.model.given import keywords, one_of, optional, seconds, span, text, whole, wrong
from keapbridge.model.tenant import Lane
from keapbridge.store.database import Database
from keapbridge.store.queue_schema import address_of, bring_queue_up_to_date
from keapbridge.store.tenants import SqlTenants
from keapbridge.webhooks.worker import KEPT, Pauses

if TYPE_CHECKING:
    import procrastinate

__all__ = ["Fleet"]

_log = logging.getLogger("keapbridge.fleet")
PERIOD = timedelta(seconds=5)  # from one look at what is due to the next
AT_ONCE = 500  # jobs that are put into the queue with one look
WATCHES = 20
FRESH = timedelta(minutes=1)  # how long the stretch holds that was reckoned


@keywords({"url": "store", "open_session": "open", "budget": "quota", "hooks": "receiver"})
class Fleet:
    """Many tenants, each with a session of its own, on any number of machines: all on one PostgreSQL.

    It can be made in any number of processes. Those that call `run_worker` do what is due.

    Args:
        store: a SQLAlchemy URL, `postgresql+psycopg://…`: of the links of all tenants, and of the queue.
        open: the host's function that opens a session: `open(tenant, store)` returns
            `kb.SyncSession(..., store=store, name=tenant.name)`, an `AsyncSyncSession`, or a context manager of one,
            which closes the clients, too. It may be asynchronous. Secrets stay with the host: `tenant.settings` says
            where they are.
        quota: what tenants may call together that share an OAuth client; `None`: each has a key of its own.
        receiver: the address under which the receiver for all tenants is mounted, as Keap reaches it:
            `"https://bridge.example.com/webhooks"`. With it, every tenant is kept subscribed to Keap's events.
        deadline: how long a job may take; what it has not come to is done by the next.
        keep: how many sessions a process keeps open that nobody uses.
        delay: seconds from a delivery to its sync; see `asgi_app`, as for the next three.
        reread_after: seconds after which a record of Keap's is looked at once more.
        retry: seconds before what failed is tried again.
        retry_cap: the longest pause, in seconds, between failures.

    Raises:
        ImportError: without the `fleet` extra.
        LinkStoreError: when the store cannot be opened, or is no PostgreSQL.
    """

    def __init__(
        self,
        store: str,
        *,
        open: Opens,
        quota: Quota | None = None,
        receiver: str | None = None,
        deadline: timedelta = timedelta(minutes=30),
        keep: int = 200,
        delay: float = 2.0,
        reread_after: float | None = 60.0,
        retry: float = 10.0,
        retry_cap: float = 900.0,
    ) -> None:
        if not isinstance(store, str):
            raise wrong("store", "a SQLAlchemy URL, such as 'postgresql+psycopg://…'", store)
        if not callable(open):
            raise wrong(
                "open", "a function of yours, such as open=open_session, called with a tenant and the store", open
            )
        self._quota = optional(lambda what, value: one_of(what, value, Quota, f"{what}=Quota(day=150_000)"))(
            "quota", quota
        )
        self._deadline = span("deadline", deadline, least=timedelta(seconds=1))
        self._receiver = None if receiver is None else text("receiver", receiver, example="https://…").rstrip("/")
        self.pauses = Pauses(
            seconds("delay", delay),
            optional(seconds)("reread_after", reread_after),
            seconds("retry", retry),
            seconds("retry_cap", retry_cap),
        )
        whole("keep", keep, least=1, example=200)
        address = address_of(store)
        self.database = Database(store)
        try:
            bring_queue_up_to_date(self.database.engine)
        except BaseException:
            self.database.close()
            raise
        self._rows = SqlTenants(self.database)
        self.tenants = Tenants(self._rows)
        self._address = address
        self._opens, self._store, self._keep = open, store, keep
        self._kept = OpenSessions(open, store, self.database, keep)
        self._jobs = Jobs(
            self._rows,
            self._kept,
            self.stretch,
            deadline=self._deadline,
            pauses=self.pauses,
            receiver=self._receiver,
        )
        self._defer = Deferring()
        self._stretched: tuple[datetime, Stretch] | None = None

    # --- for the host

    @cached_property
    def app(self) -> procrastinate.App:
        """The application of procrastinate, for `procrastinate --app=host.fleet.app worker`.

        That ends when it loses its connection, as with a restart of PostgreSQL, with exit status 0: it needs a restart
        policy. `run_worker` goes on by itself.
        """
        house = {"dispatch": self.dispatch_async, "rescue": self.rescue, "prune": self.prune}
        return make_app(self._address, self._jobs.run, house)

    @cached_property
    def app_of_jobs(self) -> procrastinate.App:
        """The same without what keeps the fleet going."""
        return make_app(self._address, self._jobs.run, {})

    def run_worker(self, *, concurrency: int = 8) -> None:
        """Do what is due, until SIGTERM or Ctrl-C: then the runs that are under way end at their next call.

        Args:
            concurrency: how many tenants at once.
        """
        asyncio.run(run_worker(self, self.app, whole("concurrency", concurrency, least=1, example=8)))

    def run_once(self, *, concurrency: int = 8) -> int:
        """Do what is due now, and what is in the queue, and return: for tests, and where cron calls.

        Args:
            concurrency: how many tenants at once.

        Returns:
            How many jobs were put into the queue.
        """
        many = whole("concurrency", concurrency, least=1, example=8)
        return asyncio.run(run_once(self, self.app_of_jobs, many, self._deadline.total_seconds()))

    def status(self) -> FleetStatus:
        """How all tenants stand: a table. It reads the database and calls no system."""
        now, stretch = self._rows.now(), self.stretch()
        found = []
        after = ""
        while page := self._rows.page(after):
            names = [each.name for each in page]
            failures, deliveries = self._rows.failing_records(names), self._rows.waiting(names)
            found += [
                status_of(each, now, stretch, failures.get(each.name, 0), deliveries.get(each.name, 0)) for each in page
            ]
            after = page[-1].name
        return FleetStatus(tuple(found), now, stretch)

    def stop(self) -> None:
        """End the runs that are under way in this process, at their next call; they go on with the next job."""
        self._jobs.stop()

    def close(self) -> None:
        """Close the connections. A worker closes its sessions when it ends."""
        if "_inboxes" in self.__dict__:
            self._inboxes.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<Fleet>"

    @cached_property
    def _inboxes(self) -> Database:
        return Database(self._store)

    def doors(self) -> FleetDoors:
        """What `kb.webhooks.asgi_app(fleet)` needs of it."""
        return FleetDoors(self._rows, self._inboxes, self._defer, self.pauses.delay)

    def desks(self) -> FleetDesks:
        """What `kb.console.asgi_app(fleet)` needs of it: sessions of its own, for the event loop that serves it."""
        kept = OpenSessions(self._opens, self._store, self.database, self._keep)
        return FleetDesks(self.tenants, kept, self.status)

    # --- what keeps it going

    def dispatch(self) -> int:
        """Put jobs for what is due into the queue; how many. A worker does it every 5 seconds."""
        syncs = AT_ONCE if self._quota is None else min(AT_ONCE, self._quota.at_once(PERIOD))
        claims = self._rows.claim(Lane.HOOKS, AT_ONCE, self._defer)
        claims += self._rows.claim(Lane.SYNC, syncs, self._defer)
        if self._receiver is not None:
            claims += self._rows.claim(Lane.WATCH, WATCHES, self._defer)
        return len(claims)

    async def dispatch_async(self) -> int:
        """The same for an event loop."""
        found: int = await called(self.dispatch)
        return found

    async def dispatch_deliveries(self) -> int:
        """The same for deliveries alone: a job of them is one turn, and leaves what it has not come to."""
        return len(await called(self._rows.claim, Lane.HOOKS, AT_ONCE, self._defer))

    async def rescue(self, app: procrastinate.App | None = None) -> int:
        """End the jobs of workers that have died, and let their tenants be due; how many tenants. A worker does it.

        What a receiver has kept and not handed over before it died is due, too.

        Args:
            app: whose connections are open; `self.app`.
        """
        await give_up_stalled(app or self.app, timedelta(seconds=SILENT))
        lost: list[Any] = await called(self._rows.give_up_lost)
        await called(self._rows.notice_deliveries)
        await called(self._rows.notice_clock)
        for name, lane in lost:
            _log.warning("the worker of tenant %s (%s) has died, or lost its connection: it is due now", name, lane)
        return len(lost)

    async def prune(self) -> None:
        """Forget deliveries and jobs that are done and old. A worker does it every hour."""
        now: datetime = await called(self._rows.now)
        await called(self._rows.prune_deliveries, now - KEPT)
        await prune(self.app)

    def stretch(self) -> Stretch:
        """How far `every` is stretched, because a quota is shared; reckoned once a minute."""
        now = self._rows.now()
        if self._stretched is None or not timedelta(0) <= now - self._stretched[0] < FRESH:
            self._stretched = now, stretched(self._rows.wishes(), self._quota)
        return self._stretched[1]

    async def close_sessions(self) -> None:
        """Close the sessions that are kept open."""
        await self._kept.close()
