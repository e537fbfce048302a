"""What work on the store takes in PostgreSQL, beside the same in SQLite: the rows of both, one below the other.

It begins a PostgreSQL of its own, from the binaries of a wheel, as the tests do.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from benchmarks.processes import ROOT, Emulators, emulators, measure, page_servers
from benchmarks.sizes import Sizes
from benchmarks.table import Line
from benchmarks.workspace import Workspace, reconciled
from benchmarks.writes import TICK

__all__ = ["on_postgresql"]

Took = dict[str, float]


def on_postgresql(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """First contact, a full reconciliation, a sync without changes, creates, updates and undoing, on both databases."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    sys.path.append(str(ROOT / "tests" / "shared"))
    from postgresql_server import running_server

    records = sizes.few
    took: dict[str, list[Took]] = {"postgresql": [], "sqlite": []}
    numbers = count(1)
    with running_server() as server, page_servers(records) as pages:
        admin = create_engine(f"{server.url}/postgres", isolation_level="AUTOCOMMIT", poolclass=NullPool)

        def fresh(database: str) -> str:
            name = f"both{next(numbers)}"
            if database == "sqlite":
                return f"sqlite:///{work.fresh(name)}"
            with admin.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
            return f"{server.url}/{name}"

        for turn in range(sizes.runs):
            for database in took if turn % 2 else reversed(took):
                read = _reading(pages.urls(), fresh(database), records, sizes.syncs)
                took[database].append(read | _writing(lambda database=database: fresh(database), sizes.writes))
    for what in took["sqlite"][0]:
        ours, other = (statistics.median(each[what] for each in took[database]) for database in took)
        title = what.format(records=f"{records:,}", writes=f"{sizes.writes:,}")
        cells = (f"{ours:.3f} s", f"{other:.3f} s")
        yield Line(
            "postgresql", f"{title}, store in PostgreSQL", "the same, store in SQLite", *cells, ours / other, None
        )


def _reading(urls: dict[str, str], store: str, records: int, syncs: int) -> Took:
    first = measure("first-sync", **urls, store=store)
    if first["linked"] != records:
        raise AssertionError(f"of {records} equal pairs {first['linked']} were linked")
    full = reconciled(measure("reconcile", **urls, store=store), records)
    quiet = measure("incremental", **urls, store=store, times=syncs)
    return {
        "first contact with {records} contacts a side, planned": first["plan_wall"],
        "the same, linked": first["apply_wall"],
        "full reconciliation of {records} linked, unchanged contacts": full["wall"],
        "sync without changes over {records} links": quiet["wall"],
    }


def _writing(fresh: Callable[[], str], number: int) -> Took:
    store = fresh()
    with emulators() as systems:
        systems.tell("add", side="customcrm", first=0, count=number)
        made = _written(systems, store, "created in Keap", number)
        time.sleep(TICK)
        systems.tell("edit", side="keap", first=0, count=number, job="Countess")
        edited = _written(systems, store, "updated in Customcrm", number)
        undone = measure("undo", **systems.urls, store=store, run_id=edited["run_id"])
    return {
        "{writes} creates in Keap": made["apply_wall"],
        "{writes} updates in the Customcrm": edited["apply_wall"],
        "undoing those updates": undone["wall"],
    }


def _written(systems: Emulators, store: str, heading: str, number: int) -> dict[str, Any]:
    found = measure("write", **systems.urls, store=store)
    if found["counts"].get(heading) != number:
        raise AssertionError(f"{heading}: {found['counts']}, not {number}")
    return found
