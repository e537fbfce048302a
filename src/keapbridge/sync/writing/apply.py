"""Applying: re-read what is about to be changed, decide once more, write, and remember what was written.

For every record: intent (creates only) → call → link, bases and journal in one transaction. The cursors move last.
What fails is a line in the report and stays staged for a later run; it never stops the others. Only refused
credentials, a spent quota and a system that is down stop a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from keapbridge._flow.effects import Flow, now, within
from keapbridge.errors import StalePlanError
from keapbridge.model.accepted import Accepted
from keapbridge.model.actions import Action, Conflict, Skip, TellApart
from keapbridge.model.plan import Plan
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.guard import EVERY_RECORD, STOPPED, is_failure, stops_everything
from keapbridge.sync.linked_in_doubt import RESTORED
from keapbridge.sync.planning.sweeps import accept_sweeps
from keapbridge.sync.reading.custom_fields import make_fields
from keapbridge.sync.reading.unlisted_fields import learn_unshown
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.watching import run_id
from keapbridge.sync.writing.approved import approved
from keapbridge.sync.writing.creates import apply_creates, resume_creates
from keapbridge.sync.writing.named_entries import WRITING, make_entries
from keapbridge.sync.writing.pair_state import EDITED_ON_BOTH, held_line
from keapbridge.sync.writing.removals import apply_removals
from keapbridge.sync.writing.run import Run, RunPart, one_sided
from keapbridge.sync.writing.updates import apply_pairs
from keapbridge.tables.approvals import Approvals

__all__ = ["apply"]

MOVED_ON = "it has changed since it was decided; look again"
NOTHING: Mapping[str, str] = MappingProxyType({})


def apply(
    bridge: Bridge,
    plan: Plan,
    accepted: Accepted | None = None,
    held_back: Mapping[str, str] = NOTHING,
    *,
    is_fresh: bool = False,
    by: str | None = None,
    only: Approvals | None = None,
) -> Flow[Report]:
    """Do what a plan says, and report what was done.

    Args:
        accepted: what a person accepts for this run.
        held_back: synchronizations of which nothing is to be written, each with the reason.
        is_fresh: whether the plan was made just before; else others may have made records meanwhile.
        by: who wants it.
        only: what a person has approved of it; `None` for all.

    Raises:
        StalePlanError: when the plan was applied before, and for approvals of another plan.
        ValueError: for approvals that do not fit the plan.
    """
    those = None if only is None else (yield from approved(bridge, plan, only))
    name = yield from run_id()
    started = yield from now()
    # What planning has found of an earlier run, which did not live to know that it had made it.
    found = yield from bridge.store.runs.begin(plan.id, name, started, by, telling=plan.objects)
    if found is None:
        raise StalePlanError(f"plan {plan.id} was applied before; make a new one")
    run = Run(bridge.store, plan, name, bridge.settings.watch, accepted or Accepted(), is_fresh, those, by=by)
    run.deciding |= {
        (each, id): dict.fromkeys(fields, "") for each in plan.objects for id, fields in bridge[each].deciding.items()
    }
    run.count(found)
    doing = _apply_all(run, [bridge[each] for each in plan.objects], held_back)
    return (yield from run.to_its_end(within(doing, place=("run", name))))


def _apply_all(
    run: Run, synchronizations: Sequence[Synchronization], held_back: Mapping[str, str]
) -> Flow[Collection[str]]:
    for sync in synchronizations:
        if run.approved is None or (yield from _writes(run.part(sync))):
            yield from make_fields(sync)
    stopped: list[str] = []
    for sync in synchronizations:
        if sync.name in held_back:
            stopped.append(sync.name)
            reason = f"{STOPPED}{held_back[sync.name]}"
            yield from run.report(one_sided(sync.name, "failed", Side.KEAP, EVERY_RECORD, reason))
            continue
        try:
            yield from run.watch.phase(sync.name, "writing", _apply_part(run.part(sync)))
        except Exception as error:
            stopped.append(sync.name)
            if stops_everything(error):
                raise
            reason = sync.guard.stopped(error, sync.name)
            yield from run.report(one_sided(sync.name, "failed", Side.KEAP, EVERY_RECORD, reason))
            if len(stopped) == len(synchronizations):
                raise
    return stopped


def _writes(part: RunPart) -> Flow[bool]:
    """Whether something is to be written: who approves nothing wants no field to be made, either."""
    for batch in part.ahead(WRITING):
        if (yield from batch):
            return True
    return False


def _apply_part(part: RunPart) -> Flow[None]:
    yield from learn_unshown(part.sync)
    yield from _brake(part)
    yield from make_entries(part)
    yield from resume_creates(part)
    yield from apply_pairs(part)
    yield from apply_creates(part)
    yield from apply_removals(part)
    yield from _tell_apart(part)
    yield from _tell_decided(part)
    yield from _list_rest(part)
    part.run.counts.setdefault(part.sync.name, Counter())["unchanged"] += part.unchanged


def _brake(part: RunPart) -> Flow[None]:
    """Let nothing be written of what the plan's brakes hold, unless a person accepts it."""
    sync = part.sync
    accepted = [field for name, field in part.run.accepted.fields if name == sync.name]
    if accepted:
        yield from accept_sweeps(sync, accepted)
    for found in part.plan.findings:
        if (
            found.object == sync.name
            and found.field is not None
            and found.accept is not None
            and not part.is_accepted(found)
        ):
            sync.guard.braked[sync.name, found.field, found.side] = found.reason


