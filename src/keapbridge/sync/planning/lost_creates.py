"""What became of creates whose answers were lost: the records are looked for before they are made again."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from keapbridge._flow.effects import Flow, now
from keapbridge._io.calls import Page
from keapbridge.decide.written_over import as_it_was, emptied, looks_written_over
from keapbridge.errors import UncertainError, UnfitError
from keapbridge.mapping import needs
from keapbridge.mapping.writing import new_record
from keapbridge.model.actions import Skip
from keapbridge.model.kept_in_store import Commit, Failure, Intent, JournalEntry
from keapbridge.model.records import Canonical, Link, Observation, Pair, Snapshot, is_stored_form
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.linked_in_doubt import doubted, written_over
from keapbridge.sync.options import Settings
from keapbridge.sync.planning.draft import PlanPart
from keapbridge.sync.planning.linked import as_it_is
from keapbridge.sync.reading.custom_fields import learn_fields
from keapbridge.sync.synchronization import Rule, Synchronization
from keapbridge.sync.systems import System

__all__ = [
    "CLOCK_TOLERANCE",
    "certain_at",
    "check_settled",
    "find_made",
    "held_before",
    "look_for",
    "may_be_of",
    "plan_lost_creates",
    "sent_within",
]

CLOCK_TOLERANCE = timedelta(minutes=5)
A_ZONE = timedelta(hours=14)  # how far times may be off whose zone nobody knows
LEAST = timedelta(seconds=5)  # for what happens between an intent and its call


def sent_within(settings: Settings) -> timedelta:
    """How long after its intent was written a create is sent at the latest; see `sync.writing.window`."""
    return max(LEAST, settings.lag)


def certain_at(intended_at: datetime, settings: Settings) -> datetime:
    """As of when a record that is not shown was not made, by the clock of the store's database."""
    return intended_at + (sent_within(settings) + settings.lag if settings.lag else timedelta(0))


def plan_lost_creates(part: PlanPart) -> Flow[None]:
    """Look for records that an earlier run may have made without learning of it.

    A Customcrm is asked again with the same idempotency key when the plan is applied. In Keap, and in a Customcrm
    without such keys, the record is looked up by what it was to hold: one that is linked to nothing, is no older than
    the intent, and holds all of it. Somebody may have edited it since: until its fate is certain, who shares a key with
    the record is neither linked nor given a counterpart (see `PlanPart.uncertain`).

    One that is linked and holds all of it was taken for the new record: it gets its own values back.
    """
    for intent in (yield from part.sync.store.intents.open(part.sync.name)):
        try:
            yield from _plan_lost(part, intent)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are looked for
            # It stays open: nothing is made again until it is known.
            _wait(part, part.skip(intent.side.other, intent.source_id, error))


def _plan_lost(part: PlanPart, intent: Intent) -> Flow[None]:
    sync = part.sync
    if intent.over is not None:
        yield from _see_over(part, intent, intent.over)
        return
    is_linked = yield from _is_linked(sync, intent.side.other, intent.source_id)  # by a plan from before the create
    if sync.systems[intent.side].creates_once:
        if is_linked:
            yield from sync.store.intents.drop(intent.id)
    else:
        found, taken = yield from look_for(sync, intent)
        if taken is not None and (is_linked or not found):
            yield from sync.store.intents.note_over(taken)
            reason = f"{intent.side.title} has written it over {taken.over}, which is linked, and made no other"
            its = (sync.name, intent.side.other, intent.source_id)
            yield from sync.store.failures.note(Failure(*its, reason, 1, None))
            yield from _see_over(part, taken, str(taken.over))
        elif is_linked:
            yield from sync.store.intents.drop(intent.id)
        elif len(found) == 1:
            yield from _link_found(sync, intent, found[0])
        elif not found and (yield from sync.store.lease.time()) < certain_at(intent.created_at, sync.settings):
            again = certain_at(intent.created_at, sync.settings)
            reason = f"whether its counterpart was made is not certain before {again:%Y-%m-%d %H:%M:%S} UTC"
            _wait(part, Skip(sync.name, intent.side.other, intent.source_id, reason))
        elif not found:
            yield from sync.store.intents.drop(intent.id)
        else:
            names = tuple((intent.side, o.id) for o in found)
            reason = "its counterpart was made, and several records could be it"
            _wait(part, Skip(sync.name, intent.side.other, intent.source_id, reason, names))
            source = (intent.side.other, intent.source_id)
            for side, id in names:
                _wait(part, Skip(sync.name, side, id, may_be_of(*source), (source,)))


