"""A real fleet on a real PostgreSQL for some minutes: what its syncs cost, queue and all, and how late they come.

The systems are emulated in this process, whose processor time counts for nothing but as a load of the machine.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import attrs
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from benchmarks.fleet_processes import working
from benchmarks.fleet_systems import FleetSystems, served
from benchmarks.fleet_worker import AT_ONCE, fleet_at
from benchmarks.simulator import Costs, Setting, play
from keapbridge.fleet import Tenant

__all__ = ["Slice", "checked", "measured"]

TICKS = os.sysconf("SC_CLK_TCK")
ROWS = "SELECT bridge, sync_at, began_at, ended_at FROM keapbridge_tenants WHERE ended_at IS NOT NULL"
LOOK = 1.0  # seconds
CONTACTS = 20  # of each tenant


@attrs.frozen
class Slice:
    """What was seen of a fleet with one worker.

    Attributes:
        worker, database, systems: seconds of a processor that the worker, the server's processes, and the emulated
            systems took.
        others: processors that were busy with anything else, all the time.
        wal: bytes.
        calls: to Keap.
        asked: calls to either system.
        lags: from when a tenant was due to the end of its sync, in seconds, sorted.
        took: from the beginning of a sync to its end.
        memory: of the worker, in bytes.
    """

    tenants: int
    every: timedelta
    seconds: float
    worker: float
    database: float
    systems: float
    others: float
    wal: float
    calls: int
    asked: int
    lags: Sequence[float]
    took: Sequence[float]
    memory: int

    @property
    def syncs(self) -> int:
        """How many there were."""
        return len(self.lags)

    @property
    def costs(self) -> Costs:
        """Of one sync, with its part of the queue's work and of what keeps a fleet going."""
        cpu, database = self.worker / self.syncs, self.database / self.syncs
        waits = max(0.0, self.took[self.syncs // 2] - cpu - database)
        return Costs(cpu, database, self.wal / self.syncs, self.calls / self.syncs, waits)

    def far(self, answer: float) -> Costs:
        """The same where both systems answer a call after so many seconds."""
        return attrs.evolve(self.costs, waits=answer * self.asked / self.syncs)

    @property
    def most(self) -> float:
        """Syncs a second that this machine has processors for: the emulated systems and others take their part."""
        free = max(0.1, (os.cpu_count() or 1) - self.others)
        return free * self.syncs / (self.worker + self.database + self.systems)

    def __str__(self) -> str:
        cores, costs = (self.worker + self.database) / self.seconds, self.costs
        return (
            f"{self.tenants} tenants every {self.every.total_seconds():.0f} s: {self.syncs} syncs in "
            f"{self.seconds:.0f} s, {self.syncs / self.seconds:.2f} a second. Worker and PostgreSQL took {cores:.2f} "
            f"of a processor, {costs.cpu * 1000:.1f} + {costs.database * 1000:.1f} ms a sync, "
            f"{costs.wal / 1000:.1f} kB of WAL, {costs.calls:.1f} calls to Keap. "
            f"Lag: median {_of(self.lags, 0.5):.1f} s, 99 % {_of(self.lags, 0.99):.1f} s. "
            f"The worker has {self.memory / 1e6:.0f} MB. "
            f"The emulated systems took {self.systems / self.seconds:.2f} of a processor, "
            f"and others {self.others:.2f} of {os.cpu_count()}."
        )


def measured(url: str, tenants: int, every: timedelta, minutes: float) -> tuple[Slice, Slice]:
    """Let one worker sync so many tenants, once all have been synced twice: for so long with nothing to do.

    And for as long with one contact of each edited in Customcrm after every sync, for the next one to find and to write
    to Keap.
    """
    names = [f"t{number}" for number in range(tenants)]
    with (
        tempfile.TemporaryDirectory() as folder,
        served(names) as systems,
        fleet_at(url, systems.origin) as fleet,
        create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as c,
        working(url, systems.origin, Path(folder, "log"), 1) as workers,
    ):
        for name in names:
            systems.have(name, CONTACTS, in_keap=False)
            fleet.tenants.add(Tenant(name, every=every))
        c.exec_driver_sql("UPDATE keapbridge_tenants SET sync_at = '2026-01-01T00:00:00+00:00'")
        while len(_rows(c)) < tenants:
            time.sleep(LOOK)
        watch = _Watch(c, systems, str(workers.running[0].pid), every)
        time.sleep(1.25 * every.total_seconds())
        quiet = watch.seen(minutes)
        watch.edits = True
        watch.seen(1.25 * every.total_seconds() / 60)  # until each has found one
        return quiet, watch.seen(minutes)


class _Watch:
    """What looks at a fleet with one worker."""

    def __init__(self, connection: Connection, systems: FleetSystems, worker: str, every: timedelta) -> None:
        self._c, self._systems, self._worker, self._every = connection, systems, worker, every
        self._server = _server_of(connection)
        self._emails = {name: itertools.cycle(made) for name, made in systems.made.items()}
        self.edits = False

    def _used(self) -> tuple[float, float, float, float]:
        return _cpu([self._worker]), _cpu(self._server(), children=True), time.process_time(), _busy()

    def seen(self, minutes: float) -> Slice:
        """What is seen in so many minutes."""
        for keap, crm in zip(self._systems.keap.values(), self._systems.crm.values(), strict=True):
            keap.requests.clear()
            crm.requests.clear()
        before, wal, begun = self._used(), _wal(self._c), time.monotonic()
        lags: list[float] = []
        took: list[float] = []
        known = _rows(self._c)
        while time.monotonic() < begun + minutes * 60:
            time.sleep(LOOK)
            found = _rows(self._c)
            for name, (_, began, ended) in found.items():
                due, _, before_that = known[name]
                if ended != before_that:
                    lags.append((ended - due).total_seconds())
                    took.append((ended - began).total_seconds())
                    if self.edits:
                        self._systems.edit(name, next(self._emails[name]))
            known = found
        seconds = time.monotonic() - begun
        worker, server, own, busy = (after - at for after, at in zip(self._used(), before, strict=True))
        calls = sum(len(keap.requests) for keap in self._systems.keap.values())
        return Slice(
            len(known),
            self._every,
            seconds,
            worker,
            server,
            own,
            max(0.0, (busy - worker - server - own) / seconds),
            _wal(self._c) - wal,
            calls,
            calls + sum(len(crm.requests) for crm in self._systems.crm.values()),
            sorted(lags),
            sorted(took),
            _memory(self._worker),
        )


def checked(found: Slice) -> str:
    """What the model says of the same fleet."""
    costs, minutes = found.costs, max(12.0, 6 * found.every.total_seconds() / 60)
    played = play(
        Setting(found.tenants, costs, costs, every=found.every, busy=0.0, concurrency=AT_ONCE, minutes=minutes)
    )
    rate, real = min(played.syncs / (minutes * 60), found.most), found.syncs / found.seconds
    parts = [f"syncs a second {real:.2f} here, {rate:.2f} played ({rate / real:.2f}×)"]
    parts += [
        f"lag of {share:.0%} {_of(found.lags, share):.1f} s here, {played.lag(share):.1f} s played "
        f"({played.lag(share) / _of(found.lags, share):.2f}×)"
        for share in (0.5, 0.99)
    ]
    return "The model: " + "; ".join(parts)


Row = tuple[datetime, datetime, datetime]


def _rows(c: Connection) -> dict[str, Row]:
    """When each tenant is due, and when its last sync began and ended."""
    return {name: _moments(*at) for name, *at in c.exec_driver_sql(ROWS)}


def _moments(due: str, began: str, ended: str) -> Row:
    return datetime.fromisoformat(due), datetime.fromisoformat(began), datetime.fromisoformat(ended)


def _stat(pid: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []  # it has ended meanwhile


def _cpu(pids: Sequence[str], *, children: bool = False) -> float:
    """Seconds of a processor that these took; and those of the first one's children that have ended."""
    found = [stat for pid in pids if (stat := _stat(pid))]
    ticks = sum(int(stat[11]) + int(stat[12]) for stat in found)
    if children:
        ticks += int(found[0][13]) + int(found[0][14])
    return ticks / TICKS


def _server_of(c: Connection) -> Callable[[], list[str]]:
    """What lists the processes of the server, its first one first; without the one that answers us."""
    mine = str(c.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
    first = _stat(mine)[1]

    def listed() -> list[str]:
        return [first, *(pid for pid in _processes() if pid != mine and (stat := _stat(pid)) and stat[1] == first)]

    return listed


def _processes() -> Iterator[str]:
    return (path.name for path in Path("/proc").iterdir() if path.name.isdigit())


def _busy() -> float:
    """Seconds that processors of this machine were busy."""
    user, nice, system, _, _, irq, soft, *_ = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + soft) / TICKS


def _memory(pid: str) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _wal(c: Connection) -> int:
    return int(c.exec_driver_sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").scalar_one())


def _of(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
