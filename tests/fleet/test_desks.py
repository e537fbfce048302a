"""What the console does with a fleet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import attrs

from keapbridge.console.threads import on_a_thread, on_its_own
from keapbridge.events.values import current_tenant
from keapbridge.fleet.desks import FleetDesks
from keapbridge.fleet.open_sessions import OpenSessions
from keapbridge.fleet.tenants import Tenants
from keapbridge.model.tenant import Tenant


@attrs.define
class Registry:
    """It notes by which thread it is read."""

    tenant: Tenant
    read_by: list[threading.Thread] = attrs.field(factory=list)

    def __getitem__(self, name: str) -> Registry:
        self.read_by.append(threading.current_thread())
        return self


class Kept:
    @asynccontextmanager
    async def of(self, tenant: Tenant) -> AsyncIterator[Any]:
        yield f"the session of {tenant.name}"


def test_what_is_done_for_a_tenant_is_told_as_its_own() -> None:
    desks = FleetDesks(cast("Tenants", Registry(Tenant("acme"))), cast("OpenSessions", Kept()), cast("Any", None))

    async def look() -> list[str]:
        async with desks.of("acme"):
            inside = [current_tenant.get(), await on_a_thread(current_tenant.get), await on_its_own(current_tenant.get)]
        return [*inside, current_tenant.get()]

    assert asyncio.run(look()) == ["acme", "acme", "acme", ""]


def test_the_event_loop_of_a_host_does_not_wait_for_the_registry() -> None:
    registry = Registry(Tenant("acme"))
    desks = FleetDesks(cast("Tenants", registry), cast("OpenSessions", Kept()), cast("Any", None))

    async def look() -> None:
        async with desks.of("acme") as session:
            assert cast("Any", session) == "the session of acme"

    asyncio.run(look())
    assert registry.read_by
    assert threading.current_thread() not in registry.read_by
