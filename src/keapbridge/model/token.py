"""Tokens: a place in a list, or what somebody has seen, as one short text that a page can hold and give back. Pure.

They say nothing of people: ids, numbers, moments and digests.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

__all__ = ["LARGEST", "digest_of", "read_token", "token_of"]

LARGEST = 2**31 - 1  # that is a number of anything


def token_of(*parts: str | int | None) -> str:
    """The token of some parts: letters, digits, `-` and `_`."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def read_token(takes: str, token: Any, kinds: Sequence[type | tuple[type, ...]]) -> list[Any]:
    """The parts of a token.

    Args:
        takes: what the argument takes that it was given as, with its name: `after takes …`.
        kinds: of the parts.

    Raises:
        ValueError: for a text that is no token of such parts.
        TypeError: for what is no text.
    """
    if not isinstance(token, str):
        raise TypeError(f"{takes}, not {type(token).__name__}")
    try:
        parts = msgspec.json.decode(base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4)))
    except (ValueError, msgspec.DecodeError):
        parts = None
    if (
        not isinstance(parts, list)
        or len(parts) != len(kinds)
        or not all(isinstance(part, kind) and _is_usable(part) for part, kind in zip(parts, kinds, strict=True))
    ):
        raise ValueError(takes)
    return parts


def _is_usable(part: object) -> bool:
    """Whether a database can be asked for it: one that was made up may hold what no column does."""
    if isinstance(part, str):
        return "\0" not in part
    return not isinstance(part, int) or -LARGEST <= part <= LARGEST


def digest_of(*values: Any) -> str:
    """What stands for values in a token."""
    return hashlib.blake2b(msgspec.json.encode(values, order="sorted"), digest_size=12).hexdigest()
