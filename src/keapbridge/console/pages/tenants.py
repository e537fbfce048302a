"""The tenants of a fleet: the worst first, found by name, let rest and let go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from keapbridge.console.desk import Desks
from keapbridge.console.threads import on_a_thread
from keapbridge.console.visit import Visit, missing

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["Standing", "change", "find", "show", "worst_first"]

MANY = 50
STATES: Mapping[str, str] = {
    "paused": "paused",
    "running": "syncing now",
    "waiting": "waiting for a worker",
    "due": "due",
    "idle": "in its pause",
}
DOING = ("pause", "resume", "sync_soon")


class Standing(Protocol):
    """How a tenant stands, as far as it is shown."""

    name: str
    state: str
    due_at: datetime | None
    outcome: str
    why: str
    in_row: int
    lag: timedelta
    quota_left: int | None
    conflicts: int
    failures: int
    deliveries: int


@attrs.frozen
class ATenant:
    """A tenant in the list."""

    name: str
    state: str
    is_paused: bool
    mood: str
    outcome: str
    why: str
    lag: timedelta
    due_at: datetime | None
    conflicts: int
    failures: int
    deliveries: int
    quota_left: int | None


def worst_first(tenants: Iterable[Standing]) -> list[Standing]:
    """Those that fail or are behind before those for which somebody has to decide, and these before all others."""
    return sorted(tenants, key=lambda t: (-t.in_row, -t.lag.total_seconds(), -(t.conflicts + t.failures), t.name))


def tenant_shown(found: Standing) -> ATenant:
    """A tenant in the list."""
    mood = "good" if found.outcome == "complete" else "bad" if found.in_row else "warn"
    return ATenant(
        found.name,
        STATES.get(found.state, found.state),
        found.state == "paused",
        mood,
        found.outcome or "not synced yet",
        found.why,
        found.lag,
        found.due_at,
        found.conflicts,
        found.failures,
        found.deliveries,
        found.quota_left,
    )


def _desks(visit: Visit) -> Desks:
    assert visit.desks is not None  # these are pages of a fleet
    return visit.desks


async def show(visit: Visit) -> Response:
    """The tenants."""
    return await _listed(visit, "")


async def find(visit: Visit) -> Response:
    """Those whose name has a text in it. It is sent in a form: a name may be a person's."""
    return await _listed(visit, visit.form.one("name").strip()[:100])


async def _listed(visit: Visit, name: str) -> Response:
    status = await on_a_thread(_desks(visit).status)
    first = _place(visit.form.one("after") or visit.query("after"))
    ranked: Sequence[Standing] = worst_first(t for t in status if name.casefold() in t.name.casefold())
    shown: dict[str, Any] = {
        "tenants": [tenant_shown(each) for each in ranked[first : first + MANY]],
        "number": len(ranked),
        "all": len(status),
        "states": [(STATES.get(state, state), number) for state, number in status.counts.items()],
        "name": name,
        "first": first,
        "next": first + MANY if len(ranked) > first + MANY else 0,
        "at": status.at,
    }
    return visit.show("tenants.html", "Tenants", shown)


def _place(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


async def change(visit: Visit) -> Response:
    """Let a tenant rest, go on, or be synced soon."""
    what = visit.form.one("what")
    if what not in DOING:
        raise ValueError("Say what is to be done with it.")
    try:
        await on_a_thread(_desks(visit).change, visit.form.one("tenant"), what)
    except LookupError:
        raise missing("tenant") from None
    return visit.go()