def _tell_apart(part: RunPart) -> Flow[None]:
    for batch in part.batches(("tellapart",)):
        for action in (yield from batch):
            assert isinstance(action, TellApart)  # the batch has no others
            moment = yield from now()
            its = (action.object, action.one, action.other, part.run.run_id, moment, part.run.by)
            yield from part.sync.store.told_apart.note(*its)
            yield from part.report(one_sided(action.object, "told apart", action.side, action.id, action.reason))


def _tell_decided(part: RunPart) -> Flow[None]:
    """Count the fields that are as a person has decided, and tell of those that have moved on since it was decided."""
    name = part.sync.name
    for id in part.sync.deciding:
        told = part.run.deciding[name, id]
        left = [field for field, outcome in told.items() if not outcome]
        yield from part.report(*(Line(name, "skipped", Side.CUSTOMCRM, id, None, (field,), MOVED_ON) for field in left))
        if number := sum(outcome == "updated" for outcome in told.values()):
            part.run.counts.setdefault(name, Counter())["decided"] += number


def _list_rest(part: RunPart) -> Flow[None]:
    for batch in part.told(("conflict", "skip", "doubt")):
        actions = yield from batch
        told = [action for action in actions if not _is_decided(part, action)]
        yield from part.report(*(_line_of(action) for action in told))
        part.progressed(len(actions))


def _is_decided(part: RunPart, action: Action) -> bool:
    """Whether it waited for what is accepted now."""
    if isinstance(action, Skip):
        return part.is_accepted(action)
    restored = isinstance(action, Conflict) and action.conflict.about == RESTORED
    return restored and part.sync.restored is not None


def _line_of(action: Action) -> Line:
    if isinstance(action, Conflict):
        ids = (action.customcrm_id, action.keap_id)
        reason = action.conflict.reason or EDITED_ON_BOTH
        return Line(action.object, "conflict", None, *ids, (action.conflict.field,), reason)
    assert isinstance(action, Skip)
    if action.field is not None:
        return held_line(action)
    others = "; ".join(f"{side.title} {id}" for side, id in action.candidates)
    outcome = "failed" if is_failure(action.reason) else "skipped"
    return one_sided(action.object, outcome, action.side, action.id, action.reason + (f": {others}" if others else ""))
