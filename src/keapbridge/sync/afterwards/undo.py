"""Undoing a run: its writes in reverse, on both sides, from the journal. What was edited since is left and reported.

Values that the run wrote become what they were before; records it made are deleted; records it deleted are made anew
(with new ids); links it made end. The bases become what is then really held, so the next sync does not do it again.

A write is noted before it is sent. A run that dies, or does not see the answer, leaves the note; whatever comes next
looks first what became of it, so that the next sync does not take it for somebody's edit or deletion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import attrs
import msgspec

from keapbridge._io.effects import Flow, new_id, now
from keapbridge.errors import ApiError, ConflictError, MappingError, NotFoundError, StalePlanError
from keapbridge.model.change import Change
from keapbridge.model.kept import Intent, JournalEntry, Removal
from keapbridge.model.plan import Action, Create, Delete, Plan, Skip, Unlink, Update, headings
from keapbridge.model.records import Canonical, Link, Observation, Snapshot
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side
from keapbridge.sync.lease import keep
from keapbridge.sync.planning.propose import find_made
from keapbridge.sync.synchronization import Bridge, keys_of
from keapbridge.sync.writing.creates import is_ambiguous
from keapbridge.sync.writing.run import Run, one_sided, stops_everything

__all__ = ["finish_undo", "plan_undo", "undo"]

UNDO = "undo"
UNDOING = "undoing"  # the fact that tells of the writes under way
BATCH = 500


class _Mark(NamedTuple):
    """A write under way."""

    plan_id: str
    seq: int
    run_id: str
    key: str
    at: datetime


@attrs.define
class _Undoing(Run):
    """A run under way that takes another one back: one action after the other."""

    seq: int = 0
    marks: tuple[_Mark, ...] = ()

    def begin(self) -> Flow[str]:
        """Note that the action at hand is about to be written; answers the key of its create."""
        yield from keep(self.bridge.store)
        key, moment = (yield from new_id()), (yield from now())
        yield from self._note((*self.marks, _Mark(self.plan.id, self.seq, self.run_id, key, moment)))
        return key

    def end(self) -> Flow[None]:
        left = tuple(mark for mark in self.marks if mark.seq != self.seq)
        if left != self.marks:
            yield from self._note(left)

    def _note(self, marks: tuple[_Mark, ...]) -> Flow[None]:
        self.marks = marks
        yield from _note(self.bridge, marks)


def _note(bridge: Bridge, marks: Sequence[_Mark]) -> Flow[None]:
    text = msgspec.json.encode(marks).decode()
    yield from bridge.store.facts.set(UNDOING, text, durable=True)


def _noted(bridge: Bridge) -> Flow[list[_Mark]]:
    text = yield from bridge.store.facts.get(UNDOING)
    return msgspec.json.decode(text, type=list[_Mark]) if text else []


def plan_undo(bridge: Bridge, run_id: str) -> Flow[Plan]:
    """What undoing a run would do.

    Raises:
        StalePlanError: when there is no such run in this session's store.
    """
    entries = yield from bridge.store.journal.of_run(run_id)
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
    yield from bridge.store.plans.begin(plan_id, moment, objects, purpose=UNDO)
    for start in range(0, len(actions), BATCH):
        yield from bridge.store.plans.add_actions(plan_id, start, actions[start : start + BATCH])
    return (yield from bridge.store.plans.finish(plan_id, counts, {}, {}, {}))


def _actions(entries: Iterable[JournalEntry]) -> Iterable[Action]:
    """The reverse of a run, last write first."""
    for entry in reversed(list(entries)):
        ours, theirs = _ids(entry)
        match entry.kind:
            case "create":
                yield Delete(entry.object, entry.side, entry.record_id, entry.partner_id)
            case "update":
                changes = tuple(
                    Change(field, entry.side, after, entry.before.get(field), UNDO)
                    for field, after in entry.after.items()
                )
                yield Update(entry.object, ours, theirs, changes)
            case "link":
                yield Unlink(entry.object, ours, theirs, Side.KEAP, "the run that linked them is undone")
            case "delete":
                values = {field: value for field, value in entry.before.items() if value is not None}
                yield Create(entry.object, entry.side, entry.partner_id, values)
            case _:
                yield Skip(entry.object, entry.side, entry.record_id, "what archiving changed is not known any more")


def _ids(entry: JournalEntry) -> tuple[str, str]:
    if entry.side is Side.CUSTOMCRM:
        return entry.record_id, entry.partner_id
    return entry.partner_id, entry.record_id


def undo(bridge: Bridge, plan: Plan) -> Flow[Report]:
    """Do what `plan_undo` said, as far as nobody has edited the records since.

    Raises:
        StalePlanError: when the plan was applied before, or what became of an earlier undoing is not certain yet.
    """
    if uncertain := (yield from _noted(bridge)):
        again = max(mark.at for mark in uncertain) + bridge.lag
        raise StalePlanError(f"what an earlier undoing has made is not certain before {again:%Y-%m-%d %H:%M:%S} UTC")
    run_id = (yield from new_id())[:12]
    started = yield from now()
    if not (yield from bridge.store.runs.begin(plan.id, run_id, started)):
        raise StalePlanError(f"plan {plan.id} was applied before; make a new one")
    book = _Undoing(bridge, plan, run_id)
    # The plan is in reverse order over all synchronizations, and is kept so: contacts before their companies.
    for seq, action in enumerate(plan.actions):
        book.seq = seq
        try:
            yield from _undo_one(book, action)
        except (ApiError, MappingError) as error:
            # A conflict may be with the same write, whose answer was lost and which was sent again.
            if not is_ambiguous(error) and not isinstance(error, ConflictError):
                yield from book.end()
            if isinstance(error, ApiError) and stops_everything(error):
                error.report = yield from book.finish(complete=False)
                raise
            yield from book.report(_line(action, "failed", str(error)))
        else:
            yield from book.end()
    return (yield from book.finish(complete=True))


def finish_undo(bridge: Bridge) -> Flow[None]:
    """Find out what became of writes that an earlier undoing has noted. Neither system is written to."""
    marks = yield from _noted(bridge)
    uncertain: list[_Mark] = []
    for mark in marks:
        plan = yield from bridge.store.plans.get(mark.plan_id)
        if plan is None:
            continue  # it was kept for as long as the journal
        [action] = islice(plan.actions, mark.seq, mark.seq + 1)
        if not (yield from _is_explained(Run(bridge, plan, mark.run_id), action, mark)):
            uncertain.append(mark)
    if marks:
        yield from _note(bridge, uncertain)


def _is_explained(book: Run, action: Action, mark: _Mark) -> Flow[bool]:
    match action:
        case Update():
            side = action.changes[0].side
            link, found = yield from _linked(book, action.object, side, action.customcrm_id, action.keap_id)
            if link is not None and found is not None:
                held = found[1].snapshot.values
                done = [c for c in action.changes if c.field in held and held[c.field] == c.after]
                yield from _restored(book, action.object, side, link, done)
        case Delete():
            link, found = yield from _linked(book, action.object, action.side, *_pair_of(action))
            if link is not None and found is None:
                left = yield from book.bridge.look_at(action.object, action.side.other, action.partner_id)
                yield from _deleted(book, action, link, link.base(action.side), left and left[1])
        case Unlink():
            for side in Side:
                left = yield from book.bridge.look_at(action.object, side, _id(action, side))
                if left is not None:
                    yield from _keep_apart(book.bridge, action.object, left[1], action.reason)
        case Create():
            return (yield from _is_create_explained(book.bridge, action, mark))
        case _:
            pass
    return True


def _is_create_explained(bridge: Bridge, action: Create, mark: _Mark) -> Flow[bool]:
    intent = Intent(mark.key, action.object, action.side, action.source_id, action.values, mark.at)
    found = yield from find_made(bridge, intent)
    for made in found:
        yield from _made_anew(bridge, action, made)
    return bool(found) or (yield from now()) - mark.at >= bridge.lag


def _undo_one(book: _Undoing, action: Action) -> Flow[None]:
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


def _linked(
    book: Run, object: str, side: Side, customcrm_id: str, keap_id: str
) -> Flow[tuple[Link | None, tuple[Any, Observation] | None]]:
    """The link of two records, as far as it is still there, and what the record on `side` holds."""
    pairs = yield from book.bridge.store.links.pairs_of(object, [customcrm_id])
    link = next((p.link for p in pairs if p.link.keap_id == keap_id), None)
    found = None if link is None else (yield from book.bridge.look_at(object, side, link.id(side)))
    return link, found


def _pair_of(action: Delete) -> tuple[str, str]:
    pair = (action.id, action.partner_id)
    return pair if action.side is Side.CUSTOMCRM else (pair[1], pair[0])


def _id(action: Unlink, side: Side) -> str:
    return action.customcrm_id if side is Side.CUSTOMCRM else action.keap_id


def _line(action: Action, outcome: str, reason: str) -> Line:
    match action:
        case Update() | Unlink():
            return Line(action.object, outcome, None, action.customcrm_id, action.keap_id, (), reason)
        case Create():
            return one_sided(action.object, outcome, action.side.other, action.source_id, reason)
        case _:
            side = getattr(action, "side", Side.KEAP)
            return one_sided(action.object, outcome, side, getattr(action, "id", "?"), reason)


def _restore(book: _Undoing, action: Update) -> Flow[None]:
    bridge, object, side = book.bridge, action.object, action.changes[0].side
    link, found = yield from _linked(book, object, side, action.customcrm_id, action.keap_id)
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
    yield from book.begin()
    yield from bridge.systems[object, side].update(link.id(side), written, seen.version)
    yield from _restored(book, object, side, link, changes)


def _restored(book: Run, object: str, side: Side, link: Link, changes: Sequence[Change]) -> Flow[None]:
    if not changes:
        return
    moment = yield from now()
    values = {c.field: c.after for c in changes}
    restored = link.with_base(side, {**link.base(side), **values})
    before = {c.field: c.before for c in changes}
    entry = JournalEntry(object, side, link.id(side), "update", before, values, moment, link.id(side.other))
    line = Line(object, "updated", side, link.customcrm_id, link.keap_id, tuple(sorted(values)), UNDO)
    yield from book.rebase(object, restored, (entry,), (line,))


def _delete_made(book: _Undoing, action: Delete) -> Flow[None]:
    """Delete a record that the run made, unless it was edited since; the other one is kept, without a counterpart."""
    bridge, object, side = book.bridge, action.object, action.side
    link, found = yield from _linked(book, object, side, *_pair_of(action))
    if link is None or found is None:
        yield from book.report(_line(action, "skipped", "it is not linked, or not there, any more"))
        return
    seen = found[1]
    edited = _differences(seen.snapshot.values, link.base(side))
    if edited:
        yield from book.report(_line(action, "skipped", f"edited since: {', '.join(edited)}"))
        return
    left = yield from bridge.look_at(object, side.other, action.partner_id)  # before the deletion: it may fail
    yield from book.begin()
    with suppress(NotFoundError):  # it was sent twice, or somebody else was quicker
        yield from bridge.systems[object, side].delete(action.id, seen.version)
    yield from _deleted(book, action, link, seen.snapshot.values, left and left[1])


def _deleted(
    book: Run, action: Delete, link: Link, before: Mapping[str, Canonical], left: Observation | None
) -> Flow[None]:
    object, side = action.object, action.side
    moment = yield from now()
    entry = JournalEntry(object, side, action.id, "delete", before, {}, moment, action.partner_id)
    line = one_sided(object, "deleted", side, action.id, UNDO)
    keys = keys_of(book.bridge.mappers[object], left.snapshot) if left else ()
    reason = "the run that made its counterpart was undone"
    yield from book.remove(Removal(object, link, left, keys, reason, journal=(entry,), lines=(line,)))


def _differences(now_held: Mapping[str, Canonical], base: Mapping[str, Canonical]) -> list[str]:
    return [field for field, value in base.items() if field in now_held and now_held[field] != value]


def _end_link(book: _Undoing, action: Unlink) -> Flow[None]:
    bridge, object = book.bridge, action.object
    pairs = yield from bridge.store.links.pairs_of(object, [action.customcrm_id])
    link: Link | None = next((p.link for p in pairs if p.link.keap_id == action.keap_id), None)
    if link is None:
        yield from book.report(_line(action, "skipped", "they are not linked any more"))
        return
    ours = yield from bridge.look_at(object, Side.CUSTOMCRM, link.customcrm_id)
    theirs = yield from bridge.look_at(object, Side.KEAP, link.keap_id)
    line = Line(object, "unlinked", None, link.customcrm_id, link.keap_id, (), UNDO)
    yield from book.begin()
    yield from book.remove(Removal(object, link, lines=(line,)))
    for found in (ours, theirs):
        if found is not None:
            yield from _keep_apart(bridge, object, found[1], action.reason)


def _keep_apart(bridge: Bridge, object: str, left: Observation, reason: str) -> Flow[None]:
    yield from bridge.store.links.keep_apart(object, left, reason)


def _make_anew(book: _Undoing, action: Create) -> Flow[None]:
    bridge, object, side = book.bridge, action.object, action.side
    before = yield from bridge.store.facts.get(_fact(action))
    if before and (yield from bridge.look_at(object, side, before)):
        yield from book.report(_line(action, "skipped", f"it was made anew before: {side.title} {before}"))
        return
    context = yield from bridge.context(object, [Snapshot(action.values)], plan_id=None)
    record = bridge.mappers[object].draft(side, action.values, context)
    key = yield from book.begin()
    answer = yield from bridge.systems[object, side].create(record, key)
    made = bridge.observe(object, side, answer, context)
    yield from _made_anew(bridge, action, made)
    yield from book.report(one_sided(object, "created", side, made.id, UNDO))


def _made_anew(bridge: Bridge, action: Create, made: Observation) -> Flow[None]:
    yield from _keep_apart(bridge, action.object, made, "its counterpart was deleted")
    yield from bridge.store.facts.set(_fact(action), made.id)


def _fact(action: Create) -> str:
    """Where it is remembered what was made anew, so that no second undoing makes it once more."""
    what = f"{action.object}:{action.side.value}:{action.source_id}"
    return f"made anew:{hashlib.blake2b(what.encode(), digest_size=16).hexdigest()}"
