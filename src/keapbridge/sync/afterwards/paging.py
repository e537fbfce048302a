"""Lists in parts: how many records at once, and where a list goes on, as a text that a host gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from keapbridge._flow.effects import Flow
from keapbridge.model.token import read_token, token_of
from keapbridge.sync.synchronization import Synchronization
from keapbridge.tables.tabular import Page

__all__ = ["AFTER", "at_most", "behind", "in_parts", "newest_first", "part", "positive"]

T = TypeVar("T")

AFTER = "after takes the `next` of the part before, after=page.next"


def positive(limit: Any, name: str = "limit") -> int:
    """A number from 1 on, as it was given.

    Raises:
        ValueError: for anything else.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ValueError(f"{name}: a number from 1 on, {name}=50, not {limit!r}")
    return limit


def at_most(limit: Any) -> int | None:
    """How many at most; `None` for all."""
    return None if limit is None else positive(limit)


def part(found: Sequence[T], most: int | None, key: Callable[[T], Sequence[Any]]) -> Page[T]:
    """The first of what was found, where one more was asked for than is wanted."""
    if most is None or len(found) <= most:
        return Page(found)
    return Page(found[:most], token_of(*key(found[most - 1])))


def newest_first(
    newest: Callable[[int, tuple[datetime, str] | None], Flow[list[T]]],
    limit: int,
    after: str | None,
    place: Callable[[T], tuple[datetime, str]],
) -> Flow[Page[T]]:
    """A part of a list of the newest first.

    Args:
        newest: finds so many behind a moment and an id.
        place: the moment and the id of one.
    """
    most = positive(limit)
    found = yield from newest(most + 1, behind(after))

    def key(one: T) -> tuple[str, str]:
        at, id = place(one)
        return at.isoformat(), id

    return part(found, most, key)


def behind(after: str | None) -> tuple[datetime, str] | None:
    """Behind which moment and id a list of the newest first goes on."""
    if after is None:
        return None
    at, id = read_token(AFTER, after, (str, str))
    try:
        return datetime.fromisoformat(at).astimezone(UTC), id
    except (ValueError, OverflowError):
        raise ValueError(AFTER) from None


def in_parts(
    those: Sequence[Synchronization],
    name: str | None,
    place: Any,
    first: Any,
    some: Callable[[Synchronization, Any, int | None], Flow[tuple[list[T], Any]]],
    most: int | None,
) -> Flow[Page[T]]:
    """A part of a list that goes through several synchronizations.

    Args:
        name: that with which to begin; `None` for the first.
        place: where to begin in it.
        first: where each of the others begins.
        some: finds so many at most from a place on, and where to go on.
    """
    found: list[T] = []
    names = [sync.name for sync in those]
    begin = 0 if name is None else names.index(name) if name in names else len(names)
    for n, sync in enumerate(those[begin:], begin):
        left = None if most is None else most - len(found)
        if left is not None and left <= 0:
            return Page(found, token_of(sync.name, *first))
        its, last = yield from some(sync, place if n == begin else first, left)
        if found and left is not None and len(its) > left:  # what stays together is more than there is room for
            return Page(found, token_of(sync.name, *first))
        found += its
        if last is not None:
            return Page(found, token_of(sync.name, *last))
    return Page(found)
