"""Planning: what was observed becomes a plan. `merge` and `match` decide; here they meet the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from keapbridge._io.effects import Flow, Page, new_id, now
from keapbridge.decide.match import Unmatched, match_group
from keapbridge.decide.merge import Merge, merge
from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Context
from keapbridge.model.candidate import Candidate
from keapbridge.model.change import Held
from keapbridge.model.kept import Commit, Intent
from keapbridge.model.plan import Action, Adopt, Conflict, Create, Plan, Skip, Update, headings
from keapbridge.model.records import Canonical, Link, Observation, Pair, Snapshot, is_stored_form
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.planning.deletions import plan_deletions
from keapbridge.sync.reading.custom_fields import learn_fields
from keapbridge.sync.reading.scan import Scan, observe, observe_ids
from keapbridge.sync.synchronization import Bridge, digest, keys_of
from keapbridge.sync.systems import Records

__all__ = ["draft", "find_made", "merge_pairs", "propose", "settled_commit"]

BATCH = 500
CROWD = 200  # a key that more records share says nothing about who they are
CLOCK_TOLERANCE = timedelta(minutes=5)


def propose(
    bridge: Bridge,
    objects: Sequence[str],
    *,
    full: bool = False,
    ids: Mapping[Side, Collection[str]] | None = None,
) -> Flow[Plan]:
    """Observe both systems and write down what would bring them together. Nothing is written to either of them.

    Args:
        full: everything, not only what changed since the last run.
        ids: only these records, and what was left open before.
    """
    plan_id = (yield from new_id())[:12]
    started = yield from now()
    yield from bridge.store.plans.begin(plan_id, started, objects)
    book = _Book(bridge, plan_id)
    watermarks: dict[str, dict[str, datetime]] = {}
    for object in objects:
        yield from _recover(bridge, object, book)
        if ids is None:
            scans = yield from observe(bridge, object, plan_id, full=full)
        else:
            scans = yield from observe_ids(bridge, object, plan_id, ids)
        watermarks[object] = {scan.side.value: scan.watermark for scan in scans if scan.watermark is not None}
        yield from _plan_nameless(object, scans, book)
        yield from plan_deletions(bridge, object, plan_id, book.add)
        yield from _plan_pairs(bridge, object, book)
        yield from _plan_matches(bridge, object, book)
        for side in Side:
            yield from _plan_creates(bridge, object, side, book)
        # Of the pairs that were looked at, one side may have come as it was.
        quiet = max(scan.unchanged - book.one_sided[object, scan.side] for scan in scans)
        book.unchanged[object] = max(0, quiet) + book.settled[object]
        book.totals[object] = {scan.side.value: scan.seen for scan in scans} | {"actions": book.actions.get(object, 0)}
        if (rate := bridge.systems[object, Side.KEAP].calls_per_minute) is not None:
            book.totals[object]["keap_per_minute"] = rate
        if book.counts.get(object):  # the brakes want to know; counting costs where nothing happens
            book.totals[object]["links"] = yield from bridge.store.links.count(object)
    return (
        yield from bridge.store.plans.finish(
            plan_id,
            book.counts,
            book.unchanged,
            watermarks,
            book.totals,
        )
    )


@attrs.define
class _Book:
    """The plan while it is being written: the next number, the counts."""

    bridge: Bridge
    plan_id: str
    next_seq: int = 0
    counts: dict[str, Counter[str]] = attrs.field(factory=dict)
    unchanged: dict[str, int] = attrs.field(factory=dict)
    totals: dict[str, dict[str, int]] = attrs.field(factory=dict)
    actions: Counter[str] = attrs.field(factory=Counter)
    settled: Counter[str] = attrs.field(factory=Counter)
    one_sided: Counter[tuple[str, Side]] = attrs.field(factory=Counter)  # looked at, with nothing new on this side

    def add(self, actions: Sequence[Action]) -> Flow[None]:
        yield from self.bridge.store.plans.add_actions(self.plan_id, self.next_seq, actions)
        self.next_seq += len(actions)
        for action in actions:
            self.actions[action.object] += 1
            self.counts.setdefault(action.object, Counter()).update(headings(action))


def _plan_nameless(object: str, scans: Iterable[Scan], book: _Book) -> Flow[None]:
    yield from book.add([Skip(object, scan.side, "?", reason) for scan in scans for reason in scan.nameless])


# --- linked pairs -----------------------------------------------------------------------------------------------


def _plan_pairs(bridge: Bridge, object: str, book: _Book) -> Flow[None]:
    for batch in bridge.pairs(object, BATCH):
        pairs = yield from batch
        if pairs:
            yield from _plan_batch(bridge, object, pairs, book)


def _plan_batch(bridge: Bridge, object: str, pairs: Sequence[Pair], book: _Book) -> Flow[None]:
    actions: list[Action] = []
    settled: list[Commit] = []
    waiting = yield from _waiting(bridge, object, [(s, pair.link.id(s)) for pair in pairs for s in Side])
    for pair, outcome in (yield from merge_pairs(bridge, object, pairs, book.plan_id)):
        problem = _problem(object, pair)
        if problem is not None:
            actions.append(problem)
        elif outcome.is_settled:
            settled.append(settled_commit(bridge, object, pair, outcome))
        elif all((side, pair.link.id(side)) in waiting for side in Side):
            ours = (Side.CUSTOMCRM, pair.link.customcrm_id)
            actions.append(Skip(object, *ours, waiting[ours]))
        else:
            actions += _pair_actions(object, pair, outcome)
    for side in Side:
        book.one_sided[object, side] += sum(pair.seen(side) is None for pair in pairs)
    book.settled[object] += len(settled)
    yield from bridge.store.links.settle(settled)
    yield from book.add(actions)


def _waiting(bridge: Bridge, object: str, records: Sequence[tuple[Side, str]]) -> Flow[dict[tuple[Side, str], str]]:
    """Those of the records that failed before and are not due yet, with what to say about them."""
    moment = yield from now()
    waiting: dict[tuple[Side, str], str] = {}
    for side in Side:
        ids = [id for s, id in records if s is side]
        failures = (yield from bridge.store.failures.of(object, side, ids)) if ids else {}
        for id, failure in failures.items():
            if failure.next_try_at is None or failure.next_try_at > moment:
                when = (
                    "when it is edited"
                    if failure.next_try_at is None
                    else f"after {failure.next_try_at:%Y-%m-%d %H:%M} UTC"
                )
                waiting[side, id] = f"failed {failure.tries} times, tried again {when}: {failure.reason}"
    return waiting


def merge_pairs(
    bridge: Bridge, object: str, pairs: Sequence[Pair], plan_id: str | None
) -> Flow[list[tuple[Pair, Merge]]]:
    """Merge pairs, with the references between records resolved as far as they are linked (or planned to be)."""
    snapshots = [pair.current(side) for pair in pairs for side in Side]
    context = yield from bridge.context(object, snapshots, plan_id=plan_id)
    rules = bridge.rules(object, context)
    result = []
    for pair in pairs:
        ready = with_references(bridge, object, pair, context)
        result.append((ready, merge(ready, rules, bridge.policy)))
    return result


def with_references(bridge: Bridge, object: str, pair: Pair, context: Context) -> Pair:
    """The pair, with references resolved that can be by now."""

    def ready(seen: Observation | None) -> Observation | None:
        if seen is None:
            return None
        return attrs.evolve(seen, snapshot=bridge.settle_references(object, seen.snapshot, context))

    return Pair(pair.link, ready(pair.customcrm), ready(pair.keap))


def settled_commit(bridge: Bridge, object: str, pair: Pair, outcome: Merge) -> Commit:
    """Remember a pair that needs no write: what both sides hold is the base from now on."""
    link = pair.link
    for side in Side:
        settled = {s.field: s.customcrm if side is Side.CUSTOMCRM else s.keap for s in outcome.settled}
        link = link.with_base(side, {**link.base(side), **settled})
    mapper = bridge.mappers[object]
    return Commit(
        object,
        link,
        {side: digest(seen.snapshot) for side in Side if (seen := pair.seen(side)) is not None},
        keys={side: keys_of(mapper, pair.current(side)) for side in Side},
        marks={side: seen.mark for side in Side if (seen := pair.seen(side)) is not None},
    )


def _problem(object: str, pair: Pair) -> Skip | None:
    for side in Side:
        seen = pair.seen(side)
        if seen is not None and seen.problem is not None:
            return Skip(object, side, seen.id, seen.problem)
    return None


def _pair_actions(object: str, pair: Pair, outcome: Merge) -> Iterator[Action]:
    ids = (pair.link.customcrm_id, pair.link.keap_id)
    if outcome.changes:
        yield Update(object, *ids, outcome.changes, outcome.held)
    else:
        yield from held_skips(object, pair.link, outcome.held)
    for conflict in outcome.conflicts:
        yield Conflict(object, *ids, conflict)


def held_skips(object: str, link: Link, held: Iterable[Held]) -> Iterator[Skip]:
    """A line for each field of a pair that cannot flow."""
    for item in held:
        yield Skip(object, item.side, link.id(item.side), item.reason, field=item.field)


# --- first contact ----------------------------------------------------------------------------------------------


def _plan_matches(bridge: Bridge, object: str, book: _Book) -> Flow[None]:
    for rank, key in enumerate(bridge.mappers[object].keys):
        if rank and not (yield from _is_any_left(bridge, object, book.plan_id)):
            return
        after = ""
        name = "+".join(key.fields)
        while True:
            groups = yield from bridge.store.match_keys.groups(object, rank, after, BATCH, book.plan_id)
            if not groups:
                break
            after = groups[-1][0]
            pairs: list[tuple[str, str]] = []
            actions: list[Action] = []
            for _, group in groups:
                if len(group) > CROWD:
                    actions += _crowd(object, name, group)
                    continue
                outcome = match_group(group, strict=key.strict)
                pairs += outcome.pairs
                actions += [_skip(object, name, unmatched) for unmatched in outcome.unmatched]
            yield from book.add(actions)
            yield from _plan_adoptions(bridge, object, name, pairs, book)


def _is_any_left(bridge: Bridge, object: str, plan_id: str) -> Flow[bool]:
    """Whether there are records about which nothing is planned yet."""
    for side in Side:
        if (yield from bridge.store.match_keys.unlinked(object, side, "", 1, plan_id)):
            return True
    return False


def _crowd(object: str, key: str, group: Sequence[Candidate]) -> list[Skip]:
    reason = f"{len(group)} records share this {key}"
    return [Skip(object, c.side, c.id, reason) for c in group if not c.linked]


def _skip(object: str, key: str, unmatched: Unmatched) -> Skip:
    return Skip(object, unmatched.side, unmatched.id, f"{unmatched.reason} (same {key})", unmatched.candidates)


def _plan_adoptions(bridge: Bridge, object: str, key: str, ids: Sequence[tuple[str, str]], book: _Book) -> Flow[None]:
    if not ids:
        return
    pairs = yield from read_unlinked(bridge, object, ids)
    actions: list[Action] = []
    waiting = yield from _waiting(bridge, object, [(s, pair.link.id(s)) for pair in pairs for s in Side])
    for pair, outcome in (yield from merge_pairs(bridge, object, pairs, book.plan_id)):
        ours = (Side.CUSTOMCRM, pair.link.customcrm_id)
        if all((side, pair.link.id(side)) in waiting for side in Side):
            actions.append(Skip(object, *ours, waiting[ours]))
            continue
        both = (pair.link.customcrm_id, pair.link.keap_id)
        actions.append(Adopt(object, *both, key, outcome.changes, outcome.held))
        actions += [Conflict(object, *both, conflict) for conflict in outcome.conflicts]
    yield from book.add(actions)


def read_unlinked(bridge: Bridge, object: str, ids: Sequence[tuple[str, str]]) -> Flow[list[Pair]]:
    """Pairs of records that are not linked yet, as far as both were observed."""
    ours = yield from bridge.store.staging.observations(object, Side.CUSTOMCRM, [a for a, _ in ids])
    theirs = yield from bridge.store.staging.observations(object, Side.KEAP, [b for _, b in ids])
    return [Pair(Link(a, b), ours[a], theirs[b]) for a, b in ids if a in ours and b in theirs]


def _plan_creates(bridge: Bridge, object: str, source: Side, book: _Book) -> Flow[None]:
    after = ""
    while True:
        found = yield from bridge.store.match_keys.unlinked(object, source, after, BATCH, book.plan_id)
        if not found:
            return
        after = found[-1].id
        context = yield from bridge.context(object, [o.snapshot for o in found], plan_id=book.plan_id)
        kept = yield from bridge.store.links.tombstones(object, source, [o.id for o in found])
        waiting = yield from _waiting(bridge, object, [(source, o.id) for o in found])
        reasons = {**{id: reason for (_, id), reason in waiting.items()}, **kept}
        yield from book.add(
            [
                Skip(object, source, o.id, reasons[o.id])
                if o.id in reasons
                else _plan_create(bridge, object, o, context)
                for o in found
            ]
        )


def _plan_create(bridge: Bridge, object: str, source: Observation, context: Context) -> Create | Skip:
    if source.problem is not None:
        return Skip(object, source.side, source.id, source.problem)
    try:
        values, held = draft(bridge, object, source.side.other, source.snapshot, context)
    except UnfitError as reason:
        return Skip(object, source.side, source.id, str(reason))
    return Create(object, source.side.other, source.id, values, held)


def draft(
    bridge: Bridge, object: str, target: Side, source: Snapshot, context: Context
) -> tuple[dict[str, Canonical], tuple[Held, ...]]:
    """What a record's counterpart will hold, and what cannot flow.

    Raises:
        UnfitError: when the target requires something that the record does not have.
    """
    values: dict[str, Canonical] = {}
    held = [Held(field, target.other, reason) for field, reason in source.unreadable.items()]
    for rule in bridge.rules(object, context):
        value = source.values.get(rule.name)
        if value is None or not rule.flows_to(target):
            continue
        try:
            fitting = rule.fit(target, value)
        except UnfitError as reason:
            held.append(Held(rule.name, target, str(reason)))
        else:
            if fitting is not None:
                values[rule.name] = fitting
    try:
        return bridge.mappers[object].fill_required(target, values), tuple(held)
    except UnfitError as reason:
        why = "; ".join(f"{h.field}: {h.reason}" for h in held)
        raise UnfitError(f"{reason} ({why})" if why else str(reason)) from None


# --- what became of creates whose answers were lost -------------------------------------------------------------


def _recover(bridge: Bridge, object: str, book: _Book) -> Flow[None]:
    """Look for records that an earlier run may have made without learning of it.

    A Customcrm is asked again with the same idempotency key when the plan is applied. In Keap, and in a Customcrm
    without such keys, the record is looked up by what it was to hold: one that is linked to nothing, is no older than
    the intent, and holds all of it.
    """
    for intent in (yield from bridge.store.intents.open(object)):
        if (yield from is_linked(bridge, object, intent.side.other, intent.source_id)):
            yield from bridge.store.intents.drop(intent.id)
        elif not bridge.systems[object, intent.side].creates_once:
            found = yield from find_made(bridge, intent)
            if len(found) == 1:
                yield from _link_found(bridge, intent, found[0])
            elif not found and (yield from now()) - intent.created_at < bridge.lag:
                again = intent.created_at + bridge.lag
                reason = f"whether its counterpart was made is not certain before {again:%Y-%m-%d %H:%M:%S} UTC"
                yield from book.add([Skip(object, intent.side.other, intent.source_id, reason)])
            elif not found:
                yield from bridge.store.intents.drop(intent.id)
            else:
                names = tuple((intent.side, o.id) for o in found)
                reason = "its counterpart was made, and several records could be it"
                yield from book.add([Skip(object, intent.side.other, intent.source_id, reason, names)])


def is_linked(bridge: Bridge, object: str, side: Side, id: str) -> Flow[bool]:
    """Whether a record has a partner by now."""
    return id in (yield from bridge.store.links.partners(object, side, [id]))


def find_made(bridge: Bridge, intent: Intent) -> Flow[list[Observation]]:
    """The records that an intent may have made: linked to nothing, no older, and holding all of it."""
    object, side = intent.object, intent.side
    system = bridge.systems[object, side]
    yield from learn_fields(bridge, object, refresh=False)  # they may have been forgotten after a refused write
    context = yield from bridge.context(object, [Snapshot(intent.draft)], plan_id=None)
    rules = [rule for rule in bridge.rules(object, context) if rule.lens.is_there(side, context)]
    known = {r.name: v for r in rules if (v := _fitting(r.fit, side, intent.draft.get(r.name))) is not None}
    since = intent.created_at - CLOCK_TOLERANCE
    probe = bridge.mappers[object].draft(side, known, context)
    if system.creates_once:
        records = yield from _changed(system, since)
    else:
        records = yield from system.find_like(probe, since)
    theirs = records if side is Side.KEAP else ()
    context = yield from bridge.context(object, keap_records=theirs, plan_id=None)
    found = []
    for record in records:
        made = system.identify(record).created_at
        seen = bridge.observe(object, side, record, context)
        # What cannot be understood (a number in national form, without a country) does not tell them apart.
        told = {field: value for field, value in known.items() if field not in seen.snapshot.unreadable}
        same = bool(told) and all(is_stored_form(v, seen.snapshot.values.get(f)) for f, v in told.items())
        if same and (made is None or made >= since) and not (yield from is_linked(bridge, object, side, seen.id)):
            found.append(seen)
    return found


def _changed(system: Records, since: datetime) -> Flow[tuple[Any, ...]]:
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


def _link_found(bridge: Bridge, intent: Intent, found: Observation) -> Flow[None]:
    side, source = intent.side, intent.side.other
    mapper = bridge.mappers[intent.object]
    ids = {side: found.id, source: intent.source_id}
    bases: Mapping[Side, Mapping[str, Canonical]] = {
        side: {f: v for f, v in found.snapshot.values.items() if f in intent.draft},
        source: mapper.as_given(side, intent.draft),
    }
    link = Link(ids[Side.CUSTOMCRM], ids[Side.KEAP], bases[Side.CUSTOMCRM], bases[Side.KEAP])
    seen = yield from bridge.store.staging.observations(intent.object, source, [intent.source_id])
    keys = {side: keys_of(mapper, found.snapshot), source: keys_of(mapper, Snapshot(intent.draft))}
    reason = "made by an earlier run that did not learn of it"
    line = Line(intent.object, "linked", None, link.customcrm_id, link.keap_id, (), reason)
    # Neither digest is known to be settled, so both records are merged as soon as they are seen again.
    commit = Commit(
        intent.object, link, dict.fromkeys(Side), (found, *seen.values()), keys, lines=(line,), intent_id=intent.id
    )
    yield from bridge.store.links.settle([commit])
