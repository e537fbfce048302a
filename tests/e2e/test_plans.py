"""Plans are kept: another session may apply them, once; what moved in between is decided anew, never overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import keapbridge as kb
from keapbridge.testing import Fault

if TYPE_CHECKING:
    from conftest import World


def _linked(world: World) -> str:
    world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "L", "Email": "ada@example.org", "JobTitle": "x"})
    world.sync()
    world.forget_requests()
    [theirs] = world.keap.state.contacts
    return theirs


def test_a_plan_is_applied_by_its_id_from_another_session(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    with world.sessions() as first:
        plan = first.plan()
    assert world.writes == []
    with world.sessions() as second:
        report = second.apply(plan.id)
    assert report.plan_id == plan.id
    assert report.count("created") == 1
    assert world.counts()["contacts"] == (1, 1)
    world.assert_quiet()


@pytest.mark.parametrize("by_id", [False, True])
def test_a_plan_is_applied_once(world: World, by_id: bool) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    with world.sessions() as session:
        plan = session.plan()
        session.apply(plan)
        world.forget_requests()
        with pytest.raises(kb.StalePlanError):
            session.apply(plan.id if by_id else plan)
    assert len(world.keap.requests) + len(world.crm.requests) == 0
    assert world.counts()["contacts"] == (1, 1)


def test_a_plan_that_does_not_exist_is_an_error(world: World) -> None:
    with world.sessions() as session, pytest.raises(kb.StalePlanError, match="nowhere"):
        session.apply("nowhere")


def test_a_plan_of_another_session_name_is_not_applied(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    with world.sessions(name="a") as one, world.sessions(name="b") as other:
        plan = one.plan()
        for wanted in (plan.id, plan):
            with pytest.raises(kb.StalePlanError):
                other.apply(wanted)
    assert world.writes == []


def test_sessions_of_different_names_do_not_see_each_other(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.sync(name="a")
    with world.sessions(name="a") as one, world.sessions(name="b") as other:
        assert len(list(one.contacts.links())) == 1
        assert list(other.contacts.links()) == []
    report = world.sync(name="b")
    assert report.count("linked") == 1
    assert world.counts()["contacts"] == (1, 1)
    world.crm.state.contacts.edit("A1", JobTitle="Countess")
    assert world.sync(name="b").count("updated") == 1
    assert world.sync(name="a").count("updated") == 0
    world.assert_quiet(name="a")
    world.assert_quiet(name="b")


def test_an_edit_of_another_field_between_plan_and_apply_survives(world: World) -> None:
    theirs = _linked(world)
    world.crm.state.contacts.edit("A1", JobTitle="Countess", Email="new@example.org")
    with world.sessions() as session:
        plan = session.plan()
        emails = world.keap.state.contacts[theirs]["email_addresses"]
        world.keap.state.contacts.edit(
            theirs, family_name="King", email_addresses=[*emails, {"email": "b@example.org", "field": "EMAIL3"}]
        )
        report = session.apply(plan)
    assert report.ok
    contact = world.keap.state.contacts[theirs]
    assert (contact["family_name"], contact["job_title"]) == ("King", "Countess")
    assert {e["field"]: e["email"] for e in contact["email_addresses"]} == {
        "EMAIL1": "new@example.org",
        "EMAIL3": "b@example.org",
    }
    world.sync()
    assert world.crm.state.contacts["A1"]["LastName"] == "King"
    world.assert_quiet()


@pytest.mark.habits(times="milliseconds")  # it edits within the second of a write
@pytest.mark.parametrize("policy", ["newest", "manual"])
def test_an_edit_of_the_same_field_between_plan_and_apply_is_a_conflict_not_overwritten(
    world: World, policy: str
) -> None:
    theirs = _linked(world)
    world.crm.state.contacts.edit("A1", JobTitle="Countess")
    rules = kb.Policy(conflicts=policy)  # type: ignore[arg-type]
    with world.sessions(policy=rules) as session:
        plan = session.plan()
        world.keap.state.contacts.edit(theirs, job_title="Engineer")
        session.apply(plan)
    assert world.keap.state.contacts[theirs]["job_title"] == "Engineer"
    world.sync(policy=rules)
    expected = "Engineer" if policy == "newest" else "Countess"
    assert world.crm.state.contacts["A1"]["JobTitle"] == expected
    assert world.keap.state.contacts[theirs]["job_title"] == "Engineer"


def test_a_source_that_is_edited_again_between_plan_and_apply_ends_with_its_last_value(world: World) -> None:
    theirs = _linked(world)
    world.crm.state.contacts.edit("A1", JobTitle="Countess")
    with world.sessions() as session:
        plan = session.plan()
        world.crm.state.contacts.edit("A1", JobTitle="Analyst")
        session.apply(plan)
    world.sync()
    assert world.keap.state.contacts[theirs]["job_title"] == "Analyst"
    assert world.crm.state.contacts["A1"]["JobTitle"] == "Analyst"
    world.assert_quiet()


def test_an_edit_between_the_second_reading_and_the_write_is_noticed_by_customcrm(world: World) -> None:
    """If-Match: the write is refused with 412, the record is read once more, and both edits survive."""
    theirs = _linked(world)
    world.keap.state.contacts.edit(theirs, job_title="Countess")
    edited: list[str] = []
    with world.sessions() as session:
        plan = session.plan()
        take = world.crm.faults.take

        def edit_first(method: str, path: str) -> Fault | None:
            if method == "PATCH" and not edited:
                edited.append(path)
                world.crm.state.contacts.edit("A1", LastName="King")
            return take(method, path)

        world.crm.faults.take = edit_first  # type: ignore[method-assign]
        report = session.apply(plan)
    assert edited
    assert report.ok
    assert [r.status for r in world.crm.requests.matching("PATCH")] == [412, 200]
    contact = world.crm.state.contacts["A1"]
    assert (contact["LastName"], contact["JobTitle"]) == ("King", "Countess")
    world.sync()
    assert world.keap.state.contacts[theirs]["family_name"] == "King"
    world.assert_quiet()


def test_a_partner_that_appears_between_plan_and_apply_is_found_by_the_next_run_at_the_latest(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "L", "Email": "ada@example.org"})
    with world.sessions() as session:
        plan = session.plan()
        world.crm.state.contacts.edit("A1", LastName="Lovelace")
        session.apply(plan)
        session.sync()
    [ada] = world.keap.state.contacts.values()
    assert ada["family_name"] == "Lovelace"


def test_two_plans_of_the_same_work_do_it_once(world: World) -> None:
    _linked(world)
    world.crm.state.contacts.edit("A1", JobTitle="Countess")
    world.crm.state.contacts.add({"FirstName": "Kim", "Email": "kim@example.org"})
    with world.sessions() as session:
        first, second = session.plan(), session.plan()
        session.apply(first)
        world.forget_requests()
        session.apply(second)
    assert world.writes == []
    assert world.counts()["contacts"] == (2, 2)
    world.assert_quiet()


def test_a_plan_says_what_it_will_do_and_the_report_what_was_done(world: World) -> None:
    _linked(world)
    world.crm.state.contacts.edit("A1", JobTitle="Countess")
    world.crm.state.contacts.add({"FirstName": "Kim", "Email": "kim@example.org"})
    with world.sessions() as session:
        plan = session.plan()
        actions = list(plan.actions)
        assert sorted(type(action).__name__ for action in actions) == ["Create", "Update"]
        assert plan.counts["contacts"] == {"create in Keap": 1, "update in Keap": 1}
        assert plan.id in str(plan)
        assert "Countess" in plan._repr_html_()
        report = session.apply(plan)
    assert report.counts["contacts"]["created in Keap"] == 1
    assert report.counts["contacts"]["updated in Keap"] == 1
    assert {(line.outcome, line.customcrm_id) for line in report.lines} == {("updated", "A1"), ("created", "A2")}


def test_a_brake_stops_the_run_before_its_first_write(world: World) -> None:
    world.crm.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(3))
    with pytest.raises(kb.BrakeError) as caught:
        world.sync(policy=kb.Policy(max_creates=2))
    assert world.writes == []
    assert isinstance(caught.value.plan, kb.Plan)
    with world.sessions(policy=kb.Policy(max_creates=3)) as session:
        assert session.apply(caught.value.plan).count("created") == 3


def test_one_record_is_read_by_the_store_of_the_host(world: World, tmp_path: Path) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{tmp_path / 'host.db'}")
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    with world.sessions(store=engine) as session:
        assert session.sync().count("created") == 1
    with world.sessions(store=engine) as session:
        assert len(list(session.contacts.links())) == 1
        assert session.plan(full=True).is_empty
    engine.dispose()


def test_a_store_that_cannot_be_opened_is_an_error_of_ours(world: World, tmp_path: Path) -> None:
    with pytest.raises(kb.LinkStoreError):
        world.sessions(store=f"sqlite:///{tmp_path}/no/such/folder/x.db")


def test_progress_is_told_for_every_synchronization(world: World) -> None:
    world.crm.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(3))
    told: list[tuple[str, str, int, int | None]] = []
    with world.sessions(progress=lambda *step: told.append(step)) as session:
        session.sync()
    assert ("contacts", "reading Customcrm", 3, None) in told
    writing = [step[2:] for step in told if step[:2] == ("contacts", "writing")]
    assert writing[0] == (1, 3), "each record is told of, not each batch"
    assert writing[-1] == (3, 3)
    assert writing == sorted(set(writing)), "a batch that is empty is no progress"
