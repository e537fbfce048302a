"""Open conflicts: which there are, and what somebody's decision does. Decisions are written like any plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from types import NoneType
from typing import Any, Literal

import attrs

from keapbridge._flow.effects import Flow, new_id, now
from keapbridge.decide.merge import Merge
from keapbridge.decide.policy import Contest, Value, Verdict
from keapbridge.errors import StalePlanError, UnfitError
from keapbridge.model.change import RECORD, Change, FieldConflict
from keapbridge.model.kept import Commit, Missing
from keapbridge.model.maybe import UNSET
from keapbridge.model.names import Told, as_name
from keapbridge.model.plan import DECISION, Action, Delete, Unlink, Update, headings
from keapbridge.model.records import Canonical, Pair
from keapbridge.model.report import Report
from keapbridge.model.side import Side, SideName
from keapbridge.model.token import digest_of, read_token, token_of
from keapbridge.sync.doubts import RESTORED, SAME, decided, doubted
from keapbridge.sync.planning.deletions import is_edited
from keapbridge.sync.planning.linked import merge_pairs
from keapbridge.sync.synchronization import Bridge, Synchronization
from keapbridge.sync.writing.apply import apply

__all__ = [
    "FIRST",
    "Given",
    "OpenConflict",
    "Place",
    "apply_decision",
    "as_seen",
    "conflicts",
    "conflicts_of",
    "decided_meanwhile",
    "decision_of",
    "named_by",
    "resolve",
]

BATCH = 500
LOOKED_AT = 2_000  # records that are looked at for a part of the list
_TAKES = "conflict takes one of session.conflicts(), or its token"
_TOKEN = (str, str, str, str, str, str, (str, NoneType))
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
        customcrm_base, keap_base: what both held after the last sync; `None` where that is not known.
        customcrm_updated_at, keap_updated_at: when both records were changed last, where their systems show it.
        listed_at: when it was listed.
    """

    object: Told = attrs.field(converter=as_name)
    customcrm_id: str
    keap_id: str
    field: str
    customcrm: Canonical = attrs.field(repr=False)
    keap: Canonical = attrs.field(repr=False)
    reason: str = ""
    about: str = ""
    customcrm_base: Canonical = attrs.field(default=None, repr=False, eq=False)
    keap_base: Canonical = attrs.field(default=None, repr=False, eq=False)
    customcrm_updated_at: datetime | None = attrs.field(default=None, eq=False)
    keap_updated_at: datetime | None = attrs.field(default=None, eq=False)
    listed_at: datetime | None = attrs.field(default=None, eq=False)

    @property
    def token(self) -> str:
        """What `resolve` takes in its place, for a page to give back: it holds ids, and a digest of both values."""
        listed = None if self.listed_at is None else self.listed_at.isoformat()
        where = (self.object, self.customcrm_id, self.keap_id, self.field, self.about)
        return token_of(*where, digest_of(self.customcrm, self.keap), listed)


Place = tuple[int, str, str]
"""Where a list of conflicts goes on: in which of its stages, and behind the record of which side and id."""
FIRST: Place = (0, "", "")


def conflicts(
    sync: Synchronization, after: Place = FIRST, limit: int | None = None
) -> Flow[tuple[list[OpenConflict], Place | None]]:
    """The open conflicts of a synchronization, as far as both systems have been read, and where they go on.

    Those of a pair stay together. So many records are looked at for a part that it may have few.

    Args:
        limit: how many at most, unless one pair has more; `None` for all.
    """
    moment = yield from now()
    found: list[OpenConflict] = []
    size = BATCH if limit is None else min(BATCH, limit + 1)
    looked = 0
    place: Place | None = after
    while place is not None:
        stage, *_ = place
        if stage < len(Side):
            side = list(Side)[stage]
            pairs, last = yield from sync.store.links.pairs(sync.name, side, place[2], size)
            groups = [
                ((stage, side.value, pair.link.id(side)), its) for pair, its in (yield from _of_pairs(sync, pairs))
            ]
            going_on: Place | None = (stage + 1, "", "") if last is None else (stage, side.value, last)
        else:
            missing = yield from sync.store.staging.missing(sync.name, place[1:], size)
            groups = [((stage, item.side.value, item.id), _of_missing(sync, item)) for item in missing]
            going_on = None if len(missing) < size else (stage, missing[-1].side.value, missing[-1].id)
        for here, its in groups:
            if limit is not None and found and len(found) + len(its) > limit:
                return found, place
            found += (attrs.evolve(conflict, listed_at=moment) for conflict in its)
            place = here
        looked += size
        place = going_on
        if limit is not None and place is not None and (len(found) >= limit or looked >= LOOKED_AT):
            return found, place
    return found, None


