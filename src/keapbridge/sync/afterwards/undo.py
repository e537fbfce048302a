"""Undoing a run: its writes in reverse, on both sides, from the journal. What was edited since is left and reported.

Values that the run wrote become what they were before, in the notation that they had; records it made are deleted;
records it deleted are made anew (with new ids); links it made end. The bases become what is then really held, so the
next sync does not do it again. Pairs are undone side by side, what is about one pair one after the other.

Writes are noted before they are sent. A run that dies, or does not see an answer, leaves the note; whatever comes next
looks first what became of them, so that the next sync does not take them for somebody's edits or deletions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial

import attrs

from keapbridge._flow.effects import Flow, finish, gather, now, within
from keapbridge.errors import ConflictError, StalePlanError, SyncError, UncertainError
from keapbridge.mapping.kinds import Context
from keapbridge.model.actions import Create, Delete, Unlink, Update
from keapbridge.model.plan import Plan
from keapbridge.model.report import Report
from keapbridge.model.side import Side
from keapbridge.sync.afterwards.putting_back import (
    Sight,
    Step,
    context_of,
    end_links,
    line_of,
    look,
    made_before,
    put_back,
)
from keapbridge.sync.afterwards.undo_notes import Attempts, noted
from keapbridge.sync.afterwards.undo_plan import pair_of
from keapbridge.sync.afterwards.undo_swaps import MOST, is_refused, put_back_together, rings
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.guard import EVERY_RECORD, is_foreseen, stops_everything
from keapbridge.sync.planning.lost_creates import certain_at
from keapbridge.sync.watching import run_id
from keapbridge.sync.writing.creates import is_ambiguous
from keapbridge.sync.writing.run import BATCH, WRITERS, Run, RunPart, ending, flowing, one_sided

__all__ = ["undo"]

KINDS = ("create", "update", "delete", "unlink", "skip", "tellapart")
Group = list[Step]
"""All that is undone of one pair, in its order."""


def undo(bridge: Bridge, plan: Plan, by: str | None = None) -> Flow[Report]:
    """Do what `plan_undo` said, as far as nobody has edited the records since.

    Args:
        by: who wants it.

    Raises:
        StalePlanError: when the plan was applied before.
        UncertainError: when what became of an earlier undoing cannot be told yet.
    """
    if uncertain := (yield from noted(bridge.store)):
        again = max(certain_at(attempt.at, bridge.settings) for attempt in uncertain)
        reason = f"what an earlier undoing has made is not certain before {again:%Y-%m-%d %H:%M:%S} UTC; undo it then"
        raise UncertainError(reason, retry_at=again)
    name = yield from run_id()
    started = yield from now()
    if (yield from bridge.store.runs.begin(plan.id, name, started, by)) is None:
        raise StalePlanError(f"plan {plan.id} was applied before; make a new one")
    run = Run(bridge.store, plan, name, bridge.settings.watch)
    return (yield from run.to_its_end(within(_undo_all(bridge, run), place=("run", name))))


def _undo_all(bridge: Bridge, run: Run) -> Flow[Collection[str]]:
    stopped: list[str] = []
    # The last synchronization first: contacts before their companies.
    for name in run.plan.objects:
        attempts = Attempts(run)
        try:
            yield from run.watch.phase(name, "writing", _undo_part(run.part(bridge[name]), attempts))
        except GeneratorExit:
            raise
        except BaseException as error:
            with suppress(SyncError):  # what the store cannot do any more is no matter
                yield from attempts.close()
            if not isinstance(error, Exception) or stops_everything(error):
                raise
            stopped.append(name)
            reason = bridge.guard.stopped(error, name)
            yield from run.report(one_sided(name, "failed", Side.KEAP, EVERY_RECORD, reason))
            if len(stopped) == len(run.plan.objects):
                raise
        else:
            yield from attempts.close()
    return stopped


@attrs.define
class _Undoing:
    """One synchronization of a run that is undone."""

    part: RunPart
    attempts: Attempts
    done: set[frozenset[tuple[Side, str]]] = attrs.field(factory=set)  # pairs of which a record was deleted
    refused: list[tuple[Step, Exception]] = attrs.field(factory=list)  # what may be taken later


def _told(part: RunPart, flow: Flow[None]) -> Flow[None]:
    yield from flow
    part.progressed(1)


def _undo_part(part: RunPart, attempts: Attempts) -> Flow[None]:
    undoing = _Undoing(part, attempts)

    def prepare(groups: Sequence[Group]) -> Flow[list[Flow[None]]]:
        ready = yield from _ready(undoing, [group[0] for group in groups])

        def end(_: Sequence[None]) -> Flow[None]:
            for turn in range(1, max(map(len, groups), default=0)):
                later = yield from _ready(undoing, [group[turn] for group in groups if len(group) > turn])
                yield from gather(later, WRITERS)
            part.progressed(sum(map(len, groups)) - len(ready))

        return ending([_told(part, flow) for flow in ready], end)

    yield from flowing(_batches(part), prepare)
    yield from _settle_refused(undoing)


def _batches(part: RunPart) -> Iterator[Flow[list[Group]]]:
    """What is to be undone, batch by batch; no pair is in two of them."""
    plans, plan_id, name = part.sync.store.plans, part.plan.id, part.sync.name
    after, open_still, is_over = -1, Group(), False

    def next_batch() -> Flow[list[Group]]:
        nonlocal after, open_still, is_over
        rows = yield from plans.actions(plan_id, name, KINDS, after, BATCH)
        groups = _groups([*open_still, *(Step(seq, action) for seq, action in rows)])
        is_over = len(rows) < BATCH
        if not is_over:
            after, open_still = rows[-1][0], groups.pop()
        return groups

    while not is_over:
        yield next_batch()


def _groups(steps: Sequence[Step]) -> list[Group]:
    groups: list[Group] = []
    ids: set[tuple[Side, str]] = set()
    for step in steps:
        its = pair_of(step.action)
        if groups and ids & its:
            groups[-1].append(step)
            ids |= its
        else:
            groups.append([step])
            ids = set(its)
    return groups


def _ready(undoing: _Undoing, steps: Sequence[Step]) -> Flow[list[Flow[None]]]:
    """The flows that undo these steps, once all that they are about was read, and they are noted."""
    guard = undoing.part.sync.guard
    looked = yield from guard.by_halves(steps, partial(_look, undoing), partial(_not_looked, undoing))
    context = yield from context_of(undoing.part.sync, [step.action for step, _ in looked])
    ends = [(step.action, sight) for step, sight in looked if isinstance(step.action, Unlink)]
    rest = [(step, sight) for step, sight in looked if not isinstance(step.action, Unlink)]
    yield from undoing.attempts.note([step.seq for step, sight in rest if _may_write(step, sight)])
    flows = [_undo_one(undoing, step, sight, context) for step, sight in rest]
    return [*flows, _end_links(undoing, ends)] if ends else flows


def _look(undoing: _Undoing, steps: Sequence[Step]) -> Flow[list[tuple[Step, Sight]]]:
    part = undoing.part
    found = list(zip(steps, (yield from look(part, [step.action for step in steps])), strict=True))
    for n, (step, sight) in enumerate(found):
        if isinstance(step.action, Create):
            found[n] = step, attrs.evolve(sight, made=(yield from made_before(part.sync, step.action)))
    return found


def _not_looked(undoing: _Undoing, step: Step, error: Exception) -> Flow[list[tuple[Step, Sight]]]:
    yield from undoing.part.report(line_of(step.action, "failed", _reason(undoing, step, error)))
    return []


def _may_write(step: Step, sight: Sight) -> bool:
    if sight.problem is not None:
        return False
    match step.action:
        case Update():
            return sight.finds(step.action.changes[0].side)
        case Delete():
            return sight.finds(step.action.side)
        case Create():
            return sight.made is None
        case _:
            return False


def _undo_one(undoing: _Undoing, step: Step, sight: Sight, context: Context) -> Flow[None]:
    part, attempts, action = undoing.part, undoing.attempts, step.action
    if sight.problem is not None:
        yield from part.report(line_of(action, "failed", sight.problem))
        return
    if sight.made is not None:
        side = action.side if isinstance(action, Create) else Side.KEAP
        yield from part.report(line_of(action, "skipped", f"it was made anew before: {side.title} {sight.made}"))
        return
    try:
        is_done = yield from finish(put_back(part, attempts, step, sight, context))
    except Exception as error:
        if isinstance(error, SyncError) and stops_everything(error):
            raise
        # A conflict may be with the same write, whose answer was lost and which was sent again.
        if is_foreseen(error) and not is_ambiguous(error) and not isinstance(error, ConflictError):
            attempts.end(step.seq)
        if stops_everything(error):
            raise
        if is_refused(action, error) and len(undoing.refused) < MOST:
            undoing.refused.append((step, error))
        else:
            yield from part.report(line_of(action, "failed", _reason(undoing, step, error)))
        return
    attempts.end(step.seq)
    part.sync.guard.went_well()
    if is_done and isinstance(action, Delete):
        undoing.done.add(pair_of(action))


def _settle_refused(undoing: _Undoing) -> Flow[None]:
    """Put back what others held, as they give it up: one by one, then those at once that hold each other's."""
    before = 0
    while undoing.refused and len(undoing.refused) != before:
        again, undoing.refused = undoing.refused, []
        before = len(again)
        for step, _ in reversed(again):
            yield from gather((yield from _ready(undoing, [step])), 1)
    left, undoing.refused = undoing.refused, []
    done: set[int] = set()
    for ring in rings([step for step, _ in left]):
        actions = [step.action for step in ring]
        yield from undoing.attempts.note([step.seq for step in ring])
        sights, context = (yield from look(undoing.part, actions)), (yield from context_of(undoing.part.sync, actions))
        if (yield from put_back_together(undoing.part, undoing.attempts, ring, sights, context)):
            done.update(step.seq for step in ring)
    for step, error in left:
        if step.seq not in done:
            yield from undoing.part.report(line_of(step.action, "failed", _reason(undoing, step, error)))


def _reason(undoing: _Undoing, step: Step, error: Exception) -> str:
    return undoing.part.sync.guard.failed(error, f"undoing {step.action.object}")


def _end_links(undoing: _Undoing, ends: Sequence[tuple[Unlink, Sight]]) -> Flow[None]:
    part = undoing.part
    gone = [action for action, sight in ends if sight.link is None and pair_of(action) not in undoing.done]
    yield from part.report(*(line_of(action, "skipped", "they are not linked any more") for action in gone))
    odd = [(action, sight.problem) for action, sight in ends if sight.problem is not None]
    yield from part.report(*(line_of(action, "failed", problem) for action, problem in odd))

    def fail(end: tuple[Unlink, Sight], error: Exception) -> Flow[list[None]]:
        reason = part.sync.guard.failed(error, f"undoing {part.sync.name}")
        yield from part.report(line_of(end[0], "failed", reason))
        return []

    there = [(action, sight) for action, sight in ends if sight.link is not None and sight.problem is None]
    yield from part.sync.guard.by_halves(there, partial(end_links, part), fail)
