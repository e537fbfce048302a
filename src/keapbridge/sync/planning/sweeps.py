"""Sweeps, planned: which fields would be emptied or levelled for many, with what was written within a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from keapbridge._io.effects import Flow, now
from keapbridge.decide.sweeps import Count, Place, sweep
from keapbridge.model.plan import EVERY_RECORD, Skip
from keapbridge.sync.planning.draft import PlanPart
from keapbridge.sync.synchronization import Synchronization

__all__ = ["hold_sweeps"]

DAY = timedelta(days=1)
BATCH = 2000


def hold_sweeps(part: PlanPart) -> Flow[None]:
    """Hold the fields in which a plan would lose too much, unless a person accepts it. The plan keeps their changes."""
    sync = part.sync
    for place, counts in part.tally.counts().items():
        field, side = place
        if (sync.name, field) in part.accepted.fields:
            continue
        reason = yield from _reason(sync, place, counts)
        if reason is not None:
            name = f"{sync.name}.{field}"
            reason = f'{reason}. If that is right: session.sync(accept=["{name}"])'
            yield from part.add([Skip(sync.name, side, EVERY_RECORD, reason, field=field, accept=name)])


def _reason(sync: Synchronization, place: Place, counts: Sequence[Count]) -> Flow[str | None]:
    field, side = place
    policy, store = sync.settings.policy, sync.store
    moment = yield from now()
    found, holding = yield from store.overwrites.added_to(sync.name, place, counts, moment - DAY, policy.sweep_from)
    # What was emptied within the day held a value, too. The rest is counted as far as it matters.
    after: str | None = ""
    while after is not None and sweep(found, holding, policy) is not None:
        number, after = yield from store.links.holding(sync.name, side, field, after, BATCH)
        holding += number
    return sweep(found, holding, policy)
