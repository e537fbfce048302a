"""Whether a list that ends has shown everything: what its pages show, and what is known of how a system ends lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import attrs

from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.errors import ShapeError

__all__ = ["Ends", "Memory", "Shown"]

KEPT = 100_000  # ids of one list that are remembered, some megabytes
STALE = 50  # pages in a row that show nothing new


class Memory(Protocol):
    """Where it is remembered, from one process to the next, that a system says when a list goes on."""

    def known(self) -> Flow[bool]: ...
    def note(self) -> Flow[None]: ...


@attrs.define
class Ends:
    """What is known of how a system ends its lists.

    Attributes:
        memory: where that is remembered; `None`: in this process only.
        is_known: whether it was seen to say when a list goes on.
        asked: how many records a first page had at most that was asked for again, and told nothing.
    """

    memory: Memory | None = None
    is_known: bool = False
    asked: int = 0


@attrs.define
class Shown:
    """What the pages of one list have shown so far.

    Attributes:
        count: how many records, each once; `None` where they are too many to know.
        moved: whether a record came twice: others may have come not at all.
    """

    count: int | None = 0
    moved: bool = False
    _ids: set[int] = attrs.field(factory=set, init=False, repr=False)
    _pages: set[int] = attrs.field(factory=set, init=False, repr=False)
    _stale: int = attrs.field(default=0, init=False, repr=False)

    def add(self, page: Page[Any]) -> None:
        """One more page.

        Raises:
            ShapeError: where the list shows the same pages again and again.
        """
        ids = page.shown
        if not ids:
            return
        again = self._is_whole_page_again(page)
        hashes = [hash(id) if id is not None else hash((len(self._ids), n)) for n, id in enumerate(ids)]
        new = set(hashes) - self._ids
        self.moved = self.moved or len(new) < len(hashes)
        self._stale = 0 if new else self._stale + 1
        if again or self._stale >= STALE:
            raise ShapeError(
                "the list shows a page that it has shown before: it does not go on where it is asked to", paths=["$"]
            )
        if self.count is not None:
            self.count += len(new)
        if len(self._ids) + len(new) > KEPT:
            self._ids, self.count = new, None
        else:
            self._ids |= new

    def _is_whole_page_again(self, page: Page[Any]) -> bool:
        """Whether the very same records, unchanged, came as a page before. One alone may have moved."""
        if page.token is None and page.following is not None:
            return False  # pages that are counted are read again where the list has moved
        known = len(self._pages)
        if len(page.shown) > 1:
            self._pages.add(hash((page.shown, _stamps(page))))
            return len(self._pages) == known
        return False


def _stamps(page: Page[Any]) -> Sequence[Any]:
    if page.unread is not None:
        return tuple(page.unread.stamps)
    stamps = (getattr(item, "updated_at", None) for item in page.items)
    return tuple(at if isinstance(at, datetime) else None for at in stamps)  # what is no moment need not have a hash
