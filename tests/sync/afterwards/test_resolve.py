"""Both sides edited: different fields both survive, the same field is decided by policy and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tiers import variants

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World

MANUAL = kb.Policy(conflicts="manual")


def _linked(world: World) -> tuple[str, str]:
    """One linked contact; answers its ids."""
    ours = world.crm.state.contacts.add(
        {"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org", "JobTitle": "Countess"}
    )
    assert world.sync().count("created", "contacts") == 1
    [theirs] = world.keap.state.contacts
    world.forget_requests()
    return ours, theirs


def _edit(world: World, first: kb.Side, ours: str, theirs: str, values: dict[kb.Side, str]) -> None:
    """Edits the job title on both sides, on `first` earlier."""
    for side in (first, first.other):
        world.let_time_pass()
        if side is kb.Side.CUSTOMCRM:
            world.crm.state.contacts.edit(ours, JobTitle=values[side])
        else:
            world.keap.state.contacts.edit(theirs, job_title=values[side])


def _titles(world: World) -> tuple[Any, Any]:
    [ours], [theirs] = world.crm.state.contacts.values(), world.keap.state.contacts.values()
    return ours["JobTitle"], theirs.get("job_title")


def test_edits_of_different_fields_both_survive(world: World) -> None:
    ours, theirs = _linked(world)
    world.crm.state.contacts.edit(ours, JobTitle="Analyst", FirstName="Augusta")
    emails = [*world.keap.state.contacts[theirs]["email_addresses"], {"email": "second@example.org", "field": "EMAIL2"}]
    world.keap.state.contacts.edit(theirs, family_name="King", email_addresses=emails)
    report = world.sync()
    assert report.ok
    assert report.count("conflict") == 0
    contact, keap_contact = world.crm.state.contacts[ours], world.keap.state.contacts[theirs]
    assert (contact["FirstName"], contact["LastName"], contact["JobTitle"]) == ("Augusta", "King", "Analyst")
    assert contact["Email2"] == "second@example.org"
    assert (keap_contact["given_name"], keap_contact["family_name"]) == ("Augusta", "King")
    assert keap_contact["job_title"] == "Analyst"
    assert sorted(write.method for write in world.writes) == ["PATCH", "PATCH"]
    world.assert_quiet()


def test_edits_of_different_slots_of_one_array_both_survive(world: World) -> None:
    ours, theirs = _linked(world)
    world.crm.state.contacts.edit(ours, Email="new@example.org")
    emails = world.keap.state.contacts[theirs]["email_addresses"]
    world.keap.state.contacts.edit(
        theirs,
        email_addresses=[
            *emails,
            {"email": "two@example.org", "field": "EMAIL2"},
            {"email": "three@example.org", "field": "EMAIL3"},
        ],
    )
    assert world.sync().ok
    slots = {e["field"]: e["email"] for e in world.keap.state.contacts[theirs]["email_addresses"]}
    assert slots == {"EMAIL1": "new@example.org", "EMAIL2": "two@example.org", "EMAIL3": "three@example.org"}
    assert world.crm.state.contacts[ours]["Email2"] == "two@example.org"
    world.assert_quiet()


def test_the_same_edit_on_both_sides_is_no_conflict(world: World) -> None:
    ours, theirs = _linked(world)
    world.crm.state.contacts.edit(ours, JobTitle="Analyst")
    world.keap.state.contacts.edit(theirs, job_title="Analyst")
    report = world.sync()
    assert report.count("conflict") == 0
    assert world.writes == []
    world.assert_quiet()
    world.crm.state.contacts.edit(ours, JobTitle="Engineer")
    world.sync()
    assert _titles(world) == ("Engineer", "Engineer")


@pytest.mark.parametrize("first", variants(kb.Side, quick=[kb.Side.CUSTOMCRM]), ids=lambda side: f"{side.value}-first")
def test_newest_lets_the_later_edit_win_and_says_so(world: World, first: kb.Side) -> None:
    ours, theirs = _linked(world)
    values = {kb.Side.CUSTOMCRM: "Analyst", kb.Side.KEAP: "Engineer"}
    _edit(world, first, ours, theirs, values)
    report = world.sync()
    winning = values[first.other]
    assert _titles(world) == (winning, winning)
    [write] = world.writes
    assert (write.method, list(write.json)) == (
        "PATCH",
        ["job_title"] if first is kb.Side.KEAP else ["JobTitle"],
    )
    [line] = [line for line in report.lines if line.fields == ("JobTitle",)]
    assert line.side is first
    assert "newest" in line.reason
    world.assert_quiet()


@pytest.mark.parametrize("first", variants(kb.Side, quick=[kb.Side.KEAP]), ids=lambda side: f"{side.value}-first")
@pytest.mark.parametrize("winner", kb.Side, ids=lambda side: f"{side.value}-wins")
@pytest.mark.parametrize("per_field", variants([False, True], quick=[True]), ids=["for-all-fields", "for-this-field"])
def test_a_policy_may_name_the_side_that_wins(world: World, first: kb.Side, winner: kb.Side, per_field: bool) -> None:
    ours, theirs = _linked(world)
    values = {kb.Side.CUSTOMCRM: "Analyst", kb.Side.KEAP: "Engineer"}
    _edit(world, first, ours, theirs, values)
    rule: Any = {"JobTitle": winner.value, "*": winner.other.value} if per_field else winner.value
    report = world.sync(policy=kb.Policy(conflicts=rule))
    assert _titles(world) == (values[winner], values[winner])
    [line] = [line for line in report.lines if line.fields == ("JobTitle",)]
    assert winner.value in line.reason
    world.assert_quiet(policy=kb.Policy(conflicts=rule))


def test_a_per_field_policy_leaves_the_other_fields_to_newest(world: World) -> None:
    ours, theirs = _linked(world)
    world.let_time_pass()
    world.keap.state.contacts.edit(theirs, job_title="Engineer", given_name="Kim")
    world.let_time_pass()
    world.crm.state.contacts.edit(ours, JobTitle="Analyst", FirstName="Augusta")
    assert world.sync(policy=kb.Policy(conflicts={"JobTitle": "keap"})).ok
    assert _titles(world) == ("Engineer", "Engineer")
    assert world.crm.state.contacts[ours]["FirstName"] == "Augusta"
    assert world.keap.state.contacts[theirs]["given_name"] == "Augusta"


def test_manual_parks_the_field_but_not_the_record(world: World) -> None:
    manual = kb.Policy(conflicts="manual")
    ours, theirs = _linked(world)
    world.crm.state.contacts.edit(ours, JobTitle="Analyst", FirstName="Augusta")
    world.keap.state.contacts.edit(theirs, job_title="Engineer", family_name="King")
    report = world.sync(policy=manual)
    assert _titles(world) == ("Analyst", "Engineer")
    assert world.keap.state.contacts[theirs]["given_name"] == "Augusta"
    assert world.crm.state.contacts[ours]["LastName"] == "King"
    conflicts = [line for line in report.lines if line.outcome == "conflict"]
    assert [(line.customcrm_id, line.keap_id, line.fields) for line in conflicts] == [(ours, theirs, ("JobTitle",))]


def test_a_parked_conflict_is_shown_by_every_plan_until_somebody_ends_it(world: World) -> None:
    manual = kb.Policy(conflicts="manual")
    ours, theirs = _linked(world)
    world.crm.state.contacts.edit(ours, JobTitle="Analyst")
    world.keap.state.contacts.edit(theirs, job_title="Engineer")
    for full in (False, False, True):
        world.forget_requests()
        report = world.sync(policy=manual, full=full)
        assert report.count("conflict") == 1
        assert world.writes == []
    world.keap.state.contacts.edit(theirs, job_title="Analyst")
    assert world.sync(policy=manual).count("conflict") == 0
    world.assert_quiet(policy=manual)


def test_a_parked_conflict_is_decided_by_a_later_policy(world: World) -> None:
    ours, theirs = _linked(world)
    world.crm.state.contacts.edit(ours, JobTitle="Analyst")
    world.keap.state.contacts.edit(theirs, job_title="Engineer")
    world.sync(policy=kb.Policy(conflicts="manual"))
    world.sync(policy=kb.Policy(conflicts="keap"))
    assert _titles(world) == ("Engineer", "Engineer")
    world.assert_quiet()


def test_what_the_sync_wrote_itself_does_not_make_a_side_the_newest(world: World) -> None:
    ours, theirs = _linked(world)
    values = {kb.Side.CUSTOMCRM: "Analyst", kb.Side.KEAP: "Engineer"}
    _edit(world, kb.Side.KEAP, ours, theirs, values)
    world.crm.state.contacts.edit(ours, FirstName="Augusta")
    world.let_time_pass()
    world.sync(policy=kb.Policy(conflicts="manual"))
    assert world.keap.state.contacts[theirs]["given_name"] == "Augusta"
    world.sync(policy=kb.Policy(conflicts="newest"))
    assert _titles(world) == ("Analyst", "Analyst")


def test_an_edit_against_a_cleared_field_is_a_conflict_not_a_silent_fill(world: World) -> None:
    manual = kb.Policy(conflicts="manual")
    ours, theirs = _linked(world)
    world.crm.state.contacts.edit(ours, JobTitle=None)
    world.keap.state.contacts.edit(theirs, job_title="Engineer")
    report = world.sync(policy=manual)
    assert report.count("conflict") == 1
    assert _titles(world) == (None, "Engineer")


def test_a_rule_that_does_not_exist_is_refused() -> None:
    with pytest.raises(kb.MappingError, match="latest"):
        kb.Policy(conflicts="latest")  # type: ignore[arg-type]


# --- a country and its region ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("winner", variants(kb.Side, quick=[kb.Side.KEAP]), ids=lambda side: side.value)
def test_a_country_edited_here_and_its_region_there_wait_until_somebody_decides_about_both(
    world: World, winner: kb.Side
) -> None:
    ours = world.crm.state.contacts.add({"FirstName": "Ada", "City": "Moab", "Country": "US", "Region": "US-AZ"})
    assert world.sync().ok
    [theirs] = world.keap.state.contacts
    world.crm.state.contacts.edit(ours, Country="CA", Region="CA-ON")
    [address] = world.keap.state.contacts[theirs]["addresses"]
    address = {name: value for name, value in address.items() if name != "region"} | {"region_code": "US-UT"}
    world.keap.state.contacts.edit(theirs, addresses=[address])
    manual = kb.Policy(conflicts="manual")
    for _ in range(3):
        world.forget_requests()
        assert world.sync(policy=manual, full=True).count("conflict") == 1
        assert world.writes == [], "a country without its region would make Keap drop the one that was typed there"
    with world.sessions(policy=manual) as session:
        [conflict] = session.conflicts()
        assert (conflict.field, conflict.customcrm, conflict.keap) == ("Country", "CAN", "USA")
        assert conflict.reason == "Region was edited on the other side; manual"
        assert session.resolve(conflict, winner).ok
        assert session.conflicts() == []
    contact, [address] = world.crm.state.contacts[ours], world.keap.state.contacts[theirs]["addresses"]
    country, region = ("CA", "CA-ON") if winner is kb.Side.CUSTOMCRM else ("US", "US-UT")
    assert (contact["Country"], contact["Region"]) == (country, region)
    assert (address["country_code"], address["region_code"]) == ({"CA": "CAN", "US": "USA"}[country], region)
    world.assert_quiet(policy=manual)


# --- who decides, and how ---------------------------------------------------------------------------------------------


def _parked(world: World, last_name: str = "Dahl") -> tuple[str, str]:
    """Last names that wait for a decision."""
    ours, theirs = _linked(world)
    world.crm.state.contacts.edit(ours, LastName=last_name)
    world.keap.state.contacts.edit(theirs, family_name="Dale")
    assert world.sync(policy=MANUAL).count("conflict") == 1
    world.forget_requests()
    return ours, theirs


def _names(world: World) -> tuple[Any, Any]:
    [ours], [theirs] = world.crm.state.contacts.values(), world.keap.state.contacts.values()
    return ours["LastName"], theirs.get("family_name")


@pytest.mark.parametrize(
    ("decision", "rest", "both"),
    [
        ("keap", {}, "Dale"),
        pytest.param("customcrm", {}, "Dahl", marks=pytest.mark.thorough),
        (None, {"value": "keap"}, "keap"),
        pytest.param(None, {"value": kb.Value("Berg")}, "Berg", marks=pytest.mark.thorough),
        (kb.Value("Berg"), {}, "Berg"),
        (None, {"value": None}, None),
    ],
)
def test_a_side_is_no_value_and_a_value_no_side(world: World, decision: Any, rest: Any, both: str | None) -> None:
    _parked(world)
    with world.sessions(policy=MANUAL) as session:
        [conflict] = session.conflicts()
        assert session.resolve(conflict, decision, **rest).ok
        assert session.conflicts() == []
    assert _names(world) == (both, both)


def test_what_is_no_decision_changes_nothing(world: World) -> None:
    refused: list[tuple[Any, Any, str]] = [
        ("Keap", {}, "is 'keap' meant"),
        ("Berg", {}, r"resolve: a side is 'customcrm' or 'keap', not a text that is none. A value is .*value=…"),
        (True, {}, "not bool"),
        (None, {}, "neither was given"),
        ("keap", {"value": "Dale"}, "both was given"),
        ("same", {}, "LastName is resolved for a side, 'keap' or 'customcrm', or with value=…"),
        ("keap", {"by": ""}, "by: the name of who decides"),
        ("keap", {"by": 7}, "by: the name of who decides"),
    ]
    _parked(world)
    with world.sessions(policy=MANUAL) as session:
        [conflict] = session.conflicts()
        for decision, rest, words in refused:
            with pytest.raises((ValueError, TypeError, kb.UnfitError), match=words):
                session.resolve(conflict, decision, **rest)
            assert session.conflicts() == [conflict]
    assert (_names(world), world.writes) == (("Dahl", "Dale"), [])


def test_a_rule_that_answers_no_decision_holds_its_field_and_is_named(world: World) -> None:
    ours, theirs = _linked(world)

    def longest(contest: kb.Contest) -> Any:
        return contest.keap

    world.crm.state.contacts.edit(ours, JobTitle="Analyst", FirstName="Augusta")
    world.keap.state.contacts.edit(theirs, job_title="Engineer")
    world.forget_requests()
    [line] = [line for line in world.sync(policy=kb.Policy(conflicts=longest)).lines if line.outcome == "held"]
    assert (line.keap_id, line.fields) == (theirs, ("JobTitle",))
    assert line.reason.startswith("the rule longest (test_resolve.py:")
    assert "for JobTitle answered a text that is no side" in line.reason
    assert _titles(world) == ("Analyst", "Engineer")
    assert [write.json for write in world.writes] == [{"given_name": "Augusta"}], "the rest of the record flows"


def test_who_decided_stands_in_the_report_and_in_what_is_told_afterwards(world: World) -> None:
    ours, theirs = _parked(world)
    with world.sessions(policy=MANUAL) as session:
        report = session.resolve(session.conflicts()[0], "keap", by="anna")
        assert (report.by, ", by anna" in str(report), ", by anna" in report._repr_html_()) == ("anna", True, True)
        assert {entry.by for entry in session.history("contacts", customcrm=ours)} == {"anna"}
        assert {entry.by for entry in session.history("contacts", keap=theirs)} == {None}
        assert "update Customcrm A1: LastName, by anna" in str(session.explain("contacts", keap=theirs))

        undone = session.undo(report.run_id, by="Bob Holm")
        assert (undone.by, _names(world)) == ("Bob Holm", ("Dahl", "Dale"))
        assert [entry.by for entry in session.history("contacts", customcrm=ours)] == ["Bob Holm", "anna"]

        world.crm.state.contacts.edit(ours, JobTitle="Analyst")
        plan = session.plan()
        with pytest.raises(ValueError, match="by: the name"):
            session.apply(plan, by=" ")
        assert session.apply(plan, by="kim").by == "kim"
        world.crm.state.contacts.edit(ours, JobTitle="Chair")
        assert session.contacts.sync(by="eve").by == "eve"
        assert session.sync().by is None
        assert [entry.by for entry in session.history("contacts", keap=theirs)][:2] == ["eve", "kim"]
