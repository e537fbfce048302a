"""Linked pairs, planned: what was edited on either side is merged with what both held after the last sync."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import attrs

from keapbridge._flow.effects import Flow, now, stop_point
from keapbridge.decide.awaited import still_awaited
from keapbridge.decide.decided import still_decided
from keapbridge.decide.merge import Merge
from keapbridge.decide.returned import returned
from keapbridge.decide.to_and_fro import Written, goes_to_and_fro
from keapbridge.decide.written_over import as_it_was, as_planned
from keapbridge.mapping.kinds import Context
from keapbridge.model.actions import Action, Conflict, Skip, Update
from keapbridge.model.change import Held
from keapbridge.model.kept_in_store import Commit
from keapbridge.model.records import Canonical, Link, Observation, Pair
from keapbridge.model.side import Side
from keapbridge.sync.linked_in_doubt import doubted
from keapbridge.sync.planning.draft import PlanPart
from keapbridge.sync.planning.linked_in_doubt import in_doubt, looked_at_again, remember_gone_back
from keapbridge.sync.planning.unwritable import unwritable_in
from keapbridge.sync.reading.orphans import orphaned
from keapbridge.sync.reading.witnesses import judge
from keapbridge.sync.synchronization import Synchronization

__all__ = [
    "as_it_is",
    "held_skips",
    "merge_pairs",
    "merged_in",
    "plan_pairs",
    "settled_commit",
    "waiting",
    "with_references",
]

BATCH = 500


def plan_pairs(part: PlanPart) -> Flow[None]:
    def plan_some(pairs: Sequence[Pair]) -> Flow[list[None]]:
        yield from _plan_batch(part, pairs)
        return []

    def skip(pair: Pair, error: Exception) -> Flow[list[None]]:
        yield from part.add([part.skip(Side.CUSTOMCRM, pair.link.customcrm_id, error)])
        return []

    for batch in part.sync.pairs(BATCH):
        yield from stop_point()
        pairs = yield from batch
        yield from part.sync.guard.by_halves(pairs, plan_some, skip)


def _plan_batch(part: PlanPart, pairs: Sequence[Pair]) -> Flow[None]:
    sync = part.sync
    actions: list[Action] = []
    settled: list[Commit] = []
    changed: list[tuple[Link, Merge]] = []
    failed = yield from waiting(sync, [(s, pair.link.id(s)) for pair in pairs for s in Side])
    merged = yield from merge_pairs(sync, pairs, part.plan_id)
    if any(pair.doubt is not None for pair, _ in merged):
        pairs = yield from looked_at_again(part, pairs, merged)
        merged = yield from merge_pairs(sync, pairs, part.plan_id)
        yield from remember_gone_back(part, pairs, merged)
    yield from _remember_orphans(sync, pairs, merged)
    for pair, outcome in merged:
        problem = _problem(sync, pair)
        if problem is not None:
            actions.append(problem)
        elif pair.doubt is not None and pair.doubt.winner is None:
            actions += yield from in_doubt(part, pair, pair.doubt, outcome)
        elif outcome.is_settled:
            settled.append(settled_commit(sync, pair, outcome))
        elif all((side, pair.link.id(side)) in failed for side in Side):
            ours = (Side.CUSTOMCRM, pair.link.customcrm_id)
            actions.append(Skip(sync.name, *ours, failed[ours]))
        else:
            kept = as_planned(pair, outcome)
            actions += _pair_actions(sync, pair, kept)
            changed.append((pair.link, kept))
    if settled:
        yield from sync.store.links.settle(settled)
    yield from part.add(actions)
    part.settled += len(settled)
    for link, outcome in changed:
        part.tally.add(link, outcome.changes)
    for side in Side:
        part.one_sided[side] += sum(pair.seen[side] is None for pair in pairs)


def _remember_orphans(sync: Synchronization, pairs: Sequence[Pair], merged: Sequence[tuple[Pair, Merge]]) -> Flow[None]:
    """End the bases of references whose records are gone: once those are linked again, no base must tell of an edit."""
    referring = [*sync.mapper.references, *sync.mapper.listed]
    ended: list[Commit] = []
    for before, (pair, _) in zip(pairs, merged, strict=True):
        link = before.link
        for side in Side if referring and pair.link is not link else ():
            link = link.forgetting(side, [field for field in referring if field not in pair.link.base(side)])
        if link is not before.link:
            ended.append(as_it_is(sync, attrs.evolve(before, link=link)))
    if ended:
        yield from sync.store.links.settle(ended)


def as_it_is(sync: Synchronization, pair: Pair) -> Commit:
    """Remember a link, with both records in view until the rest is decided."""
    staged = tuple(seen for seen in (pair.customcrm, pair.keap) if seen is not None)
    return Commit(sync.name, pair.link, dict.fromkeys(Side), staged)


def waiting(sync: Synchronization, records: Sequence[tuple[Side, str]]) -> Flow[dict[tuple[Side, str], str]]:
    """Those of the records that failed before and are not due yet, with what to say about them."""
    ids = {side: [id for s, id in records if s is side] for side in Side}
    failures = (yield from sync.store.failures.of_both(sync.name, ids)) if records else {}
    if not any(failures.values()):
        return {}
    moment = yield from now()
    found: dict[tuple[Side, str], str] = {}
    for side, its in failures.items():
        for id, failure in its.items():
            if failure.waits(moment):
                when = (
                    "when it is edited"
                    if failure.next_try_at is None
                    else f"after {failure.next_try_at:%Y-%m-%d %H:%M} UTC"
                )
                often = "once" if failure.tries == 1 else f"{failure.tries} times"
                found[side, id] = f"failed {often}, tried again {when}: {failure.reason}"
    return found


def merge_pairs(sync: Synchronization, pairs: Sequence[Pair], plan_id: str | None) -> Flow[list[tuple[Pair, Merge]]]:
    """Merge pairs, with the references between records resolved as far as they are linked (or planned to be)."""
    pairs = yield from judge(sync, pairs)
    pairs = yield from doubted(sync, pairs)
    pairs = yield from orphaned(sync, pairs, plan_id)
    snapshots = [pair.current[side] for pair in pairs for side in Side]
    context = yield from sync.context(snapshots, plan_id=plan_id)
    return (yield from merged_in(sync, pairs, context, (yield from now())))


def merged_in(
    sync: Synchronization, pairs: Sequence[Pair], context: Context, moment: datetime
) -> Flow[list[tuple[Pair, Merge]]]:
    """Merge pairs in a context. A field that goes to and fro between two automations is in conflict.

    Args:
        moment: that of the merge.
    """
    rules = sync.rules(context)
    ready = [with_references(sync, pair, context) for pair in pairs]
    if any(pair.link.aside for pair in ready):
        mapped = {lens.name for lens in sync.mapper.lenses}
        ready = [returned(pair, mapped) if pair.link.aside else pair for pair in ready]
    result = [(pair, sync.merged(pair, rules, moment)) for pair in ready]
    contested = yield from _contested(sync, result)
    for n, (pair, _) in enumerate(result if contested else ()):
        if reasons := contested.get(pair.link.customcrm_id):
            parked = attrs.evolve(pair, contested=reasons)
            result[n] = (parked, sync.merged(parked, rules, moment))
    refused = yield from unwritable_in(sync, result, context)
    for n, (pair, _) in enumerate(result if refused else ()):
        if its := refused.get(pair.link.customcrm_id):
            held = attrs.evolve(pair, unwritable=its)
            result[n] = (held, sync.merged(held, rules, moment))
    return result


def _contested(sync: Synchronization, merged: Sequence[tuple[Pair, Merge]]) -> Flow[dict[str, dict[str, str]]]:
    """By Customcrm's id, the fields that are about to go on to and fro, with the reason."""
    turns = sync.settings.policy.max_turns
    # What was never in step has not been written in turn.
    changed = {
        pair.link.customcrm_id: (pair.link, o.changes) for pair, o in merged if o.changes and pair.link.keap_base
    }
    if turns is None or sync.deciding or not changed:
        return {}
    ids = [(link.customcrm_id, link.keap_id) for link, _ in changed.values()]
    found: dict[str, dict[str, str]] = {}
    for ours, entries in (yield from sync.store.journal.turns(sync.name, ids, turns)).items():
        for change in changed[ours][1]:
            field = change.field
            writes = [Written(e.side, e.before.get(field), e.after[field]) for e in entries if field in e.after]
            if field not in changed[ours][0].decided and goes_to_and_fro(writes, change, turns):
                found.setdefault(ours, {})[field] = (
                    f"changed {turns} times in turn between the same two values: each side changes it back"
                )
    return found


