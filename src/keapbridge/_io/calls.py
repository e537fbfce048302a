"""Calls, their answers, and the pages of lists that these show: what goes to a system and comes back. Values only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import attrs

from keapbridge._flow.effects import Flow
from keapbridge._io.secret import Secret
from keapbridge._io.told_times import http_date
from keapbridge.errors import ApiError

__all__ = ["PART", "Answer", "Call", "Counted", "InTurn", "Malformed", "Page", "Unread"]

T = TypeVar("T")

PART = 16
"""Records that are made at once: what they are made of, and they, are still in the processor's cache afterwards."""


@attrs.frozen
class Answer:
    """An HTTP answer with a status below 400, headers in lower case.

    Attributes:
        seconds: from the beginning of the request to the last byte of the answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)
    seconds: float = attrs.field(default=0.0, repr=False)

    @property
    def served_at(self) -> datetime | None:
        """The server's own clock, from its `Date` header, where that can be a clock's."""
        return http_date(self.headers.get("date"))


@attrs.frozen
class Call(Generic[T]):
    """One request as a value, and how its answer is read.

    Attributes:
        path: below the base URL of the port, percent-encoded.
        subject: what it is about, for messages (`"contact 12"`).
        route: the path with `{id}` in place of ids, to be shown to anybody; empty where the path has none.
        repeatable: whether it may be sent again when the first outcome is unknown.
        parts: how less can be asked for, where it asks for a part of a list.
        instead: what to ask for where this fails so, without another attempt; `None` where there is nothing milder.
        gone: the statuses that say that what it is about is not there.
        empty: statuses from 300 on that are an answer with nothing in it, and no refusal.
        secrets: what its body holds, to be cut out of what a server says of it.
    """

    method: str
    path: str
    decode: Callable[[Answer], T] = attrs.field(repr=False)
    query: tuple[tuple[str, str | Secret], ...] = attrs.field(default=(), repr=False)
    headers: tuple[tuple[str, str | Secret], ...] = attrs.field(default=(), repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)
    subject: str = ""
    repeatable: bool = True
    route: str = ""
    parts: InTurn | Counted | None = attrs.field(default=None, eq=False, repr=False)
    instead: Callable[[ApiError], Call[T] | None] | None = attrs.field(default=None, eq=False, repr=False)
    gone: tuple[int, ...] = attrs.field(default=(404, 410), repr=False)
    empty: tuple[int, ...] = attrs.field(default=(), repr=False)
    secrets: tuple[Secret, ...] = attrs.field(default=(), repr=False)

    @property
    def shown(self) -> str:
        """Where it goes, for anybody to see."""
        return self.route or self.path


@attrs.frozen
class InTurn:
    """A page of a list of which each answer names the next one.

    Attributes:
        size: how many records it has at most.
        less: the call for no more than so many of its first records.
    """

    size: int
    less: Callable[[int], Call[Any]]


@attrs.frozen
class Counted:
    """A page of a list whose records are counted, so that any of them can be asked for.

    Attributes:
        size: how many records it has at most.
        part: the call for so many of its records, after so many.
        split: how many of a number of records, after so many, may be asked for at once, if not all of them.
        length: how many records an answer to such a call shows.
        whole: the page, of the answers in their order; `None` stands for a record that no answer shows.
    """

    size: int
    part: Callable[[int, int], Call[Any]]
    split: Callable[[int], int]
    length: Callable[[Any], int]
    whole: Callable[[Sequence[Any]], Page[Any]]


@attrs.frozen
class Malformed:
    """An item of a page that could not be read; its neighbours could.

    Attributes:
        refused: whether the system cannot show it, so that it is to be asked for again.
    """

    id: str | None
    error: ApiError
    refused: bool = False


@attrs.frozen
class Unread(Generic[T]):
    """Records as they came, to be read only where that is needed.

    Attributes:
        ids: of each record; `None` where it shows none.
        texts: of each record, as bytes, or what these were decoded to.
        positions: where in the list of the answer each of them is.
        stamps: when each of them was changed; `None` where it does not say so; none where nobody asks.
        decode: reads some of the texts, with their positions: the records, and those that cannot be read.
    """

    ids: tuple[str | None, ...]
    texts: tuple[Any, ...] = attrs.field(repr=False)
    positions: Sequence[int] = attrs.field(repr=False)
    stamps: Sequence[datetime | None] = attrs.field(repr=False)
    decode: Callable[[Sequence[Any], Sequence[int]], tuple[tuple[T, ...], tuple[Malformed, ...]]] = attrs.field(
        repr=False
    )

    def only(self, which: Sequence[int]) -> Unread[T]:
        """Some of them."""
        ids, texts = (tuple(column[n] for n in which) for column in (self.ids, self.texts))
        stamps = [self.stamps[n] for n in which] if self.stamps else ()
        return Unread(ids, texts, [self.positions[n] for n in which], stamps, self.decode)

    @staticmethod
    def joined(several: Sequence[Unread[T]]) -> Unread[T]:
        """All of them; they are of one list, and read alike."""
        return Unread(
            tuple(id for unread in several for id in unread.ids),
            tuple(text for unread in several for text in unread.texts),
            [position for unread in several for position in unread.positions],
            [stamp for unread in several for stamp in unread.stamps],
            several[0].decode,
        )

    def read(self) -> tuple[tuple[T, ...], tuple[Malformed, ...]]:
        """The records, and those that cannot be read."""
        return self.decode(self.texts, self.positions) if self.texts else ((), ())

    def parts(self) -> Iterator[Unread[T]]:
        """All of them, some at a time."""
        for start in range(0, len(self.ids), PART):
            yield self.only(range(start, min(start + PART, len(self.ids))))


@attrs.frozen
class Page(Generic[T]):
    """A part of a list.

    Attributes:
        items: the records that could be read.
        malformed: those that could not.
        deleted: ids that a change list says are gone.
        unread: records that are not read yet.
        following: the call for the next part, as the answer told it; `None` at the end.
        token: by what the answer named the next page; `None` where pages are only counted.
        next: the same as a flow, bound to where this page came from.
        served_at: the server's clock when it answered.
        reached: from where another list can go on once this page is known; `None` where that cannot be told.
        shown: the ids of all that it shows for the first time, also of what is deleted or cannot be read; none where
            nobody compares them.
        total: how many records the list has, where the answer says so.
        proof: where the list ends without saying so, the call that finds out whether it does. It answers whether the
            system says when a list goes on, and raises a `ShapeError` where the list goes on without a word.
        moved: at its end, whether the list moved while it was read, so that it may have left records out.
    """

    items: tuple[T, ...] = ()
    malformed: tuple[Malformed, ...] = ()
    deleted: tuple[str, ...] = ()
    unread: Unread[T] | None = None
    following: Call[Page[T]] | None = None
    token: str | None = None
    next: Callable[[], Flow[Page[T]]] | None = None
    served_at: datetime | None = None
    reached: str | None = None
    shown: tuple[str | None, ...] = ()
    total: int | None = None
    proof: Call[bool] | None = attrs.field(default=None, eq=False, repr=False)
    moved: bool = False

    @staticmethod
    def joined(pages: Sequence[Page[T]]) -> Page[T]:
        """What several pages show, as one that goes on where the last one does."""
        unread = [page.unread for page in pages if page.unread is not None]
        return attrs.evolve(
            pages[-1],
            items=tuple(item for page in pages for item in page.items),
            malformed=tuple(item for page in pages for item in page.malformed),
            deleted=tuple(id for page in pages for id in page.deleted),
            unread=Unread.joined(unread) if unread else None,
            served_at=pages[0].served_at,
        )

    @property
    def is_empty(self) -> bool:
        """Whether it shows nothing, not even what cannot be read."""
        return not (self.items or self.malformed or self.deleted or (self.unread is not None and self.unread.ids))

    def each(self) -> Iterator[T]:
        """The records, read as they are asked for: who drops them again lets the next ones have their place.

        Raises:
            ApiError: after all others, for the first that cannot be read.
        """
        yield from self.items
        malformed = list(self.malformed)
        for part in () if self.unread is None else self.unread.parts():
            records, wrong = part.read()
            yield from records
            malformed += wrong
        for item in malformed:
            raise item.error

    def read(self) -> Page[T]:
        """The page with all its records read."""
        if self.unread is None:
            return self
        items, malformed = self.unread.read()
        return attrs.evolve(self, items=self.items + items, malformed=self.malformed + malformed, unread=None)
