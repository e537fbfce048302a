"""Values that are not of their property's type, and are understood all the same: one by one, with patience. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, TypeAlias, Union, get_args

import msgspec
from msgspec import UnsetType

__all__ = ["UNUSUAL", "Alone", "as_they_are", "is_strict", "one_by_one", "strict_type"]

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


def as_they_are(hint: Any) -> tuple[type, ...]:
    """The types of those values of a property that need not be read."""
    return tuple(each for each in (str, NoneType, UnsetType) if each in get_args(hint))


def one_by_one(hint: Any, alone: Alone) -> Alone:
    """What reads the others, the usual ones at once.

    What it returns raises `msgspec.ValidationError` where nobody understands one.
    """

    def patiently(value: Any) -> Any:
        try:
            return alone(value)
        except Exception as error:  # whatever a patient reader fails with
            raise msgspec.ValidationError("nobody understands it") from error

    usual = next((its for cls, its in _USUAL.items() if cls in get_args(hint)), None)
    return patiently if usual is None else usual(patiently)


def _dates(others: Alone) -> Alone:
    def read(value: Any) -> Any:
        try:
            if type(value) is str and len(value) == len("2026-03-01"):
                return date.fromisoformat(value)
        except ValueError:
            pass
        return others(value)

    return read


def _moments(others: Alone) -> Alone:
    def read(value: Any) -> Any:
        try:
            if type(value) is str and value[-1:] == "Z" and len(value) <= len("2026-03-01T12:30:00.123456Z"):
                return datetime.fromisoformat(value)
        except ValueError:
            pass
        return others(value)

    return read


_USUAL: Mapping[type, Callable[[Alone], Alone]] = {date: _dates, datetime: _moments}
