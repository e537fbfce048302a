"""Runs: a plan is applied once; what was done is told in lines, and how far all was read is remembered at the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kept import CUSTOMCRM, KEAP, NOON, TOYS, begin_run, entry, line, link, run

from keapbridge.model.kept import Commit
from keapbridge.model.plan import Create
from keapbridge.model.records import Link
from keapbridge.store.sql import LinkStore, core

LATER = NOON + timedelta(days=1)


def test_a_plan_is_applied_once(toys: LinkStore) -> None:
    begin_run(toys, "one")
    assert not run(toys.runs.begin("plan", "two", NOON))
    assert not run(toys.runs.begin("unknown", "three", NOON))
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


@pytest.mark.parametrize("complete", [False, True])
def test_only_a_complete_run_moves_the_watermarks(toys: LinkStore, complete: bool) -> None:
    assert run(toys.staging.watermark(TOYS, KEAP)) is None
    begin_run(toys)
    run(toys.plans.finish("plan", {}, {}, {TOYS: {"keap": LATER}}, {}))
    assert run(toys.staging.watermark(TOYS, KEAP)) is None
    run(toys.runs.finish("run", LATER, {}, complete=complete))
    assert run(toys.staging.watermark(TOYS, KEAP)) == (LATER if complete else None)
    assert run(toys.staging.watermark(TOYS, CUSTOMCRM)) is None


def test_what_was_settled_without_a_run_is_told_once(toys: LinkStore) -> None:
    waiting = [line(id) for id in "abc"]
    train = line("t", name="trains")
    run(toys.links.settle([Commit(TOYS, Link("a", "A"), {}, lines=(*waiting, train))]))
    begin_run(toys)
    assert run(toys.runs.claim_lines("run", [TOYS])) == waiting
    assert run(toys.runs.claim_lines("next", [TOYS])) == []
    assert list(run(toys.runs.finish("run", NOON, {}, complete=True)).lines) == waiting
    assert run(toys.runs.claim_lines("next", ["trains"])) == [train]


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


def test_a_bridge_neither_runs_nor_forgets_the_plans_of_another(toys: LinkStore, others: LinkStore) -> None:
    link(toys, "a", "A", lines=(line("a"),))
    run(toys.plans.begin("plan", NOON, [TOYS]))
    assert not run(others.runs.begin("plan", "run", NOON))
    assert run(others.runs.claim_lines("run", [TOYS])) == []
    run(others.runs.prune(LATER, timedelta(0)))
    assert run(toys.plans.get("plan")) is not None
