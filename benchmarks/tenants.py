"""What a sync of a tenant costs on a real PostgreSQL, in a kept session.

The row `tenant` begins a PostgreSQL of its own, from the binaries of a wheel, as the tests do.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

import keapbridge as kb
from benchmarks.processes import ROOT, Emulators, emulators, measure
from benchmarks.simulator import Costs
from benchmarks.sizes import Sizes
from benchmarks.table import Line, at_most
from benchmarks.workspace import Workspace
from benchmarks.writes import TICK

__all__ = ["measured", "tenant"]

RECORDS = 20  # a side
ROUNDS = 20
TICKS = 100.0  # of /proc, a second


@contextmanager
def _kept(url: str, world: Emulators, name: str) -> Iterator[kb.SyncSession]:
    at = world.urls
    with (
        kb.CustomcrmClient(at["customcrm"], auth=kb.BearerToken(at["token"])) as crm,
        kb.KeapClient(auth=kb.KeapApiKey(at["key"]), base_url=at["keap"]) as keap,
        kb.SyncSession(customcrm=crm, keap=keap, store=url, name=name) as session,
    ):
        session.sync()
        session.sync()
        yield session


def _database_cpu(engine: Engine) -> float:
    """Seconds of processor of the database's processes for us: those of connections, as /proc tells them."""
    with engine.connect() as connection:
        pids = connection.exec_driver_sql(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).scalars()
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split() for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields) / TICKS


def _wal(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").scalar_one())


def _costs(session: kb.SyncSession, engine: Engine, world: Emulators, *, edits: bool) -> Costs:
    world.tell("calls")
    before = _database_cpu(engine), _wal(engine)
    cpu: list[float] = []
    waits: list[float] = []
    for n in range(ROUNDS):
        if edits:
            world.tell("edit", side="customcrm", first=n % RECORDS, count=1, job=f"Job {n} {time.time()}")
        began, spent = time.perf_counter(), time.process_time()
        session.sync()
        cpu.append(time.process_time() - spent)
        waits.append(time.perf_counter() - began - cpu[-1])
    database, wal = (_database_cpu(engine) - before[0]) / ROUNDS, (_wal(engine) - before[1]) / ROUNDS
    calls = sum(world.tell("calls")["keap"].values()) / ROUNDS
    return Costs(statistics.median(cpu), database, wal, calls, max(0.0, statistics.median(waits) - database))


def measured(url: str) -> tuple[Costs, Costs]:
    """What a quiet sync costs in a kept session, and one with an edit; on an empty database of this machine."""
    with emulators() as world, ExitStack() as opened:
        world.tell("add", first=0, count=RECORDS, side="both")
        engine: Any = create_engine(url)
        opened.callback(engine.dispose)
        session = opened.enter_context(_kept(url, world, "one"))
        return _costs(session, engine, world, edits=False), _costs(session, engine, world, edits=True)


def tenant(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """A quiet sync of all three kinds of records with a store in PostgreSQL, against one in SQLite."""
    sys.path.append(str(ROOT / "tests" / "shared"))
    from postgresql_server import running_server

    with running_server() as server, emulators() as ours, emulators() as other:
        for world in (ours, other):
            world.tell("add", first=0, count=RECORDS - 1, side="both")
        time.sleep(TICK)
        for world in (ours, other):  # what is newest is shown again each time
            world.tell("add", first=RECORDS - 1, count=1, side="both")
        stores = [f"{server.url}/postgres", f"sqlite:///{work.fresh('tenant')}"]
        kb.migrate(stores[0])
        found = measure("tenant", worlds=[ours.urls, other.urls], stores=stores, rounds=10 * sizes.rounds)
    (cpu, other_cpu), statements = found["cpu"], found["statements"]
    what = f"quiet sync of one tenant with {RECORDS} contacts, store in PostgreSQL"
    against = "the same, store in SQLite"
    cells = (f"{cpu * 1000:.1f} ms of CPU", f"{other_cpu * 1000:.1f} ms of CPU")
    yield Line("tenant", what, against, *cells, cpu / other_cpu, at_most(1.3))
    yield Line("tenant", what, "–", cells[0], "–", cpu * 1000, at_most(25, " ms"), is_ratio=False)
    yield Line(
        "tenant", f"statements of a {what}", "–", str(statements), "–", statements, at_most(40, ""), is_ratio=False
    )
