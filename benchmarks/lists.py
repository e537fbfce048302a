"""Rows about listing: typed records of a thousand-contact page against Keap's SDK, and against plain dicts."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.processes import measure, page_servers
from benchmarks.sizes import Sizes
from benchmarks.table import Line, at_least
from benchmarks.workspace import Workspace

__all__ = ["list_sdk", "list_untyped"]


def list_sdk(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """Typed records a second of CPU, against Keap's SDK."""
    ours, sdk = _rates(sizes, ("list-typed", sizes.pages), ("list-sdk", sizes.sdk_pages))
    what = f"list {sizes.pages} pages of 1,000 contacts, typed"
    against = f"`keap-core-v2-sdk`, {sizes.sdk_pages} pages"
    yield Line("list-sdk", what, against, _rate(ours), _rate(sdk), ours / sdk, at_least(10))


def list_untyped(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """Typed records a second of CPU, against dicts."""
    ours, dicts = _rates(sizes, ("list-typed", sizes.pages), ("list-untyped", sizes.pages))
    what = f"list {sizes.pages} pages of 1,000 contacts, typed"
    yield Line(
        "list-untyped", what, "httpx and `json.loads`, untyped", _rate(ours), _rate(dicts), ours / dicts, at_least(1)
    )


def _rates(sizes: Sizes, *tasks: tuple[str, int]) -> list[float]:
    """Records a second of CPU of each task: the median of rounds in which all take their turn."""
    rates: dict[str, list[float]] = {task: [] for task, _ in tasks}
    with page_servers(max(pages for _, pages in tasks) * 1000) as servers:
        for _ in range(sizes.rounds):
            for task, pages in tasks:
                found = measure(task, keap=servers.keap, pages=pages)
                if found["records"] != pages * 1000:
                    raise AssertionError(f"{task} of {pages} pages: {found['records']} records")
                rates[task].append(found["records"] / found["cpu"])
    return [statistics.median(rates[task]) for task, _ in tasks]


def _rate(rate: float) -> str:
    return f"{rate:,.0f} records/s of CPU"