def conflicts_of(sync: Synchronization, ids: Mapping[Side, str]) -> Flow[list[OpenConflict]]:
    """The open conflicts of one linked pair."""
    moment = yield from now()
    missing = yield from sync.store.staging.missing_of(sync.name, ids)
    found = [conflict for item in missing for conflict in _of_missing(sync, item)]
    if not any(item.proven for item in missing):
        pairs = yield from sync.store.links.pairs_of(sync.name, [ids[Side.CUSTOMCRM]])
        those = [pair for pair in pairs if pair.link.keap_id == ids[Side.KEAP] and any(pair.seen.values())]
        found += [conflict for _, its in (yield from _of_pairs(sync, those)) for conflict in its]
    return [attrs.evolve(conflict, listed_at=moment) for conflict in found]


def _of_pairs(sync: Synchronization, pairs: Sequence[Pair]) -> Flow[list[tuple[Pair, list[OpenConflict]]]]:
    def unknown(pair: Pair, error: Exception) -> Flow[list[tuple[Pair, Merge]]]:
        yield from ()
        sync.guard.failed(error, f"{sync.name} {pair.link.customcrm_id} ↔ {pair.link.keap_id}")
        return []

    merged = yield from sync.guard.by_halves(list(pairs), lambda some: merge_pairs(sync, some, None), unknown)
    return [(pair, [_open(sync, pair, conflict) for conflict in outcome.conflicts]) for pair, outcome in merged]


def _open(sync: Synchronization, pair: Pair, conflict: FieldConflict) -> OpenConflict:
    ours, theirs = (pair.seen[side] for side in Side)
    return OpenConflict(
        sync.name,
        pair.link.customcrm_id,
        pair.link.keap_id,
        conflict.field,
        conflict.customcrm,
        conflict.keap,
        conflict.reason,
        conflict.about,
        customcrm_base=pair.link.customcrm_base.get(conflict.field),
        keap_base=pair.link.keap_base.get(conflict.field),
        customcrm_updated_at=None if ours is None else ours.updated_at,
        keap_updated_at=None if theirs is None else theirs.updated_at,
    )


def _of_missing(sync: Synchronization, item: Missing) -> list[OpenConflict]:
    left = item.side.other
    asks = item.proven and sync.settings.policy.deletion(left, sync.name) in {"delete", "archive"}
    if not asks or not is_edited(item.pair, left):
        return []
    ids = (item.pair.link.customcrm_id, item.pair.link.keap_id)
    return [OpenConflict(sync.name, *ids, RECORD, None, None, f"deleted in {item.side.title}, edited in {left.title}")]


def named_by(token: str) -> str:
    """Of which synchronization a conflict is that a token names.

    Raises:
        ValueError: for a text that is no such token.
    """
    return str(read_token(_TAKES, token, _TOKEN)[0])


def as_seen(sync: Synchronization, token: str) -> Flow[OpenConflict]:
    """The conflict that a token names, which is as it was when it was listed.

    Raises:
        StalePlanError: when it is not.
    """
    name, customcrm_id, keap_id, field, about, digest, listed = read_token(_TAKES, token, _TOKEN)
    try:
        listed_at = None if listed is None else datetime.fromisoformat(listed)
    except ValueError:
        raise ValueError(_TAKES) from None
    ids = {Side.CUSTOMCRM: customcrm_id, Side.KEAP: keap_id}
    for conflict in (yield from conflicts_of(sync, ids)):
        same = (conflict.field, conflict.about, digest_of(conflict.customcrm, conflict.keap)) == (field, about, digest)
        if same:
            return attrs.evolve(conflict, listed_at=listed_at)
    seen = OpenConflict(name, customcrm_id, keap_id, field, None, None, "", about, listed_at=listed_at)
    raise (yield from _moved_on(sync, seen, f"{_what(seen)} has changed; look again{_AGAIN}"))


def _what(conflict: OpenConflict) -> str:
    what = f"{conflict.object} {conflict.customcrm_id}"
    return what if conflict.field == RECORD else f"{conflict.field} of {what}"


