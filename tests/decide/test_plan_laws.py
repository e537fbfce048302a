"""Plans, brakes and policies: what is shown, counted, kept and stopped. Pure and quick."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from laws import examples

from keapbridge._flow.drivers import SyncDriver
from keapbridge.decide import brakes
from keapbridge.decide.policy import Contest, Decision, Policy, Value, decide
from keapbridge.errors import MappingError
from keapbridge.model.accepted import BRAKES, Accepted
from keapbridge.model.actions import (
    HELD,
    Action,
    Adopt,
    Conflict,
    Create,
    Delete,
    Skip,
    Unlink,
    Update,
    describe,
    headings,
    kind_of,
)
from keapbridge.model.change import Change, FieldConflict, Held
from keapbridge.model.estimate import Estimate, estimate
from keapbridge.model.plan import LOOKED_AT, Plan
from keapbridge.model.plan_display import SHOWN
from keapbridge.model.plan_rows import flat_action, row_of_action
from keapbridge.model.raw import RawChange
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore, open_store

LAWS = examples(100, HealthCheck.function_scoped_fixture)
OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)

# --- any action -----------------------------------------------------------------------------------------------------

SIDES = st.sampled_from(Side)
IDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6)
FIELDS = st.sampled_from(("FirstName", "Email", "Price", "Active", "*"))
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=8), st.just("1"))
OBJECTS = st.sampled_from(("contacts", "companies", "products"))
CHANGES = st.builds(Change, FIELDS, SIDES, VALUES, VALUES, st.sampled_from(("edit", "newest")))
HELDS = st.lists(st.builds(Held, FIELDS, SIDES, IDS), max_size=3).map(tuple)
SOME = st.lists(CHANGES, max_size=3).map(tuple)
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.builds(Create, OBJECTS, SIDES, IDS, st.dictionaries(FIELDS, VALUES), HELDS),
    st.builds(Update, OBJECTS, IDS, IDS, SOME, HELDS),
    st.builds(Adopt, OBJECTS, IDS, IDS, IDS, SOME, HELDS, st.none() | IDS),
    st.builds(Delete, OBJECTS, SIDES, IDS, IDS, st.booleans()),
    st.builds(Unlink, OBJECTS, IDS, IDS, SIDES, IDS),
    st.builds(Conflict, OBJECTS, IDS, IDS, st.builds(FieldConflict, FIELDS, VALUES, VALUES, st.just("") | IDS)),
    st.builds(
        Skip, OBJECTS, SIDES, IDS, IDS, st.lists(st.tuples(SIDES, IDS), max_size=2).map(tuple), st.none() | FIELDS
    ),
)


@pytest.fixture(scope="module")
def store() -> Iterator[LinkStore]:
    opened = open_store("sqlite://", "laws")
    yield opened
    opened.close()


_numbers = iter(range(10**6))


@LAWS
@given(actions=st.lists(ACTIONS, max_size=5))
def test_actions_survive_the_store(store: LinkStore, actions: list[Action]) -> None:
    plan_id = f"p{next(_numbers)}"
    run, plans = SyncDriver().run, store.plans
    run(plans.begin(plan_id, NOON, ("contacts", "companies", "products")))
    run(plans.add_actions(plan_id, 0, actions))
    plan = run(plans.finish(plan_id, {"contacts": {"link": 1}}, {"contacts": 2}, {}, {"contacts": {"links": 3}}))
    assert list(map(_typed, plan.actions)) == list(map(_typed, actions))
    assert list(map(_typed, plan.actions)) == list(map(_typed, actions))  # as often as one likes
    assert plan.counts == {"contacts": {"link": 1}}
    assert (plan.unchanged, plan.totals, plan.created_at) == ({"contacts": 2}, {"contacts": {"links": 3}}, NOON)


def _typed(action: Action) -> tuple[type, str]:
    """`True == 1` must not hide a difference."""
    return type(action), repr(attrs.astuple(action))


@LAWS
@given(ACTIONS)
def test_an_action_is_one_line_that_says_what_it_is_about(action: Action) -> None:
    assert str(action) == describe(action)
    assert action.object in str(action)
    assert str(action).startswith(
        {Create: "create", Update: "update", Adopt: "link", Unlink: "unlink", Conflict: "conflict in"}.get(
            type(action),
            ("skip ", "hold ", "delete in ", "archive in "),
        )
    )


@LAWS
@given(ACTIONS)
def test_the_headings_count_each_side_once_and_each_field_left_out(action: Action) -> None:
    found = headings(action)
    held = getattr(action, "held", ())
    skipped = isinstance(action, Skip) and action.field is not None
    assert found.count(HELD) == len(held) + skipped
    for side in Side:
        touched = any(change.side is side for change in getattr(action, "changes", ()))
        assert found.count(f"update in {side.title}") == touched


SECRET = "s3cret"


@pytest.mark.parametrize("side", Side)
def test_a_create_shows_names_of_fields_and_no_values(side: Side) -> None:
    action = Create("contacts", side, "A1", {"FirstName": SECRET, "Email": SECRET}, (Held("Phone", side, "bad"),))
    assert str(action) == f"create in {side.title}: contacts A1 (FirstName, Email) [left out: Phone: bad]"


LINK = ("contacts", "A1", "7")
CHANGED = (Change("City", THEIRS, None, "Oslo"), Change("Email", OURS, "a", "b", "newest"))
DESCRIBED: list[tuple[Action, str, tuple[str, ...]]] = [
    (
        Create("contacts", THEIRS, "A1", {"City": "x"}),
        "create in Keap: contacts A1 (City)",
        ("create in Keap",),
    ),
    (
        Create("contacts", THEIRS, "A1", {"City": "x"}, changes=CHANGED[1:]),
        "create in Keap: contacts A1 (City); Email in Customcrm: 'a' → 'b' (newest)",
        ("create in Keap", "update in Customcrm"),
    ),
    (
        Update(*LINK, CHANGED),
        "update contacts A1 ↔ 7: City in Keap: None → 'Oslo'; Email in Customcrm: 'a' → 'b' (newest)",
        ("update in Customcrm", "update in Keap"),
    ),
    (
        Update(*LINK, CHANGED[:1], (Held("Fax", THEIRS, "why"), Held("Url", THEIRS, "so"))),
        "update contacts A1 ↔ 7: City in Keap: None → 'Oslo' [left out: Fax: why; Url: so]",
        ("update in Keap", HELD, HELD),
    ),
    (Adopt(*LINK, "Email"), "link contacts A1 ↔ 7 (same Email)", ("link",)),
    (
        Adopt(*LINK, "Email", CHANGED[:1], (Held("Fax", THEIRS, "why"),)),
        "link contacts A1 ↔ 7 (same Email): City in Keap: None → 'Oslo' [left out: Fax: why]",
        ("link", "update in Keap", HELD),
    ),
    (Adopt(*LINK, "merged", replaces="6"), "link contacts A1 ↔ 7 (merged)", ("link",)),
    (Delete("contacts", THEIRS, "7", "A1"), "delete in Keap: contacts 7", ("delete in Keap",)),
    (Delete("contacts", OURS, "A1", "7", archive=True), "archive in Customcrm: contacts A1", ("archive in Customcrm",)),
    (Unlink(*LINK, OURS, "gone"), "unlink contacts A1 ↔ 7: gone", ("unlink",)),
    (
        Conflict(*LINK, FieldConflict("City", "Oslo", None, "manual")),
        "conflict in contacts A1 ↔ 7: City is 'Oslo' in Customcrm, None in Keap",
        ("conflict",),
    ),
    (
        Conflict(*LINK, FieldConflict("City", None, "Oslo", "manual")),
        "conflict in contacts A1 ↔ 7: City is None in Customcrm, 'Oslo' in Keap",
        ("conflict",),
    ),
    (
        Conflict(*LINK, FieldConflict("*", None, None, "deleted here, edited there")),
        "conflict in contacts A1 ↔ 7: deleted here, edited there",
        ("conflict",),
    ),
    (
        Conflict(*LINK, FieldConflict("City", None, None)),
        "conflict in contacts A1 ↔ 7: City is None in Customcrm, None in Keap",
        ("conflict",),
    ),
    (Skip("contacts", OURS, "A1", "why"), "skip Customcrm contacts A1: why", ("skip",)),
    (
        Skip("contacts", THEIRS, "7", "could be two", ((OURS, "A1"), (OURS, "A2"))),
        "skip Keap contacts 7: could be two (Customcrm A1, Customcrm A2)",
        ("skip",),
    ),
    (Skip("contacts", OURS, "A1", "why", (), "Fax"), "hold Fax of Customcrm contacts A1: why", (HELD,)),
]


@pytest.mark.parametrize(("action", "line", "counted"), DESCRIBED)
def test_what_an_action_says_and_counts_as(action: Action, line: str, counted: tuple[str, ...]) -> None:
    assert str(action) == line
    assert headings(action) == counted


# --- plans ----------------------------------------------------------------------------------------------------------


def plan(
    counts: Mapping[str, int] | None = None,
    *,
    links: int = 0,
    ours: int = 0,
    theirs: int = 0,
    actions: tuple[Action, ...] = (),
) -> Plan:
    totals = {"contacts": {"links": links, "customcrm": ours, "keap": theirs}}
    found = {"contacts": counts or {}}
    return Plan("p<1>", NOON, ("contacts",), found, {"contacts": 4}, totals, "sync", lambda: enumerate(actions))


def test_a_plan_shows_its_counts_and_nothing_of_its_records() -> None:
    shown = plan({"update in Keap": 2, "create in Keap": 1}, actions=(Update(*LINK, CHANGED),))
    assert str(shown).splitlines() == [
        "Plan p<1>: about 0 calls to Customcrm and 4 to Keap",
        "  contacts   create in Keap               1",
        "  contacts   update in Keap               2",
        "  contacts   unchanged                    4",
    ]
    assert "Oslo" not in repr(shown)


def test_a_plan_tells_which_fields_a_brake_holds_and_of_no_others() -> None:
    braked = Skip("contacts", THEIRS, "*", "30 of 40 would be emptied", field="City", accept="emptied:City")
    held = Skip("contacts", OURS, "*", "no record shows it", field="Fax")
    shown = attrs.evolve(plan({"update in Keap": 1}), findings=(held, braked))
    assert str(shown).splitlines()[-1] == "  contacts   City is not written to Keap: 30 of 40 would be emptied"
    assert "Fax" not in str(shown)
    assert str(attrs.evolve(shown, findings=(held,))) == str(plan({"update in Keap": 1}))


@pytest.mark.parametrize("heading", ["conflict", "skip", HELD])
def test_a_plan_that_writes_nothing_says_so(heading: str) -> None:
    assert plan({heading: 3}).is_empty
    assert str(plan({heading: 3})).startswith("Plan p<1>: nothing to write\n")
    assert not plan({heading: 3, "link": 1}).is_empty
    assert plan({"link": 0}).is_empty


@pytest.mark.parametrize(("action", "counted"), [(action, counted) for action, _, counted in DESCRIBED])
def test_a_plan_is_empty_when_no_action_writes(action: Action, counted: tuple[str, ...]) -> None:
    assert plan(dict.fromkeys(counted, 1)).is_empty == isinstance(action, (Conflict, Skip))


def test_a_plan_for_a_synchronization_without_counts_shows_it_as_unchanged() -> None:
    bare = Plan("p", NOON, ("contacts", "companies"), {}, {"companies": 2}, {}, "sync", lambda: iter(()))
    assert str(bare).splitlines()[1:] == [
        f"  {name:<10} {'unchanged':<22} {n:>7}" for name, n in (("contacts", 0), ("companies", 2))
    ]


def test_the_html_of_a_plan_is_escaped_and_short() -> None:
    many = tuple(Skip("contacts", OURS, f"<{n}>", "&") for n in range(1000))
    html = plan({"skip": 1000, "a & b": 1}, actions=(*many, Update(*LINK, CHANGED)))._repr_html_()
    assert "<h4>Plan p&lt;1&gt;</h4>" in html
    assert "about 0 calls to Customcrm and 0 to Keap" in html
    assert "1 a &amp; b, 1,000 skip" in html
    assert "4\u00a0unchanged" in html
    assert "records that do not take part: the first 15" in html
    assert html.count("&lt;") == 1 + 15
    assert len(html) < 10_000
    assert "nothing to write" in plan({"skip": 1})._repr_html_()


def test_the_html_of_a_plan_reads_no_more_actions_than_it_shows() -> None:
    asked: list[int] = []

    def some(number: int) -> list[tuple[int, Action]]:
        asked.append(number)
        return [(0, Update(*LINK, CHANGED))]

    html = attrs.evolve(plan({"update in Keap": 1}), some=some)._repr_html_()
    assert asked == [SHOWN]
    assert "records that are changed: 1" in html
    read: list[int] = []

    def load() -> Iterator[tuple[int, Action]]:
        for number in range(LOOKED_AT + 10):
            read.append(number)
            yield number, Skip("contacts", OURS, str(number), "why")

    attrs.evolve(plan({"skip": LOOKED_AT + 10}), load=load)._repr_html_()
    assert len(read) == LOOKED_AT


def test_the_html_of_a_plan_shows_what_changes() -> None:
    html = plan({"update in Keap": 1}, actions=(Update(*LINK, CHANGED),))._repr_html_()
    assert "records that are changed: 1" in html
    assert "<td>City in Keap</td><td><del>–</del></td><td><ins>Oslo</ins></td>" in html


def test_the_actions_of_a_plan_can_be_read_again() -> None:
    twice = plan(actions=(Adopt(*LINK, "Email"),))
    assert list(twice.actions) == list(twice.actions) == [Adopt(*LINK, "Email")]


def test_plans_are_equal_by_what_they_will_do() -> None:
    assert plan({"link": 1}) == plan({"link": 1})
    assert plan({"link": 1}) != plan({"link": 2})


def exceeded(plan: Plan, policy: Policy, *released: str) -> list[str]:
    """The reasons of the brakes that are not released."""
    return [found.reason for found in brakes.exceeded(plan, policy, Accepted(brakes=frozenset(released)))]


# --- brakes ---------------------------------------------------------------------------------------------------------

OPEN: dict[str, Any] = {"max_deletes": None, "max_delete_share": None, "max_first_create_share": None}
LIMITS: list[tuple[dict[str, Any], str, int, int, str]] = [
    # setting, heading, how many are allowed, linked records, the reason for one more
    ({"max_deletes": 3}, "delete in Keap", 3, 100, "4 records would be deleted or unlinked; max_deletes is 3"),
    ({"max_deletes": 0}, "unlink", 0, 100, "1 records would be deleted or unlinked; max_deletes is 0"),
    ({"max_deletes": 1}, "archive in Keap", 1, 100, "2 records would be deleted or unlinked; max_deletes is 1"),
    ({"max_creates": 2}, "create in Customcrm", 2, 100, "3 records would be created; max_creates is 2"),
    ({"max_creates": 0}, "create in Keap", 0, 100, "1 records would be created; max_creates is 0"),
    (
        {"max_delete_share": 0.05},
        "delete in Customcrm",
        1,
        20,
        "2 of 20 linked contacts would be deleted or unlinked; max_delete_share is 0.05",
    ),
    (
        {"max_updates_share": 0.5},
        "update in Keap",
        10,
        20,
        "11 of 20 linked contacts would be changed; max_updates_share is 0.5",
    ),
]


@pytest.mark.parametrize(("setting", "heading", "allowed", "links", "reason"), LIMITS)
def test_a_brake_holds_at_one_more_than_its_limit(
    setting: dict[str, Any], heading: str, allowed: int, links: int, reason: str
) -> None:
    policy = Policy(**{**OPEN, **setting})
    assert exceeded(plan({heading: allowed}, links=links), policy) == []
    assert exceeded(plan({heading: allowed + 1}, links=links), policy) == [reason]
    assert exceeded(plan({heading: 10**6}, links=links), Policy(**OPEN)) == []
    name = next(name for name, bound in BRAKES.items() if bound in setting)
    assert exceeded(plan({heading: allowed + 1}, links=links), policy, name) == []
    assert exceeded(plan({heading: allowed + 1}, links=links), policy, *(BRAKES.keys() - {name})) == [reason]


@pytest.mark.parametrize("setting", ["max_delete_share", "max_updates_share"])
def test_a_share_says_nothing_of_a_few_linked_records(setting: str) -> None:
    heading = "delete in Keap" if "delete" in setting else "update in Keap"
    policy = Policy(**{**OPEN, setting: 0.0})
    assert exceeded(plan({heading: 19}, links=19), policy) == []
    assert len(exceeded(plan({heading: 1}, links=20), policy)) == 1
    assert exceeded(plan({heading: 1}), policy) == []


@pytest.mark.parametrize("side", Side)
def test_the_first_contact_is_judged_by_the_smaller_side(side: Side) -> None:
    def first(created: int, linked: int, here: int, there: int, links: int = 0) -> list[str]:
        sizes = (here, there) if side is OURS else (there, here)
        counts = {f"create in {side.title}": created, "link": linked}
        return exceeded(plan(counts, ours=sizes[0], theirs=sizes[1], links=links), Policy(max_first_create_share=0.8))

    assert first(440, 60, 60, 500) == []  # all of the smaller side match
    assert first(490, 10, 50, 500) == []
    reason = (
        f"41 of 50 contacts of {side.title} have no counterpart among 500 of {side.other.title}: "
        "do the match keys fit? max_first_create_share is 0.8"
    )
    assert first(491, 9, 50, 500) == [reason]
    assert first(500, 0, 49, 500) == []
    assert first(50_000, 0, 3, 50_000) == []
    assert first(500, 0, 0, 500) == []
    assert first(0, 0, 50, 500) == []
    assert first(500, 0, 50, 500, links=1) == []
    assert exceeded(plan({f"create in {side.title}": 50}, ours=50, theirs=50), Policy(**OPEN)) == []


def test_records_outside_the_filter_have_no_counterpart_to_find() -> None:
    counts = {"create in Keap": 10, "link": 40}
    totals = {"customcrm": 50, "keap": 5_000, "customcrm_unlinked": 50, "keap_unlinked": 60}
    found = Plan("p", NOON, ("contacts",), {"contacts": counts}, {}, {"contacts": totals}, "sync", lambda: iter(()))
    assert exceeded(found, Policy()) == []
    few = attrs.evolve(
        found, totals={"contacts": {**totals, "customcrm": 50_000}}, counts={"contacts": {**counts, "link": 1}}
    )
    assert len(exceeded(few, Policy())) == 1
    [reason] = exceeded(attrs.evolve(few, counts={"contacts": {"create in Keap": 10}}), Policy())
    assert reason.startswith("50 of 50 contacts of Customcrm have no counterpart among 60 of Keap: ")


def test_without_anything_accepted_every_brake_holds_and_each_has_the_name_that_releases_it() -> None:
    many = plan({"create in Keap": 100, "delete in Keap": 100}, ours=100, theirs=100)
    policy = Policy(max_deletes=1, max_creates=1)
    assert [found.brake for found in brakes.exceeded(many, policy)] == ["deletes", "creates", "first-creates"]
    assert brakes.exceeded(many, policy, Accepted(brakes=frozenset(BRAKES))) == []


def test_deletions_are_summed_over_all_synchronizations_and_creates_too() -> None:
    counts = {
        "contacts": {"delete in Keap": 1, "unlink": 1, "create in Keap": 2, "update in Keap": 9, "link": 9},
        "products": {"archive in Customcrm": 1, "create in Customcrm": 2, "skip": 9},
    }
    both = Plan("p", NOON, ("contacts", "products"), counts, {}, {}, "sync", lambda: iter(()))
    reasons = exceeded(both, Policy(max_deletes=2, max_creates=3))
    assert reasons == [
        "3 records would be deleted or unlinked; max_deletes is 2",
        "4 records would be created; max_creates is 3",
    ]
    assert exceeded(both, Policy(max_deletes=3, max_creates=4)) == []


def test_a_synchronization_without_counts_stops_nothing() -> None:
    bare = Plan("p", NOON, ("contacts",), {}, {}, {"contacts": {"customcrm": 60, "keap": 60}}, "sync", lambda: iter(()))
    assert exceeded(bare, Policy(max_deletes=0, max_creates=0, max_updates_share=0.0)) == []


def test_what_a_plan_does_not_count_is_none() -> None:
    def stops(counts: dict[str, int], totals: dict[str, int], share: float = 0.8) -> bool:
        found = Plan("p", NOON, ("contacts",), {"contacts": counts}, {}, {"contacts": totals}, "sync", lambda: iter(()))
        return bool(exceeded(found, Policy(max_first_create_share=share)))

    assert stops({"create in Customcrm": 60}, {"customcrm": 60, "keap": 60})
    assert not stops({"create in Customcrm": 60}, {"customcrm": 1, "keap": 60})
    assert not stops({"create in Customcrm": 60}, {"keap": 60})
    assert not stops({"create in Customcrm": 60}, {"customcrm": 60})
    assert not stops({}, {"customcrm": 60, "keap": 60}, share=0.0)


def test_the_brake_looks_on_after_a_small_synchronization() -> None:
    counts = {name: {"delete in Keap": 10, "update in Keap": 10} for name in ("few", "many")}
    totals = {"few": {"links": 10}, "many": {"links": 100}}
    two = Plan("p", NOON, ("few", "many"), counts, {}, totals, "sync", lambda: iter(()))
    reasons = exceeded(two, Policy(max_delete_share=0.05, max_updates_share=0.05))
    assert [reason.split(";")[0] for reason in reasons] == [
        "10 of 100 linked many would be deleted or unlinked",
        "10 of 100 linked many would be changed",
    ]


@LAWS
@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from((0.0, 0.05, 0.25, 1.0)))
def test_a_looser_brake_never_stops_what_a_tighter_one_lets_through(number: int, links: int, share: float) -> None:
    doing = plan({"delete in Keap": number}, links=links, ours=links, theirs=links)
    tight, loose = (
        exceeded(doing, Policy(max_deletes=int(200 * s), max_delete_share=s)) for s in (share, min(1.0, share * 2))
    )
    assert len(loose) <= len(tight)
    assert exceeded(plan(), Policy(max_deletes=0, max_delete_share=0.0)) == []


# --- policies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "ours", "theirs", "expected"),
    [
        ("customcrm", None, None, Decision(OURS, "customcrm")),
        ("keap", None, None, Decision(THEIRS, "keap")),
        ("manual", NOON, LATER, Decision(None, "manual")),
        ("newest", NOON, LATER, Decision(THEIRS, "newest")),
        ("newest", LATER, NOON, Decision(OURS, "newest")),
        ("newest", NOON, NOON, Decision(None, "newest could not tell: the time stamps are equal")),
        ("newest", NOON, None, Decision(None, "newest could not tell: a time stamp is missing")),
        ("newest", None, NOON, Decision(None, "newest could not tell: a time stamp is missing")),
    ],
)
def test_who_wins(rule: str, ours: datetime | None, theirs: datetime | None, expected: Decision) -> None:
    contest = Contest("City", "a", "b", ours, theirs)
    assert decide(Policy(conflicts=rule), contest) == expected  # type: ignore[arg-type]
    assert decide(Policy(conflicts={"City": rule, "*": "manual"}), contest) == expected  # type: ignore[dict-item]
    assert decide(Policy(conflicts={"*": rule}), contest) == expected  # type: ignore[dict-item]
    assert decide(Policy(conflicts="manual"), contest, rule) == expected
    assert decide(Policy(conflicts=lambda _: OURS), contest, rule) == expected


WITHIN = "newest could not tell: the time stamps differ by less than the coarser one tells"


def parts(fine: int, coarse: int) -> list[datetime]:
    """One o'clock and so many microseconds, twice."""
    return [NOON.replace(microsecond=each) for each in (fine, coarse)]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("stamps", "told"),
    [
        (parts(999_999, 0), WITHIN),
        (parts(200_000, 0), WITHIN),
        (parts(123_456, 123_000), WITHIN),
        (parts(123_456, 124_000), "newest"),
        (parts(123_456, 123_457), "newest"),
        ([NOON.replace(microsecond=999_999), NOON + timedelta(seconds=1)], "newest"),
    ],
)
def test_stamps_are_compared_as_finely_as_the_coarser_one_is_told(
    stamps: list[datetime], told: str, turned: bool
) -> None:
    older, newer = stamps
    sides = {OURS: newer, THEIRS: older} if turned else {OURS: older, THEIRS: newer}
    winner = None if "could not" in told else (OURS if turned else THEIRS)
    contest = Contest("City", "a", "b", sides[OURS], sides[THEIRS])
    assert decide(Policy(), contest) == Decision(winner, told)


