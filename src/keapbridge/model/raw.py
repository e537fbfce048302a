"""Values as their system shows them, in its own notation: what undoing a run puts back. Pure."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import attrs

from keapbridge.model.maybe import UNSET, Unreadable
from keapbridge.model.timed import TimedDate

__all__ = ["Path", "RawChange", "from_plain", "to_plain"]

Path = tuple[str, ...]
"""Where a value is in a record: an attribute; one of an object in it; an array, a slot, and what is in that."""


@attrs.frozen
class RawChange:
    """What a write has changed in one place of a record.

    Attributes:
        before: what the system showed there; `UNSET` where it showed nothing.
        after: what it showed there afterwards, or else what was sent.
    """

    path: Path
    before: Any = attrs.field(repr=False)
    after: Any = attrs.field(repr=False)


LARGEST = 2**63 - 1
_TEXTS: Mapping[type, tuple[str, Callable[[Any], str], Callable[[str], Any]]] = {
    datetime: ("datetime", datetime.isoformat, datetime.fromisoformat),
    TimedDate: ("timed", lambda value: value.sent, TimedDate.of),
    date: ("date", date.isoformat, date.fromisoformat),
    time: ("time", time.isoformat, time.fromisoformat),
    Decimal: ("decimal", str, Decimal),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode(), base64.b64decode),
    int: ("int", str, int),  # of more than 64 bits
    float: ("float", repr, float),  # infinite, or none
    str: ("text", lambda value: base64.b64encode(value.encode("utf-8", "surrogatepass")).decode(),
          lambda text: base64.b64decode(text).decode("utf-8", "surrogatepass")),
}  # fmt: skip
_READ = {name: read for name, _, read in _TEXTS.values()}


def to_plain(value: Any) -> Any:
    """A value as JSON can carry it, with its type.

    Raises:
        TypeError: for one of a type that is not known.
    """
    if _is_plain(value):
        return value
    if value is UNSET:
        return {"unset": True}
    if type(value) is Unreadable:
        return {"unreadable": [value.reason, to_plain(value.raw)]}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("an object with names that are no texts")
        return {"object": {key: to_plain(part) for key, part in value.items()}}
    if type(value) is list:
        return [to_plain(part) for part in value]
    if type(value) is tuple:
        return {"tuple": [to_plain(part) for part in value]}
    if type(value) not in _TEXTS:
        raise TypeError(type(value).__name__)
    name, write, _ = _TEXTS[type(value)]
    return {name: write(value)}


def _is_plain(value: Any) -> bool:
    """Whether JSON carries it as it is."""
    if value is None or type(value) is bool:
        return True
    if type(value) is str:
        return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)
    if type(value) is int:
        return abs(value) <= LARGEST
    return type(value) is float and abs(value) < float("inf")


def from_plain(plain: Any) -> Any:
    """The value that `to_plain` has made this of."""
    if type(plain) is list:
        return [from_plain(part) for part in plain]
    if type(plain) is not dict:
        return plain
    [(name, content)] = plain.items()
    match name:
        case "unset":
            return UNSET
        case "unreadable":
            return Unreadable(content[0], from_plain(content[1]))
        case "object":
            return {key: from_plain(part) for key, part in content.items()}
        case "tuple":
            return tuple(from_plain(part) for part in content)
        case _:
            return _READ[name](content)
