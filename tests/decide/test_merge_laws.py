"""The laws of the merge: one base, two perturbed sides, any rules and policy. Pure and quick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st
from laws import examples
from msgspec import UNSET

from keapbridge.decide.merge import Merge, Settled, merge, merge_field
from keapbridge.decide.policy import Contest, Policy, Value, Verdict
from keapbridge.errors import UnfitError
from keapbridge.model.change import Change, FieldConflict, Held
from keapbridge.model.records import Canonical, Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side

LAWS = examples(100, HealthCheck.filter_too_much)
OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REFUSED = "refused"


# --- fields as data -------------------------------------------------------------------------------------------------


@attrs.frozen
class Field:
    """A field, described by what its two sides can hold."""

    name: str
    to: frozenset[Side] = frozenset(Side)
    limits: Mapping[Side, int] = attrs.field(factory=dict)
    refusing: frozenset[Side] = frozenset()
    currencies: bool = False
    policy: str | None = None
    follows: str | None = None
    keeps: bool = False

    def flows_to(self, side: Side) -> bool:
        return side in self.to

    def fit(self, side: Side, value: Canonical) -> Canonical:
        if value == REFUSED and side in self.refusing:
            raise UnfitError("cannot be held")
        return value[: self.limits.get(side)] if isinstance(value, str) else value

    def incomparable(self, a: Canonical, b: Canonical) -> str | None:
        different = self.currencies and a is not None and b is not None and str(a)[0] != str(b)[0]
        return "two currencies" if different else None

    def combined(self, now: Canonical, other: Canonical, base: Any) -> Any:
        return UNSET

    def encodes(self, value: Canonical, clean: Canonical) -> bool:
        return isinstance(value, str) and value == f"&{clean}"


BOTH_WAYS = frozenset(Side)
DIRECTIONS = (BOTH_WAYS, BOTH_WAYS, frozenset({OURS}), frozenset({THEIRS}))
SOME_TEXTS: tuple[Any, ...] = (None, "a", "abcdefgh", "abcdijkl", "abcd")

FREE = st.builds(
    Field,
    name=st.just(""),
    to=st.sampled_from(DIRECTIONS),
    limits=st.sampled_from(({}, {OURS: 4}, {THEIRS: 4}, {OURS: 6, THEIRS: 4})),
    refusing=st.sampled_from((frozenset(), frozenset({OURS}), frozenset({THEIRS}))),
    currencies=st.booleans(),
    policy=st.sampled_from((None, None, None, "newest", "customcrm", "keap", "manual")),
)


def pool(rule: Field) -> tuple[Any, ...]:
    """The values a field may hold in a test; few, so that sides often agree."""
    if rule.currencies:
        return (None, "E1", "U1", "U2", UNSET)
    return (*SOME_TEXTS, REFUSED, UNSET) if rule.refusing else (*SOME_TEXTS, 1, False, UNSET)


@st.composite
def rules_of(draw: st.DrawFn, *, followed: bool = False) -> tuple[Field, ...]:
    """Some fields, and one that follows another and flows as that one does."""
    found = [attrs.evolve(rule, name=f"f{n}") for n, rule in enumerate(draw(st.lists(FREE, min_size=1, max_size=3)))]
    if followed or draw(st.booleans()):
        leader = draw(st.sampled_from(found))
        found.append(Field("follower", leader.to, policy=draw(st.sampled_from((None, "keap"))), follows=leader.name))
    return tuple(found)


def never(_: Contest) -> Verdict:
    return None


def shorter(contest: Contest) -> Verdict:
    """A host's rule that favours no side: the shorter text, or else both texts' first letters."""
    ours, theirs = str(contest.customcrm), str(contest.keap)
    return None if len(ours) == len(theirs) else OURS if len(ours) < len(theirs) else THEIRS


def third(contest: Contest) -> Verdict:
    return Value(min(str(contest.customcrm), str(contest.keap))[:1] + "third")


POLICIES = st.builds(
    Policy,
    conflicts=st.one_of(
        st.sampled_from(("newest", "customcrm", "keap", "manual")),
        st.sampled_from((never, shorter, third)),
        st.just({"f0": "keap", "f1": "manual", "*": "newest"}),
    ),
)
TIMES = st.sampled_from((None, NOON, NOON + timedelta(hours=1)))


@attrs.frozen
class Case:
    pair: Pair
    rules: tuple[Field, ...]
    policy: Policy

    @property
    def outcome(self) -> Merge:
        return merge(self.pair, self.rules, self.policy)

    def value(self, side: Side, field: str) -> Any:
        return self.pair.current[side].values.get(field, UNSET)

    def base(self, side: Side, field: str) -> Any:
        return self.pair.link.base(side).get(field, UNSET)

    def edited(self, side: Side, field: str) -> bool:
        return self.value(side, field) != self.base(side, field)

    def known(self, field: str) -> bool:
        return UNSET not in (self.value(OURS, field), self.value(THEIRS, field))

    def has_base(self, field: str) -> bool:
        return UNSET not in (self.base(OURS, field), self.base(THEIRS, field))

    def agree(self, rule: Field) -> bool:
        ours, theirs = self.value(OURS, rule.name), self.value(THEIRS, rule.name)
        return ours == theirs or fits_as(rule, THEIRS, ours, theirs) or fits_as(rule, OURS, theirs, ours)


def fits_as(rule: Field, side: Side, value: Canonical, held: Canonical) -> bool:
    try:
        return rule.fit(side, value) == held
    except UnfitError:
        return False


@st.composite
def cases(draw: st.DrawFn, *, first_contact: bool = False, **fixed: Any) -> Case:
    """One base, perturbed on both sides; some fields unknown, without a base, or not to be understood."""
    rules = draw(fixed.get("rules", rules_of()))
    policy = draw(fixed.get("policy", POLICIES))
    values: dict[Side, dict[str, Canonical]] = {side: {} for side in Side}
    bases: dict[Side, dict[str, Canonical]] = {side: {} for side in Side}
    unreadable: dict[Side, dict[str, str]] = {side: {} for side in Side}
    for rule in rules:
        choice = st.sampled_from(pool(rule))
        start = draw(choice)
        both = draw(st.sampled_from((True, True, True, False)))
        for side in Side:
            held = start
            if start is not UNSET and fits(rule, side, start):
                held = rule.fit(side, start)
            if held is not UNSET and not first_contact and (both or draw(st.booleans())):
                bases[side][rule.name] = held
            now = draw(choice) if draw(st.booleans()) else held
            if draw(st.integers(0, 15)) == 7:
                unreadable[side][rule.name] = "gibberish"
            elif now is not UNSET:
                values[side][rule.name] = now
        values[OURS]["unmapped"] = draw(st.sampled_from(("x", "y")))
    seen = {side: Observation(side, "1", Snapshot(values[side], unreadable[side]), draw(TIMES)) for side in Side}
    unseen = None if first_contact else draw(st.sampled_from((None, None, None, OURS, THEIRS)))
    pair = Pair(
        Link("1", "1", bases[OURS], bases[THEIRS]),
        None if unseen is OURS else seen[OURS],
        None if unseen is THEIRS else seen[THEIRS],
    )
    return Case(pair, rules, policy)


def fits(rule: Field, side: Side, value: Canonical) -> bool:
    return fits_as(rule, side, value, value) or (isinstance(value, str) and value != REFUSED)


# --- applying, swapping ---------------------------------------------------------------------------------------------


def as_sent(_: Side, value: Canonical) -> Canonical:
    return value


def in_capitals(side: Side, value: Canonical) -> Canonical:
    """A Keap that stores another form of what it is sent."""
    return value.upper()[:3] if side is THEIRS and isinstance(value, str) else value


def applied(case: Case, stored: Callable[[Side, Canonical], Canonical] = as_sent) -> Case:
    """The pair after its changes were written and what is settled was remembered."""
    outcome = case.outcome
    values = {side: dict(case.pair.current[side].values) for side in Side}
    for change in outcome.changes:
        values[change.side][change.field] = stored(change.side, change.after)
    remembered = {item.field for item in (*outcome.changes, *outcome.settled)}
    link, seen = case.pair.link, {}
    for side in Side:
        link = link.with_base(side, {**link.base(side), **{f: values[side][f] for f in remembered}})
        before = case.pair.current[side]
        seen[side] = Observation(side, "1", Snapshot(values[side], before.unreadable), case.pair.updated_at(side))
    return attrs.evolve(case, pair=Pair(link, seen[OURS], seen[THEIRS]))


def swapped(case: Case) -> Case:
    """The same with the sides exchanged, in the rules and the policy too."""
    link = case.pair.link
    pair = Pair(
        Link("1", "1", link.keap_base, link.customcrm_base), _turned(case.pair.keap), _turned(case.pair.customcrm)
    )
    return Case(pair, tuple(map(_turned_rule, case.rules)), Policy(conflicts=_turned_conflicts(case.policy.conflicts)))


def _turned(seen: Observation | None) -> Observation | None:
    return None if seen is None else attrs.evolve(seen, side=seen.side.other)


def _turned_rule(rule: Field) -> Field:
    return attrs.evolve(
        rule,
        to=frozenset(side.other for side in rule.to),
        limits={side.other: limit for side, limit in rule.limits.items()},
        refusing=frozenset(side.other for side in rule.refusing),
        policy=_turned_conflicts(rule.policy),
    )


def _turned_conflicts(conflicts: Any) -> Any:
    if isinstance(conflicts, Mapping):
        return {field: _turned_conflicts(rule) for field, rule in conflicts.items()}
    return {"customcrm": "keap", "keap": "customcrm"}.get(conflicts, conflicts)


def as_mirrored(outcome: Merge) -> set[Any]:
    """The outcome with the sides exchanged. What waits because of both sides is noted on Keap's, whichever it was."""

    def turn(item: Any) -> Any:
        match item:
            case Change():
                cause = {"customcrm": "keap", "keap": "customcrm"}.get(item.cause, item.cause)
                return attrs.evolve(item, side=item.side.other, cause=cause)
            case Held():
                of_both = item.reason.startswith(("waits for", "two currencies"))
                return item if of_both else attrs.evolve(item, side=item.side.other)
            case _:
                return attrs.evolve(item, customcrm=item.keap, keap=item.customcrm)

    return {_typed(turn(item)) for item in everything(outcome)}


