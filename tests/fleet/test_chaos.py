"""Three workers for many tenants, while everything goes wrong that can: each edit arrives, and none twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from operator import itemgetter
from pathlib import Path

import pytest
from benchmarks.fleet_processes import Workers, working
from benchmarks.fleet_systems import FleetSystems, served
from benchmarks.fleet_worker import fleet_at
from postgresql_server import Server, running_server
from sqlalchemy import text

from keapbridge.fleet import Fleet, Tenant
from keapbridge.testing import Fault

TENANTS = int(os.environ.get("KEAPBRIDGE_CHAOS_TENANTS", "200"))
SECONDS = int(os.environ.get("KEAPBRIDGE_CHAOS_SECONDS", "600"))
EVERY = timedelta(seconds=int(os.environ.get("KEAPBRIDGE_CHAOS_EVERY", "60")))
HANGS, SPENT, BAD_KEY = "hangs", "spent", "badkey"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("procrastinate")
    with running_server("deadlock_timeout=200ms", "log_lock_waits=on", "max_connections=200") as made:
        yield made


def await_all(systems: FleetSystems, names: list[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while missing := {name: found for name in names if (found := systems.missing(name))}:
        assert time.monotonic() < deadline, f"these have not arrived: {missing}"
        time.sleep(0.5)


def assert_once(systems: FleetSystems) -> None:
    assert {name: found for name in systems.made if (found := systems.twice(name))} == {}


def lag(fleet: Fleet, names: list[str]) -> timedelta:
    return max(each.lag for each in fleet.status() if each.name in names)


def test_every_edit_arrives_once_whatever_happens(server: Server, tmp_path: Path, rng: random.Random) -> None:
    names = [f"t{number}" for number in range(TENANTS - 3)]
    log = tmp_path / "workers.log"
    with (
        served([*names, HANGS, SPENT, BAD_KEY]) as systems,
        fleet_at(f"{server.url}/postgres", systems.origin) as fleet,
    ):
        systems.crm[HANGS].faults.add(Fault(status=503, delay=15.0), times=100_000)  # its clients wait for 10
        systems.keap[SPENT].spend(day=30_000)
        for name in (*names, HANGS, SPENT):
            fleet.tenants.add(Tenant(name, every=EVERY))
        fleet.tenants.add(Tenant(BAD_KEY, {"key": "KeapAK-wrong"}, every=EVERY))
        with working(f"{server.url}/postgres", systems.origin, log, 3) as workers:
            begun, worst = time.monotonic(), timedelta(0)
            # When what happens, as parts of the whole time; who is killed is the one that has worked for longest.
            kill, replace = (partial(workers.replace, how) for how in (signal.SIGKILL, signal.SIGTERM))
            story: list[tuple[float, Callable[[], None]]] = [
                *((part / 100, kill) for part in (10, 18, 26, 42, 50, 80, 88, 96)),
                (0.34, server.restart),
                (0.55, partial(upgrade, fleet, workers)),
                *((part / 100, replace) for part in (60, 65, 70)),
            ]
            story.sort(key=itemgetter(0))
            while (passed := time.monotonic() - begun) < SECONDS or story:
                for name in rng.sample(names, max(1, len(names) // 20)):
                    systems.make_or_edit(name, rng)
                if story and passed > story[0][0] * SECONDS:
                    story.pop(0)[1]()
                worst = max(worst, lag(fleet, names))
                time.sleep(1.0)
            ended = time.monotonic()
            await_all(systems, names, 300)
            settled = time.monotonic() - ended
            status = fleet.status()
        assert_once(systems)
        print(  # noqa: T201 - shown with -s
            f"{TENANTS} tenants, {systems.edits} edits in {SECONDS} s: the worst was {worst} behind, "
            f"all was there {settled:.0f} s after the end"
        )
        assert status[BAD_KEY].outcome == "failed"
        assert status[SPENT].outcome == "quota"
        assert status[HANGS].outcome != "complete"
    assert "deadlock detected" not in server.log()


def upgrade(fleet: Fleet, workers: Workers) -> None:
    """A later version upgrades the store while the workers of this one go on; the next ones are of that version."""
    with fleet.database.transaction() as c:
        c.execute(text("ALTER TABLE keapbridge_links ADD COLUMN later TEXT"))
        c.execute(text("UPDATE keapbridge_version SET version_num = '9999'"))
    workers.schema = ["9999"]
