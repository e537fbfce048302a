"""Lists, page by page: each page knows how to fetch the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import attrs

from keapbridge._io.bounds import Listing
from keapbridge._io.calling import locate, send
from keapbridge._io.effects import Call, Flow, Malformed, Page, Unread
from keapbridge._io.parts import Past, in_parts
from keapbridge._io.port import Port
from keapbridge._io.retries import is_too_much
from keapbridge.errors import ApiError

__all__ = ["fetch"]

T = TypeVar("T")


def fetch(port: Port, call: Call[Page[T]], past: Past[T] | None = None) -> Flow[Page[T]]:
    """Send a call for the first page of a list; each page knows how to fetch the next one.

    Args:
        past: finds the way past what cannot be read, so that a page that is refused is read in parts.

    Raises:
        ShapeError: when the list leads back to a page that was read already.
        BoundError: when it has more pages than the port takes.
    """
    return (yield from _page(port, call, Listing(port.bounds), 1, past))


def _page(port: Port, call: Call[Page[T]], listing: Listing, number: int, past: Past[T] | None) -> Flow[Page[T]]:
    page = yield from _read(port, call, past)
    for item in page.malformed:
        locate(item.error, port, call)
    if page.unread is not None:
        page = attrs.evolve(page, unread=_located(page.unread, port, call))
    if past is not None:
        page = attrs.evolve(page, reached=past.reached)
    following = page.following
    if following is None:
        return page
    try:
        listing.onward(number, page.token)
    except ApiError as error:
        locate(error, port, call)
        raise
    return attrs.evolve(page, next=lambda: _page(port, following, listing, number + 1, past))


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
