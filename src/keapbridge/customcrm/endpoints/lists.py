"""Lists: all, changes, many by their ids, those that could be a record."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar, cast

import attrs

from keapbridge._io.calls import Answer, Call, Counted, InTurn, Page
from keapbridge._json.codec import open_list
from keapbridge.customcrm.endpoints.asking import listed
from keapbridge.customcrm.endpoints.endpoint import Endpoint, Query
from keapbridge.customcrm.endpoints.false_success import refuse_in_body, says_yes
from keapbridge.customcrm.endpoints.items import Listing, listing
from keapbridge.customcrm.endpoints.places import Place, following, start_of, token_of, total_of
from keapbridge.customcrm.endpoints.proofs import is_told, refuse_another_way, says_where
from keapbridge.customcrm.forms import zone_of
from keapbridge.customcrm.paths import steps
from keapbridge.customcrm.schema import OffsetPaging, PagePaging, attribute_of

__all__ = ["MAX_PAGE", "find", "get_many", "list_page"]

R = TypeVar("R")

MAX_PAGE = 1000
MAX_IDS_TEXT = 3000


def list_page(
    endpoint: Endpoint[R], *, updated_since: datetime | None = None, page_size: int = MAX_PAGE, unread: bool = False
) -> Call[Page[R]]:
    """A list, from its first page on: everything, or the changes (and tombstones) since a moment.

    Where the API cannot tell what changed, everything is listed and the pages say so.

    Args:
        unread: leave records unread where that is possible.
    """
    narrowing: Query = ()
    changes = endpoint.schema.changed_since
    if updated_since is not None:
        if updated_since.tzinfo is None:
            raise ValueError(
                f"a time needs a time zone, as in datetime(2026, 3, 1, tzinfo=UTC); {updated_since} has none"
            )
        if changes is not None:
            narrowing = ((changes.parameter, changes.text(updated_since, zone_of(endpoint.schema))),)
    in_header = narrowing if changes is not None and changes.header else ()
    query = _asked(endpoint, _sized(endpoint, page_size), () if in_header else narrowing)
    start = attrs.evolve(start_of(endpoint), changes=bool(narrowing), headers=in_header)
    return page_call(endpoint, query, start, unread=unread)


def _asked(endpoint: Endpoint[Any], sized: Query, own: Query) -> Query:
    """The query of a list: what narrows it stands in place of what every list is asked with."""
    names = {name for name, _ in own}
    return (*sized, *own, *(pair for pair in endpoint.declared.query.items() if pair[0] not in names))


def find(endpoint: Endpoint[R], record: R) -> Call[Page[R]] | None:
    """The list of the records that hold what this one holds in the first declared property that has a value, if any."""
    held = endpoint.codec.dump(record)
    for name, parameter in endpoint.declared.find.items():
        attribute = attribute_of(endpoint.codec.cls, name)
        value = held.get(name if attribute is None else endpoint.wire.name_of(attribute))
        if isinstance(value, str) and value:
            query = _asked(endpoint, _sized(endpoint, MAX_PAGE), ((parameter, value),))
            return page_call(endpoint, query, start_of(endpoint))
    return None


def get_many(endpoint: Endpoint[R], ids: Collection[str]) -> Iterator[tuple[Sequence[str], Call[Page[R]]]]:
    """The calls that read a set of records, each with its ids; the pages miss those that are gone.

    For an API that reads many at once.
    """
    batch = endpoint.schema.batch
    assert batch is not None  # the caller reads them one by one then
    most = batch.most
    if batch.sized and endpoint.schema.paging is not None:
        most = min(most, endpoint.schema.paging.most)
    ordered = sorted(set(ids))
    start = 0
    while start < len(ordered):
        end, length = start, 0
        while end < len(ordered) and end - start < most and length < MAX_IDS_TEXT:
            length += len(ordered[end]) + 1
            end += 1
        chunk = ordered[start:end]
        texts = chunk if batch.separator is None else [batch.separator.join(chunk)]
        query = tuple((batch.parameter, batch.template.replace("{ids}", text)) for text in texts)
        query = (_sized(endpoint, len(chunk)) if batch.sized else ()) + query
        place = attrs.evolve(start_of(endpoint), wanted=len(chunk), ids=tuple(chunk))
        yield chunk, page_call(endpoint, query, place)
        start = end


def _sized(endpoint: Endpoint[Any], page_size: int) -> Query:
    paging = endpoint.schema.paging
    if paging is None or paging.size is None:
        return ()
    least = 2 if isinstance(paging, OffsetPaging) else 1  # pages that overlap must have something new
    return ((paging.size, str(max(least, min(page_size, paging.most)))),)


def page_call(endpoint: Endpoint[R], query: Query, place: Place, *, unread: bool = False) -> Call[Page[R]]:
    def decode(answer: Answer) -> Page[R]:
        shown = _shown(endpoint, answer, unread=unread, operation="list" if place.ids is None else "batch")
        return _page(endpoint, query, place, [shown], unread=unread)

    asked = place.query if place.path is not None else (*query, *place.query)
    call = listed(endpoint, decode, place.path, asked, place.ids, headers=place.headers)
    return attrs.evolve(call, parts=_parts(endpoint, query, place, unread=unread))


@attrs.frozen
class _Shown(Generic[R]):
    """What an answer with a list shows."""

    listing: Listing[R]
    rest: Any
    answer: Answer


def _shown(endpoint: Endpoint[R], answer: Answer, *, unread: bool, operation: str = "list") -> _Shown[R]:
    where = endpoint.schema.envelope.items
    if not answer.body.strip() and answer.status in {204, 304}:
        return _Shown(listing(endpoint, [], "$", unread=unread), {}, answer)  # nothing, and said so
    items, rest = open_list(answer, None if where is None else steps(where))
    refuse_in_body(endpoint, operation, answer, rest)
    if items is None and says_yes(endpoint, operation, rest):
        items = []
    return _Shown(listing(endpoint, items, f"$.{where}" if where else "$", unread=unread), rest, answer)


def _page(
    endpoint: Endpoint[R], query: Query, place: Place, parts: Sequence[_Shown[R] | None], *, unread: bool
) -> Page[R]:
    """The page at a place, of one or several answers; `None` stands for a record that none of them shows."""
    answers = [part for part in parts if part is not None]
    ids = tuple(id for part in parts for id in (part.listing.ids if part is not None else (None,)))
    onward = following(endpoint, place, answers[0].rest, ids, answers[0].answer)
    # The last record of the page before is the first one of this page again.
    again = place.anchor is not None and ids[:1] == (place.anchor,)
    page = Page.joined([part.listing.page(1 if again and part is parts[0] else 0) for part in answers])
    if place.shown:
        page = _without(page, place.shown)
    return attrs.evolve(
        page,
        deleted=page.deleted if place.changes else (),
        following=page_call(endpoint, query, onward, unread=unread) if onward else None,
        token=token_of(endpoint, onward) if onward else None,
        served_at=answers[0].answer.served_at,
        shown=tuple(id for id in ids[1 if again else 0 :] if id not in place.shown),
        total=total_of(endpoint, place, answers[0].rest, answers[0].answer),
        proof=None if onward else _proof(endpoint, query, place, answers[0], ids),
    )


def _proof(
    endpoint: Endpoint[Any], query: Query, place: Place, shown: _Shown[Any], ids: Sequence[str | None]
) -> Call[bool] | None:
    """What finds out whether a list ends with its first page, where that page does not say so: half of it.

    Then the answer must name the next page; if it does not, it never does by the name that is declared.
    """
    paging = endpoint.schema.paging
    name = None if paging is None else paging.size
    half = len(ids) // 2
    start = attrs.evolve(start_of(endpoint), changes=place.changes, headers=place.headers)
    if place != start or says_where(endpoint, shown.rest, shown.answer, ids):
        return None
    refuse_another_way(endpoint, shown.rest)
    if name is None or not half:
        return None
    asked = dict(query).get(name)

    def decode(answer: Answer) -> bool:
        part = _shown(endpoint, answer, unread=False)
        is_full = str(len(ids)) == asked
        return is_told(endpoint, part.rest, answer, len(part.listing.ids), half, len(ids), is_full=is_full)

    return listed(endpoint, decode, None, _resized(query, name, half), headers=place.headers)


# --- less than a page -------------------------------------------------------------------------------------------


def _parts(endpoint: Endpoint[R], query: Query, place: Place, *, unread: bool) -> InTurn | Counted | None:
    """How less than a page can be asked for; `None` where its length cannot be said."""
    paging = endpoint.schema.paging
    name = None if paging is None else paging.size
    asked = dict(query if place.path is None else place.query).get(name or "")
    if name is None or asked is None or not asked.isdecimal():
        return None
    size = int(asked)
    if not isinstance(paging, (PagePaging, OffsetPaging)):

        def less(most: int) -> Call[Page[R]]:
            there = attrs.evolve(place, query=_resized(place.query, name, most))
            return page_call(endpoint, _resized(query, name, most), there, unread=unread)

        return InTurn(size, less)

    def part(start: int, length: int) -> Call[_Shown[R]]:
        if isinstance(paging, PagePaging):
            at = paging.first + ((place.number - paging.first) * size + start) // length
        else:
            at = place.number + start
        where = (*_resized(query, name, length), (paging.parameter, str(at)))
        decode = partial(_shown, endpoint, unread=unread)
        return listed(endpoint, decode, None, where, place.ids, headers=place.headers)

    def split(length: int) -> int:
        if isinstance(paging, OffsetPaging):
            return (length + 1) // 2
        # Pages that are counted by their own length must begin where this one does.
        return length // next((n for n in range(2, length) if length % n == 0), length)

    def whole(parts: Sequence[_Shown[R] | None]) -> Page[R]:
        return _page(endpoint, query, place, parts, unread=unread)

    return Counted(size, part, split, lambda shown: len(shown.listing.ids), whole)


def _resized(query: Query, name: str, size: int) -> Query:
    return tuple((each, str(size) if each == name else value) for each, value in query)


def _without(page: Page[R], ids: Collection[str | None]) -> Page[R]:
    """What is left of a page that was read before."""
    unread = page.unread
    return attrs.evolve(
        page,
        items=tuple(record for record in page.items if cast("Any", record).id not in ids),
        malformed=tuple(item for item in page.malformed if item.id not in ids),
        deleted=tuple(id for id in page.deleted if id not in ids),
        unread=None if unread is None else unread.only([n for n, id in enumerate(unread.ids) if id not in ids]),
    )
