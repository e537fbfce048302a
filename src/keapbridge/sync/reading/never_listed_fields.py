"""Properties that no list has ever shown: nobody holds anything there, or lists leave out what reads by id show.

A few records are read by themselves to find that out: at the first scan, and of those that have changed since. First
come those in which nothing has changed that lists show: what was edited there is something else.
"""

from __future__ import annotations

from collections.abc import Sequence

from keapbridge._flow.effects import Flow
from keapbridge.model.records import Pair
from keapbridge.model.side import Side
from keapbridge.sync.reading.unlisted_fields import brought_up, found_unlisted, read_alone
from keapbridge.sync.synchronization import Seen, Synchronization

__all__ = ["PROBED", "looked_beyond", "note_never_listed", "probe"]

PROBED = 3  # records of a side that are read by themselves in one run


def note_never_listed(sync: Synchronization) -> None:
    """Note what the lists of a run have not shown that has read everything."""
    absences = sync.absences
    mapped = {lens.name for lens in sync.mapper.lenses}
    for side in Side:
        absences.never_listed[side] = mapped - absences.shown[side] - absences.unlisted[side]
        absences.never_listed[side].difference_update(absences.vanished(side))


def probe(sync: Synchronization, side: Side, ids: Sequence[str]) -> Flow[bool]:
    """Whether a few of these records show a value by themselves where no list has shown such a property at all."""
    absences = sync.absences
    never, found = frozenset(absences.never_listed[side]), set[str]()
    chosen = ids[: PROBED - absences.probed[side]] if never else ()
    absences.probed[side] += len(chosen)
    for id in chosen:
        for one in (yield from read_alone(sync, side, id)).values():
            found |= {field for field in never if one.whole.snapshot.values.get(field) is not None}
    yield from found_unlisted(sync, side, found)
    return bool(found)


def looked_beyond(sync: Synchronization, side: Side, listed: Sequence[Seen]) -> Flow[list[Seen]]:
    """Records of a list; as reads by id show them, where a few that have changed show then what no list does."""
    never = sync.absences.never_listed[side]
    due = {one.whole.id: one for one in listed if one.whole.problem is None and one.whole.snapshot.absent & never}
    pairs = (yield from sync.store.links.pairs_of(sync.name, due, side)) if due else []
    touched = [pair for pair in pairs if _is_touched(pair, side, due[pair.link.id(side)])]
    touched.sort(key=lambda pair: _shows_news(pair, side, due[pair.link.id(side)]))
    if (yield from probe(sync, side, [pair.link.id(side) for pair in touched])):
        return (yield from brought_up(sync, side, listed, changes=True))
    return list(listed)


def _is_touched(pair: Pair, side: Side, seen: Seen) -> bool:
    return pair.link.life(side).changed != seen.whole.life.changed


def _shows_news(pair: Pair, side: Side, seen: Seen) -> bool:
    base = pair.link.base(side)
    return any(value != base.get(field) for field, value in seen.whole.snapshot.values.items())