def everything(outcome: Merge) -> tuple[Any, ...]:
    return (*outcome.changes, *outcome.conflicts, *outcome.held, *outcome.settled)


def _typed(item: Any) -> Any:
    """`False == 0` and `True == 1` must not hide a difference."""
    return type(item), repr(item)


def has_split_leader(case: Case) -> bool:
    """Whether a host's rule gave both sides of a followed field a new value: then its follower has no one source."""
    written = [change.field for change in case.outcome.changes]
    return any(written.count(rule.follows) > 1 for rule in case.rules if rule.follows)


# --- quiescence, convergence, symmetry ------------------------------------------------------------------------------


def a_place(base: tuple[Any, Any], ours: tuple[Any, Any], theirs: tuple[Any, Any], conflicts: Any = "manual") -> Case:
    """A country and its region: what both sides knew, and what they hold."""
    names = ("land", "part")
    known, here, there = (
        {name: value for name, value in zip(names, values, strict=True) if value is not UNSET}
        for values in (base, ours, theirs)
    )
    seen = [Observation(side, "1", Snapshot(values), NOON) for side, values in ((OURS, here), (THEIRS, there))]
    return Case(Pair(Link("1", "1", known, known), *seen), (LAND, PART), Policy(conflicts))


LAND, PART = Field("land"), Field("part", follows="land")
CLEARED_THERE = a_place((None, "a"), ("b", "a"), (None, None))
THIRD_REGION = a_place(("US", "AZ"), ("US", "CA"), ("US", "NM"), third)
THIRD_COUNTRY = a_place(("US", "AZ"), ("CA", "AZ"), ("NO", "NM"), third)


