"""The laws of whole plans: two systems with one past, perturbed on both sides, and what is planned for all of it.

The merge and the match have laws of their own; here they meet lists in pages, ids, the store and deletions.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from laws import examples
from two_systems import CONTEXT, CUSTOMCRM, DAY, KEAP, TwoSystems, policy_without_brakes

import keapbridge as kb
from keapbridge.mapping.writing import new_record
from keapbridge.model.actions import Action, Adopt, Conflict, Create, Delete, Skip, Unlink, Update

LAWS = examples(4, HealthCheck.filter_too_much, phases=(Phase.explicit, Phase.generate))
MAPPER = kb.mapping.contacts.only("FirstName", "LastName", "Email", "City", "JobTitle")
MAPPERS = {"companies": kb.mapping.companies, "products": kb.mapping.products, "contacts": MAPPER}
FIELDS = {"City": ("Oslo", "Turku", None), "JobTitle": ("Clerk", "Chief", None), "LastName": ("Old", "New", None)}
SIDES = (CUSTOMCRM, KEAP)
TITLES = {"Keap": "Customcrm", "Customcrm": "Keap", "keap": "customcrm", "customcrm": "keap"}

EDITS = st.fixed_dictionaries({}, optional={field: st.sampled_from(pool) for field, pool in FIELDS.items()})


@attrs.frozen
class Person:
    """What a person was when both sides were synced (or, without a past, is now), and what was done since.

    Attributes:
        past: where the person was before the first sync; nowhere: it came afterwards.
        now: where it came afterwards.
        edits: what was typed since, by side.
        gone: where it was deleted.
    """

    base: Mapping[str, Any]
    past: frozenset[kb.Side]
    now: frozenset[kb.Side]
    edits: Mapping[kb.Side, Mapping[str, Any]]
    gone: frozenset[kb.Side]


SOME_SIDES = st.frozensets(st.sampled_from(SIDES), max_size=2)
PEOPLE = st.lists(
    st.builds(
        Person,
        base=st.fixed_dictionaries({field: st.sampled_from(pool) for field, pool in FIELDS.items()}),
        past=SOME_SIDES,
        now=SOME_SIDES,
        edits=st.fixed_dictionaries(dict.fromkeys(SIDES, EDITS)),
        gone=SOME_SIDES.filter(lambda sides: len(sides) < 2),
    ),
    min_size=1,
    max_size=6,
)
POLICIES = st.fixed_dictionaries(
    {
        "conflicts": st.sampled_from(("newest", "customcrm", "keap", "manual", {"City": "keap", "*": "manual"})),
        "deletions": st.sampled_from(("unlink", "delete", "ignore", {"keap": "delete", "customcrm": "unlink"})),
    }
)


@attrs.frozen
class Case:
    people: list[Person]
    choices: Mapping[str, Any]

    @property
    def mirrored(self) -> Case:
        return Case([_mirrored_person(person) for person in self.people], _mirrored_choices(self.choices))


CASES = st.builds(Case, PEOPLE, POLICIES)


def _mirrored_person(person: Person) -> Person:
    sides = {name: frozenset(s.other for s in getattr(person, name)) for name in ("past", "now", "gone")}
    return attrs.evolve(person, **sides, edits={side.other: edits for side, edits in person.edits.items()})


def _mirrored_choices(choices: Any) -> Any:
    if isinstance(choices, Mapping):
        return {TITLES.get(key, key): _mirrored_choices(value) for key, value in choices.items()}
    return TITLES.get(choices, choices)


class World(TwoSystems):
    """Two systems in which the people of a case live, each with the same name on both sides."""

    def __init__(self, case: Case, *, page_size: int = 2, ids: int = 0, mirrored: bool = False) -> None:
        super().__init__()
        self.policy = policy_without_brakes(**case.choices)
        self.keap.contacts.limits.clear()
        self.keap.contacts.refused.clear()
        for system in (self.crm, self.keap):
            system.page_size = page_size
            numbers = list(range(1, 99))
            random.Random(ids).shuffle(numbers)
            system.contacts._numbers = iter(numbers)
        # Of two sides, one is a moment earlier: that, too, is mirrored.
        self.order = SIDES[::-1] if mirrored else SIDES
        self._arrive(case, "past")
        assert self.sync().ok
        self.clock.pass_by(DAY)
        self._arrive(case, "now")
        for n, person in enumerate(case.people):
            for side in self.order:
                id = self.id_of(side, n)
                if id is not None and side in person.gone:
                    self.keap.contacts.delete(id) if side is KEAP else self.crm.contacts.delete(id)
                elif id is not None:
                    for field, value in person.edits[side].items():
                        self._type_in("contacts", side, id, field, value)
        self.clock.pass_by(DAY)

    def _arrive(self, case: Case, when: str) -> None:
        for n, person in enumerate(case.people):
            for side in self.order:
                if side in getattr(person, when) and self.id_of(side, n) is None:
                    values = {"FirstName": f"P{n}", "Email": f"p{n}@example.org", **person.base}
                    known = {field: value for field, value in values.items() if value is not None}
                    self._own("contacts", side, new_record(MAPPER, side, known, CONTEXT))

    def id_of(self, side: kb.Side, n: int) -> str | None:
        table = self.table("contacts", side)
        found = [id for id in table if self.held(side, id)["FirstName"] == f"P{n}"]
        return found[0] if found else None

    def held(self, side: kb.Side, id: str) -> dict[str, Any]:
        values, _ = MAPPER.read(side, self.table("contacts", side)[id], CONTEXT)
        return dict(values)

    def contacts(self) -> Any:
        return self.session(mappers=MAPPERS).contacts

    def sync(self) -> kb.Report:
        report: kb.Report = self.contacts().sync(full=True)
        return report

    def plan(self) -> kb.Plan:
        plan: kb.Plan = self.contacts().plan(full=True)
        return plan

    def everybody(self) -> dict[tuple[kb.Side, str], dict[str, Any]]:
        return {(side, id): self.held(side, id) for side in SIDES for id in self.table("contacts", side)}


@contextmanager
def world(case: Case, **options: Any) -> Iterator[World]:
    made = World(case, **options)
    try:
        yield made
    finally:
        made.engine.dispose()


class Names(dict[tuple[kb.Side, str], str]):
    """Who a record is, whatever its id; of one that was deleted, whose counterpart it was."""

    def __init__(self, two: World) -> None:
        super().__init__({name: held["FirstName"] for name, held in two.everybody().items()})
        for _, ours, theirs in two.links():
            known = self.get((CUSTOMCRM, ours)) or self.get((KEAP, theirs)) or "nobody"
            self.setdefault((CUSTOMCRM, ours), known)
            self.setdefault((KEAP, theirs), known)


def facts(plan: kb.Plan, names: Names, *, mirrored: bool = False) -> set[tuple[Any, ...]]:
    """What a plan says, without ids and without an order; or what it would say with the sides exchanged."""

    def side(which: kb.Side) -> str:
        return (which.other if mirrored else which).value

    def words(text: str) -> str:
        return re.sub(r"\w+", lambda word: TITLES.get(word[0], word[0]), text) if mirrored else text

    def of(action: Action) -> tuple[Any, ...]:
        match action:
            case Create():
                who = names[action.side.other, action.source_id]
                return (who, side(action.side), tuple(sorted(action.values.items())), len(action.held))
            case Update() | Adopt():
                changes = {(c.field, side(c.side), c.before, c.after, words(c.cause)) for c in action.changes}
                return (names[CUSTOMCRM, action.customcrm_id], names[KEAP, action.keap_id], frozenset(changes))
            case Delete():
                return (names[action.side, action.id], side(action.side), action.archive)
            case Unlink():
                return (names[CUSTOMCRM, action.customcrm_id], side(action.gone), words(action.reason))
            case Conflict():
                c = action.conflict
                both = (c.keap, c.customcrm) if mirrored else (c.customcrm, c.keap)
                return (names[CUSTOMCRM, action.customcrm_id], c.field, both, words(c.reason))
            case Skip():
                # A pair that waits because of both sides is told of once.
                return (names[action.side, action.id], action.field, words(action.reason))

    return {(type(action).__name__, *of(action)) for action in plan.actions}


@LAWS
@given(CASES)
def test_swapping_the_sides_mirrors_the_plan(case: Case) -> None:
    with world(case) as here, world(case.mirrored, mirrored=True) as there:
        assert facts(there.plan(), Names(there), mirrored=True) == facts(here.plan(), Names(here))


@LAWS
@given(CASES, st.integers(1, 7), st.integers(1, 1000))
def test_the_order_of_records_and_pages_does_not_matter(case: Case, page_size: int, ids: int) -> None:
    with world(case) as one, world(case, page_size=page_size, ids=ids) as other:
        assert facts(other.plan(), Names(other)) == facts(one.plan(), Names(one))


@LAWS
@given(CASES)
def test_after_applying_the_next_plan_is_empty_and_nobody_is_there_twice(case: Case) -> None:
    with world(case) as two:
        plan = two.plan()
        waits = {fact for fact in facts(plan, Names(two)) if fact[0] == "Conflict"}
        assert two.contacts().plan(full=True).counts == plan.counts
        assert two.session(mappers=MAPPERS).apply(plan).ok
        two.clock.pass_by(DAY)
        again = two.plan()
        assert again.is_empty, "\n".join(map(str, again.actions))
        assert {fact for fact in facts(again, Names(two)) if fact[0] == "Conflict"} == waits
        for side in SIDES:
            names = [held["FirstName"] for (where, _), held in two.everybody().items() if where is side]
            assert len(names) == len(set(names))


@LAWS
@given(CASES, st.sets(st.integers(0, 5)), st.sampled_from(SIDES))
def test_nothing_is_removed_because_a_list_does_not_show_it(case: Case, hidden: set[int], side: kb.Side) -> None:
    with world(case) as two:
        linked = {(CUSTOMCRM, ours) for _, ours, _ in two.links()} | {(KEAP, theirs) for *_, theirs in two.links()}
        numbers = {id: n for n in hidden if (id := two.id_of(side, n)) and (side, id) in linked}
        unseen = set(numbers)
        _hide(two.table("contacts", side), unseen)
        plan = two.plan()
        there = two.everybody().keys()
        for action in plan.actions:
            if isinstance(action, Delete):
                assert (action.side.other, action.partner_id) not in there
            elif isinstance(action, Unlink):
                gone = action.customcrm_id if action.gone is CUSTOMCRM else action.keap_id
                assert (action.gone, gone) not in there
            elif isinstance(action, Create):
                assert (action.side.other, action.source_id) not in linked
        assert two.session(mappers=MAPPERS).apply(plan).ok
        assert all((side, id) in two.everybody() for id, n in numbers.items() if two.id_of(side.other, n))


def _hide(table: Any, ids: set[str]) -> None:
    """Lists do not show these records, and everything else does."""
    page = table.page

    def without(state: Any, wanted: Any, after: Any) -> Any:
        return page(
            state, lambda s: [(p, item) for p, item in wanted(s) if getattr(item, "id", None) not in ids], after
        )

    table.page = without


@LAWS
@given(CASES)
def test_no_write_leaves_its_mask(case: Case) -> None:
    with world(case) as two:
        plan = two.plan()
        before = two.everybody()
        mine = {name: two._unmapped("contacts", *name) for name in before}
        allowed: dict[tuple[kb.Side, str], set[str]] = {}
        for action in plan.actions:
            for change in getattr(action, "changes", ()):
                id = action.customcrm_id if change.side is CUSTOMCRM else action.keap_id  # type: ignore[union-attr]
                allowed.setdefault((change.side, id), set()).add(change.field)
        assert two.session(mappers=MAPPERS).apply(plan).ok
        for name, held in two.everybody().items():
            if name in before:
                changed = {field for field, value in held.items() if value != before[name][field]}
                assert changed == allowed.get(name, set())
                assert two._unmapped("contacts", *name) == mine[name]