def _see_over(part: PlanPart, intent: Intent, over: str) -> Flow[None]:
    """Have the pair planned whose record was written over, as long as that may show what was written."""
    sync, side = part.sync, intent.side
    pairs = yield from sync.store.links.pairs_of(sync.name, [over], side)
    seen = (yield from sync.read_one(side, over)) if pairs else None
    is_over = False
    if seen is not None:
        [pair] = yield from written_over(sync, [pairs[0].seeing(seen.observation)])
        is_over = as_it_was(pair) != pair
        if is_over:  # also where it holds again what it held when it was settled
            yield from sync.store.links.settle([as_it_is(sync, pair)])
    is_new = seen is not None and (yield from _is_no_older(sync, intent, seen.whole))
    if not pairs or (is_new and not is_over):
        yield from sync.store.intents.drop(intent.id)
        return
    reason = f"{side.title} has written it over {over}, which gets back first what it held"
    _wait(part, Skip(sync.name, side.other, intent.source_id, reason))


def _is_no_older(sync: Synchronization, intent: Intent, seen: Observation) -> Flow[bool]:
    """Whether a record is shown as it was when it was written over, or later; without a time stamp time must pass."""
    if intent.over_at is not None and seen.life.changed is not None:
        return seen.life.changed >= intent.over_at
    return (yield from sync.store.lease.time()) >= certain_at(intent.created_at, sync.settings)


def held_before(sync: Synchronization, side: Side, pair: Pair) -> Flow[dict[str, Canonical]]:
    """What a linked record held when it was seen last, where its link does not say so."""
    [pair] = yield from doubted(sync, [pair])
    seen = as_it_was(pair).seen[side]
    return {} if seen is None or pair.doubt is not None else dict(seen.snapshot.values)


def check_settled(sync: Synchronization, ids: Mapping[Side, Collection[str]]) -> Flow[None]:
    """Look whether it is known what became of the creates of some records; without their intents nobody finds that out.

    What was made would come back as somebody new, and what was written over another record would pass for an edit.

    Raises:
        UncertainError: when it is not.
    """
    for intent in (yield from sync.store.intents.open(sync.name)):
        if intent.source_id in ids[intent.side.other]:
            reason = f"what was made of {intent.side.other.title} {intent.source_id} "
            if intent.over is None:
                reason += "is not known yet: sync first"
            else:
                reason += (
                    f"was written over {intent.side.title} {intent.over}, which gets back what it held: sync first"
                )
            raise UncertainError(reason, retry_at=certain_at(intent.created_at, sync.settings))
    for entry in (yield from sync.store.journal.put_back(sync.name, ids)):
        certain = entry.written_at + sync.settings.lag
        if (yield from now()) < certain or (yield from _shows_still(sync, entry)):
            what = f"{entry.side.title} {entry.record_id}, over which {', '.join(entry.sources)} had been written"
            reason = f"{what}, may still be shown as it was then: sync after {certain:%Y-%m-%d %H:%M:%S} UTC"
            raise UncertainError(reason, retry_at=certain)


def _shows_still(sync: Synchronization, entry: JournalEntry) -> Flow[bool]:
    """Whether a record that was put back is not known to hold its own values again."""
    name, side, id = sync.name, entry.side, entry.record_id
    seen = yield from sync.store.staging.observations(name, side, [id])
    pairs = yield from sync.store.links.pairs_of(name, [id], side)
    awaited = [pair.link.awaited.get(side, {}) for pair in pairs]
    shown = [
        *(each.snapshot.values for each in seen.values()),
        *({field: its.before for field, its in each.items()} for each in awaited),
    ]
    return any(values.get(f) == v for f, v in entry.before.items() if v is not None for values in shown)


def may_be_of(side: Side, id: str) -> str:
    """Why a record waits for another one."""
    return f"may be the counterpart that an earlier run has made of {side.title} {id}"


def _wait(part: PlanPart, skip: Skip) -> None:
    """Let a record wait in this run. It is matched as others are, so that what was made of it is not taken for new."""
    part.uncertain[skip.side, skip.id] = skip


def _is_linked(sync: Synchronization, side: Side, id: str) -> Flow[bool]:
    return id in (yield from sync.store.links.partners(sync.name, side, [id]))


def find_made(sync: Synchronization, intent: Intent) -> Flow[list[Observation]]:
    """The records that an intent may have made: linked to nothing, no older, and holding all of it."""
    return (yield from look_for(sync, intent))[0]


