"""A session as the pages ask it: everything is awaited, whichever of the two sessions it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar, runtime_checkable

import attrs

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge.console.threads import on_a_thread, on_its_own
from keapbridge.console.works import Works
from keapbridge.keap.hooks import Hook, KeapHooks
from keapbridge.keap.limits import KeapLimits, read_limits
from keapbridge.model.side import Side
from keapbridge.store.inbox import Counts, SqlInbox
from keapbridge.store.works import SqlWorks
from keapbridge.sync.aio import AsyncSyncSession
from keapbridge.sync.session import SyncSession

__all__ = ["Desk", "Desks", "HasDesks", "Session", "SomeDesks"]

Session = SyncSession | AsyncSyncSession
T = TypeVar("T")
HOOKS = "keap_hooks"  # the name under which is kept what is known of them


@attrs.frozen
class FullScans:
    """As of when everything was read last, and is to be read next.

    Attributes:
        is_known: whether it is known how often it is; else whoever syncs decides.
    """

    last: datetime | None
    next: datetime | None
    is_known: bool


@attrs.frozen
class Desk:
    """One session.

    Attributes:
        works: what is under way for people in this process.
        hold: keeps the session open while something is under way.
        full_every: how often everything is read, where the host has said so.
        full_at: of a tenant of a fleet: as of when everything is read next.
    """

    session: Session
    works: Works = attrs.field(factory=Works)
    hold: Callable[[], AbstractAsyncContextManager[object]] = nullcontext
    full_every: timedelta | None = None
    full_at: Callable[[], datetime | None] | None = None

    @property
    def name(self) -> str:
        """The name of the session."""
        return str(self._engine.bridge.settings.watch.session)

    async def ask(self, method: Callable[..., Any], /, *args: Any, **arguments: Any) -> Any:
        """Call a method of the session, or anything that reads what one has given."""
        if inspect.iscoroutinefunction(method):
            return await method(*args, **arguments)
        return await on_a_thread(method, *args, **arguments)

    async def work(self, method: Callable[..., Any], /, *args: Any, **arguments: Any) -> Any:
        """The same for what takes long."""
        if inspect.iscoroutinefunction(method):
            return await method(*args, **arguments)
        return await on_its_own(method, *args, **arguments)

    async def read(self, look: Callable[[], T]) -> T:
        """Call a function that goes through rows of the store."""
        return await on_a_thread(look)

    async def full_scans(self) -> FullScans:
        """As of when everything was read last, and is to be read next."""
        last = await self.ask(self.session.last_full_scan)
        if self.full_at is not None:
            return FullScans(last, await on_a_thread(self.full_at), is_known=True)
        soon = None if last is None or self.full_every is None else last + self.full_every
        return FullScans(last, soon, is_known=self.full_every is not None)

    @property
    def _keap(self) -> Any:
        """The connections to Keap; `None` where they are no client of ours."""
        for sync in self._engine.bridge.synchronizations.values():
            return getattr(getattr(sync.systems[Side.KEAP], "flows", None), "port", None)
        return None

    def limits(self) -> KeapLimits | None:
        """What Keap said of its limits last; `None` where it has not been asked yet."""
        headers = getattr(self._keap, "last_headers", None)
        return read_limits(headers) if headers else None

    async def hooks(self) -> Sequence[Hook]:
        """Ask Keap for its subscriptions: one call."""
        flow: Flow[Sequence[Hook]] = KeapHooks(self._keap).list()
        if isinstance(self.session, AsyncSyncSession):
            return await AsyncDriver().run(flow)
        return await on_a_thread(lambda: SyncDriver().run(flow))

    async def deliveries(self) -> Counts:
        """What webhooks have delivered, as far as it waits."""
        return await on_a_thread(self._inbox.counts)

    async def last_event(self) -> datetime | None:
        """When Keap's last event came."""
        return await on_a_thread(self._inbox.last_received, Side.KEAP)

    async def noted_hooks(self) -> str | None:
        """What was kept of Keap's subscriptions."""
        return await on_a_thread(self._inbox.noted, HOOKS)

    async def note_hooks(self, text: str) -> None:
        """Keep what is known of Keap's subscriptions."""
        await on_a_thread(self._inbox.note, HOOKS, text)

    async def secret(self, candidate: str) -> str:
        """The secret of the console's tokens, which all processes over this store share."""
        return await on_a_thread(self._inbox.console_secret, candidate)

    @property
    def kept_works(self) -> SqlWorks:
        """What people have asked for in all processes over this store."""
        return SqlWorks(self._engine.bridge.store)

    @property
    def _inbox(self) -> SqlInbox:
        return SqlInbox(self._engine.bridge.store)

    @property
    def _engine(self) -> Any:
        return self.session._engine  # noqa: SLF001 - a room of the same house


class Desks(Protocol):
    """What a fleet does for the console. All but `of` may wait for the database, and is called on a thread."""

    def status(self) -> Any:
        """How all tenants stand."""
        ...

    def change(self, name: str, what: str) -> None:
        """`pause`, `resume` or `sync_soon` a tenant.

        Raises:
            LookupError: when there is none of this name.
        """
        ...

    def of(self, name: str) -> AbstractAsyncContextManager[Session]:
        """The session of a tenant, open as long as it is used.

        Raises:
            LookupError: when there is none of this name.
        """
        ...

    def full_at(self, name: str) -> datetime | None:
        """As of when a sync of a tenant reads everything; `None`: not again by itself.

        Raises:
            LookupError: when there is none of this name.
        """
        ...

    def secret(self, candidate: str) -> str:
        """A secret that all processes share: the candidate, unless there is one already."""
        ...

    async def close(self) -> None:
        """Close the sessions that were opened, those in use when they are not any more."""
        ...


@attrs.frozen
class SomeDesks:
    """A fleet as somebody sees it who may see some of its tenants: there are no others.

    Attributes:
        every: the desks of the whole fleet.
        names: of those that there are.
    """

    every: Desks
    names: Collection[str]

    def status(self) -> Any:
        found = self.every.status()
        return attrs.evolve(found, tenants=tuple(each for each in found if each.name in self.names))

    def change(self, name: str, what: str) -> None:
        self.every.change(self._seen(name), what)

    def of(self, name: str) -> AbstractAsyncContextManager[Session]:
        return self.every.of(self._seen(name))

    def full_at(self, name: str) -> datetime | None:
        return self.every.full_at(self._seen(name))

    def secret(self, candidate: str) -> str:
        return self.every.secret(candidate)

    async def close(self) -> None:
        await self.every.close()

    def _seen(self, name: str) -> str:
        if name not in self.names:
            raise KeyError(name)
        return name


@runtime_checkable
class HasDesks(Protocol):
    """A fleet, as far as the console needs to know it."""

    def desks(self) -> Desks:
        """What it does for the console."""
        ...


def session_of(given: object) -> Session | None:
    """The session that was given; `None` where it is none."""
    return given if isinstance(given, (SyncSession, AsyncSyncSession)) else None
