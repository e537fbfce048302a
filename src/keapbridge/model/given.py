"""What a host gives, checked before anything is done with it: as it is meant, or with what to write instead. Pure.

Every public callable asks here. What cannot be what is meant is a `TypeError`, a value that cannot be one a
`ValueError`; both name the argument and a right value, and repeat nothing that may be a secret or about a person.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar, get_args, get_type_hints

from keapbridge.model.checked import asked_id
from keapbridge.model.meant import is_meant

__all__ = [
    "checks",
    "count",
    "flag",
    "keywords",
    "kind",
    "missing_driver",
    "moment",
    "named_values",
    "one_id",
    "one_of",
    "option_names",
    "optional",
    "seconds",
    "several_ids",
    "several_texts",
    "share",
    "span",
    "takes_one",
    "telling_methods",
    "text",
    "whole",
    "wrong",
]

T = TypeVar("T")
M = TypeVar("M", bound=Callable[..., Any])
_NO_NAMES: Mapping[str, str] = {}


def kind(value: object) -> str:
    """What was given, in a word: never the value."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return "a text" if value.strip() else "an empty text"
    name = type(value).__name__
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"


def wrong(what: str, wanted: str, value: object) -> TypeError:
    """The error for what is of another type."""
    return TypeError(f"{what} takes {wanted}, not {kind(value)}")


# --- ids ---------------------------------------------------------------------------------------------------------


def one_id(what: str, value: Any, *, example: str = "'12'") -> str:
    """The id of a record: a text, or a number as databases have them."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise wrong(what, f"the id of a record, such as {what}={example}", value)
    try:
        return asked_id(value)
    except ValueError as error:
        raise ValueError(f"{what}: {error}; one is given as {what}={example}") from None


def several_ids(what: str, value: Any) -> tuple[str, ...]:
    """Ids of records, each once. A text is one id and not several of one letter."""
    if isinstance(value, (str, int, bytes)) or not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise wrong(what, f"several ids, such as {what}=['12']", value)
    return tuple(dict.fromkeys(one_id(what, each, example="['12']") for each in value))


# --- times -------------------------------------------------------------------------------------------------------


def seconds(what: str, value: Any, *, least: float = 0.0) -> float:
    """A number of seconds; a `timedelta` is taken, too."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong(what, f"a number of seconds, such as {what}=60", value)
    if not least <= value < math.inf:
        raise ValueError(f"{what} takes a number of seconds from {least:g} on, such as {what}=60, not {value!r}")
    return value


def span(what: str, value: Any, *, least: timedelta = timedelta(0), example: str = "timedelta(minutes=5)") -> timedelta:
    """How long something lasts."""
    if not isinstance(value, timedelta):
        raise wrong(what, f"a timedelta, such as {what}={example}", value)
    if value < least:
        raise ValueError(f"{what} takes a timedelta of {least} or more, such as {what}={example}, not {value}")
    return value


def moment(what: str, value: Any) -> datetime:
    """A moment, with its time zone."""
    example = f"{what}=datetime(2026, 1, 31, tzinfo=UTC)"
    if not isinstance(value, datetime):
        raise wrong(what, f"a datetime with a time zone, such as {example}", value)
    if value.tzinfo is None:
        raise ValueError(f"{what} takes a datetime with a time zone, such as {example}; this one has none")
    return value


# --- numbers, texts, choices ---------------------------------------------------------------------------------------


def whole(what: str, value: Any, *, least: int = 0, most: int | None = None, example: int | None = None) -> int:
    """A whole number."""
    shown = f"{what}={least if example is None else example}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(what, f"a whole number, such as {shown}", value)
    if value < least or (most is not None and value > most):
        up_to = "on" if most is None else f"to {most}"
        raise ValueError(f"{what} takes a whole number from {least} {up_to}, such as {shown}, not {value}")
    return value


def count(what: str, value: Any) -> int:
    """How many there may be."""
    return whole(what, value, example=50)


def share(what: str, value: Any) -> float:
    """A part of a whole."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong(what, f"a share from 0 to 1, such as {what}=0.05 for 5 %", value)
    if not 0 <= value <= 1:
        meant = f"; for {value:g} % it is {value / 100:g}" if 1 < value <= 100 else ""
        raise ValueError(f"{what} takes a share from 0 to 1, such as {what}=0.05 for 5 %, not {value!r}{meant}")
    return value


def flag(what: str, value: Any) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise wrong(what, f"{what}=True or {what}=False", value)
    return value


def text(what: str, value: Any, *, example: str, most: int = 255) -> str:
    """A text that is not empty."""
    if not isinstance(value, str):
        raise wrong(what, f"a text, such as {what}={example!r}", value)
    if not value.strip() or len(value) > most:
        raise ValueError(
            f"{what} takes a text of 1 to {most} characters, such as {what}={example!r}, not {kind(value)}"
        )
    return value


def several_texts(what: str, value: Any, *, example: str) -> tuple[str, ...]:
    """Texts, each once. A text is one and not several of one letter."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise wrong(what, f"several texts, such as {what}=[{example!r}]", value)
    several = tuple(dict.fromkeys(value))
    if any(not isinstance(each, str) or not each.strip() for each in several):
        raise wrong(what, f"several texts, such as {what}=[{example!r}]", value)
    return several


def named_values(what: str, value: Any, *, example: str) -> Mapping[str, Any]:
    """Values by name."""
    if not isinstance(value, Mapping) or any(not isinstance(name, str) or not name for name in value):
        raise wrong(what, f"values by name, such as {what}={example}", value)
    return value


