"""Lists of everything that go on where an earlier run was ended: by its deadline, by `stop`, by a quota that was spent.

How far they have come is kept when such a run ends, and read when a list of everything begins: other runs do neither.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import attrs
import msgspec

from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.decide.so_far import SoFar
from keapbridge.model.side import Side
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.systems import GoesOn, System

__all__ = ["begin_anew_next", "earlier", "keep_so_far", "note", "note_end", "note_whole", "read_whole", "scan_after"]

NOTHING = ""


def earlier(
    sync: Synchronization, side: Side, by: str | None, since: datetime | None, moment: datetime
) -> Flow[SoFar | None]:
    """How far an earlier run has come, where a list of everything can go on with it; see `SoFar.goes_on`."""
    sync.listings.so_far.pop(side, None)
    if not isinstance(sync.systems[side], GoesOn):
        return None
    text = yield from sync.store.facts.get(_fact(sync, side))
    if not text:
        return None
    sync.listings.kept.add(side)
    so_far = _read(text)
    if so_far is not None and so_far.goes_on(by, since, moment):
        sync.absences.shown[side].update(so_far.fields)
        sync.absences.sample[side].extend(so_far.sample)
        return so_far
    yield from begin_anew_next(sync, [side])
    return None


def scan_after(system: System, reached: str) -> Flow[Page[Any]]:
    """The rest of a list of everything."""
    assert isinstance(system, GoesOn)  # else it is not known how far it has come
    return system.scan_after(reached)


def note(sync: Synchronization, side: Side, so_far: SoFar, reached: str | None) -> SoFar:
    """A page of a list of everything is known: another run can go on after it, if it is told from where."""
    if reached is None:
        sync.listings.so_far.pop(side, None)
        return so_far
    absences = sync.absences
    fields, sample = tuple(sorted(absences.shown[side])), tuple(absences.sample[side])
    noted = attrs.evolve(so_far, reached=reached, fields=fields, sample=sample)
    sync.listings.so_far[side] = noted
    return noted


def note_end(sync: Synchronization, side: Side, so_far: SoFar) -> Flow[None]:
    """A list of everything has come to its end, and what is missing is known."""
    if side not in sync.listings.so_far:
        return
    sync.listings.so_far[side] = attrs.evolve(so_far, is_over=True)
    if side in sync.listings.kept:
        yield from _keep(sync, side)  # what it has seen is not known any more


def note_whole(sync: Synchronization, side: Side, so_far: SoFar) -> Flow[None]:
    """All records of a side have been read, as of when that began."""
    yield from sync.store.facts.set(_fact_of_whole(sync, side), so_far.started.isoformat())


def read_whole(sync: Synchronization) -> Flow[datetime | None]:
    """As of when all records of both sides were read last; `None` where they never were."""
    found: list[datetime] = []
    for side in Side:
        text = yield from sync.store.facts.get(_fact_of_whole(sync, side))
        if text is None:
            return None
        found.append(datetime.fromisoformat(text))
    return min(found)


def keep_so_far(sync: Synchronization) -> Flow[None]:
    """Keep how far lists have come, for the next run: this one was ended before what they have shown was worked off."""
    for side, so_far in sync.listings.so_far.items():
        begun_in = sync.listings.begun_in.get(side)
        if begun_in is not None and not so_far.is_over:
            yield from sync.store.staging.leave_scan(sync.name, side, begun_in)
        yield from _keep(sync, side)


def begin_anew_next(sync: Synchronization, sides: Collection[Side] | None = None) -> Flow[None]:
    """Let the next lists of everything begin anew: what these have shown was worked off, or says nothing any more."""
    for side in sorted(sync.listings.kept.intersection(Side if sides is None else sides)):
        sync.listings.kept.discard(side)
        yield from sync.store.facts.set(_fact(sync, side), NOTHING)


def _read(text: str) -> SoFar | None:
    try:
        return msgspec.json.decode(text, type=SoFar)
    except msgspec.MsgspecError:
        return None  # of another version of this library


def _keep(sync: Synchronization, side: Side) -> Flow[None]:
    text = msgspec.json.encode(sync.listings.so_far[side]).decode()
    yield from sync.store.facts.set(_fact(sync, side), text)


def _fact_of_whole(sync: Synchronization, side: Side) -> str:
    return f"{sync.name}_{side.value}_whole"


def _fact(sync: Synchronization, side: Side) -> str:
    return f"{sync.name}_{side.value}_so_far"
