"""The console over a large store: `python -m benchmarks console`.

It fills two emulators and a store with so many conflicts and a plan of so many actions: in SQLite for a session, and in
a PostgreSQL of its own for one of the tenants of a fleet. Then it has a process answer each page several times, in as
many rounds. A page is judged by its time, the process by how much its memory grows after the first round.
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
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Engine

import keapbridge as kb
from benchmarks.processes import ROOT
from keapbridge.fleet import Fleet, Tenant
from keapbridge.store import schema
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

__all__ = ["filled", "main", "measured"]

TIMES = 7
MOST_MILLISECONDS = 300.0
MOST_GROWTH = 32.0  # megabytes, after the first round
MANUAL = kb.Policy(conflicts="manual", max_creates=10_000_000)
LARGE = "tenant-0000"  # the tenant that has all of it


@attrs.frozen
class Sizes:
    """How much there is to be shown."""

    actions: int
    conflicts: int
    tenants: int


FULL, QUICK = Sizes(100_000, 10_000, 2_000), Sizes(5_000, 1_000, 200)


def main(arguments: Sequence[str]) -> int:
    """Measure, and print tables; 1 when a page took too long, or memory has grown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks console", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, in about a minute")
    parser.add_argument("--only", choices=["session", "fleet"], help="one of the two")
    for name in attrs.fields_dict(Sizes):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.answer is not None:
        print(json.dumps(measured(json.loads(given.answer), TIMES)))
        return 0
    chosen = {name: number for name in attrs.fields_dict(Sizes) if (number := getattr(given, name)) is not None}
    sizes = attrs.evolve(QUICK if given.quick else FULL, **chosen)
    ways = {"session": _session_store, "fleet": _fleet_store}
    return max([_judged(name, way, sizes) for name, way in ways.items() if given.only in {None, name}])


def _judged(name: str, store: Callable[[Sizes], Any], sizes: Sizes) -> int:
    """Fill, have a process of its own answer, and tell."""
    began = time.monotonic()
    with store(sizes) as url, CustomcrmEmulator() as crm, KeapEmulator(currency="USD") as keap:
        systems = filled(crm, keap, url, sizes.actions, sizes.conflicts)
        print(f"{name}: filled in {time.monotonic() - began:.0f} s", flush=True)
        command = [sys.executable, "-m", "benchmarks", "console", "--answer", json.dumps(systems)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    tenants = f", {sizes.tenants:,} tenants" if name == "fleet" else ""
    print(f"{sizes.actions:,} actions, {sizes.conflicts:,} conflicts{tenants}, {TIMES} times each\n")
    print(f"{'page':<42}{'median':>10}{'slowest':>10}{'of CPU':>10}{'kB':>8}{'SQL':>6}")
    for page in found["pages"]:
        times = "".join(f"{page[name]:>7.0f} ms" for name in ("median", "slowest", "cpu"))
        print(f"{page['name']:<42}{times}{page['bytes'] / 1e3:>8.0f}{page['statements'] or '–':>6}")
    growth = found["end"] - found["first round"]
    print(
        f"\nmemory of the process: {found['before']:.0f} MB before the first page, {found['first round']:.0f} MB after "
        f"each was answered once, {found['end']:.0f} MB after {TIMES} times\n"
    )
    slow = [page["name"] for page in found["pages"] if page["median"] > MOST_MILLISECONDS]
    if slow:
        print(f"over {MOST_MILLISECONDS:.0f} ms: {', '.join(slow)}")
    if growth > MOST_GROWTH:
        print(f"memory grows by {growth:.0f} MB")
    return 1 if slow or growth > MOST_GROWTH else 0


@contextmanager
def _session_store(_: Sizes) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="keapbridge-console-") as folder:
        yield f"sqlite:///{Path(folder) / 'bridge.db'}"


@contextmanager
def _fleet_store(sizes: Sizes) -> Iterator[str]:
    """A PostgreSQL with a registry of tenants, of which each stands in a way of its own."""
    sys.path.append(str(ROOT / "tests" / "shared"))
    from postgresql_server import running_server

    with running_server() as server:
        url = f"{server.url}/postgres"
        kb.migrate(url)
        with _fleet(url) as fleet:
            for n in range(sizes.tenants):
                fleet.tenants.add(Tenant(f"tenant-{n:04}", full_every=timedelta(days=1)))
            k, now = schema.tenants.c, datetime.now(UTC)
            with fleet.database.engine.begin() as c:
                for n in range(sizes.tenants):
                    ended = (now - timedelta(seconds=n * 7)).isoformat(timespec="microseconds")
                    outcome, why, in_row = (
                        ("failed", "503: the CRM is down", n % 9) if n % 40 == 1 else ("complete", "", 0)
                    )
                    values = {"began_at": ended, "ended_at": ended, "outcome": outcome, "why": why, "in_row": in_row}
                    row = {**values, "complete_at": ended, "conflicts": n % 7, "quota_left": 25_000 - n}
                    c.execute(sa.update(schema.tenants).where(k.bridge == f"tenant-{n:04}").values(row))
        yield url