@LAWS
@given(cases(), st.sampled_from((as_sent, in_capitals)))
@example(CLEARED_THERE, as_sent)
@example(THIRD_COUNTRY, as_sent)
def test_after_applying_there_is_nothing_left_to_apply(
    case: Case, stored: Callable[[Side, Canonical], Canonical]
) -> None:
    after = applied(case, stored)
    assert after.outcome.changes == ()
    assert after.outcome.conflicts == case.outcome.conflicts, "it waits, as it was, until somebody decides"
    assert {item.field for item in after.outcome.held} == {item.field for item in case.outcome.held}
    assert applied(after, stored) == after or applied(applied(after, stored), stored) == applied(after, stored)


@LAWS
@given(cases())
def test_a_pair_that_was_not_seen_again_needs_nothing_written(case: Case) -> None:
    settled = applied(case)
    rules = [rule for rule in case.rules if case.known(rule.name) and rule.name in settled.pair.link.customcrm_base]
    unseen = merge(Pair(settled.pair.link, None, None), rules, case.policy)
    open_fields = {item.field for item in (*case.outcome.conflicts, *case.outcome.held)}
    assert {change.field for change in unseen.changes} <= open_fields


@LAWS
@given(cases())
def test_swapping_the_sides_mirrors_the_outcome(case: Case) -> None:
    if not has_split_leader(case):
        assert {_typed(item) for item in everything(swapped(case).outcome)} == as_mirrored(case.outcome)


