"""Undoing a run: its writes in reverse, on both sides, from the journal. What was edited since is left and reported.

Values that the run wrote become what they were before; records it made are deleted; records it deleted are made anew
(with new ids); links it made end. The bases become what is then really held, so the next sync does not do it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from keapbridge._flow import Flow, new_id, now, run
from keapbridge.errors import ApiError, StalePlanError
from keapbridge.store import JournalEntry, Removal
from keapbridge.sync.bridge import Bridge, keys_of
from keapbridge.sync.merge import Change
from keapbridge.sync.plan import Action, Create, Delete, Plan, Skip, Unlink, Update, headings
from keapbridge.sync.records import Canonical, Link, Side, Snapshot
from keapbridge.sync.report import Line, Report
from keapbridge.sync.run import Run, one_sided, stops_everything

__all__ = ["plan_undo", "undo"]

UNDO = "undo"
BATCH = 500


def plan_undo(bridge: Bridge, run_id: str) -> Flow[Plan]:
    """What undoing a run would do.

    Raises:
        StalePlanError: when there is no such run in this session's store.
    """
    entries = yield from run("read the journal", bridge.store.journal, run_id)
    if entries is None:
        raise StalePlanError(f"there is no run {run_id!r} in this session's store")
    plan_id = (yield from new_id())[:12]
    moment = yield from now()
    actions = list(_actions(entries))
    objects = tuple(dict.fromkeys(action.object for action in actions))
    counts: dict[str, dict[str, int]] = {name: {} for name in objects}
    for action in actions:
        for heading in headings(action):
            counts[action.object][heading] = counts[action.object].get(heading, 0) + 1
    yield from run("begin the plan", bridge.store.begin_plan, plan_id, moment, objects, purpose=UNDO)
    for start in range(0, len(actions), BATCH):
        yield from run("write the plan", bridge.store.add_actions, plan_id, start, actions[start : start + BATCH])
    return (yield from run("finish the plan", bridge.store.finish_plan, plan_id, counts, {}, {}, {}))


def _actions(entries: Iterable[JournalEntry]) -> Iterable[Action]:
    """The reverse of a run, last write first."""
    made: set[tuple[str, str]] = set()
    for entry in reversed(list(entries)):
        ours, theirs = _ids(entry)
        match entry.kind:
            case "create":
                made.add((entry.object, ours))
                yield Delete(entry.object, entry.side, entry.record_id, entry.partner_id)
            case "update":
                changes = tuple(
                    Change(field, entry.side, after, entry.before.get(field), UNDO)
                    for field, after in entry.after.items()
                )
                yield Update(entry.object, ours, theirs, changes)
            case "link" if (entry.object, ours) not in made:
                yield Unlink(entry.object, ours, theirs, Side.KEAP, "the run that linked them is undone")
            case "delete":
                values = {field: value for field, value in entry.before.items() if value is not None}
                yield Create(entry.object, entry.side, entry.partner_id, values)
            case "archive":
                yield Skip(entry.object, entry.side, entry.record_id, "what archiving changed is not known any more")


def _ids(entry: JournalEntry) -> tuple[str, str]:
    if entry.side is Side.CUSTOMCRM:
        return entry.record_id, entry.partner_id
    return entry.partner_id, entry.record_id


def undo(bridge: Bridge, plan: Plan) -> Flow[Report]:
    """Do what `plan_undo` said, as far as nobody has edited the records since."""
    run_id = (yield from new_id())[:12]
    started = yield from now()
    if not (yield from run("begin the run", bridge.store.begin_apply, plan.id, run_id, started)):
        raise StalePlanError(f"plan {plan.id} was applied before; make a new one")
    book = Run(bridge, plan, run_id)
    # The plan is in reverse order over all synchronizations, and is kept so: contacts before their companies.
    for action in plan.actions:
        try:
            yield from _undo_one(book, action)
        except ApiError as error:
            if stops_everything(error):
                error.report = yield from book.finish(complete=False)
                raise
            yield from book.report(_line(action, "failed", str(error)))
    return (yield from book.finish(complete=True))


def _undo_one(book: Run, action: Action) -> Flow[None]:
    match action:
        case Update():
            yield from _restore(book, action)
        case Delete():
            yield from _delete_made(book, action)
        case Unlink():
            yield from _end_link(book, action)
        case Create():
            yield from _make_anew(book, action)
        case _:
            yield from book.report(_line(action, "skipped", getattr(action, "reason", "")))


def _line(action: Action, outcome: str, reason: str) -> Line:
    match action:
        case Update() | Unlink():
            return Line(action.object, outcome, None, action.customcrm_id, action.keap_id, (), reason)
        case Create():
            return one_sided(action.object, outcome, action.side.other, action.source_id, reason)
        case _:
            side = getattr(action, "side", Side.KEAP)
            return one_sided(action.object, outcome, side, getattr(action, "id", "?"), reason)


def _restore(book: Run, action: Update) -> Flow[None]:
    bridge, object, side = book.bridge, action.object, action.changes[0].side
    pairs = yield from run("read a pair", bridge.store.pairs_of, object, [action.customcrm_id])
    link = next((p.link for p in pairs if p.link.keap_id == action.keap_id), None)
    found = (yield from book.bridge.look_at(object, side, link.id(side))) if link else None
    if link is None or found is None:
        yield from book.report(_line(action, "skipped", "it is not linked, or not there, any more"))
        return
    record, seen = found
    moved = [c.field for c in action.changes if seen.snapshot.values.get(c.field) != c.before]
    if moved:
        reason = f"edited since: {', '.join(moved)}"
        yield from book.report(_line(action, "skipped", reason))
    changes = [c for c in action.changes if c.field not in moved]
    if not changes:
        return
    values = {c.field: c.after for c in changes}
    context = yield from bridge.context(object, [Snapshot(values)], plan_id=None)
    _, written = bridge.mappers[object].changed(side, record, values, context)
    yield from bridge.systems[object, side].update(link.id(side), written, seen.version)
    moment = yield from now()
    restored = link.with_base(side, {**link.base(side), **values})
    before = {c.field: c.before for c in changes}
    entry = JournalEntry(object, side, link.id(side), "update", before, values, moment, link.id(side.other))
    line = Line(object, "updated", side, link.customcrm_id, link.keap_id, tuple(sorted(values)), UNDO)
    yield from book.rebase(object, restored, (entry,), (line,))


def _delete_made(book: Run, action: Delete) -> Flow[None]:
    """Delete a record that the run made, unless it was edited since; the other one is kept, without a counterpart."""
    bridge, object, side = book.bridge, action.object, action.side
    ids = {side: action.id, side.other: action.partner_id}
    pairs = yield from run("read a pair", bridge.store.pairs_of, object, [ids[Side.CUSTOMCRM]])
    link = next((p.link for p in pairs if p.link.id(side) == action.id), None)
    found = yield from book.bridge.look_at(object, side, action.id)
    if link is None or found is None:
        yield from book.report(_line(action, "skipped", "it is not linked, or not there, any more"))
        return
    seen = found[1]
    edited = _differences(seen.snapshot.values, link.base(side))
    if edited:
        yield from book.report(_line(action, "skipped", f"edited since: {', '.join(edited)}"))
        return
    left = yield from book.bridge.look_at(object, side.other, action.partner_id)  # before the deletion: it may fail
    yield from bridge.systems[object, side].delete(action.id, seen.version)
    moment = yield from now()
    entry = JournalEntry(object, side, action.id, "delete", seen.snapshot.values, {}, moment, action.partner_id)
    line = one_sided(object, "deleted", side, action.id, UNDO)
    keys = keys_of(bridge.mappers[object], left[1].snapshot) if left else ()
    reason = "the run that made its counterpart was undone"
    yield from book.remove(
        Removal(object, link, left[1] if left else None, keys, reason, journal=(entry,), lines=(line,))
    )


def _differences(now_held: Mapping[str, Canonical], base: Mapping[str, Canonical]) -> list[str]:
    return [field for field, value in base.items() if field in now_held and now_held[field] != value]


def _end_link(book: Run, action: Unlink) -> Flow[None]:
    bridge, object = book.bridge, action.object
    pairs = yield from run("read a pair", bridge.store.pairs_of, object, [action.customcrm_id])
    link: Link | None = next((p.link for p in pairs if p.link.keap_id == action.keap_id), None)
    if link is None:
        yield from book.report(_line(action, "skipped", "they are not linked any more"))
        return
    line = Line(object, "unlinked", None, link.customcrm_id, link.keap_id, (), UNDO)
    for side in Side:
        left = yield from book.bridge.look_at(object, side, link.id(side))
        lines = (line,) if side is Side.CUSTOMCRM else ()
        survivor = left[1] if left else None
        yield from book.remove(Removal(object, link, survivor, (), action.reason, apart=True, lines=lines))


def _make_anew(book: Run, action: Create) -> Flow[None]:
    bridge, object, side = book.bridge, action.object, action.side
    context = yield from bridge.context(object, [Snapshot(action.values)], plan_id=None)
    record = bridge.mappers[object].draft(side, action.values, context)
    key = yield from new_id()
    answer = yield from bridge.systems[object, side].create(record, key)
    made = bridge.observe(object, side, answer, context)
    line = one_sided(object, "created", side, made.id, UNDO)
    yield from run(
        "keep it without a counterpart", bridge.store.keep_apart, object, made, "its counterpart was deleted"
    )
    yield from book.report(line)
