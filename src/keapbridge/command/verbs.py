"""Which verbs there are: by family, each with what it does. Light, so that the help is there at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence

import attrs

from keapbridge.model.meant import is_meant
from keapbridge.model.names import ORDER

__all__ = ["FAMILIES", "TITLES", "Verb", "by_name", "object_argument", "object_name"]


@attrs.frozen
class Verb:
    """One verb.

    Attributes:
        arguments: adds what it takes to its parser.
        run: does it; the exit code.
        description: what its own help says beyond the line in `FAMILIES`.
        examples: command lines, as they stand behind `keapbridge`, each with what it is for.
    """

    name: str
    arguments: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace], int]
    description: str = ""
    examples: Sequence[tuple[str, str]] = ()


def by_name(*verbs: Verb) -> Mapping[str, Verb]:
    """The verbs of a family, as its module gives them."""
    return {verb.name: verb for verb in verbs}


def object_name(text: str) -> str:
    """The name of one of the three, as an argument.

    Raises:
        ArgumentTypeError: for any other, with the one that may be meant.
    """
    if text not in ORDER:
        others = f"; there are {', '.join(ORDER)}"
        raise argparse.ArgumentTypeError(f"there is no {text!r}{is_meant(text, ORDER) or others}")
    return text


def object_argument(parser: argparse.ArgumentParser, *, is_needed: bool = False) -> None:
    """Which of the three synchronizations, by default all."""
    parser.add_argument(
        "object",
        nargs=None if is_needed else "?",
        type=object_name,
        choices=ORDER,
        metavar="OBJECT",
        help=f"{', '.join(ORDER[:-1])} or {ORDER[-1]}{'' if is_needed else '; all by default'}",
    )


FAMILIES: Mapping[str, Mapping[str, str]] = {
    "starting": {
        "init": "write a configuration file to begin with",
        "check": "tell what is wrong with a configuration",
        "inspect": "look at a database, and propose how it is declared",
        "detect": "look at a REST API, and propose how it is declared",
        "probe": "find out how a Keap behaves, by experiments in a sandbox",
    },
    "running": {
        "plan": "say what a sync would do, and keep that as a plan",
        "apply": "do what a plan says",
        "sync": "plan and apply",
        "undo": "take a run back",
    },
    "looking": {
        "runs": "list the runs, newest first",
        "report": "show what a run did",
        "conflicts": "list what waits for a decision",
        "failures": "list the records that failed",
        "explain": "tell what is known of a record, and what the next sync would do",
    },
    "deciding": {
        "resolve": "settle a conflict",
        "retry": "let records that failed take part again",
        "forget": "erase what the store knows of a person",
        "rebind": "let the store belong to other systems",
    },
    "consoles": {
        "console": "open pages in a browser, on which a person looks and decides",
    },
    "documents": {
        "demo": "show the three synchronizations between two emulators",
        "dataflow": "print the dataflow document",
        "qa": "execute the checklist of the dataflow document",
        "completion": "print the script by which a shell completes this command",
    },
    "trying": {
        "kit": "find out whether a CRM keeps what the engine relies on",
    },
    "storing": {
        "backup": "copy a link store on SQLite to a new file",
        "migrate": "make the tables of a link store, or bring them up to date",
    },
    "fleets": {
        "fleet": "tell how the tenants of a fleet stand, handle them, or work for them",
    },
}
"""Module of this package → the verbs in it, each with a line for the help."""

TITLES: Mapping[str, str] = {
    "starting": "to begin with",
    "running": "to sync",
    "looking": "to look",
    "deciding": "to decide",
    "consoles": "to look and decide in a browser",
    "documents": "to show, and to check",
    "trying": "to try a CRM",
    "storing": "to keep the store",
    "fleets": "for many tenants",
}
"""What the verbs of a family are for."""
