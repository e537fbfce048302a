"""Properties that no list has ever shown: nobody holds anything there, or lists leave out what reads by id show.

A few records are read by themselves to find that out: three at the first scan, and one in a run of those that have
changed since and show nothing new: what was edited there is something else.
"""

from __future__ import annotations

from collections.abc import Sequence

from keapbridge._flow.effects import Flow
from keapbridge.model.records import Observation, Pair
from keapbridge.model.side import Side
from keapbridge.sync.reading.unlisted_fields import brought_up, found_unlisted, read_alone
from keapbridge.sync.synchronization import Seen, Synchronization

__all__ = ["PROBED", "looked_beyond", "note_never_listed", "probe"]

PROBED = 3  # records of a side that are read by themselves at the first scan


def note_never_listed(sync: Synchronization) -> None:
    """Note what the lists of a run have not shown that has read everything."""
    absences = sync.absences
    mapped = {lens.name for lens in sync.mapper.lenses}
    for side in Side:
        absences.never_listed[side] = mapped - absences.shown[side] - absences.unlisted[side]
        absences.never_listed[side].difference_update(absences.vanished(side))


def probe(sync: Synchronization, side: Side, ids: Sequence[str]) -> Flow[bool]:
    """Whether a few records show a value by themselves where no list has shown such a property at all."""
    never, found = frozenset(sync.absences.never_listed[side]), set[str]()
    for id in ids if never else ():
        for one in (yield from read_alone(sync, side, id)).values():
            found |= {field for field in never if one.whole.snapshot.values.get(field) is not None}
    yield from found_unlisted(sync, side, found)
    return bool(found)


def looked_beyond(sync: Synchronization, side: Side, listed: Sequence[Seen]) -> Flow[list[Seen]]:
    """Records of a list; as reads by id show them, where one that has changed shows then what no list does."""
    absences = sync.absences
    never = absences.never_listed[side]
    due = {one.whole.id: one for one in listed if one.whole.problem is None and one.whole.snapshot.absent & never}
    if not due or side in absences.probed:
        return list(listed)
    pairs = yield from sync.store.links.pairs_of(sync.name, due, side)
    edited = [id for pair in pairs if _is_edited_elsewhere(pair, side, due[id := pair.link.id(side)].whole)]
    absences.probed.update({side} if edited else ())
    if (yield from probe(sync, side, edited[:1])):
        return (yield from brought_up(sync, side, listed, changes=True))
    return list(listed)


def _is_edited_elsewhere(pair: Pair, side: Side, seen: Observation) -> bool:
    """Whether a record has changed, and shows nothing new."""
    base = pair.link.base(side)
    is_news = any(value != base.get(field) for field, value in seen.snapshot.values.items())
    return pair.link.life(side).changed != seen.life.changed and not is_news
