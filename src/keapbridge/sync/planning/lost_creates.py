"""What became of creates whose answers were lost: the records are looked for before they are made again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.errors import UnfitError
from keapbridge.mapping import needs
from keapbridge.mapping.writing import new_record
from keapbridge.model.actions import Skip
from keapbridge.model.kept import Commit, Intent
from keapbridge.model.records import Canonical, Link, Observation, Snapshot, is_stored_form
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.options import Settings
from keapbridge.sync.planning.draft import PlanPart
from keapbridge.sync.reading.custom_fields import learn_fields
from keapbridge.sync.synchronization import Rule, Synchronization
from keapbridge.sync.systems import System

__all__ = ["certain_at", "find_made", "may_be_of", "plan_lost_creates", "sent_within"]

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
    """
    for intent in (yield from part.sync.store.intents.open(part.sync.name)):
        try:
            yield from _plan_lost(part, intent)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are looked for
            # It stays open: nothing is made again until it is known.
            _wait(part, part.skip(intent.side.other, intent.source_id, error))


def _plan_lost(part: PlanPart, intent: Intent) -> Flow[None]:
    sync = part.sync
    if (yield from _is_linked(sync, intent.side.other, intent.source_id)):
        yield from sync.store.intents.drop(intent.id)
    elif not sync.systems[intent.side].creates_once:
        found = yield from find_made(sync, intent)
        if len(found) == 1:
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
    side = intent.side
    system = sync.systems[side]
    yield from learn_fields(sync, refresh=False)  # they may have been forgotten after a refused write
    context = yield from sync.context([Snapshot(intent.values)])
    there = (lens for lens in sync.mapper.lenses if lens.is_there(side, context))
    rules = [Rule.of(lens, context) for lens in there]
    known = {r.name: v for r in rules if (v := _fitting(r.fit, side, intent.values.get(r.name))) is not None}
    since = intent.created_at - (A_ZONE if sync.is_undated(side) else CLOCK_TOLERANCE)
    cursor = yield from sync.store.staging.cursor(sync.name, side)
    if cursor is not None:
        # It was read before the create was sent, by the clocks of both: that of the intent may be ahead.
        since = min(since, cursor.since)
    probe = new_record(sync.mapper, side, known, context)
    if system.creates_once:
        records = yield from _changed(system, since)
    else:
        records = yield from system.find_like(probe, since)
    found = []
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
        if same and (made is None or made >= since) and not (yield from _is_linked(sync, side, seen.id)):
            found.append(seen)
    return found


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
