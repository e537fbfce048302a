"""Verbs by which a person decides: `resolve`, `retry`, `forget`, `rebind`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from keapbridge.command.codes import OK, USAGE
from keapbridge.command.ending import ended, fail_on_argument
from keapbridge.command.looking import record_arguments
from keapbridge.command.printing import json_argument, print_json, show
from keapbridge.command.running import by_argument
from keapbridge.command.sessions import opened, session_arguments, wait_arguments
from keapbridge.command.verbs import Verb, by_name, object_argument

__all__ = ["VERBS"]

_DECISIONS = ("customcrm", "keap", "same", "different")


def _resolve_arguments(parser: argparse.ArgumentParser) -> None:
    object_argument(parser, is_needed=True)
    parser.add_argument("id", metavar="CUSTOMCRM_ID", help="the id of its record in Customcrm")
    parser.add_argument("field", metavar="FIELD", help="the field, as `keapbridge conflicts` shows it; * is the record")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "decision", nargs="?", choices=_DECISIONS, help="the side that is right, or whether it is the same"
    )
    how.add_argument("--value", metavar="TEXT", help="a text that both sides shall hold")
    how.add_argument(
        "--json-value", type=_json, metavar="JSON", help="any other value: 12, true, null (which clears it)"
    )
    by_argument(parser)
    session_arguments(parser)
    wait_arguments(parser)
    fail_on_argument(parser)
    json_argument(parser)


def _json(text: str) -> list[Any]:
    try:
        return [json.loads(text)]  # in a list: `null` is a value
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be JSON, such as 12, true or null, not {text!r}") from None


def _resolve(options: argparse.Namespace) -> int:
    value: dict[str, Any] = {}
    if options.json_value is not None:
        value = {"value": options.json_value[0]}
    elif options.value is not None:
        value = {"value": options.value}
    with opened(options) as here:
        part: Any = getattr(here.session, options.object)
        mine = [c for c in part.conflicts() if (c.customcrm_id, c.field) == (options.id, options.field)]
        if not mine:
            what = f"{options.object} {options.id} {options.field}"
            raise ValueError(f"there is no open conflict {what}; `keapbridge conflicts` shows which there are")
        report = here.session.resolve(mine[0], options.decision, by=options.by, wait=options.wait, **value)
        return ended(report, here, options)


def _retry_arguments(parser: argparse.ArgumentParser) -> None:
    object_argument(parser)
    for side in ("keap", "customcrm"):
        parser.add_argument(f"--{side}", action="append", default=[], metavar="ID", help="its id; may be repeated")
    parser.add_argument("--all", action="store_true", help="all that failed")
    session_arguments(parser)
    json_argument(parser)


def _retry(options: argparse.Namespace) -> int:
    named = bool(options.keap or options.customcrm)
    if named is options.all or (named and options.object is None):
        raise ValueError("which records? as in: keapbridge retry contacts --keap 12, or keapbridge retry --all")
    with opened(options) as here:
        if named:
            waited = getattr(here.session, options.object).retry(keap=options.keap, customcrm=options.customcrm)
            if not waited:
                raise LookupError("none of these waits: `keapbridge failures` lists the records that do")
        else:
            failed = [f for f in here.session.failures() if options.object in {None, f.object}]
            for f in failed:
                getattr(here.session, f.object).retry(**{f.side.value: [f.id]})
            waited = len(failed)
    _tell({"retried": waited}, f"{waited} records take part again, as of the next sync", options)
    return OK


def _tell(data: Any, words: object, options: argparse.Namespace) -> None:
    if options.json:
        print_json(data)
    else:
        show(words)


def _yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _is_sure(options: argparse.Namespace, what: str) -> bool:
    """Whether a person has said so: what is done here is not taken back."""
    if options.yes:
        return True
    if not sys.stdin.isatty():
        print(f"keapbridge: {what} This cannot be taken back: say --yes", file=sys.stderr)
        return False
    return input(f"{what} This cannot be taken back. Go on? [y/N] ").strip().lower() in {"y", "yes"}


def _forget_arguments(parser: argparse.ArgumentParser) -> None:
    record_arguments(parser)
    _yes(parser)
    session_arguments(parser)
    wait_arguments(parser)
    json_argument(parser)


def _forget(options: argparse.Namespace) -> int:
    who = f"Keap {options.keap}" if options.keap else f"Customcrm {options.customcrm}"
    if not _is_sure(options, f"All that the store knows of {options.object} {who} is erased."):
        return USAGE
    with opened(options) as here:
        done = here.session.forget(options.object, keap=options.keap, customcrm=options.customcrm, wait=options.wait)
    _tell(done, done, options)
    return OK


def _rebind_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep-links", action="store_true", help="for the same systems under other addresses")
    _yes(parser)
    session_arguments(parser)
    wait_arguments(parser)
    json_argument(parser)


def _rebind(options: argparse.Namespace) -> int:
    if not options.keep_links and not _is_sure(options, "All links, and what is known of both systems, are dropped."):
        return USAGE
    with opened(options) as here:
        dropped = here.session.rebind(keep_links=options.keep_links, wait=options.wait)
    _tell({"dropped": dropped}, f"the store belongs to these two systems now; {dropped} links were dropped", options)
    return OK


VERBS = by_name(
    Verb(
        "resolve",
        _resolve_arguments,
        _resolve,
        "Settles a conflict at once, in both systems.",
        (
            ("resolve contacts A7 Phone keap", "Keap is right"),
            ("resolve contacts A7 JobTitle --value Chief", "both shall hold this"),
            ("resolve contacts A7 BirthDate --json-value null", "both shall be empty"),
        ),
    ),
    Verb(
        "retry",
        _retry_arguments,
        _retry,
        "Lets records that failed, or that were unlinked, take part again.",
        (("retry contacts --keap 12", "this one"), ("retry --all", "all that failed")),
    ),
    Verb(
        "forget",
        _forget_arguments,
        _forget,
        "Erases what the store knows of a person; neither system is called.",
        (("forget contacts --keap 12 --yes", "without a question"),),
    ),
    Verb(
        "rebind",
        _rebind_arguments,
        _rebind,
        "Lets the store belong to the two systems of this session. Links are dropped, unless they are kept.",
    ),
)
