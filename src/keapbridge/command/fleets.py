"""The verb about a fleet: how it stands, who is in it, and the worker."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from keapbridge.command.codes import OK, WANTS_A_PERSON
from keapbridge.command.printing import json_argument, print_json
from keapbridge.command.verbs import Verb, by_name

if TYPE_CHECKING:
    from keapbridge.fleet import Fleet

__all__ = ["VERBS"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    whats = parser.add_subparsers(dest="what", required=True, metavar="WHAT")

    def add(name: str, help: str, *, tenant: bool = False) -> argparse.ArgumentParser:
        its = whats.add_parser(name, help=help, description=help[:1].upper() + help[1:] + ".")
        if tenant:
            its.add_argument("tenant", metavar="TENANT", help="its name")
        its.add_argument(
            "--fleet", required=True, metavar="MODULE:NAME", help="a Fleet, or a function that returns one"
        )
        if name != "worker":
            json_argument(its)
        return its

    add("status", "tell how all tenants stand")
    new = add("add", "add a tenant", tenant=True)
    new.add_argument("--settings", type=_settings, default={}, metavar="JSON", help="what the host needs to open it")
    new.add_argument("--every", type=_minutes, metavar="MINUTES", help="from one sync to the next (5)")
    new.add_argument("--full-every", type=_hours, metavar="HOURS", help="from one complete scan to the next (24)")
    new.add_argument("--weight", type=float, metavar="NUMBER", help="how much of a shared quota it has (1)")
    add("pause", "let a tenant rest", tenant=True)
    add("resume", "let a tenant go on, at once", tenant=True)
    add("remove", "take a tenant out of the fleet; its links stay", tenant=True)
    for name, help in (("run", "do what is due now, and end"), ("worker", "do what is due, until told to end")):
        add(name, help).add_argument(
            "--concurrency", type=int, default=8, metavar="NUMBER", help="how many tenants at once (8)"
        )


_HANDLING = frozenset({"add", "pause", "resume", "remove"})


def _settings(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("""takes values by name in JSON, such as '{"key": "vault:acme"}'""")
    return found


def _minutes(text: str) -> timedelta:
    return _span(text, timedelta(minutes=1))


def _hours(text: str) -> timedelta:
    return _span(text, timedelta(hours=1))


def _span(text: str, unit: timedelta) -> timedelta:
    try:
        found = float(text) * unit
    except (ValueError, OverflowError):
        found = timedelta(0)
    if found <= timedelta(0):
        raise argparse.ArgumentTypeError(f"must be a number, more than 0, not {text!r}")
    return found


@contextmanager
def _opened(name: str) -> Iterator[Fleet]:
    """The fleet of the host's; it is closed in the end if it was made for this.

    Raises:
        ValueError: when it is none.
    """
    from keapbridge._toml.named import a_kind_of, named
    from keapbridge.fleet import Fleet

    found: Any = named(name)
    with ExitStack() as stack:
        if callable(found) and not isinstance(found, Fleet):
            found = found()
            if isinstance(found, Fleet):
                stack.callback(found.close)
        if not isinstance(found, Fleet):
            raise ValueError(f"{name!r} gives {a_kind_of(found)}, and not a Fleet, or a function that returns one")
        yield found


def _fleet(options: argparse.Namespace) -> int:
    with _opened(options.fleet) as fleet:
        match options.what:
            case "status":
                return _status(fleet, options)
            case "add":
                fleet.tenants.add(_tenant(options))
            case "pause" | "resume" | "remove":
                getattr(fleet.tenants[options.tenant], options.what)()
            case "run":
                jobs = fleet.run_once(concurrency=options.concurrency)
                if options.json:
                    print_json({"jobs": jobs})
                else:
                    print(f"{jobs} jobs")
            case _:
                fleet.run_worker(concurrency=options.concurrency)
    if options.what in _HANDLING and options.json:
        print_json({options.what: options.tenant})
    return OK


def _status(fleet: Fleet, options: argparse.Namespace) -> int:
    status = fleet.status()
    if options.json:
        print_json(status.to_dicts())
    else:
        print(status)
    return WANTS_A_PERSON if any(each.in_row or each.conflicts or each.failures for each in status) else OK


def _tenant(options: argparse.Namespace) -> Any:
    from keapbridge.fleet import Tenant

    given = {name: getattr(options, name) for name in ("every", "full_every", "weight")}
    return Tenant(options.tenant, options.settings, **{name: each for name, each in given.items() if each is not None})


VERBS = by_name(
    Verb(
        "fleet",
        _arguments,
        _fleet,
        "Many tenants on many machines: a fleet that the host's own code makes.",
    )
)
