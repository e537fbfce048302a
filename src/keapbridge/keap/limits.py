"""What Keap's answers say about its limits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import frozen

from keapbridge._io.told_times import plausible
from keapbridge.model.checked import is_storable
from keapbridge.showing.html import Html, display, gauge, table

__all__ = ["KeapLimits", "Window", "read_limits", "tenant_of"]

_MOST = 1_000_000_000  # calls; nobody may make more
_LONGEST = 100  # characters of a name
_UNITS = frozenset({"minute", "day"})
_LATEST = 10_000_000_000_000  # milliseconds since 1970; the year 2286


@frozen
class Window:
    """One limit: how many requests are allowed, used and left in its time unit. `None` where Keap did not say."""

    limit: int | None = None
    used: int | None = None
    available: int | None = None
    resets_at: datetime | None = None


@frozen
class KeapLimits:
    """What the last answer said: the key's minute and day, and the application's own, which all its keys share."""

    minute: Window = Window()
    day: Window = Window()
    tenant: Window = Window()
    tenant_id: str | None = None
    tenant_day: Window = Window()

    def _repr_html_(self) -> str:
        return self.shown_of("Limits of Keap")

    def shown_of(self, title: str) -> str:
        """The gauges of what they are the limits of, for a notebook."""
        return display(title, self._gauges() or "nothing is known of its limits before its first answer")

    def _gauges(self) -> Html | None:
        """A gauge for each window that the last answer told of."""
        windows = {"this key, in a minute": self.minute, "this key, in a day": self.day}
        windows |= {"the application, in a minute": self.tenant, "the application, in a day": self.tenant_day}
        rows = [
            (name, gauge(w.limit - w.available, w.limit), f"{w.available:,} of {w.limit:,} left")
            for name, w in windows.items()
            if w.limit is not None and w.available is not None
        ]
        return table(("", "", ""), rows) if rows else None


def read_limits(headers: Mapping[str, str]) -> KeapLimits:
    """The limits in an answer's headers (lower-case names)."""
    return KeapLimits(
        minute=_window(headers, "x-keap-product-throttle", "minute", alone=True),
        day=_window(headers, "x-keap-product-quota", "day", alone=True),
        tenant=_window(headers, "x-keap-tenant-throttle", "minute", alone=True),
        tenant_id=tenant_of(headers),
        tenant_day=_window(headers, "x-keap-tenant-throttle", "day", alone=False),
    )


def tenant_of(headers: Mapping[str, str]) -> str | None:
    """The name of the Keap application that answered; `None` where it does not tell a usable one."""
    name = headers.get("x-keap-tenant-id", "").strip()
    return name if name and is_storable(name) and len(name) <= _LONGEST else None


def _window(headers: Mapping[str, str], prefix: str, unit: str, *, alone: bool) -> Window:
    """The window of a time unit, of those that the headers tell of side by side (`10000|250000`).

    Args:
        alone: whether it is of this unit where no unit is told that is known.
    """
    units = [each.strip().casefold() for each in headers.get(f"{prefix}-time-unit", "").split("|")]
    if unit in units:
        place = units.index(unit)
    elif alone and len(units) == 1 and units[0] not in _UNITS:
        place = 0
    else:
        return Window()

    def told(name: str, *, least: int = 0, most: int = _MOST) -> int | None:
        values = headers.get(f"{prefix}-{name}", "").split("|")
        return _number(values[place], least=least, most=most) if place < len(values) else None

    limit, used, available = told("limit", least=1), told("used"), told("available")
    if limit is not None and used is not None and used > limit and available != 0:
        used = None  # one of the two is wrong
    return Window(limit, used, available, _moment(told("expiry-time", most=_LATEST)))


def _number(text: str, *, least: int, most: int) -> int | None:
    """A number that can be one of calls; anything else says nothing."""
    text = text.strip()
    if len(text) > 20:
        return None
    try:
        found = int(text)
    except ValueError:
        return None
    return found if least <= found <= most else None


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else plausible(datetime.fromtimestamp(milliseconds / 1000, UTC))