def look_for(sync: Synchronization, intent: Intent) -> Flow[tuple[list[Observation], Intent | None]]:
    """`find_made`, and the intent with the linked record that it was written over, if one looks like it."""
    side = intent.side
    system = sync.systems[side]
    yield from learn_fields(sync, refresh=False)  # they may have been forgotten after a refused write
    context = yield from sync.context([Snapshot(intent.values)])
    there = (lens for lens in sync.mapper.lenses if lens.is_there(side, context))
    rules = [Rule.of(lens, context) for lens in there]
    known = {r.name: v for r in rules if (v := _fitting(r.fit, side, intent.values.get(r.name))) is not None}
    since = intent.created_at - (A_ZONE if sync.is_undated(side) else CLOCK_TOLERANCE)
    cursor = yield from sync.store.cursors.get(sync.name, side)
    if cursor is not None:
        # It was read before the create was sent, by the clocks of both: that of the intent may be ahead.
        since = min(since, cursor.since)
    probe = new_record(sync.mapper, side, known, context)
    if system.creates_once:
        records = yield from _changed(system, since)
    else:
        records = yield from system.find_like(probe, since)
    found: list[Observation] = []
    over: list[Observation] = []
    apart = yield from sync.store.told_apart.of(sync.name, [intent.source_id])
    others = apart.get((side.other, intent.source_id), frozenset())
    for one in (yield from sync.see(side, records)):
        made, seen = system.identify(one.record).created_at, one.whole
        # What cannot be understood (a number in national form, without a country) does not tell them apart.
        told = {field: value for field, value in known.items() if field not in seen.snapshot.unreadable}
        unread = [sync.mapper[field].place(side) for field in known.keys() - told.keys()]
        same = bool(told) or any(_same_digits(place.get(probe), place.get(one.record)) for place in unread)
        same = same and (side, seen.id) not in others
        same = same and all(is_stored_form(v, seen.snapshot.values.get(f)) for f, v in told.items())
        if same and (yield from _is_linked(sync, side, seen.id)):
            over.append(seen)
        elif same and (made is None or made >= since):
            found.append(seen)
    return found, (yield from _taken(sync, intent, over))


def _taken(sync: Synchronization, intent: Intent, linked: Sequence[Observation]) -> Flow[Intent | None]:
    """The intent with the record that it was written over: a linked one that holds what it was not known to hold."""
    side = intent.side
    for seen in linked:
        for pair in (yield from sync.store.links.pairs_of(sync.name, [seen.id], side)):
            is_own = pair.link.id(side.other) == intent.source_id
            if not is_own and looks_written_over(pair.seeing(seen), side, intent.values):
                before = yield from held_before(sync, side, pair)
                values = {**emptied(pair, seen, before), **intent.values}
                return attrs.evolve(intent, values=values, over=seen.id, over_at=seen.life.changed, before=before)
    return None


def _same_digits(sent: Any, shown: Any) -> bool:
    """Whether a number is the one that was sent, in a form that does not tell of which country it is."""
    ours, theirs = (re.sub(r"\D", "", str(raw[0] if isinstance(raw, tuple) else raw)) for raw in (sent, shown))
    theirs = theirs.lstrip("0")
    return len(theirs) > 5 and ours.endswith(theirs)


def _changed(system: System, since: datetime) -> Flow[tuple[Any, ...]]:
    """All that changed lately, of a system that need not be searched: a create may be sent to it again."""
    found: dict[str, Any] = {}
    page: Page[Any] | None = yield from system.list(since if system.lists_changes else None)
    while page is not None:
        found.update((system.identify(record).id, record) for record in page.items)
        page = (yield from page.next()) if page.next else None
    return tuple(found.values())


def _fitting(fit: Callable[[Side, Canonical], Canonical], side: Side, value: Canonical) -> Canonical:
    try:
        return fit(side, value)
    except UnfitError:
        return None


def _link_found(sync: Synchronization, intent: Intent, found: Observation) -> Flow[None]:
    side, source = intent.side, intent.side.other
    ids = {side: found.id, source: intent.source_id}
    bases: Mapping[Side, Mapping[str, Canonical]] = {
        side: {f: v for f, v in found.snapshot.values.items() if f in intent.values},
        source: needs.as_given(sync.mapper, side, intent.values),
    }
    link = Link(ids[Side.CUSTOMCRM], ids[Side.KEAP], bases[Side.CUSTOMCRM], bases[Side.KEAP])
    link = link.knowing(side, found.life)
    seen = yield from sync.store.staging.observations(sync.name, source, [intent.source_id])
    keys = {
        side: sync.keys_of_linked(found.snapshot),
        source: sync.keys_of_linked(Snapshot(intent.values)),
    }
    reason = "made by an earlier run that did not learn of it"
    line = Line(sync.name, "linked", None, link.customcrm_id, link.keap_id, (), reason)
    # Neither digest is known to be settled, so both records are merged as soon as they are seen again.
    commit = Commit(
        sync.name, link, dict.fromkeys(Side), (found, *seen.values()), keys, lines=(line,), intent_id=intent.id
    )
    yield from sync.store.links.settle([commit])
