"""Verbs that plan and write: `plan`, `apply`, `sync`, `undo`."""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from keapbridge._clock import utc_now
from keapbridge.command.codes import OK
from keapbridge.command.ending import code_of_plan, ended, fail_on_argument
from keapbridge.command.printing import json_argument, plan_data, print_json, show, show_report
from keapbridge.command.sessions import Opened, opened, session_arguments, wait_arguments
from keapbridge.command.verbs import Verb, by_name, object_argument
from keapbridge.errors import BrakeError, TryLaterError
from keapbridge.model.actions import describe
from keapbridge.model.plan import Plan
from keapbridge.tables import read_approvals

if TYPE_CHECKING:
    from keapbridge.model.report import Report

__all__ = ["VERBS", "by_argument"]


def by_argument(parser: argparse.ArgumentParser) -> None:
    """Who decides."""
    parser.add_argument("--by", default=_login(), metavar="NAME", help="who decides; it is kept (your login name)")


def _login() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a process of nobody
        return None


def _common(parser: argparse.ArgumentParser) -> None:
    session_arguments(parser)
    wait_arguments(parser)
    parser.add_argument(
        "--deadline", type=_minutes, metavar="MINUTES", help="how long it may take; the next run goes on"
    )
    fail_on_argument(parser)
    json_argument(parser)


def _minutes(text: str) -> timedelta:
    try:
        found = timedelta(minutes=float(text))
    except (ValueError, OverflowError):
        found = timedelta(0)
    if found <= timedelta(0):
        raise argparse.ArgumentTypeError(f"must be a number of minutes, more than 0, not {text!r}")
    return found


def _accept(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        type=_accepted,
        metavar="NAME",
        help="what a brake holds and is right, by the name that it tells (first-creates, contacts.JobTitle), or "
        "restored=SIDE; may be repeated",
    )


def _accepted(text: str) -> str | dict[str, str]:
    name, equals, side = text.partition("=")
    return {name: side} if equals else text


def _plan_arguments(parser: argparse.ArgumentParser) -> None:
    object_argument(parser)
    parser.add_argument("--full", action="store_true", help="read everything: finds deletions, too")
    parser.add_argument("--actions", action="store_true", help="show every action, with the values it changes")
    parser.add_argument("--sheet", metavar="FILE", help="write it to a .xlsx or .csv file, to be approved row by row")
    _common(parser)


def _plan(options: argparse.Namespace) -> int:
    with opened(options) as here:
        part: Any = here.session if options.object is None else getattr(here.session, options.object)
        plan = part.plan(full=options.full, wait=options.wait, deadline=options.deadline)
        if options.sheet is not None:
            _write_sheet(plan, options.sheet)
        return _show_plan(plan, options)


def _write_sheet(plan: Plan, path: str) -> None:
    if path.lower().endswith(".csv"):
        plan.to_csv(path)
    else:
        plan.to_excel(path)


def _show_plan(plan: Plan, options: argparse.Namespace) -> int:
    if options.json:
        print_json(plan_data(plan, actions=options.actions))
        return code_of_plan(plan, options.fail_on)
    show(plan)
    for action in plan.actions if options.actions else ():
        print(f"  {describe(action)}")
    if not plan.is_empty:
        print(f"apply it: keapbridge apply {plan.id}")
    return code_of_plan(plan, options.fail_on)


def _apply_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", metavar="PLAN", help="the id that `keapbridge plan` has shown")
    parser.add_argument("--only", metavar="FILE", help="what a person has approved in the file of `plan --sheet`")
    _accept(parser)
    by_argument(parser)
    _common(parser)


def _apply(options: argparse.Namespace) -> int:
    only = None if options.only is None else read_approvals(options.only)
    with opened(options) as here:
        return ended(
            here.session.apply(
                options.plan,
                only=only,
                wait=options.wait,
                deadline=options.deadline,
                accept=options.accept,
                by=options.by,
            ),
            here,
            options,
        )


def _sync_arguments(parser: argparse.ArgumentParser) -> None:
    object_argument(parser)
    parser.add_argument("--full", action="store_true", help="read everything: finds deletions, too")
    for side in ("keap", "customcrm"):
        parser.add_argument(
            f"--{side}",
            action="append",
            default=[],
            metavar="ID",
            help="only this record of the object; may be repeated",
        )
    parser.add_argument(
        "--repeat", action="store_true", help="go on until it is told to end, as often as [schedule] of the file says"
    )
    _accept(parser)
    parser.add_argument("--by", metavar="NAME", help="who decides, where something is accepted")
    _common(parser)


