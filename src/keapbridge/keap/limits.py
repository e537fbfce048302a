"""What Keap's answers say about its limits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import frozen

from keapbridge._io.moments import plausible
from keapbridge.model.checked import is_storable

__all__ = ["KeapLimits", "Window", "read_limits", "tenant_of"]

_MOST = 1_000_000_000  # calls; nobody may make more
_LONGEST = 100  # characters of a name
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
    """What the last answer said: the key's minute and day, and the application's own throttle."""

    minute: Window
    day: Window
    tenant: Window
    tenant_id: str | None = None


def read_limits(headers: Mapping[str, str]) -> KeapLimits:
    """The limits in an answer's headers (lower-case names)."""
    return KeapLimits(
        minute=_window(headers, "x-keap-product-throttle"),
        day=_window(headers, "x-keap-product-quota"),
        tenant=_window(headers, "x-keap-tenant-throttle"),
        tenant_id=tenant_of(headers),
    )


def tenant_of(headers: Mapping[str, str]) -> str | None:
    """The name of the Keap application that answered; `None` where it does not tell a usable one."""
    name = headers.get("x-keap-tenant-id", "").strip()
    return name if name and is_storable(name) and len(name) <= _LONGEST else None


def _window(headers: Mapping[str, str], prefix: str) -> Window:
    limit = _number(headers, f"{prefix}-limit", least=1)
    used = _number(headers, f"{prefix}-used")
    available = _number(headers, f"{prefix}-available")
    if limit is not None and used is not None and used > limit and available != 0:
        used = None  # one of the two is wrong
    return Window(limit, used, available, _moment(_number(headers, f"{prefix}-expiry-time", most=_LATEST)))


def _number(headers: Mapping[str, str], name: str, *, least: int = 0, most: int = _MOST) -> int | None:
    """A number that can be one of calls; anything else says nothing."""
    text = headers.get(name, "").strip()
    if len(text) > 20:
        return None
    try:
        found = int(text)
    except ValueError:
        return None
    return found if least <= found <= most else None


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else plausible(datetime.fromtimestamp(milliseconds / 1000, UTC))
