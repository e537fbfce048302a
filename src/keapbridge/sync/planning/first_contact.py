"""First contact, planned: what is linked to nothing is matched with its counterpart, or is given one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from keapbridge._flow.effects import Flow, stop_point
from keapbridge._flow.uncollected import uncollected
from keapbridge.decide.match import Unmatched, match_all
from keapbridge.decide.merge import Merge, merge_field
from keapbridge.errors import UnfitError
from keapbridge.mapping import needs
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.kinds.money import NO_CURRENCY
from keapbridge.mapping.match_keys import MatchKey
from keapbridge.model.actions import EVERY_RECORD, Action, Adopt, Conflict, Create, Skip
from keapbridge.model.change import Change, Held
from keapbridge.model.kept_in_store import FORGOTTEN, RecordKey
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Canonical, Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side
from keapbridge.store.sql.scratch import Scratch
from keapbridge.sync.planning.compared import fill
from keapbridge.sync.planning.draft import PlanPart
from keapbridge.sync.planning.linked import merge_pairs, waiting
from keapbridge.sync.planning.lost_creates import may_be_of
from keapbridge.sync.planning.near_misses import near_to_linked
from keapbridge.sync.planning.unwritable import foresees, unwritable_new
from keapbridge.sync.synchronization import Synchronization

__all__ = ["counterpart", "plan_creates", "plan_hopeless", "plan_matches", "read_unlinked"]

RECORDS = 4_000  # of a side that are looked at in one step: those of the other come in no order, and are noted at once
BATCH = 500
FEW = 6  # records that a line names


def plan_matches(part: PlanPart) -> Flow[bool]:
    """Plan who is linked with whom; whether there may be others left."""
    sync = part.sync
    for rank, key in enumerate(sync.mapper.keys):
        if not (yield from sync.store.match_keys.is_any_unlinked(sync.name, part.plan_id)):
            return False
        yield from sync.store.match_keys.index()
        with (yield from sync.store.match_keys.scratch()) as scratch:
            yield from fill(scratch, sync, partial(_keys_at, sync, rank))
            yield from _plan_rank(part, scratch, rank, key)
    return True


def _keys_at(sync: Synchronization, rank: int, snapshot: Snapshot) -> tuple[RecordKey, ...]:
    return sync.mapper.matching.keys_at(rank, snapshot.values, snapshot.aliases)


def _plan_rank(part: PlanPart, scratch: Scratch, rank: int, key: MatchKey) -> Flow[None]:
    sync = part.sync
    name = "+".join(key.fields)
    after: tuple[Side, str] | None = (Side.CUSTOMCRM, "")
    while after is not None:
        yield from stop_point()
        group, after = yield from sync.store.match_keys.groups(scratch, sync.name, rank, after, RECORDS, part.plan_id)
        with uncollected():
            outcome = match_all(group, strict=key.strict)
        yield from part.add([_skip(sync, name, unmatched) for unmatched in outcome.unmatched])
        pairs = yield from _certain(part, outcome.pairs)
        yield from sync.guard.by_halves(pairs, partial(_plan_adoptions, part, name), partial(_not_adopted, part))


def _certain(part: PlanPart, pairs: Sequence[tuple[str, str]]) -> Flow[list[tuple[str, str]]]:
    """The pairs that cannot be wrong: where one may have another counterpart that is not shown yet, both wait."""
    if not part.uncertain:
        return list(pairs)
    certain: list[tuple[str, str]] = []
    skips: list[Skip] = []
    for pair in pairs:
        names = list(zip(Side, pair, strict=True))
        waiting = [name for name in names if name in part.uncertain]
        if not waiting:
            certain.append(pair)
        skips += (part.uncertain[name] for name in waiting)
        for name in names if waiting else ():
            if name not in part.uncertain:
                skips.append(Skip(part.sync.name, *name, may_be_of(*waiting[0]), (waiting[0],)))
    yield from part.add(skips)
    return certain


def _skip(sync: Synchronization, key: str, unmatched: Unmatched) -> Skip:
    return Skip(sync.name, unmatched.side, unmatched.id, f"{unmatched.reason} (same {key})", unmatched.candidates)


def _not_adopted(part: PlanPart, ids: tuple[str, str], error: Exception) -> Flow[list[None]]:
    yield from part.add([part.skip(side, id, error) for side, id in zip(Side, ids, strict=True)])
    return []


def _plan_adoptions(part: PlanPart, key: str, ids: Sequence[tuple[str, str]]) -> Flow[list[None]]:
    sync = part.sync
    alike = yield from sync.store.alike.those(sync.name, ids, sync.absences.doubtful)
    pairs = yield from read_unlinked(sync, [pair for pair in ids if pair not in alike])
    actions: list[Action] = []
    failed = yield from waiting(sync, [(side, id) for pair in ids for side, id in zip(Side, pair, strict=True)])
    merged = dict.fromkeys(alike, Merge())
    merged |= {_ids(pair): outcome for pair, outcome in (yield from merge_pairs(sync, pairs, part.plan_id))}
    for both in ids:
        if both not in merged:
            continue
        ours, theirs = zip(Side, both, strict=True)
        if ours in failed and theirs in failed:
            actions.append(Skip(sync.name, *ours, failed[ours]))
            continue
        outcome = merged[both]
        actions.append(Adopt(sync.name, *both, key, outcome.changes, outcome.held))
        actions += [Conflict(sync.name, *both, conflict) for conflict in outcome.conflicts]
    yield from part.add(actions)
    return []


def _ids(pair: Pair) -> tuple[str, str]:
    return pair.link.customcrm_id, pair.link.keap_id


def read_unlinked(sync: Synchronization, ids: Sequence[tuple[str, str]]) -> Flow[list[Pair]]:
    """Pairs of records that are not linked yet, as far as both were observed."""
    ours = yield from sync.store.staging.observations(sync.name, Side.CUSTOMCRM, [a for a, _ in ids])
    theirs = yield from sync.store.staging.observations(sync.name, Side.KEAP, [b for _, b in ids])
    return [Pair(Link(a, b), ours[a], theirs[b]) for a, b in ids if a in ours and b in theirs]


def plan_creates(part: PlanPart, source: Side) -> Flow[None]:
    sync = part.sync
    after = ""
    while True:
        yield from stop_point()
        found = yield from sync.store.match_keys.unlinked(sync.name, source, after, BATCH, part.plan_id)
        if not found:
            return
        after = found[-1].id
        yield from sync.guard.by_halves(found, partial(_plan_creates, part, source), partial(_not_created, part))
        if len(found) < BATCH:
            return


def _not_created(part: PlanPart, seen: Observation, error: Exception) -> Flow[list[None]]:
    yield from part.add([part.skip(seen.side, seen.id, error)])
    return []


def _plan_creates(part: PlanPart, source: Side, found: Sequence[Observation]) -> Flow[list[None]]:
    sync = part.sync
    context = yield from sync.context([o.snapshot for o in found], plan_id=part.plan_id)
    kept = yield from sync.store.links.tombstones(sync.name, source, [o.id for o in found])
    failed = yield from waiting(sync, [(source, o.id) for o in found])
    reasons = {id: reason for (_, id), reason in failed.items()}
    reasons |= {id: reason for id, reason in kept.items() if reason != FORGOTTEN}  # what is staged then tells more
    never = needs.never(sync.mapper, source.other)
    hopeless = [o.id for o in found if never is not None and o.problem is None and o.id not in reasons]
    wanted = [o for o in found if o.id not in reasons and o.id not in hopeless and o.problem is None]
    near = yield from near_to_linked(part, wanted)
    wanted = [o for o in wanted if o.id not in near]
    refused = yield from refused_of_new(sync, source.other, wanted, context)
    actions = [
        Skip(sync.name, source, o.id, reasons[o.id])
        if o.id in reasons
        else near[o.id]
        if o.id in near
        else _plan_create(sync, o, context, refused.get(o.id, {}))
        for o in found
        if o.id not in hopeless
    ]
    part.wants_currency |= any(isinstance(action, Skip) and NO_CURRENCY in action.reason for action in actions)
    yield from part.add(actions)
    part.hopeless[source] += len(hopeless)
    part.some_hopeless[source] += hopeless[: FEW - len(part.some_hopeless[source])]
    return []


def plan_hopeless(part: PlanPart) -> Flow[None]:
    """Tell, once for all of them, of the records that can never be given a counterpart."""
    for source, number in part.hopeless.items():
        reason, ids = needs.never(part.sync.mapper, source.other), part.some_hopeless[source]
        if not number or reason is None:
            continue
        more = f" and {number - len(ids)} more" if number > len(ids) else ""
        told = f"{reason}: no record of {source.title} is made there ({', '.join(ids)}{more})"
        alone = Skip(part.sync.name, source, ids[0], reason)
        yield from part.add([alone if number == 1 else Skip(part.sync.name, source, EVERY_RECORD, told)])


def refused_of_new(
    sync: Synchronization, target: Side, sources: Sequence[Observation], context: Context
) -> Flow[dict[str, dict[str, str]]]:
    """By the id of a record, the fields that its new counterpart cannot be given as things are, with the reason."""
    if target is not Side.CUSTOMCRM or not foresees(sync):
        return {}
    new: dict[str, dict[str, Canonical]] = {}
    for source in sources:
        try:
            new[source.id], _ = counterpart(sync, target, source.snapshot, context)
        except UnfitError:
            continue  # it is not made
    found = yield from unwritable_new(sync, list(new.values()), context)
    return {id: its for id, its in zip(new, found, strict=True) if its}


def _plan_create(
    sync: Synchronization, source: Observation, context: Context, refused: Mapping[str, str]
) -> Create | Skip:
    if source.problem is not None:
        return Skip(sync.name, source.side, source.id, source.problem)
    looked_for_by = sync.mapper.homeless_keys.union(*(key.fields for key in sync.mapper.keys))
    if blind := sorted(field for field in looked_for_by if sync.guard.is_held(sync.name, field)):
        reason = f"{blind[0]} is held for all records, and its counterpart is looked for by it"
        return Skip(sync.name, source.side, source.id, reason)
    try:
        values, held = counterpart(sync, source.side.other, source.snapshot, context, refused)
    except UnfitError as reason:
        return Skip(sync.name, source.side, source.id, str(reason))
    constants = _constants(sync, source, context)
    return Create(sync.name, source.side.other, source.id, values, held, changes=constants)


def _constants(sync: Synchronization, source: Observation, context: Context) -> tuple[Change, ...]:
    """What a record is given itself when it is linked: what all records of the other side are taken to have."""
    found: list[Change] = []
    for rule in sync.rules(context):
        lens, value = sync.mapper[rule.name], source.snapshot.values.get(rule.name, UNSET)
        constant = lens.place(source.side.other).constant
        if constant is UNSET or value is UNSET:
            continue
        now = {source.side: value, source.side.other: lens.kind.read(constant, source.side.other, None, context)}
        nothing = dict.fromkeys(Side, UNSET)
        outcomes = merge_field(rule, now, nothing, sync.settings.policy, dict.fromkeys(Side))
        found += (outcome for outcome in outcomes if isinstance(outcome, Change) and outcome.side is source.side)
    return tuple(found)


def counterpart(
    sync: Synchronization,
    target: Side,
    source: Snapshot,
    context: Context,
    refused: Mapping[str, str] = MappingProxyType({}),
) -> tuple[dict[str, Canonical], tuple[Held, ...]]:
    """What a record's counterpart will hold, and what cannot flow.

    Args:
        refused: fields that the target cannot be given as things are, with the reason.

    Raises:
        UnfitError: when the target requires something that the record does not have.
    """
    values: dict[str, Canonical] = {}
    held = [Held(field, target.other, reason) for field, reason in source.unreadable.items()]
    guard = sync.guard
    for rule in sync.rules(context):
        value = source.values.get(rule.name)
        if value is None or not rule.flows_to(target):
            continue
        if sync.absences.has_vanished(target, rule.name):
            held.append(Held(rule.name, target, f"{target.title} does not show it any more", told=True))
            continue
        if rule.name in refused:
            held.append(Held(rule.name, target, refused[rule.name]))
            continue
        try:
            fitting = rule.fit(target, value)
        except UnfitError as reason:
            held.append(Held(rule.name, target, str(reason)))
        except Exception as error:  # noqa: BLE001 - a field that fails must not stop the others
            held.append(
                Held(rule.name, target, guard.field_failed(error, sync.name, "rules", "of a new record", rule.name))
            )
        else:
            if fitting is not None:
                values[rule.name] = fitting
    try:
        return needs.fill_required(sync.mapper, target, values), sync.once(held)
    except UnfitError as reason:
        why = "; ".join(f"{h.field}: {h.reason}" for h in held)
        raise UnfitError(f"{reason} ({why})" if why else str(reason)) from None
