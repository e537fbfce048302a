"""A session as the pages ask it: everything is awaited, whichever of the two sessions it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol, TypeVar, runtime_checkable

import attrs

from keapbridge.console.threads import on_a_thread, on_its_own
from keapbridge.console.works import Works
from keapbridge.keap.limits import KeapLimits, read_limits
from keapbridge.model.side import Side
from keapbridge.store.inbox import Counts, SqlInbox
from keapbridge.sync.aio import AsyncSyncSession
from keapbridge.sync.session import SyncSession

__all__ = ["Desk", "Desks", "HasDesks", "Session"]

Session = SyncSession | AsyncSyncSession
T = TypeVar("T")


@attrs.frozen
class Desk:
    """One session.

    Attributes:
        works: what is under way for people in this process.
        hold: keeps the session open while something is under way.
    """

    session: Session
    works: Works = attrs.field(factory=Works)
    hold: Callable[[], AbstractAsyncContextManager[object]] = nullcontext

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

    def limits(self) -> KeapLimits | None:
        """What Keap said of its limits last; `None` where it has not been asked yet."""
        for sync in self._engine.bridge.synchronizations.values():
            flows: Any = getattr(sync.systems[Side.KEAP], "flows", None)
            headers = getattr(getattr(flows, "port", None), "last_headers", None)
            return read_limits(headers) if headers else None
        return None

    async def deliveries(self) -> Counts:
        """What webhooks have delivered, as far as it waits."""
        return await on_a_thread(SqlInbox(self._engine.bridge.store).counts)

    async def secret(self, candidate: str) -> str:
        """The secret of the console's tokens, which all processes over this store share."""
        return await on_a_thread(SqlInbox(self._engine.bridge.store).console_secret, candidate)

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

    def secret(self, candidate: str) -> str:
        """A secret that all processes share: the candidate, unless there is one already."""
        ...


@runtime_checkable
class HasDesks(Protocol):
    """A fleet, as far as the console needs to know it."""

    def desks(self) -> Desks:
        """What it does for the console."""
        ...


def session_of(given: object) -> Session | None:
    """The session that was given; `None` where it is none."""
    return given if isinstance(given, (SyncSession, AsyncSyncSession)) else None
