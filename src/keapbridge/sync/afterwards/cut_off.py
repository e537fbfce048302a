"""What became of the writes of an undoing that was cut off: looked up before anything else is planned or written."""

from __future__ import annotations

from collections.abc import Sequence

from keapbridge._flow.effects import Flow
from keapbridge.model.actions import Action, Create, Delete, Update
from keapbridge.model.kept_in_store import Intent
from keapbridge.sync.afterwards.putting_back import Sight, look, remember_deleted, remember_made, remember_restored
from keapbridge.sync.afterwards.undo_notes import Attempt, note, noted
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.guard import is_foreseen, stops_everything
from keapbridge.sync.planning.lost_creates import certain_at, look_for
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.writing.run import Run, RunPart

__all__ = ["finish_undo"]

Noted = tuple[Attempt, Action]


def finish_undo(bridge: Bridge) -> Flow[None]:
    """Find out what became of writes that an earlier undoing has noted. Neither system is written to."""
    attempts = yield from noted(bridge.store)
    uncertain: list[Attempt] = []
    for plan_id in dict.fromkeys(attempt.plan_id for attempt in attempts):
        plan = yield from bridge.store.plans.get(plan_id)
        if plan is None:
            continue  # it was kept for as long as the journal
        mine = {attempt.seq: attempt for attempt in attempts if attempt.plan_id == plan_id}
        actions = yield from bridge.store.plans.actions_at(plan_id, list(mine))
        for name in dict.fromkeys(action.object for action in actions.values()):
            its = [(mine[seq], action) for seq, action in sorted(actions.items()) if action.object == name]
            part = Run(bridge.store, plan, its[0][0].run_id, bridge.settings.watch).part(bridge[name])
            uncertain += yield from _unexplained(part, its)
    if attempts:
        yield from note(bridge.store, uncertain)


def _unexplained(part: RunPart, its: Sequence[Noted]) -> Flow[list[Attempt]]:
    """Those of some attempts of which it is not certain yet what became of them."""

    def look_at(some: Sequence[Noted]) -> Flow[list[tuple[Noted, Sight]]]:
        sights = yield from look(part, [action for _, action in some], through_outages=False)
        return list(zip(some, sights, strict=True))

    uncertain: list[Attempt] = []

    def leave(one: Noted, error: Exception) -> Flow[list[tuple[Noted, Sight]]]:
        yield from ()
        if is_foreseen(error):
            raise error
        part.sync.guard.failed(error, f"undoing {part.sync.name}")
        uncertain.append(one[0])
        return []

    for (attempt, action), sight in (yield from part.sync.guard.by_halves(its, look_at, leave)):
        try:
            explained = yield from _is_explained(part, action, attempt, sight)
        except Exception as error:
            if is_foreseen(error) or stops_everything(error):
                raise
            part.sync.guard.failed(error, f"undoing {action.object}")
            explained = False
        if not explained:
            uncertain.append(attempt)
    return uncertain


def _is_explained(part: RunPart, action: Action, attempt: Attempt, sight: Sight) -> Flow[bool]:
    link = sight.link
    match action:
        case Update():
            side = action.changes[0].side
            if link is not None and side in sight.seen:
                held, base = sight.seen[side].whole.snapshot.values, link.base(side)
                done = [c for c in action.changes if c.field in held and held[c.field] == c.after]
                # What is known already was remembered before the run was cut off.
                if any(base.get(c.field) != c.after for c in done):
                    yield from remember_restored(part, side, link, done, action.turned())
        case Delete():
            if link is not None and action.side not in sight.seen and sight.problem is None:
                left = sight.seen.get(action.side.other)
                yield from remember_deleted(part, action, link, link.base(action.side), left)
        case _:
            assert isinstance(action, Create)  # nothing else is noted
            return (yield from _is_create_explained(part.sync, action, attempt))
    return sight.problem is None


def _is_create_explained(sync: Synchronization, action: Create, attempt: Attempt) -> Flow[bool]:
    intent = Intent(attempt.key, sync.name, action.side, action.source_id, action.values, attempt.at)
    found, taken = yield from look_for(sync, intent)
    if taken is not None and not found:
        yield from sync.store.intents.note_over(taken)
        return True
    for made in found:
        yield from remember_made(sync, action, made)
    return bool(found) or (yield from sync.store.lease.time()) >= certain_at(attempt.at, sync.settings)
