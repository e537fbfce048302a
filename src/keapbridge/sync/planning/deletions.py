"""Deletions, planned: a linked record that was not shown is looked up, and only a 404 proves that it is gone.

Not that of a record which Keap made within `lag`: if its reads lag, it answers so for what it has only just taken.

What then happens is decided by policy, except that nothing is deleted that could be a record that people merged into
another in Keap: there the link moves to the survivor of the merge.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from keapbridge._flow.effects import Flow, gather, now, stop_point
from keapbridge.decide.identity import is_newborn
from keapbridge.errors import NotFoundError, ShapeError
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.model.actions import EVERY_RECORD, Action, Adopt, Conflict, Delete, Skip, Unlink
from keapbridge.model.change import RECORD, FieldConflict
from keapbridge.model.kept_in_store import Missing, RecordKey
from keapbridge.model.records import Pair, Snapshot
from keapbridge.model.side import Side
from keapbridge.store.sql.scratch import Scratch
from keapbridge.sync.planning.compared import fill
from keapbridge.sync.planning.draft import PlanPart
from keapbridge.sync.synchronization import Synchronization

__all__ = ["differs", "is_edited", "is_left_edited", "plan_deletions"]

NOT_YET = "answers 404, but was made a moment ago and may not be shown everywhere yet; the next run asks again"
ENDS_EARLY = "it ends early, or leaves some out, and what it does not show is not synced by itself"
BATCH = 500
FEW = 3  # records that a line names
LOOK_UPS = 4


@attrs.define
class _Successors:
    """Records that a vanished one may have become: what people merged it into in Keap, or itself under another id.

    Attributes:
        since: the last run, since when those of Keap have been changed.
        scratch: the keys of those that are linked to nothing, of the sides on which somebody is looked for.
        claimed: those that a link of this plan moves to: two may have been merged into one.
    """

    plan_id: str
    scratch: Scratch
    since: datetime | None = None
    claimed: set[str] = attrs.field(factory=set)
    filled: set[Side] = attrs.field(factory=set)

    def among(self, sync: Synchronization, side: Side, keys: Sequence[RecordKey]) -> Flow[list[tuple[str, bool]]]:
        """Who has one of these keys on a side, and whether it is linked."""
        if side not in self.filled:
            yield from fill(self.scratch, sync, sync.keys, sides=[side], kept_apart=True)
            self.filled.add(side)
        return (yield from sync.store.match_keys.same_key(sync.name, side, keys, self.scratch))


def plan_deletions(part: PlanPart) -> Flow[None]:
    """Plan what follows from every linked record that is missing on one side."""
    with (yield from part.sync.store.match_keys.scratch()) as scratch:
        yield from _plan_deletions(part, _Successors(part.plan_id, scratch))


def _plan_deletions(part: PlanPart, successors: _Successors) -> Flow[None]:
    sync = part.sync
    looked_up = 0
    allowed: int | None = None
    handled: set[str] = set()
    for following in sync.missing(BATCH):
        yield from stop_point()
        batch = yield from following
        if not batch:
            continue
        if allowed is None:  # it takes a look at all links, so it is asked only if anything is missing
            allowed = yield from _allowed(sync)
            cursor = yield from sync.store.cursors.get(sync.name, Side.KEAP)
            successors.since = cursor.since if cursor else None
        open_items = [item for item in batch if not item.proven]
        within = open_items[: max(0, allowed - looked_up)]
        looked_up += len(within)
        actions: list[Action] = []
        proofs = yield from gather((_looked_up(part, item, actions) for item in within), LOOK_UPS)
        proven = [item for item in batch if item.proven] + [i for i, gone in zip(within, proofs, strict=True) if gone]
        actions += [
            Skip(
                sync.name, item.side, item.id, "not shown by the list; more are missing than the policy lets be removed"
            )
            for item in open_items[len(within) :]
        ]
        for item in proven:
            if item.pair.link.customcrm_id not in handled:
                handled.add(item.pair.link.customcrm_id)
                yield from stop_point()
                try:
                    actions += yield from _plan_missing(sync, item, successors)
                except Exception as error:  # noqa: BLE001 - whatever it is, the other records are planned
                    actions.append(part.skip(item.side, item.id, error))
        yield from part.add(actions)
    yield from part.add([_left_out(part, side, ids) for side, ids in part.left_out.items() if ids])


def _left_out(part: PlanPart, side: Side, ids: Sequence[str]) -> Skip:
    """A list that is declared to end too early shows no deletion; what else it leaves out nobody would hear of."""
    more = f" and {len(ids) - FEW} more" if len(ids) > FEW else ""
    reason = f"the list does not show {', '.join(sorted(ids)[:FEW])}{more} though they are there: {ENDS_EARLY}"
    return Skip(part.sync.name, side, EVERY_RECORD, reason)


def _allowed(sync: Synchronization) -> Flow[int]:
    """How many look-ups make sense: one more than the brakes would let pass."""
    policy = sync.settings.policy
    limits: list[float] = [] if policy.max_deletes is None else [policy.max_deletes]
    if policy.max_delete_share is not None:
        links = yield from sync.store.links.count(sync.name)
        limits.append(max(20.0, policy.max_delete_share * links))
    return int(min(limits)) + 1 if limits else 1_000_000_000


def _looked_up(part: PlanPart, item: Missing, told: list[Action]) -> Flow[bool]:
    """Whether a record is gone; one that cannot be looked up is not."""
    try:
        return (yield from _look_up(part, item, told))
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are looked up
        told.append(part.skip(item.side, item.id, error))
        return False


def _look_up(part: PlanPart, item: Missing, told: list[Action]) -> Flow[bool]:
    sync = part.sync
    system = sync.systems[item.side]
    try:
        record = yield from system.get(item.id)
    except NotFoundError:
        moment = yield from now()
        if item.side is Side.KEAP and is_newborn(item.pair.link.keap_life, moment, sync.settings.lag):
            told.append(Skip(sync.name, item.side, item.id, NOT_YET))
            return False
        yield from sync.store.missing.prove(sync.name, item.side, [item.id])
        return True
    except ShapeError:
        # It is there, in a form that the next scan will tell of.
        yield from sync.store.missing.drop(sync.name, item.side, [item.id])
        return False
    seen = yield from sync.see(item.side, [record], plan_id=part.plan_id)
    if item.side in part.whole and not is_newborn(
        item.pair.link.life(item.side), (yield from now()), sync.settings.lag
    ):
        part.left_out[item.side].append(item.id)
    rows = [sync.staged(one.observation) for one in seen]
    yield from sync.store.staging.stage(sync.name, item.side, rows, complete=False)
    yield from sync.store.missing.drop(sync.name, item.side, [item.id])
    return False


def _plan_missing(sync: Synchronization, item: Missing, successors: _Successors) -> Flow[list[Action]]:
    pair, gone = item.pair, item.side
    ids = (pair.link.customcrm_id, pair.link.keap_id)
    if sync.traits.merges_in_keap and gone is Side.KEAP:
        survivor = yield from _plan_survivor(sync, pair, successors)
        if survivor:
            return survivor
    left = gone.other
    there = pair.seen[left]
    if there is not None and there.problem == OUTSIDE:
        return [Unlink(sync.name, *ids, gone, f"deleted in {gone.title}; {OUTSIDE} in {left.title}")]
    match sync.settings.policy.deletion(left, sync.name):
        case "ignore":
            return [
                Skip(sync.name, left, pair.link.id(left), f"deleted in {gone.title}, and the policy is to ignore it")
            ]
        case "unlink":
            return [Unlink(sync.name, *ids, gone, f"deleted in {gone.title}")]
        case rule:
            if others := (yield from _may_be_now(sync, pair, gone, successors)):
                reason = f"deleted in {gone.title}, perhaps {', '.join(others)} now: nothing is deleted"
                return [Unlink(sync.name, *ids, gone, reason)]
            if (yield from is_left_edited(sync, pair, left)):
                reason = f"deleted in {gone.title}, edited in {left.title}"
                return [Conflict(sync.name, *ids, FieldConflict(RECORD, None, None, reason))]
            return [Delete(sync.name, left, pair.link.id(left), pair.link.id(gone), archive=rule == "archive")]


def is_left_edited(sync: Synchronization, pair: Pair, left: Side) -> Flow[bool]:
    """Whether a record whose partner is gone holds an edit; not where it is gone, too, with whatever was edited."""
    if not (yield from is_edited(sync, pair, left)):
        return False
    id = pair.link.id(left)
    return not (yield from sync.store.missing.among(sync.name, left, [id])).get(id, False)


def is_edited(sync: Synchronization, pair: Pair, side: Side) -> Flow[bool]:
    """Whether somebody has edited a record since the last sync, by what counts as an edit in a merge.

    A text that is read as another value only because its country has changed, or a name in Keap, is none.
    """
    if not differs(pair, side):
        return False
    context = yield from sync.context([pair.current[side]])
    return differs(sync.as_before(pair, sync.rules(context))[0], side)


def differs(pair: Pair, side: Side) -> bool:
    """Whether a record shows something else than after the last sync.

    What it held before a write that it does not show yet is nothing else.
    """
    base, awaited = pair.link.base(side), pair.link.awaited.get(side, {})
    return any(
        base[field] != value and not (field in awaited and awaited[field].before == value)
        for field, value in pair.current[side].values.items()
        if field in base
    )


def _may_be_now(sync: Synchronization, pair: Pair, gone: Side, successors: _Successors) -> Flow[list[str]]:
    """The records that may be what one that is gone has become: under another id, merged, or made a second time.

    They have no partner, and share a match key with it.
    """
    link = pair.link
    keys = sync.keys(Snapshot(link.base(gone)))
    found = yield from successors.among(sync, gone, keys)
    partner = link.id(gone.other)
    told = yield from sync.store.told_apart.of(sync.name, [partner])
    others = told.get((gone.other, partner), frozenset())
    return sorted({id for id, linked in found if not linked and id != link.id(gone) and (gone, id) not in others})


def _plan_survivor(sync: Synchronization, pair: Pair, successors: _Successors) -> Flow[list[Action]]:
    """The record that a vanished one was merged into: it shares a match key and was changed since the last run."""
    link = pair.link
    keys = sync.keys(Snapshot(link.keap_base))
    since, claimed = successors.since, successors.claimed
    found = yield from successors.among(sync, Side.KEAP, keys)
    told = (yield from sync.store.told_apart.of(sync.name, [link.customcrm_id])).get(
        (Side.CUSTOMCRM, link.customcrm_id), frozenset()
    )
    others = {id: linked for id, linked in found if id != link.keap_id and (Side.KEAP, id) not in told}
    free = [id for id, linked in others.items() if not linked and id not in claimed]
    known = yield from sync.store.staging.observations(sync.name, Side.KEAP, free)
    recent = [o for o in known.values() if since is None or (o.updated_at is not None and o.updated_at >= since)]
    if len(recent) == 1:
        claimed.add(recent[0].id)
        moved = Pair(attrs.evolve(link, keap_id=recent[0].id, keap_life=recent[0].life), pair.customcrm, recent[0])
        snapshots = [moved.current[side] for side in Side]
        context = yield from sync.context(snapshots, plan_id=successors.plan_id)
        outcome = sync.merged(moved, sync.rules(context))
        both = (link.customcrm_id, recent[0].id)
        adopt = Adopt(sync.name, *both, "merged contact", outcome.changes, outcome.held, replaces=link.keap_id)
        return [adopt, *(Conflict(sync.name, *both, conflict) for conflict in outcome.conflicts)]
    if others:
        names = ", ".join(sorted(others))
        reason = f"deleted in Keap, perhaps merged into {names}: nothing is deleted"
        return [Unlink(sync.name, link.customcrm_id, link.keap_id, Side.KEAP, reason)]
    return []
