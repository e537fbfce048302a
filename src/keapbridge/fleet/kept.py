"""Sessions that are kept open: one of each tenant that this process has worked for, until it was idle for long.

A kept session knows what a new one would have to ask for: both systems, what they have custom fields for, connections.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import attrs

from keapbridge.errors import MappingError, TryLaterError
from keapbridge.model.given import kind
from keapbridge.model.tenant import Tenant
from keapbridge.store.database import Database
from keapbridge.sync.aio import AsyncSyncSession
from keapbridge.sync.session import SyncSession
from keapbridge.webhooks.threads import on_its_own

__all__ = ["KeptSessions", "Opens", "Session", "called"]

Session = SyncSession | AsyncSyncSession
Opens = Callable[[Tenant, str], Any]
"""The host's function: a tenant and the store → its session, a context manager of one, or something to await for it."""


async def called(method: Callable[..., Any], /, *args: Any, **arguments: Any) -> Any:
    """Call what may take long: on a thread of its own, unless it is asynchronous."""
    if inspect.iscoroutinefunction(method):
        return await method(*args, **arguments)
    return await asyncio.wrap_future(on_its_own(partial(method, *args, **arguments)))


@attrs.define
class _Kept:
    tenant: Tenant
    session: Session
    closes: AsyncExitStack
    users: int = 0
    is_stale: bool = False


class KeptSessions:
    """The open sessions of a process; for one event loop.

    Args:
        most: how many are kept that nobody uses; those that were idle for longest are closed.
    """

    def __init__(self, opens: Opens, store: str, database: Database, most: int) -> None:
        self._opens = opens
        self._store = store
        self._database = database
        self._most = most
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._opening: dict[str, asyncio.Lock] = {}

    @property
    def database(self) -> Database:
        """That of all of them."""
        return self._database

    def __len__(self) -> int:
        return len(self._kept)

    @asynccontextmanager
    async def of(self, tenant: Tenant) -> AsyncIterator[Session]:
        """The session of a tenant. After an error it is not kept: the host's function may know new credentials."""
        kept = await self._take(tenant)
        try:
            yield kept.session
        except TryLaterError:
            raise
        except BaseException:
            kept.is_stale = True
            raise
        finally:
            kept.users -= 1
            await self._tidy(tenant.name, kept)

    async def _take(self, tenant: Tenant) -> _Kept:
        lock = self._opening.setdefault(tenant.name, asyncio.Lock())
        async with lock:
            kept = self._kept.get(tenant.name)
            if kept is not None and (kept.is_stale or kept.tenant.settings != tenant.settings):
                kept.is_stale = True
                await self._drop(tenant.name, kept)
                kept = None
            if kept is None:
                session, closes = await self._open(tenant)
                kept = self._kept[tenant.name] = _Kept(tenant, session, closes)
            kept.users += 1
            self._kept.move_to_end(tenant.name)
            return kept

    async def _open(self, tenant: Tenant) -> tuple[Session, AsyncExitStack]:
        async with AsyncExitStack() as closes:
            found = await called(self._opens, tenant, self._store)
            if inspect.isawaitable(found):
                found = await found
            if hasattr(found, "__aenter__"):
                found = await closes.enter_async_context(found)
            elif hasattr(found, "__enter__"):
                manager = found
                found = await called(manager.__enter__)
                closes.push_async_exit(lambda *error: called(manager.__exit__, *error))
            _check(found, tenant, self._database)
            return found, closes.pop_all()

    async def _tidy(self, name: str, kept: _Kept) -> None:
        if kept.is_stale:
            await self._drop(name, kept)
        idle = [(each, its) for each, its in self._kept.items() if not its.users]
        for each, its in idle[: max(0, len(self._kept) - self._most)]:
            await self._drop(each, its)

    async def _drop(self, name: str, kept: _Kept) -> None:
        """Close it, as soon as nobody uses it any more."""
        if self._kept.get(name) is kept:
            del self._kept[name]
        if not kept.users:
            closes, kept.closes = kept.closes, AsyncExitStack()
            await closes.aclose()

    def stop(self, name: str | None = None) -> None:
        """End the runs that are under way, of one tenant or of all."""
        for each, kept in list(self._kept.items()):
            if name in {None, each}:
                kept.session.stop()

    async def close(self) -> None:
        """Close all; those that are in use when they are not any more."""
        for name, kept in list(self._kept.items()):
            kept.is_stale = True
            await self._drop(name, kept)


def _check(found: Any, tenant: Tenant, database: Database) -> None:
    """It must be a session, and that of this tenant: with another name, tenants would share links.

    Raises:
        MappingError: with what to write instead.
    """
    if not isinstance(found, (SyncSession, AsyncSyncSession)):
        raise MappingError(
            f"open(tenant, store) gave {kind(found)}; it returns a kb.SyncSession, a kb.AsyncSyncSession, or a context "
            "manager of one"
        )
    store = found._engine.bridge.store  # noqa: SLF001 - a room of the same house
    if store.bridge != tenant.name:
        raise MappingError(
            f"open(tenant, store) gave a session called {store.bridge!r} for the tenant {tenant.name!r}: "
            "kb.SyncSession(..., store=store, name=tenant.name)"
        )
    if store.database.engine is not database.engine:
        raise MappingError(
            f"open(tenant, store) gave a session of {tenant.name!r} with another store: "
            "kb.SyncSession(..., store=store, name=tenant.name)"
        )
