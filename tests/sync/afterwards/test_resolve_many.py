"""Many conflicts decided in one run: each as it was seen, with a report that adds up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb
from keapbridge.testing import Fault

if TYPE_CHECKING:
    from conftest import World

MANUAL = kb.Policy(conflicts="manual")
NUMBER = 5


@pytest.fixture
def parked(world: World) -> World:
    """Contacts of which both names were edited in both systems."""
    for n in range(NUMBER):
        world.crm.state.contacts.add({"FirstName": f"P{n}", "LastName": "Berg", "Email": f"p{n}@example.org"})
    assert world.sync(policy=MANUAL).count("created") == NUMBER
    world.let_time_pass()
    for ours in world.crm.state.contacts:
        world.crm.state.contacts.edit(ours, FirstName="Asa", LastName="Dahl")
    for theirs in world.keap.state.contacts:
        world.keap.state.contacts.edit(theirs, given_name="Ase", family_name="Dale")
    assert world.sync(policy=MANUAL).count("conflict") == 2 * NUMBER
    world.forget_requests()
    return world


def _names(world: World) -> tuple[list[Any], list[Any]]:
    ours, theirs = world.crm.state.contacts.values(), world.keap.state.contacts.values()
    return (
        sorted({(c["FirstName"], c["LastName"]) for c in ours}),
        sorted({(c["given_name"], c["family_name"]) for c in theirs}),
    )


def _reads(world: World) -> Sequence[Any]:
    return [r for side in (world.keap, world.crm) for r in side.requests if r.method == "GET"]


@pytest.mark.parametrize("by_token", [False, True])
def test_all_are_decided_in_one_run(parked: World, by_token: bool) -> None:
    with parked.sessions(policy=MANUAL) as session:
        before = len(session.runs())
        conflicts = session.conflicts()
        report = session.resolve_many([c.token for c in conflicts] if by_token else conflicts, "keap", by="anna")
        assert report.counts["contacts"] == {"updated in Customcrm": NUMBER, "decided": 2 * NUMBER, "unchanged": 0}
        assert (report.complete, report.by, len(session.runs())) == (True, "anna", before + 1)
        assert session.conflicts() == []
        for ours in parked.crm.state.contacts:
            [entry] = session.history("contacts", customcrm=ours)
            assert (entry.by, entry.after) == ("anna", {"FirstName": "Ase", "LastName": "Dale"})
        assert _names(parked) == ([("Ase", "Dale")], [("Ase", "Dale")])
        assert len(parked.writes) == NUMBER, "both fields of a pair in one write"
        parked.assert_quiet(policy=MANUAL)
        session.undo(report.run_id)
    assert _names(parked) == ([("Asa", "Dahl")], [("Ase", "Dale")])


def test_they_are_read_again_in_batches(parked: World) -> None:
    with parked.sessions(policy=MANUAL) as session:
        session.resolve_many(session.conflicts(), "keap")
    assert len(_reads(parked)) < NUMBER


def test_a_function_decides_and_leaves_open(parked: World) -> None:
    def rule(conflict: kb.OpenConflict) -> Any:
        if conflict.field == "FirstName":
            return kb.Value("Åsa") if conflict.customcrm_id == "A1" else None
        return "customcrm"

    with parked.sessions(policy=MANUAL) as session:
        report = session.resolve_many(session.conflicts(), rule)
        assert report.counts["contacts"]["decided"] == NUMBER + 1
        left = session.conflicts()
        assert {c.field for c in left} == {"FirstName"}
        assert len(left) == NUMBER - 1
    ours, theirs = _names(parked)
    assert ours == [("Asa", "Dahl"), ("Åsa", "Dahl")]
    assert theirs == [("Ase", "Dahl"), ("Åsa", "Dahl")]


def test_whatever_has_moved_on_is_told_and_left(parked: World) -> None:
    """One was edited again, one decided by somebody else, and one is not linked any more."""
    with parked.sessions(policy=MANUAL) as session, parked.sessions(policy=MANUAL) as another:
        conflicts = [c for c in session.conflicts() if c.field == "LastName"]
        edited, decided, gone, *_ = conflicts
        parked.keap.state.contacts.edit(edited.keap_id, family_name="Holm")
        another.resolve(decided, "customcrm", by="bob")
        another.forget("contacts", customcrm=gone.customcrm_id)
        before = parked.snapshot()["keap"]
        report = session.resolve_many([c.token for c in conflicts], "keap", by="anna")
        counts = report.counts["contacts"]
        assert counts["decided"] + counts["skipped"] + counts["conflict"] == len(conflicts)
        assert counts["decided"] == NUMBER - 3
        told = {line.customcrm_id: line.reason for line in report.lines if line.outcome in {"skipped", "conflict"}}
        assert told.keys() == {edited.customcrm_id, decided.customcrm_id, gone.customcrm_id}
        assert "waits for a decision" in told[edited.customcrm_id], "it waits again, with what it holds now"
        assert "somebody has decided it meanwhile" in told[decided.customcrm_id]
        assert parked.snapshot()["keap"] == before, "Keap's values were right"
    assert parked.crm.state.contacts[edited.customcrm_id]["LastName"] == "Dahl"
    assert parked.crm.state.contacts[decided.customcrm_id]["LastName"] == "Dahl"


def test_what_a_field_cannot_hold_is_told_and_the_others_are_decided(parked: World) -> None:
    with parked.sessions(policy=MANUAL) as session:
        conflicts = session.conflicts()
        report = session.resolve_many(conflicts, lambda c: kb.Value(True) if c.customcrm_id == "A1" else "keap")
        counts = report.counts["contacts"]
        assert (counts["decided"], counts["skipped"]) == (2 * NUMBER - 2, 2)
        assert {c.customcrm_id for c in session.conflicts()} == {"A1"}


def test_one_that_is_given_twice_is_decided_once(parked: World) -> None:
    with parked.sessions(policy=MANUAL) as session:
        first = session.conflicts()[0]
        report = session.resolve_many([first, first.token, first], "keap")
        assert report.counts["contacts"]["decided"] == 1


def test_what_fails_counts_as_failed(parked: World) -> None:
    parked.crm.faults.add(Fault(status=422), method="PATCH", path="A2")
    with parked.sessions(policy=MANUAL) as session:
        conflicts = [c for c in session.conflicts() if c.field == "LastName"]
        report = session.resolve_many(conflicts, "keap")
        counts = report.counts["contacts"]
        assert (counts["decided"], counts["failed"]) == (NUMBER - 1, 1)


def test_whole_records_and_fields_of_several_synchronizations_are_decided_together(world: World) -> None:
    world.crm.state.customers.add({"Name": "Lamps"})
    for n in range(2):
        world.crm.state.contacts.add({"FirstName": f"P{n}", "LastName": "Berg", "Email": f"p{n}@example.org"})
    policy = kb.Policy(conflicts="manual", deletions="delete", max_deletes=None, max_delete_share=None)
    world.sync(policy=policy)
    world.let_time_pass()
    one, two = world.crm.state.contacts
    [ours], [theirs] = world.crm.state.customers, world.keap.state.companies
    world.crm.state.customers.edit(ours, Name="Lanterns")
    world.keap.state.companies.edit(theirs, company_name="Lights")
    world.crm.state.contacts.edit(one, LastName="Dahl")
    world.keap.state.contacts.delete(next(iter(world.keap.state.contacts)))
    second = list(world.keap.state.contacts)[-1]
    world.crm.state.contacts.edit(two, LastName="Dahl")
    world.keap.state.contacts.edit(second, family_name="Dale")
    world.sync(full=True, policy=policy)
    with world.sessions(policy=policy) as session:
        conflicts = session.conflicts()
        assert {(c.object, c.field) for c in conflicts} == {
            ("companies", "Name"),
            ("contacts", "*"),
            ("contacts", "LastName"),
        }
        report = session.resolve_many(conflicts, "keap")
        assert report.count("decided") == 2
        assert report.count("deleted in Customcrm") == 1
        assert session.conflicts() == []
    assert [c["Name"] for c in world.crm.state.customers.values()] == ["Lights"]
    assert [c["LastName"] for c in world.crm.state.contacts.values()] == ["Dale"]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"decision": "nobody"}, ValueError),
        ({}, TypeError),
        ({"decision": "keap", "value": "x"}, TypeError),
        ({"decision": lambda _: "keap", "value": "x"}, TypeError),
        ({"decision": lambda _: "nobody"}, ValueError),
    ],
)
def test_what_is_no_decision_changes_nothing(parked: World, given: dict[str, Any], error: type[Exception]) -> None:
    before = parked.snapshot()
    with parked.sessions(policy=MANUAL) as session:
        with pytest.raises(error):
            session.resolve_many(session.conflicts(), **given)
        with pytest.raises((TypeError, ValueError)):
            session.resolve_many(["guessed"], "keap")
        with pytest.raises(TypeError):
            session.resolve_many([1], "keap")  # type: ignore[list-item]
    assert parked.snapshot() == before


def test_none_at_all_is_a_run_that_does_nothing(parked: World) -> None:
    with parked.sessions(policy=MANUAL) as session:
        report = session.resolve_many([], "keap")
        assert (report.complete, report.count("decided")) == (True, 0)
    assert parked.writes == []
