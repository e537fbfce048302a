"""Open conflicts: which there are, and what somebody's decision does. Decisions are written like any plan."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from keapbridge._io.effects import Flow, new_id, now
from keapbridge.decide.merge import Merge
from keapbridge.decide.policy import Contest, Value, Verdict
from keapbridge.errors import StalePlanError, UnfitError
from keapbridge.model.change import RECORD, Change
from keapbridge.model.kept import Commit
from keapbridge.model.maybe import UNSET
from keapbridge.model.names import Told, as_name
from keapbridge.model.plan import DECISION, Action, Delete, Unlink, Update
from keapbridge.model.records import Canonical, Pair
from keapbridge.model.report import Report
from keapbridge.model.side import Side, SideName
from keapbridge.sync.doubts import RESTORED, SAME, decided, doubted
from keapbridge.sync.planning.deletions import is_edited
from keapbridge.sync.planning.linked import merge_pairs
from keapbridge.sync.synchronization import Bridge, Synchronization
from keapbridge.sync.writing.apply import apply

__all__ = ["Given", "OpenConflict", "conflicts", "decision_of", "resolve"]

BATCH = 500
_AGAIN = "; session.conflicts() lists what waits now"
_DONE = (*(f"updated in {side.title}" for side in Side), "failed", "held")
Identity = Literal["same", "different"]
"""Whether a record is still the one that it was."""
Decision = Side | Value | Identity
Given = Decision | SideName
"""What a person decides: a side, a `Value`, or what a record is."""


@attrs.frozen
class OpenConflict:
    """A field of a linked pair that holds two different values, and waits.

    Attributes:
        field: `*` stands for the whole record: deleted on one side and edited on the other, or in doubt.
        customcrm, keap: the two values, in canonical form.
        reason: why the policy did not decide.
        about: what is in doubt of a whole record: `"restored"`, whether it was put back to an earlier state;
            `"stranger"` or `"another"`, whether it is the same record as before.
    """

    object: Told = attrs.field(converter=as_name)
    customcrm_id: str
    keap_id: str
    field: str
    customcrm: Canonical = attrs.field(repr=False)
    keap: Canonical = attrs.field(repr=False)
    reason: str = ""
    about: str = ""


def conflicts(sync: Synchronization) -> Flow[list[OpenConflict]]:
    """The open conflicts of a synchronization, as far as both systems have been read."""
    found: list[OpenConflict] = []

    def unknown(pair: Pair, error: Exception) -> Flow[list[tuple[Pair, Merge]]]:
        yield from ()
        sync.guard.failed(error, f"{sync.name} {pair.link.customcrm_id} ↔ {pair.link.keap_id}")
        return []

    for pairs in sync.pairs(BATCH):
        batch = yield from pairs
        for pair, outcome in (yield from sync.guard.by_halves(batch, lambda p: merge_pairs(sync, p, None), unknown)):
            ids = (pair.link.customcrm_id, pair.link.keap_id)
            found += [
                OpenConflict(sync.name, *ids, c.field, c.customcrm, c.keap, c.reason, c.about)
                for c in outcome.conflicts
            ]
    for missing in sync.missing(BATCH):
        for item in (yield from missing):
            left = item.side.other
            asks = item.proven and sync.settings.policy.deletion(left, sync.name) in {"delete", "archive"}
            if asks and is_edited(item.pair, left):
                ids = (item.pair.link.customcrm_id, item.pair.link.keap_id)
                reason = f"deleted in {item.side.title}, edited in {left.title}"
                found.append(OpenConflict(sync.name, *ids, RECORD, None, None, reason))
    return found


def decision_of(decision: Given | None, value: Any) -> Decision:
    """What a person decides, checked before any call.

    Args:
        decision: a side, a `Value`, or what a record is; `None` when there is a value.
        value: what both sides shall hold; `UNSET` when there is a decision.

    Raises:
        ValueError: for what is no decision.
        TypeError: when both are given, or neither is.
    """
    if (decision is None) is (value is UNSET):
        raise TypeError(
            "resolve: decide for a side, resolve(conflict, 'keap'), or for a value, resolve(conflict, value=…); "
            f"{'neither' if decision is None else 'both'} was given"
        )
    if decision is None:
        return value if isinstance(value, Value) else Value(value)
    match decision:
        case Value() | "same" | "different":
            return decision
    try:
        return Side.of(decision, "resolve")
    except ValueError as error:
        raise ValueError(f"{error}. A value is given as resolve(conflict, value=…)") from None


def resolve(sync: Synchronization, conflict: OpenConflict, decision: Decision, by: str | None = None) -> Flow[Report]:
    """Settle a conflict: for a side, or for a value that both sides shall hold; see `_resolve_doubt` for a record.

    Args:
        by: who decides.

    Raises:
        StalePlanError: when there is no such conflict any more: the record moved on.
        UnfitError: when the field cannot hold the value.
    """
    pairs = yield from sync.store.links.pairs_of(sync.name, [conflict.customcrm_id])
    if not pairs or pairs[0].link.keap_id != conflict.keap_id:
        raise StalePlanError(
            f"{conflict.object} {conflict.customcrm_id} ↔ {conflict.keap_id} are not linked any more, so nothing is "
            f"left to decide{_AGAIN}"
        )
    if conflict.about:
        return (yield from _resolve_doubt(sync, conflict, decision, pairs[0], by))
    if conflict.field == RECORD:
        return (yield from _resolve_record(sync, conflict, decision, pairs[0], by))
    if isinstance(decision, Value):
        decision = yield from _fitting(sync, conflict, decision.value, pairs[0])
    elif not isinstance(decision, Side):
        raise UnfitError(f"{conflict.field} is resolved for a side, 'keap' or 'customcrm', or with value=…")
    verdict: Verdict = decision
    used: list[bool] = []

    values = {Side.CUSTOMCRM: conflict.customcrm, Side.KEAP: conflict.keap}
    before = pairs[0].link.decided.get(conflict.field)

    def rule(contest: Contest) -> Verdict:
        now = {Side.CUSTOMCRM: contest.customcrm, Side.KEAP: contest.keap}
        # What is written of an earlier decision that was cut off is nobody's edit.
        same = now == values or (before is not None and before.is_about(values) and before.stands(now))
        used.append(same)
        if not same:
            return None
        return Value(values[verdict]) if isinstance(verdict, Side) and now != values else verdict

    lens = attrs.evolve(sync.mapper[conflict.field], policy=None)
    policy = attrs.evolve(sync.settings.policy, conflicts={conflict.field: rule, "*": "manual"})
    deciding = attrs.evolve(
        sync,
        settings=attrs.evolve(sync.settings, policy=policy),
        mapper=sync.mapper.with_lenses(lens),
        deciding=conflict.field,
    )
    both = tuple(Change(conflict.field, side, None, None, "decision") for side in Side)
    action = Update(conflict.object, conflict.customcrm_id, conflict.keap_id, both)
    report = yield from _apply_one(deciding, action, by)
    # Once both sides have become equal, no rule is asked any more.
    is_moot = not any(report.counts.get(sync.name, {}).get(heading) for heading in _DONE)
    if report.complete and (is_moot or not used or not used[-1]):
        raise StalePlanError(
            f"{conflict.field} of {conflict.object} {conflict.customcrm_id} has changed; look again{_AGAIN}"
        )
    return report


def _fitting(sync: Synchronization, conflict: OpenConflict, value: Any, pair: Pair) -> Flow[Value]:
    lens = sync.mapper[conflict.field]
    context = yield from sync.context()
    scope = pair.current[Side.CUSTOMCRM].values.get(lens.scope) if lens.scope else None
    try:
        return Value(lens.kind.read(value, Side.CUSTOMCRM, scope, context))
    except UnfitError as reason:
        raise UnfitError(f"{conflict.field}: {reason}") from None


def _apply_one(sync: Synchronization, action: Action, by: str | None) -> Flow[Report]:
    plan_id = (yield from new_id())[:12]
    moment = yield from now()
    yield from sync.store.plans.begin(plan_id, moment, (action.object,), purpose=DECISION)
    yield from sync.store.plans.add_actions(plan_id, 0, [action])
    plan = yield from sync.store.plans.finish(plan_id, {}, {}, {}, {})
    return (yield from apply(Bridge(sync.store, sync.settings, {sync.name: sync}, sync.guard), plan, by=by))


def _remember(sync: Synchronization, pair: Pair) -> Flow[None]:
    """Write down what was decided of a pair before anything is done: whoever comes next goes on with it."""
    staged = tuple(seen for seen in (pair.customcrm, pair.keap) if seen is not None)
    yield from sync.store.links.settle([Commit(sync.name, pair.link, dict.fromkeys(Side), staged)])


def _resolve_doubt(
    sync: Synchronization, conflict: OpenConflict, decision: Decision, pair: Pair, by: str | None
) -> Flow[Report]:
    """A record that went back is resolved for the side whose values are right.

    One that may be another is resolved with `"same"` (its values are edits, and flow) or `"different"` (the link ends,
    and both are matched anew by the next sync).
    """
    [pair] = yield from doubted(sync, [pair])
    ids = (conflict.customcrm_id, conflict.keap_id)
    if pair.doubt is None or pair.doubt.about != conflict.about:
        raise StalePlanError(f"{conflict.object} {conflict.customcrm_id} has changed; look again{_AGAIN}")
    both = tuple(Change(RECORD, side, None, None, "decision") for side in Side)
    if conflict.about == RESTORED:
        if not isinstance(decision, Side):
            raise UnfitError(
                "a record that went back is resolved for the side whose values are right: 'customcrm' or 'keap'"
            )
        yield from _remember(sync, decided(sync, pair, decision.value))
        return (yield from _apply_one(sync, Update(conflict.object, *ids, both), by))
    match decision:
        case "same":
            yield from _remember(sync, decided(sync, pair, SAME))
            return (yield from _apply_one(sync, Update(conflict.object, *ids, both), by))
        case "different":
            gone, reason = pair.doubt.side, "somebody said that it is another record"
            return (yield from _apply_one(sync, Unlink(conflict.object, *ids, gone, reason, reissued=True), by))
        case _:
            raise UnfitError('whether it is the same record is resolved with "same" or "different"')


def _resolve_record(
    sync: Synchronization, conflict: OpenConflict, decision: Decision, pair: Pair, by: str | None
) -> Flow[Report]:
    """Deleted on one side, edited on the other: the deletion wins, or the next sync makes the deleted record anew."""
    if not isinstance(decision, Side):
        raise UnfitError("a deleted record is resolved for a side: 'customcrm' or 'keap'")
    link = pair.link
    gone = Side.KEAP if f"deleted in {Side.KEAP.title}" in conflict.reason else Side.CUSTOMCRM
    left = gone.other
    if decision is left:
        reason = f"deleted in {gone.title}, and to be made anew"
        unlink = Unlink(sync.name, link.customcrm_id, link.keap_id, gone, reason, anew=True)
        return (yield from _apply_one(sync, unlink, by))
    # The edit is given up: what the record holds now is its base, and any further edit would be a conflict again.
    given_up = link.based_on(left, pair.current[left].values)
    yield from _remember(sync, attrs.evolve(pair, link=given_up))
    archive = sync.settings.policy.deletion(left, sync.name) == "archive"
    return (yield from _apply_one(sync, Delete(sync.name, left, link.id(left), link.id(gone), archive=archive), by))
