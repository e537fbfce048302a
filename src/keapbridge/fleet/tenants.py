"""The tenants of a fleet as a host handles them: add, look up, change, pause, remove."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import attrs

from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import new_id
from keapbridge.decide.due import first_at, place
from keapbridge.model.given import one_of, telling_methods
from keapbridge.model.meant import is_meant
from keapbridge.model.tenant import Standing, Tenant
from keapbridge.store.tenants import SqlTenants

__all__ = ["TenantHandle", "Tenants"]


@telling_methods
class Tenants:
    """The tenants of a fleet, by name. It reads the database with each call."""

    def __init__(self, rows: SqlTenants) -> None:
        self._rows = rows

    def add(self, tenant: Tenant) -> TenantHandle:
        """Add a tenant. Its first sync is due within minutes: many that are added at once do not begin at once.

        Raises:
            ValueError: when there is one of this name.
        """
        one_of("tenant", tenant, Tenant, "a Tenant, such as Tenant('acme', settings={'key': 'vault:acme'})")
        if not self._rows.add(tenant, SyncDriver().run(new_id()), lambda now: _first(tenant, now)):
            raise ValueError(
                f"there is a tenant {tenant.name!r} already: fleet.tenants[{tenant.name!r}].change(...) changes it"
            )
        return TenantHandle(self._rows, tenant.name)

    def __getitem__(self, name: str) -> TenantHandle:
        if not isinstance(name, str) or self._rows.find(name) is None:
            near = is_meant(name, [each.name for each in self._rows.page(limit=5000)]) if isinstance(name, str) else ""
            raise LookupError(f"there is no tenant {name!r}{near}")
        return TenantHandle(self._rows, name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._rows.find(name) is not None

    def __iter__(self) -> Iterator[Tenant]:
        """All of them, by name."""
        after = ""
        while page := self._rows.page(after):
            yield from (each.tenant for each in page)
            after = page[-1].name

    def __len__(self) -> int:
        return self._rows.count()


@telling_methods
@attrs.frozen
class TenantHandle:
    """One tenant of a fleet."""

    _rows: SqlTenants = attrs.field(repr=False)
    name: str

    @property
    def tenant(self) -> Tenant:
        """What it is like, as it is kept now."""
        return self._standing().tenant

    @property
    def keap_path(self) -> str:
        """Where Keap's hooks go, below the place where the receiver for all tenants is mounted. Keep it secret."""
        return f"/keap/{self._standing().token}"

    @property
    def customcrm_path(self) -> str:
        """Where its Customcrm's signed webhooks go, below the same place."""
        return f"/customcrm/{self._standing().token}"

    @property
    def full_at(self) -> datetime | None:
        """As of when a sync reads everything; `None`: not again by itself."""
        return self._standing().full_at

    def pause(self) -> None:
        """Let it rest: no job of it begins; what is under way comes to its end. Webhooks are kept."""
        self._change(lambda found, _: (attrs.evolve(found.tenant, paused=True), {}))

    def resume(self) -> None:
        """Let it go on; it is due at once."""
        self._change(lambda found, now: (attrs.evolve(found.tenant, paused=False), {"sync_at": now}))

    def sync_soon(self, *, full: bool = False) -> None:
        """Let it be due now.

        Args:
            full: read everything.
        """
        self._change(lambda found, now: (found.tenant, {"sync_at": now, **({"full_at": now} if full else {})}))

    def change(self, **attributes: Any) -> None:
        """Change what it is like: `change(every=timedelta(minutes=1))`. Its session is opened anew for new settings."""

        def how(found: Standing, now: datetime) -> tuple[Tenant, Mapping[str, datetime | None]]:
            tenant = attrs.evolve(found.tenant, **attributes)
            if tenant.name != found.name:
                raise ValueError("name: a tenant keeps its name, which its links are kept under")
            moments: dict[str, datetime | None] = {}
            if tenant.every != found.tenant.every:
                moments["sync_at"] = first_at(tenant.name, now, tenant.every)
            if tenant.full_every != found.tenant.full_every:
                moments["full_at"] = _full(tenant, now)
            return tenant, moments

        self._change(how)

    def remove(self) -> None:
        """Take it out of the fleet. Its links stay in the store: added again, it goes on."""
        self._rows.remove(self.name)

    def _standing(self) -> Standing:
        found = self._rows.find(self.name)
        if found is None:
            raise LookupError(f"there is no tenant {self.name!r} any more")
        return found

    def _change(self, how: Callable[[Standing, datetime], tuple[Tenant, Mapping[str, datetime | None]]]) -> None:
        if self._rows.change(self.name, how) is None:
            raise LookupError(f"there is no tenant {self.name!r} any more")


def _first(tenant: Tenant, now: datetime) -> Mapping[str, datetime | None]:
    begins = first_at(tenant.name, now, tenant.every)
    return {
        "sync_at": begins,
        "watch_at": begins,  # what webhooks tell of is not to wait for the second look
        "full_at": _full(tenant, now),
    }


def _full(tenant: Tenant, now: datetime) -> datetime | None:
    """Somewhere in its first interval: the very first sync reads everything anyway."""
    return None if tenant.full_every is None else now + tenant.full_every * (1 + place(tenant.name)) / 2
