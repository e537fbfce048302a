"""What is not allowed as a value of a schema is an error that names its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from keapbridge.customcrm.paths import steps
from keapbridge.model.given import kind
from keapbridge.model.maybe import UNSET

__all__ = [
    "PATH",
    "alternatives",
    "at_least",
    "below_base",
    "filled",
    "flag",
    "format_of",
    "is_path",
    "made_of",
    "moment",
    "one_of",
    "path",
    "several",
    "statuses",
    "texts",
    "words",
    "zone",
]


PATH = "a property, names joined by dots, or an element of a list such as emails[0].value"


def is_path(text: str) -> bool:
    try:
        return bool(steps(text))
    except ValueError:
        return False


def one_of(*allowed: Any) -> Any:
    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in allowed:
            raise ValueError(f"{attribute.name}: must be one of {', '.join(map(repr, allowed))}, not {value!r}")

    return check


def path(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is None or value is UNSET:
        return
    if not isinstance(value, str) or not is_path(value):
        raise ValueError(f"{attribute.name}: must be {PATH}, not {value!r}")


def flag(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    at = value.removeprefix("!").partition("=")[0] if isinstance(value, str) else value
    if value is not None and (not isinstance(at, str) or not is_path(at)):
        raise ValueError(f"{attribute.name}: must be 'ok', 'data[0].code=SUCCESS' or '!error', not {value!r}")


def filled(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ValueError(f"{attribute.name}: must be a text that is not empty, not {value!r}")


def at_least(least: int) -> Any:
    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{attribute.name}: must be a number from {least} on, not {value!r}")

    return check


def below_base(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    may_lack = attribute.default is None
    if not (may_lack and value is None) and (not isinstance(value, str) or not value.startswith("/")):
        raise ValueError(f"{attribute.name}: must be a path from the base URL on, such as '/contacts', not {value!r}")


def made_of(*types: type | None) -> Any:
    """A part of a schema: a value of one of these classes, or `None` where that is among them."""
    classes = tuple(each for each in types if each is not None)

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, classes) and not (value is None and None in types):
            wanted = " or ".join(
                ["kb.customcrm." + each.__name__ + "(…)" for each in classes] + ["None"] * (None in types)
            )
            raise ValueError(f"{attribute.name}: must be {wanted}, not {kind(value)}")

    return check


def texts(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Mapping):
        wanted = "names with their texts, {'Email': 'mail'}"
        raise ValueError(f"{attribute.name}: must be {wanted}, not {kind(value)}")  # noqa: TRY004 - as all of a schema
    for name, text in value.items():
        if not isinstance(name, str) or not name or not isinstance(text, str) or not text:
            raise ValueError(f"{attribute.name}.{name}: must be a text that is not empty, not {text!r}")


def alternatives(path: str) -> tuple[str, ...]:
    """Several paths in one text, divided by bars: the later of their moments counts."""
    return tuple(each.strip() for each in path.split("|")) if path else ()


def moment(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is None or value is UNSET:
        return
    if not isinstance(value, str) or not all(map(is_path, alternatives(value))) or not value:
        raise ValueError(f"{attribute.name}: must be {PATH}, or several divided by |, not {value!r}")


def zone(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is UNSET:
        return
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ValueError(f"{attribute.name}: must be a time zone such as 'Europe/Oslo', not {value!r}") from None


def format_of(*known: str) -> Any:
    """A name that is known, or a pattern for `strftime`."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in known and not (isinstance(value, str) and "%" in value):
            raise ValueError(
                f"{attribute.name}: must be {', '.join(map(repr, known))} or a pattern with %, not {value!r}"
            )

    return check


def words(*known: str) -> Any:
    """A name that is known, or two words divided by a slash."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in known and not (isinstance(value, str) and all(value.partition("/"))):
            raise ValueError(
                f"{attribute.name}: must be {', '.join(map(repr, known))} or words as 'Y/N', not {value!r}"
            )

    return check


def several(value: Any) -> Any:
    """A list in one form; what is none is left for the check."""
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, (str, Mapping)) else value


def statuses(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    for each in value if isinstance(value, tuple) else (None,):
        if not isinstance(each, int) or isinstance(each, bool) or not 400 <= each < 500 or each in {401, 429}:
            raise ValueError(f"{attribute.name}: must be statuses such as 403 and 404, not {each!r}")
