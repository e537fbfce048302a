"""What the receiver for all tenants does with registry and queue: no session is opened, and no system called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import attrs

from keapbridge.fleet.queue import Deferring
from keapbridge.model.tenant import Lane, Tenant
from keapbridge.store.database import Database
from keapbridge.store.inbox import Delivery, put_all
from keapbridge.store.tenants import SqlTenants

__all__ = ["FleetDoors"]

AT_ONCE = 500


@attrs.frozen
class FleetDoors:
    """The doors of a fleet.

    Attributes:
        inboxes: the database once more: what an acknowledgement needs of it waits for nothing else that is done there.
        delay: seconds from a delivery to its sync.
    """

    rows: SqlTenants
    inboxes: Database
    defer: Deferring
    delay: float

    def tenants_of(self, tokens: Sequence[str]) -> Sequence[Tenant | None]:
        """Whose addresses have these secret parts."""
        found = SqlTenants(self.inboxes).of_tokens(tokens)
        return [found.get(token) for token in tokens]

    def keep(self, deliveries: Sequence[Delivery]) -> Sequence[bool]:
        """Keep deliveries, durably; whether each is new.

        The registry is not told here: its rows may be held by the jobs of their tenants.
        """
        return put_all(self.inboxes, deliveries)

    def sync_soon(self, dues: Mapping[str, datetime]) -> int:
        """Note for whom something was delivered, and put jobs for what is due into the queue; how many."""
        now = self.rows.now()  # the clock here may be ahead of the one that says what is due
        self.rows.deliver({name: min(due, now) for name, due in dues.items()})
        return len(self.rows.claim(Lane.HOOKS, AT_ONCE, self.defer))
