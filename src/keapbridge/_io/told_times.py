"""Moments and waits that another system tells, made safe: what no clock can show is not believed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

__all__ = ["DAY", "http_date", "plausible", "retry_after", "soon", "wait"]

DAY = 86_400.0
"""Seconds. Nothing that is told about the future is believed beyond this."""

# No clock is right that shows an earlier moment, or a later one.
_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_LAST = datetime(2200, 1, 1, tzinfo=UTC)


def wait(seconds: str | float) -> float | None:
    """A number of seconds to wait, from 0 to a day; `None` for what is none."""
    try:
        found = float(seconds)
    except ValueError:
        return None
    # More than a day is a mistake that is meant seriously; more than ten years, or no number, says nothing.
    return min(max(0.0, found), DAY) if abs(found) < 3650 * DAY else None


def plausible(moment: datetime | None) -> datetime | None:
    """An aware moment in UTC; `None` for one without a zone, or one that no clock can show."""
    if moment is None or moment.tzinfo is None:
        return None
    try:
        found = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if _FIRST <= found < _LAST else None


def soon(moment: datetime | None, now: datetime) -> datetime | None:
    """A moment of the future as it may be believed: a day ahead at most."""
    return None if moment is None else min(moment, now + timedelta(seconds=DAY))


def http_date(text: str | None) -> datetime | None:
    """The moment of a header, in UTC; `None` for what is none, or what no clock can show."""
    from email.utils import parsedate_to_datetime

    if not text:
        return None
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    # "-0000" says that the zone is not known: the time is that of UTC.
    return plausible(found.replace(tzinfo=UTC) if found.tzinfo is None else found)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from 0 to a day that an answer asks to wait; `None` where it says nothing that can be understood.

    Args:
        headers: of the answer, names in lower case.
    """
    value = headers.get("retry-after", "").strip()
    seconds = wait(value)
    if seconds is not None:
        return seconds
    until, since = http_date(value), http_date(headers.get("date"))  # both by the server's own clock
    return None if until is None or since is None else wait((until - since) / timedelta(seconds=1))
