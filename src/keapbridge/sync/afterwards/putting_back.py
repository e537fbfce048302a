"""Taking back one write: a value becomes what it was, a record that was made goes, one that went is made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import attrs

from keapbridge._flow.effects import Flow, now, within
from keapbridge.decide.along import told_emptied
from keapbridge.errors import ConflictError, NotFoundError, StatusError
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.raw import EXTRA
from keapbridge.mapping.taking_back import made_anew, raw_of, raw_paths, taken_back
from keapbridge.mapping.writing import put_values
from keapbridge.model.actions import Action, Create, Delete, TellApart, Unlink, Update
from keapbridge.model.change import Change
from keapbridge.model.kept_in_store import Intent, JournalEntry, Removal
from keapbridge.model.maybe import UNSET
from keapbridge.model.raw import RawChange
from keapbridge.model.records import Canonical, Link, Observation, Snapshot, Values, is_stored_form
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.afterwards.undo_notes import Attempts
from keapbridge.sync.afterwards.undo_plan import UNDO, is_only_noted, pair_of
from keapbridge.sync.reading.unlisted_fields import looked_closer
from keapbridge.sync.synchronization import Seen, Synchronization
from keapbridge.sync.systems import update_of
from keapbridge.sync.writing.creates import end_link_of_the_gone, is_reissued, note_written_over
from keapbridge.sync.writing.emptied import what_is_emptied
from keapbridge.sync.writing.pair_state import Sent, stored_of, with_along
from keapbridge.sync.writing.run import RunPart, one_sided
from keapbridge.sync.writing.window import Window

__all__ = [
    "Sight",
    "Step",
    "as_before",
    "context_of",
    "edited_since",
    "end_links",
    "line_of",
    "look",
    "made_before",
    "put_back",
    "remember_deleted",
    "remember_made",
    "remember_restored",
    "remember_written",
]

NOT_WRITTEN = "nothing of what was decided was written yet; it waits for a decision again"
GONE = "it is not linked, or not there, any more"


@attrs.frozen
class Sight:
    """What is there before something is taken back.

    Attributes:
        link: of the two records; `None` when they are not linked any more.
        seen: what the records hold, as far as they are there.
        problem: why one of them cannot be read.
        made: the record that was made anew before for one that the run deleted.
    """

    link: Link | None = None
    seen: Mapping[Side, Seen] = attrs.field(factory=dict)
    problem: str | None = None
    made: str | None = None

    def seeing(self, side: Side, seen: Seen | None, problem: str | None) -> Sight:
        """The same with a look at one of the records."""
        if seen is None:
            return attrs.evolve(self, problem=self.problem or problem)
        return attrs.evolve(self, seen={**self.seen, side: seen}, problem=self.problem or seen.whole.problem)

    def finds(self, side: Side) -> bool:
        """Whether the pair is linked, and a record is there."""
        return self.link is not None and side in self.seen


@attrs.frozen
class Step:
    """One action of a plan that takes a run back, at its place in the plan."""

    seq: int
    action: Action


# --- looking ----------------------------------------------------------------------------------------------------


def look(part: RunPart, actions: Sequence[Action], *, through_outages: bool = True) -> Flow[list[Sight]]:
    """What is there of the pairs that some actions are about, in few reads.

    Args:
        through_outages: a system that fails is a problem like others; else its error is raised.
    """
    sync = part.sync
    ids = [_ids(action) for action in actions]
    pairs = yield from sync.store.links.pairs_of(sync.name, {each[0] for each in ids if each is not None})
    known = {(pair.link.customcrm_id, pair.link.keap_id): pair.link for pair in pairs}
    links = [None if each is None else known.get(each) for each in ids]
    sights = [Sight(link) for link in links]
    for side in Side:
        wanted = [link.id(side) for action, link in zip(actions, links, strict=True) if link and side in _sides(action)]
        if not wanted:
            continue
        records, odd = yield from sync.fetch(side, list(dict.fromkeys(wanted)), through_outages=through_outages)
        found = {seen.whole.id: seen for seen in (yield from sync.see(side, records))}
        for n, (action, link) in enumerate(zip(actions, links, strict=True)):
            if link is None or side not in _sides(action):
                continue
            seen = found.get(link.id(side))
            if seen is not None and isinstance(action, Update):
                seen = yield from looked_closer(sync, side, seen, [change.field for change in action.changes])
            sights[n] = sights[n].seeing(side, seen, odd.get(link.id(side)))
    return sights


def _ids(action: Action) -> tuple[str, str] | None:
    """The ids of the pair that an action is about; `None` where it is about one record."""
    ids = {} if isinstance(action, TellApart) else dict(pair_of(action))
    return (ids[Side.CUSTOMCRM], ids[Side.KEAP]) if len(ids) == len(Side) else None


def _sides(action: Action) -> Sequence[Side]:
    """The sides of its pair that an action is about."""
    return tuple({change.side for change in action.changes}) if isinstance(action, Update) else tuple(Side)


def context_of(sync: Synchronization, actions: Sequence[Action]) -> Flow[Context]:
    """What the values that are put back need to be read and written."""
    values: list[Values] = [a.values for a in actions if isinstance(a, Create)]
    values += [{c.field: c.after for c in a.changes} for a in actions if isinstance(a, Update)]
    return (yield from sync.context(map(Snapshot, values)))


def made_before(sync: Synchronization, action: Create) -> Flow[str | None]:
    """The record that was made anew before, and is still there."""
    before = yield from sync.store.facts.get(_fact(action))
    return before if before and (yield from sync.read_one(action.side, before)) else None


def line_of(action: Action, outcome: str, reason: str) -> Line:
    """A line about an action, for the report."""
    match action:
        case Update():
            fields = tuple(sorted(change.field for change in action.changes)) if outcome == "failed" else ()
            return Line(action.object, outcome, None, action.customcrm_id, action.keap_id, fields, reason)
        case Unlink():
            return Line(action.object, outcome, None, action.customcrm_id, action.keap_id, (), reason)
        case Create():
            return one_sided(action.object, outcome, action.side.other, action.source_id, reason)
        case _:
            side = getattr(action, "side", Side.KEAP)
            return one_sided(action.object, outcome, side, getattr(action, "id", "?"), reason)


# --- taking back ------------------------------------------------------------------------------------------------


def put_back(part: RunPart, attempts: Attempts, step: Step, sight: Sight, context: Context) -> Flow[bool]:
    """Take back what an action says, as far as nobody has edited it since; whether anything was."""
    match step.action:
        case Update():
            return (yield from _restore(part, attempts, step.seq, step.action, sight, context))
        case Delete():
            return (yield from _delete_made(part, attempts, step.seq, step.action, sight))
        case Create():
            return (yield from _make_anew(part, attempts, step.seq, step.action, context))
        case TellApart():
            if not (yield from part.sync.store.told_apart.drop(step.action.object, step.action.one, step.action.other)):
                return (yield from _skip(part, step.action, "they are not told apart any more"))
            yield from part.report(line_of(step.action, "in doubt again", step.action.reason))
            return True
        case _:
            yield from part.report(line_of(step.action, "skipped", getattr(step.action, "reason", "")))
            return False


def _skip(part: RunPart, action: Action, reason: str) -> Flow[bool]:
    yield from part.report(line_of(action, "skipped", reason))
    return False


def _restore(part: RunPart, attempts: Attempts, seq: int, action: Update, sight: Sight, context: Context) -> Flow[bool]:
    side = action.changes[0].side
    if sight.link is None or not sight.finds(side):
        return (yield from _skip(part, action, GONE))
    if is_only_noted(action, sight.seen[side].whole.snapshot.values):
        left = sight.link.undecided([change.field for change in action.changes])
        if left is not sight.link:
            yield from part.rebase(left, (), (line_of(action, "skipped", NOT_WRITTEN),))
        return False
    moved = edited_since(action, sight.link.base(side), sight.seen[side].whole.snapshot.values)
    changes = [change for change in action.changes if change.field not in moved]
    if changes:
        attempts.begin(seq)
        try:
            yield from _write(part, sight, action, changes, context)
        except ConflictError:
            # It moved since it was looked at, or this is the answer to the same write, sent twice.
            [sight] = yield from look(part, [action])
            if sight.link is None or not sight.finds(side):
                return (yield from _skip(part, action, GONE))
            moved, changes = yield from _write_once_more(part, sight, action, changes, context)
    if moved:
        yield from _skip(part, action, f"edited since: {', '.join(moved)}")
    return bool(changes)


def _write_once_more(
    part: RunPart, sight: Sight, action: Update, changes: Sequence[Change], context: Context
) -> Flow[tuple[list[str], list[Change]]]:
    """Write what is still to be written; answers what was edited since, and what was put back."""
    side = action.changes[0].side
    assert sight.link is not None  # it was looked at
    values, base = sight.seen[side].whole.snapshot.values, sight.link.base(side)
    done = [change for change in changes if change.field in values and values[change.field] == change.after]
    if done:
        yield from remember_restored(part, side, sight.link, done, action.turned())
        [sight] = yield from look(part, [action])
        if sight.link is None:
            return [], done
    moved = [field for field in edited_since(action, base, values) if field not in {c.field for c in done}]
    left = [change for change in changes if change not in done and change.field not in moved]
    if left:
        yield from _write(part, sight, action, left, context)
    return moved, [*done, *left]


def edited_since(action: Update, base: Values, held: Values) -> list[str]:
    """The fields that somebody has edited since. What a system keeps in a form of its own is no edit."""
    return [c.field for c in action.changes if not _is_as_written(held.get(c.field), c.before, base.get(c.field))]


def _is_as_written(held: Canonical, written: Canonical, base: Canonical) -> bool:
    return held == written or (held is not None and held == base and is_stored_form(written, held))


def _write(part: RunPart, sight: Sight, action: Update, changes: Sequence[Change], context: Context) -> Flow[None]:
    sync, side, link = part.sync, action.changes[0].side, sight.link
    assert link is not None  # it was looked at
    seen = sight.seen[side]
    record, written = as_before(sync, side, seen.record, action.raw, changes, context)
    if not written:
        yield from remember_restored(part, side, link, changes, ())
        return
    try:
        answer = yield from _send(sync, side, link, written, seen)
    except StatusError as error:
        if action.raw is None or error.status not in {400, 422}:
            raise
        # Some show what they do not take: it is put back by what it meant.
        record, written = as_before(sync, side, seen.record, None, changes, context)
        answer = yield from _send(sync, side, link, written, seen)
    yield from remember_written(part, sight, changes, Sent(record, written, answer), context)


def _send(sync: Synchronization, side: Side, link: Link, written: Mapping[str, Any], seen: Seen) -> Flow[Any]:
    update = update_of(sync.systems[side], link.id(side), seen.record, written, seen.whole.version)
    return (yield from within(update, place=(side.title, link.id(side))))


def remember_written(
    part: RunPart, sight: Sight, changes: Sequence[Change], sent: Sent, context: Context
) -> Flow[None]:
    """Values were written back: what the answer shows of them is held now, and the rest as it was sent."""
    sync, side, link = part.sync, changes[0].side, sight.link
    assert link is not None  # it was looked at
    changes = with_along(sync.mapper, side, sight.seen[side].record, sent.record, changes, context)
    shown = sync.observe(side, sent.answer, context, whole=sync.systems[side].answers_all)
    wanted = {change.field: change.after for change in changes}
    held = sync.mapper.read(side, sent.record, context)[0]
    stored = {**{field: held.get(field, value) for field, value in wanted.items()}, **stored_of(shown, wanted)}
    raw = sent.changes(sight.seen[side].record)
    emptied = yield from what_is_emptied(sync, sight.seen[side].whole, shown, wanted)
    yield from remember_restored(part, side, link, changes, raw, stored, emptied)


def as_before(
    sync: Synchronization,
    side: Side,
    record: Any,
    raw: Sequence[RawChange] | None,
    changes: Sequence[Change],
    context: Context,
) -> tuple[Any, dict[str, Any]]:
    """The record as it was: in the notation that it had, and where that is not known by what it meant."""
    wanted = {change.field: change.after for change in changes}
    if raw is None:
        return put_values(sync.mapper, side, record, wanted, context)
    record, written = taken_back(sync.mapper, side, record, raw, wanted, context)
    held, _ = sync.mapper.read(side, record, context)
    kept = {change.path for change in raw}
    rest = {
        field: value
        for field, value in wanted.items()
        if held.get(field, UNSET) != value and kept.isdisjoint(raw_paths(sync.mapper, side, [field], context))
    }
    if not rest:
        return record, written
    record, more = put_values(sync.mapper, side, record, rest, context)
    whole = {root: getattr(record, root) for root in written if root != EXTRA} | more
    own = {**written.get(EXTRA, {}), **more.get(EXTRA, {})}
    return record, whole | ({EXTRA: own} if own else {})


def remember_restored(
    part: RunPart,
    side: Side,
    link: Link,
    changes: Sequence[Change],
    raw: tuple[RawChange, ...] | None,
    stored: Values | None = None,
    emptied: Collection[str] = (),
) -> Flow[None]:
    """Values were put back: the base of that side is what it really holds.

    Args:
        stored: what it holds, where that is not just what was to be put back.
        emptied: what the record has lost by it.
    """
    sync, moment = part.sync, (yield from now())
    values = {c.field: c.after for c in changes} if stored is None else stored
    before = {c.field: c.before for c in changes}
    ids = (link.id(side), "update")
    entry = JournalEntry(sync.name, side, *ids, before, values, moment, link.id(side.other), raw)
    line = Line(sync.name, "updated", side, link.customcrm_id, link.keap_id, tuple(sorted(values)), UNDO)
    if emptied:
        line = attrs.evolve(line, reason=f"{UNDO}; {told_emptied(side, emptied)}")
        link = link.based_on(side, dict.fromkeys(emptied))
    # What was awaited of it is not awaited any more.
    awaited = {field: its for field, its in link.awaited.get(side, {}).items() if field not in values}
    link = link.based_on(side, values).awaiting(side, awaited)
    # What was decided and written to this side only is not to be done any more: the other side keeps what it holds.
    given_up = {field: its.before[side.other] for field, its in link.decided.items() if field in values}
    link = link.based_on(side.other, given_up).undecided(given_up)
    yield from part.rebase(link, (entry,), (line,))


def _delete_made(part: RunPart, attempts: Attempts, seq: int, action: Delete, sight: Sight) -> Flow[bool]:
    """Delete a record that the run made, unless it was edited since; the other one is kept, without a counterpart."""
    side, link = action.side, sight.link
    if link is None or not sight.finds(side):
        return (yield from _skip(part, action, GONE))
    seen = sight.seen[side]
    held = seen.whole.snapshot.values
    edited = [field for field, value in link.base(side).items() if field in held and held[field] != value]
    if edited:
        return (yield from _skip(part, action, f"edited since: {', '.join(edited)}"))
    attempts.begin(seq)
    with suppress(NotFoundError):  # it was sent twice, or somebody else was quicker
        delete = part.sync.systems[side].delete(action.id, seen.whole.version)
        yield from within(delete, place=(side.title, action.id))
    raw = raw_of(part.sync.mapper, side, seen.record)
    yield from remember_deleted(part, action, link, seen.whole.snapshot.values, sight.seen.get(side.other), raw)
    return True


def remember_deleted(
    part: RunPart,
    action: Delete,
    link: Link,
    before: Values,
    left: Seen | None,
    raw: tuple[RawChange, ...] | None = None,
) -> Flow[None]:
    """A record that the run made was deleted."""
    sync, side = part.sync, action.side
    moment = yield from now()
    entry = JournalEntry(sync.name, side, action.id, "delete", before, {}, moment, action.partner_id, raw)
    line = one_sided(sync.name, "deleted", side, action.id, UNDO)
    survivor = None if left is None else left.whole
    reason = "the run that made its counterpart was undone"
    yield from part.remove(Removal(sync.name, link, survivor, reason, journal=(entry,), lines=(line,)))


def end_links(part: RunPart, ends: Sequence[tuple[Unlink, Sight]]) -> Flow[list[None]]:
    """End links that the run made, all in one transaction; neither record is given another counterpart by itself."""
    name = part.sync.name
    removals = [
        Removal(
            name,
            sight.link,
            reason=action.reason,
            lines=(Line(name, "unlinked", None, action.customcrm_id, action.keap_id, (), UNDO),),
            parted=tuple(seen.whole for seen in sight.seen.values()),
        )
        for action, sight in ends
        if sight.link is not None
    ]
    yield from part.remove(*removals)
    return []


def _make_anew(part: RunPart, attempts: Attempts, seq: int, action: Create, context: Context) -> Flow[bool]:
    sync, side = part.sync, action.side
    record = made_anew(sync.mapper, side, action.values, action.raw, context)
    attempt = attempts.begin(seq)
    intent = Intent(attempt.key, sync.name, side, action.source_id, action.values, attempt.at)
    window = Window(sync, intent, attempts.since[seq], partial(attempts.renew, seq))
    try:
        answer = yield from window.send(record)
    except BaseException as interrupt:
        if not (window.sent or isinstance(interrupt, (Exception, GeneratorExit))):
            attempts.end(seq)
        raise
    made = sync.observe(side, answer, context)
    linked = yield from sync.store.links.pairs_of(sync.name, [made.id], side)
    if linked and (yield from is_reissued(sync, linked[0].link, made)):
        yield from end_link_of_the_gone(part, linked[0], made)
    elif linked:
        yield from note_written_over(sync, intent, made, linked[0])
        attempts.end(seq)
        reason = (
            f"{side.title} has written it over {made.id}, which is linked; the next run puts back what that one held"
        )
        yield from part.fail(one_sided(sync.name, "failed", side.other, action.source_id, reason), again=False)
        return False
    yield from remember_made(sync, action, made)
    yield from part.report(one_sided(sync.name, "created", side, made.id, UNDO))
    return True


def remember_made(sync: Synchronization, action: Create, made: Observation) -> Flow[None]:
    """A record that the run deleted was made anew."""
    yield from sync.store.links.keep_apart(sync.name, made, "its counterpart was deleted")
    yield from sync.store.facts.set(_fact(action), made.id)


def _fact(action: Create) -> str:
    """Where it is remembered what was made anew, so that no second undoing makes it once more."""
    what = f"{action.object}:{action.side.value}:{action.source_id}"
    return f"made anew:{hashlib.blake2b(what.encode(), digest_size=16).hexdigest()}"
