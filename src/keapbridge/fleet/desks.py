"""What the console does with a fleet: it looks at all tenants, and opens the session of one that somebody looks at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import attrs

from keapbridge.events.values import current_tenant
from keapbridge.fleet.open_sessions import OpenSessions, Session, called
from keapbridge.fleet.status import FleetStatus
from keapbridge.fleet.tenants import Tenants
from keapbridge.store.inbox import inbox_of

__all__ = ["FleetDesks"]


@attrs.frozen
class FleetDesks:
    """The desks of a fleet. Its sessions are of the event loop that serves the console."""

    tenants: Tenants
    kept: OpenSessions
    how: Callable[[], FleetStatus]

    def status(self) -> FleetStatus:
        """How all tenants stand."""
        return self.how()

    def change(self, name: str, what: str) -> None:
        """`pause`, `resume` or `sync_soon` a tenant."""
        getattr(self.tenants[name], what)()

    def full_at(self, name: str) -> datetime | None:
        """As of when a sync of a tenant reads everything; `None`: not again by itself."""
        return self.tenants[name].full_at

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[Session]:
        """The session of a tenant. What is done with it meanwhile is told as this tenant's."""
        tenant = await called(lambda: self.tenants[name].tenant)
        async with self.kept.of(tenant) as session:
            around = current_tenant.set(name)
            try:
                yield session
            finally:
                current_tenant.reset(around)

    def secret(self, candidate: str) -> str:
        """A secret that all processes share: the candidate, unless there is one already."""
        return inbox_of(self.kept.database, "").console_secret(candidate)

    async def close(self) -> None:
        """Close the sessions that were opened, those in use when they are not any more."""
        await self.kept.close()
