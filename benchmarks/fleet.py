"""`python -m benchmarks fleet`: how many tenants what can serve, played in virtual time with costs that were measured.

python -m benchmarks fleet                                   the table
python -m benchmarks fleet --markdown docs/concepts/fleet-size.md
python -m benchmarks fleet --measure postgresql+psycopg://…  what a sync costs here, and whether the model holds
python -m benchmarks fleet --measure … --keep                the same, and play with these costs from now on

The fleet that is measured is synced every so many seconds: 200 tenants every 30 s are as much work as 2,000 every five
minutes. What was measured is kept in `fleet_costs.json`, with the day and the machine.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from benchmarks.simulator import Costs, Played, Setting, play
from benchmarks.table import machine, replace_table
from keapbridge.decide.shares import Quota

if TYPE_CHECKING:
    from benchmarks.fleet_slice import Slice

__all__ = ["EDITED", "QUIET", "enough", "main", "table"]

TENANTS = (100, 1_000, 2_000, 10_000, 100_000)
AT_ONCE = 16  # syncs of a worker
BUSY = 0.8  # of anything, at most
SECONDS = 60.0  # that the slowest of a hundred syncs may come late; or a fifth of what a quota lets `every` be
ANSWER = 0.2  # seconds until a system answers a call; supposed, while all else is measured

KEPT = Path(__file__).with_name("fleet_costs.json")
MEASURED = json.loads(KEPT.read_text("utf-8"))
QUIET, EDITED = Costs(**MEASURED["quiet"]), Costs(**MEASURED["edited"])

_HEADINGS = (
    *("tenants", "keys", "every", "workers", "processors of the database", "WAL"),
    *("lag: median", "of 99 %", "used most"),
)


def _setting(tenants: int, shared: Quota | None, workers: int, processors: float) -> Setting:
    return Setting(
        tenants,
        QUIET,
        EDITED,
        workers=workers,
        concurrency=AT_ONCE,
        processors=processors,
        shared=shared,
        minutes=12 if shared is None else 80,
    )


def enough(tenants: int, shared: Quota | None = None) -> tuple[Setting, Played]:
    """The smallest fleet whose syncs are in time, of those in which nothing is in use for more than four fifths."""
    rate = tenants / 300 if shared is None else min(tenants / 300, shared.syncs_per_second)
    cpu, database, waits = (
        0.95 * getattr(QUIET, name) + 0.05 * getattr(EDITED, name) for name in ("cpu", "database", "waits")
    )
    workers = math.ceil(rate * max(cpu, (cpu + database + waits) / AT_ONCE) / BUSY)
    processors = math.ceil(rate * database / BUSY)
    while True:
        setting = _setting(tenants, shared, max(1, workers), max(1, processors))
        played = play(setting)
        if played.lag(0.99) <= max(SECONDS, played.every.total_seconds() / 5):
            return setting, played
        workers, processors = math.ceil(1.1 * workers), math.ceil(1.1 * processors)


def _rows() -> Iterator[tuple[str, ...]]:
    for shared in (None, Quota()):
        for tenants in TENANTS if shared is None else TENANTS[:3]:
            setting, played = enough(tenants, shared)
            yield (
                f"{tenants:,}",
                "own" if shared is None else "shared",
                f"{played.every / timedelta(minutes=1):.0f} min",
                str(setting.workers),
                f"{played.used['database'] * setting.processors:.1f} of {setting.processors:.0f}",
                f"{played.wal / 1e6:.2f} MB/s",
                _seconds(played.lag(0.5)),
                _seconds(played.lag(0.99)),
                f"{played.bottleneck} ({played.used[played.bottleneck]:.0%})",
            )


def _seconds(value: float) -> str:
    return "–" if value == math.inf else f"{value:.0f} s"


def table() -> str:
    """The table as Markdown."""
    rows = [_HEADINGS, tuple("---" for _ in _HEADINGS), *_rows()]
    remarks = [
        f"{name}: {costs.cpu * 1000:.0f} ms of a worker's processor, {costs.database * 1000:.0f} ms of the database's, "
        f"{costs.wal / 1000:.0f} kB of WAL, {costs.calls:.0f} calls to Keap, "
        f"{costs.waits:.1f} s of waiting."
        for name, costs in (("A sync that finds nothing", QUIET), ("One that finds an edit (one in twenty)", EDITED))
    ]
    remarks += [
        "Measured on {day}, with the queue's part, on {machine}, of which others had {others:.1f}. ".format(**MEASURED)
        + f"Supposed: both systems answer a call after {ANSWER:g} s.",
        MEASURED["found"],
        MEASURED["checked"],
    ]
    return (
        "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n\n" + "\n".join(f"- {r}" for r in remarks) + "\n"
    )


def _keep(quiet: Slice, edited: Slice, checked: str) -> None:
    """Play with these costs from now on."""
    costs = {"quiet": quiet.far(ANSWER), "edited": edited.far(ANSWER)}
    told = {
        "day": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "others": round(max(quiet.others, edited.others), 2),
        **{name: attrs.asdict(its, value_serializer=lambda *each: round(each[2], 5)) for name, its in costs.items()},
        "found": str(quiet),
        "checked": checked,
    }
    KEPT.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def main(arguments: Sequence[str]) -> int:
    """Print the table, or measure what it is made of."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks fleet", description="How many tenants what can serve.")
    parser.add_argument("--measure", metavar="URL", help="an empty database of PostgreSQL on this machine")
    parser.add_argument("--tenants", type=int, default=200, help="of the fleet that is measured (%(default)s)")
    parser.add_argument("--every", type=float, default=30.0, help="seconds between their syncs (%(default)s)")
    parser.add_argument("--minutes", type=float, default=5.0, help="that they are watched (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="what is measured")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the table into this page, too")
    given = parser.parse_args(arguments)
    if given.measure is not None:
        from benchmarks import fleet_slice, tenants  # with a driver that the table does not need

        slices = fleet_slice.measured(given.measure, given.tenants, timedelta(seconds=given.every), given.minutes)
        for name, found in zip(("nothing to do", "one edit each"), slices, strict=True):
            print(f"{name}: {found}\n{fleet_slice.checked(found)}", flush=True)
        if given.keep:
            _keep(*slices, fleet_slice.checked(slices[0]))
            print(f"kept in {KEPT}; the table is made of it by: python -m benchmarks fleet --markdown PAGE")
        for name, costs in zip(("quiet", "one edit"), tenants.measured(given.measure), strict=True):
            print(f"in a kept session, {name}: {costs}")
        return 0
    made = table()
    print(made)
    if given.markdown is not None:
        replace_table(given.markdown, made)
    return 0