def _sync(options: argparse.Namespace) -> int:
    ids = {side: getattr(options, side) for side in ("keap", "customcrm")}
    if any(ids.values()) and options.object is None:
        raise ValueError("whose ids are they? as in: keapbridge sync contacts --keap 12")
    if options.repeat and (any(ids.values()) or options.accept):
        raise ValueError("--repeat goes with neither ids nor --accept, which are for one run")
    with opened(options) as here:
        if options.repeat:
            return _repeat(here, options)
        more = {"wait": options.wait, "deadline": options.deadline, "accept": options.accept, "by": options.by}
        part: Any = here.session if options.object is None else getattr(here.session, options.object)
        if any(ids.values()):
            return ended(part.sync_ids(**ids, **more), here, options)
        return ended(part.sync(full=options.full, **more), here, options)


def _repeat(here: Opened, options: argparse.Namespace) -> int:
    """Sync again and again. What is of the moment, or held by a brake, is told, and the next run tries again."""
    from keapbridge.configuration.file import Schedule

    schedule = here.schedule or Schedule()
    part: Any = here.session if options.object is None else getattr(here.session, options.object)
    full_at: datetime | None = None
    while not here.stopped.is_set():
        began = utc_now()
        is_due = schedule.full_every is not None and (full_at is None or began - full_at >= schedule.full_every)
        is_full = options.full or is_due
        try:
            report: Report = part.sync(full=is_full, wait=options.wait, deadline=options.deadline or schedule.deadline)
        except (TryLaterError, BrakeError) as error:
            print(f"{began:%Y-%m-%d %H:%M:%S} {error}", file=sys.stderr, flush=True)
        else:
            full_at = began if is_full and report.complete else full_at
            show_report(report, options)
            sys.stdout.flush()
        here.stopped.wait(max(0.0, (began + schedule.every - utc_now()).total_seconds()))
    return OK


def _undo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the id of the run, as `keapbridge runs` shows it")
    parser.add_argument("--plan", action="store_true", help="only show what taking it back would do")
    parser.add_argument("--actions", action="store_true", help="with --plan: show every action")
    by_argument(parser)
    _common(parser)


def _undo(options: argparse.Namespace) -> int:
    with opened(options) as here:
        if options.plan:
            return _show_plan(here.session.plan_undo(options.run), options)
        report = here.session.undo(options.run, wait=options.wait, deadline=options.deadline, by=options.by)
        return ended(report, here, options)


VERBS = by_name(
    Verb(
        "plan",
        _plan_arguments,
        _plan,
        "Looks at both systems and says what a sync would do. Writes to neither of them; the plan is kept.",
        (
            ("plan", "what all three would do"),
            ("plan contacts --full --actions", "every action, deletions among them"),
            ("plan --sheet plan.xlsx", "a sheet, to be approved row by row"),
        ),
    ),
    Verb(
        "apply",
        _apply_arguments,
        _apply,
        "Does what a plan says. What moved since is decided anew.",
        (
            ("apply 4f0c2b7a91de", "all of it"),
            ("apply 4f0c2b7a91de --only plan.xlsx", "what was approved"),
            ("apply 4f0c2b7a91de --accept first-creates", "although a brake holds it"),
        ),
    ),
    Verb(
        "sync",
        _sync_arguments,
        _sync,
        "Plans and applies. Its exit code tells a scheduler what is new.",
        (
            ("sync", "what was changed; every few minutes"),
            ("sync --full", "everything, deletions too; once a day"),
            ("sync contacts --keap 12 --keap 13", "two records"),
            ("sync --fail-on failed --fail-on held", "alarm for more than what is new"),
            ("sync --repeat", "again and again, by [schedule] of the file"),
        ),
    ),
    Verb(
        "undo",
        _undo_arguments,
        _undo,
        "Takes a run back on both sides. What was edited since is left alone, and reported.",
        (("undo 91de4f0c2b7a --plan --actions", "only show it"), ("undo 91de4f0c2b7a", "do it")),
    ),
)
