"""`python -m benchmarks`: measure, print the table, and say by the exit status whether all targets are met."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import chart, console, fleet, imports, lists, postgresql, spread, syncs, tenants, writes
from benchmarks.sizes import FULL, QUICK, TINY, Sizes
from benchmarks.table import Line, as_json, failed, machine, markdown, replace_table
from benchmarks.workspace import Workspace

Row = Callable[[Sizes, Workspace], Iterator[Line]]

ROWS: dict[str, Row] = {
    "list-sdk": lists.list_sdk,
    "list-untyped": lists.list_untyped,
    "list-small": lists.list_small,
    "list-odd": lists.list_odd,
    "reconcile": syncs.reconcile,
    "first-match": syncs.first_match,
    "linking": syncs.linking,
    "store-bytes": syncs.store_bytes,
    "rss": syncs.rss,
    "incremental": syncs.incremental,
    "overhead": syncs.overhead,
    "calls": writes.calls,
    "writes": writes.writes,
    "undo": writes.undo,
    "tenant": tenants.tenant,
    "postgresql": postgresql.on_postgresql,
    "import": imports.imports,
}


def main() -> int:
    """Measure what was asked for."""
    if sys.argv[1:2] == ["fleet"]:
        return fleet.main(sys.argv[2:])
    if sys.argv[1:2] == ["console"]:
        return console.main(sys.argv[2:])
    if sys.argv[1:2] == ["spread"]:
        return spread.main(sys.argv[2:])
    given = _arguments()
    sizes: Sizes = {"full": FULL, "quick": QUICK, "tiny": TINY}[given.sizes]
    if given.records is not None:
        sizes = sizes.up_to(given.records)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="keapbridge-benchmarks-", dir=given.folder) as folder:
        work = Workspace(Path(folder))
        lines = [line for name in given.only or ROWS for line in _measured(name, sizes, work)]
    counts = given.sizes == "full" and given.records is None
    remarks = _remarks(counts, time.monotonic() - began)
    table = markdown(lines, remarks)
    print(table)
    if given.markdown is not None:
        replace_table(given.markdown, table)
        if given.markdown.resolve() == chart.PAGE:
            chart.PICTURE.write_text(chart.drawn(chart.ratios(chart.PAGE.read_text("utf-8"))), "utf-8")
    if given.json is not None:
        given.json.write_text(as_json(lines, remarks), "utf-8")
    # Small sizes are mostly about what is done once: their targets say nothing.
    return 0 if all(line.passed if counts else not line.is_missing for line in lines) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_const", const="quick", dest="sizes", help="small sizes, < 3 minutes")
    parser.add_argument("--tiny", action="store_const", const="tiny", dest="sizes", help="sizes that show nothing")
    parser.add_argument("--only", action="append", choices=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--records", type=int, help="the most records a side has; 1,000,000 without it")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the table into this page, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the lines with their figures there, too")
    parser.add_argument("--folder", type=Path, help="where stores are kept meanwhile: some gigabytes")
    parser.set_defaults(sizes="full")
    return parser.parse_args()


def _measured(name: str, sizes: Sizes, work: Workspace) -> list[Line]:
    began = time.monotonic()
    try:
        lines = list(ROWS[name](sizes, work))
    except Exception as error:  # noqa: BLE001 - the other rows can still be measured
        traceback.print_exc()
        lines = [failed(name, error)]
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return lines


def _remarks(counts: bool, seconds: float) -> list[str]:
    remarks = [f"Measured on {machine()}, in {seconds / 60:.1f} minutes."]
    if not counts:
        remarks.insert(0, "**Not authoritative**: the sizes are smaller than those that the targets are meant for.")
    return remarks


if __name__ == "__main__":
    sys.exit(main())
