"""What is known of a value: it, `None` (known to be empty), or `UNSET` (not asked for, not shown, unknown)."""

from __future__ import annotations

from typing import TypeAlias, TypeVar, Union

from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "Maybe", "UnsetType"]

T = TypeVar("T")

Maybe: TypeAlias = Union[T, UnsetType, None]
"""A value, `None` (known to be empty) or `UNSET` (not asked for, unknown)."""
