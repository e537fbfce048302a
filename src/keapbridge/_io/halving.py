"""A page of a list that cannot be read is asked for in parts, until what makes it so stands alone.

Each part is half of what could not be read, so the number of calls is that of the halvings, not that of the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

import attrs

from keapbridge._flow.effects import Flow
from keapbridge._io.calling import send
from keapbridge._io.calls import Call, Counted, InTurn, Malformed, Page
from keapbridge._io.port import Port
from keapbridge._io.retries import is_too_much
from keapbridge.errors import ApiError

__all__ = ["Past", "in_parts"]

T = TypeVar("T")
IN_A_ROW = 3  # records that stand alone, with nothing read before, between and after them: it is the system then


class Past(Protocol[T]):
    """Finds the way past a record that cannot be read, where each answer names the next page."""

    @property
    def reached(self) -> str | None:
        """From where another list can go on after what was read; `None` where that cannot be told."""
        ...

    def note(self, page: Page[T]) -> None:
        """A page was read."""
        ...

    def onward(self, call: Call[Page[T]], error: ApiError) -> Flow[Page[T] | None]:
        """A page of what stands in the way of a call, and what follows it; `None` where no way is found."""
        ...


def in_parts(port: Port, call: Call[Page[T]], error: ApiError, past: Past[T]) -> Flow[Page[T] | None]:
    """The page that a call asks for, read in parts because it cannot be read at once.

    Args:
        error: why it cannot.

    Returns:
        The page, with what cannot be read among its malformed; `None` where that is all of it, or no way leads past it.
    """
    match call.parts:
        case Counted() as counted:
            return (yield from _Counting(port, counted).read(error))
        case InTurn() as turn:
            pages = yield from _Turns(port, past).read(call, turn.size, error)
            if pages is None:
                return None
            page = Page.joined(pages)
            return attrs.evolve(page, following=_resized(page, pages, turn.size))
        case None:
            return None


def _resized(page: Page[T], parts: Sequence[Page[T]], size: int) -> Call[Page[T]] | None:
    """The call for the next page: as long as before, unless it was no record but the length that was in the way."""
    following = page.following
    if following is None or not isinstance(following.parts, InTurn):
        return following
    if not any(item.refused for item in page.malformed):
        size = max(_length(part) for part in parts) or size
    return following.parts.less(size)


def _length(page: Page[Any]) -> int:
    unread = 0 if page.unread is None else len(page.unread.ids)
    return len(page.items) + len(page.malformed) + len(page.deleted) + unread


@attrs.define
class _Turns(Generic[T]):
    port: Port
    past: Past[T]

    def read(self, call: Call[Page[T]], size: int, error: ApiError) -> Flow[list[Page[T]] | None]:
        """So many records from where a call is, which cannot be read at once."""
        if size == 1:
            page = yield from self.past.onward(call, error)
            return None if page is None else [page]
        assert isinstance(call.parts, InTurn)  # every page of a list is alike
        half = (size + 1) // 2
        first = yield from self._some(call.parts.less(half), half)
        if first is None or first[-1].following is None:
            return first
        onward = first[-1].following
        assert isinstance(onward.parts, InTurn)
        second = yield from self._some(onward.parts.less(size - half), size - half)
        return None if second is None else first + second

    def _some(self, call: Call[Page[T]], size: int) -> Flow[list[Page[T]] | None]:
        try:
            page = yield from send(self.port, call, once=True)
        except ApiError as error:
            if not is_too_much(error):
                raise
            return (yield from self.read(call, size, error))
        self.past.note(page)
        return [page]


@attrs.define
class _Counting:
    port: Port
    page: Counted
    alone: int = 0  # records in a row that could not be read
    has_read: bool = False
    at_end: bool = False
    answers: list[Any] = attrs.field(factory=list)
    errors: list[ApiError] = attrs.field(factory=list)

    def read(self, error: ApiError) -> Flow[Page[Any] | None]:
        """The page, part by part."""
        yield from self._split(0, self.page.size, error)
        if not self.has_read:
            return None
        whole = self.page.whole(self.answers)
        refused = tuple(Malformed(None, each, refused=True) for each in self.errors)
        return attrs.evolve(whole, malformed=whole.malformed + refused)

    def _split(self, start: int, size: int, error: ApiError) -> Flow[None]:
        if size == 1:
            self.errors.append(error)
            self.answers.append(None)
            self.alone += 1
            self.at_end = self.alone >= IN_A_ROW and not self.has_read
            return
        each = self.page.split(size)
        for first in range(start, start + size, each):
            if not self.at_end:
                yield from self._some(first, each)

    def _some(self, start: int, size: int) -> Flow[None]:
        try:
            answer = yield from send(self.port, self.page.part(start, size), once=True)
        except ApiError as error:
            if not is_too_much(error):
                raise
            yield from self._split(start, size, error)
            return
        self.has_read, self.alone = True, 0
        self.answers.append(answer)
        self.at_end = self.page.length(answer) != size  # or the system shows as many as it likes
