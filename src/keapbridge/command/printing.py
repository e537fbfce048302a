"""What verbs print: for people, or as JSON for scripts. Values of people's records only where a verb is for them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

import attrs

from keapbridge.command.colours import painted, wants_colours
from keapbridge.model.actions import describe
from keapbridge.model.plan import Plan
from keapbridge.model.report import Report

__all__ = ["json_argument", "plan_data", "print_json", "report_data", "show", "show_report"]


def json_argument(parser: argparse.ArgumentParser) -> None:
    """For scripts."""
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def show(what: object) -> None:
    """Print something for people: in colours, where it is a terminal that reads it."""
    print(painted(str(what)) if wants_colours(sys.stdout) else what)


def print_json(data: Any) -> None:
    """Print a value as JSON; moments in ISO 8601."""
    print(json.dumps(data, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        shown = (f for f in attrs.fields(type(value)) if not f.name.startswith("_"))
        return {f.name: getattr(value, f.name) for f in shown}
    if isinstance(value, Mapping):
        return dict(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def plan_data(plan: Plan, *, actions: bool) -> dict[str, Any]:
    """A plan for JSON."""
    data: dict[str, Any] = {
        "id": plan.id,
        "created_at": plan.created_at,
        "purpose": plan.purpose,
        "objects": plan.objects,
        "is_empty": plan.is_empty,
        "counts": plan.counts,
        "unchanged": plan.unchanged,
        "findings": [describe(found) for found in plan.findings],
    }
    return data | ({"actions": [describe(action) for action in plan.actions]} if actions else {})


def report_data(report: Report, *, lines: bool) -> dict[str, Any]:
    """A report for JSON."""
    data: dict[str, Any] = {
        "run_id": report.run_id,
        "plan_id": report.plan_id,
        "started_at": report.started_at,
        "ended_at": report.ended_at,
        "complete": report.complete,
        "ok": report.ok,
        "by": report.by,
        "objects": report.objects,
        "counts": report.counts,
    }
    return data | ({"lines": list(report.lines)} if lines else {})


def show_report(report: Report, options: argparse.Namespace, *, lines: bool = False) -> None:
    """Print a report; without `lines` only the first of those that want a person."""
    if options.json:
        print_json(report_data(report, lines=lines))
        return
    show(report.summary if lines else report)
    for line in report.lines if lines else ():
        print(f"  {line}")