@LAWS
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_rules_does_not_matter(case: Case, random: Any) -> None:
    rules = list(case.rules)
    random.shuffle(rules)
    rules.sort(key=lambda rule: rule.follows is not None)
    other = merge(case.pair, rules, case.policy)
    assert {_typed(item) for item in everything(other)} == {_typed(item) for item in everything(case.outcome)}


# --- nothing is lost ------------------------------------------------------------------------------------------------


@LAWS
@given(cases())
def test_what_is_written_are_fields_of_the_rules_in_their_direction_as_the_side_can_hold_them(case: Case) -> None:
    rules = {rule.name: rule for rule in case.rules}
    for change in case.outcome.changes:
        assert rules[change.field].flows_to(change.side)
        assert change.before == case.value(change.side, change.field)
        assert change.after != change.before
        assert rules[change.field].fit(change.side, change.after) == change.after
    assert {item.field for item in everything(case.outcome)} <= rules.keys()


@LAWS
@given(cases())
def test_a_field_has_one_outcome_unless_a_third_value_settles_it(case: Case) -> None:
    for rule in case.rules:
        found = [item for item in everything(case.outcome) if item.field == rule.name]
        unreadable = [s for s in Side if rule.name in case.pair.current[s].unreadable]
        if unreadable:
            assert found == [Held(rule.name, side, "gibberish") for side in unreadable]
        elif len(found) > 1:
            assert len(found) == 2
            assert case.policy.conflicts is third


@LAWS
@given(cases())
def test_what_is_unknown_on_a_side_is_left_alone(case: Case) -> None:
    for rule in case.rules:
        if not case.known(rule.name):
            found = [item for item in everything(case.outcome) if item.field == rule.name]
            assert all(isinstance(item, Held) for item in found)
            if rule.follows is None and not any(rule.name in case.pair.current[s].unreadable for s in Side):
                assert found == []


