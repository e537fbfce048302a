"""What the receiver for all tenants does with registry and queue: no session is opened, and no system called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from keapbridge.fleet.queue import Deferring
from keapbridge.model.tenant import Lane, Tenant
from keapbridge.store.inbox import Arrival, Message, inbox_of
from keapbridge.store.tenants import SqlTenants

__all__ = ["FleetDoors"]

AT_ONCE = 500


@attrs.frozen
class FleetDoors:
    """The doors of a fleet.

    Attributes:
        delay: seconds from a delivery to its sync.
    """

    rows: SqlTenants
    defer: Deferring
    delay: float

    def tenant_of(self, token: str) -> Tenant | None:
        """Whose address has this secret part."""
        name = self.rows.of_token(token)
        found = None if name is None else self.rows.find(name)
        return None if found is None else found.tenant

    def keep(
        self, name: str, arrivals: Sequence[Arrival], received: datetime, due: datetime, message: Message | None
    ) -> bool:
        """Keep a delivery, durably; whether it is new."""
        taken = inbox_of(self.rows.database, name).put(arrivals, received, due, message)
        # Also of one that was kept before: its receiver may have died before it came to this.
        self.rows.deliver(name, due)
        return taken

    def sync_what_is_due(self) -> int:
        """Put jobs for what was delivered and is due into the queue; how many."""
        return len(self.rows.claim(Lane.HOOKS, AT_ONCE, self.defer))
