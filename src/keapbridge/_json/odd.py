"""Values that are not of their property's type, and are understood all the same: one by one, with patience. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, TypeAlias, Union, get_args

import msgspec

__all__ = ["UNUSUAL", "Alone", "decoded", "is_strict", "strict", "strict_type"]

Alone: TypeAlias = Callable[[Any], Any]
"""Reads the value of a property by itself; fails where nobody understands it."""

UNUSUAL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec fails with where a text is of another type, or no JSON."""
_WITH_ZONE = Annotated[datetime, msgspec.Meta(tz=True)]  # one without a zone is not of its type
_any = msgspec.json.Decoder()


def strict_type(hint: Any) -> Any:
    """The type of a property as texts are held to it."""
    if datetime not in get_args(hint):
        return hint
    return Union[tuple(_WITH_ZONE if each is datetime else each for each in get_args(hint))]


@lru_cache(maxsize=256)
def strict(hint: Any) -> Callable[[Any], Any]:
    """What reads the text of a value that is of its property's type."""
    return msgspec.json.Decoder(strict_type(hint)).decode


def is_strict(value: Any, hint: Any) -> bool:
    """Whether a value is of its property's type."""
    try:
        strict(hint)(msgspec.json.encode(value))
    except (*UNUSUAL, UnicodeEncodeError):
        return False
    return True


def decoded(alone: Alone) -> Callable[[Any], Any]:
    """What reads the text of a value by itself.

    What it returns raises `msgspec.ValidationError` where nobody understands it.
    """

    def read(text: Any) -> Any:
        try:
            return alone(_any.decode(text))
        except Exception as error:  # whatever a patient reader fails with
            raise msgspec.ValidationError("nobody understands it") from error

    return read
