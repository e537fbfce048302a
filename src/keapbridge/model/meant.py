"""Which name is meant by one that there is not. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

__all__ = ["is_meant", "nearest"]

LONGEST = 80  # characters of a name that is looked at: no name of ours is longer


def nearest(name: object, known: Iterable[str] | Mapping[str, str]) -> str | None:
    """The known name that is spelt most like another one; `None` where none is like it.

    Case, spaces, hyphens and underscores do not matter: `first_name` is like `FirstName`.

    Args:
        known: names; or spellings, each with the name that it stands for.
    """
    spellings = known if isinstance(known, Mapping) else {each: each for each in known}
    by_letters: dict[str, str] = {}
    for spelling, stands_for in spellings.items():
        by_letters.setdefault(_letters(spelling), stands_for)
    near = difflib.get_close_matches(_letters(str(name)[:LONGEST]), by_letters, 1)
    return by_letters[near[0]] if near else None


def is_meant(name: object, known: Iterable[str] | Mapping[str, str]) -> str:
    """`"; is 'Email' meant?"`, to be put behind what is said of a name that there is not; empty where none is near.

    Args:
        known: as for `nearest`.
    """
    near = nearest(name, known)
    return "" if near is None else f"; is {near!r} meant?"


def _letters(name: str) -> str:
    return "".join(c for c in name.casefold() if c not in " _-") or name