@pytest.mark.parametrize("verdict", [OURS, THEIRS, "customcrm", "keap", None, Value("c"), Value(None)])
def test_a_host_decides_for_itself(verdict: Any) -> None:
    asked: list[Contest] = []

    def rule(contest: Contest) -> Any:
        asked.append(contest)
        return verdict

    contest = Contest("City", "a", "b", NOON, LATER)
    assert decide(Policy(conflicts=rule), contest) == Decision(verdict, "the host's own rule")
    assert decide(Policy(conflicts={"City": rule}), contest) == Decision(verdict, "the host's own rule")
    assert asked == [contest, contest]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("Keap", "a text that is no side"),
        ("Ada Berg", "a text that is no side"),
        ("newest", "a text that is no side"),
        (True, "bool"),
        (7, "int"),
        (["keap"], "list"),
        (Value, "type"),
        (Value(1.5), "kb.Value of float"),  # type: ignore[arg-type]
        (Value(["keap"]), "kb.Value of list"),  # type: ignore[arg-type]
    ],
)
def test_what_a_rule_answers_must_be_a_decision(answer: Any, told: str) -> None:
    def longest(contest: Contest) -> Any:
        return answer

    with pytest.raises(MappingError) as raised:
        decide(Policy(conflicts=longest), Contest("City", "a", "b"))
    said = str(raised.value)
    assert said.startswith("the rule longest (test_plan_laws.py:")
    assert f"for City answered {told}" in said
    assert "'keap' or 'customcrm'" in said
    assert "Ada Berg" not in said, "it may be a value of somebody's record"


