"""Where the clock of this machine is asked. A flow that has to know the time yields `Now` or `Elapsed`.

Who may import this stands in a contract of `pyproject.toml`: the drivers, for the flows, and what stamps a line or an
event. Who only measures a wait of its own, as a driver's sleep and the deadline of a call do, counts its own seconds.
"""

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
