"""Three workers for many tenants, while everything goes wrong that can: each edit arrives, and none twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from fleet_systems import FleetSystems, served
from fleet_worker import fleet_at
from postgresql_server import Server, running_server
from sqlalchemy import text

from keapbridge.fleet import Fleet, Tenant
from keapbridge.testing import Fault

TENANTS = int(os.environ.get("KEAPBRIDGE_CHAOS_TENANTS", "40"))
SECONDS = int(os.environ.get("KEAPBRIDGE_CHAOS_SECONDS", "120"))
EVERY = timedelta(seconds=int(os.environ.get("KEAPBRIDGE_CHAOS_EVERY", "10")))
PROGRAM = Path(__file__).parents[1] / "shared" / "fleet_worker.py"
HANGS, SPENT, BAD_KEY = "hangs", "spent", "badkey"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("procrastinate")
    with running_server("deadlock_timeout=200ms", "log_lock_waits=on", "max_connections=200") as made:
        yield made


class Workers:
    """Processes that work; those that are killed are begun again, as by a restart policy."""

    def __init__(self, url: str, origin: str, log: Path) -> None:
        self._url, self._origin, self._log = url, origin, log
        self.schema: list[str] = []
        self.running: list[subprocess.Popen[bytes]] = []

    def begin(self, what: str = "worker") -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            command = [sys.executable, str(PROGRAM), self._url, self._origin, what, *self.schema]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        self.running.append(process)
        return process

    def await_ready(self) -> None:
        """Wait until all of them have begun."""
        for process in self.running:
            if process.stdout is not None and not process.stdout.closed:
                assert process.stdout.readline() == b"ready\n"
                process.stdout.close()

    def replace(self, number: int, how: signal.Signals) -> None:
        old = self.running.pop(number)
        old.send_signal(how)
        if how is signal.SIGTERM:
            assert old.wait(timeout=90) == 0
        else:
            old.wait(timeout=30)
        self.begin()
        self.await_ready()

    def end(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(timeout=90)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def working(url: str, origin: str, log: Path, number: int) -> Iterator[Workers]:
    workers = Workers(url, origin, log)
    try:
        for _ in range(number):
            workers.begin()
        workers.await_ready()
        yield workers
    finally:
        workers.end()


def await_step(systems: FleetSystems, names: list[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while missing := {name: found for name in names if (found := systems.missing(name))}:
        assert time.monotonic() < deadline, f"these have not arrived: {missing}"
        time.sleep(0.5)


def assert_once(systems: FleetSystems) -> None:
    assert {name: found for name in systems.made if (found := systems.twice(name))} == {}


def lag(fleet: Fleet, names: list[str]) -> timedelta:
    return max(each.lag for each in fleet.status() if each.name in names)


def test_every_edit_arrives_once_whatever_happens(server: Server, tmp_path: Path, rng: random.Random) -> None:
    names = [f"t{number}" for number in range(TENANTS)]
    log = tmp_path / "workers.log"
    with (
        served([*names, HANGS, SPENT, BAD_KEY]) as systems,
        fleet_at(f"{server.url}/postgres", systems.origin) as fleet,
    ):
        systems.crm[HANGS].faults.add(Fault(status=503, delay=8.0), times=100_000)
        systems.keap[SPENT].spend(day=30_000)
        for name in names:
            fleet.tenants.add(Tenant(name, every=EVERY))
        for name in (HANGS, SPENT):
            fleet.tenants.add(Tenant(name, every=EVERY))
        fleet.tenants.add(Tenant(BAD_KEY, {"key": "KeapAK-wrong"}, every=EVERY))
        with working(f"{server.url}/postgres", systems.origin, log, 3) as workers:
            begun, worst = time.monotonic(), timedelta(0)
            # When what happens, as parts of the whole time.
            story = [
                (0.20, lambda: workers.replace(0, signal.SIGKILL)),
                (0.35, server.restart),
                (0.50, lambda: workers.replace(1, signal.SIGKILL)),
                (0.60, lambda: upgrade(fleet, workers)),
                (0.65, lambda: workers.replace(0, signal.SIGTERM)),
                (0.75, lambda: workers.replace(0, signal.SIGTERM)),
                (0.85, lambda: workers.replace(0, signal.SIGTERM)),
                (0.90, lambda: workers.replace(1, signal.SIGKILL)),
            ]
            while (passed := time.monotonic() - begun) < SECONDS or story:
                for name in rng.sample(names, max(1, len(names) // 20)):
                    systems.make(name, rng)
                if story and passed > story[0][0] * SECONDS:
                    story.pop(0)[1]()
                worst = max(worst, lag(fleet, names))
                time.sleep(1.0)
            ended = time.monotonic()
            await_step(systems, names, 180)
            settled = time.monotonic() - ended
            status = fleet.status()
        assert_once(systems)
        print(status)  # noqa: T201 - shown with -s
        made = sum(map(len, systems.made.values()))
        print(  # noqa: T201
            f"{len(names)} tenants, {made} edits in {SECONDS} s: the worst was {worst} behind, "
            f"all was there {settled:.0f} s after the end"
        )
        assert status[BAD_KEY].outcome == "failed"
        assert status[SPENT].outcome == "quota"
        assert status[HANGS].outcome in {"unreachable", "stopped", "failed", "lost", ""}
    assert "deadlock detected" not in server.log()


def upgrade(fleet: Fleet, workers: Workers) -> None:
    """A later version upgrades the store while the workers of this one go on; the next ones are of that version."""
    with fleet.database.transaction() as c:
        c.execute(text("ALTER TABLE keapbridge_links ADD COLUMN later TEXT"))
        c.execute(text("UPDATE keapbridge_version SET version_num = '9999'"))
    workers.schema = ["9999"]
