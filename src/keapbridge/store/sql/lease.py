"""Who may write: one runner at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update

from keapbridge.store import schema as t
from keapbridge.store.sql.core import Core, flow
from keapbridge.store.sql.rows import to_text

__all__ = ["Lease"]


class Lease:
    """Who may write: one runner at a time."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def acquire(self, holder: str, now: datetime, until: datetime) -> bool:
        """Take the lease of the bridge; `False` while another holder's has not expired."""
        k = t.leases.c
        with self._core.transaction(fenced=False) as c:
            row = {"bridge": self._core.bridge, "holder": None, "expires_at": ""}
            c.execute(self._core.database.insert(t.leases).on_conflict_do_nothing(), [row])
            free = (k.holder.is_(None)) | (k.expires_at <= to_text(now))
            claim = update(t.leases).where(k.bridge == self._core.bridge, free)
            taken = c.execute(claim.values(holder=holder, expires_at=to_text(until))).rowcount == 1
        if taken:
            self._core.lease = (holder, until)
        return taken

    def is_due(self, now: datetime, margin: timedelta) -> bool:
        """Whether the lease ends within a margin. No look at the database."""
        return self._core.lease is not None and self._core.lease[1] - now < margin

    @flow
    def renew(self, until: datetime) -> None:
        """Prolong the lease. Raises `SessionBusyError` when it was lost; so does every write of a run from then on."""
        with self._core.transaction() as c:
            if self._core.lease is not None:
                c.execute(
                    update(t.leases).where(t.leases.c.bridge == self._core.bridge).values(expires_at=to_text(until))
                )
                self._core.lease = (self._core.lease[0], until)

    @flow
    def release(self, holder: str) -> None:
        with self._core.transaction(fenced=False) as c:
            k = t.leases.c
            c.execute(update(t.leases).where(k.bridge == self._core.bridge, k.holder == holder).values(holder=None))
        self._core.lease = None
