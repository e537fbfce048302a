"""Where the clock of this machine is asked. A flow that has to know the time yields `Now` or `Elapsed`.

Who may import this stands in a contract of `pyproject.toml`: the drivers, for the flows, and what stamps a line or an
event. Who only measures a wait of its own, as a driver's sleep and the deadline of a call do, counts its own seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

__all__ = ["elapsed", "utc_now"]

utc_now: Callable[[], datetime] = partial(datetime.now, UTC)
"""What time it is, in UTC."""

_CLOCKS = [getattr(time, name) for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC") if hasattr(time, name)]
elapsed: Callable[[], float] = partial(time.clock_gettime, _CLOCKS[0]) if _CLOCKS else time.monotonic
"""Seconds since some moment, also those that the machine sleeps: of `time.monotonic` that depends on the system."""
