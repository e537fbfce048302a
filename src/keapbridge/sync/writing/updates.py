"""Writing to linked pairs, old and new: read again what is about to be changed, decide once more, write, remember."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from keapbridge._io.effects import Flow, gather, now
from keapbridge.decide.merge import Merge, merge
from keapbridge.errors import (
    ApiError,
    ConflictError,
    MappingError,
    StatusError,
)
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.mapping.kinds import Context
from keapbridge.model.change import Change
from keapbridge.model.kept import Commit, JournalEntry
from keapbridge.model.maybe import UNSET
from keapbridge.model.plan import Action, Adopt, Skip, Update
from keapbridge.model.records import Canonical, Observation, Pair, Snapshot, is_stored_form
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.lease import keep
from keapbridge.sync.planning.propose import held_skips, read_unlinked, settled_commit, with_references
from keapbridge.sync.reading.custom_fields import forget_fields
from keapbridge.sync.writing.consent import with_opt_ins
from keapbridge.sync.writing.run import WRITERS, Run, ending, flowing, one_sided, stops_everything

__all__ = [
    "Work",
    "apply_pairs",
    "assume",
    "commit_pair",
    "confirm",
    "decide_again",
    "is_stored_form",
    "remember",
    "stored_of",
]

ATTEMPTS = 3  # how often a record that moves while it is written is decided anew
EDITED_ON_BOTH = "different on both sides; waits for a decision"


@attrs.define
class Work:
    """A pair while it is written.

    Attributes:
        outcome: what is to be done; decided on what was staged, and again on what was re-read.
        raw: the records as they were re-read; a write needs the record it changes.
        lines: what is to be reported with the next commit.
        unconfirmed: fields that were written and that the answer did not show, with what was sent.
        gone: the side whose record could not be read again.
        replaces: the Keap record that the Customcrm record was linked to before.
        is_new: whether the link is about to be made.
        told: the held fields that were reported.
    """

    object: str
    pair: Pair
    context: Context
    outcome: Merge
    lines: tuple[Line, ...] = ()
    raw: dict[Side, Any] = attrs.field(factory=dict)
    unconfirmed: dict[Side, dict[str, Canonical]] = attrs.field(factory=dict)
    gone: Side | None = None
    replaces: str | None = None
    is_new: bool = False
    told: set[str] = attrs.field(factory=set)

    def see(self, seen: Observation) -> None:
        name = "customcrm" if seen.side is Side.CUSTOMCRM else "keap"
        changes: dict[str, Any] = {name: seen}
        self.pair = attrs.evolve(self.pair, **changes)

    def held_lines(self) -> tuple[Line, ...]:
        """A line for each field that is held and was not reported yet."""
        new = [item for item in self.outcome.held if item.field not in self.told]
        self.told.update(item.field for item in new)
        return tuple(held_line(skip) for skip in held_skips(self.object, self.pair.link, new))

    def line(self, outcome: str, side: Side | None, fields: Iterable[str], reason: str) -> Line:
        link = self.pair.link
        return Line(self.object, outcome, side, link.customcrm_id, link.keap_id, tuple(sorted(fields)), reason)


def apply_pairs(book: Run, object: str) -> Flow[None]:
    """Write to pairs, then link those that need no write: apart, so that what is read again is read in few calls."""
    yield from _apply_batches(book, object, book.batches(object, ("update", "adopt")))
    number = book.plan.counts.get(object, {}).get("link", 0)
    if number:
        yield from book.bridge.store.links.begin_linking(number)
        yield from _apply_batches(book, object, book.links_to_make(object))
        yield from book.bridge.store.links.end_linking()


def _apply_batches(book: Run, object: str, batches: Iterator[Flow[list[Action]]]) -> Flow[None]:
    def prepare(actions: list[Action]) -> Flow[list[Flow[None]]]:
        works = yield from _read_works(book, object, actions)
        planned = _planned_targets(actions)
        quiet: list[Work] = []
        rest: list[Work] = []
        for work in works:
            (quiet if _is_quiet(work, planned) else rest).append(work)
        yield from _reread(book, object, rest, planned)

        def end(_: Sequence[Any]) -> Flow[None]:
            yield from confirm(book, object, [work for work in rest if work.unconfirmed])
            book.progressed(object, len(actions))

        return ending([_commit_quiet(book, object, quiet), *(_write_pair(book, object, work) for work in rest)], end)

    yield from flowing(batches, prepare)


def _is_quiet(work: Work, planned: Mapping[str, frozenset[Side]]) -> bool:
    """Whether nothing is to be written, as when two records that are the same already are linked."""
    promised = planned.get(work.pair.link.customcrm_id)
    return not promised and not work.outcome.changes and _left_the_filter(work.pair) is None


def _commit_quiet(book: Run, object: str, works: Sequence[Work]) -> Flow[None]:
    """Remember what needs no write, all in one transaction."""
    commits: list[Commit] = []
    for work in works:
        commits += [(yield from _commit_of(book, object, work))]
    if commits:
        yield from book.commit(*commits)


def _read_works(book: Run, object: str, actions: Sequence[Action]) -> Flow[list[Work]]:
    bridge = book.bridge
    updates = [a.customcrm_id for a in actions if isinstance(a, Update)]
    pairs: list[Pair] = yield from bridge.store.links.pairs_of(object, updates)
    adoptions = {(a.customcrm_id, a.keap_id): a for a in actions if isinstance(a, Adopt)}
    if adoptions:
        to_keap = yield from bridge.store.links.partners(object, Side.CUSTOMCRM, {ours for ours, _ in adoptions})
        to_customcrm = yield from bridge.store.links.partners(object, Side.KEAP, {theirs for _, theirs in adoptions})
        free = [(a, b) for a, b in adoptions if a not in to_keap and b not in to_customcrm]
        pairs += yield from read_unlinked(bridge, object, free)
        moved = {a: b for (a, b), x in adoptions.items() if x.replaces == to_keap.get(a) and b not in to_customcrm}
        pairs += yield from _read_moved(book, object, moved)
    context = yield from bridge.context(object, [pair.current(side) for pair in pairs for side in Side], plan_id=None)
    works = []
    for staged in pairs:
        pair = with_references(bridge, object, staged, context)
        adoption = adoptions.get((pair.link.customcrm_id, pair.link.keap_id))
        lines = () if adoption is None else (_linked_line(adoption),)
        outcome = merge(pair, bridge.rules(object, context), bridge.policy)
        replaces = None if adoption is None else adoption.replaces
        is_new = adoption is not None
        works.append(Work(object, pair, context, outcome, lines, replaces=replaces, is_new=is_new))
    return works


def _read_moved(book: Run, object: str, moved: Mapping[str, str]) -> Flow[list[Pair]]:
    """Pairs whose Keap record was merged into another one: the link keeps its bases."""
    store = book.bridge.store
    pairs = yield from store.links.pairs_of(object, moved)
    staged = yield from store.staging.observations(object, Side.KEAP, list(moved.values()))
    return [
        Pair(attrs.evolve(pair.link, keap_id=new_id), pair.customcrm, staged[new_id])
        for pair in pairs
        if (new_id := moved[pair.link.customcrm_id]) in staged
    ]


def _linked_line(action: Adopt) -> Line:
    return Line(
        action.object,
        "linked",
        None,
        action.customcrm_id,
        action.keap_id,
        (),
        action.key if action.replaces else f"same {action.key}",
    )


def _planned_targets(actions: Sequence[Action]) -> dict[str, frozenset[Side]]:
    return {a.customcrm_id: frozenset(c.side for c in a.changes) for a in actions if isinstance(a, (Update, Adopt))}


def _reread(book: Run, object: str, works: Sequence[Work], planned: Mapping[str, frozenset[Side]]) -> Flow[None]:
    """Read again, in batches, every record that is to be written, and decide on what it holds now."""
    wanted = {id(work): planned.get(work.pair.link.customcrm_id, frozenset()) for work in works}
    while True:
        for side in Side:
            missing = [w for w in works if side in wanted[id(w)] and side not in w.raw and w.gone is None]
            yield from reread_side(book, object, side, missing)
        for work in works:
            decide_again(book, object, work)
            wanted[id(work)] = frozenset(change.side for change in work.outcome.changes)
        if all(work.gone is not None or wanted[id(work)] <= work.raw.keys() for work in works):
            return


def decide_again(book: Run, object: str, work: Work) -> None:
    """Merge what was read last; a conflict that was not in the plan is reported."""
    known = {conflict.field for conflict in work.outcome.conflicts}
    work.outcome = merge(work.pair, book.bridge.rules(object, work.context), book.bridge.policy)
    new = {conflict.field for conflict in work.outcome.conflicts} - known
    work.lines += tuple(work.line("conflict", None, (field,), EDITED_ON_BOTH) for field in sorted(new))


def reread_side(book: Run, object: str, side: Side, works: Sequence[Work]) -> Flow[None]:
    if not works:
        return
    bridge = book.bridge
    by_id = {work.pair.link.id(side): work for work in works}
    records, _ = yield from bridge.read_many(object, side, by_id)
    context = yield from bridge.context(object, keap_records=records if side is Side.KEAP else (), plan_id=None)
    for record in records:
        seen = bridge.observe_whole(object, side, record, context)
        by_id[seen.id].raw[side] = record
        by_id[seen.id].see(_with_edit_time(seen, by_id[seen.id].pair.seen(side)))
    for work in works:
        if side not in work.raw:
            work.gone = side


def _with_edit_time(seen: Observation, before: Observation | None) -> Observation:
    """A record that holds what it held keeps the time of that edit: its own time stamp moves when we write to it."""
    if before is None or before.updated_at is None or before.snapshot != seen.snapshot:
        return seen
    return attrs.evolve(seen, updated_at=before.updated_at)


def _write_pair(book: Run, object: str, work: Work) -> Flow[None]:
    """Write what a pair needs and remember it; what fails is reported."""
    if work.gone is not None:
        reason = f"could not be read again in {work.gone.title}: it was deleted, or has an unexpected form"
        yield from book.fail(work.line("failed", work.gone, (), reason))
        return
    if (left := _left_the_filter(work.pair)) is not None:
        yield from book.report(work.line("skipped", left, (), OUTSIDE))
        return
    try:
        for _ in range(ATTEMPTS):
            try:
                yield from _write_changes(book, object, work)
            except ConflictError:
                # It moved between the second reading and the write: read once more, decide once more.
                sides, work.raw = frozenset(work.raw), {}
                yield from _reread(book, object, [work], {work.pair.link.customcrm_id: sides})
            else:
                return
        reason = "it kept changing while it was to be written"
    except (ApiError, MappingError) as error:
        if stops_everything(error):
            raise
        reason = str(error)
    yield from book.fail(work.line("failed", None, (c.field for c in work.outcome.changes), reason))
    yield from book.report(*work.held_lines())


def _left_the_filter(pair: Pair) -> Side | None:
    return next((side for side in Side if (seen := pair.seen(side)) and seen.problem == OUTSIDE), None)


def _write_changes(book: Run, object: str, work: Work) -> Flow[None]:
    """Write both sides, and then what the first writes made readable (a phone number whose country was missing)."""
    if not work.outcome.changes:
        # An adoption of equal records, or somebody else has made both sides equal (or conflicting) meanwhile.
        yield from commit_pair(book, object, work)
    refused: list[Line] = []
    for _ in range(ATTEMPTS):
        changes = work.outcome.changes
        for side in Side:
            mine = [change for change in changes if change.side is side]
            if mine:
                refused += yield from _write_accepted(book, object, work, side, mine)
        if refused or any(work.unconfirmed.values()):
            break
        yield from _reread(book, object, [work], {})
        if not work.outcome.changes or work.gone is not None:
            break
    for line in refused:
        yield from book.fail(line)


def _write_accepted(book: Run, object: str, work: Work, side: Side, changes: Sequence[Change]) -> Flow[list[Line]]:
    """Write what the system accepts: if it refuses the whole, then property by property. Answers what it refused."""
    try:
        yield from _write_side(book, object, work, side, changes)
    except StatusError as error:
        if error.status not in {400, 422}:
            raise
        lens_of = book.bridge.mappers[object]
        roots = sorted({lens_of[change.field].place(side).roots for change in changes})
        if ("custom_fields",) in roots:
            yield from forget_fields(book.bridge, object)
        if len(roots) == 1:
            return [work.line("failed", side, (change.field for change in changes), str(error))]
        refused: list[Line] = []
        for root in roots:
            part = [change for change in changes if lens_of[change.field].place(side).roots == root]
            refused += yield from _write_accepted(book, object, work, side, part)
        return refused
    return []


def _write_side(book: Run, object: str, work: Work, side: Side, changes: Sequence[Change]) -> Flow[None]:
    bridge, link = book.bridge, work.pair.link
    seen = work.pair.seen(side)
    assert seen is not None  # it was re-read
    sent = {change.field: change.after for change in changes}
    context = yield from with_opt_ins(bridge, object, side, work.raw[side], sent, work.context)
    _, written = bridge.mappers[object].changed(side, work.raw[side], sent, context)
    yield from keep(bridge.store)
    answer = yield from bridge.systems[object, side].update(link.id(side), written, seen.version)
    moment = yield from now()
    held = bridge.observe(object, side, answer, work.context)
    stored, version = stored_of(held, sent)
    work.unconfirmed[side] = {field: value for field, value in sent.items() if field not in stored}
    remember(work, side, stored, version)
    assume(work, side)
    if not work.unconfirmed[side]:
        work.raw[side] = _shown_over(work.raw[side], answer)
        _read_anew(book, work, side, sent, held.snapshot)
    work.outcome = attrs.evolve(
        work.outcome, changes=tuple(change for change in work.outcome.changes if change.field not in sent)
    )
    notes = [f"{c.field} decided by {c.cause}" for c in changes if c.cause not in {"edit", "first contact"}]
    notes += [f"{side.title} kept another {f}" for f, v in stored.items() if not is_stored_form(sent[f], v)]
    work.lines += (work.line("updated", side, sent, "; ".join(notes)),)
    before = {change.field: change.before for change in changes}
    entry = JournalEntry(object, side, link.id(side), "update", before, {**sent, **stored}, moment, link.id(side.other))
    yield from commit_pair(book, object, work, (entry,))


def _shown_over(known: Any, answer: Any) -> Any:
    """The record as an answer shows it; what the answer leaves out is as it was, for writes that replace a whole."""
    names = [field.name for field in attrs.fields(type(answer)) if field.name != "extra"]
    shown = {name: value for name in names if (value := getattr(answer, name)) is not UNSET}
    return attrs.evolve(known, **shown, extra={**known.extra, **answer.extra})


def stored_of(answer: Observation, sent: Mapping[str, Canonical]) -> tuple[dict[str, Canonical], str | None]:
    """What a system says it stored of what was sent, as far as its answer shows it, and the new version."""
    shown = answer.snapshot.values
    return {field: shown[field] for field in sent if field in shown}, answer.version


def remember(work: Work, side: Side, stored: Mapping[str, Canonical], version: str | None) -> None:
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


def assume(work: Work, side: Side) -> None:
    """Until what was written is read back, the bases say what was sent: an edit meanwhile is an edit."""
    sent = work.unconfirmed[side]
    source = work.pair.current(side.other).values
    link = work.pair.link
    link = link.with_base(side, {**link.base(side), **sent})
    link = link.with_base(side.other, {**link.base(side.other), **{f: source[f] for f in sent if f in source}})
    work.pair = attrs.evolve(work.pair, link=link)


def _read_anew(book: Run, work: Work, side: Side, sent: Collection[str], answer: Snapshot) -> None:
    """Fields that are read by the light of one that was written (a phone number by its country) are read anew.

    Nobody has edited them: where a base was known, it is known in the new reading.
    """
    seen = work.pair.seen(side)
    assert seen is not None  # it was written just now
    values, unreadable = dict(seen.snapshot.values), dict(seen.snapshot.unreadable)
    base = dict(work.pair.link.base(side))
    for lens in book.bridge.mappers[work.object].lenses:
        field = lens.name
        if lens.scope not in sent or field in sent or not (field in answer.values or field in answer.unreadable):
            continue
        before = values.pop(field, UNSET)
        unreadable.pop(field, None)
        if field in answer.unreadable:
            unreadable[field] = answer.unreadable[field]
            continue
        values[field] = answer.values[field]
        if field in base and base[field] == before:
            base[field] = answer.values[field]
    work.see(attrs.evolve(seen, snapshot=Snapshot(values, unreadable)))
    work.pair = attrs.evolve(work.pair, link=work.pair.link.with_base(side, base))


def commit_pair(
    book: Run, object: str, work: Work, journal: tuple[JournalEntry, ...] = (), intent_id: str | None = None
) -> Flow[None]:
    yield from book.commit((yield from _commit_of(book, object, work, journal, intent_id)))
    work.lines = ()


def _commit_of(
    book: Run, object: str, work: Work, journal: tuple[JournalEntry, ...] = (), intent_id: str | None = None
) -> Flow[Commit]:
    pair = work.pair
    if work.is_new:
        moment = yield from now()
        ours, theirs = pair.link.customcrm_id, pair.link.keap_id
        journal = (JournalEntry(object, Side.CUSTOMCRM, ours, "link", {}, {}, moment, theirs), *journal)
        work.is_new = False
    lines = (*work.lines, *work.held_lines())
    commit = settled_commit(book.bridge, object, pair, work.outcome)
    commit = attrs.evolve(commit, lines=lines, journal=journal, intent_id=intent_id, replaces=work.replaces)
    if not work.outcome.is_settled or any(work.unconfirmed.values()):
        # Keep both sides in view until the rest is decided.
        staged = tuple(pair.seen(s) or Observation(s, pair.link.id(s), pair.current(s)) for s in Side)
        commit = attrs.evolve(commit, digests=dict.fromkeys(Side), marks=dict.fromkeys(Side), staged=staged)
    return commit


def held_line(skip: Skip) -> Line:
    line = one_sided(skip.object, "held", skip.side, skip.id, skip.reason)
    return attrs.evolve(line, fields=(skip.field or "",))


def confirm(book: Run, object: str, works: Sequence[Work], rounds: int = 2) -> Flow[None]:
    """Read back, in batches, what the answers to the writes did not show: the bases are what is really held.

    What can be understood only now (a phone number whose country was just written) is written in a further round.
    """
    seen_again: list[Work] = []
    for side in Side:
        waiting = [work for work in works if work.unconfirmed.get(side)]
        if waiting:
            seen_again += yield from _confirm_side(book, object, side, waiting)
    done = {id(work) for work in seen_again}
    more = [w for w in works if w.outcome.changes and (id(w) in done or not any(w.unconfirmed.values()))]
    if more and rounds > 1:
        yield from _reread(book, object, more, {})
        yield from gather((_write_pair(book, object, work) for work in more), WRITERS)
        yield from confirm(book, object, [work for work in more if any(work.unconfirmed.values())], rounds - 1)


def _confirm_side(book: Run, object: str, side: Side, works: Sequence[Work]) -> Flow[list[Work]]:
    bridge = book.bridge
    by_id = {work.pair.link.id(side): work for work in works}
    try:
        records = yield from bridge.systems[object, side].get_many(by_id)
    except ApiError:
        return []  # they stay staged, and the next run compares both sides without these bases
    context = yield from bridge.context(object, keap_records=records if side is Side.KEAP else (), plan_id=None)
    for record in records:
        seen = bridge.observe(object, side, record, context)
        work = by_id[seen.id]
        sent = work.unconfirmed.pop(side)
        held = {f: seen.snapshot.values[f] for f in sent if f in seen.snapshot.values}
        # What is no form of what was sent is somebody's edit: the base stays what was sent, so that it is found.
        stored = {f: v if is_stored_form(sent[f], v) else sent[f] for f, v in held.items()}
        remember(work, side, stored, seen.version)
        known = work.pair.seen(side)
        if stored != held or known is None:
            work.see(seen)
        else:
            # What no answer has shown yet is known from now on.
            values = {**seen.snapshot.values, **known.snapshot.values}
            work.see(attrs.evolve(known, snapshot=attrs.evolve(known.snapshot, values=values)))
        _read_anew(book, work, side, sent, seen.snapshot)
        work.raw[side] = record
        decide_again(book, object, work)
        yield from commit_pair(book, object, work)
    return list(works)
