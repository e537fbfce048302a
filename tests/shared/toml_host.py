"""What a host of TOML files has in a module of its own: a kind, a value of it, and functions that have names."""

from __future__ import annotations

from typing import Any

import attrs

from keapbridge.mapping.kinds.text import Text

__all__ = ["QUIET", "Shouting", "is_wanted", "lower", "new_id", "upper"]


@attrs.frozen
class Shouting(Text):
    """A kind of the host's."""

    loud: bool = True


QUIET = Shouting(loud=False)


def upper(value: Any) -> Any:
    return str(value).upper()


def lower(value: Any) -> Any:
    return str(value).lower()


def is_wanted(value: Any) -> bool:
    return bool(value)


def new_id(key: str) -> str:
    return key[:8]
