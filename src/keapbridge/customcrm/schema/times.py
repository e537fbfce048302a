"""How a CRM writes times and dates, there and back. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo
from typing import Any

__all__ = ["FORMATS", "date_text", "moment_of", "time_text"]

FORMATS = ("iso8601", "unix", "unix_ms", "rfc1123", "dotnet", "datetime")
_DOTNET = re.compile(r"^/Date\((-?\d+)(?:[+-]\d{4})?\)/$")


def time_text(moment: datetime, format: str, zone: tzinfo = UTC) -> str:
    """An aware moment as a CRM writes it; a pattern has the time of a zone."""
    utc = moment.astimezone(UTC)
    match format:
        case "iso8601" | "datetime":
            return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case "unix":
            return str(int(utc.timestamp()))
        case "unix_ms":
            return str(int(utc.timestamp()) * 1000 + utc.microsecond // 1000)
        case "rfc1123":
            from email.utils import format_datetime

            return format_datetime(utc.replace(microsecond=0), usegmt=True)
        case "dotnet":
            return f"/Date({int(utc.timestamp()) * 1000 + utc.microsecond // 1000})/"
        case pattern:
            return moment.astimezone(zone).strftime(pattern)


def moment_of(value: Any, format: str, zone: tzinfo = UTC) -> datetime:
    """The moment that a CRM has written; one without a zone is of the zone of the CRM.

    Raises:
        ValueError, TypeError, OverflowError, OSError: for what is none.
    """
    match format:
        case "iso8601" | "datetime":
            moment = datetime.fromisoformat(value)
        case "unix" | "unix_ms":
            moment = datetime.fromtimestamp(float(value) / (1000 if format == "unix_ms" else 1), UTC)
        case "rfc1123":
            from email.utils import parsedate_to_datetime

            moment = parsedate_to_datetime(value)
        case "dotnet":
            found = _DOTNET.match(value)
            if found is None:
                raise ValueError(value)
            moment = datetime.fromtimestamp(int(found[1]) / 1000, UTC)
        case pattern:
            moment = datetime.strptime(value, pattern)  # noqa: DTZ007 - it gets one below
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def date_text(day: date, format: str) -> str | int:
    """A day as a CRM writes it: alone, or as its first moment in UTC."""
    match format:
        case "iso8601":
            return day.isoformat()
        case "unix" | "unix_ms":
            return int(time_text(datetime(day.year, day.month, day.day, tzinfo=UTC), format))
        case "rfc1123" | "dotnet":
            return time_text(datetime(day.year, day.month, day.day, tzinfo=UTC), format)
        case "datetime":
            return f"{day.isoformat()}T00:00:00Z"
        case pattern:
            return day.strftime(pattern)