def _moved_on(
    sync: Synchronization, conflict: OpenConflict, otherwise: str, *, but: str | None = None
) -> Flow[StalePlanError]:
    """What somebody who decides too late is told.

    Args:
        otherwise: where nobody has decided anything of the pair since the conflict was listed.
        but: a run that does not count, for it is their own.
    """
    if conflict.listed_at is not None:
        ids = {Side.CUSTOMCRM: conflict.customcrm_id, Side.KEAP: conflict.keap_id}
        runs = yield from sync.store.plans.decisions(sync.name, ids, conflict.listed_at)
        for run_id, by in runs:
            if run_id != but:
                return (yield from decided_meanwhile(sync, _what(conflict), run_id, by))
    return StalePlanError(otherwise)


def decided_meanwhile(sync: Synchronization, what: str, run_id: str, by: str | None) -> Flow[StalePlanError]:
    """The error that tells who has decided something, and what they did."""
    entries = (yield from sync.store.journal.of_run(run_id)) or []
    message = f"{what}: somebody has decided it meanwhile; session.report({run_id!r}) tells who, and what was done"
    return StalePlanError(message, run_id=run_id, by=by, meanwhile=[attrs.evolve(entry, by=by) for entry in entries])


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
        gone = f"{conflict.object} {conflict.customcrm_id} ↔ {conflict.keap_id} are not linked any more"
        raise (yield from _moved_on(sync, conflict, f"{gone}, so nothing is left to decide{_AGAIN}"))
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
    report = yield from apply_decision(deciding, action, by)
    # Once both sides have become equal, no rule is asked any more.
    is_moot = not any(report.counts.get(sync.name, {}).get(heading) for heading in _DONE)
    if report.complete and (is_moot or not used or not used[-1]):
        changed = f"{_what(conflict)} has changed; look again{_AGAIN}"
        raise (yield from _moved_on(sync, conflict, changed, but=report.run_id))
    return report


def _fitting(sync: Synchronization, conflict: OpenConflict, value: Any, pair: Pair) -> Flow[Value]:
    lens = sync.mapper[conflict.field]
    context = yield from sync.context()
    scope = pair.current[Side.CUSTOMCRM].values.get(lens.scope) if lens.scope else None
    try:
        return Value(lens.kind.read(value, Side.CUSTOMCRM, scope, context))
    except UnfitError as reason:
        raise UnfitError(f"{conflict.field}: {reason}") from None


def apply_decision(sync: Synchronization, action: Action, by: str | None, *others: Action) -> Flow[Report]:
    """Do what a person has decided, as a plan and a run of its own.

    Args:
        by: who it was.
        others: what else is to be told of it.
    """
    plan_id = (yield from new_id())[:12]
    moment = yield from now()
    counts = {} if isinstance(action, Update) else {sync.name: Counter(chain(*map(headings, (action, *others))))}
    yield from sync.store.plans.begin(plan_id, moment, (action.object,), purpose=DECISION)
    yield from sync.store.plans.add_actions(plan_id, 0, [action, *others])
    plan = yield from sync.store.plans.finish(plan_id, counts, {}, {}, {})
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
        raise (yield from _moved_on(sync, conflict, f"{_what(conflict)} has changed; look again{_AGAIN}"))
    both = tuple(Change(RECORD, side, None, None, "decision") for side in Side)
    if conflict.about == RESTORED:
        if not isinstance(decision, Side):
            raise UnfitError(
                "a record that went back is resolved for the side whose values are right: 'customcrm' or 'keap'"
            )
        yield from _remember(sync, decided(sync, pair, decision.value))
        return (yield from apply_decision(sync, Update(conflict.object, *ids, both), by))
    match decision:
        case "same":
            yield from _remember(sync, decided(sync, pair, SAME))
            return (yield from apply_decision(sync, Update(conflict.object, *ids, both), by))
        case "different":
            gone, reason = pair.doubt.side, "somebody said that it is another record"
            return (yield from apply_decision(sync, Unlink(conflict.object, *ids, gone, reason, reissued=True), by))
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
        return (yield from apply_decision(sync, unlink, by))
    # The edit is given up: what the record holds now is its base, and any further edit would be a conflict again.
    given_up = link.based_on(left, pair.current[left].values)
    yield from _remember(sync, attrs.evolve(pair, link=given_up))
    archive = sync.settings.policy.deletion(left, sync.name) == "archive"
    return (yield from apply_decision(sync, Delete(sync.name, left, link.id(left), link.id(gone), archive=archive), by))
