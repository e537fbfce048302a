"""Which waits are worth telling a person. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs

from keapbridge.events.values import Wait

__all__ = ["LONG", "Waits", "told"]

LONG = 5.0  # seconds; a shorter wait is nobody's business


def told(wait: Wait) -> str:
    """Until when it is waited, and what for."""
    return f"until {_end(wait):%H:%M:%S} UTC: {wait.why}"


@attrs.define
class Waits:
    """Picks the waits that are told: those that are long, and one of many calls that wait side by side."""

    _until: datetime = attrs.field(default=datetime.min.replace(tzinfo=UTC), init=False)

    def is_news(self, wait: Wait) -> bool:
        """Whether this one is long, and not about the same as one that is told and not over."""
        end = _end(wait)
        is_same = wait.at < self._until and end < self._until + timedelta(seconds=LONG)
        if wait.seconds <= LONG or is_same:
            return False
        self._until = end
        return True


def _end(wait: Wait) -> datetime:
    return wait.at + timedelta(seconds=wait.seconds)
