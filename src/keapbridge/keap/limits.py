"""What Keap's answers say about its limits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import frozen

__all__ = ["KeapLimits", "Window", "read_limits"]


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
        tenant_id=headers.get("x-keap-tenant-id"),
    )


def _window(headers: Mapping[str, str], prefix: str) -> Window:
    expiry = _number(headers, f"{prefix}-expiry-time")
    return Window(
        limit=_number(headers, f"{prefix}-limit"),
        used=_number(headers, f"{prefix}-used"),
        available=_number(headers, f"{prefix}-available"),
        # Epoch milliseconds.
        resets_at=None if expiry is None else datetime.fromtimestamp(expiry / 1000, UTC),
    )


def _number(headers: Mapping[str, str], name: str) -> int | None:
    try:
        return int(headers[name])
    except (KeyError, ValueError):
        return None
