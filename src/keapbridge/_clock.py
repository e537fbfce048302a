"""The clock of this machine: nobody else asks it. A flow that has to know the time yields `Now` or `Elapsed`."""

from __future__ import annotations

import time
from datetime import UTC, datetime

__all__ = ["elapsed", "utc_now"]


def utc_now() -> datetime:
    """What time it is, in UTC."""
    return datetime.now(UTC)


def elapsed() -> float:
    """Seconds since some moment, also those that the machine sleeps: of `time.monotonic` that depends on the system."""
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):
        if hasattr(time, name):
            return time.clock_gettime(getattr(time, name))
    return time.monotonic()