@LAWS
@given(cases())
def test_an_edit_on_one_side_reaches_the_other_or_is_held(case: Case) -> None:
    for rule in case.rules:
        name = rule.name
        edited = [side for side in Side if case.edited(side, name)]
        if not case.known(name) or not case.has_base(name) or rule.follows or len(edited) != 1:
            continue
        [outcome] = merge_field(rule, *_sides(case, name), case.policy, {OURS: None, THEIRS: None})
        source, target = edited[0], edited[0].other
        value = case.value(source, name)
        assert not isinstance(outcome, FieldConflict)
        if case.agree(rule):
            assert outcome == Settled(name, case.value(OURS, name), case.value(THEIRS, name))
        elif rule.incomparable(case.value(OURS, name), case.value(THEIRS, name)):
            assert outcome == Held(name, THEIRS, "two currencies")
        elif not rule.flows_to(target):
            assert isinstance(outcome, Settled)
        elif value == REFUSED and target in rule.refusing:
            assert outcome == Held(name, target, "cannot be held")
        else:
            assert outcome == Change(name, target, case.value(target, name), rule.fit(target, value), "edit")


def _sides(case: Case, field: str) -> tuple[dict[Side, Any], dict[Side, Any]]:
    return {s: case.value(s, field) for s in Side}, {s: case.base(s, field) for s in Side}


@LAWS
@given(cases())
def test_what_nobody_edited_stays_as_it_is(case: Case) -> None:
    leaders = {change.field for change in case.outcome.changes}
    for rule in case.rules:
        if case.has_base(rule.name) and not any(case.edited(side, rule.name) for side in Side):
            assert rule.follows in leaders or rule.name not in leaders
            assert rule.name not in {conflict.field for conflict in case.outcome.conflicts}


@LAWS
@given(cases(policy=st.just(Policy(conflicts="manual")), rules=st.builds(lambda rule: (rule,), FREE)))
def test_under_manual_a_field_edited_on_both_sides_waits_and_neither_side_changes(case: Case) -> None:
    [rule] = case.rules
    ours, theirs = case.value(OURS, rule.name), case.value(THEIRS, rule.name)
    both = case.has_base(rule.name) and all(case.edited(side, rule.name) for side in Side)
    without = not case.has_base(rule.name) and None not in (ours, theirs)
    if not case.known(rule.name) or not (both or without) or rule.to != BOTH_WAYS or rule.policy:
        return
    if not case.agree(rule) and not rule.incomparable(ours, theirs):
        assert case.outcome == Merge(conflicts=(FieldConflict(rule.name, ours, theirs, "manual"),))


@LAWS
@given(cases())
def test_a_conflict_is_written_only_by_a_rule_that_is_named(case: Case) -> None:
    """Both edited, two different values, both ways: what was written says which rule decided."""
    for change in case.outcome.changes:
        rule = next(rule for rule in case.rules if rule.name == change.field)
        both = case.has_base(rule.name) and all(case.edited(side, rule.name) for side in Side)
        if both and rule.to == BOTH_WAYS and rule.follows is None:
            assert change.cause in {"newest", "customcrm", "keap", "the host's own rule"}


@LAWS
@given(cases(first_contact=True))
def test_at_first_contact_nothing_is_cleared_and_a_value_beats_an_empty_one(case: Case) -> None:
    for rule in case.rules:
        if rule.follows or not case.known(rule.name):
            continue
        found = [item for item in everything(case.outcome) if item.field == rule.name]
        now = {side: case.value(side, rule.name) for side in Side}
        for change in (item for item in found if isinstance(item, Change)):
            assert change.after is not None
        empty = [side for side in Side if now[side] is None]
        if len(empty) == 1 and not rule.refusing:
            target = empty[0]
            if rule.flows_to(target):
                assert found == [Change(rule.name, target, None, rule.fit(target, now[target.other]), "first contact")]
            else:
                assert found == [Settled(rule.name, now[OURS], now[THEIRS])]


