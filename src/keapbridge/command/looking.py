"""Verbs that show what is kept: `runs`, `report`, `conflicts`, `failures`, `explain`. None of them writes anything."""

from __future__ import annotations

import argparse

from keapbridge.command.codes import OK
from keapbridge.command.ending import ended, fail_on_argument
from keapbridge.command.printing import json_argument, print_json, show
from keapbridge.command.sessions import opened, session_arguments
from keapbridge.command.verbs import Verb, by_name, object_argument

__all__ = ["VERBS", "record_arguments"]


def record_arguments(parser: argparse.ArgumentParser) -> None:
    """One record, by its id on one side."""
    object_argument(parser, is_needed=True)
    side = parser.add_mutually_exclusive_group(required=True)
    side.add_argument("--keap", metavar="ID", help="its id in Keap")
    side.add_argument("--customcrm", metavar="ID", help="its id in Customcrm")


def _common(parser: argparse.ArgumentParser) -> None:
    session_arguments(parser)
    json_argument(parser)


def _runs_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="how many at most (%(default)s)")
    _common(parser)


def _runs(options: argparse.Namespace) -> int:
    with opened(options) as here:
        runs = here.session.runs(limit=options.limit)
    if options.json:
        print_json(runs)
    for run in () if options.json else runs:
        print(run)
    return OK


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", metavar="RUN", help="its id; the newest run by default")
    parser.add_argument("--lines", action="store_true", help="show what happened to every record")
    fail_on_argument(parser)
    _common(parser)


def _report(options: argparse.Namespace) -> int:
    with opened(options) as here:
        run = options.run or next((run.run_id for run in here.session.runs(limit=1)), None)
        if run is None:
            raise ValueError("there has been no run yet")
        return ended(here.session.report(run), here, options, lines=options.lines)


def _conflicts(options: argparse.Namespace) -> int:
    with opened(options) as here:
        found = here.session.conflicts()
    if options.json:
        print_json(found)
    for c in () if options.json else found:
        where = f"{c.object} {c.customcrm_id} ↔ {c.keap_id} {c.field}"
        values = "" if c.customcrm is None and c.keap is None else f"{c.customcrm!r} in Customcrm, {c.keap!r} in Keap"
        print(": ".join(filter(None, (where, values, c.reason))))
    if found and not options.json:
        one = found[0]
        choice = "same|different" if one.about in {"stranger", "another"} else "customcrm|keap"
        print(f"decide: keapbridge resolve {one.object} {one.customcrm_id} {one.field} {choice}")
    return OK


def _failures(options: argparse.Namespace) -> int:
    with opened(options) as here:
        found = here.session.failures()
    if options.json:
        print_json(found)
    for f in () if options.json else found:
        again = "not by itself" if f.next_try_at is None else f"as of {f.next_try_at:%Y-%m-%d %H:%M:%S} UTC"
        print(f"{f.object} {f.side.title} {f.id}: {f.reason} ({f.tries} times; tried again {again})")
    return OK


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    record_arguments(parser)
    _common(parser)


def _explain(options: argparse.Namespace) -> int:
    with opened(options) as here:
        found = here.session.explain(options.object, keap=options.keap, customcrm=options.customcrm)
    if options.json:
        print_json(found)
    else:
        show(found)
    return OK


VERBS = by_name(
    Verb("runs", _runs_arguments, _runs, examples=(("runs --limit 100 --json", "for a script"),)),
    Verb(
        "report",
        _report_arguments,
        _report,
        "Shows what a run did: its counts, and what wants a person.",
        (("report", "the newest run"), ("report 91de4f0c2b7a --lines", "every record of this one")),
    ),
    Verb("conflicts", _common, _conflicts, "Lists what waits for a decision, and how it is decided."),
    Verb("failures", _common, _failures, "Lists the records that failed, and when they are tried again."),
    Verb(
        "explain",
        _explain_arguments,
        _explain,
        "Reads a record and its counterpart, and tells what the next sync would do, and what was written to them.",
        (("explain contacts --keap 12", "why a field is what it is"),),
    ),
)
