"""Where a list goes on after a page, and whether it has kept its order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import attrs

from keapbridge._io.calls import Answer
from keapbridge.customcrm.endpoints.endpoint import Endpoint, Query
from keapbridge.customcrm.paths import dig, has
from keapbridge.customcrm.schema import CursorPaging, LinkPaging, NextUrlPaging, OffsetPaging, PagePaging
from keapbridge.errors import ShapeError

__all__ = ["Place", "count_of", "following", "next_link", "start_of", "token_of", "told_total", "total_of"]

MAX_RETREATS = 25  # how often a list may lose its order before it counts as having none

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:"[^"]*"|[^\s;,]*))?)*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?![^\s;,]))', re.IGNORECASE)


@attrs.frozen
class Place:
    """Where in a list a call is.

    Attributes:
        query: what it adds to the query of the list, or has instead of it where `path` is given.
        number: the number of the page, or how many records come before it.
        anchor: the id of the record that this page must begin with, the last one of the page before.
        before: the ids of the page before this one; of this one as it was, where it is read once more.
        shown: ids that were shown already, on a page that is read once more.
        moved: where the list goes on if this page, which is read once more, is not as it was.
        same: where it goes on if it is; `None` at the end.
        length: how many records the first page had.
        retreats: how often the list went back, because records had moved.
        head: the ids of the first page, where pages are numbered.
        wanted: how many records are asked for by their ids, and not read yet.
        ids: those that are asked for.
        changes: whether it is a list of changes, which tells of deletions.
        headers: what narrows it to changes, where a header does.
    """

    query: Query = ()
    path: str | None = None
    number: int = 0
    anchor: str | None = None
    before: tuple[str | None, ...] = ()
    shown: frozenset[str | None] = frozenset()
    moved: Place | None = None
    same: Place | None = None
    length: int = 0
    retreats: int = 0
    head: tuple[str | None, ...] = ()
    wanted: int | None = None
    ids: tuple[str, ...] | None = None
    changes: bool = False
    headers: Query = ()


def start_of(endpoint: Endpoint[Any]) -> Place:
    paging = endpoint.schema.paging
    return Place(number=paging.first) if isinstance(paging, PagePaging) else Place()


def following(
    endpoint: Endpoint[Any], place: Place, body: Any, ids: Sequence[str | None], answer: Answer
) -> Place | None:
    """Where the list goes on after a page; `None` at its end."""
    again = place.anchor is not None and bool(ids) and ids[0] == place.anchor
    wanted = None if place.wanted is None else place.wanted - len(ids) + again
    here = attrs.evolve(place, wanted=wanted)
    match endpoint.schema.paging:
        case None:
            return None
        case CursorPaging() as paging:
            cursor = dig(body, paging.following)
            step = ((paging.parameter, str(cursor)),)
            return _onward(place, attrs.evolve(here, query=step)) if cursor else None
        case LinkPaging():
            target = next_link(answer.headers.get("link", ""))
            return _onward(place, _at(endpoint, here, target)) if target else None
        case NextUrlPaging() as paging:
            target = dig(body, paging.following)
            return _onward(place, _at(endpoint, here, str(target))) if target else None
        case PagePaging() as paging:
            return None if wanted == 0 else _next_number(paging, here, body, answer, tuple(ids), place)
        case OffsetPaging() as paging:
            return None if wanted == 0 else _next_offset(paging, here, body, answer, ids, place)


def token_of(endpoint: Endpoint[Any], following: Place) -> str | None:
    """By what an answer named the next page; counted pages are read again where the list has moved."""
    if isinstance(endpoint.schema.paging, (PagePaging, OffsetPaging)):
        return None
    return f"{following.path} {following.query}"


def total_of(endpoint: Endpoint[Any], place: Place, body: Any, answer: Answer) -> int | None:
    """How many records the list has, where its answers say so."""
    paging = endpoint.schema.paging
    if not isinstance(paging, (PagePaging, OffsetPaging)) or place.wanted is not None:
        return None
    return told_total(paging, body, answer)


def _onward(place: Place, following: Place) -> Place:
    if (place.path, place.query) == (following.path, following.query):
        raise ShapeError(
            "the next page of the list is the page itself, and it would never end: look at paging= of the schema",
            paths=["$"],
        )
    return following


def next_link(header: str) -> str | None:
    return next((link[1] for link in _LINK.finditer(header) if _NEXT.search(link[2])), None)


def _at(endpoint: Endpoint[Any], place: Place, target: str) -> Place:
    """The place that an address tells. Its host does not count, so that nothing is ever sent elsewhere."""
    parts = urlsplit(urljoin(f"http://host{endpoint.base_path}{endpoint.path}", target))
    base = f"{endpoint.base_path}/"
    if not parts.path.startswith(base):
        raise ShapeError(
            "the next page of the list is not below the base URL, where the credentials go: look at base_url",
            paths=["$"],
        )
    path = parts.path[len(base) - 1 :]
    return attrs.evolve(place, path=path, query=tuple(parse_qsl(parts.query, keep_blank_values=True)))


def _next_number(
    paging: PagePaging, here: Place, body: Any, answer: Answer, ids: tuple[str | None, ...], place: Place
) -> Place | None:
    """The next page; but first the one before this again, for what has moved to it while this one was read.

    A deletion on an earlier page lets the first record of this page slip to the end of the one before.
    """

    def at(number: int, **more: Any) -> Place:
        clean: dict[str, Any] = {"shown": frozenset(), "query": ((paging.parameter, str(number)),)}
        return attrs.evolve(here, number=number, **{**clean, **more})

    if place.moved is not None:
        if ids == place.before:
            return place.same
        return attrs.evolve(place.moved, before=ids, shown=place.shown.union(ids), retreats=_retreated(place))
    if ids and ids in (place.before, place.head):
        raise ShapeError(f"{paging.parameter!r} turns no page: it shows the same records as a page before", paths=["$"])
    total, pages = told_total(paging, body, answer), count_of(body, paging.pages)
    length = place.length or len(ids)
    read = place.number - paging.first
    ends = not ids or (pages is not None and read + 1 >= pages)
    ends = ends or (total is not None and read * length + len(ids) >= total) or _is_last(paging, body)
    head = place.head or (ids if len(ids) > 1 else ())
    following = None if ends else at(place.number + 1, before=ids, length=length, head=head)
    if not read or place.wanted is not None:
        return following
    shown = place.shown.union(place.before, ids)
    return at(place.number - 1, before=place.before, shown=shown, moved=place, same=following, length=length, head=head)


def _next_offset(
    paging: OffsetPaging, here: Place, body: Any, answer: Answer, ids: Sequence[str | None], place: Place
) -> Place | None:
    total = told_total(paging, body, answer)
    if place.anchor is not None and (not ids or ids[0] != place.anchor):
        if place.retreats > 1 and len(ids) > 1 and tuple(ids) == place.before:
            raise ShapeError(
                f"{paging.parameter!r} turns no page: it shows the same records as a page before", paths=["$"]
            )
        # Records before this page came or went: what moved may be on a page that was read already.
        number = max(0, place.number - max(1, len(ids)))
        anchor: str | None = None
        retreats = _retreated(place)
    else:
        new = len(ids) - (place.anchor is not None)
        is_over = total is not None and place.number + len(ids) >= total
        if new <= 0 or is_over or _is_last(paging, body):
            return None
        number, anchor, retreats = place.number + len(ids) - 1, ids[-1], place.retreats
        if anchor is None:
            number += 1
    query = ((paging.parameter, str(number)),)
    return attrs.evolve(here, query=query, number=number, anchor=anchor, before=tuple(ids), retreats=retreats)


def _retreated(place: Place) -> int:
    if place.retreats >= MAX_RETREATS:
        raise ShapeError(
            "the list does not keep its order: declare a query that sorts it, query={'sort': 'id'}", paths=["$"]
        )
    return place.retreats + 1


def told_total(paging: PagePaging | OffsetPaging, body: Any, answer: Answer) -> int | None:
    """How many records an answer says there are: in its body or in a header, as `573` or `items 0-24/573`."""
    if paging.total_header is None:
        return count_of(body, paging.total)
    text = answer.headers.get(paging.total_header.lower(), "").rpartition("/")[2].strip()
    if text == "*":
        return None
    if not text.isdecimal():
        raise ShapeError(f"the answer tells no number in its header {paging.total_header}", paths=["$"])
    return int(text)


def _is_last(paging: PagePaging | OffsetPaging, body: Any) -> bool:
    """Whether an answer says that no further page comes; where it says nothing, the list ends with an empty page."""
    return paging.more is not None and has(body, paging.more) and not dig(body, paging.more)


def count_of(body: Any, path: str | None) -> int | None:
    if path is None:
        return None
    found = dig(body, path)
    if not isinstance(found, int) or isinstance(found, bool):
        raise ShapeError(f"unexpected data at $.{path} (expected int)", paths=[f"$.{path}"])
    return found