@LAWS
@given(cases(rules=rules_of(followed=True)))
@example(CLEARED_THERE)
@example(THIRD_REGION)
def test_a_follower_is_written_with_its_leader_and_waits_with_it(case: Case) -> None:
    outcome = case.outcome
    for rule in case.rules:
        if rule.follows is None or not case.known(rule.name) or has_split_leader(case):
            continue
        if any(rule.name in case.pair.current[side].unreadable for side in Side):
            continue
        leaders = [item for item in everything(outcome) if item.field == rule.follows]
        mine = tuple(item for item in everything(outcome) if item.field == rule.name)
        match leaders[0] if leaders else None:
            case Change() as leader:
                target = leader.side
                if (
                    leader.cause == "first contact"
                    and rule.name in case.pair.link.base(target)
                    and case.edited(target, rule.name)
                ):
                    continue  # it goes its own way
                value = case.value(target.other, rule.name)
                assert case.value(target, rule.name) == value or mine == (
                    Change(rule.name, target, case.value(target, rule.name), value, leader.cause),
                )
            case Held() | FieldConflict() if not case.agree(rule):
                assert mine == (Held(rule.name, THEIRS, f"waits for {rule.follows}"),)
            case _:
                free = merge_field(rule, *_sides(case, rule.name), case.policy, _times(case.pair))
                assert mine == free


def _times(pair: Pair) -> dict[Side, datetime | None]:
    return {side: pair.updated_at(side) for side in Side}


# --- the table, row by row ------------------------------------------------------------------------------------------


def one(
    ours: Any,
    theirs: Any,
    *,
    base: tuple[Any, Any] = (UNSET, UNSET),
    rule: Field | None = None,
    policy: Policy | None = None,
    times: tuple[datetime | None, datetime | None] = (NOON, NOON + timedelta(hours=1)),
) -> tuple[Any, ...]:
    at = dict(zip((OURS, THEIRS), times, strict=True))
    sides = {OURS: ours, THEIRS: theirs}, {OURS: base[0], THEIRS: base[1]}
    return merge_field(rule or Field("f"), *sides, policy or Policy(), at)


@pytest.mark.parametrize(
    ("ours", "theirs", "options", "expected"),
    [
        ("a", "a", {}, Settled("f", "a", "a")),
        (None, None, {"base": ("a", "a")}, Settled("f", None, None)),
        ("b", "a", {"base": ("a", "a")}, Change("f", THEIRS, "a", "b")),
        ("a", "b", {"base": ("a", "a")}, Change("f", OURS, "a", "b")),
        (None, "a", {"base": ("a", "a")}, Change("f", THEIRS, "a", None)),
        ("a", "b", {"base": ("x", "y")}, Change("f", OURS, "a", "b", "newest")),
        ("a", "b", {"times": (NOON, NOON - timedelta(1))}, Change("f", THEIRS, "b", "a", "newest")),
        ("a", "b", {"base": ("a", UNSET)}, Change("f", OURS, "a", "b", "newest")),
        ("a", None, {}, Change("f", THEIRS, None, "a", "first contact")),
        (None, "a", {"base": ("x", UNSET)}, Change("f", OURS, None, "a", "first contact")),
        ("a", "b", {"policy": Policy(conflicts="manual")}, FieldConflict("f", "a", "b", "manual")),
        ("a", "b", {"policy": Policy(conflicts={"f": "manual", "*": "keap"})}, FieldConflict("f", "a", "b", "manual")),
        ("a", "b", {"rule": Field("f", policy="manual")}, FieldConflict("f", "a", "b", "manual")),
        ("a", "b", {"rule": Field("f", frozenset({THEIRS}), policy="keap")}, Change("f", THEIRS, "b", "a", "edit")),
        ("a", "b", {"rule": Field("f", frozenset({OURS})), "base": ("x", "x")}, Change("f", OURS, "a", "b", "edit")),
        ("a", "b", {"rule": Field("f", frozenset({OURS})), "base": ("x", "b")}, Settled("f", "a", "b")),
        ("abcdefgh", "abcd", {"rule": Field("f", limits={THEIRS: 4})}, Settled("f", "abcdefgh", "abcd")),
        ("abcd", "abcdefgh", {"rule": Field("f", limits={OURS: 4})}, Settled("f", "abcd", "abcdefgh")),
        ("x", REFUSED, {"rule": Field("f", refusing=frozenset({OURS}))}, Held("f", OURS, "cannot be held")),
        ("U1", "E1", {"rule": Field("f", currencies=True)}, Held("f", THEIRS, "two currencies")),
        (None, "a", {"rule": Field("f", keeps=True), "base": ("a", "a")}, Settled("f", None, "a")),
        ("a", None, {"rule": Field("f", keeps=True), "base": ("a", "a")}, Settled("f", "a", None)),
        ("b", "a", {"rule": Field("f", keeps=True), "base": ("a", "a")}, Change("f", THEIRS, "a", "b")),
        ("abcdefgh", "abcd", {"policy": Policy(conflicts=third)}, None),
    ],
)
def test_the_decision_table(ours: Any, theirs: Any, options: dict[str, Any], expected: Any) -> None:
    if expected is None:
        cause = "the host's own rule"
        assert one(ours, theirs, **options) == (
            Change("f", OURS, ours, "athird", cause),
            Change("f", THEIRS, theirs, "athird", cause),
        )
    else:
        assert one(ours, theirs, **options) == (expected,)


