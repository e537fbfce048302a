"""The verb that opens the console in a browser on this machine."""

from __future__ import annotations

import argparse
import getpass

from keapbridge.command.codes import OK
from keapbridge.command.sessions import opened, served, session_arguments
from keapbridge.command.verbs import Verb, by_name
from keapbridge.model.accepted import person

__all__ = ["PORT", "VERBS", "port_argument", "tell_link", "this_person"]

PORT = 8765


def port_argument(parser: argparse.ArgumentParser) -> None:
    """Where it is served."""
    parser.add_argument("--port", type=_port, default=PORT, metavar="N", help=f"0 for any that is free ({PORT})")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"must be the number of a port, not {text!r}")
    return int(text)


def this_person(by: str | None) -> str:
    """Who is at this machine."""
    if by is None:
        try:
            by = getpass.getuser()
        except (OSError, KeyError):  # an account without a name
            by = "somebody at this machine"
    return person(by) or by


def tell_link(link: str) -> None:
    """Where the console is. Whoever has the link sees and decides everything."""
    print(
        f"The console is open for whoever has this link, on this machine alone:\n\n  {link}\n\nCtrl-C ends it.",
        flush=True,
    )


def _arguments(parser: argparse.ArgumentParser) -> None:
    session_arguments(parser)
    port_argument(parser)
    parser.add_argument("--by", metavar="NAME", help="who decides; the name that one is logged in with by default")


def _console(options: argparse.Namespace) -> int:
    from keapbridge.console.serving import serve

    name = this_person(options.by)
    with opened(options) as here:
        full_every = None if here.schedule is None else here.schedule.full_every
        served(here.session, lambda session: serve(session, name, options.port, tell_link, full_every))
    return OK


VERBS = by_name(
    Verb(
        "console",
        _arguments,
        _console,
        "Opens pages on which a person looks at plans, conflicts, failures and records, and decides. Served on "
        "127.0.0.1 alone, to whoever has the link that it prints; for others, mount kb.console.asgi_app in your own "
        "application.",
        (("console --session host.sync:open_session", "of your own session"),),
    )
)
