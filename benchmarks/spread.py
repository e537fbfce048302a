"""`python -m benchmarks spread FILE…`: how far runs are apart, of which `--json` has kept the lines.

python -m benchmarks spread first.json second.json busy.json
python -m benchmarks spread first.json second.json busy.json --markdown docs/concepts/performance.md
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.table import replace_table

__all__ = ["main", "spread"]

_HEADINGS = ("row", "what", "least", "median", "most", "target", "met")

Told = Mapping[str, Any]


def spread(runs: Sequence[Sequence[Told]]) -> str:
    """The table as Markdown: a line for each that all runs have measured and that is held to a target."""
    by_line: dict[tuple[str, str, str], list[Told]] = {}
    for lines in runs:
        for line in lines:
            by_line.setdefault((line["row"], line["what"], line["against"]), []).append(line)
    rows = [
        _row(row, what, found)
        for (row, what, _), found in by_line.items()
        if len(found) == len(runs) and all(line["target"] is not None and line["figure"] is not None for line in found)
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (_HEADINGS, ("---",) * len(_HEADINGS), *rows)) + "\n"


def _row(row: str, what: str, found: Sequence[Told]) -> tuple[str, ...]:
    figures, line = sorted(line["figure"] for line in found), found[0]
    shown = (f"{figure:.2f}{line['unit']}" for figure in (figures[0], statistics.median(figures), figures[-1]))
    target = f"{'≥' if line['at_least'] else '≤'} {line['target']:g}{line['unit']}"
    return (row, what, *shown, target, f"{sum(line['passed'] for line in found)} of {len(found)}")


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks spread", description="How far runs are apart.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="FILE", help="what --json has written")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the table into this page, too")
    given = parser.parse_args(arguments)
    table = spread([json.loads(path.read_text("utf-8"))["lines"] for path in given.runs])
    print(table)
    if given.markdown is not None:
        replace_table(given.markdown, table, "spread")
    return 0
