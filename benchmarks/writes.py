"""Rows about syncs that write: how many calls they take, and how many writes a second get through."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.processes import Emulators, emulators, measure
from benchmarks.sizes import Sizes
from benchmarks.table import Line, at_least, at_most
from benchmarks.workspace import Workspace

__all__ = ["calls", "undo", "writes"]

LATENCY = 0.05
CONNECTIONS = 8
_NEW = 100  # contacts that only one side has at first
_POORER = 50  # contacts of which the Customcrm knows less at first
_EDITED = 30
_OLD = 600  # seconds; a list of changes looks back from the newest one, and would show what was made with it again
_SINGLY = 3  # records that are read alone at first contact: do they show what the list leaves out?
TICK = 1.1  # what was made so long ago has another second than what follows

Calls = dict[str, dict[str, int]]


def calls(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """The calls of a first sync, of one after edits, of a full one and of one without changes."""
    store = work.fresh("calls")
    with emulators() as systems:
        _load(systems, sizes.matched)
        pages = -(-(sizes.matched + _NEW) // 1000)
        linked = {"linked": sizes.matched}
        created = {"created in Keap": _NEW, "created in Customcrm": _NEW}
        yield _counted(
            f"first sync of 2 × {sizes.matched + _NEW:,} contacts, {2 * _NEW + _POORER} to write",
            _synced(systems, store, {**linked, **created, "updated in Customcrm": _POORER}),
            {
                "keap": _kinds(page=pages, changes=1, other=_SINGLY, write=_NEW),
                "customcrm": _kinds(page=pages, changes=1, batch=1, write=_NEW + _POORER),
            },
        )
        time.sleep(TICK)
        unchanged = {"unchanged": sizes.matched + 2 * _NEW}
        systems.tell("edit", side="keap", first=0, count=_EDITED, job="Countess")
        systems.tell("edit", side="customcrm", first=_EDITED, count=_EDITED, job="Analyst")
        yield _counted(
            f"sync after {_EDITED} edits on each side",
            _synced(systems, store, {"updated in Keap": _EDITED, "updated in Customcrm": _EDITED}),
            {side: _kinds(changes=1, batch=1, write=_EDITED) for side in ("keap", "customcrm")},
        )
        all_pages = -(-(sizes.matched + 2 * _NEW) // 1000)
        yield _counted(
            f"full sync of {sizes.matched + 2 * _NEW:,} linked contacts, nothing to write",
            _synced(systems, store, unchanged, full=True),
            {side: _kinds(page=all_pages) for side in ("keap", "customcrm")},
        )
        time.sleep(TICK)
        yield _counted(
            "sync without changes",
            _synced(systems, store, {}),
            {side: _kinds(changes=1) for side in ("keap", "customcrm")},
        )


def _load(systems: Emulators, matched: int) -> None:
    systems.tell("clock", behind=_OLD)
    systems.tell("add", side="both", first=0, count=matched - _POORER)
    systems.tell("add", side="both", first=matched - _POORER, count=_POORER, without="JobTitle")
    systems.tell("clock", behind=0)
    systems.tell("add", side="keap", first=matched, count=_NEW)
    systems.tell("add", side="customcrm", first=matched + _NEW, count=_NEW)
    systems.tell("calls")
    time.sleep(TICK)


def _synced(systems: Emulators, store: Path, expected: Mapping[str, int], *, full: bool = False) -> Calls:
    """The calls of a sync, which must do this and nothing else."""
    found = measure("write", **systems.urls, store=str(store), full=full)
    done = {heading: number for heading, number in found["counts"].items() if heading in expected or full}
    others = found["counts"].keys() - expected.keys() - {"unchanged"}
    if done != dict(expected) or others:
        raise AssertionError(f"a sync did {found['counts']}, not {dict(expected)}")
    counted: Calls = systems.tell("calls")
    return counted


def _kinds(*, page: int = 0, changes: int = 0, batch: int = 0, other: int = 0, write: int = 0) -> dict[str, int]:
    return {"page": page, "changes": changes, "batch": batch, "other": other, "write": write}


def _counted(what: str, counted: Calls, bound: Calls) -> Line:
    made, needed = (sum(sum(kinds.values()) for kinds in each.values()) for each in (counted, bound))
    if made < needed:
        raise AssertionError(f"{what}: {counted} is less than what there is to do: {bound}")
    more = [
        f"{side} {kind} {counted[side][kind]} for {least}"
        for side, kinds in bound.items()
        for kind, least in kinds.items()
        if counted[side][kind] != least
    ]
    measured = f"{made:,}" + (f" ({', '.join(more)})" if more else "")
    against = "pages, looks before creates, batch reads and one write a change"
    return Line("calls", f"calls of a {what}", against, measured, f"{needed:,}", made / needed, at_most(1))


def writes(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """Creates in Keap and updates in the Customcrm, which both answer late."""
    store = work.fresh("writes")
    created: list[dict[str, Any]] = []
    updated: list[dict[str, Any]] = []
    number = sizes.writes
    with emulators(latency=LATENCY) as systems:
        for turn in range(sizes.runs):
            systems.tell("add", side="customcrm", first=turn * number, count=number)
            created.append(_written(systems, store, "created in Keap", number))
            time.sleep(TICK)
            systems.tell("edit", side="keap", first=turn * number, count=number, job=f"Countess {turn}")
            updated.append(_written(systems, store, "updated in Customcrm", number))
            time.sleep(TICK)
    most = CONNECTIONS / LATENCY
    for what, found in (("creates in Keap", created), ("updates in the Customcrm", updated)):
        rate = statistics.median(number / each["apply_wall"] for each in found)
        whole = statistics.median(number / (each["plan_wall"] + each["apply_wall"]) for each in found)
        yield Line(
            "writes",
            f"{number:,} {what}, each answered after {LATENCY * 1000:.0f} ms",
            f"{CONNECTIONS} connections that never wait",
            f"{rate:.0f} writes/s ({whole:.0f} with planning)",
            f"{most:.0f} writes/s",
            rate / most,
            at_least(0.93),
        )


def _written(systems: Emulators, store: Path, heading: str, number: int) -> dict[str, Any]:
    found = measure("write", **systems.urls, store=str(store))
    if found["counts"].get(heading) != number:
        raise AssertionError(f"{heading}: {found['counts']}, not {number}")
    return found


def undo(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """What taking runs back takes, against those runs: updates in the Customcrm, and creates in Keap."""
    store = work.fresh("undo")
    runs: dict[str, list[tuple[float, float]]] = {"updates in the Customcrm": [], "creates in Keap": []}
    number = sizes.writes
    with emulators(latency=LATENCY) as systems:
        # Who is there already, and is edited in each turn.
        systems.tell("add", side="both", first=0, count=number)
        measure("write", **systems.urls, store=str(store))
        for turn in range(sizes.runs):
            time.sleep(TICK)
            systems.tell("edit", side="keap", first=0, count=number, job=f"Countess {turn}")
            edited = _written(systems, store, "updated in Customcrm", number)
            runs["updates in the Customcrm"].append(_undone(systems, store, edited, "updated in Customcrm", number))
            time.sleep(TICK)
            systems.tell("add", side="customcrm", first=(turn + 1) * number, count=number)
            made = _written(systems, store, "created in Keap", number)
            runs["creates in Keap"].append(_undone(systems, store, made, "deleted in Keap", number))
    for what, found in runs.items():
        ours, other = (statistics.median(walls) for walls in zip(*found, strict=True))
        ratio = statistics.median(undone / done for undone, done in found)
        title = f"undoing a run of {number:,} {what}, each answered after {LATENCY * 1000:.0f} ms"
        yield Line("undo", title, "that run", f"{ours:.2f} s", f"{other:.2f} s", ratio, at_most(1.3))


def _undone(systems: Emulators, store: Path, run: dict[str, Any], heading: str, number: int) -> tuple[float, float]:
    """The seconds of an undoing, and those of the run that it took back."""
    found = measure("undo", **systems.urls, store=str(store), run_id=run["run_id"])
    if found["counts"] != {heading: number}:
        raise AssertionError(f"undone: {found['counts']}, not {heading} {number}")
    return found["wall"], run["plan_wall"] + run["apply_wall"]