@contextmanager
def _fleet(url: str, systems: Any = None) -> Iterator[Fleet]:
    with ExitStack() as opened:

        def open_session(tenant: Tenant, store: str) -> Any:
            return _session({**systems, "store": store}, tenant.name)

        fleet = Fleet(url, open=open_session)
        opened.callback(fleet.close)
        yield fleet


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
def _session(systems: Any, name: str = LARGE) -> Iterator[kb.SyncSession]:
    with (
        kb.CustomcrmClient(systems["crm"][0], auth=kb.BearerToken(systems["crm"][1])) as crm,
        kb.KeapClient(auth=kb.KeapApiKey(systems["keap"][1]), base_url=systems["keap"][0]) as keap,
        kb.SyncSession(
            customcrm=crm,
            keap=keap,
            store=systems["store"],
            name=name,
            lag=timedelta(0),
            policy=MANUAL,
            currency="USD",
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
    if not systems["store"].startswith("sqlite"):
        with _fleet(systems["store"], systems) as fleet, _session(systems) as session:
            pages = {
                "tenants": ("/", None),
                "tenants, found": ("/find", {"name": "tenant-01"}),
                "tenants, the last ones": ("/find", {"name": "", "after": str(len(fleet.tenants) - 50)}),
                "another tenant": ("/tenants/tenant-0001/", None),
                **{f"tenant: {name}": page for name, page in _pages(session, f"/tenants/{LARGE}").items()},
            }
            return _answered(fleet, pages, times, lambda: 0)
    statements = 0

    def count(statement: str) -> None:
        nonlocal statements
        statements += not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA"))

    with _traced(count), _session(systems) as session:
        return _answered(session, _pages(session, ""), times, lambda: statements)


def _pages(session: kb.SyncSession, at: str) -> dict[str, tuple[str, dict[str, str] | None]]:
    """The pages of a session that is mounted somewhere: their addresses, and the forms that are sent."""
    plan, run = session.plans()[0].id, session.runs()[0].run_id
    some = session.conflicts(limit=1)[0]
    further = session.conflicts(limit=50).next
    look = {
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
        "progress": "/progress",
    }
    number = sum(its.get("create in Keap", 0) for its in session.plans()[0].counts.values())
    last = {"find": f"n{number - 1}@example.org", "go": "show"}
    forms = {
        "plan, search for what is last": (f"{at}/plans/{plan}", last),
        "plan, search for nothing": (f"{at}/plans/{plan}", {"find": "nobody at all", "go": "show"}),
    }
    return {**{name: (f"{at}{path}", None) for name, path in look.items()}, **forms}


def _answered(of: Any, pages: Any, times: int, statements: Callable[[], int]) -> dict[str, Any]:
    from starlette.testclient import TestClient

    app = kb.console.asgi_app(of, authorize=lambda _: kb.console.User("anna", can_decide=True))
    took: dict[str, list[float]] = {name: [] for name in pages}
    cpu: dict[str, list[float]] = {name: [] for name in pages}
    found: dict[str, dict[str, Any]] = {}
    with TestClient(app, base_url="http://console.example") as client:
        first = next(path for path, form in pages.values() if form is None)
        token = client.get(first).text.partition('name="token" value="')[2].partition('"')[0]
        memory = {"before": _megabytes()}
        for n in range(times):
            for name, (path, form) in pages.items():
                method, data = ("GET", None) if form is None else ("POST", {"token": token, **form})
                before, began, worked = statements(), time.perf_counter(), time.process_time()
                answer = client.request(method, path, data=data)
                took[name].append((time.perf_counter() - began) * 1000)
                cpu[name].append((time.process_time() - worked) * 1000)
                assert answer.status_code == 200, (name, answer.status_code)
                found[name] = {"bytes": len(answer.content), "statements": statements() - before}
            if n == 0:
                memory["first round"] = _megabytes()
        memory["end"] = _megabytes()
    told = [
        {"name": name, **found[name], "median": statistics.median(its), "slowest": max(its), "cpu": its_cpu}
        for name, its in took.items()
        for its_cpu in [statistics.median(cpu[name])]
    ]
    return {"pages": told, **memory}


def _megabytes() -> float:
    """The memory of this process now."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