def with_references(sync: Synchronization, pair: Pair, context: Context) -> Pair:
    """The pair, with references resolved that can be by now."""

    def ready(seen: Observation | None) -> Observation | None:
        if seen is None:
            return None
        followed = sync.follow_references(seen.snapshot, context)
        return seen if followed is seen.snapshot else attrs.evolve(seen, snapshot=followed)

    ours, theirs = ready(pair.customcrm), ready(pair.keap)
    is_same = ours is pair.customcrm and theirs is pair.keap  # as most are
    return pair if is_same else attrs.evolve(pair, customcrm=ours, keap=theirs)


def settled_commit(sync: Synchronization, pair: Pair, outcome: Merge) -> Commit:
    """Remember a pair that needs no write: what both sides hold is the base from now on."""
    pair = as_it_was(pair)
    link = pair.link
    if pair.doubt is not None and pair.doubt.winner is None:
        return Commit(sync.name, link, {})  # what is known of it is what was known of it before
    held = {each.field for each in outcome.held}
    for side in Side:
        if (seen := pair.seen[side]) is not None:
            # An edit that still waits must stay newer than what is known: else it would pass for an old state.
            link = link.knowing(side, seen.life if outcome.is_settled else attrs.evolve(seen.life, changed=None))
        settled = {each.field: each.of(side) for each in outcome.settled}
        alone = {f: value for f, value in _of_one_side(pair, side).items() if f not in held}
        link = link.based_on(side, {**alone, **settled})
    link, pair = sync.absences.as_known(pair, link)
    if link.awaited:
        link = attrs.evolve(link, awaited=still_awaited(pair, {s.field for s in outcome.settled}))
    if link.decided:
        left = still_decided(pair, {s.field for s in outcome.settled}, all_settled=outcome.is_settled)
        link = attrs.evolve(link, decided=left)
    # A base does not tell all that a record is known by; what is not seen is as it was.
    digests, keys = sync.remembered(pair)
    return Commit(
        sync.name,
        link,
        digests,
        keys=keys,
        marks={side: seen.mark for side in Side if (seen := pair.seen[side]) is not None},
    )


