"""Applying: re-read what is about to be changed, decide once more, write, and remember what was written.

For every record: intent (creates only) → call → link, bases and journal in one transaction. The cursors move last.
What fails
is a line in the report and stays staged for the next run; it never stops the others. Only refused credentials stop a
run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import attrs

from keapbridge._flow import Flow, gather, new_id, now, run
from keapbridge.errors import (
    ApiError,
    AuthError,
    ConflictError,
    MappingError,
    QuotaExhaustedError,
    ServerError,
    ShapeError,
    StalePlanError,
    TransportError,
    UnfitError,
)
from keapbridge.mapping.kinds import Context
from keapbridge.store import Commit, Intent, JournalEntry
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.merge import Change, Merge, merge
from keapbridge.sync.plan import Action, Adopt, Conflict, Create, Plan, Skip, Update
from keapbridge.sync.propose import draft, held_skips, read_unlinked, settled_commit, with_references
from keapbridge.sync.records import Canonical, Link, Observation, Pair, Side, Snapshot
from keapbridge.sync.report import Line, Report

__all__ = ["apply"]

BATCH = 200
WRITERS = 8
EDITED_ON_BOTH = "different on both sides; waits for a decision"
RECENT = timedelta(minutes=5)  # how long what a plan's scan saw is good enough to make a new record from
ATTEMPTS = 3  # how often a record that moves while it is written is decided anew


def apply(bridge: Bridge, plan: Plan) -> Flow[Report]:
    """Do what a plan says, and report what was done.

    Raises:
        StalePlanError: when the plan was applied before.
    """
    run_id = (yield from new_id())[:12]
    started = yield from now()
    if not (yield from run("begin the run", bridge.store.begin_apply, plan.id, run_id, started)):
        raise StalePlanError(f"plan {plan.id} was applied before; make a new one")
    book = _Run(bridge, plan, run_id)
    for object in plan.objects:
        yield from _resume_creates(book, object)
        yield from _apply_pairs(book, object)
        yield from _apply_creates(book, object)
        yield from _list_rest(book, object)
        book.counts.setdefault(object, Counter())["unchanged"] += plan.unchanged.get(object, 0)
    ended = yield from now()
    counts = {object: dict(counter) for object, counter in book.counts.items()}
    return (yield from run("finish the run", bridge.store.finish_run, run_id, ended, counts))


@attrs.define
class _Run:
    """A run under way."""

    bridge: Bridge
    plan: Plan
    run_id: str
    counts: dict[str, Counter[str]] = attrs.field(factory=dict)
    done: Counter[str] = attrs.field(factory=Counter)

    def count(self, lines: Iterable[Line]) -> None:
        for line in lines:
            heading = line.outcome
            if line.side is not None and line.outcome in {"created", "updated", "deleted"}:
                heading = f"{line.outcome} in {line.side.title}"
            self.counts.setdefault(line.object, Counter())[heading] += 1

    def report(self, *lines: Line) -> Flow[None]:
        self.count(lines)
        yield from run("write lines", self.bridge.store.add_lines, self.run_id, lines)

    def commit(self, commit: Commit) -> Flow[None]:
        yield from run("commit", self.bridge.store.commit, self.run_id, commit)
        self.count(commit.lines)

    def batches(self, object: str, kinds: Collection[str]) -> Iterator[Flow[list[Action]]]:
        after = -1
        empty = False

        def next_batch() -> Flow[list[Action]]:
            nonlocal after, empty
            rows = yield from run("read the plan", self.bridge.store.actions, self.plan.id, object, kinds, after, BATCH)
            empty = not rows
            after = rows[-1][0] if rows else after
            return [action for _, action in rows]

        while not empty:
            yield next_batch()

    def progressed(self, object: str, number: int) -> None:
        self.done[object] += number
        total = sum(self.plan.counts.get(object, {}).values())
        self.bridge.progress(object, "writing", self.done[object], max(total, self.done[object]))


def _list_rest(book: _Run, object: str) -> Flow[None]:
    for batch in book.batches(object, ("conflict", "skip")):
        actions = yield from batch
        yield from book.report(*(_line_of(action) for action in actions))
        book.progressed(object, len(actions))


def _line_of(action: Action) -> Line:
    if isinstance(action, Conflict):
        ids = (action.customcrm_id, action.keap_id)
        return Line(action.object, "conflict", None, *ids, (action.conflict.field,), EDITED_ON_BOTH)
    assert isinstance(action, Skip)
    others = "; ".join(f"{side.title} {id}" for side, id in action.candidates)
    return _one_sided(
        action.object, "skipped", action.side, action.id, action.reason + (f": {others}" if others else "")
    )


def _one_sided(object: str, outcome: str, side: Side, id: str, reason: str) -> Line:
    ours, theirs = (id, None) if side is Side.CUSTOMCRM else (None, id)
    return Line(object, outcome, side, ours, theirs, (), reason)


def _stops_everything(error: Exception) -> bool:
    return isinstance(error, QuotaExhaustedError) or (isinstance(error, AuthError) and error.status == 401)


# --- linked pairs, old and new ----------------------------------------------------------------------------------


@attrs.define
class _Work:
    """A pair while it is written.

    Attributes:
        outcome: what is to be done; decided on what was staged, and again on what was re-read.
        raw: the records as they were re-read; a write needs the record it changes.
        lines: what is to be reported with the next commit.
        unconfirmed: fields that were written and that the answer did not show, with what was sent.
        gone: the side whose record could not be read again.
    """

    object: str
    pair: Pair
    context: Context
    outcome: Merge
    lines: tuple[Line, ...] = ()
    raw: dict[Side, Any] = attrs.field(factory=dict)
    unconfirmed: dict[Side, dict[str, Canonical]] = attrs.field(factory=dict)
    gone: Side | None = None

    def see(self, seen: Observation) -> None:
        name = "customcrm" if seen.side is Side.CUSTOMCRM else "keap"
        changes: dict[str, Any] = {name: seen}
        self.pair = attrs.evolve(self.pair, **changes)

    def line(self, outcome: str, side: Side | None, fields: Iterable[str], reason: str) -> Line:
        link = self.pair.link
        return Line(self.object, outcome, side, link.customcrm_id, link.keap_id, tuple(sorted(fields)), reason)


def _apply_pairs(book: _Run, object: str) -> Flow[None]:
    for batch in book.batches(object, ("update", "adopt")):
        actions = yield from batch
        works = yield from _read_works(book, object, actions)
        yield from _reread(book, object, works, _planned_targets(actions))
        yield from gather((_write_pair(book, object, work) for work in works), WRITERS)
        yield from _confirm(book, object, [work for work in works if work.unconfirmed])
        book.progressed(object, len(actions))


def _read_works(book: _Run, object: str, actions: Sequence[Action]) -> Flow[list[_Work]]:
    bridge = book.bridge
    updates = [a.customcrm_id for a in actions if isinstance(a, Update)]
    pairs: list[Pair] = yield from run("read pairs", bridge.store.pairs_of, object, updates)
    adoptions = {(a.customcrm_id, a.keap_id): a for a in actions if isinstance(a, Adopt)}
    if adoptions:
        to_keap, to_customcrm = yield from run(
            "look up links",
            bridge.store.references,
            object,
            customcrm_ids=[ours for ours, _ in adoptions],
            keap_ids=[theirs for _, theirs in adoptions],
            plan_id=None,
        )
        free = [(a, b) for a, b in adoptions if a not in to_keap and b not in to_customcrm]
        pairs += yield from read_unlinked(bridge, object, free)
    context = yield from bridge.context(object, [pair.current(side) for pair in pairs for side in Side], plan_id=None)
    works = []
    for staged in pairs:
        pair = with_references(bridge, object, staged, context)
        adoption = adoptions.get((pair.link.customcrm_id, pair.link.keap_id))
        lines = () if adoption is None else (_linked_line(adoption),)
        works.append(_Work(object, pair, context, merge(pair, bridge.rules(object, context), bridge.policy), lines))
    return works


def _linked_line(action: Adopt) -> Line:
    return Line(action.object, "linked", None, action.customcrm_id, action.keap_id, (), f"same {action.key}")


def _planned_targets(actions: Sequence[Action]) -> dict[str, frozenset[Side]]:
    return {a.customcrm_id: frozenset(c.side for c in a.changes) for a in actions if isinstance(a, (Update, Adopt))}


def _reread(book: _Run, object: str, works: Sequence[_Work], planned: Mapping[str, frozenset[Side]]) -> Flow[None]:
    """Read again, in batches, every record that is to be written, and decide on what it holds now."""
    wanted = {id(work): planned.get(work.pair.link.customcrm_id, frozenset()) for work in works}
    while True:
        for side in Side:
            missing = [w for w in works if side in wanted[id(w)] and side not in w.raw and w.gone is None]
            yield from _reread_side(book, object, side, missing)
        for work in works:
            _decide(book, object, work)
            wanted[id(work)] = frozenset(change.side for change in work.outcome.changes)
        if all(work.gone is not None or wanted[id(work)] <= work.raw.keys() for work in works):
            return


def _decide(book: _Run, object: str, work: _Work) -> None:
    """Merge what was read last; a conflict that was not in the plan is reported."""
    known = {conflict.field for conflict in work.outcome.conflicts}
    work.outcome = merge(work.pair, book.bridge.rules(object, work.context), book.bridge.policy)
    new = {conflict.field for conflict in work.outcome.conflicts} - known
    work.lines += tuple(work.line("conflict", None, (field,), EDITED_ON_BOTH) for field in sorted(new))


def _reread_side(book: _Run, object: str, side: Side, works: Sequence[_Work]) -> Flow[None]:
    if not works:
        return
    bridge = book.bridge
    by_id = {work.pair.link.id(side): work for work in works}
    try:
        records = yield from bridge.systems[object, side].get_many(by_id)
    except ShapeError:
        # One of them cannot be read: ask for each alone, so that it does not stop the others.
        records = yield from _get_each(book, object, side, by_id)
    context = yield from bridge.context(object, keap_records=records if side is Side.KEAP else (), plan_id=None)
    for record in records:
        seen = bridge.observe(object, side, record, context)
        by_id[seen.id].raw[side] = record
        by_id[seen.id].see(seen)
    for work in works:
        if side not in work.raw:
            work.gone = side


def _get_each(book: _Run, object: str, side: Side, ids: Iterable[str]) -> Flow[tuple[Any, ...]]:
    found: list[Any] = []
    for id in ids:
        try:
            found += yield from book.bridge.systems[object, side].get_many([id])
        except ShapeError:
            continue
    return tuple(found)


def _write_pair(book: _Run, object: str, work: _Work) -> Flow[None]:
    """Write what a pair needs and remember it; what fails is reported."""
    if work.gone is not None:
        reason = f"could not be read again in {work.gone.title}: it was deleted, or has an unexpected form"
        yield from book.report(work.line("failed", work.gone, (), reason))
        return
    try:
        for _ in range(ATTEMPTS):
            try:
                yield from _write_changes(book, object, work)
            except ConflictError:
                # It moved between the second reading and the write: read once more, decide once more.
                sides, work.raw = tuple(work.raw), {}
                for side in sides:
                    yield from _reread_side(book, object, side, [work])
                _decide(book, object, work)
            else:
                return
        reason = "it kept changing while it was to be written"
    except (ApiError, MappingError) as error:
        if _stops_everything(error):
            raise
        reason = str(error)
    yield from book.report(work.line("failed", None, (c.field for c in work.outcome.changes), reason))


def _write_changes(book: _Run, object: str, work: _Work) -> Flow[None]:
    changes = work.outcome.changes
    for side in Side:
        mine = [change for change in changes if change.side is side]
        if mine:
            yield from _write_side(book, object, work, side, mine)
    if not changes:
        # An adoption of equal records, or somebody else has made both sides equal (or conflicting) meanwhile.
        yield from _commit_pair(book, object, work)


def _write_side(book: _Run, object: str, work: _Work, side: Side, changes: Sequence[Change]) -> Flow[None]:
    bridge, link = book.bridge, work.pair.link
    seen = work.pair.seen(side)
    assert seen is not None  # it was re-read
    sent = {change.field: change.after for change in changes}
    _, written = bridge.mappers[object].changed(side, work.raw[side], sent, work.context)
    answer = yield from bridge.systems[object, side].update(link.id(side), written, seen.version)
    moment = yield from now()
    stored, version = _stored(bridge.observe(object, side, answer, work.context), sent)
    work.unconfirmed[side] = {field: value for field, value in sent.items() if field not in stored}
    _remember(work, side, stored, version)
    work.outcome = attrs.evolve(
        work.outcome, changes=tuple(change for change in work.outcome.changes if change.field not in sent)
    )
    notes = [f"{c.field} decided by {c.cause}" for c in changes if c.cause not in {"edit", "first contact"}]
    notes += [f"{side.title} kept another {f}" for f, v in stored.items() if not is_stored_form(sent[f], v)]
    work.lines += (work.line("updated", side, sent, "; ".join(notes)),)
    before = {change.field: change.before for change in changes}
    entry = JournalEntry(object, side, link.id(side), "update", before, {**sent, **stored}, moment)
    yield from _commit_pair(book, object, work, (entry,))


def _stored(answer: Observation, sent: Mapping[str, Canonical]) -> tuple[dict[str, Canonical], str | None]:
    """What a system says it stored of what was sent, as far as its answer shows it, and the new version."""
    shown = answer.snapshot.values
    return {field: shown[field] for field in sent if field in shown}, answer.version


def _remember(work: _Work, side: Side, stored: Mapping[str, Canonical], version: str | None) -> None:
    """The pair as it is after a write: the written fields as stored, all others as they were read.

    Only what was written is taken from the answer: an edit of another field that came in between is still to be found.
    """
    pair, seen = work.pair, work.pair.seen(side)
    assert seen is not None  # it was re-read, or made just now
    source = pair.current(side.other).values
    link = pair.link.with_base(side, {**pair.link.base(side), **stored})
    link = link.with_base(side.other, {**link.base(side.other), **{f: source[f] for f in stored if f in source}})
    snapshot = attrs.evolve(seen.snapshot, values={**seen.snapshot.values, **stored})
    work.pair = attrs.evolve(pair, link=link)
    work.see(attrs.evolve(seen, snapshot=snapshot, version=version))


def _commit_pair(
    book: _Run, object: str, work: _Work, journal: tuple[JournalEntry, ...] = (), intent_id: str | None = None
) -> Flow[None]:
    pair = work.pair
    lines = (*work.lines, *(_held_line(skip) for skip in held_skips(object, pair.link, work.outcome.held)))
    commit = settled_commit(book.bridge, object, pair, work.outcome)
    commit = attrs.evolve(commit, lines=lines, journal=journal, intent_id=intent_id)
    if not work.outcome.is_settled or any(work.unconfirmed.values()):
        # Keep both sides in view until the rest is decided.
        staged = tuple(pair.seen(s) or Observation(s, pair.link.id(s), pair.current(s)) for s in Side)
        commit = attrs.evolve(commit, digests=dict.fromkeys(Side), staged=staged)
    yield from book.commit(commit)
    work.lines = ()


def _held_line(skip: Skip) -> Line:
    return _one_sided(skip.object, "skipped", skip.side, skip.id, skip.reason)


def _confirm(book: _Run, object: str, works: Sequence[_Work]) -> Flow[None]:
    """Read back, in batches, what the answers to the writes did not show: the bases are what is really held."""
    bridge = book.bridge
    for side in Side:
        by_id = {w.pair.link.id(side): w for w in works if w.unconfirmed.get(side)}
        if not by_id:
            continue
        try:
            records = yield from bridge.systems[object, side].get_many(by_id)
        except ApiError:
            continue  # they stay staged, and the next run compares both sides without these bases
        context = yield from bridge.context(object, keap_records=records if side is Side.KEAP else (), plan_id=None)
        for record in records:
            seen = bridge.observe(object, side, record, context)
            work = by_id[seen.id]
            sent = work.unconfirmed.pop(side)
            held = {f: seen.snapshot.values[f] for f in sent if f in seen.snapshot.values}
            # What is no form of what was sent is somebody's edit: the base stays what was sent, so that it is found.
            stored = {f: v if is_stored_form(sent[f], v) else sent[f] for f, v in held.items()}
            _remember(work, side, stored, seen.version)
            if stored == held:
                yield from _commit_pair(book, object, work)
            else:
                work.see(seen)
                work.unconfirmed[side] = {f: sent[f] for f in held if stored[f] != held[f]}
                yield from _commit_pair(book, object, work)


def is_stored_form(sent: Canonical, held: Canonical) -> bool:
    """Whether a system could have made `held` out of `sent` by itself: cut, trimmed, in another case or punctuation."""
    if sent == held:
        return True
    if not isinstance(sent, str) or not isinstance(held, str):
        return False
    ours, theirs = ("".join(c for c in text.casefold() if c.isalnum()) for text in (sent, held))
    return bool(theirs) and ours.startswith(theirs)


# --- creates ----------------------------------------------------------------------------------------------------


@attrs.frozen
class _Ready:
    """A record whose counterpart is about to be made."""

    source: Observation
    intent: Intent
    context: Context


def _resume_creates(book: _Run, object: str) -> Flow[None]:
    """Send again the creates of an earlier run whose answers were lost, where the same key makes no second record."""
    bridge = book.bridge
    for intent in (yield from run("read intents", bridge.store.open_intents, object)):
        if not bridge.systems[object, intent.side].creates_once:
            continue
        side = intent.side.other
        staged = yield from run("read", bridge.store.observations, object, side, [intent.source_id])
        source = staged.get(intent.source_id) or Observation(side, intent.source_id, Snapshot(intent.draft))
        context = yield from bridge.context(object, [source.snapshot, Snapshot(intent.draft)], plan_id=None)
        work = yield from _create(book, object, _Ready(source, intent, context))
        yield from _confirm(book, object, [work] if work else [])


def _apply_creates(book: _Run, object: str) -> Flow[None]:
    for batch in book.batches(object, ("create",)):
        actions = [action for action in (yield from batch) if isinstance(action, Create)]
        ready: list[_Ready] = []
        for side in Side:
            ids = [action.source_id for action in actions if action.side is side.other]
            if ids:
                ready += yield from _intend(book, object, side, ids)
        works = yield from gather((_create(book, object, item) for item in ready), WRITERS)
        yield from _confirm(book, object, [work for work in works if work is not None])
        book.progressed(object, len(actions))


def _intend(book: _Run, object: str, side: Side, ids: Sequence[str]) -> Flow[list[_Ready]]:
    """Write down what is about to be made, from the newest observation of each record still without a partner."""
    bridge = book.bridge
    sources = yield from _still_unlinked(book, object, side, ids)
    context = yield from bridge.context(object, [o.snapshot for o in sources], plan_id=None)
    ready: list[_Ready] = []
    for seen in sources:
        source = attrs.evolve(seen, snapshot=bridge.settle_references(object, seen.snapshot, context))
        try:
            values, _ = draft(bridge, object, side.other, source.snapshot, context)
        except UnfitError as reason:
            yield from book.report(_one_sided(object, "skipped", side, source.id, str(reason)))
            continue
        key, moment = (yield from new_id()), (yield from now())
        ready.append(_Ready(source, Intent(key, object, side.other, source.id, values, moment), context))
    if ready:
        yield from run("write intents", bridge.store.intend, [item.intent for item in ready])
    return ready


def _still_unlinked(book: _Run, object: str, side: Side, ids: Sequence[str]) -> Flow[list[Observation]]:
    """The records that still need a counterpart; those that were not seen just now are looked at again."""
    bridge = book.bridge
    intents = yield from run("read intents", bridge.store.open_intents, object)
    busy = {intent.source_id for intent in intents if intent.side is side.other}
    which = {"customcrm_ids": ids} if side is Side.CUSTOMCRM else {"keap_ids": ids}
    to_keap, to_customcrm = yield from run("look up links", bridge.store.references, object, plan_id=None, **which)
    linked = to_keap if side is Side.CUSTOMCRM else to_customcrm
    staged = yield from run("read", bridge.store.observations, object, side, [i for i in ids if i not in busy])
    free = [seen for seen in staged.values() if seen.id not in linked]
    moment = yield from now()
    is_recent = moment - book.plan.created_at <= RECENT
    old = [seen.id for seen in free if not (is_recent and seen.seen_in == book.plan.id)]
    if not old:
        return free
    records = yield from bridge.systems[object, side].get_many(old)
    context = yield from bridge.context(object, keap_records=records if side is Side.KEAP else (), plan_id=None)
    again = {seen.id: seen for seen in (bridge.observe(object, side, record, context) for record in records)}
    gone = [id for id in old if id not in again]
    if gone:
        yield from run("forget", bridge.store.forget_unlinked, object, side, ids=gone)
    return [again.get(seen.id, seen) for seen in free if seen.id not in gone]


def _create(book: _Run, object: str, ready: _Ready) -> Flow[_Work | None]:
    """Make a record's counterpart and link the two; the pair, where the answer did not show all that was sent."""
    bridge, source, intent = book.bridge, ready.source, ready.intent
    side, sent = intent.side, intent.draft
    try:
        record = bridge.mappers[object].draft(side, sent, ready.context)
        answer = yield from bridge.systems[object, side].create(record, intent.id)
    except (ApiError, MappingError, KeyError) as error:
        lost = _is_ambiguous(error)
        if not lost:
            yield from run("drop an intent", bridge.store.drop_intent, intent.id)
        if _stops_everything(error):
            raise
        reason = f"{error}; the next run finds out whether it was made" if lost else str(error)
        yield from book.report(_one_sided(object, "failed", source.side, source.id, reason))
        return None
    moment = yield from now()
    made = bridge.observe(object, side, answer, ready.context)
    stored, version = _stored(made, sent)
    ids = {side: made.id, source.side: source.id}
    seen = {side: made, source.side: source}
    pair = Pair(Link(ids[Side.CUSTOMCRM], ids[Side.KEAP]), seen[Side.CUSTOMCRM], seen[Side.KEAP])
    work = _Work(object, pair, ready.context, Merge())
    work.unconfirmed[side] = {field: value for field, value in sent.items() if field not in stored}
    _remember(work, side, {**_defaults(source, made, sent), **stored}, version)
    _decide(book, object, work)
    notes = [f"{side.title} kept another {f}" for f, v in stored.items() if not is_stored_form(sent[f], v)]
    work.lines += (work.line("created", side, sent, "; ".join(notes)),)
    entry = JournalEntry(object, side, made.id, "create", {}, {**sent, **stored}, moment)
    yield from _commit_pair(book, object, work, (entry,), intent.id)
    return work if work.unconfirmed[side] else None


def _defaults(source: Observation, made: Observation, sent: Mapping[str, Canonical]) -> dict[str, Canonical]:
    """What a system filled in by itself where the source is known to have nothing: no edit of anybody's."""
    values = source.snapshot.values
    return {f: v for f, v in made.snapshot.values.items() if f not in sent and f in values and values[f] is None}


def _is_ambiguous(error: Exception) -> bool:
    """Whether a create may have taken effect although it failed."""
    return isinstance(error, (ServerError, ShapeError)) or (isinstance(error, TransportError) and error.sent)
