"""The pace of calls to a Customcrm: evenly spaced, and not before the moment that its answers name."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import attrs

from keapbridge._flow.effects import Flow, Sleep, now
from keapbridge.errors import ApiError, RateLimitedError

__all__ = ["EvenPace"]

_LEFT = ("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining")
_RESET = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")
A_DATE = 1_000_000_000  # seconds: more is a moment, and no wait
MOST_DIGITS = 11


@attrs.define
class EvenPace:
    """Lets a call a moment pass, and none while the system says that none is left.

    Attributes:
        per_minute: how many calls.
        most: the longest wait that an answer may ask for.
    """

    per_minute: int
    most: timedelta = timedelta(minutes=5)
    listens: bool = True
    _next: datetime = attrs.field(default=datetime.min.replace(tzinfo=UTC), init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def turn(self) -> Flow[None]:
        """Wait until a call may be sent."""
        moment = yield from now()
        with self._lock:
            start = max(moment, self._next)
            self._next = start + timedelta(minutes=1) / self.per_minute
        pause = (start - moment).total_seconds()
        if pause > 0:
            yield Sleep(pause, why="its turn at the pace that is set for the CRM")

    def answered(self, headers: Mapping[str, str], moment: datetime) -> None:
        """Note when the system lets calls pass again."""
        left = next((headers[name] for name in _LEFT if name in headers), "")
        told = next((headers[name] for name in _RESET if name in headers), "").strip()
        if left.strip() != "0" or not told.isdecimal() or len(told) > MOST_DIGITS:
            return
        reset = int(told)
        pause = timedelta(seconds=reset) if reset < A_DATE else datetime.fromtimestamp(reset, UTC) - moment
        with self._lock:
            self._next = max(self._next, moment + max(timedelta(0), min(pause, self.most)))

    def refused(self, error: RateLimitedError, moment: datetime) -> ApiError:
        """A refusal is what it is."""
        if error.retry_after is not None:
            with self._lock:
                self._next = max(self._next, moment + min(timedelta(seconds=error.retry_after), self.most))
        return error