def test_without_a_rule_of_its_own_a_field_goes_by_the_newest() -> None:
    assert Policy(conflicts={"Zip": "keap"}).conflict_rule("City") == "newest"
    assert Policy().conflict_rule("City") == "newest"
    assert Contest("City", 1, 2).customcrm_updated_at is Contest("City", 1, 2).keap_updated_at is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conflicts": "oldest"}, "Policy(conflicts=…): 'oldest' is not one of newest, customcrm, keap, manual"),
        ({"conflicts": {"City": "x"}}, "Policy(conflicts=…): 'x' is not one of newest, customcrm, keap, manual"),
        ({"deletions": "x"}, "Policy(deletions=…): 'x' is not one of unlink, delete, archive, ignore"),
        ({"deletions": {"keap": "x"}}, "Policy(deletions=…): 'x' is not one of unlink, delete, archive, ignore"),
        ({"deletions": {"crm": "delete"}}, "Policy(deletions=…) goes by side: customcrm and keap"),
        ({"archive": {"crm": {}}}, "Policy(archive=…) goes by side: customcrm and keap"),
        (
            {"deletions": "archive", "archive": {"customcrm": {"contacts": {}}}},
            "Policy: to archive in Keap, say how: archive={'keap': {'contacts': {…}}}",
        ),
        (
            {"deletions": {"customcrm": "archive"}},
            "Policy: to archive in Customcrm, say how: archive={'customcrm': {'contacts': {…}}}",
        ),
    ],
)
def test_a_policy_that_says_nothing_sensible_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(MappingError) as refused:
        Policy(**options)
    assert str(refused.value) == message


