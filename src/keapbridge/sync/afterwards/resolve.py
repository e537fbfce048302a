"""What somebody's decision of open conflicts does, of one or of many at once. Decisions are written like any plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

import attrs

from keapbridge._flow.effects import Flow, new_id, now
from keapbridge.decide.hosts import asked
from keapbridge.decide.policy import Contest, HostRule, Value, Verdict
from keapbridge.errors import StalePlanError, UnfitError
from keapbridge.model.actions import Action, Delete, Skip, Unlink, Update, headings
from keapbridge.model.change import RECORD, Change
from keapbridge.model.maybe import UNSET
from keapbridge.model.plan import DECISION
from keapbridge.model.records import Canonical, Decided, Pair
from keapbridge.model.report import Report
from keapbridge.model.side import Side, SideName
from keapbridge.sync.afterwards.open_conflicts import OpenConflict, as_seen, moved_on, named_by
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.linked_in_doubt import RESTORED, SAME, decided, doubted
from keapbridge.sync.planning.linked import as_it_is
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.writing.apply import apply

__all__ = ["Decision", "Given", "Rule", "apply_decisions", "decision_of", "resolve", "resolve_many", "rule_of"]

BATCH = 500
_AFTER = "what becomes of the whole record is decided first; look again"
_DONE = (*(f"updated in {side.title}" for side in Side), "failed", "held")
Identity = Literal["same", "different"]
"""Whether a record is still the one that it was."""
Decision = Side | Value | Identity
Given = Decision | SideName
"""What a person decides: a side, a `Value`, or what a record is."""
Rule = Callable[[OpenConflict], Given | None]
"""How a person decides many conflicts: a conflict → what is decided of it; `None` leaves it open."""


@attrs.define
class _Ruling:
    """What a person has decided of a field of a pair, for the values that they saw: a rule that its merge goes by.

    Attributes:
        before: an earlier decision that was cut off. What is written of it is nobody's edit.
        is_taken: whether it counted when it was asked last.
    """

    verdict: Side | Value
    seen: Mapping[Side, Canonical]
    before: Decided | None
    is_taken: bool = False

    @property
    def value(self) -> Canonical:
        """What both sides are to hold."""
        return self.verdict.value if isinstance(self.verdict, Value) else self.seen[self.verdict]

    def __call__(self, contest: Contest) -> Verdict:
        now = {Side.CUSTOMCRM: contest.customcrm, Side.KEAP: contest.keap}
        before = self.before
        self.is_taken = now == self.seen or (before is not None and before.is_about(self.seen) and before.stands(now))
        if not self.is_taken:
            return None
        return Value(self.value) if isinstance(self.verdict, Side) and now != self.seen else self.verdict


@attrs.frozen
class _Step:
    """What is to be done about a conflict.

    Attributes:
        action: does it, or says why it is left alone.
        remember: a pair that is written down before anything is done: whoever comes next goes on with it.
        ruling: what is decided of the field, where it is one.
    """

    conflict: OpenConflict
    action: Action
    remember: Pair | None = None
    ruling: _Ruling | None = None


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


def rule_of(decision: Given | Rule | None, value: Any) -> Callable[[OpenConflict], Decision | None]:
    """How many conflicts are decided: all the same, or by a function of the host's.

    Raises:
        ValueError, TypeError: as `decision_of`; of a function when it answers.
    """
    if not callable(decision):
        always = decision_of(decision, value)
        return lambda _: always
    if value is not UNSET:
        raise TypeError(
            "resolve_many: a function answers kb.Value(…) where it decides for a value; value= was given, too"
        )
    rule = decision

    def answered(conflict: OpenConflict) -> Decision | None:
        answer = asked(rule, conflict)
        return None if answer is None else decision_of(answer, UNSET)

    return answered


def resolve(sync: Synchronization, conflict: OpenConflict, decision: Decision, by: str | None = None) -> Flow[Report]:
    """Settle a conflict: for a side, or for a value that both sides shall hold; see `_of_doubt` for a record.

    Args:
        by: who decides.

    Raises:
        StalePlanError: when there is no such conflict any more: the record moved on.
        UnfitError: when the field cannot hold the value.
    """
    pairs = yield from sync.store.links.pairs_of(sync.name, [conflict.customcrm_id])
    step = yield from _step(sync, conflict, decision, pairs[0] if pairs else None)
    report = yield from _done([(sync, [step])], by)
    # Once both sides have become equal, no rule is asked any more.
    is_moot = not any(report.counts.get(sync.name, {}).get(heading) for heading in _DONE)
    if step.ruling is not None and report.complete and (is_moot or not step.ruling.is_taken):
        raise (yield from moved_on(sync, conflict, but=report.run_id))
    return report


def resolve_many(
    bridge: Bridge,
    conflicts: Iterable[OpenConflict | str],
    rule: Callable[[OpenConflict], Decision | None],
    by: str | None = None,
) -> Flow[Report]:
    """Settle many conflicts in one run. Those that have moved on, or cannot be decided like that, are told and left.

    Args:
        conflicts: themselves, or their tokens.
        rule: what is decided of each; `None` where nothing is.
    """
    of: dict[str, list[OpenConflict | str]] = {name: [] for name in bridge.synchronizations}
    for given in conflicts:
        of[bridge[_named(given).object].name].append(given)
    steps: list[tuple[Synchronization, Sequence[_Step]]] = []
    for name, its in of.items():
        if its:
            steps.append((bridge[name], (yield from _steps(bridge[name], its, rule))))
    return (yield from _done(steps or [(sync, []) for sync in bridge.synchronizations.values()], by))


def _named(given: OpenConflict | str) -> OpenConflict:
    return named_by(given) if isinstance(given, str) else given


def _steps(
    sync: Synchronization,
    conflicts: Sequence[OpenConflict | str],
    rule: Callable[[OpenConflict], Decision | None],
) -> Flow[list[_Step]]:
    """What is to be done, in the order of the records: each conflict once, those of a pair together."""
    found: list[_Step] = []
    once = {(c.customcrm_id, c.keap_id, c.field): given for given in reversed(conflicts) for c in [_named(given)]}
    ordered = [once[name] for name in sorted(once)]
    for first in range(0, len(ordered), BATCH):
        some = ordered[first : first + BATCH]
        ids = {_named(given).customcrm_id for given in some}
        pairs = {pair.link.customcrm_id: pair for pair in (yield from sync.store.links.pairs_of(sync.name, ids))}
        for given in some:
            try:
                conflict = (yield from as_seen(sync, given)) if isinstance(given, str) else given
                decision = rule(conflict)
                if decision is not None:
                    found.append((yield from _step(sync, conflict, decision, pairs.get(conflict.customcrm_id))))
            except (StalePlanError, UnfitError) as error:
                found.append(_left(sync, _named(given), str(error)))
    return found


def _left(sync: Synchronization, conflict: OpenConflict, reason: str) -> _Step:
    return _Step(conflict, Skip(sync.name, Side.CUSTOMCRM, conflict.customcrm_id, reason))


def _step(sync: Synchronization, conflict: OpenConflict, decision: Decision, pair: Pair | None) -> Flow[_Step]:
    """What a decision does.

    Args:
        pair: of Customcrm's record, as it is linked now.
    """
    ids = (conflict.customcrm_id, conflict.keap_id)
    if pair is None or pair.link.keap_id != conflict.keap_id:
        gone = f"{conflict.object} {ids[0]} ↔ {ids[1]} are not linked any more, so nothing is left to decide"
        raise (yield from moved_on(sync, conflict, gone))
    if conflict.about:
        return (yield from _of_doubt(sync, conflict, decision, pair))
    if conflict.field == RECORD:
        return _of_record(sync, conflict, decision, pair)
    if isinstance(decision, Value):
        decision = yield from _fitting(sync, conflict, decision.value, pair)
    elif not isinstance(decision, Side):
        raise UnfitError(f"{conflict.field} is resolved for a side, 'keap' or 'customcrm', or with value=…")
    seen = {Side.CUSTOMCRM: conflict.customcrm, Side.KEAP: conflict.keap}
    ruling = _Ruling(decision, seen, pair.link.decided.get(conflict.field))
    return _Step(conflict, Update(conflict.object, *ids, _both(conflict.field, ruling.value)), ruling=ruling)


def _both(field: str, value: Canonical = None) -> tuple[Change, ...]:
    return tuple(Change(field, side, None, value, "decision") for side in Side)


def _fitting(sync: Synchronization, conflict: OpenConflict, value: Any, pair: Pair) -> Flow[Value]:
    lens = sync.mapper[conflict.field]
    context = yield from sync.context()
    scope = pair.current[Side.CUSTOMCRM].values.get(lens.scope) if lens.scope else None
    try:
        return Value(lens.kind.read(value, Side.CUSTOMCRM, scope, context))
    except UnfitError as reason:
        raise UnfitError(f"{conflict.field}: {reason}") from None


def _done(steps: Sequence[tuple[Synchronization, Sequence[_Step]]], by: str | None) -> Flow[Report]:
    """Do what is decided, in one run."""
    deciding: list[Synchronization] = []
    actions: list[Action] = []
    for sync, its in steps:
        if remembered := [step.remember for step in its if step.remember is not None]:
            yield from sync.store.links.settle([as_it_is(sync, pair) for pair in remembered])
        rulings: dict[str, Mapping[str, HostRule]] = {}
        for id, of_pair in groupby(its, lambda step: step.conflict.customcrm_id):
            mine = list(of_pair)
            fields = [step for step in mine if step.ruling is not None]
            others = [step for step in mine if step.ruling is None]
            if fields and any(step.conflict.field == RECORD for step in others):
                others += [_left(sync, step.conflict, _AFTER) for step in fields]
            elif fields:
                its_fields = {step.conflict.field: step.ruling for step in fields if step.ruling is not None}
                changes = tuple(change for field, ruling in its_fields.items() for change in _both(field, ruling.value))
                actions.append(Update(sync.name, id, fields[0].conflict.keap_id, changes))
                rulings[id] = its_fields
            actions += (step.action for step in others)
        deciding.append(attrs.evolve(sync, deciding=rulings))
    return (yield from apply_decisions(deciding, actions, by))


def apply_decisions(
    synchronizations: Sequence[Synchronization], actions: Sequence[Action], by: str | None
) -> Flow[Report]:
    """Do what a person has decided, as a plan and a run of its own.

    Args:
        synchronizations: those that it is about; one at least.
        by: who it was.
    """
    plan_id = (yield from new_id())[:12]
    moment = yield from now()
    counts: dict[str, Counter[str]] = {sync.name: Counter() for sync in synchronizations}
    for action in actions:
        if isinstance(action, Update):  # on which side something is to be written is known only when it is
            fields = {change.field for change in action.changes} - {RECORD}
            counts[action.object].update({"decide": len(fields)} if fields else ())
        else:
            counts[action.object].update(headings(action))
    sync = synchronizations[0]
    yield from sync.store.plans.begin(plan_id, moment, tuple(counts), purpose=DECISION)
    for first in range(0, len(actions), BATCH):
        yield from sync.store.plans.add_actions(plan_id, first, actions[first : first + BATCH])
    plan = yield from sync.store.plans.finish(plan_id, counts, {}, {}, {})
    bridge = Bridge(sync.store, sync.settings, {each.name: each for each in synchronizations}, sync.guard)
    return (yield from apply(bridge, plan, by=by))


def _of_doubt(sync: Synchronization, conflict: OpenConflict, decision: Decision, pair: Pair) -> Flow[_Step]:
    """A record that went back is resolved for the side whose values are right.

    One that may be another is resolved with `"same"` (its values are edits, and flow) or `"different"` (the link ends,
    and both are matched anew by the next sync).
    """
    [pair] = yield from doubted(sync, [pair])
    ids = (conflict.customcrm_id, conflict.keap_id)
    if pair.doubt is None or pair.doubt.about != conflict.about:
        raise (yield from moved_on(sync, conflict))
    if conflict.about == RESTORED:
        if not isinstance(decision, Side):
            raise UnfitError(
                "a record that went back is resolved for the side whose values are right: 'customcrm' or 'keap'"
            )
        said = decision.value
    elif decision in {"same", "different"}:
        said = SAME if decision == "same" else ""
    else:
        raise UnfitError('whether it is the same record is resolved with "same" or "different"')
    if said:
        return _Step(conflict, Update(conflict.object, *ids, _both(RECORD)), decided(sync, pair, said))
    reason = "somebody said that it is another record"
    return _Step(conflict, Unlink(conflict.object, *ids, pair.doubt.side, reason, reissued=True))


def _of_record(sync: Synchronization, conflict: OpenConflict, decision: Decision, pair: Pair) -> _Step:
    """Deleted on one side, edited on the other: the deletion wins, or the next sync makes the deleted record anew."""
    if not isinstance(decision, Side):
        raise UnfitError("a deleted record is resolved for a side: 'customcrm' or 'keap'")
    link = pair.link
    gone = Side.KEAP if f"deleted in {Side.KEAP.title}" in conflict.reason else Side.CUSTOMCRM
    left = gone.other
    if decision is left:
        reason = f"deleted in {gone.title}, and to be made anew"
        return _Step(conflict, Unlink(sync.name, link.customcrm_id, link.keap_id, gone, reason, anew=True))
    # The edit is given up: what the record holds now is its base, and any further edit would be a conflict again.
    given_up = attrs.evolve(pair, link=link.based_on(left, pair.current[left].values))
    archive = sync.settings.policy.deletion(left, sync.name) == "archive"
    return _Step(conflict, Delete(sync.name, left, link.id(left), link.id(gone), archive=archive), given_up)
