"""Making counterparts: the intent first, then the call, then the link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import attrs

from keapbridge._io.effects import Flow, new_id, now
from keapbridge.decide.merge import Merge
from keapbridge.errors import (
    ApiError,
    MappingError,
    ServerError,
    ShapeError,
    TransportError,
    UnfitError,
)
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.change import Held
from keapbridge.model.kept import Intent, JournalEntry
from keapbridge.model.plan import Action, Create
from keapbridge.model.records import Canonical, Link, Observation, Pair, Snapshot, is_stored_form
from keapbridge.model.side import Side
from keapbridge.sync.lease import keep
from keapbridge.sync.planning.propose import draft
from keapbridge.sync.reading.custom_fields import forget_fields
from keapbridge.sync.writing.consent import with_opt_ins
from keapbridge.sync.writing.run import Run, ending, flowing, one_sided, stops_everything
from keapbridge.sync.writing.updates import Work, assume, commit_pair, confirm, decide_again, remember, stored_of

__all__ = ["apply_creates", "is_ambiguous", "resume_creates"]

RECENT = timedelta(minutes=5)  # how long what a plan's scan saw is good enough to make a new record from


@attrs.frozen
class _Ready:
    """A record whose counterpart is about to be made."""

    source: Observation
    intent: Intent
    context: Context
    held: tuple[Held, ...] = ()
    resumed: bool = False


def resume_creates(book: Run, object: str) -> Flow[None]:
    """Send again the creates of an earlier run whose answers were lost, where the same key makes no second record."""
    bridge = book.bridge
    for intent in (yield from bridge.store.intents.open(object)):
        if not bridge.systems[object, intent.side].creates_once:
            continue
        side = intent.side.other
        staged = yield from bridge.store.staging.observations(object, side, [intent.source_id])
        source = staged.get(intent.source_id) or Observation(side, intent.source_id, Snapshot(intent.draft))
        context = yield from bridge.context(object, [source.snapshot, Snapshot(intent.draft)], plan_id=None)
        work = yield from _create(book, object, _Ready(source, intent, context, resumed=True))
        yield from confirm(book, object, [work] if work else [])


def apply_creates(book: Run, object: str) -> Flow[None]:
    def prepare(actions: list[Action]) -> Flow[list[Flow[None]]]:
        drafts: list[_Ready] = []
        for side in Side:
            ids = [a.source_id for a in actions if isinstance(a, Create) and a.side is side.other]
            if ids:
                drafts += yield from _draft(book, object, side, ids)
        ready = yield from _intend(book, drafts)

        def end(works: Sequence[Work | None]) -> Flow[None]:
            yield from confirm(book, object, [work for work in works if work is not None])
            book.progressed(object, len(actions))

        return ending([_create(book, object, item) for item in ready], end)

    yield from flowing(book.batches(object, ("create",)), prepare)


def _intend(book: Run, drafts: Sequence[_Ready]) -> Flow[list[_Ready]]:
    """Write down what is about to be made."""
    moment = yield from now()
    ready = [attrs.evolve(item, intent=attrs.evolve(item.intent, created_at=moment)) for item in drafts]
    if ready:
        yield from book.bridge.store.intents.intend([item.intent for item in ready])
    return ready


def _draft(book: Run, object: str, side: Side, ids: Sequence[str]) -> Flow[list[_Ready]]:
    """What is to be made, from the newest observation of each record still without a partner."""
    bridge = book.bridge
    sources = yield from _still_unlinked(book, object, side, ids)
    context = yield from bridge.context(object, [o.snapshot for o in sources], plan_id=None)
    ready: list[_Ready] = []
    for seen in sources:
        source = attrs.evolve(seen, snapshot=bridge.settle_references(object, seen.snapshot, context))
        try:
            values, held = draft(bridge, object, side.other, source.snapshot, context)
        except UnfitError as reason:
            yield from book.report(one_sided(object, "skipped", side, source.id, str(reason)))
            continue
        key, moment = (yield from new_id()), (yield from now())
        ready.append(_Ready(source, Intent(key, object, side.other, source.id, values, moment), context, held))
    return ready


def _still_unlinked(book: Run, object: str, side: Side, ids: Sequence[str]) -> Flow[list[Observation]]:
    """The records that still need a counterpart; those that were not seen just now are looked at again."""
    bridge = book.bridge
    intents = yield from bridge.store.intents.open(object)
    busy = {intent.source_id for intent in intents if intent.side is side.other}
    linked = yield from bridge.store.links.partners(object, side, ids)
    staged = yield from bridge.store.staging.observations(object, side, [i for i in ids if i not in busy])
    free = [seen for seen in staged.values() if seen.id not in linked]
    moment = yield from now()
    is_recent = moment - book.plan.created_at <= RECENT
    old = [seen.id for seen in free if not (is_recent and seen.seen_in == book.plan.id)]
    if not old:
        return free
    records, odd = yield from bridge.read_many(object, side, old)
    context = yield from bridge.context(object, keap_records=records if side is Side.KEAP else (), plan_id=None)
    again = {seen.id: seen for seen in (bridge.observe_whole(object, side, record, context) for record in records)}
    left = {id for id, seen in again.items() if seen.problem == OUTSIDE}
    gone = [id for id in old if id in left or (id not in again and id not in odd)]
    if gone:
        yield from bridge.store.staging.forget_unlinked(object, side, ids=gone)
    reasons = {**odd, **dict.fromkeys(sorted(left), OUTSIDE)}
    yield from book.report(*(one_sided(object, "skipped", side, id, reason) for id, reason in reasons.items()))
    return [again.get(seen.id, seen) for seen in free if seen.id not in gone and seen.id not in odd]


def _create(book: Run, object: str, ready: _Ready) -> Flow[Work | None]:
    """Make a record's counterpart and link the two; the pair, where the answer did not show all that was sent."""
    bridge, source, intent = book.bridge, ready.source, ready.intent
    side, sent = intent.side, intent.draft
    try:
        mapper = bridge.mappers[object]
        blank = mapper.keap_type()
        context = yield from with_opt_ins(bridge, object, side, blank, sent, ready.context)
        record = mapper.draft(side, sent, context)
        yield from keep(bridge.store)  # a runner that slept too long must not make a second record
        answer = yield from bridge.systems[object, side].create(record, intent.id)
    except (ApiError, MappingError, KeyError) as error:
        lost = is_ambiguous(error)
        if not lost:
            yield from bridge.store.intents.drop(intent.id)
            yield from forget_fields(bridge, object)
        if stops_everything(error):
            raise
        reason = f"{error}; the next run finds out whether it was made" if lost else str(error)
        yield from book.fail(one_sided(object, "failed", source.side, source.id, reason))
        return None
    moment = yield from now()
    made = bridge.observe(object, side, answer, ready.context)
    stored, version = stored_of(made, sent)
    ids = {side: made.id, source.side: source.id}
    seen = {side: made, source.side: source}
    pair = Pair(Link(ids[Side.CUSTOMCRM], ids[Side.KEAP]), seen[Side.CUSTOMCRM], seen[Side.KEAP])
    work = Work(object, pair, ready.context, Merge())
    work.unconfirmed[side] = {field: value for field, value in sent.items() if field not in stored}
    if ready.resumed:
        remember(work, side, stored, version)
        _rebase_on_draft(work, side, sent)
    else:
        remember(work, side, {**_defaults(bridge.mappers[object], source, made, sent), **stored}, version)
    decide_again(book, object, work)
    known = {item.field for item in work.outcome.held}
    work.outcome = attrs.evolve(
        work.outcome, held=(*work.outcome.held, *(item for item in ready.held if item.field not in known))
    )
    notes = [f"{side.title} kept another {f}" for f, v in stored.items() if not is_stored_form(sent[f], v)]
    work.lines += (work.line("created", side, sent, "; ".join(notes)),)
    entry = JournalEntry(object, side, made.id, "create", {}, {**sent, **stored}, moment, source.id)
    assume(work, side)
    yield from commit_pair(book, object, work, (entry,), intent.id)
    return work if work.unconfirmed[side] or work.outcome.changes else None


