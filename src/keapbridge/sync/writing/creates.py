"""Making counterparts: the intent first, then the call, then the link."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

import attrs

from keapbridge._flow.effects import Flow, elapsed, finish, new_id, now
from keapbridge.decide.identity import is_new
from keapbridge.decide.merge import Merge
from keapbridge.decide.restored import is_older
from keapbridge.decide.written_over import as_it_was, emptied
from keapbridge.errors import (
    LinkStoreError,
    ServerError,
    ShapeError,
    SyncError,
    TransportError,
    UnfitError,
)
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.writing import new_record
from keapbridge.model.actions import Action, Create
from keapbridge.model.change import Held
from keapbridge.model.kept_in_store import Intent, JournalEntry
from keapbridge.model.records import (
    Canonical,
    Doubt,
    Life,
    Link,
    Observation,
    Pair,
    Snapshot,
    Values,
    is_stored_form,
)
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.guard import is_foreseen, stops_everything
from keapbridge.sync.linked_in_doubt import ANOTHER, written_over
from keapbridge.sync.planning.first_contact import counterpart, refused_of_new
from keapbridge.sync.planning.linked_in_doubt import parting
from keapbridge.sync.planning.lost_creates import CLOCK_TOLERANCE, held_before
from keapbridge.sync.reading.custom_fields import forget_fields
from keapbridge.sync.reading.unlisted_fields import whole
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.systems import MakesNew
from keapbridge.sync.writing.consent import with_opt_ins
from keapbridge.sync.writing.last_look import LastLook
from keapbridge.sync.writing.one_pair import commit_pair
from keapbridge.sync.writing.pair_state import PairState, assume, awaiting, decide_again, remember, stored_of
from keapbridge.sync.writing.run import RunPart, ending, flowing, one_sided
from keapbridge.sync.writing.updates import confirm
from keapbridge.sync.writing.window import Window

__all__ = [
    "apply_creates",
    "end_link_of_the_gone",
    "is_ambiguous",
    "is_reissued",
    "note_written_over",
    "resume_creates",
]

RECENT = timedelta(minutes=5)  # how long what a plan's scan saw is good enough to make a new record from


@attrs.frozen
class _Ready:
    """A record whose counterpart is about to be made.

    Attributes:
        later: the fields that it is given once it is there, by calls of their own.
    """

    source: Observation
    intent: Intent
    context: Context
    held: tuple[Held, ...] = ()
    refused: Mapping[str, str] = MappingProxyType({})
    later: frozenset[str] = frozenset()
    resumed: bool = False
    begun: float = 0.0  # when the intent was about to be written, see `Window`


def resume_creates(part: RunPart) -> Flow[None]:
    """Send again the creates of an earlier run whose answers were lost, where the same key makes no second record."""
    sync = part.sync
    for intent in (yield from sync.store.intents.open(sync.name)):
        if sync.systems[intent.side].creates_once and intent.over is None:
            try:
                yield from _resume(part, intent)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are sent
                side = intent.side.other
                yield from part.failed(error, one_sided(sync.name, "failed", side, intent.source_id, ""))


def _resume(part: RunPart, intent: Intent) -> Flow[None]:
    sync, side = part.sync, intent.side.other
    staged = yield from sync.store.staging.observations(sync.name, side, [intent.source_id])
    source = staged.get(intent.source_id) or Observation(side, intent.source_id, Snapshot(intent.values))
    context = yield from sync.context([source.snapshot, Snapshot(intent.values)])
    made = yield from _create(part, _Ready(source, intent, context, resumed=True))
    yield from confirm(part, [made] if made else [])


def apply_creates(part: RunPart) -> Flow[None]:
    """Make what the plan says, on both sides."""
    waiting: set[str] = set()  # intents of what has not begun
    last_look = LastLook(part)

    def prepare(actions: list[Action]) -> Flow[list[Flow[None]]]:
        wanted: list[_Ready] = []
        for side in Side:
            ids = [a.source_id for a in actions if isinstance(a, Create) and a.side is side.other]
            ids = yield from last_look.still_to_make(side.other, ids)
            guard = part.sync.guard
            wanted += yield from guard.by_halves(ids, partial(_to_make, part, side), partial(_not_read, part, side))
        ready = yield from part.sync.guard.by_halves(wanted, partial(_intend, part), partial(_not_intended, part))
        waiting.update(item.intent.id for item in ready)

        def end(states: Sequence[PairState | None]) -> Flow[None]:
            yield from confirm(part, [state for state in states if state is not None])
            part.progressed(len(actions) - len(ready))

        def create(item: _Ready) -> Flow[PairState | None]:
            waiting.discard(item.intent.id)
            made = yield from _create(part, item)
            part.progressed(1)
            return made

        return ending([create(item) for item in ready], end)

    try:
        yield from flowing(part.batches(("create",)), prepare)
    except GeneratorExit:
        raise
    except BaseException:
        # The run ends: what was never sent need not be looked for.
        yield from _drop(part, *sorted(waiting))
        raise


def _not_read(part: RunPart, side: Side, id: str, error: Exception) -> Flow[list[_Ready]]:
    yield from part.failed(error, one_sided(part.sync.name, "failed", side, id, ""))
    return []


def _not_intended(part: RunPart, item: _Ready, error: Exception) -> Flow[list[_Ready]]:
    return (yield from _not_read(part, item.source.side, item.source.id, error))


def _intend(part: RunPart, wanted: Sequence[_Ready]) -> Flow[list[_Ready]]:
    """Write down what is about to be made."""
    begun = yield from elapsed()
    moment = yield from part.sync.store.lease.time()
    ready = [attrs.evolve(i, begun=begun, intent=attrs.evolve(i.intent, created_at=moment)) for i in wanted]
    yield from part.sync.store.intents.intend([item.intent for item in ready])
    return ready


def _drop(part: RunPart, *intent_ids: str) -> Flow[None]:
    """Forget intents of a run that ends; what the store cannot do any more is no matter."""
    try:
        if intent_ids:
            yield from part.sync.store.intents.drop(*intent_ids)
    except SyncError:
        return


def _to_make(part: RunPart, side: Side, ids: Sequence[str]) -> Flow[list[_Ready]]:
    """What is to be made, from the newest observation of each record still without a partner."""
    sync = part.sync
    sources = yield from _still_unlinked(part, side, ids)
    context = yield from sync.context([o.snapshot for o in sources])
    ready: list[_Ready] = []
    sources = [attrs.evolve(seen, snapshot=sync.follow_references(seen.snapshot, context)) for seen in sources]
    refused = yield from refused_of_new(sync, side.other, sources, context)
    for source in sources:
        its = refused.get(source.id, {})
        try:
            values, held = counterpart(sync, side.other, source.snapshot, context, its)
        except UnfitError as reason:
            yield from part.report(one_sided(sync.name, "skipped", side, source.id, str(reason)))
            continue
        key, moment = (yield from new_id()), (yield from now())
        later = {field for field in values if side is Side.CUSTOMCRM and sync.mapper[field].kind.is_marked}
        at_once = {field: value for field, value in values.items() if field not in later}
        intent = Intent(key, sync.name, side.other, source.id, at_once, moment)
        ready.append(_Ready(source, intent, context, held, its, later=frozenset(later)))
    return ready


def _still_unlinked(part: RunPart, side: Side, ids: Sequence[str]) -> Flow[list[Observation]]:
    """The records that still need a counterpart; those that were not seen just now are looked at again."""
    sync = part.sync
    intents = yield from sync.store.intents.open(sync.name)
    busy = {intent.source_id for intent in intents if intent.side is side.other}
    linked = yield from sync.store.links.partners(sync.name, side, ids)
    staged = yield from sync.store.staging.observations(sync.name, side, [i for i in ids if i not in busy])
    free = [seen for seen in staged.values() if seen.id not in linked]
    moment = yield from now()
    is_recent = moment - part.plan.created_at <= RECENT
    old = [seen.id for seen in free if not (is_recent and seen.seen_in == part.plan.id)]
    if not old:
        return free
    found, odd = yield from sync.read(side, old)
    read = yield from whole(sync, side, list(found.values()), by_ids=False)
    again = {seen.whole.id: seen.observation for seen in read}
    left = {id for id, seen in again.items() if seen.problem == OUTSIDE}
    gone = [id for id in old if id in left or (id not in again and id not in odd)]
    if gone:
        yield from sync.store.staging.forget_unlinked(sync.name, side, ids=gone)
    reasons = {**odd, **dict.fromkeys(sorted(left), OUTSIDE)}
    yield from part.report(*(one_sided(sync.name, "skipped", side, id, reason) for id, reason in reasons.items()))
    return [again.get(seen.id, seen) for seen in free if seen.id not in gone and seen.id not in odd]


def _create(part: RunPart, ready: _Ready) -> Flow[PairState | None]:
    """Make a record's counterpart and link the two; the pair, where something is still to be done or read back."""
    sync, source, intent = part.sync, ready.source, ready.intent
    window = Window(sync, intent, ready.begun, partial(sync.store.intents.renew, intent.id))
    is_sent = is_made = False
    failure: Exception

    def make(record: Any) -> Flow[PairState | None]:
        nonlocal is_made
        answer = yield from window.send(record)
        is_made = True
        return (yield from _link_made(part, ready, answer))

    try:
        context = yield from with_opt_ins(sync, intent.side, sync.mapper.keap_type(), intent.values, ready.context)
        record = new_record(sync.mapper, intent.side, intent.values, context)
        is_sent = True
        state = yield from finish(make(record))
    except SyncError as error:
        if stops_everything(error):
            raise
        failure = error
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are made
        failure = error
    except BaseException as interrupt:
        if not (window.sent or is_made or ready.resumed or isinstance(interrupt, GeneratorExit)):
            yield from _drop(part, intent.id)
        raise
    else:
        sync.guard.went_well()
        return state
    # What was made and is not linked is found by its intent, as is what may have been made.
    lost = is_made or (is_sent and (is_ambiguous(failure) or not is_foreseen(failure)))
    if not lost:
        yield from sync.store.intents.drop(intent.id)
        yield from forget_fields(sync)
    reason = sync.guard.failed(failure, f"{sync.name} {source.side.title} {source.id}")
    if lost:
        reason += "; the next run finds out whether it was made"
    yield from part.fail(one_sided(sync.name, "failed", source.side, source.id, reason))
    return None


