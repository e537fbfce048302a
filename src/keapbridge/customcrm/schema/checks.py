"""What is not allowed as a value of a schema is an error that names its key."""

from __future__ import annotations

from typing import Any

import attrs

from keapbridge.customcrm.paths import steps
from keapbridge.model.maybe import UNSET

__all__ = ["at_least", "below_base", "filled", "one_of", "path", "paths", "statuses", "texts"]


PATH = "a property, names joined by dots, or an element of a list such as emails[0].value"


def _is_path(text: str) -> bool:
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
    if not isinstance(value, str) or not _is_path(value):
        raise ValueError(f"{attribute.name}: must be {PATH}, not {value!r}")


def filled(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ValueError(f"{attribute.name}: must be a text that is not empty, not {value!r}")


def at_least(least: int) -> Any:
    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{attribute.name}: must be a number from {least} on, not {value!r}")

    return check


def below_base(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value.startswith("/") or "?" in value):
        raise ValueError(f"{attribute.name}: must be a path from the base URL on, such as '/contacts', not {value!r}")


def texts(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    for name, text in value.items():
        if not isinstance(name, str) or not name or not isinstance(text, str) or not text:
            raise ValueError(f"{attribute.name}.{name}: must be a text that is not empty, not {text!r}")


def paths(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    texts(instance, attribute, value)
    for name, text in value.items():
        if not _is_path(text):
            raise ValueError(f"{attribute.name}.{name}: must be {PATH}, not {text!r}")


def statuses(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    for each in value:
        if not isinstance(each, int) or isinstance(each, bool) or not 400 <= each < 500 or each in {401, 429}:
            raise ValueError(f"{attribute.name}: must be statuses such as 403 and 404, not {each!r}")
