"""How a fleet stands: a line for each tenant, as text, as HTML, as dicts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from keapbridge.decide.shares import Stretch
from keapbridge.model.tenant import LANES, Lane, Standing
from keapbridge.showing.html import Part, badge, bars, display, element, note, table

__all__ = ["FleetStatus", "TenantStatus", "status_of"]

MOST_LINES = 50  # that a status shows, printed or in a notebook
_COLOURS: Mapping[str, int] = {"running": 0, "idle": 1, "waiting": 2, "due": 3}


@attrs.frozen
class TenantStatus:
    """How one tenant stands.

    Attributes:
        name: the tenant.
        state: `paused`, `running`, `waiting` (a job of it is in the queue), `due` or `idle`.
        due_at: when its next sync is due (UTC); `None` while it rests.
        outcome: what became of the last sync: `complete`, `stopped`, `busy`, `quota`, `unreachable`, `brake`, `failed`,
            `lost` (its worker died), or empty before the first one.
        why: of what did not go well.
        in_row: how many failed one after the other.
        lag: how far it is behind: since the last sync that came to its end, beyond `every`.
        every: how long from one sync to the next, as it is at the moment.
        quota_left: calls of the day, as Keap told last; `None` where it has not.
        conflicts: how many wait for a decision.
        failures: how many records have failed and are not done yet.
        deliveries: how many deliveries of webhooks wait to be synced.
    """

    name: str
    state: str
    due_at: datetime | None
    outcome: str
    why: str
    in_row: int
    lag: timedelta
    every: timedelta
    quota_left: int | None
    conflicts: int
    failures: int
    deliveries: int

    def __str__(self) -> str:
        parts = [f"{self.name}: {self.state}", self.outcome or "not synced yet"]
        if self.lag:
            parts.append(f"{_short(self.lag)} behind")
        for number, what in (
            (self.conflicts, "conflicts"),
            (self.failures, "failures"),
            (self.deliveries, "deliveries"),
        ):
            if number:
                parts.append(f"{number} {what}")
        return ", ".join(parts) + (f": {self.why}" if self.why else "")


def status_of(found: Standing, now: datetime, stretch: Stretch, failures: int, deliveries: int) -> TenantStatus:
    """How a tenant stands at a moment."""
    tenant = found.tenant
    every = stretch.every(tenant.every, tenant.weight)
    due = found.due[Lane.SYNC]
    if tenant.paused:
        state = "paused"
    elif _is_running(found):
        state = "running"
    elif any(found.jobs[lane] is not None for lane in LANES):
        state = "waiting"
    else:
        state = "due" if due is not None and due <= now else "idle"
    since = found.complete_at or found.added_at
    lag = timedelta(0) if tenant.paused else max(timedelta(0), now - since - every)
    return TenantStatus(
        found.name,
        state,
        None if tenant.paused else due,
        found.outcome,
        found.why,
        found.in_row,
        lag,
        every,
        found.quota_left,
        found.conflicts,
        failures,
        deliveries,
    )


def _is_running(found: Standing) -> bool:
    """Whether its sync has begun and not ended."""
    if found.jobs[Lane.SYNC] is None or found.began_at is None:
        return False
    return found.ended_at is None or found.ended_at < found.began_at


_COLUMNS: Sequence[tuple[str, str]] = (
    ("tenant", "name"),
    ("state", "state"),
    ("due", "due_at"),
    ("last", "outcome"),
    ("behind", "lag"),
    ("calls left", "quota_left"),
    ("conflicts", "conflicts"),
    ("failures", "failures"),
    ("deliveries", "deliveries"),
    ("why", "why"),
)


@attrs.frozen
class FleetStatus:
    """How a fleet stands; iterating gives each tenant's `TenantStatus`, by name.

    Attributes:
        at: when (UTC), by the clock of the database.
        stretch: how far `every` is stretched, because a quota is shared.
    """

    tenants: tuple[TenantStatus, ...]
    at: datetime
    stretch: Stretch = attrs.field(factory=Stretch)

    def __iter__(self) -> Iterator[TenantStatus]:
        return iter(self.tenants)

    def __len__(self) -> int:
        return len(self.tenants)

    def __getitem__(self, name: str) -> TenantStatus:
        for each in self.tenants:
            if each.name == name:
                return each
        raise KeyError(name)

    @property
    def worst_lag(self) -> timedelta:
        """How far the tenant is behind that is furthest."""
        return max((each.lag for each in self.tenants), default=timedelta(0))

    @property
    def counts(self) -> Mapping[str, int]:
        """How many tenants are in each state."""
        found: dict[str, int] = {}
        for each in self.tenants:
            found[each.state] = found.get(each.state, 0) + 1
        return dict(sorted(found.items()))

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict a tenant, of what JSON can hold: moments as texts, spans as seconds."""
        return [{name: _plain(value) for name, value in attrs.asdict(each).items()} for each in self.tenants]

    @property
    def _summary(self) -> str:
        states = ", ".join(f"{number} {state}" for state, number in self.counts.items()) or "none"
        return f"{len(self.tenants)} tenants: {states}; the worst is {_short(self.worst_lag)} behind"

    def _rows(self) -> list[list[str]]:
        return [[_shown(getattr(each, name), self.at) for _, name in _COLUMNS] for each in self._by_trouble()]

    def _by_trouble(self) -> list[TenantStatus]:
        """Those first that are furthest behind or fail."""
        return sorted(self.tenants, key=lambda each: (-each.in_row, -each.lag.total_seconds(), each.name))

    def __str__(self) -> str:
        heads = [head for head, _ in _COLUMNS]
        rows = self._rows()[:MOST_LINES]
        widths = [max(len(row[place]) for row in [heads, *rows]) for place in range(len(heads))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in ([heads, *rows] if rows else [])
        ]
        if len(self.tenants) > MOST_LINES:
            lines.append(f"… and {len(self.tenants) - MOST_LINES} more")
        stretch = [str(self.stretch)] if self.stretch.level is not None else []
        return "\n".join([self._summary, *stretch, *lines])

    def _repr_html_(self) -> str:
        states = sorted(self.counts.items())
        colours = [_COLOURS.get(state, 5) for state, _ in states]
        stretch = note(element("p", str(self.stretch))) if self.stretch.level is not None else None
        shown = [
            [_told(each, name, cell) for (_, name), cell in zip(_COLUMNS, row, strict=True)]
            for each, row in zip(self._by_trouble(), self._rows()[:MOST_LINES], strict=False)
        ]
        more = len(self) - len(shown)
        return display(
            self._summary,
            bars(states, colours=colours),
            stretch,
            table([head for head, _ in _COLUMNS], shown),
            element("p", f"and {more:,} more: to_dicts() has them all", cls="q") if more else None,
        )


def _told(each: TenantStatus, name: str, cell: str) -> Part:
    """A cell for a notebook: what a person is to look at stands out."""
    if not cell:
        return "\u00a0"
    if name == "outcome":
        return badge(cell, "good" if each.outcome == "complete" else "bad" if each.in_row else "warn")
    return badge(cell, "warn") if name in {"conflicts", "failures"} else cell


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def _shown(value: Any, now: datetime) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return "now" if value <= now else f"in {_short(value - now)}"
        case timedelta():
            return _short(value) if value else ""
        case int():
            return str(value) if value else ""
        case _:
            return " ".join(str(value).split())[:100]


def _short(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
