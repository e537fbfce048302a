"""How a run ends for a scheduler: what is new alarms, what is known already does not, unless it is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from itertools import islice
from typing import Final

from keapbridge.command.codes import BRAKE, OK, STOPPED, TRY_LATER, WANTS_A_PERSON
from keapbridge.command.printing import show_report
from keapbridge.command.sessions import Opened
from keapbridge.model.actions import EVERY_RECORD, HELD
from keapbridge.model.plan import Plan
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side

__all__ = ["code_of_plan", "code_of_report", "ended", "fail_on_argument"]

FAIL_ON: Final = ("new", "failed", "held", "conflict", "never")
_COUNTED: Final = ("failed", "held", "conflict")
LOOKED_AT = 10_000  # lines of a run before this one


def fail_on_argument(parser: argparse.ArgumentParser) -> None:
    """What ends with 3."""
    parser.add_argument(
        "--fail-on",
        action="append",
        choices=FAIL_ON,
        help="what ends with 3: new failures (the default), any failure, held fields, conflicts; never alarms for "
        "nothing, and for no brake; may be repeated",
    )


def code_of_plan(plan: Plan, fail_on: Collection[str] | None) -> int:
    """Whether something in a plan is what one wants to be alarmed for."""
    found = {heading for counts in plan.counts.values() for heading, number in counts.items() if number}
    alarms = (HELD in found and "held" in (fail_on or ())) or ("conflict" in found and "conflict" in (fail_on or ()))
    return WANTS_A_PERSON if alarms else OK


def code_of_report(report: Report, here: Opened, fail_on: Collection[str] | None) -> int:
    """How a run ended: stopped, held by a brake, with something that one wants to be alarmed for, or well."""
    wanted = frozenset(fail_on or ("new",))
    if not report.complete:
        return STOPPED if here.stopped.is_set() else TRY_LATER
    if "never" in wanted:
        return OK
    if _is_braked(report, here):
        return BRAKE
    if any(report.count(outcome) for outcome in wanted.intersection(_COUNTED)):
        return WANTS_A_PERSON
    return WANTS_A_PERSON if "new" in wanted and report.count("failed") and _is_new(report, here) else OK


def ended(report: Report, here: Opened, options: argparse.Namespace, *, lines: bool = False) -> int:
    """Print a report; how it ended."""
    show_report(report, options, lines=lines)
    return code_of_report(report, here, options.fail_on)


def _is_braked(report: Report, here: Opened) -> bool:
    """Whether a brake has held a field in this run."""
    if not report.count("held"):
        return False
    found = here.session.saved_plan(report.plan_id).findings
    braked = {(each.object, each.field) for each in found if each.accept is not None}
    return any(
        line.outcome == "held" and EVERY_RECORD in _ids(line) and {(line.object, f) for f in line.fields} & braked
        for line in (report.lines if braked else ())
    )


def _is_new(report: Report, here: Opened) -> bool:
    """Whether something failed that had not failed before: neither an earlier try, nor in the run before."""
    tries = {(f.object, f.side, f.id): f.tries for f in here.session.failures()}
    runs = [run.run_id for run in here.session.runs(limit=20) if run.started_at < report.started_at]
    before = set(map(str, islice(here.session.report(runs[0]).lines, LOOKED_AT))) if runs else set[str]()
    for line in report.failures:
        ids = zip(Side, _ids(line), strict=True)
        if max(tries.get((line.object, side, id), 0) for side, id in ids) <= 1 and str(line) not in before:
            return True
    return False


def _ids(line: Line) -> tuple[str, str]:
    return line.customcrm_id or "", line.keap_id or ""