def one_of(what: str, value: Any, types: type[T] | tuple[type[T], ...], example: str) -> T:
    """A value of one of these types."""
    if not isinstance(value, types):
        raise TypeError(f"{what} takes {example}, not {kind(value)}")
    return value


def takes_one(what: str, function: Callable[..., Any], given: str) -> None:
    """A function of the host's that is called with one value, as far as its signature can be known.

    Args:
        given: what it is called with, such as `"a kb.Contest"`.
    """
    if not callable(function):
        raise wrong(what, f"a function that is called with {given}", function)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(None)
    except TypeError:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        called = f"{getattr(function, '__module__', type(function).__module__)}.{name}"
        raise TypeError(f"{what}: {called}{signature} is called with one argument, {given}") from None


def optional(check: Callable[[str, Any], T]) -> Callable[[str, Any], T | None]:
    """A check that lets `None` pass."""
    return lambda what, value: None if value is None else check(what, value)


def option_names(who: str, given: Iterable[str], known: Collection[str], also: Mapping[str, str] = _NO_NAMES) -> None:
    """The names of options.

    Args:
        also: what some of them are called elsewhere, each with its name here.
    """
    for name in sorted(set(given) - set(known)):
        meant = is_meant(
            name,
            {**{other: each for other, each in also.items() if each in known}, **dict(zip(known, known, strict=True))},
        )
        raise TypeError(f"{who} has no option {name}{meant or '; it has ' + ', '.join(known)}")


def keywords(also: Mapping[str, str] = _NO_NAMES) -> Callable[[M], M]:
    """Tell which name is meant by a keyword that a public function, or the making of a public class, does not have.

    Nothing is looked at before a call has failed. Records of answers are made without it.

    Args:
        also: what the arguments are called elsewhere, each with its name here.
    """

    def decorate(made: M) -> M:
        if isinstance(made, type):
            cls: Any = made
            cls.__init__ = _telling(cls.__init__, cls.__name__, also)
            return cls  # type: ignore[no-any-return]
        told: Any = _telling(made, made.__name__, also)
        return told  # type: ignore[no-any-return]

    return decorate


C = TypeVar("C", bound=type)


def telling_methods(cls: C) -> C:
    """`keywords` for each public method of a class, but for those that take any name."""
    for name, method in list(vars(cls).items()):
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        kinds = [each.kind for each in inspect.signature(method).parameters.values()]
        if inspect.Parameter.VAR_KEYWORD in kinds or len(kinds) < 2:  # only self
            continue
        awaited = inspect.iscoroutinefunction(method)
        setattr(cls, name, (_telling_later if awaited else _telling)(method, name, _NO_NAMES))
    return cls


def _telling_later(call: Callable[..., Any], who: str, also: Mapping[str, str]) -> Callable[..., Any]:
    begin = _telling(call, who, also)

    @wraps(call)
    async def told(*args: Any, **given: Any) -> Any:
        try:
            begun = begin(*args, **given)
        finally:
            args, given = (), {}
        return await begun

    return told


def _telling(call: Callable[..., Any], who: str, also: Mapping[str, str]) -> Callable[..., Any]:
    @wraps(call)
    def told(*args: Any, **given: Any) -> Any:
        try:
            return call(*args, **given)
        except TypeError:
            if wrong := _wrong_name(call, who, len(args), tuple(given), also):
                raise wrong from None
            raise
        finally:
            args, given = (), {}  # there may be secrets among them, and reporters show the locals of frames

    return told


def _wrong_name(
    call: Callable[..., Any], who: str, many: int, given: Iterable[str], also: Mapping[str, str]
) -> TypeError | None:
    """What is said of a keyword that a call does not have; `None` where it has failed for another reason.

    Args:
        many: how many arguments were given by place.
    """
    parameters = inspect.signature(call).parameters.values()
    known = [each.name for each in parameters if each.kind in {each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD}]
    by_place = sum(each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD} for each in parameters)
    if many > by_place and not any(each.kind is each.VAR_POSITIONAL for each in parameters):
        by_name = [f"{each.name}=…" for each in parameters if each.kind is each.KEYWORD_ONLY]
        return TypeError(f"{who} takes no more by place; by name it takes {', '.join(by_name) or 'nothing'}")
    for each in parameters:
        if each.kind is each.VAR_KEYWORD:
            known += _options_of(call, each.name)
    try:
        option_names(who, given, [name for name in known if name != "self"], also)
    except TypeError as error:
        return error
    return None


def _options_of(call: Callable[..., Any], name: str) -> list[str]:
    """The options that a call takes as `**options: Unpack[…]`."""
    hint = get_type_hints(call)[name]
    return list(get_args(hint)[0].__annotations__)


def missing_driver(error: ImportError) -> str:
    """What to install for a database whose driver is not there."""
    name = (error.name or "").partition(".")[0]
    extra = {"psycopg": "keapbridge[postgresql]", "pymysql": "keapbridge[mysql]"}.get(name)
    meant = {
        "psycopg2": 'say postgresql+psycopg://… and pip install "keapbridge[postgresql]"',
        "MySQLdb": 'say mysql+pymysql://… and pip install "keapbridge[mysql]"',
    }.get(name)
    if meant is not None:
        return f"there is no {name}; {meant}"
    return f"there is no {name or 'such driver'}; " + (f'pip install "{extra}"' if extra else f"pip install {name}")


def checks(check: Callable[[str, Any], Any]) -> Callable[[Any, Any, Any], None]:
    """A check as a validator of an attrs class."""

    def validate(_: Any, attribute: Any, value: Any) -> None:
        check(attribute.name, value)

    return validate
