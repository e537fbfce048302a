"""The command line, thin: `keapbridge demo`, `dataflow`, `qa` and `backup`; `python -m keapbridge` is the same."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keapbridge._version import __version__

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: what stands behind `python -m keapbridge`; without it, what this process was started with.

    Returns:
        The exit code: 0 when all is well, 1 when the demo shows something that is not so or a check fails, 2 when a
        command cannot run.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of all the world on a terminal that may know only some letters.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    return _COMMANDS[options.command](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m keapbridge", description="Keeps a Customcrm and Keap in sync.")
    parser.add_argument("--version", action="version", version=f"keapbridge {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="show the three synchronizations between two emulators",
        description="Needs no service and no account.",
    )
    demo.add_argument("--seed", type=int, help="the same data for the same seed")
    for what, number in (("customers", 200), ("contacts", 1000), ("products", 150)):
        demo.add_argument(f"--{what}", type=_number, default=number, metavar="N", help=f"how many {what} (%(default)s)")
    dataflow = commands.add_parser("dataflow", help="print the dataflow document")
    dataflow.add_argument("--format", choices=("rst", "md", "html"), default="rst", help="its format (%(default)s)")
    qa = commands.add_parser(
        "qa",
        help="execute the checklist of the dataflow document",
        description="Checks each property in each direction, by default between two emulators.",
    )
    qa.add_argument(
        "--pair",
        type=_named,
        metavar="MODULE:NAME",
        help="a function that opens clients of two test systems, as a context manager (Customcrm, Keap)",
    )
    backup = commands.add_parser(
        "backup",
        help="copy a link store on SQLite to a new file",
        description="Copies it as it is at one moment, also while sessions are at work on it.",
    )
    backup.add_argument("store", metavar="STORE", help="its SQLAlchemy URL, such as sqlite:///bridge.db")
    backup.add_argument("path", metavar="PATH", help="the new file; what is there is not overwritten")
    for command in (dataflow, qa):
        command.add_argument(
            "--mapping",
            type=_named,
            action="append",
            default=[],
            metavar="MODULE:NAME",
            help="a mapper of your own, instead of the default one of its name; may be repeated",
        )
    return parser


def _named(name: str) -> Any:
    from keapbridge.qa import load

    try:
        return load(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _demo(options: argparse.Namespace) -> int:
    from keapbridge.demo import SEED, run

    seed = SEED if options.seed is None else options.seed
    return run(seed=seed, customers=options.customers, contacts=options.contacts, products=options.products)


def _dataflow(options: argparse.Namespace) -> int:
    from keapbridge.mapping import dataflow_document
    from keapbridge.qa import mappers_of

    print(dataflow_document(list(mappers_of(options.mapping).values()), options.format), end="")
    return 0


def _qa(options: argparse.Namespace) -> int:
    from keapbridge.qa import run

    return run(mappers=options.mapping, pair=options.pair)


def _backup(options: argparse.Namespace) -> int:
    from keapbridge.errors import LinkStoreError
    from keapbridge.store.backup import back_up_file

    try:
        back_up_file(options.store, options.path)
    except LinkStoreError as error:
        print(f"nothing was backed up: {error}", file=sys.stderr)
        return 2
    return 0


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "demo": _demo,
    "dataflow": _dataflow,
    "qa": _qa,
    "backup": _backup,
}


if __name__ == "__main__":
    sys.exit(main())
