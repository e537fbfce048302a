"""Processes that work for a fleet in trials; its tenants have their systems where `fleet_systems` serves them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Workers", "working"]

ROOT = Path(__file__).parents[1]
PATIENCE = 90.0  # seconds for a process to end that is asked to


class Workers:
    """Processes that work; those that are killed are begun again, as by a restart policy.

    Attributes:
        schema: what else a process that begins is told: nothing, or the schema of a later version.
        running: what works, those first that have done so for longest.
    """

    def __init__(self, url: str, origin: str, log: Path, what: str = "worker", nice: int = 0) -> None:
        self._url, self._origin, self._log, self._what = url, origin, log, what
        self._before = ["nice", "-n", str(nice)] if nice else []
        self.schema: list[str] = []
        self.running: list[subprocess.Popen[bytes]] = []

    def begin(self) -> None:
        """Begin one more."""
        what = ["benchmarks.fleet_worker", self._url, self._origin, self._what]
        command = [*self._before, sys.executable, "-m", *what, *self.schema]
        with self._log.open("ab") as log:
            self.running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT))

    def await_ready(self) -> None:
        """Wait until all of them have begun."""
        for process in self.running:
            if process.stdout is not None and not process.stdout.closed:
                assert process.stdout.readline() == b"ready\n"
                process.stdout.close()

    def replace(self, how: signal.Signals) -> None:
        """End the one that has worked for longest, and begin another one."""
        old = self.running.pop(0)
        old.send_signal(how)
        status = old.wait(timeout=PATIENCE)
        assert how is not signal.SIGTERM or status == 0
        self.begin()
        self.await_ready()

    def end(self) -> None:
        """End all."""
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def working(url: str, origin: str, log: Path, number: int, what: str = "worker", *, nice: int = 0) -> Iterator[Workers]:
    """So many processes.

    Args:
        what: `worker`, or the port of a receiver.
        nice: how far they give way to others.
    """
    workers = Workers(url, origin, log, what, nice)
    try:
        for _ in range(number):
            workers.begin()
        workers.await_ready()
        yield workers
    finally:
        workers.end()
