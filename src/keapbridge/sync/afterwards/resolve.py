"""Open conflicts: which there are, and what somebody's decision does. Decisions are written like any plan."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from keapbridge._io.effects import Flow, new_id, now
from keapbridge.decide.policy import Contest, Settle, Verdict
from keapbridge.errors import StalePlanError, UnfitError
from keapbridge.model.change import Change
from keapbridge.model.kept import Commit
from keapbridge.model.plan import Action, Delete, Unlink, Update
from keapbridge.model.records import Canonical, Pair
from keapbridge.model.report import Report
from keapbridge.model.side import Side
from keapbridge.sync.planning.deletions import RECORD, is_edited
from keapbridge.sync.planning.propose import merge_pairs
from keapbridge.sync.synchronization import Bridge
from keapbridge.sync.writing.apply import apply

__all__ = ["OpenConflict", "conflicts", "resolve"]

BATCH = 500


@attrs.frozen
class OpenConflict:
    """A field of a linked pair that holds two different values, and waits.

    Attributes:
        field: `*` stands for the whole record: deleted on one side, edited on the other.
        customcrm, keap: the two values, in canonical form.
        reason: why the policy did not decide.
    """

    object: str
    customcrm_id: str
    keap_id: str
    field: str
    customcrm: Canonical = attrs.field(repr=False)
    keap: Canonical = attrs.field(repr=False)
    reason: str = ""


def conflicts(bridge: Bridge, objects: Sequence[str]) -> Flow[list[OpenConflict]]:
    """The open conflicts, as far as both systems have been read."""
    found: list[OpenConflict] = []
    for object in objects:
        for pairs in bridge.pairs(object, BATCH):
            for pair, outcome in (yield from merge_pairs(bridge, object, (yield from pairs), None)):
                ids = (pair.link.customcrm_id, pair.link.keap_id)
                found += [OpenConflict(object, *ids, c.field, c.customcrm, c.keap, c.reason) for c in outcome.conflicts]
        for missing in bridge.missing(object, BATCH):
            for item in (yield from missing):
                left = item.side.other
                asks = item.proven and bridge.policy.deletion(left, object) in {"delete", "archive"}
                if asks and is_edited(item.pair, left):
                    ids = (item.pair.link.customcrm_id, item.pair.link.keap_id)
                    reason = f"deleted in {item.side.title}, edited in {left.title}"
                    found.append(OpenConflict(object, *ids, RECORD, None, None, reason))
    return found


def resolve(bridge: Bridge, conflict: OpenConflict, decision: Side | Canonical) -> Flow[Report]:
    """Settle a conflict: for a side, or for a value that both sides shall hold.

    Raises:
        StalePlanError: when there is no such conflict any more: the record moved on.
        UnfitError: when the value is none for this field.
    """
    pairs = yield from bridge.store.links.pairs_of(conflict.object, [conflict.customcrm_id])
    if not pairs or pairs[0].link.keap_id != conflict.keap_id:
        raise StalePlanError(f"{conflict.object} {conflict.customcrm_id} ↔ {conflict.keap_id} are not linked any more")
    if conflict.field == RECORD:
        return (yield from _resolve_record(bridge, conflict, decision, pairs[0]))
    verdict = decision if isinstance(decision, Side) else (yield from _settle(bridge, conflict, decision))
    used: list[bool] = []

    def rule(contest: Contest) -> Verdict:
        same = (contest.customcrm, contest.keap) == (conflict.customcrm, conflict.keap)
        used.append(same)
        return verdict if same else None

    mapper = bridge.mappers[conflict.object]
    lens = attrs.evolve(mapper[conflict.field], policy=None)
    policy = attrs.evolve(bridge.policy, conflicts={conflict.field: rule, "*": "manual"})
    decided = attrs.evolve(bridge, policy=policy, mappers={**bridge.mappers, conflict.object: mapper.with_lenses(lens)})
    both = tuple(Change(conflict.field, side, None, None, "decision") for side in Side)
    action = Update(conflict.object, conflict.customcrm_id, conflict.keap_id, both)
    report = yield from _apply_one(decided, action)
    if not used or not used[-1]:
        raise StalePlanError(f"{conflict.field} of {conflict.object} {conflict.customcrm_id} has changed; look again")
    return report


def _settle(bridge: Bridge, conflict: OpenConflict, value: Canonical) -> Flow[Settle]:
    lens = bridge.mappers[conflict.object][conflict.field]
    pairs = yield from bridge.store.links.pairs_of(conflict.object, [conflict.customcrm_id])
    context = yield from bridge.context(conflict.object, plan_id=None)
    scope = pairs[0].current(Side.CUSTOMCRM).values.get(lens.scope) if lens.scope else None
    try:
        return Settle(lens.kind.read(value, Side.CUSTOMCRM, scope, context))
    except UnfitError as reason:
        raise UnfitError(f"{conflict.field}: {reason}") from None


def _apply_one(bridge: Bridge, action: Action) -> Flow[Report]:
    plan_id = (yield from new_id())[:12]
    moment = yield from now()
    yield from bridge.store.plans.begin(plan_id, moment, (action.object,))
    yield from bridge.store.plans.add_actions(plan_id, 0, [action])
    plan = yield from bridge.store.plans.finish(plan_id, {}, {}, {}, {})
    return (yield from apply(bridge, plan))


def _resolve_record(bridge: Bridge, conflict: OpenConflict, decision: Side | Canonical, pair: Pair) -> Flow[Report]:
    """Deleted on one side, edited on the other: the deletion wins, or the next sync makes the deleted record anew."""
    if not isinstance(decision, Side):
        raise UnfitError("a deleted record is resolved for a side: Side.CUSTOMCRM or Side.KEAP")
    object, link = conflict.object, pair.link
    gone = Side.KEAP if f"deleted in {Side.KEAP.title}" in conflict.reason else Side.CUSTOMCRM
    left = gone.other
    if decision is left:
        reason = f"deleted in {gone.title}, and to be made anew"
        unlink = Unlink(object, link.customcrm_id, link.keap_id, gone, reason, anew=True)
        return (yield from _apply_one(bridge, unlink))
    # The edit is given up: what the record holds now is its base, and any further edit would be a conflict again.
    given_up = link.with_base(left, {**link.base(left), **pair.current(left).values})
    staged = tuple(seen for seen in (pair.customcrm, pair.keap) if seen is not None)
    commit = Commit(object, given_up, dict.fromkeys(Side), staged)
    yield from bridge.store.links.settle([commit])
    archive = bridge.policy.deletion(left, object) == "archive"
    return (yield from _apply_one(bridge, Delete(object, left, link.id(left), link.id(gone), archive=archive)))
