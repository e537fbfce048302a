"""How a CRM writes times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeAlias

__all__ = ["Times", "time_text"]

Times: TypeAlias = Literal["iso8601", "unix", "unix_ms"]


def time_text(moment: datetime, format: str) -> str:
    """An aware moment as a CRM writes it."""
    utc = moment.astimezone(UTC)
    match format:
        case "iso8601":
            return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case "unix":
            return str(int(utc.timestamp()))
        case "unix_ms":
            return str(int(utc.timestamp()) * 1000 + utc.microsecond // 1000)
        case pattern:
            return utc.strftime(pattern)
