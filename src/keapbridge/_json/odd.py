"""Values that are not of their property's type, and are understood all the same: one by one, with patience. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any, TypeAlias, Union, get_args

import msgspec

__all__ = ["UNUSUAL", "Alone", "is_strict", "one_by_one", "strict_type"]

Alone: TypeAlias = Callable[[Any], Any]
"""Reads the value of a property by itself; fails where nobody understands it."""

UNUSUAL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec fails with where a text is of another type, or no JSON."""
_WITH_ZONE = Annotated[datetime, msgspec.Meta(tz=True)]  # one without a zone is not of its type


def strict_type(hint: Any) -> Any:
    """The type of a property as texts are held to it."""
    if datetime not in get_args(hint):
        return hint
    return Union[tuple(_WITH_ZONE if each is datetime else each for each in get_args(hint))]


@lru_cache(maxsize=256)
def _strict(hint: Any) -> Callable[[Any], Any]:
    return msgspec.json.Decoder(strict_type(hint)).decode


def is_strict(value: Any, hint: Any) -> bool:
    """Whether a value is of its property's type."""
    try:
        _strict(hint)(msgspec.json.encode(value))
    except (*UNUSUAL, UnicodeEncodeError):
        return False
    return True


def one_by_one(hint: Any, alone: Alone) -> Alone:
    """What reads the values of a property: the usual ones at once.

    What it returns raises `msgspec.ValidationError` where nobody understands one.
    """
    at_once = next((read for cls, read in _AT_ONCE.items() if cls in get_args(hint)), None)
    may_be_none = type(None) in get_args(hint)

    def read(value: Any) -> Any:
        if value is None and may_be_none:
            return None
        try:
            if at_once is not None:
                return at_once(value)
        except (TypeError, ValueError):
            pass
        try:
            return alone(value)
        except Exception as error:  # whatever a patient reader fails with
            raise msgspec.ValidationError("nobody understands it") from error

    return read


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("not a text: to be read with patience")
    return value


def _date(value: Any) -> date:
    if len(value) != len("2026-03-01"):
        raise ValueError("not a usual date: to be read with patience")
    return date.fromisoformat(value)


def _moment(value: Any) -> datetime:
    if value[-1:] != "Z" or len(value) > len("2026-03-01T12:30:00.123456Z"):
        raise ValueError("not a usual moment: to be read with patience")
    return datetime.fromisoformat(value)


_AT_ONCE: Mapping[type, Alone] = {str: _text, date: _date, datetime: _moment}