def test_deletions_are_no_matter_for_a_function() -> None:
    with pytest.raises(MappingError):
        Policy(deletions=lambda _: "delete")  # type: ignore[arg-type]


def test_what_a_deletion_does_goes_by_side_and_synchronization() -> None:
    assert [Policy().deletion(side) for side in Side] == ["unlink", "unlink"]
    assert [Policy(deletions="delete").deletion(side, "contacts") for side in Side] == ["delete", "delete"]
    one = Policy(deletions={"keap": "ignore"})
    assert [one.deletion(side) for side in Side] == ["unlink", "ignore"]
    each = Policy(deletions={"keap": "ignore", "customcrm": "delete"})
    assert [each.deletion(side, "contacts") for side in Side] == ["delete", "ignore"]
    filed = Policy(deletions={"keap": "archive"}, archive={"keap": {"contacts": {"contact_type": "Former"}}})
    assert filed.deletion(THEIRS) == "archive"
    assert filed.deletion(THEIRS, "contacts") == "archive"
    assert filed.deletion(THEIRS, "products") == "unlink"
    assert filed.deletion(OURS, "contacts") == "unlink"


def test_the_brakes_that_are_on_by_default() -> None:
    policy = Policy()
    assert (policy.max_deletes, policy.max_delete_share, policy.max_first_create_share) == (50, 0.05, 0.8)
    assert policy.max_creates is policy.max_updates_share is None
    assert policy.archive == {}