def _link_made(part: RunPart, ready: _Ready, answer: Any) -> Flow[PairState | None]:
    """Remember the pair of a record and the counterpart that was just made."""
    sync, source, intent = part.sync, ready.source, ready.intent
    side, sent = intent.side, intent.values
    moment = yield from now()
    made = sync.observe(side, answer, ready.context, whole=sync.systems[side].answers_all)
    after = {**sent, **stored_of(made, sent)}
    entry = JournalEntry(sync.name, side, made.id, "create", {}, after, moment, source.id)
    before = None if ready.resumed else (yield from _before(sync, answer, made, after))
    state = _after_create(sync, ready, made, moment, before)
    if before is not None:  # it is not ours to be deleted
        entry, state = attrs.evolve(entry, kind="update", before=before), attrs.evolve(state, is_new=True)
    try:
        state = yield from commit_pair(part, state, (entry,), intent.id)
    except LinkStoreError:
        # It is linked already, perhaps since a moment ago: pairs are made side by side.
        pairs = yield from sync.store.links.pairs_of(sync.name, [made.id], side)
        if not pairs or pairs[0].link.id(side.other) == source.id:
            raise
        if not (yield from is_reissued(sync, pairs[0].link, made)):
            return (yield from _taken_for(part, ready, made, pairs[0], moment))
        yield from end_link_of_the_gone(part, pairs[0], made)
        state = yield from commit_pair(part, state, (entry,), intent.id)
    if ready.later:  # it need not be read again for that, and may not be shown yet
        state = attrs.evolve(state, records={**state.records, side: answer})
    return state if state.is_unconfirmed or state.outcome.changes else None


