"""The console over a large store: `python -m benchmarks console`.

It fills two emulators and a store with so many conflicts and a plan of so many actions, and then has a process of its
own answer each page several times. A page is judged by its time, size and statements.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

__all__ = ["filled", "main", "measured"]

TIMES = 7
MOST_MILLISECONDS = 300.0
MANUAL = kb.Policy(conflicts="manual", max_creates=10_000_000)


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table; 1 when a page took too long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks console", description=__doc__)
    parser.add_argument("--actions", type=int, default=100_000)
    parser.add_argument("--conflicts", type=int, default=10_000)
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.answer is not None:
        print(json.dumps(measured(json.loads(given.answer), TIMES)))
        return 0
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="keapbridge-console-") as folder,
        CustomcrmEmulator() as crm,
        KeapEmulator(currency="USD") as keap,
    ):
        systems = filled(crm, keap, f"sqlite:///{Path(folder) / 'bridge.db'}", given.actions, given.conflicts)
        print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
        command = [sys.executable, "-m", "benchmarks", "console", "--answer", json.dumps(systems)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    print(f"{given.actions:,} actions, {given.conflicts:,} conflicts, {TIMES} times each, SQLite\n")
    print(f"{'page':<34}{'median':>10}{'slowest':>10}{'kB':>8}{'SQL':>6}")
    for page in found["pages"]:
        print(
            f"{page['name']:<34}{page['median']:>7.0f} ms{page['slowest']:>7.0f} ms{page['bytes'] / 1e3:>8.0f}"
            f"{page['statements']:>6}"
        )
    print(f"\nmemory of the process: {found['before']:.0f} MB before the first page, {found['peak']:.0f} MB at most")
    slow = [page["name"] for page in found["pages"] if page["median"] > MOST_MILLISECONDS]
    if slow:
        print(f"over {MOST_MILLISECONDS:.0f} ms: {', '.join(slow)}")
    return 1 if slow else 0


def filled(crm: CustomcrmEmulator, keap: KeapEmulator, store: str, actions: int, conflicts: int) -> dict[str, Any]:
    """Fill both systems and a store; where they are, as `measured` takes it."""
    systems = {"crm": [crm.base_url, crm.token], "keap": [keap.base_url, keap.api_key], "store": store}
    ours, theirs = crm.state.contacts, keap.state.contacts
    pairs = []
    for n in range(conflicts):
        email = f"c{n}@example.org"
        a = ours.add({"FirstName": f"C{n}", "LastName": "Berg", "Email": email, "JobTitle": "Chair"})
        address = {"email": email, "field": "EMAIL1"}
        k = theirs.add(
            {"given_name": f"C{n}", "family_name": "Berg", "email_addresses": [address], "job_title": "Chair"}
        )
        pairs.append((a, k))
    with _session(systems) as session:
        session.sync()
        for a, k in pairs:
            ours.edit(a, JobTitle="Engineer")
            theirs.edit(k, job_title="Manager")
        session.sync()
        for n in range(actions):
            ours.add({"FirstName": f"N{n}", "LastName": "Holm", "Email": f"n{n}@example.org"})
        session.plan()
    return systems


@contextmanager
def _session(systems: Any) -> Iterator[kb.SyncSession]:
    with (
        kb.CustomcrmClient(systems["crm"][0], auth=kb.BearerToken(systems["crm"][1])) as crm,
        kb.KeapClient(auth=kb.KeapApiKey(systems["keap"][1]), base_url=systems["keap"][0]) as keap,
        kb.SyncSession(
            customcrm=crm, keap=keap, store=systems["store"], lag=timedelta(0), policy=MANUAL, currency="USD"
        ) as session,
    ):
        yield session


@contextmanager
def _traced(count: Callable[[str], None]) -> Iterator[None]:
    """Have each statement told that a connection to SQLite, made meanwhile, is given."""

    def trace(connection: Any, _: object) -> None:
        connection.set_trace_callback(count)

    sa.event.listen(Engine, "connect", trace)
    try:
        yield
    finally:
        sa.event.remove(Engine, "connect", trace)


def measured(systems: Any, times: int) -> dict[str, Any]:
    """Answer each page so often: its milliseconds, bytes and statements, and the memory of the process."""
    from starlette.testclient import TestClient

    statements = 0

    def count(statement: str) -> None:
        nonlocal statements
        statements += not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA"))

    with _traced(count), _session(systems) as session:
        app = kb.console.asgi_app(session, authorize=lambda _: kb.console.User("anna", can_decide=True))
        plan, run = session.plans()[0].id, session.runs()[0].run_id
        some = session.conflicts(limit=1)[0]
        further = session.conflicts(limit=50).next
        pages = {
            "overview": "/",
            "plans": "/plans",
            "plan": f"/plans/{plan}",
            "plan, one kind": f"/plans/{plan}?object=contacts&kind=create",
            "conflicts": "/conflicts",
            "conflicts, further": f"/conflicts?after={further}",
            "a conflict": f"/conflicts/contacts/{some.customcrm_id}",
            "pairs in doubt": "/pairs",
            "failures": "/failures",
            "runs": "/runs",
            "run": f"/runs/{run}",
            "run, conflicts": f"/runs/{run}?outcome=conflict",
            "record (asks both systems)": f"/records/contacts/customcrm/{some.customcrm_id}",
            "dataflow": "/dataflow",
        }
        with TestClient(app, base_url="http://console.example") as client:
            token = client.get("/records").text.partition('name="token" value="')[2].partition('"')[0]
            forms = {
                "plan, search for what is last": {"find": "n99999@example.org", "go": "show"},
                "plan, search for nothing": {"find": "nobody at all", "go": "show"},
            }
            before = _megabytes()
            found = []
            for name, path, form in [
                *((name, path, None) for name, path in pages.items()),
                *((name, f"/plans/{plan}", form) for name, form in forms.items()),
            ]:
                took = []
                for _ in range(times):
                    statements, began = 0, time.perf_counter()
                    answer = client.get(path) if form is None else client.post(path, data={"token": token, **form})
                    took.append((time.perf_counter() - began) * 1000)
                    assert answer.status_code == 200, (name, answer.status_code)
                found.append(
                    {
                        "name": name,
                        "median": statistics.median(took),
                        "slowest": max(took),
                        "bytes": len(answer.content),
                        "statements": statements,
                    }
                )
    return {"pages": found, "before": before, "peak": _megabytes()}


def _megabytes() -> float:
    """The most memory that this process has had, without that of the one which began it, as `getrusage` has it."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
