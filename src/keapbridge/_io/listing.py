"""Lists, page by page: each page knows how to fetch the next one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, TypeVar

import attrs

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge._io.bounds import Listing
from keapbridge._io.calling import locate, send
from keapbridge._io.calls import Call, Malformed, Page, Unread
from keapbridge._io.ends import Ends, Shown
from keapbridge._io.halving import Past, in_parts
from keapbridge._io.port import Port
from keapbridge._io.retries import is_too_much
from keapbridge.errors import ApiError

__all__ = ["fetch", "items", "items_async"]

T = TypeVar("T")


@attrs.frozen
class _Way:
    """One list on its way.

    Attributes:
        first: the call for its first page.
        ends: what is known of how the system ends its lists; `None` where nobody doubts that.
    """

    port: Port
    first: Call[Page[Any]]
    past: Past[Any] | None
    ends: Ends | None
    listing: Listing
    shown: Shown = attrs.field(factory=Shown)


def fetch(port: Port, call: Call[Page[T]], past: Past[T] | None = None, ends: Ends | None = None) -> Flow[Page[T]]:
    """Send a call for the first page of a list; each page knows how to fetch the next one.

    Args:
        past: finds the way past what cannot be read, so that a page that is refused is read in parts.
        ends: what is known of how the system ends its lists, so that this one has to prove its end.

    Raises:
        ShapeError: when the list leads back to a page that was read already, or ends where there is more.
        BoundError: when it has more pages, or empty ones in a row, than the port takes.
    """
    return (yield from _page(_Way(port, call, past, ends, Listing(port.bounds)), call, 1))


def items(driver: SyncDriver, first: Flow[Page[T]]) -> Iterator[T]:
    """The items of all pages, each page fetched when it is needed."""
    flow: Flow[Page[T]] | None = first
    while flow is not None:
        page = driver.run(flow)
        flow = page.next() if page.next else None
        yield from page.each()
        del page  # its memory serves the next one, which makes reading it a fifth quicker


async def items_async(driver: AsyncDriver, first: Flow[Page[T]]) -> AsyncIterator[T]:
    """See `items`."""
    flow: Flow[Page[T]] | None = first
    while flow is not None:
        page = await driver.run(flow)
        flow = page.next() if page.next else None
        for item in page.each():
            yield item
        del page


def _page(way: _Way, call: Call[Page[T]], number: int) -> Flow[Page[T]]:
    port = way.port
    page = yield from _read(port, call, way.past)
    for item in page.malformed:
        locate(item.error, port, call)
    if page.unread is not None:
        page = attrs.evolve(page, unread=_located(page.unread, port, call))
    if way.past is not None:
        page = attrs.evolve(page, reached=way.past.reached)
    try:
        if way.ends is not None:
            way.shown.add(page)
        following = page.following
        if following is not None:
            way.listing.onward(number, page.token, empty=page.is_empty)
    except ApiError as error:
        locate(error, port, call)
        raise
    if way.ends is not None and number == 1:
        yield from _proven(way.ends, port, page)
    if following is None:
        return attrs.evolve(page, moved=(yield from _has_moved(way, page)))
    return attrs.evolve(page, next=lambda: _page(way, following, number + 1))


def _proven(ends: Ends, port: Port, page: Page[Any]) -> Flow[None]:
    """Make sure that a list ends with its first page, once for a system: it may not say so in the words we look for."""
    if page.proof is None or ends.is_known:
        ends.is_known = ends.is_known or page.token is not None
        return
    if len(page.shown) <= ends.asked:
        return
    if ends.memory is not None and (yield from ends.memory.known()):
        ends.is_known = True
        return
    ends.is_known = yield from send(port, page.proof)
    ends.asked = len(page.shown)
    if ends.is_known and ends.memory is not None:
        yield from ends.memory.note()


def _has_moved(way: _Way, page: Page[Any]) -> Flow[bool]:
    """Whether a list that is over has moved: a record came twice, or not as many as there are."""
    count = way.shown.count
    if way.ends is None or way.shown.moved or page.total is None or count is None or count == page.total:
        return way.shown.moved
    again = yield from send(way.port, way.first)
    return again.total is not None and again.total != count


def _read(port: Port, call: Call[Page[T]], past: Past[T] | None) -> Flow[Page[T]]:
    try:
        page = yield from send(port, call)
    except ApiError as error:
        if past is None or not is_too_much(error):
            raise
        parts = yield from in_parts(port, call, error, past)
        if parts is None:
            raise
        return parts
    if past is not None:
        past.note(page)
    return page


def _located(unread: Unread[T], port: Port, call: Call[Any]) -> Unread[T]:
    """Records whose errors know of the call when they are read."""

    def decode(texts: Sequence[Any], positions: Sequence[int]) -> tuple[tuple[T, ...], tuple[Malformed, ...]]:
        records, malformed = unread.decode(texts, positions)
        for item in malformed:
            locate(item.error, port, call)
        return records, malformed

    return attrs.evolve(unread, decode=decode)
