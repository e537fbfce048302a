"""Which name is meant by one that there is not. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

__all__ = ["is_meant", "is_spelling_of", "nearest", "slip_of"]

LONGEST = 80  # characters of a name that is looked at: no name of ours is longer
SLIP = 0.8  # how much of two names is the same where one is a slip of the other


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


def is_spelling_of(name: str, other: str) -> bool:
    """Whether two names differ by case, spaces, hyphens and underscores only."""
    return _letters(name) == _letters(other)


def _letters(name: str) -> str:
    return "".join(c for c in name.casefold() if c not in " _-") or name


def slip_of(name: str, known: Iterable[str]) -> str | None:
    """The known name of which another one is a slip of the pen (`Emial`); `None` for a name that may be meant.

    It is spelt nearly the same, and differs by more than a number: `Phone3` is no slip of `Phone2`.
    """
    near = nearest(name, known)
    if near is None or name == near:
        return None
    ours, theirs = _letters(name), _letters(near)
    alike = difflib.SequenceMatcher(a=ours, b=theirs).ratio() >= SLIP
    return near if alike and _digits(ours) == _digits(theirs) else None


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))