def _before(sync: Synchronization, answer: Any, made: Observation, after: Values) -> Flow[Values | None]:
    """What the record of an answer held before, empty where that is not known; `None` if it is new."""
    staged = yield from sync.store.staging.observations(sync.name, made.side, [made.id])
    known = staged.get(made.id)
    if known is not None and not (yield from _is_new(sync, known.life, made)):
        before = {field: known.snapshot.values.get(field) for field in after}
        return before if before != after else None  # else a look at the list was quicker than this
    its = sync.systems[made.side].identify(answer)
    # Who was just made has not been edited since. A birth without a time of day does not tell.
    is_timed = its.created_at is not None and its.created_at.time() != time.min
    return {} if is_timed and is_older(its.updated_at, its.created_at) else None


def _is_new(sync: Synchronization, known: Life, made: Observation) -> Flow[bool]:
    """Whether what was made is not the record that is known by its id. It is read where its answer does not tell."""
    system = sync.systems[made.side]
    if isinstance(system, MakesNew) and system.creates_are_new:
        return True
    life = made.life
    if known.born is not None and life.born is None and (seen := (yield from sync.read_one(made.side, made.id))):
        life = seen.whole.life
    return is_new(known, life)


def is_reissued(sync: Synchronization, link: Link, made: Observation) -> Flow[bool]:
    """Whether what was made has the id of a linked record that is not there any more."""
    return (yield from _is_new(sync, link.life(made.side), made))


