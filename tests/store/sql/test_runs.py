"""Runs: a plan is applied once; what was done is told in lines, and how far all was read is remembered at the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kept import CUSTOMCRM, KEAP, NOON, TOYS, begin_run, entry, line, link, run
from sqlalchemy import func, select

from keapbridge.model.actions import Create
from keapbridge.model.kept_in_store import Commit
from keapbridge.model.records import Link
from keapbridge.store import schema
from keapbridge.store.sql import LinkStore, core, runs

LATER = NOON + timedelta(days=1)


def test_a_plan_is_applied_once(toys: LinkStore) -> None:
    begin_run(toys, "one")
    assert run(toys.runs.begin("plan", "two", NOON, telling=[TOYS])) is None
    assert run(toys.runs.begin("unknown", "three", NOON)) is None
    assert run(toys.journal.of_run("one")) == []
    assert run(toys.journal.of_run("two")) is None


def test_a_report_tells_all_lines_in_order(toys: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "CHUNK", 2)
    begin_run(toys)
    lines = [line(id, "failed") for id in "abcde"]
    run(toys.runs.add_lines("run", lines[:3]))
    run(toys.runs.add_lines("another", [line("x")]))
    run(toys.runs.add_lines("run", lines[3:]))
    report = run(toys.runs.finish("run", LATER, {TOYS: {"failed": 5}}, complete=True))
    assert (report.run_id, report.plan_id, report.objects) == ("run", "plan", (TOYS,))
    assert (report.started_at, report.ended_at, report.counts) == (NOON, LATER, {TOYS: {"failed": 5}})
    assert list(report.lines) == report.failures == lines


def test_what_was_settled_without_a_run_is_told_once(toys: LinkStore) -> None:
    waiting = [line(id) for id in "abc"]
    train = line("t", name="trains")
    run(toys.links.settle([Commit(TOYS, Link("a", "A"), {}, lines=(*waiting, train))]))
    told = []
    for name, telling in (("one", []), ("two", [TOYS]), ("three", [TOYS, "trains"])):
        run(toys.plans.begin(f"plan {name}", NOON, [TOYS]))
        told.append(run(toys.runs.begin(f"plan {name}", name, NOON, telling=telling)))
    assert told == [[], waiting, [train]]
    assert list(run(toys.runs.finish("two", NOON, {}, complete=True)).lines) == waiting


def test_what_is_old_is_forgotten_and_nothing_else(toys: LinkStore) -> None:
    for name, at in (("old", NOON), ("new", LATER)):
        begin_run(toys, name, f"{name} plan", at)
        run(toys.plans.add_actions(f"{name} plan", 0, [Create(TOYS, KEAP, name, {"name": name})]))
        journal = (entry(KEAP, "A", name),)
        run(toys.links.commit(name, Commit(TOYS, Link("a", "A"), {}, journal=journal, lines=(line(name),))))
    kept, report = run(toys.plans.get("new plan")), run(toys.runs.finish("new", LATER, {}, complete=True))
    forgotten, old_report = run(toys.plans.get("old plan")), run(toys.runs.finish("old", LATER, {}, complete=True))
    run(toys.runs.prune(LATER, timedelta(0)))
    assert run(toys.plans.get("old plan")) is None
    assert run(toys.journal.of_run("old")) is None
    assert forgotten is not None
    assert list(forgotten.actions) == list(old_report.lines) == []
    assert run(toys.plans.get("new plan")) == kept is not None
    assert [each.source_id for each in kept.actions if isinstance(each, Create)] == ["new"]
    assert list(report.lines) == [line("new")]
    assert run(toys.journal.history(TOYS, KEAP, "A")) == [entry(KEAP, "A", "new")]
    assert run(toys.links.count(TOYS)) == 1


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_forgetting_goes_in_small_steps_and_half_of_it_is_nothing_to_work_with(
    toys: LinkStore, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(runs, "ROWS", rows)
    begin_run(toys, "old", "old plan", NOON)
    run(toys.plans.begin("waiting", NOON, [TOYS]))
    for plan in ("old plan", "waiting"):
        run(toys.plans.add_actions(plan, 0, [Create(TOYS, KEAP, str(n), {}) for n in range(5)]))
    run(toys.runs.add_lines("old", [line(str(n)) for n in range(5)]))
    journal = tuple(entry(KEAP, "A", str(n)) for n in range(5))
    run(toys.links.commit("old", Commit(TOYS, Link("a", "A"), {}, journal=journal)))

    def number() -> int:
        with toys.database.transaction() as c:
            tables = (schema.actions, schema.lines, schema.journal)
            return sum(c.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)

    before = number()
    while run(toys.runs.prune_step(LATER, timedelta(0))):
        now = number()
        assert 0 < before - now <= rows
        before = now
        left = run(toys.plans.get("waiting"))
        if left is not None and len(list(left.actions)) < 5:
            assert run(toys.runs.begin("waiting", "new", LATER)) is None
        assert run(toys.journal.of_run("old")) in (None, list(journal))
    assert number() == 0
    assert run(toys.plans.get("waiting")) is run(toys.journal.of_run("old")) is None


def test_what_is_to_be_forgotten_is_looked_for_once_an_hour(toys: LinkStore) -> None:
    week = timedelta(days=7)
    run(toys.runs.prune(NOON, week))
    for minutes, there in ((59, True), (61, False)):
        run(toys.plans.begin(f"plan {minutes}", NOON - 2 * week, [TOYS]))
        run(toys.runs.prune(NOON + timedelta(minutes=minutes), week))
        assert (run(toys.plans.get(f"plan {minutes}")) is not None) is there


def test_a_run_forgets_only_so_much(toys: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MANY", 2)
    monkeypatch.setattr(runs, "STEPS", 3)
    for n in range(10):
        run(toys.plans.begin(f"plan {n}", NOON, [TOYS]))
    left = []
    for _ in range(3):
        run(toys.runs.prune(LATER, timedelta(0)))
        left.append(sum(run(toys.plans.get(f"plan {n}")) is not None for n in range(10)))
    assert left == [4, 0, 0]


def test_a_bridge_neither_runs_nor_forgets_the_plans_of_another(toys: LinkStore, others: LinkStore) -> None:
    link(toys, "a", "A", lines=(line("a"),))
    run(toys.plans.begin("plan", NOON, [TOYS]))
    assert run(others.runs.begin("plan", "run", NOON, telling=[TOYS])) is None
    run(others.plans.begin("another", NOON, [TOYS]))
    assert run(others.runs.begin("another", "run", NOON, telling=[TOYS])) == []
    run(others.runs.prune(LATER, timedelta(0)))
    assert run(toys.plans.get("plan")) is not None


def test_runs_are_listed_newest_first_and_reports_come_back(toys: LinkStore) -> None:
    for n, (id, complete) in enumerate({"first": True, "second": False, "third": True}.items()):
        run(toys.plans.begin(f"plan of {id}", NOON, [TOYS], purpose="undo" if n else "sync"))
        assert run(toys.runs.begin(f"plan of {id}", id, NOON + timedelta(hours=n), "anna")) is not None
        run(toys.runs.add_lines(id, [line("a", "failed"), line("b", "created")]))
        if id != "third":
            run(toys.runs.finish(id, LATER, {TOYS: {"failed": n}}, complete=complete))
    runs = run(toys.runs.newest(2))
    assert [(r.run_id, r.complete, r.ended_at, r.purpose) for r in runs] == [
        ("third", False, None, "undo"),
        ("second", False, LATER, "undo"),
    ]
    [first] = run(toys.runs.newest(9))[2:]
    assert (first.ok, first.counts, first.plan_id, first.objects) == (
        True,
        {TOYS: {"failed": 0}},
        "plan of first",
        (TOYS,),
    )
    report = run(toys.runs.report("second"))
    assert report is not None
    assert (report.complete, report.by, report.counts) == (False, "anna", {TOYS: {"failed": 1}})
    assert [each.outcome for each in report.lines] == ["failed", "created"]
    cut_off = run(toys.runs.report("third"))
    assert cut_off is not None
    assert (cut_off.ended_at, cut_off.counts) == (None, {TOYS: {"failed": 1, "created in Customcrm": 1}})
    assert "not ended, with 1 failed" in str(cut_off)
    assert run(toys.runs.report("none")) is None


def test_runs_of_an_earlier_version_that_ended_count_as_complete(toys: LinkStore) -> None:
    begin_run(toys)
    run(toys.runs.finish("run", LATER, {}, complete=False))
    with toys.database.transaction() as c:
        c.execute(schema.runs.update().values(complete=None))
    assert run(toys.runs.newest(1))[0].complete


# --- in parts ---------------------------------------------------------------------------------------------------------


def _lines(store: LinkStore, object: str | None, outcome: str | None, limit: int) -> list[str]:
    """The records of all lines like that, gone through part by part."""
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        part, after = run(store.runs.page("run", object, outcome, after, limit))
        assert len(part) <= limit
        found += [str(each.customcrm_id) for each in part]
    return found


@pytest.mark.parametrize("limit", [1, 2, 50])
@pytest.mark.parametrize(
    ("object", "outcome", "ids"),
    [
        (None, None, "abcdef"),
        (TOYS, None, "abdf"),
        (None, "failed", "bcf"),
        (TOYS, "failed", "bf"),
        (None, "linked", "ad"),
        (None, "held", "e"),
        ("trains", "linked", ""),
    ],
)
def test_lines_of_a_run_are_gone_through_in_parts(
    toys: LinkStore, monkeypatch: pytest.MonkeyPatch, object: str | None, outcome: str | None, ids: str, limit: int
) -> None:
    monkeypatch.setattr(runs, "LOOKED_AT", 4)
    begin_run(toys)
    kinds = ("linked", "failed", "failed", "linked", "held", "failed")
    told = [line(id, kind, "trains" if id in "ce" else TOYS) for id, kind in zip("abcdef", kinds, strict=True)]
    run(toys.runs.add_lines("run", told))
    run(toys.runs.add_lines("another", [line("x", "failed")]))
    assert "".join(_lines(toys, object, outcome, limit)) == ids


def test_a_bridge_goes_through_no_run_of_another(toys: LinkStore, others: LinkStore) -> None:
    begin_run(toys)
    run(toys.runs.add_lines("run", [line("a")]))
    assert run(others.runs.page("run", None, None, 0, 9)) == ([], None)
    assert run(others.runs.report("run")) is None


def test_what_ended_a_run_before_its_time_is_kept(toys: LinkStore) -> None:
    begin_run(toys)
    assert run(toys.runs.finish("run", LATER, {}, complete=False, why="401: the key")).why == "401: the key"
    found = run(toys.runs.report("run"))
    assert found is not None
    assert (found.why, found.complete) == ("401: the key", False)
    assert [each.why for each in run(toys.runs.newest(9))] == ["401: the key"]


def test_what_a_run_wrote_to_some_records_alone(toys: LinkStore) -> None:
    begin_run(toys)
    links = [("a", "A"), ("b", "B")]
    for ours, theirs in links:
        journal = (entry(CUSTOMCRM, ours, "new"), entry(KEAP, theirs, "new"))
        run(toys.links.commit("run", Commit(TOYS, Link(ours, theirs), {}, journal=journal)))
    found = run(toys.journal.of_run("run", (TOYS, {CUSTOMCRM: "b", KEAP: "B"})))
    assert [(each.side, each.record_id) for each in found or ()] == [(CUSTOMCRM, "b"), (KEAP, "B")]
    assert run(toys.journal.of_run("run", (TOYS, {KEAP: "a"}))) == []
    assert run(toys.journal.of_run("another", (TOYS, {KEAP: "B"}))) is None
