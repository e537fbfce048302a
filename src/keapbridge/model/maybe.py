"""What is known of a value: it, `None` (known to be empty), or `UNSET` (not asked for, not shown, unknown).

In records that are read field by field it may be `Unreadable` besides: there is something, and nobody can tell what.
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar, Union

import attrs
from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "Maybe", "Unreadable", "UnsetType"]

T = TypeVar("T")

Maybe: TypeAlias = Union[T, UnsetType, None]
"""A value, `None` (known to be empty) or `UNSET` (not asked for, unknown)."""


@attrs.frozen
class Unreadable:
    """Stands in a record where there is something that cannot be understood: neither a value nor empty.

    Attributes:
        reason: what is wrong with it, without a word of what it says.
        raw: what was answered, to be sent back as it is where an array or an object is written as a whole.
    """

    reason: str
    raw: Any = attrs.field(default=None, repr=False)