def test_a_known_difference_is_no_edit() -> None:
    assert one("Ada", "ADA", base=("Ada", "ADA")) == ()


def test_what_is_written_may_be_what_the_side_holds_already() -> None:
    """The winner, cut to what the other side can hold, is what that one has."""
    rule = Field("f", limits={OURS: 1})
    settled = one("a", "axe", rule=rule, base=("a", "b"))
    assert settled == (Settled("f", "a", "axe"),)
    short = Policy(conflicts=lambda _: Value("ab"))
    assert one("ab", "z", policy=short) == (Change("f", THEIRS, "z", "ab", "the host's own rule"),)


def test_an_outcome_is_settled_when_nothing_is_to_be_done_or_decided() -> None:
    assert Merge(settled=(Settled("f", 1, 1),)).is_settled
    assert not Merge(changes=(Change("f", OURS, 1, 2),)).is_settled
    assert not Merge(conflicts=(FieldConflict("f", 1, 2),)).is_settled
    assert not Merge(held=(Held("f", OURS, "why"),)).is_settled


def together(ours: Mapping[str, Any], theirs: Mapping[str, Any], rules: Iterable[Field], policy: Policy) -> Merge:
    seen = [Observation(s, "1", Snapshot(v), NOON) for s, v in ((OURS, ours), (THEIRS, theirs))]
    return merge(Pair(Link("1", "1", {"land": "US", "part": "AZ"}, {"land": "US", "part": "AZ"}), *seen), rules, policy)


def test_a_follower_comes_from_the_side_of_its_leader() -> None:
    here, there = {"land": "CA", "part": "CA-ON"}, {"land": "US", "part": "AZ"}
    assert together(here, there, (LAND, PART), Policy()).changes == (
        Change("land", THEIRS, "US", "CA"),
        Change("part", THEIRS, "AZ", "CA-ON"),
    )
    assert together(there, here, (LAND, PART), Policy()).changes == (
        Change("land", OURS, "US", "CA"),
        Change("part", OURS, "AZ", "CA-ON"),
    )


def test_a_follower_waits_for_its_leader_unless_both_sides_agree() -> None:
    ours, theirs = {"land": "CA", "part": "CA-ON"}, {"land": "NO", "part": "AZ"}
    found = together(ours, theirs, (LAND, PART), Policy(conflicts="manual"))
    assert found.conflicts == (FieldConflict("land", "CA", "NO", "manual"),)
    assert found.held == (Held("part", THEIRS, "waits for land"),)
    for half in (None, "CA-ON"), ("AZ", None):
        found = together(
            {**ours, "part": half[0]}, {**theirs, "part": half[1]}, (LAND, PART), Policy(conflicts="manual")
        )
        assert found.held == (Held("part", THEIRS, "waits for land"),)
    same = together({**ours, "part": None}, {**theirs, "part": None}, (LAND, PART), Policy(conflicts="manual"))
    assert (same.held, same.settled) == ((), (Settled("part", None, None),))


