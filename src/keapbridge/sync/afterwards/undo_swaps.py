"""What an undoing may not put back yet, because another record holds the value: it is put back once that is free.

Two who swapped unique values hold each other's. Where the system can write to both at once, they are swapped back.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from keapbridge._flow.effects import Flow
from keapbridge.decide.swaps import Wish, in_turn
from keapbridge.errors import ConflictError, StatusError
from keapbridge.mapping.kinds import Context
from keapbridge.model.actions import Action, Update
from keapbridge.sync.afterwards.putting_back import Sight, Step, as_before, edited_since, remember_written
from keapbridge.sync.afterwards.undo_notes import Attempts
from keapbridge.sync.writing.pair_state import Sent
from keapbridge.sync.writing.run import RunPart
from keapbridge.sync.writing.swaps import Write, able_to_write_together, all_or_none

__all__ = ["MOST", "is_refused", "put_back_together", "rings"]

REFUSALS = frozenset({400, 422})
MOST = 1000  # that wait; further ones are reported at once


def is_refused(action: Action, error: Exception) -> bool:
    """Whether a write may be taken once another record has been written."""
    if not isinstance(action, Update):
        return False
    return isinstance(error, ConflictError) or (isinstance(error, StatusError) and error.status in REFUSALS)


def rings(steps: Sequence[Step]) -> list[list[Step]]:
    """Those of the steps that wait for each other: each is to hold what another one of its ring gives up."""
    by_id = {_id(step): step for step in steps if isinstance(step.action, Update)}
    wishes = [
        Wish(id, (change.side, change.field), change.before, change.after)
        for id, step in by_id.items()
        if isinstance(step.action, Update)
        for change in step.action.changes
        if isinstance(change.before, Hashable) and isinstance(change.after, Hashable)
    ]
    found: list[list[Step]] = []
    for ring in in_turn(wishes):
        its = [by_id.pop(wish.record) for wish in ring if wish.record in by_id] if len(ring) > 1 else []
        if len(its) == len(ring) > 1:
            found.append(its)
    return found


def _id(step: Step) -> str:
    action = step.action
    assert isinstance(action, Update)  # nothing else is put off
    return f"{action.changes[0].side.value} {action.customcrm_id} {action.keap_id}"


def put_back_together(
    part: RunPart, attempts: Attempts, ring: Sequence[Step], sights: Sequence[Sight], context: Context
) -> Flow[bool]:
    """Put back the values of several records at once, all or none; whether that was done."""
    sync = part.sync
    actions = [step.action for step in ring if isinstance(step.action, Update)]
    side = actions[0].changes[0].side
    system = able_to_write_together(sync, side)
    if system is None:
        return False
    writes: list[Write] = []
    records: list[Any] = []
    for action, sight in zip(actions, sights, strict=True):
        if sight.problem is not None or sight.link is None or not sight.finds(side):
            return False
        seen = sight.seen[side]
        if edited_since(action, sight.link.base(side), seen.whole.snapshot.values):
            return False
        record, written = as_before(sync, side, seen.record, action.raw, action.changes, context)
        records.append(record)
        writes.append((sight.link.id(side), written, seen.whole.version))
    for step in ring:
        attempts.begin(step.seq)
    answers = yield from all_or_none(system, writes)
    if answers is None:
        return False
    for step, action, sight, record, write, answer in zip(ring, actions, sights, records, writes, answers, strict=True):
        yield from remember_written(part, sight, action.changes, Sent(record, write[1], answer), context)
        attempts.end(step.seq)
    return True