def end_link_of_the_gone(part: RunPart, pair: Pair, made: Observation) -> Flow[None]:
    """End the link of a record whose id another one was given when it was made."""
    link, name = pair.link, part.sync.name
    reason = f"deleted in {made.side.title}, which has given its id to another record"
    removal = parting(part.sync, part.plan.id, pair.seeing(made), Doubt(ANOTHER, made.side, reason))
    line = Line(name, "unlinked", None, link.customcrm_id, link.keap_id, (), reason)
    yield from part.remove(attrs.evolve(removal, lines=(line,)))


def _taken_for(part: RunPart, ready: _Ready, made: Observation, pair: Pair, moment: datetime) -> Flow[PairState | None]:
    """What was to be a new record has been written over one that is linked already: that one gets its values back.

    What it held is written down first, as is what was written: whoever sees it next must not take it for an edit.
    """
    sync, source, side = part.sync, ready.source, made.side
    note = yield from note_written_over(sync, ready.intent, made, pair)
    reason = (
        f"{side.title} has written it to {made.id}, which is linked with {side.other.title} "
        f"{pair.link.id(side.other)}, and made no other; what that one held is put back"
    )
    # Sent again, it would be written over it again.
    yield from part.fail(one_sided(sync.name, "failed", source.side, source.id, reason), again=False)
    [pair] = yield from written_over(sync, [pair.seeing(made)])
    context = yield from sync.context([pair.current[each] for each in Side])
    state = decide_again(sync, PairState(sync.name, pair, context, Merge(), moment=moment))
    if as_it_was(pair) == pair:
        yield from sync.store.intents.drop(note.id)  # the two are the same
    return state if state.outcome.changes else None


def note_written_over(sync: Synchronization, intent: Intent, made: Observation, pair: Pair) -> Flow[Intent]:
    """Write down over which record of a pair a create was written, what was written, and what it held."""
    side, stored = made.side, stored_of(made, intent.values)
    before = yield from held_before(sync, side, pair)
    entries = yield from sync.store.journal.of_links(sync.name, [pair.link])
    made_since = intent.created_at - CLOCK_TOLERANCE  # by two clocks
    if any(e.kind == "create" and e.written_at >= made_since for e in entries.get(pair.link.customcrm_id, ())):
        # It was made by both: what it holds of this one, and not of its partner, was never its own.
        base, own = pair.link.base(side), pair.link.base(side.other)
        before |= {f: own.get(f) for f, v in stored.items() if base.get(f) == v and own.get(f) != v}
    values = {**emptied(pair, made, before), **intent.values, **stored}
    note = attrs.evolve(intent, values=values, over=made.id, over_at=made.life.changed, before=before)
    yield from sync.store.intents.note_over(note)
    return note


