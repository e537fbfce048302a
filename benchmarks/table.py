"""The table: what was measured, what it is held to, and how both are shown."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

__all__ = ["Line", "Target", "as_json", "at_least", "at_most", "failed", "machine", "markdown", "replace_table"]

_HEADINGS = ("row", "what", "against", "measured", "the other", "ratio", "target", "result")


@attrs.frozen
class Target:
    """What a figure is held to."""

    limit: float
    least: bool
    unit: str = "×"

    def holds(self, figure: float) -> bool:
        """Whether a figure is good enough."""
        return figure >= self.limit if self.least else figure <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.limit:g}{self.unit}"


def at_least(limit: float, unit: str = "×") -> Target:
    """A target from below."""
    return Target(limit, True, unit)


def at_most(limit: float, unit: str = "×") -> Target:
    """A target from above."""
    return Target(limit, False, unit)


@attrs.frozen
class Line:
    """A line of the table.

    Attributes:
        row: the name to choose it by.
        figure: what is held to the target: a ratio, or the measured value itself where `is_ratio` is false.
        target: `None` where a figure is shown and held to nothing.
        is_missing: whether there is no figure, because it could not be measured.
    """

    row: str
    what: str
    against: str
    measured: str
    other: str
    figure: float
    target: Target | None
    is_ratio: bool = True
    is_missing: bool = False

    @property
    def passed(self) -> bool:
        """Whether the target is met."""
        return not self.is_missing and (self.target is None or self.target.holds(self.figure))

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells, in the order of the headings."""
        ratio = f"{self.figure:.2f}×" if self.is_ratio else "–"
        result = "–" if self.target is None and self.passed else "pass" if self.passed else "**fail**"
        target = "–" if self.target is None else str(self.target)
        return (self.row, self.what, self.against, self.measured, self.other, ratio, target, result)


def failed(row: str, error: Exception) -> Line:
    """The line of a row that could not be measured."""
    what = f"{type(error).__name__}: {error}".replace("|", "/").replace("\n", " ")[:200]
    return Line(row, "could not be measured", "–", what, "–", 0.0, None, is_ratio=False, is_missing=True)


def markdown(lines: Iterable[Line], remarks: Sequence[str]) -> str:
    """The table, and what has to be said of it."""
    rows = [_HEADINGS, tuple("---" for _ in _HEADINGS), *(line.cells for line in lines)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    return f"{table}\n\n" + "\n".join(f"- {remark}" for remark in remarks) + "\n"


def as_json(lines: Iterable[Line], remarks: Sequence[str]) -> str:
    """The same as JSON: each line with its figure, its target and whether it is met."""
    told = [
        {
            "row": line.row,
            "what": line.what,
            "against": line.against,
            "measured": line.measured,
            "other": line.other,
            "figure": None if line.is_missing else line.figure,
            "is_ratio": line.is_ratio,
            "target": None if line.target is None else line.target.limit,
            "at_least": None if line.target is None else line.target.least,
            "unit": None if line.target is None else line.target.unit,
            "passed": line.passed,
        }
        for line in lines
    ]
    return json.dumps({"lines": told, "remarks": list(remarks)}, indent=1, ensure_ascii=False) + "\n"


def replace_table(page: Path, table: str, name: str = "table") -> None:
    """Put the table into a page, between the markers of its name; where there is no page it becomes one."""
    begin, end = (f"<!-- {name}: {which} -->" for which in ("begin", "end"))
    old = page.read_text("utf-8") if page.exists() else f"{begin}\n{end}\n"
    before, found, rest = old.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} has no {begin} … {end}")
    page.write_text(f"{before}{begin}\n\n{table}\n{end}{after}", "utf-8")


def machine() -> str:
    """What it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()}, {python}"


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
