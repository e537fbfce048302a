"""The command `keapbridge`: which verbs there are, and what becomes of what they raise.

Each verb is thin over the library. The families of verbs are modules beside this one, imported when one of their verbs
is called.
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from keapbridge._version import __version__
from keapbridge.command.codes import BRAKE, CANNOT, OK, STOPPED, TRY_LATER, USAGE
from keapbridge.command.colours import painted, wants_colours
from keapbridge.command.verbs import FAMILIES, TITLES, Verb
from keapbridge.model.meant import is_meant

__all__ = ["main", "whole_parser"]

_CODES = """\
exit codes:
  0    it is done; what failed, or is held, was so before
  1    it cannot: the configuration, the access, a system that refuses
  2    the arguments
  3    it is done, and something new wants a person: see --fail-on
  4    a brake holds it, or a field of it: see --accept
  75   nothing is wrong but the moment: try later
  130  it was told to stop
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: what stands behind `keapbridge`; without it, what this process was started with.

    Returns:
        The exit code; see `keapbridge --help`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names of all the world on a terminal that may know only some letters.
            stream.reconfigure(errors="backslashreplace")
    _on_the_path(Path.cwd())
    if not given:
        _parser({}).print_help()
        return OK
    verb = _verb(given)
    if verb is None and (word := _word(given)) is not None:
        return _end(
            USAGE, f"there is no verb {word!r}{is_meant(word, _verbs())}; without arguments it shows which there are"
        )
    options, unknown = _parser({} if verb is None else {verb.name: verb}).parse_known_args(given)
    if unknown:
        options.its.error(f"it takes no {' '.join(unknown)}{is_meant(unknown[0], options.its.options())}")
    assert verb is not None  # the parser has ended the process for any other word
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return _run(verb, options)


def _run(verb: Verb, options: argparse.Namespace) -> int:
    from keapbridge.errors import BrakeError, KeapbridgeError, TryLaterError

    try:
        return verb.run(options)
    except BrakeError as error:
        if options.debug:
            raise
        return _end(BRAKE, f"{error}. Here that is --accept NAME")
    except TryLaterError as error:
        if options.debug:
            raise
        at = "" if error.retry_at is None else f"; as of {error.retry_at:%Y-%m-%d %H:%M:%S} UTC"
        return _end(TRY_LATER, f"try later{at}: {error}")
    except (KeapbridgeError, OSError, ImportError) as error:
        if options.debug:
            raise
        return _end(CANNOT, str(error) or type(error).__name__)
    except (ValueError, TypeError, LookupError) as error:  # what is checked before anything is done
        if options.debug:
            raise
        return _end(USAGE, str(error) or type(error).__name__)
    except KeyboardInterrupt:
        return _end(STOPPED, "interrupted")
    except Exception as error:
        if options.debug:
            raise
        return _end(CANNOT, f"a fault of its own: {type(error).__name__}: {error} (--debug shows where)")


def _end(code: int, what: str) -> int:
    told = f"keapbridge: {what}"
    print(painted(told) if wants_colours(sys.stderr) else told, file=sys.stderr)
    return code


def whole_parser() -> argparse.ArgumentParser:
    """The parser with all verbs complete, for which all of them are imported."""
    return _parser({name: _found(family, name) for family, verbs in FAMILIES.items() for name in verbs}, verbs="")


def _verb(arguments: Sequence[str]) -> Verb | None:
    """The verb that is called, whose module alone is imported."""
    name = _word(arguments)
    return next((_found(family, name) for family, verbs in FAMILIES.items() if name in verbs), None) if name else None


def _found(family: str, name: str) -> Verb:
    verb: Verb = importlib.import_module(f"keapbridge.command.{family}").VERBS[name]
    return verb


def _word(arguments: Sequence[str]) -> str | None:
    """The first argument that is no option."""
    return next((each for each in arguments if not each.startswith("-")), None)


def _verbs() -> list[str]:
    return [name for verbs in FAMILIES.values() for name in verbs]


class _Parser(argparse.ArgumentParser):
    """A parser that tells which word is meant by one that there is not; those of its parts are such parsers, too."""

    def options(self) -> list[str]:
        """The names of its options."""
        return list(self._option_string_actions)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            words = [str(each) for each in action.choices]
            hint = is_meant(value, words) or f" ({', '.join(words)})"
            raise argparse.ArgumentError(action, f"there is no {value!r}{hint}")


def _parser(complete: dict[str, Verb], *, verbs: str = argparse.SUPPRESS) -> argparse.ArgumentParser:
    """The parser, with the arguments of those verbs that are complete.

    Args:
        verbs: what argparse's own list of verbs is headed with; by default there is ours alone.
    """
    parser = _Parser(
        prog="keapbridge",
        usage="keapbridge [--version] VERB …",
        description=f"Keeps a CRM and Keap in sync.\n\n{_listed()}",
        epilog=f"{_CODES}\nkeapbridge VERB --help tells what a verb takes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"keapbridge {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, help=verbs)
    for family in FAMILIES.values():
        for name, help in family.items():
            its: Any = commands.add_parser(
                name,
                help=help,
                prog=f"keapbridge {name}",
                description=f"{help[:1].upper()}{help[1:]}.",
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
            if (verb := complete.get(name)) is not None:
                its.description = fill(verb.description or its.description, 78)
                its.epilog = _examples(verb)
                verb.arguments(its)
            its.set_defaults(its=its)
            its.add_argument("--debug", action="store_true", help="show where an error comes from")
    return parser


def _listed() -> str:
    """The verbs by what they are for."""
    parts = []
    for family, verbs in FAMILIES.items():
        lines = (f"  {name:<11} {help}" for name, help in verbs.items())
        parts.append("\n".join([f"{TITLES[family]}:", *lines]))
    return "\n\n".join(parts)


def _examples(verb: Verb) -> str | None:
    width = max((len(line) for line, _ in verb.examples), default=0)
    lines = (f"  keapbridge {line:<{width}}  {what}".rstrip() for line, what in verb.examples)
    return "\n".join(["examples:", *lines]) if verb.examples else None


def _on_the_path(folder: Path) -> None:
    """What is in the current folder can be imported, as with `python -m`."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    print(f"keapbridge: warning: {message}", file=sys.stderr)