def test_everything_that_cannot_be_understood_is_held() -> None:
    broken = Observation(OURS, "1", Snapshot({}, {"land": "gibberish", "part": "a region without a country"}))
    found = merge(Pair(Link("1", "1"), broken, None), (LAND, PART), Policy())
    assert found == Merge(held=(Held("land", OURS, "gibberish"), Held("part", OURS, "a region without a country")))


@pytest.mark.parametrize("winner", Side)
def test_the_newest_of_two_records_wins(winner: Side) -> None:
    at = {winner: NOON + timedelta(hours=1), winner.other: NOON}
    seen = [Observation(side, "1", Snapshot({"land": side.value}), at[side]) for side in Side]
    found = merge(Pair(Link("1", "1"), *seen), (LAND,), Policy())
    assert found.changes == (Change("land", winner.other, winner.other.value, winner.value, "newest"),)


def test_a_follower_is_cleared_with_its_leader() -> None:
    found = together({"land": "NO", "part": None}, {"land": "US", "part": "AZ"}, (LAND, PART), Policy())
    assert found.changes == (Change("land", THEIRS, "US", "NO"), Change("part", THEIRS, "AZ", None))


def test_a_follower_never_flows_against_its_own_direction() -> None:
    part = attrs.evolve(PART, to=frozenset({THEIRS}))
    found = together({"land": "US", "part": "AZ"}, {"land": "CA", "part": "CA-ON"}, (LAND, part), Policy())
    assert [change for change in found.changes if not (LAND, part)[change.field == "part"].flows_to(change.side)] == []


def test_an_edit_of_a_follower_on_the_other_side_is_not_silently_overwritten() -> None:
    """The country was changed here, the region there: they belong together, so somebody must decide about both."""
    ours, theirs = {"land": "CA", "part": "AZ"}, {"land": "US", "part": "NM"}
    found = together(ours, theirs, (LAND, PART), Policy(conflicts="manual"))
    assert found.changes == ()
    assert found.conflicts == (FieldConflict("land", "CA", "US", "part was edited on the other side; manual"),)
    assert found.held == (Held("part", THEIRS, "waits for land"),)


@pytest.mark.parametrize("winner", Side)
def test_who_wins_a_followed_field_wins_its_follower(winner: Side) -> None:
    ours, theirs = {"land": "CA", "part": "AZ"}, {"land": "US", "part": "NM"}
    found = together(ours, theirs, (LAND, PART), Policy(conflicts={"land": winner.value, "*": "manual"}))
    values = {OURS: ours, THEIRS: theirs}
    assert found == Merge(
        tuple(
            Change(name, winner.other, values[winner.other][name], values[winner][name], winner.value)
            for name in ("land", "part")
        )
    )


def test_what_is_decided_for_both_sides_is_written_to_both_or_to_neither() -> None:
    """One side that took the new value, and one that cannot, would look settled the next time."""
    rule = Field("f", refusing=frozenset({THEIRS}))
    policy = Policy(conflicts=lambda _: Value(REFUSED))
    assert one("a", "b", rule=rule, policy=policy) == (Held("f", THEIRS, "cannot be held"),)


def test_a_follower_of_a_leader_with_a_third_value_favours_no_side() -> None:
    policy = Policy(conflicts=lambda _: Value("NO"))
    case = Case(
        Pair(
            Link("1", "1"),
            Observation(OURS, "1", Snapshot({"land": "US", "part": "AZ"})),
            Observation(THEIRS, "1", Snapshot({"land": "CA", "part": "ON"})),
        ),
        (LAND, PART),
        policy,
    )
    assert {_typed(item) for item in everything(swapped(case).outcome)} == as_mirrored(case.outcome)


@pytest.mark.parametrize("side", Side)
def test_what_is_settled_is_told_by_side_and_shows_what_one_holds(side: Side) -> None:
    settled = Settled("f", "ours", "theirs")
    assert (settled.of(OURS), settled.of(THEIRS)) == ("ours", "theirs")
    new = settled.showing(side, "new")
    assert (new.field, new.of(side), new.of(side.other)) == ("f", "new", settled.of(side.other))
