"""What a system empties along with what was written to it: one that takes a part of a record for all of it, say."""

from __future__ import annotations

from collections.abc import Collection

from keapbridge._flow.effects import Flow
from keapbridge.decide.along import emptied_along
from keapbridge.model.records import Observation
from keapbridge.model.side import Side
from keapbridge.sync.synchronization import Synchronization

__all__ = ["what_is_emptied"]


def what_is_emptied(
    sync: Synchronization, seen: Observation, shown: Observation, sent: Collection[str]
) -> Flow[frozenset[str]]:
    """The fields that a record has lost by a write. What the answer only leaves out is looked for once.

    Args:
        seen: the record as it was read before the write.
        shown: what the answer shows.
        sent: the fields that were written.
    """
    # Keap's records are read again in batches, each of the other side's right before it is written.
    side, is_sure = seen.side, seen.side is Side.CUSTOMCRM
    found = emptied_along(seen.snapshot.values, shown.snapshot.values, sent, is_sure=is_sure)
    if found.isdisjoint(shown.snapshot.absent):
        return found
    if (sync.name, side) in sync.guard.answers_in_part:
        return found - shown.snapshot.absent
    again, _ = yield from sync.read(side, [seen.id])
    if seen.id not in again:
        return found - shown.snapshot.absent
    values = again[seen.id].whole.snapshot.values
    if any(values.get(field) is not None for field in found):
        sync.guard.answers_in_part.add((sync.name, side))
    return emptied_along(seen.snapshot.values, values, sent, is_sure=is_sure)
