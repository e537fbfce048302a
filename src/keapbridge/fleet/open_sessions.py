"""Sessions that are kept open: one of each tenant that this process has worked for, until it was idle for long.

A kept session knows what a new one would have to ask for: both systems, what they have custom fields for, connections.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import attrs

from keapbridge.errors import MappingError, TryLaterError
from keapbridge.model.given import kind
from keapbridge.model.tenant import Tenant
from keapbridge.store.database import Database
from keapbridge.sync.aio import AsyncSyncSession
from keapbridge.sync.session import SyncSession
from keapbridge.webhooks.threads import left_behind

__all__ = ["PATIENCE", "OpenSessions", "Opens", "Session", "called"]

_log = logging.getLogger("keapbridge.fleet")
PATIENCE = timedelta(minutes=1)  # with the host's functions that open and close a session

Session = SyncSession | AsyncSyncSession
Opens = Callable[[Tenant, str], Any]
"""The host's function: a tenant and the store → its session, a context manager of one, or something to await for it."""


async def called(method: Callable[..., Any], /, *args: Any, **arguments: Any) -> Any:
    """Call what may take long, or never return: on a thread of its own, unless it is asynchronous."""
    if inspect.iscoroutinefunction(method):
        return await method(*args, **arguments)
    return await asyncio.wrap_future(left_behind(partial(method, *args, **arguments)))


@attrs.define
class _Kept:
    tenant: Tenant
    session: Session
    closes: AsyncExitStack
    users: int = 0
    is_stale: bool = False


class OpenSessions:
    """The open sessions of a process; for one event loop.

    Args:
        most: how many are kept that nobody uses; those that were idle for longest are closed.
        patience: how long the host may take to open a session, and to close one.
    """

    def __init__(self, opens: Opens, store: str, database: Database, most: int, patience: timedelta = PATIENCE) -> None:
        self._opens = opens
        self._store = store
        self._database = database
        self._most = most
        self._patience = patience.total_seconds()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._opening: dict[str, asyncio.Task[None]] = {}

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
        while True:
            kept = self._kept.get(tenant.name)
            if kept is not None and not kept.is_stale and kept.tenant.settings == tenant.settings:
                kept.users += 1
                self._kept.move_to_end(tenant.name)
                return kept
            await self._until_open(tenant)

    async def _until_open(self, tenant: Tenant) -> None:
        """Wait for the host's function, which is called once for all that wait; one that hangs holds up nobody else.

        Raises:
            MappingError: when it takes too long. Whoever comes later waits for the same call.
        """
        opening = self._opening.get(tenant.name)
        if opening is None:
            opening = self._opening[tenant.name] = asyncio.ensure_future(self._open_anew(tenant))
            opening.add_done_callback(partial(self._opened, tenant.name))
        await asyncio.wait({opening}, timeout=self._patience)
        if not opening.done():
            raise MappingError(f"open(tenant, store) has given no session within {self._patience:g} s")
        opening.result()

    def _opened(self, name: str, opening: asyncio.Task[None]) -> None:
        del self._opening[name]
        if not opening.cancelled():
            opening.exception()  # told to those who wait, if any still do

    async def _open_anew(self, tenant: Tenant) -> None:
        kept = self._kept.get(tenant.name)
        if kept is not None:
            kept.is_stale = True
            await self._drop(tenant.name, kept)
        closes = AsyncExitStack()
        try:
            session = await self._open(tenant, closes)
        except SystemExit as error:  # of an asynchronous function; it is to end nothing but this job
            await self._close(tenant.name, closes)
            raise RuntimeError("SystemExit was raised") from error
        except BaseException:
            await self._close(tenant.name, closes)
            raise
        self._kept[tenant.name] = _Kept(tenant, session, closes)

    async def _open(self, tenant: Tenant, closes: AsyncExitStack) -> Session:
        found = await called(self._opens, tenant, self._store)
        if inspect.isawaitable(found):
            found = await found
        if hasattr(found, "__aenter__"):
            found = await closes.enter_async_context(found)
        elif hasattr(found, "__enter__"):
            manager = found
            found = await called(manager.__enter__)
            closes.push_async_exit(lambda *error: called(manager.__exit__, *error))
        return _checked(found, tenant, self._database)

    async def _close(self, name: str, closes: AsyncExitStack) -> None:
        """Close a session. How that ends is the host's concern: what was done with it is done."""
        try:
            async with asyncio.timeout(self._patience):
                await closes.aclose()
        except Exception:  # noqa: BLE001 - a bulkhead round every session
            _log.exception("the session of tenant %s was not closed as it should be", name)

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
            await self._close(name, closes)

    def leave(self, name: str) -> None:
        """Leave the session of a tenant to those who use it; the next ones get another."""
        kept = self._kept.pop(name, None)
        if kept is not None:
            kept.is_stale = True

    def stop(self, name: str | None = None) -> None:
        """End the runs that are under way, of one tenant; or of all, and then nobody waits for a session any more."""
        for each, kept in list(self._kept.items()):
            if name in {None, each}:
                kept.session.stop()
        for opening in list(self._opening.values()) if name is None else ():
            opening.cancel()

    async def close(self) -> None:
        """Close all; those that are in use when they are not any more."""
        for name, kept in list(self._kept.items()):
            kept.is_stale = True
            await self._drop(name, kept)


def _checked(found: Any, tenant: Tenant, database: Database) -> Session:
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
    return found
