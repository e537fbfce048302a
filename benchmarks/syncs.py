"""Rows about syncs that find nothing to write: time, CPU, memory and calls, over growing numbers of records."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator

from benchmarks.processes import SEED, measure, page_servers
from benchmarks.records import canonical_contact
from benchmarks.sizes import Sizes
from benchmarks.table import Line, at_most
from benchmarks.workspace import Workspace, reconciled

__all__ = ["first_match", "incremental", "linking", "overhead", "reconcile", "rss", "store_bytes"]

_MEGABYTES = 200
UNTYPED = "httpx and `json.loads`, untyped"


def reconcile(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """A full reconciliation without changes, against the same pages as dicts."""
    records = sizes.linked
    pages_a_side = -(-records // 1000)
    full: list[float] = []
    lists: list[float] = []
    with page_servers(records) as pages:
        for _ in range(sizes.rounds):
            listed = measure("list-both", **pages.urls())
            if listed["records"] != 2 * records:
                raise AssertionError(f"{listed['records']} records listed")
            lists.append(listed["cpu"])
            store = work.copy(records)
            pages.calls()
            full.append(reconciled(measure("reconcile", **pages.urls(), store=str(store)), records)["cpu"])
            expected = {"page": pages_a_side + 1, "changes": 0, "batch": 0, "other": 0}  # one to warm up
            counted = pages.calls()
            if any(calls != expected for calls in counted.values()):
                raise AssertionError(f"calls of a reconciliation: {counted}, not {expected}")
    ours, other = statistics.median(full), statistics.median(lists)
    what = f"full reconciliation of {records:,} linked, unchanged contacts"
    yield Line(
        "reconcile", what, UNTYPED, f"{ours:.2f} s of CPU", f"{other:.2f} s of CPU", ours / other,
        at_most(1.2),
    )  # fmt: skip


def incremental(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """A sync without changes over many links, against one over few."""
    few, many = (work.linked(links, sizes.few) for links in (sizes.few, sizes.many))
    walls: dict[int, list[float]] = {sizes.few: [], sizes.many: []}
    calls: dict[int, list[dict[str, dict[str, int]]]] = {sizes.few: [], sizes.many: []}
    with page_servers(sizes.few) as some, page_servers(sizes.many) as all_:
        for _ in range(sizes.rounds):
            for links, store, pages in ((sizes.few, few, some), (sizes.many, many, all_)):
                pages.calls()
                found = measure("incremental", **pages.urls(), store=str(store), times=sizes.syncs)
                if found["links"] != links:
                    raise AssertionError(f"{found['links']} links, not {links}")
                walls[links].append(found["wall"])
                calls[links].append(pages.calls())
    ours, other = statistics.median(walls[sizes.many]), statistics.median(walls[sizes.few])
    what = f"incremental sync without changes, {sizes.many:,} links"
    against = f"the same with {sizes.few:,}"
    yield Line(
        "incremental", what, against, f"{ours * 1000:.1f} ms", f"{other * 1000:.1f} ms", ours / other, at_most(1.1)
    )
    yield _list_calls(sizes, calls, against)


def overhead(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """What events and guards cost: a first sync as it is, against one without."""
    records = sizes.overhead
    with page_servers(records) as pages:
        found = measure("overhead", **pages.urls(), store=str(work.fresh("overhead")), rounds=sizes.turns)
    if found["linked"] != [records]:
        raise AssertionError(f"{found['linked']} linked, not {records}")
    ours, other = found["whole"], found["bare"]
    yield Line(
        "overhead", f"first sync of {records:,} contacts, with the default log and guards", "without events and guards",
        f"{ours:.3f} s of CPU", f"{other:.3f} s of CPU", ours / other, at_most(1.05),
    )  # fmt: skip


def _list_calls(sizes: Sizes, calls: dict[int, list[dict[str, dict[str, int]]]], against: str) -> Line:
    """One list call a side and sync, whatever the number of links."""
    syncs = sizes.syncs + 1  # the first of them warms up, and with a new store reads a few linked records by their ids
    allowed = [{"page": 1, "changes": syncs, "batch": batch, "other": 0} for batch in (0, 1)]
    asked = {links: [side for counted in each for side in counted.values()] for links, each in calls.items()}
    if any(side not in allowed for each in asked.values() for side in each):
        raise AssertionError(f"calls of {syncs} incremental syncs: {asked}")
    many, few = (sum(side["changes"] for side in asked[n]) / len(asked[n]) / syncs for n in (sizes.many, sizes.few))
    return Line(
        "incremental", "list calls of it, for each side", against, f"{many:g}", f"{few:g}", many / few, at_most(1)
    )


def rss(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """The most memory of a first sync and of a full reconciliation."""
    against = f"with {sizes.some:,}"
    for name, task in (("first sync", work.first_sync), ("full reconciliation", work.reconcile)):
        some, many = (task(records)["rss"] for records in (sizes.some, sizes.many))
        what = f"peak memory of a {name}, {sizes.many:,} records a side"
        yield Line("rss", what, against, _megabytes(many), _megabytes(some), many / some, at_most(1.15))
        yield Line("rss", what, "–", _megabytes(many), "–", many / 1e6, at_most(_MEGABYTES, " MB"), is_ratio=False)


def _megabytes(count: float) -> str:
    return f"{count / 1e6:.0f} MB"


def first_match(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """Matching everything with everything, nothing written, against the same pages as dicts."""
    for records, most in ((sizes.some, 11), (sizes.many, 8)):
        with page_servers(records) as pages:
            other = measure("list-both", **pages.urls())["cpu"]
        ours = work.first_sync(records)["plan_cpu"]
        what = f"first match of {records:,} × {records:,} contacts"
        yield _of_cpu("first-match", what, UNTYPED, ours, other, most)


def linking(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """Linking what was matched, against matching it."""
    for records in (sizes.some, sizes.many):
        found = work.first_sync(records)
        what = f"linking {records:,} pairs that need no write"
        yield _of_cpu("linking", what, "matching them", found["apply_cpu"], found["plan_cpu"], 0.5)


def store_bytes(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """What a first sync writes to the store, against what the records hold."""
    written = work.first_sync(sizes.some)["written"]
    if not written:
        raise AssertionError("nobody counts here what a process writes")
    step = max(1, sizes.some // 1000)
    sample = [len(json.dumps(canonical_contact(index, SEED))) for index in range(0, sizes.some, step)]
    held = 2 * sizes.some * sum(sample) / len(sample)
    what = f"bytes that a first sync of {sizes.some:,} pairs writes"
    against = "the canonical values of both sides, as JSON"
    yield Line(
        "store-bytes", what, against, _megabytes(written), _megabytes(held), written / held, at_most(8)
    )  # fmt: skip


def _of_cpu(row: str, what: str, against: str, ours: float, other: float, most: float) -> Line:
    return Line(row, what, against, f"{ours:.1f} s of CPU", f"{other:.1f} s of CPU", ours / other, at_most(most))