def _after_create(
    sync: Synchronization, ready: _Ready, made: Observation, moment: datetime, before: Values | None
) -> PairState:
    """The pair of a record and the counterpart that was made for it.

    Args:
        before: see `_before`.
    """
    source, side, sent = ready.source, made.side, ready.intent.values
    made = _as_answered(made, sent)
    stored = stored_of(made, sent)
    # What is not shown, or as empty, may not have been taken: that is looked at again, as after any write.
    untaken = {field: None for field, value in sent.items() if value is not None and stored.get(field) is None}
    stored = {field: value for field, value in stored.items() if field not in untaken}
    ours, theirs = (made, source) if side is Side.CUSTOMCRM else (source, made)
    state = PairState(
        sync.name,
        Pair(Link(ours.id, theirs.id), ours, theirs, unwritable=ready.refused),
        ready.context,
        Merge(),
        unconfirmed={side: {field: value for field, value in sent.items() if field not in stored}},
        moment=moment,
    )
    state = awaiting(state, side, untaken, moment)
    if ready.resumed:
        state = _based_on_sent(remember(state, side, stored, made), side, sent)
    else:
        # Where a system takes a new record for one that it has, what that one holds is no default.
        defaults = _defaults(sync.mapper, source, made, sent) if before is None else {}
        state = remember(state, side, {**defaults, **stored}, made)
    waits = {item.field for item in ready.held if item.side is side}
    state = _waiting_for_room(state, waits | ready.later, made)
    state = decide_again(sync, state)
    known = {item.field for item in state.outcome.held}
    held = (*state.outcome.held, *(item for item in ready.held if item.field not in known))
    notes = [f"{side.title} kept another {f}" for f, v in stored.items() if not is_stored_form(sent[f], v)]
    if before is not None:
        unknown = "" if before else "; what that held is not known"
        notes.append(f"{side.title} has written it to one that it had already{unknown}")
    state = attrs.evolve(state, outcome=attrs.evolve(state.outcome, held=held))
    return assume(state.saying(state.line("created", side, sent, "; ".join(notes))), side)


def _as_answered(made: Observation, sent: Values) -> Observation:
    """What was made, as far as its answer shows it: what was sent and is left out there is not known to be empty.

    A read tells. One that does not find the record (its answer may have been of a job in a queue) tells nothing.
    """
    unknown = {field for field in made.snapshot.absent if sent.get(field) is not None}
    if not unknown:
        return made
    values = {field: value for field, value in made.snapshot.values.items() if field not in unknown}
    snapshot = attrs.evolve(made.snapshot, values=values, absent=made.snapshot.absent - unknown)
    return attrs.evolve(made, snapshot=snapshot)


def _waiting_for_room(state: PairState, held: Collection[str], made: Observation) -> PairState:
    """What the new record was not given is an edit that waits; what it holds instead is nobody's edit."""
    link = state.pair.link
    shown = {field: made.snapshot.values[field] for field in held if field in made.snapshot.values}
    link = link.with_base(made.side, {**link.base(made.side), **shown})
    link = link.with_base(made.side.other, {**link.base(made.side.other), **dict.fromkeys(shown)})
    return attrs.evolve(state, pair=attrs.evolve(state.pair, link=link)) if shown else state


def _based_on_sent(state: PairState, side: Side, sent: Values) -> PairState:
    """A create that is resumed: both records may have been edited since it was sent, so what was sent is their base."""
    link = state.pair.link
    for each in Side:
        held = state.pair.current[each].values
        base = {f: held[f] if f in held and is_stored_form(held[f], v) else v for f, v in sent.items()}
        if each is side:
            base = {f: held[f] if f in held and is_stored_form(v, held[f]) else v for f, v in sent.items()}
        link = link.with_base(each, base)
    return attrs.evolve(state, pair=attrs.evolve(state.pair, link=link))


def _defaults(mapper: Mapper, source: Observation, made: Observation, sent: Values) -> dict[str, Canonical]:
    """What a system filled in by itself where the source is known to have nothing: no edit of anybody's.

    What only the new record can tell (that its address is opted out) does not count.
    """
    empty = {f for f, v in source.snapshot.values.items() if v is None and mapper[f].flows_to(made.side)}
    return {f: v for f, v in made.snapshot.values.items() if f not in sent and f in empty}


def is_ambiguous(error: Exception) -> bool:
    """Whether a write may have taken effect although it failed."""
    return isinstance(error, (ServerError, ShapeError)) or (isinstance(error, TransportError) and error.sent)
