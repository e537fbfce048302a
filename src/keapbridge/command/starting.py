"""Verbs to begin with: `init` and `check`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from keapbridge.command.codes import OK, WANTS_A_PERSON
from keapbridge.command.printing import json_argument, print_json
from keapbridge.command.sessions import FILE, opened, session_arguments
from keapbridge.command.verbs import Verb

__all__ = ["VERBS"]


def _init_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", default=FILE, metavar="PATH", help="the new file (./%(default)s)")


def _init(options: argparse.Namespace) -> int:
    from keapbridge.configuration.template import TEMPLATE

    path = Path(options.path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise ValueError(f"{path} is there already, and is not overwritten") from None
    config = "" if path == Path(FILE) else f" --config {path}"
    print(
        f"wrote {path}: say in it which systems they are, then\n  keapbridge check{config}\n  keapbridge plan{config}"
    )
    return OK


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    session_arguments(parser)
    json_argument(parser)


def _check(options: argparse.Namespace) -> int:
    with opened(options) as here:
        found = here.session.check()
    if options.json:
        print_json(list(found))
    else:
        print(found)
    return WANTS_A_PERSON if found.errors or found.warnings else OK


VERBS: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("init", _init_arguments, _init),
        Verb(
            "check",
            _check_arguments,
            _check,
            "Holds the configuration against itself and against both systems. Writes to neither; ends with 1 when "
            "something is found.",
        ),
    )
}
