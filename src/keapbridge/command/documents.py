"""Verbs that need no session: the demo, the dataflow document and its checklist, the completion of a shell."""

from __future__ import annotations

import argparse
from typing import Any

from keapbridge.command.codes import CANNOT, OK
from keapbridge.command.consoles import port_argument, tell_link, this_person
from keapbridge.command.printing import json_argument, print_json, show
from keapbridge.command.verbs import Verb, by_name

__all__ = ["VERBS"]


def _mapping(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mapping",
        type=_mapper,
        action="append",
        default=[],
        metavar="MODULE:NAME",
        help="a mapper of your own (or a function that returns one), instead of the default one; may be repeated",
    )
    parser.add_argument("--config", metavar="PATH", help="the configuration file whose mappings are meant")


def _mappers(options: argparse.Namespace) -> list[Any]:
    """The mappings that a verb is about: those that are named, beside those of a configuration file."""
    if options.config is None:
        return list(options.mapping)
    from keapbridge.configuration import configuration

    return [*configuration(options.config).mapping.values(), *options.mapping]


def _mapper(name: str) -> Any:
    from keapbridge._toml.named import value_of
    from keapbridge.mapping import Mapper

    return _argument(lambda: value_of(name, Mapper, "a mapper (kb.mapping.contacts.with_lenses(…))"))


def _pair(name: str) -> Any:
    from keapbridge.qa import pair_of

    return _argument(lambda: pair_of(name))


def _argument(make: Any) -> Any:
    try:
        return make()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, help="the same data for the same seed")
    for what, number in (("customers", 200), ("contacts", 1000), ("products", 150)):
        parser.add_argument(
            f"--{what}", type=_number, default=number, metavar="N", help=f"how many {what} (%(default)s)"
        )

    parser.add_argument("--console", action="store_true", help="then open the console on this data")
    port_argument(parser)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a number from 1 on, not {text!r}")
    return int(text)


def _demo(options: argparse.Namespace) -> int:
    from keapbridge.demo import SEED, run

    seed = SEED if options.seed is None else options.seed
    numbers = {"customers": options.customers, "contacts": options.contacts, "products": options.products}
    if not options.console:
        return run(show, seed=seed, **numbers)
    from keapbridge.console import serving

    name, port = this_person(None), options.port
    return run(show, seed=seed, **numbers, then=lambda session: serving.run(session, name, port, tell_link))


def _dataflow_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("rst", "md", "html"), default="rst", help="its format (%(default)s)")
    _mapping(parser)


def _dataflow(options: argparse.Namespace) -> int:
    from keapbridge.mapping import dataflow_document
    from keapbridge.qa import mappers_of

    print(dataflow_document(list(mappers_of(_mappers(options)).values()), options.format), end="")
    return OK


def _qa_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pair",
        type=_pair,
        metavar="MODULE:NAME",
        help="two test systems of your own: a tuple (Customcrm, Keap), a context manager of one, or a function that "
        "returns either",
    )
    _mapping(parser)
    json_argument(parser)


def _qa(options: argparse.Namespace) -> int:
    from keapbridge.qa import results, run

    if not options.json:
        return run(mappers=_mappers(options), pair=options.pair)
    found = [
        {"check": str(each.check), "passed": each.passed, "reason": each.reason}
        for each in results(_mappers(options), options.pair)
    ]
    print_json(found)
    return CANNOT if any(each["passed"] is False for each in found) else OK


def _completion_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish", "tcsh"), metavar="SHELL", help="bash, zsh, fish, tcsh")


def _completion(options: argparse.Namespace) -> int:
    try:
        import shtab
    except ImportError as error:
        raise ValueError("completion needs shtab: pip install 'keapbridge[completion]'") from error
    from keapbridge.command import whole_parser

    print(shtab.complete(whole_parser(), options.shell))
    return OK


VERBS = by_name(
    Verb(
        "demo",
        _demo_arguments,
        _demo,
        "Shows the three synchronizations between two emulators. Needs no service and no account.",
    ),
    Verb("dataflow", _dataflow_arguments, _dataflow),
    Verb("qa", _qa_arguments, _qa, "Checks each property in each direction, by default between two emulators."),
    Verb(
        "completion",
        _completion_arguments,
        _completion,
        "Prints the script by which a shell completes verbs and options.",
        (
            ("completion bash > ~/.local/share/bash-completion/completions/keapbridge", ""),
            ("completion zsh > ~/.zfunc/_keapbridge", ""),
            ("completion fish > ~/.config/fish/completions/keapbridge.fish", ""),
        ),
    ),
)
