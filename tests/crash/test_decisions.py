"""Settling a conflict is stopped at each single effect, and what comes next, knowing nothing, goes on from there.

Either the decision is done in the end, or the conflict is still listed and can be decided again: no record is stuck.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from stopping import CountingDriver, KilledError
from tiers import each, named, variants
from two_systems import ARCHIVE, CUSTOMCRM, DAY, KEAP, TwoSystems, policy_without_brakes

import keapbridge as kb
from keapbridge.sync.lease import TERM

AFTER_THE_TERM = TERM + timedelta(seconds=1)


def _two(deletions: Any) -> tuple[TwoSystems, str, str]:
    """One linked contact."""
    two = TwoSystems()
    two.policy = policy_without_brakes(conflicts="manual", deletions=deletions, archive=ARCHIVE)
    ada = two.crm.contacts.add(kb.customcrm.Contact(first_name="Ada", email="ada@example.org"))
    two.session().sync()
    two.clock.pass_by(DAY)
    [theirs] = two.keap.contacts
    return two, ada, theirs


def _edited_on_both(deletions: Any) -> TwoSystems:
    two, ada, theirs = _two(deletions)
    two.crm.contacts.edit(ada, job_title="Clerk", city="Oslo")
    two.keap.contacts.edit(theirs, job_title="Chief")
    two.session().sync()
    two.clock.pass_by(DAY)
    return two


def _deleted_in_keap(deletions: Any) -> TwoSystems:
    two, ada, theirs = _two(deletions)
    two.keap.contacts.delete(theirs)
    two.crm.contacts.edit(ada, city="Oslo")
    two.session().sync(full=True)
    two.clock.pass_by(DAY)
    return two


def _deleted_in_customcrm(deletions: Any) -> TwoSystems:
    two, ada, theirs = _two(deletions)
    two.crm.contacts.delete(ada)
    two.keap.contacts.edit(theirs, job_title="Chief")
    two.session().sync(full=True)
    two.clock.pass_by(DAY)
    return two


SCENES: dict[str, Any] = {
    "edited-on-both": (_edited_on_both, "delete"),
    "deleted-in-keap": pytest.param(_deleted_in_keap, "delete", marks=pytest.mark.slow),
    "deleted-in-customcrm": pytest.param(_deleted_in_customcrm, "delete", marks=pytest.mark.slow),
    "deleted-in-keap-archived": pytest.param(_deleted_in_keap, "archive", marks=pytest.mark.slow),
    "deleted-in-customcrm-archived": pytest.param(_deleted_in_customcrm, "archive", marks=pytest.mark.slow),
}


def _held(two: TwoSystems) -> tuple[list[Any], list[Any]]:
    ours = [(r.first_name, r.job_title, r.city, r.extra) for r in two.crm.contacts.state.records.values()]
    theirs = [(r.given_name, r.job_title, r.contact_type) for r in two.keap.contacts.state.records.values()]
    return ours, theirs


def _settle(two: TwoSystems) -> None:
    for _ in range(2):
        two.session().sync(full=True)
        two.clock.pass_by(DAY)
    assert two.session().plan(full=True).is_empty


@pytest.mark.parametrize("decision", variants((CUSTOMCRM, KEAP), quick=(KEAP,)), ids=lambda side: side.value)
@pytest.mark.parametrize(("begin", "deletions"), SCENES.values(), ids=SCENES)
@each
def test_a_decision_that_is_stopped_at_any_effect_is_done_or_can_be_made_again(
    begin: Any, deletions: Any, decision: kb.Side, stride: int
) -> None:
    start = begin(deletions)
    [conflict] = start.session().conflicts()
    two = start.copy()
    driver = CountingDriver(two.clock)
    assert two.session(driver).resolve(conflict, decision).ok
    _settle(two)
    wanted = _held(two)
    two.engine.dispose()
    failures = []
    for k in range(0, len(driver.log), stride):
        two = start.copy()
        with pytest.raises(KilledError):
            two.session(CountingDriver(two.clock, stop_at=k)).resolve(conflict, decision)
        two.clock.pass_by(AFTER_THE_TERM)
        for left in two.session().conflicts():
            two.session().resolve(left, decision)
        _settle(two)
        if _held(two) != wanted:
            failures.append(f"{k} {driver.log[k]}: {_held(two)}, not {wanted}")
        two.engine.dispose()
    start.engine.dispose()
    assert not failures, "\n".join(failures)


def test_what_the_policy_archives_is_archived_also_by_a_decision() -> None:
    for begin, decision in ((_deleted_in_keap, KEAP), (_deleted_in_customcrm, CUSTOMCRM)):
        two = begin("archive")
        [conflict] = two.session().conflicts()
        report = two.session().resolve(conflict, decision)
        assert (report.count("archived"), report.count("deleted")) == (1, 0)
        ours, theirs = _held(two)
        assert len(ours) + len(theirs) == 1
        two.engine.dispose()


def test_a_record_that_is_to_be_made_anew_is_made_by_the_next_sync() -> None:
    two = _deleted_in_keap("delete")
    [conflict] = two.session().conflicts()
    two.session().resolve(conflict, CUSTOMCRM)
    assert len(two.keap.contacts) == 0
    assert two.session().sync().count("created") == 1
    assert len(two.keap.contacts) == 1
    two.engine.dispose()


# --- a value for both sides -----------------------------------------------------------------------------------------


DECIDED = ("rkef", "rkef")  # of "Clerk" and "Chief"; decided once more it were another


def _joined(contest: kb.Contest) -> Any:
    return kb.Value(f"{contest.customcrm}"[-2:] + f"{contest.keap}"[-2:]) if contest.field == "JobTitle" else None


def _by_a_person(two: TwoSystems, driver: CountingDriver, value: str = "rkef") -> kb.Report:
    session = two.session()
    session.sync()
    [conflict] = session.conflicts()
    report: kb.Report = two.session(driver).resolve(conflict, value=value)
    return report


def _by_a_rule(two: TwoSystems, driver: CountingDriver) -> kb.Report:
    two.policy = policy_without_brakes(conflicts=_joined)
    report: kb.Report = two.session(driver).sync()
    return report


def _titles(two: TwoSystems) -> tuple[Any, Any]:
    [ours], [theirs] = (side.contacts.state.records.values() for side in (two.crm, two.keap))
    return ours.job_title, theirs.job_title


def _stopped(start: TwoSystems, decide: Any, at: int, *, after: bool) -> TwoSystems:
    two = start.copy()
    with pytest.raises(KilledError):
        decide(two, CountingDriver(two.clock, stop_at=at, stop_after=after))
    two.clock.pass_by(AFTER_THE_TERM)
    return two


def _log(start: TwoSystems, decide: Any) -> list[str]:
    two = start.copy()
    driver = CountingDriver(two.clock)
    decide(two, driver)
    assert _titles(two) == DECIDED
    two.engine.dispose()
    return driver.log


@pytest.mark.parametrize(
    ("decide", "everywhere"),
    [
        pytest.param(_by_a_person, False, id="person-writes"),
        pytest.param(_by_a_rule, False, id="rule-writes", marks=pytest.mark.thorough),
        pytest.param(_by_a_person, True, id="person-each", marks=pytest.mark.slow),
    ],
)
def test_a_value_for_both_sides_that_was_begun_is_finished_by_the_next_sync(decide: Any, everywhere: bool) -> None:
    start = _edited_on_both("delete")
    log = _log(start, decide)
    writes = [n for n, what in enumerate(log) if what.startswith("PATCH")]
    assert len(writes) == 2
    failures = []
    for k in range(len(log)) if everywhere else writes:
        for after in (False, True):
            two = _stopped(start, decide, k, after=after)
            begun = k >= writes[0] or decide is _by_a_rule
            two.session().sync()
            wanted = DECIDED if begun else ("Clerk", "Chief")
            if not begun and _titles(two) != wanted:
                wanted = DECIDED  # it was written down, and not begun
            two.clock.pass_by(DAY)
            empty = not begun or two.session().plan(full=True).is_empty
            if _titles(two) != wanted or not empty:
                failures.append(f"{k} {log[k]}, {after}: {_titles(two)}")
            two.engine.dispose()
    start.engine.dispose()
    assert not failures, "\n".join(failures)


@pytest.mark.thorough
@pytest.mark.parametrize("side", kb.Side, ids=lambda side: side.value)
def test_an_edit_before_a_decision_is_finished_is_a_conflict_again(side: kb.Side) -> None:
    start = _edited_on_both("delete")
    log = _log(start, _by_a_person)
    first = next(n for n, what in enumerate(log) if what.startswith("PATCH"))
    for k in (first, first + 1):  # before and after it is remembered that it was written
        two = _stopped(start, _by_a_person, k, after=True)
        system = two.crm if side is CUSTOMCRM else two.keap
        [id] = system.contacts
        system.contacts.edit(id, job_title="Boss")
        edited = _titles(two)
        two.clock.pass_by(DAY)
        two.session().sync()
        assert _titles(two) == edited, "nothing of it is written over"
        [conflict] = two.session().conflicts()
        assert (conflict.customcrm, conflict.keap) == edited
        assert two.session().resolve(conflict, value="Head").ok
        assert _titles(two) == ("Head", "Head")
        two.clock.pass_by(DAY)
        assert two.session().plan(full=True).is_empty
        two.engine.dispose()
    start.engine.dispose()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("again", "wanted"), [(kb.Value("Head"), "Head"), (CUSTOMCRM, "Clerk"), (KEAP, "Chief")], ids=str
)
def test_a_conflict_may_be_decided_otherwise_as_long_as_a_decision_is_not_finished(again: Any, wanted: str) -> None:
    start = _edited_on_both("delete")
    [conflict] = start.session().conflicts()
    first, second = (n for n, what in enumerate(_log(start, _by_a_person)) if what.startswith("PATCH"))
    two = _stopped(start, _by_a_person, first + (again is KEAP), after=True)
    assert two.session().conflicts() == []
    assert two.session().resolve(conflict, again).ok
    assert _titles(two) == (wanted, wanted)
    two.clock.pass_by(DAY)
    assert two.session().plan(full=True).is_empty
    two.engine.dispose()
    two = _stopped(start, _by_a_person, second, after=True)
    with pytest.raises(kb.StalePlanError, match="look again"):
        two.session().resolve(conflict, again)
    assert _titles(two) == DECIDED
    two.engine.dispose()
    start.engine.dispose()


@pytest.mark.parametrize(
    ("writes", "after"),
    named(
        {
            "nothing written": (0, False),
            "nothing written, late": (0, True),
            "one written": (1, False),
            "one written, late": (1, True),
        },
        quick=["one written"],
    ),
)
def test_a_decision_that_was_not_finished_is_not_gone_on_with_once_it_is_undone(writes: int, after: bool) -> None:
    start = _edited_on_both("delete")
    log = _log(start, _by_a_person)
    at = [n for n, what in enumerate(log) if what.startswith("PATCH")][writes]
    two = _stopped(start, _by_a_person, at, after=after)
    run = next(iter(two.session().runs())).run_id
    undone = two.session().undo(run)
    assert _titles(two) == ("Clerk", "Chief")
    waits = (writes, after) == (0, False)
    assert [line.outcome for line in undone.lines] == (["skipped"] if waits else ["updated"] * (writes + after))
    two.clock.pass_by(DAY)
    two.session().sync(full=True)
    assert _titles(two) == ("Clerk", "Chief"), "nobody goes on with it"
    # What was decided and undone stays as it is; of what was not even written a person decides once more.
    assert len(two.session().conflicts()) == waits
    two.engine.dispose()
    start.engine.dispose()