def _rebase_on_draft(work: Work, side: Side, sent: Mapping[str, Canonical]) -> None:
    """A create that is resumed: both records may have been edited since it was sent, so its draft is their base."""
    link = work.pair.link
    for each in Side:
        now_held = work.pair.current(each).values
        base = {f: now_held[f] if f in now_held and is_stored_form(now_held[f], v) else v for f, v in sent.items()}
        if each is side:
            base = {f: now_held[f] if f in now_held and is_stored_form(v, now_held[f]) else v for f, v in sent.items()}
        link = link.with_base(each, base)
    work.pair = attrs.evolve(work.pair, link=link)


def _defaults(
    mapper: Mapper, source: Observation, made: Observation, sent: Mapping[str, Canonical]
) -> dict[str, Canonical]:
    """What a system filled in by itself where the source is known to have nothing: no edit of anybody's.

    What only the new record can tell (that its address is opted out) is none of it.
    """
    empty = {f for f, v in source.snapshot.values.items() if v is None and mapper[f].flows_to(made.side)}
    return {f: v for f, v in made.snapshot.values.items() if f not in sent and f in empty}


def is_ambiguous(error: Exception) -> bool:
    """Whether a write may have taken effect although it failed."""
    return isinstance(error, (ServerError, ShapeError)) or (isinstance(error, TransportError) and error.sent)
