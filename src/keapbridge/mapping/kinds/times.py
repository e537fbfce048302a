"""Dates and moments. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from attrs import frozen

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Date", "DateTime", "moment_text"]


@frozen
class Date(Kind):
    """A date without time, ISO 8601."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return None
        if isinstance(raw, date):
            return raw.isoformat()[:10]
        try:
            return date.fromisoformat(str(raw).strip()[:10]).isoformat()
        except ValueError:
            raise UnfitError("not a date") from None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return None if value is None else date.fromisoformat(str(value))

    def sample(self, asked: Asked) -> Sample | None:
        day = date(1990, 1, 1) + timedelta(days=2 * asked.number + asked.turn)
        return Sample(day, day)


@frozen
class DateTime(Kind):
    """A moment, ISO 8601 in UTC. One without a time zone is taken as UTC."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return None
        if isinstance(raw, date) and not isinstance(raw, datetime):
            raw = raw.isoformat()
        try:
            return moment_text(raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw).strip()))
        except (ValueError, OverflowError):
            raise UnfitError("not a date with a time") from None

    def sample(self, asked: Asked) -> Sample | None:
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(minutes=2 * asked.number + asked.turn)
        return Sample(moment, moment)


def moment_text(moment: datetime) -> str:
    known = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    known = known.replace(microsecond=known.microsecond // 1000 * 1000)  # Keap keeps milliseconds
    return known.isoformat(timespec="milliseconds" if known.microsecond else "seconds").replace("+00:00", "Z")
