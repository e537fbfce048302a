"""Rows about listing: typed records against Keap's SDK and plain dicts, of a data set that no model foresees."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.processes import contract_server, measure
from benchmarks.sizes import Sizes
from benchmarks.table import Line, at_least
from benchmarks.workspace import Workspace

__all__ = ["list_odd", "list_sdk", "list_small", "list_untyped"]

PAGE, SMALL = 1000, 200
UNTYPED = "httpx and `json.loads`, untyped"


def list_sdk(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """Typed records a second of CPU, against Keap's SDK."""
    pages, few = sizes.pages, sizes.sdk_pages
    with contract_server(pages * PAGE) as url:
        ours, sdk = _rates(sizes, ("list-typed", url, pages, PAGE), ("list-sdk", url, few, PAGE))
    yield _line("list-sdk", f"list {pages} pages of {PAGE:,} contacts, typed", "`keap-core-v2-sdk`", ours, sdk, 10)


def list_untyped(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """Typed records a second of CPU, against dicts."""
    yield _against_dicts("list-untyped", sizes, sizes.pages, PAGE)


def list_small(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """The same contacts in smaller pages."""
    yield _against_dicts("list-small", sizes, sizes.pages * PAGE // SMALL, SMALL)


def list_odd(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """Pages with one odd record each, against the same without."""
    pages = sizes.pages
    with contract_server(pages * PAGE, odd=True) as odd, contract_server(pages * PAGE) as plain:
        ours, other = _rates(sizes, ("list-typed", odd, pages, PAGE), ("list-typed", plain, pages, PAGE))
    what = f"list {pages} pages of {PAGE:,} contacts, typed, an odd one in each"
    yield _line("list-odd", what, "the same without", ours, other, 0.9)


def _against_dicts(row: str, sizes: Sizes, pages: int, size: int) -> Line:
    with contract_server(pages * size) as url:
        ours, dicts = _rates(sizes, ("list-typed", url, pages, size), ("list-untyped", url, pages, size))
    return _line(row, f"list {pages} pages of {size:,} contacts, typed", UNTYPED, ours, dicts, 1.2)


def _rates(sizes: Sizes, *tasks: tuple[str, str, int, int]) -> list[float]:
    """Records a second of CPU of each task: the median of rounds in which all take their turn."""
    rates: dict[int, list[float]] = {n: [] for n in range(len(tasks))}
    for _ in range(sizes.rounds):
        for n, (task, url, pages, size) in enumerate(tasks):
            found = measure(task, keap=url, pages=pages, size=size)
            if found["records"] != pages * size:
                raise AssertionError(f"{task} of {pages} pages: {found['records']} records")
            rates[n].append(found["records"] / found["cpu"])
    return [statistics.median(rates[n]) for n in rates]


def _line(row: str, what: str, against: str, ours: float, other: float, least: float) -> Line:
    measured, others = (f"{rate:,.0f} records/s of CPU" for rate in (ours, other))
    return Line(row, what, against, measured, others, ours / other, at_least(least))
