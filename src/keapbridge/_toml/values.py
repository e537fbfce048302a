"""Single values that TOML has no form for: nothing, decimal numbers, functions of the host's. Pure."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from keapbridge._toml.named import name_of, named

__all__ = ["from_plain", "to_plain"]


def to_plain(value: Any) -> Any:
    """A value as TOML has it: `{empty = true}`, `{decimal = "12.50"}`, `{function = "module:name"}`; lists.

    Raises:
        ValueError: for what nothing stands for.
    """
    if value is None:
        return {"empty": True}
    if isinstance(value, (str, bool, int, float, datetime, date)):
        return value
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return [to_plain(item) for item in sorted(value, key=repr)]
    if callable(value):
        return {"function": name_of(value)}
    raise ValueError(f"TOML has no form for {type(value).__name__}")


def from_plain(value: Any, where: str) -> Any:
    """The value that something in TOML stands for; a tuple for a list.

    Raises:
        ValueError: naming the key, for a table that stands for nothing.
    """
    match value:
        case {"empty": True, **rest} if not rest:
            return None
        case {"decimal": str(text), **rest} if not rest:
            try:
                return Decimal(text)
            except InvalidOperation:
                raise ValueError(f"{where}.decimal: {text!r} is no number") from None
        case {"function": function, **rest} if not rest:
            return _function(function, where)
        case dict():
            forms = '{empty = true}, {decimal = "12.50"} or {function = "module:name"}'
            raise ValueError(f"{where}: must be a value, {forms}, not {value!r}")
        case list():
            return tuple(from_plain(item, where) for item in value)
        case _:
            return value


def _function(name: Any, where: str) -> Any:
    if not isinstance(name, str):
        raise ValueError(f"{where}: must name a function of yours, as 'module:name', not {name!r}")
    try:
        found = named(name)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if not callable(found):
        raise ValueError(f"{where}: {name!r} is no function")
    return found
