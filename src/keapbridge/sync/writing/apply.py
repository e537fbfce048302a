"""Applying: re-read what is about to be changed, decide once more, write, and remember what was written.

For every record: intent (creates only) → call → link, bases and journal in one transaction. The cursors move last.
What fails is a line in the report and stays staged for a later run; it never stops the others. Only refused
credentials, a spent quota and a system that is down stop a run.
"""

from __future__ import annotations

from collections import Counter

from keapbridge._io.effects import Flow, new_id, now
from keapbridge.errors import ApiError, StalePlanError
from keapbridge.model.plan import Action, Conflict, Plan, Skip
from keapbridge.model.report import Line, Report
from keapbridge.sync.reading.custom_fields import make_fields
from keapbridge.sync.synchronization import Bridge
from keapbridge.sync.writing.creates import apply_creates, resume_creates
from keapbridge.sync.writing.removals import apply_removals
from keapbridge.sync.writing.run import Run, one_sided
from keapbridge.sync.writing.updates import EDITED_ON_BOTH, apply_pairs, held_line

__all__ = ["apply"]


def apply(bridge: Bridge, plan: Plan) -> Flow[Report]:
    """Do what a plan says, and report what was done.

    Raises:
        StalePlanError: when the plan was applied before.
    """
    run_id = (yield from new_id())[:12]
    started = yield from now()
    if not (yield from bridge.store.runs.begin(plan.id, run_id, started)):
        raise StalePlanError(f"plan {plan.id} was applied before; make a new one")
    for object in plan.objects:
        yield from make_fields(bridge, object)
    book = Run(bridge, plan, run_id)
    # What planning has found of an earlier run, which did not live to know that it had made it.
    book.count((yield from bridge.store.runs.claim_lines(run_id, plan.objects)))
    try:
        for object in plan.objects:
            yield from _apply_object(book, object)
    except ApiError as error:
        # What was done stays done; the cursors stay where they are, and the next run plans the rest.
        error.report = yield from book.finish(complete=False)
        raise
    return (yield from book.finish(complete=True))


def _apply_object(book: Run, object: str) -> Flow[None]:
    yield from resume_creates(book, object)
    yield from apply_pairs(book, object)
    yield from apply_creates(book, object)
    yield from apply_removals(book, object)
    yield from _list_rest(book, object)
    counter = book.counts.setdefault(object, Counter())
    counter["unchanged"] += book.plan.unchanged.get(object, 0)


def _list_rest(book: Run, object: str) -> Flow[None]:
    for batch in book.batches(object, ("conflict", "skip")):
        actions = yield from batch
        yield from book.report(*(_line_of(action) for action in actions))
        book.progressed(object, len(actions))


def _line_of(action: Action) -> Line:
    if isinstance(action, Conflict):
        ids = (action.customcrm_id, action.keap_id)
        reason = action.conflict.reason or EDITED_ON_BOTH
        return Line(action.object, "conflict", None, *ids, (action.conflict.field,), reason)
    assert isinstance(action, Skip)
    if action.field is not None:
        return held_line(action)
    others = "; ".join(f"{side.title} {id}" for side, id in action.candidates)
    return one_sided(
        action.object, "skipped", action.side, action.id, action.reason + (f": {others}" if others else "")
    )
