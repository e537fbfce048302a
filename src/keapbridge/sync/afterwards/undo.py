"""Undoing a run: its writes in reverse, on both sides, from the journal. What was edited since is left and reported.

Values that the run wrote become what they were before; records it made are deleted; records it deleted are made anew
(with new ids); links it made end. The bases become what is then really held, so the next sync does not do it again.

A write is noted before it is sent. A run that dies, or does not see the answer, leaves the note; whatever comes next
looks first what became of it, so that the next sync does not take it for somebody's edit or deletion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import attrs
import msgspec

from keapbridge._io.effects import Flow, elapsed, finish, new_id, now
from keapbridge.errors import ConflictError, NotFoundError, StalePlanError, SyncError
from keapbridge.model.change import Change
from keapbridge.model.kept import Intent, JournalEntry, Removal
from keapbridge.model.plan import Action, Create, Delete, Plan, Skip, Unlink, Update, headings
from keapbridge.model.records import Canonical, Link, Observation, Snapshot
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.rows import broken
from keapbridge.sync.guard import is_foreseen, stops_everything
from keapbridge.sync.planning.lost_creates import certain_at, find_made
from keapbridge.sync.synchronization import Bridge, Seen, Synchronization
from keapbridge.sync.watching import run_id
from keapbridge.sync.writing.creates import is_ambiguous
from keapbridge.sync.writing.run import Run, RunPart, one_sided
from keapbridge.sync.writing.window import Window

__all__ = ["finish_undo", "plan_undo", "undo"]

UNDO = "undo"
UNDOING = "undoing"  # the fact that tells of the writes under way
BATCH = 500


class _Attempt(NamedTuple):
    """A write under way."""

    plan_id: str
    seq: int
    run_id: str
    key: str
    at: datetime


@attrs.define
class _Attempts:
    """The writes under way of a run that takes another one back, noted before they are sent."""

    run: Run
    seq: int = 0
    noted: tuple[_Attempt, ...] = ()

    def begin(self) -> Flow[str]:
        """Note that the action at hand is about to be written; answers the key of its create."""
        key, moment = (yield from new_id()), (yield from self.run.store.lease.time())
        yield from self._note((*self.noted, _Attempt(self.run.plan.id, self.seq, self.run.run_id, key, moment)))
        return key

    def renew(self, moment: datetime) -> Flow[None]:
        """The action at hand was not written yet, and is about to be."""
        yield from self._note((*self.noted[:-1], self.noted[-1]._replace(at=moment)))

    def end(self) -> Flow[None]:
        """What became of the action at hand is known."""
        left = tuple(attempt for attempt in self.noted if attempt.seq != self.seq)
        if left != self.noted:
            yield from self._note(left)

    def _note(self, attempts: tuple[_Attempt, ...]) -> Flow[None]:
        self.noted = attempts
        yield from _note(self.run.store, attempts)


def _note(store: LinkStore, attempts: Sequence[_Attempt]) -> Flow[None]:
    yield from store.facts.set(UNDOING, msgspec.json.encode(attempts).decode(), durable=True)


def _noted(store: LinkStore) -> Flow[list[_Attempt]]:
    text = yield from store.facts.get(UNDOING)
    try:
        return msgspec.json.decode(text, type=list[_Attempt]) if text else []
    except msgspec.DecodeError:
        raise broken("what was being undone") from None


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
    if uncertain := (yield from _noted(bridge.store)):
        again = max(certain_at(attempt.at, bridge.settings) for attempt in uncertain)
        raise StalePlanError(f"what an earlier undoing has made is not certain before {again:%Y-%m-%d %H:%M:%S} UTC")
    name = yield from run_id()
    started = yield from now()
    if not (yield from bridge.store.runs.begin(plan.id, name, started)):
        raise StalePlanError(f"plan {plan.id} was applied before; make a new one")
    run = Run(bridge.store, plan, name, bridge.settings.watch)
    return (yield from run.to_its_end(_undo_all(bridge, run)))


def _undo_all(bridge: Bridge, run: Run) -> Flow[Collection[str]]:
    attempts = _Attempts(run)
    # The plan is in reverse order over all synchronizations, and is kept so: contacts before their companies.
    for seq, action in enumerate(run.plan.actions):
        attempts.seq = seq
        try:
            yield from finish(_undo_one(run.part(bridge[action.object]), attempts, action))
        except Exception as error:
            if isinstance(error, SyncError) and stops_everything(error):
                raise
            # A conflict may be with the same write, whose answer was lost and which was sent again.
            if is_foreseen(error) and not is_ambiguous(error) and not isinstance(error, ConflictError):
                yield from attempts.end()
            if stops_everything(error):
                raise
            yield from run.report(_line(action, "failed", bridge.guard.failed(error, f"undoing {action.object}")))
        else:
            yield from attempts.end()
    return ()


def finish_undo(bridge: Bridge) -> Flow[None]:
    """Find out what became of writes that an earlier undoing has noted. Neither system is written to."""
    attempts = yield from _noted(bridge.store)
    uncertain: list[_Attempt] = []
    for attempt in attempts:
        plan = yield from bridge.store.plans.get(attempt.plan_id)
        if plan is None:
            continue  # it was kept for as long as the journal
        [action] = islice(plan.actions, attempt.seq, attempt.seq + 1)
        part = Run(bridge.store, plan, attempt.run_id, bridge.settings.watch).part(bridge[action.object])
        try:
            explained = yield from _is_explained(part, action, attempt)
        except Exception as error:
            if is_foreseen(error) or stops_everything(error):
                raise
            bridge.guard.failed(error, f"undoing {action.object}")
            explained = False
        if not explained:
            uncertain.append(attempt)
    if attempts:
        yield from _note(bridge.store, uncertain)


def _is_explained(part: RunPart, action: Action, attempt: _Attempt) -> Flow[bool]:
    match action:
        case Update():
            side = action.changes[0].side
            link, found = yield from _linked(part, side, action.customcrm_id, action.keap_id)
            if link is not None and found is not None:
                held = found.whole.snapshot.values
                done = [c for c in action.changes if c.field in held and held[c.field] == c.after]
                yield from _restored(part, side, link, done)
        case Delete():
            link, found = yield from _linked(part, action.side, *_pair_of(action))
            if link is not None and found is None:
                left = yield from part.sync.read_one(action.side.other, action.partner_id)
                yield from _deleted(part, action, link, link.base(action.side), left)
        case Unlink():
            for side in Side:
                left = yield from part.sync.read_one(side, _id(action, side))
                if left is not None:
                    yield from _keep_apart(part.sync, left.whole, action.reason)
        case Create():
            return (yield from _is_create_explained(part.sync, action, attempt))
        case _:
            pass
    return True


def _is_create_explained(sync: Synchronization, action: Create, attempt: _Attempt) -> Flow[bool]:
    intent = Intent(attempt.key, sync.name, action.side, action.source_id, action.values, attempt.at)
    found = yield from find_made(sync, intent)
    for made in found:
        yield from _made_anew(sync, action, made)
    return bool(found) or (yield from sync.store.lease.time()) >= certain_at(attempt.at, sync.settings)


def _undo_one(part: RunPart, attempts: _Attempts, action: Action) -> Flow[None]:
    match action:
        case Update():
            yield from _restore(part, attempts, action)
        case Delete():
            yield from _delete_made(part, attempts, action)
        case Unlink():
            yield from _end_link(part, attempts, action)
        case Create():
            yield from _make_anew(part, attempts, action)
        case _:
            yield from part.report(_line(action, "skipped", getattr(action, "reason", "")))


def _linked(part: RunPart, side: Side, customcrm_id: str, keap_id: str) -> Flow[tuple[Link | None, Seen | None]]:
    """The link of two records, as far as it is still there, and what the record on `side` holds."""
    pairs = yield from part.sync.store.links.pairs_of(part.sync.name, [customcrm_id])
    link = next((p.link for p in pairs if p.link.keap_id == keap_id), None)
    found = None if link is None else (yield from part.sync.read_one(side, link.id(side)))
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


def _restore(part: RunPart, attempts: _Attempts, action: Update) -> Flow[None]:
    sync, side = part.sync, action.changes[0].side
    link, found = yield from _linked(part, side, action.customcrm_id, action.keap_id)
    if link is None or found is None:
        yield from part.report(_line(action, "skipped", "it is not linked, or not there, any more"))
        return
    record, seen = found.record, found.whole
    moved = [c.field for c in action.changes if seen.snapshot.values.get(c.field) != c.before]
    if moved:
        reason = f"edited since: {', '.join(moved)}"
        yield from part.report(_line(action, "skipped", reason))
    changes = [c for c in action.changes if c.field not in moved]
    if not changes:
        return
    values = {c.field: c.after for c in changes}
    context = yield from sync.context([Snapshot(values)])
    _, written = sync.mapper.changed(side, record, values, context)
    yield from attempts.begin()
    yield from sync.systems[side].update(link.id(side), written, seen.version)
    yield from _restored(part, side, link, changes)


def _restored(part: RunPart, side: Side, link: Link, changes: Sequence[Change]) -> Flow[None]:
    if not changes:
        return
    sync, moment = part.sync, (yield from now())
    values = {c.field: c.after for c in changes}
    restored = link.based_on(side, values)
    before = {c.field: c.before for c in changes}
    entry = JournalEntry(sync.name, side, link.id(side), "update", before, values, moment, link.id(side.other))
    line = Line(sync.name, "updated", side, link.customcrm_id, link.keap_id, tuple(sorted(values)), UNDO)
    yield from part.rebase(restored, (entry,), (line,))


def _delete_made(part: RunPart, attempts: _Attempts, action: Delete) -> Flow[None]:
    """Delete a record that the run made, unless it was edited since; the other one is kept, without a counterpart."""
    sync, side = part.sync, action.side
    link, found = yield from _linked(part, side, *_pair_of(action))
    if link is None or found is None:
        yield from part.report(_line(action, "skipped", "it is not linked, or not there, any more"))
        return
    seen = found.whole
    edited = _differences(seen.snapshot.values, link.base(side))
    if edited:
        yield from part.report(_line(action, "skipped", f"edited since: {', '.join(edited)}"))
        return
    left = yield from sync.read_one(side.other, action.partner_id)  # before the deletion: it may fail
    yield from attempts.begin()
    with suppress(NotFoundError):  # it was sent twice, or somebody else was quicker
        yield from sync.systems[side].delete(action.id, seen.version)
    yield from _deleted(part, action, link, seen.snapshot.values, left)


def _deleted(
    part: RunPart, action: Delete, link: Link, before: Mapping[str, Canonical], left: Seen | None
) -> Flow[None]:
    sync, side = part.sync, action.side
    moment = yield from now()
    entry = JournalEntry(sync.name, side, action.id, "delete", before, {}, moment, action.partner_id)
    line = one_sided(sync.name, "deleted", side, action.id, UNDO)
    survivor = None if left is None else left.whole
    keys = sync.keys(survivor.snapshot) if survivor else ()
    reason = "the run that made its counterpart was undone"
    yield from part.remove(Removal(sync.name, link, survivor, keys, reason, journal=(entry,), lines=(line,)))


def _differences(now_held: Mapping[str, Canonical], base: Mapping[str, Canonical]) -> list[str]:
    return [field for field, value in base.items() if field in now_held and now_held[field] != value]


def _end_link(part: RunPart, attempts: _Attempts, action: Unlink) -> Flow[None]:
    sync = part.sync
    pairs = yield from sync.store.links.pairs_of(sync.name, [action.customcrm_id])
    link: Link | None = next((p.link for p in pairs if p.link.keap_id == action.keap_id), None)
    if link is None:
        yield from part.report(_line(action, "skipped", "they are not linked any more"))
        return
    ours = yield from sync.read_one(Side.CUSTOMCRM, link.customcrm_id)
    theirs = yield from sync.read_one(Side.KEAP, link.keap_id)
    line = Line(sync.name, "unlinked", None, link.customcrm_id, link.keap_id, (), UNDO)
    yield from attempts.begin()
    yield from part.remove(Removal(sync.name, link, lines=(line,)))
    for found in (ours, theirs):
        if found is not None:
            yield from _keep_apart(sync, found.whole, action.reason)


def _keep_apart(sync: Synchronization, left: Observation, reason: str) -> Flow[None]:
    yield from sync.store.links.keep_apart(sync.name, left, reason)


def _make_anew(part: RunPart, attempts: _Attempts, action: Create) -> Flow[None]:
    sync, side = part.sync, action.side
    before = yield from sync.store.facts.get(_fact(action))
    if before and (yield from sync.read_one(side, before)):
        yield from part.report(_line(action, "skipped", f"it was made anew before: {side.title} {before}"))
        return
    context = yield from sync.context([Snapshot(action.values)])
    record = sync.mapper.new_record(side, action.values, context)
    begun = yield from elapsed()
    key = yield from attempts.begin()
    intent = Intent(key, sync.name, side, action.source_id, action.values, attempts.noted[-1].at)
    window = Window(sync, intent, begun, attempts.renew)
    try:
        answer = yield from window.send(record)
    except BaseException as interrupt:
        if not (window.sent or isinstance(interrupt, (Exception, GeneratorExit))):
            yield from attempts.end()
        raise
    made = sync.observe(side, answer, context)
    yield from _made_anew(sync, action, made)
    yield from part.report(one_sided(sync.name, "created", side, made.id, UNDO))


def _made_anew(sync: Synchronization, action: Create, made: Observation) -> Flow[None]:
    yield from _keep_apart(sync, made, "its counterpart was deleted")
    yield from sync.store.facts.set(_fact(action), made.id)


def _fact(action: Create) -> str:
    """Where it is remembered what was made anew, so that no second undoing makes it once more."""
    what = f"{action.object}:{action.side.value}:{action.source_id}"
    return f"made anew:{hashlib.blake2b(what.encode(), digest_size=16).hexdigest()}"
