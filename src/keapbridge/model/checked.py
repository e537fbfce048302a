"""Ids, moments and versions as systems show them, checked before anything is done with them. Pure.

What they show is texts of other people's making. An id goes into a path, where `..` is another one; a moment is taken
to another zone, where it may be beyond all years; all of it goes into a database, which has no place for half of a
character.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

__all__ = ["asked_id", "is_storable", "usable_id", "usable_moment", "usable_version"]

LONGEST = 255  # characters: more has no place in the store, and hardly in a path
_NO_TEXT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_NO_PATH = frozenset({"", ".", ".."})  # in a path they stand for something else


def is_storable(text: str) -> bool:
    """Whether it can be kept and found again: of no great length, without control characters and half characters."""
    if text.isascii() and text.isprintable():
        return len(text) <= LONGEST
    return len(text) <= LONGEST and not _NO_TEXT.search(text)


def usable_id(id: Any) -> bool:
    """Whether a record can be asked for by it."""
    return type(id) is str and is_storable(id) and id.strip() not in _NO_PATH


def asked_id(id: Any) -> str:
    """An id as the text that it is in a path.

    Raises:
        ValueError: when no record has it: a request with it would go to something else.
    """
    text = str(id) if isinstance(id, int) and id and not isinstance(id, bool) else id
    if not usable_id(text):
        raise ValueError(f"{'a number' if isinstance(id, int) else 'this'} is no id of a record: {_shown(id)}")
    return str(text)


def _shown(id: Any) -> str:
    return ascii(id) if not isinstance(id, str) or len(id) < 10 else f"a text of {len(id)} characters"


def usable_moment(moment: Any) -> datetime | None:
    """A moment in UTC; `None` for what is none, and for the first and the last year, which stand for "never"."""
    if not isinstance(moment, datetime):
        return None
    try:
        zone = moment.tzinfo  # which is UTC mostly, and every record of a list is asked
        known = moment if zone is UTC else moment.replace(tzinfo=UTC) if zone is None else moment.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return known if 1 < known.year < 9999 else None


def usable_version(version: Any) -> str | None:
    """A version as a text that can be kept and sent; `None` for any other."""
    return version if isinstance(version, str) and version and is_storable(version) else None
