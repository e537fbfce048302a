"""The three-way merge of two linked records, field by field. Pure: no I/O, no clock, no randomness.

What each side held after the last sync is its base; an edit is a difference from the side's *own* base, so a value
that the other side stores in another form is no edit. The decision table, for a field whose value is known on both
sides:

| both agree | base      | edited                | outcome                                              |
|------------|-----------|-----------------------|------------------------------------------------------|
| yes        | any       | any                   | settled: remember both values                        |
| no         | both      | neither               | unchanged: a difference that was known already       |
| no         | both      | one side              | its value is written to the other side               |
| no         | both      | both sides            | conflict                                             |
| no         | not both  | one side is empty     | the value is written to the empty side               |
| no         | not both  | two different values  | conflict                                             |

A value of several parts, such as the tags of a contact, is merged part by part: it is never in conflict, and where no
base is known both sides get all of them.

A conflict is decided by policy or parked. What is written is the value as the target can hold it; what the target
cannot hold is held back with the reason, and so are two values that cannot be compared (prices in two currencies). What
is but the other value in an encoded form does not take its place, and two such values are no conflict. A
field that is unknown on a side is left alone. Where a field says that emptiness does not flow, a value that an empty
one would clear is settled as it is. A field that flows one way only never writes the other way.

What was decided before, and is not known to be written to both sides, is gone on with (`decide.decided`).

A field that follows another (a region its country) comes from the same side:

| what becomes of the field it follows | what becomes of a follower whose two values differ      |
|--------------------------------------|---------------------------------------------------------|
| written to one side                  | it is written to that side                              |
| held, or in conflict                 | it is held, and waits                                   |
| anything else                        | it goes its own way, by the table above                 |

The two are edited together: when one side edits the followed field and the other side its follower, the followed field
is in conflict, also while the follower cannot be read beside that edit. Only where the followed field is new, and was
empty, an edited follower goes its own way.

Nothing of a pair flows while it is in doubt whether what a record shows is an edit of it (`Doubt`). Once somebody has
said which side counts, that side's values are taken of what had gone back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

import attrs

from keapbridge.decide.decided import going_on
from keapbridge.decide.policy import Contest, HostRule, Policy, Value, decide
from keapbridge.errors import UnfitError
from keapbridge.model.change import RECORD, Change, FieldConflict, Held
from keapbridge.model.maybe import UNSET, Maybe
from keapbridge.model.records import Canonical, Doubt, Pair
from keapbridge.model.side import Side

__all__ = ["FieldRule", "Merge", "merge", "merge_field"]


class FieldRule(Protocol):
    """What the merge needs to know of a field."""

    @property
    def name(self) -> str: ...
    @property
    def policy(self) -> str | HostRule | None: ...
    @property
    def follows(self) -> str | None:
        """The field without which this one means nothing (a region's country), named before it."""
        ...

    @property
    def keeps(self) -> bool:
        """Whether an empty value leaves the other side's as it is, instead of clearing it."""
        ...

    def flows_to(self, side: Side, /) -> bool: ...
    def fit(self, side: Side, value: Canonical, /) -> Canonical:
        """The value as the side can hold it; raises `UnfitError`."""
        ...

    def incomparable(self, a: Canonical, b: Canonical, /) -> str | None:
        """Why neither of two values may take the place of the other, if that is so (prices in two currencies)."""
        ...

    def combined(self, now: Canonical, other: Canonical, base: Maybe[Canonical], /) -> Maybe[Canonical]:
        """What a side is to hold, for a value of several parts that come and go each by itself; `UNSET` for others."""
        ...

    def encodes(self, value: Canonical, clean: Canonical, /) -> bool:
        """Whether a value is but another one in an encoded form, which is not to take its place."""
        ...


@attrs.frozen
class Settled:
    """A field whose two values need nothing."""

    field: str
    customcrm: Canonical = attrs.field(repr=False)
    keap: Canonical = attrs.field(repr=False)

    def of(self, side: Side) -> Canonical:
        """What a side holds."""
        return self.customcrm if side is Side.CUSTOMCRM else self.keap

    def showing(self, side: Side, value: Canonical) -> Settled:
        """The field where a side holds this value."""
        its = {Side.CUSTOMCRM: self.customcrm, Side.KEAP: self.keap, side: value}
        return Settled(self.field, its[Side.CUSTOMCRM], its[Side.KEAP])


Outcome = Change | FieldConflict | Held | Settled


@attrs.frozen
class Merge:
    """What is to be done for a pair."""

    changes: tuple[Change, ...] = ()
    conflicts: tuple[FieldConflict, ...] = ()
    held: tuple[Held, ...] = ()
    settled: tuple[Settled, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether nothing remains to be done or decided."""
        return not (self.changes or self.conflicts or self.held)


Astray = Callable[[str, Exception], str]
"""Takes a field, and an error in it that nobody has foreseen; answers the reason to tell."""


def _raise(_field: str, error: Exception) -> str:
    raise error


def merge(
    pair: Pair,
    rules: Iterable[FieldRule],
    policy: Policy,
    astray: Astray = _raise,
    waiting: Mapping[str, Held] = MappingProxyType({}),
) -> Merge:
    """Decide every field of a pair.

    Args:
        astray: what to do about an error of a rule, such as one of the host's: the field is held then.
        waiting: fields of which nothing can be decided yet.
    """
    if pair.doubt is not None and pair.doubt.winner is None:
        return _waiting(pair.doubt)
    now = {side: pair.current[side] for side in Side}
    updated_at = {side: pair.updated_at(side) for side in Side}
    ours, theirs = now[Side.CUSTOMCRM], now[Side.KEAP]
    found: dict[type, list[Any]] = {Change: [], FieldConflict: [], Held: [], Settled: []}
    rules = tuple(rules)
    for rule in rules:
        name = rule.name
        if name in waiting:
            found[Held].append(waiting[name])
            continue
        value = ours.values.get(name, UNSET)
        if value == theirs.values.get(name, UNSET) and not (name in ours.unreadable or name in theirs.unreadable):
            # What most fields of most pairs are, decided without a look at what the rest is decided by.
            if value is not UNSET:
                found[Settled].append(Settled(name, value, theirs.values[name]))
            continue
        unreadable = [Held(name, s, r) for s in Side if (r := now[s].unreadable.get(name)) is not None]
        if unreadable:
            found[Held] += unreadable
            continue
        leaders = [o for kind in found for o in found[kind] if o.field == rule.follows]
        try:
            outcomes = _of_field(rule, rules, pair, leaders, policy, updated_at)
            if name in pair.contested and any(isinstance(outcome, Change) for outcome in outcomes):
                outcomes = _contest(rule, pair, policy, updated_at)
        except Exception as error:  # noqa: BLE001 - a field that fails must not stop the others
            outcomes = (Held(name, Side.KEAP, astray(name, error)),)
        for outcome in outcomes:
            found[type(outcome)].append(outcome)
    return Merge(*(tuple(found[kind]) for kind in (Change, FieldConflict, Held, Settled)))


def _waiting(doubt: Doubt) -> Merge:
    """Nothing flows while it is not known what the record is that shows something else."""
    if doubt.about == "lagging":
        return Merge(held=(Held(RECORD, doubt.side, doubt.reason),))
    return Merge(conflicts=(FieldConflict(RECORD, None, None, doubt.reason, doubt.about),))


def _of_field(
    rule: FieldRule,
    rules: Iterable[FieldRule],
    pair: Pair,
    leaders: list[Outcome],
    policy: Policy,
    updated_at: Mapping[Side, datetime | None],
) -> tuple[Outcome, ...]:
    """What becomes of a field whose values differ."""
    values: dict[Side, Any] = {side: pair.current[side].values.get(rule.name, UNSET) for side in Side}
    base = {side: pair.link.base(side).get(rule.name, UNSET) for side in Side}
    outcomes = _following(rule, values, base, leaders)
    if outcomes:
        return outcomes
    if rule.name not in pair.contested and (left := going_on(pair, rule.name)) is not None:
        return left or (Settled(rule.name, values[Side.CUSTOMCRM], values[Side.KEAP]),)
    if pair.doubt is not None and rule.name in pair.doubt.fields and UNSET not in values.values():
        outcomes = _accepted(rule, values, pair.doubt)
        if outcomes:
            return outcomes
    outcomes = merge_field(rule, values, base, policy, updated_at)
    rival = _rival(rule, outcomes, pair, rules)
    if rival is None:
        return outcomes
    return _decide(rule, values, policy, updated_at, f"{rival} was edited on the other side; ")


def _accepted(rule: FieldRule, now: Mapping[Side, Any], doubt: Doubt) -> tuple[Outcome, ...]:
    """What becomes of a field that has gone back, once somebody has said whose values are right."""
    differs = not _agree(rule, now) and rule.incomparable(now[Side.CUSTOMCRM], now[Side.KEAP]) is None
    return (_flow(rule, now, doubt.winner, "accept"),) if differs and doubt.winner is not None else ()


def _contest(
    rule: FieldRule, pair: Pair, policy: Policy, updated_at: Mapping[Side, datetime | None]
) -> tuple[Outcome, ...]:
    """A field of which a person decides: it waits, or that is being done."""
    values = {side: pair.current[side].values[rule.name] for side in Side}
    reason = pair.contested[rule.name]
    if reason is None:
        return _decide(rule, values, policy, updated_at)
    return (FieldConflict(rule.name, values[Side.CUSTOMCRM], values[Side.KEAP], reason),)


def _rival(rule: FieldRule, outcomes: tuple[Outcome, ...], pair: Pair, rules: Iterable[FieldRule]) -> str | None:
    """The field that would have to come along with an edit, but was edited itself where that goes to."""
    match outcomes:
        case [Change(side=target, cause="edit")] if _only_source(rule) is None:
            for follower in rules:
                if follower.follows == rule.name and follower.flows_to(target.other):
                    now = {side: pair.current[side].values.get(follower.name, UNSET) for side in Side}
                    base = pair.link.base(target).get(follower.name, UNSET)
                    # What cannot be read beside the edit is not known to be what the follower was edited to.
                    is_odd = follower.name in pair.current[target.other].unreadable
                    differs = is_odd or (now[target.other] is not UNSET and not _agree(follower, now))
                    if now[target] is not UNSET and _is_edited(now[target], base) and differs:
                        return follower.name
    return None


def _is_edited(now: Any, base: Any) -> bool:
    return base is not UNSET and now != base


def _following(
    rule: FieldRule, now: Mapping[Side, Any], base: Mapping[Side, Any], leaders: list[Outcome]
) -> tuple[Outcome, ...]:
    """What becomes of a field because of the one it follows; empty when it is free to go its own way."""
    if not leaders or UNSET in now.values() or _agree(rule, now):
        return ()
    match leaders:
        case [Change() as leader]:
            # Both come from one side: a region of one country must not end up in another.
            target = leader.side
            if not rule.flows_to(target):
                return ()
            if leader.cause == "first contact" and _is_edited(now[target], base[target]):
                return ()  # an edit there, of what followed nothing so far
            return (_write(rule, target, now, now[target.other], leader.cause),)
        case [Held() | FieldConflict(), *_]:
            return (Held(rule.name, Side.KEAP, f"waits for {leaders[0].field}"),)
        case _:
            return ()


def merge_field(
    rule: FieldRule,
    now: Mapping[Side, Any],
    base: Mapping[Side, Any],
    policy: Policy,
    updated_at: Mapping[Side, datetime | None],
) -> tuple[Outcome, ...]:
    """Decide one field by the table above; empty when there is nothing to do or to remember."""
    ours, theirs = now[Side.CUSTOMCRM], now[Side.KEAP]
    if ours is UNSET or theirs is UNSET:
        return ()
    if _agree(rule, now):
        return (Settled(rule.name, ours, theirs),)
    hindrance = rule.incomparable(ours, theirs)
    if hindrance is not None:
        return (Held(rule.name, Side.KEAP, hindrance),)
    parts = _in_parts(rule, now, base)
    if parts is not None:
        return parts
    if UNSET not in base.values():
        edited = [side for side in Side if now[side] != base[side]]
        if not edited:
            return ()
        if len(edited) == 1:
            return (_flow(rule, now, edited[0], "edit"),)
    elif ours is None or theirs is None:
        return (_flow(rule, now, Side.KEAP if ours is None else Side.CUSTOMCRM, "first contact"),)
    return _decide(rule, now, policy, updated_at)


def _in_parts(rule: FieldRule, now: Mapping[Side, Any], base: Mapping[Side, Any]) -> tuple[Outcome, ...] | None:
    """The outcome for a value of several parts: each side gets what the other added and loses what it removed."""
    wanted: dict[Side, Any] = {side: rule.combined(now[side], now[side.other], base[side.other]) for side in Side}
    if UNSET in wanted.values():
        return None
    if UNSET not in base.values() and all(now[side] == base[side] for side in Side):
        return ()
    cause = "first contact" if UNSET in base.values() else "edit"
    found = [_write(rule, side, now, wanted[side], cause) for side in Side if rule.flows_to(side)]
    return tuple(each for each in found if not isinstance(each, Settled)) or tuple(found[:1])


def _decide(
    rule: FieldRule,
    now: Mapping[Side, Any],
    policy: Policy,
    updated_at: Mapping[Side, datetime | None],
    why: str = "",
) -> tuple[Outcome, ...]:
    """Two different values, both of them new."""
    ours, theirs = now[Side.CUSTOMCRM], now[Side.KEAP]
    only = _only_source(rule)
    if only is not None:
        return (_flow(rule, now, only, "edit"),)
    if rule.encodes(ours, theirs) or rule.encodes(theirs, ours):
        return (Settled(rule.name, ours, theirs),)
    contest = Contest(rule.name, ours, theirs, updated_at[Side.CUSTOMCRM], updated_at[Side.KEAP])
    decision = decide(policy, contest, rule.policy)
    match decision.winner:
        case Side() as source:
            return (_flow(rule, now, source, decision.by),)
        case Value(value):
            # Both sides hold it in the end, or neither gets it.
            written = [_write(rule, side, now, value, decision.by) for side in Side]
            held = [outcome for outcome in written if isinstance(outcome, Held)]
            changes = [outcome for outcome in written if isinstance(outcome, Change)]
            return tuple(held or changes or written[:1])
        case _:
            return (FieldConflict(rule.name, ours, theirs, f"{why}{decision.by}"),)


def _flow(rule: FieldRule, now: Mapping[Side, Any], source: Side, cause: str) -> Outcome:
    """The value of one side, on its way to the other."""
    if not rule.flows_to(source.other):
        return Settled(rule.name, now[Side.CUSTOMCRM], now[Side.KEAP])
    return _write(rule, source.other, now, now[source], cause)


def _write(rule: FieldRule, target: Side, now: Mapping[Side, Any], value: Canonical, cause: str) -> Outcome:
    if value is None and rule.keeps:
        return Settled(rule.name, now[Side.CUSTOMCRM], now[Side.KEAP])
    try:
        after = rule.fit(target, value)
    except UnfitError as reason:
        return Held(rule.name, target, str(reason))
    if after == now[target] or rule.encodes(after, now[target]):
        return Settled(rule.name, now[Side.CUSTOMCRM], now[Side.KEAP])
    return Change(rule.name, target, now[target], after, cause)


def _agree(rule: FieldRule, now: Mapping[Side, Any]) -> bool:
    ours, theirs = now[Side.CUSTOMCRM], now[Side.KEAP]
    return ours == theirs or _fits_as(rule, Side.KEAP, ours, theirs) or _fits_as(rule, Side.CUSTOMCRM, theirs, ours)


def _fits_as(rule: FieldRule, side: Side, value: Canonical, held: Canonical) -> bool:
    try:
        return rule.fit(side, value) == held
    except UnfitError:
        return False


def _only_source(rule: FieldRule) -> Side | None:
    """The one side whose edits count, for a field that flows one way."""
    sources = [side for side in Side if rule.flows_to(side.other)]
    return sources[0] if len(sources) == 1 else None
