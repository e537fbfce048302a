"""A fleet in virtual time: many tenants, some workers, a database, Keap's quotas, and how late syncs come.

What a sync costs is measured; how a queue forms of it is played. Who is due when, and how a shared quota is shared, is
decided by the very functions that a fleet asks.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import attrs

from keapbridge.decide.due import Ended, How, next_after, place
from keapbridge.decide.shares import Quota, Stretch, Wish, stretched

__all__ = ["Costs", "Played", "Setting", "play"]

START = datetime(2026, 3, 2, tzinfo=UTC)
LOOK = 5.0  # seconds from one look at what is due to the next
DONE = Ended(How.COMPLETE)


@attrs.frozen
class Costs:
    """What one sync costs.

    Attributes:
        cpu: seconds of a worker's processor.
        database: seconds of one of the database's.
        wal: bytes that the database writes ahead.
        calls: to Keap, out of its quota.
        waits: seconds of waiting for both systems, in which nothing is done.
    """

    cpu: float
    database: float
    wal: float
    calls: float
    waits: float


@attrs.frozen
class Setting:
    """A fleet.

    Attributes:
        busy: the share of syncs that find something to write.
        workers: processes, each with a processor of its own.
        concurrency: syncs that a process has under way at once.
        processors: of the database.
        shared: the quota of an OAuth client that all tenants share; `None`: each has a key of its own.
        minutes: that are played; the first third does not count.
    """

    tenants: int
    quiet: Costs
    edited: Costs
    every: timedelta = timedelta(minutes=5)
    busy: float = 0.05
    workers: int = 1
    concurrency: int = 8
    processors: float = 1.0
    shared: Quota | None = None
    minutes: float = 30.0
    seed: int = 1


@attrs.frozen
class Played:
    """How a fleet has fared.

    Attributes:
        lags: seconds from when a tenant was due to the end of its sync, sorted.
        every: how often a tenant is synced, as its quota allows.
        used: how much of each resource was in use, from 0 to 1.
        wal: bytes a second.
        late: tenants that were due at the end and had not begun.
    """

    lags: Sequence[float]
    every: timedelta
    used: dict[str, float]
    wal: float
    late: int
    syncs: int

    def lag(self, share: float) -> float:
        """The lag that this share of the syncs stays below."""
        return self.lags[min(len(self.lags) - 1, math.floor(share * len(self.lags)))] if self.lags else math.inf

    @property
    def bottleneck(self) -> str:
        """What is used most."""
        return max(self.used, key=lambda name: self.used[name])


class _Line:
    """Servers of one kind with one line before them: each comes next to the one that is free first."""

    def __init__(self, servers: float) -> None:
        whole = max(1, round(servers))
        self._free = [0.0] * whole
        self._slow = whole / servers
        self.used = 0.0

    def serve(self, moment: float, seconds: float) -> float:
        """When work is done that comes at a moment."""
        begun = max(moment, heapq.heappop(self._free))
        done = begun + seconds * self._slow
        heapq.heappush(self._free, done)
        self.used += seconds
        return done


def _stretch(setting: Setting) -> Stretch:
    return stretched([Wish(setting.every, 1.0, setting.tenants)], setting.shared)


def play(setting: Setting) -> Played:
    """Play a fleet for some minutes of virtual time."""
    chance = random.Random(setting.seed)
    every = _stretch(setting).every(setting.every, 1.0)
    end, counts_from = setting.minutes * 60, setting.minutes * 20
    rate = math.inf if setting.shared is None else setting.shared.syncs_per_second
    processes = [_Line(1) for _ in range(setting.workers)]
    database = _Line(setting.processors)
    # They have come one after the other, over time: each has a place of its own.
    due = [(place(str(n)) * every.total_seconds(), n) for n in range(setting.tenants)]
    heapq.heapify(due)
    slots = [(0.0, n % setting.workers) for n in range(setting.workers * setting.concurrency)]
    heapq.heapify(slots)
    waiting: deque[tuple[float, int]] = deque()
    lags: list[float] = []
    held, wal, syncs, turn = 0.0, 0.0, 0, 0.0
    look = 0.0
    while look < end:
        while due and due[0][0] <= look:
            waiting.append(heapq.heappop(due))
        while waiting and slots[0][0] < look + LOOK:
            free, worker = heapq.heappop(slots)
            was_due, tenant = waiting.popleft()
            begun = max(free, look, turn)
            turn = max(turn, begun) + 1 / rate if rate < math.inf else turn
            costs = setting.edited if chance.random() < setting.busy else setting.quiet
            ready = database.serve(processes[worker].serve(begun, costs.cpu), costs.database) + costs.waits
            heapq.heappush(slots, (ready, worker))
            moment = START + timedelta(seconds=ready)
            again = next_after(DONE, str(tenant), moment, every, 0)
            heapq.heappush(due, ((again - START).total_seconds(), tenant))
            wal, syncs = wal + costs.wal, syncs + 1
            held += costs.cpu + costs.database + costs.waits
            if was_due >= counts_from:
                lags.append(ready - was_due)
        look += LOOK
    calls = syncs * ((1 - setting.busy) * setting.quiet.calls + setting.busy * setting.edited.calls)
    used = {
        "workers": sum(process.used for process in processes) / (end * setting.workers),
        "slots": held / (end * setting.workers * setting.concurrency),
        "database": database.used / (end * setting.processors),
    }
    if setting.shared is not None:
        used["quota"] = calls / (end * setting.shared.day / 86_400)
    late = len(waiting)
    return Played(sorted(lags), every, used, wal / end, late, syncs)