def _of_one_side(pair: Pair, side: Side) -> dict[str, Canonical]:
    """What a side holds in fields that the other one has never shown.

    An answer to a create may show no more than was sent. The record is not read again only because its counterpart
    shows the rest later: it must be known by then what it holds. Where both have a base, an edit must still be found.
    """
    other = pair.current[side.other].values.keys() | pair.link.base(side.other).keys()
    return {field: value for field, value in pair.current[side].values.items() if field not in other}


def _problem(sync: Synchronization, pair: Pair) -> Skip | None:
    for side in Side:
        seen = pair.seen[side]
        if seen is not None and seen.problem is not None:
            return Skip(sync.name, side, seen.id, seen.problem)
    return None


def _pair_actions(sync: Synchronization, pair: Pair, outcome: Merge) -> Iterator[Action]:
    ids = (pair.link.customcrm_id, pair.link.keap_id)
    if outcome.changes:
        yield Update(sync.name, *ids, outcome.changes, outcome.held)
    else:
        yield from held_skips(sync.name, pair.link, outcome.held)
    for conflict in outcome.conflicts:
        yield Conflict(sync.name, *ids, conflict)


def held_skips(name: str, link: Link, held: Iterable[Held]) -> Iterator[Skip]:
    """A line for each field of a pair that cannot flow, where that is not told for all records at once."""
    for item in held:
        if item.told:
            continue
        yield Skip(name, item.side, link.id(item.side), item.reason, field=item.field)
