"""What webhooks tell the receiver for all tenants is never lost, and is acknowledged while syncs run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from benchmarks.fleet_processes import working
from benchmarks.fleet_systems import served
from benchmarks.fleet_worker import fleet_at
from ports import reserved_port
from postgresql_server import Server, running_server
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from webhook_requests import delivery

from keapbridge.fleet import Tenant

TENANTS = int(os.environ.get("KEAPBRIDGE_DELIVERIES_TENANTS", "200"))
EACH = int(os.environ.get("KEAPBRIDGE_DELIVERIES_EACH", "50"))
PER_SECOND = int(os.environ.get("KEAPBRIDGE_DELIVERIES_PER_SECOND", "40"))
AFTERWARDS = 5.0  # seconds, in which what could not be delivered meanwhile comes all at once: told by itself
ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("procrastinate")
    with running_server("deadlock_timeout=200ms", "log_lock_waits=on", "max_connections=200") as made:
        yield made


class Keap:
    """Sends deliveries until they are acknowledged, in a process of its own."""

    def __init__(self, port: int, deliveries: Sequence[tuple[str, str]]) -> None:
        command = [sys.executable, "-m", "benchmarks.fleet_sender", f"http://127.0.0.1:{port}", str(PER_SECOND)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        self._process.stdin.writelines(json.dumps(each) + "\n" for each in deliveries)
        self._process.stdin.close()

    def acknowledged(self) -> Iterator[tuple[float, float, int]]:
        """When each was sent, how long its acknowledgement took, and how often it was sent; as they come."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield tuple(json.loads(line))

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def counted(url: str, condition: str = "true") -> int:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as c:
        return int(c.execute(text(f"SELECT count(*) FROM keapbridge_inbox WHERE {condition}")).scalar_one())


def await_(what: Callable[[], int], seconds: float) -> None:
    """Wait until a number is 0."""
    deadline = time.monotonic() + seconds
    while left := what():
        assert time.monotonic() < deadline, f"{left} are left"
        time.sleep(1.0)


def _apart(
    acknowledged: Sequence[tuple[float, float, int]], disturbed: Sequence[tuple[float, float]]
) -> tuple[list[float], list[float], list[float]]:
    """How long acknowledgements took: while something restarted, soon after, and at all other times."""
    found: tuple[list[float], list[float], list[float]] = ([], [], [])
    for at, took, _ in acknowledged:
        is_during = any(at < end and at + took > begin for begin, end in disturbed)
        is_after = any(end <= at < end + AFTERWARDS for _, end in disturbed)
        found[0 if is_during else 1 if is_after else 2].append(took)
    return found


def test_no_delivery_is_lost_over_restarts_while_syncs_run(server: Server, tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(TENANTS)]
    often = set(names[::4])  # these are synced all the time; of the others only webhooks tell
    url = f"{server.url}/postgres"
    with (
        served(names) as systems,
        fleet_at(url, systems.origin) as fleet,
        reserved_port() as port,
        working(url, systems.origin, tmp_path / "workers.log", 2, nice=10) as workers,
        working(url, systems.origin, tmp_path / "receiver.log", 1, str(port)) as receivers,
    ):
        emails = {name: systems.have(name, EACH) for name in names}
        for name in names:
            fleet.tenants.add(Tenant(name, every=timedelta(seconds=15) if name in often else timedelta(days=1)))
        with fleet.database.transaction() as c:
            c.execute(text("UPDATE keapbridge_tenants SET sync_at = '2026-01-01T00:00:00+00:00'"))
        await_(lambda: sum(each.outcome != "complete" for each in fleet.status()), 900)
        paths = {name: fleet.tenants[name].keap_path for name in names}
        told: list[tuple[str, str]] = []
        for turn in range(EACH):
            for name in names:
                systems.edit(name, emails[name][turn])
                told.append((paths[name], delivery("contact.edit", systems.made[name][emails[name][turn]].id).decode()))
        trouble: dict[int, Callable[[], None]] = {
            len(told) * 3 // 10: partial(receivers.replace, signal.SIGKILL),
            len(told) * 5 // 10: server.restart,
            len(told) * 7 // 10: partial(workers.replace, signal.SIGKILL),
        }
        disturbed: list[tuple[float, float]] = []
        acknowledged: list[tuple[float, float, int]] = []
        begun, keap = time.monotonic(), Keap(port, told)
        try:
            for each in keap.acknowledged():
                acknowledged.append(each)
                if len(acknowledged) in trouble:
                    before = time.monotonic()
                    trouble[len(acknowledged)]()
                    disturbed.append((before, time.monotonic()))
        finally:
            keap.end()
        assert (len(acknowledged), len(disturbed)) == (len(told), len(trouble))
        lasted = time.monotonic() - begun
        assert counted(url) == len(told)
        await_(lambda: counted(url, "state = 'open'"), 1200)
        await_(lambda: sum(len(systems.missing(name)) for name in names), 120)
        settled = time.monotonic() - begun - lasted
    during, after, quiet = (sorted(some) for some in _apart(acknowledged, disturbed))
    print(  # noqa: T201 - shown with -s
        f"{len(told)} deliveries for {TENANTS} tenants in {lasted:.0f} s, of which "
        f"{sum(tries > 1 for _, _, tries in acknowledged)} were sent again: the slowest was acknowledged after "
        f"{quiet[-1]:.3f} s, 99 % after {quiet[len(quiet) * 99 // 100]:.3f} s; in the {AFTERWARDS:.0f} s after each "
        f"restart the slowest of {len(after)} after {max(after, default=0):.3f} s, while something restarted that of "
        f"{len(during)} after {max(during, default=0):.3f} s. All was synced {settled:.0f} s later"
    )
    assert {name: found for name in names if (found := systems.twice(name))} == {}
    assert "deadlock detected" not in server.log()