# --- estimates ------------------------------------------------------------------------------------------------------


@LAWS
@given(st.lists(ACTIONS, max_size=30))
def test_an_estimate_has_a_call_for_every_write_and_few_more(actions: list[Action]) -> None:
    counts: dict[str, dict[str, int]] = {}
    for action in actions:
        for heading in headings(action):
            found = counts.setdefault(action.object, {})
            found[heading] = found.get(heading, 0) + 1
    told = estimate(counts, None)
    for side in Side:
        writes = sum(
            heading in {f"{what} in {side.title}" for what in ("create", "update", "delete", "archive")}
            for action in actions
            for heading in headings(action)
        )
        assert writes <= told.calls[side] <= writes + 2 * len(counts)


def test_an_estimate_says_how_long_the_limits_make_it_last() -> None:
    counts = {"contacts": {"create in Keap": 500, "update in Keap": 201, "update in Customcrm": 1}}
    assert str(estimate(counts, 240)) == "about 2 calls to Customcrm and 703 to Keap, 3 minutes"
    assert estimate(counts, 1000).minutes == 1
    assert estimate({}, 240) == Estimate(dict.fromkeys(Side, 0), 0)


# --- what kinds of work there are, and what a plan is elsewhere -------------------------------------------------------


def test_an_adoption_that_writes_nothing_is_a_link_and_all_else_goes_by_its_name() -> None:
    change = (Change("Title", Side.KEAP, "a", "b"),)
    assert kind_of(Adopt("contacts", "1", "2", "Email")) == "link"
    assert kind_of(Adopt("contacts", "1", "2", "Email", change)) == "adopt"
    assert kind_of(Update("contacts", "1", "2", change)) == "update"


def test_taking_back_is_the_same_the_other_way_round() -> None:
    raw = (RawChange(("title",), "a", "b"), RawChange(("name",), None, "c"))
    turned = (RawChange(("title",), "b", "a"), RawChange(("name",), "c", None))
    assert Update("contacts", "1", "2", (), raw=raw).turned() == turned
    assert Update("contacts", "1", "2", ()).turned() is None


def test_the_rows_of_a_plan_are_its_numbered_actions() -> None:
    some = plan(actions=(Unlink("contacts", "1", "2", Side.KEAP, "gone"), Delete("contacts", Side.KEAP, "3", "4")))
    rows = some.to_dicts()
    assert rows == [dict(row_of_action("p<1>", n, action)) for n, action in enumerate(some.actions)]
    assert [len(row) for row in some._table()] == [len(flat_action(row)) for row in some._dicts()]


def test_a_plan_that_was_passed_on_tells_how_to_have_its_actions() -> None:
    there = pickle.loads(pickle.dumps(plan(actions=(Unlink("contacts", "1", "2", Side.KEAP, "gone"),))))
    assert there.id == "p<1>"
    with pytest.raises(Exception, match=r"session\.saved_plan\('p<1>'\)"):
        list(there.actions)
