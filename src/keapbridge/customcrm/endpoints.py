"""The REST API of a Customcrm, as values: each function returns a `Call` and performs nothing. Pure.

What an API looks like is declared by a `CustomcrmSchema`; the default one is the default profile: PascalCase JSON;
`GET /contacts?updated_since=…&limit=…&cursor=…` answers `{"Items": […], "NextCursor": …}` with tombstones among the
changes; `?ids=` reads many; POST takes an `Idempotency-Key`; PATCH and DELETE take `If-Match`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit

import attrs
import msgspec

from keapbridge._io.effects import Answer, Call, Counted, InTurn, Malformed, Page
from keapbridge._json.codec import Codec, NotQuickError, dump_json, id_text, load_json, open_list, parsed, split
from keapbridge.customcrm import records
from keapbridge.customcrm.schema import (
    OBJECTS,
    CursorPaging,
    CustomcrmObject,
    CustomcrmSchema,
    LinkPaging,
    NextUrlPaging,
    OffsetPaging,
    PagePaging,
    attribute_of,
    time_text,
)
from keapbridge.customcrm.wire import Wire, dig, put
from keapbridge.errors import NotFoundError, ShapeError
from keapbridge.model.checked import asked_id
from keapbridge.model.given import wrong
from keapbridge.model.maybe import UNSET
from keapbridge.model.meant import is_meant

__all__ = [
    "CONTACTS",
    "CUSTOMERS",
    "PRODUCTS",
    "Current",
    "Endpoint",
    "create",
    "current",
    "delete",
    "endpoint",
    "find",
    "get",
    "get_many",
    "list_page",
    "mark_deleted",
    "update",
]

MAX_PAGE = 1000
MAX_IDS_TEXT = 3000
MAX_RETREATS = 25  # how often a list may lose its order before it counts as having none

R = TypeVar("R")
Query = tuple[tuple[str, str], ...]
Json = dict[str, Any]

_READ_ONLY = frozenset({"id", "created_at", "updated_at", "etag"})
_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:"[^"]*"|[^\s;,]*))?)*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?![^\s;,]))', re.IGNORECASE)
_with_numbers = msgspec.json.Encoder(decimal_format="number").encode


@attrs.frozen
class Endpoint(Generic[R]):
    """One of the three objects: its schema, its name in messages, its records.

    Attributes:
        schema: what is declared, as it is for this object.
        base_path: the path of the base URL, which the addresses of next pages have, too.
    """

    object: str
    singular: str
    codec: Codec[R]
    schema: CustomcrmSchema
    wire: Wire
    base_path: str = ""

    @property
    def declared(self) -> CustomcrmObject:
        """What is declared for this object alone."""
        declared: CustomcrmObject = getattr(self.schema, self.object)
        return declared

    @property
    def declared_names(self) -> frozenset[str]:
        """The properties that are declared for it by name, as they are called in mappings."""
        attributes = {name: attribute_of(self.codec.cls, name) for name in self.declared.properties}
        return frozenset(name if found is None else records.wire_name(found) for name, found in attributes.items())

    def path_of(self, name: str) -> str:
        """Where records have a property, by its name in mappings."""
        attribute = attribute_of(self.codec.cls, name)
        return self.wire.named.get(name, name) if attribute is None else self.wire.paths.get(attribute, name)

    @property
    def path(self) -> str:
        """The path of the list."""
        return self.declared.path

    @property
    def can_split(self) -> bool:
        """Whether ids and marks of deletion are found without reading a record."""
        mark = self.schema.deleted
        return "." not in self.wire.paths["id"] and (mark is None or "." not in mark.property)

    @property
    def is_plain(self) -> bool:
        """Whether records can be read as they come: nothing is renamed, and a mark of deletion is none of them."""
        mark = self.schema.deleted
        known = self.codec.wire_names.values()
        return self.wire.is_flat and (mark is None or ("." not in mark.property and mark.property not in known))

    @property
    def writable(self) -> frozenset[str]:
        """The attributes that can be written; any further property goes through `extra`."""
        return frozenset(self.codec.fields) - _READ_ONLY


def endpoint(cls: type[R], schema: CustomcrmSchema, base_url: str = "") -> Endpoint[R]:
    """One of the three objects of a declared API."""
    object = next(name for name, each in OBJECTS.items() if each is cls)
    here = schema.of(object)
    wire = Wire.of(here, object)
    names = tuple([(f.name, wire.name_of(f.name)) for f in attrs.fields(OBJECTS[object])])
    return Endpoint(
        object, object.removesuffix("s"), _codec(object, names), here, wire, urlsplit(base_url).path.rstrip("/")
    )


@lru_cache(maxsize=64)
def _codec(object: str, names: tuple[tuple[str, str], ...]) -> Codec[Any]:
    """What reads records whose attributes have these names: worked out once for all clients, for it takes longest."""
    return Codec(OBJECTS[object], dict(names).__getitem__)


CONTACTS = endpoint(records.Contact, CustomcrmSchema())
CUSTOMERS = endpoint(records.Customer, CustomcrmSchema())
PRODUCTS = endpoint(records.Product, CustomcrmSchema())


# --- lists ------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Place:
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
        wanted: how many records are asked for by their ids, and not read yet.
        changes: whether it is a list of changes, which tells of deletions.
    """

    query: Query = ()
    path: str | None = None
    number: int = 0
    anchor: str | None = None
    before: tuple[str | None, ...] = ()
    shown: frozenset[str | None] = frozenset()
    moved: _Place | None = None
    same: _Place | None = None
    length: int = 0
    retreats: int = 0
    wanted: int | None = None
    changes: bool = False


def list_page(
    endpoint: Endpoint[R], *, updated_since: datetime | None = None, page_size: int = MAX_PAGE, unread: bool = False
) -> Call[Page[R]]:
    """A list, from its first page on: everything, or the changes (and tombstones) since a moment.

    Where the API cannot tell what changed, everything is listed and the pages say so.

    Args:
        unread: leave records unread where that is possible.
    """
    query = _sized(endpoint, page_size)
    changes = endpoint.schema.changed_since
    if updated_since is not None:
        if updated_since.tzinfo is None:
            raise ValueError(
                f"a time needs a time zone, as in datetime(2026, 3, 1, tzinfo=UTC); {updated_since} has none"
            )
        if changes is not None:
            query += ((changes.parameter, changes.text(updated_since)),)
    query += tuple(endpoint.declared.query.items())
    narrowed = updated_since is not None and changes is not None
    return _page_call(endpoint, query, attrs.evolve(_start(endpoint), changes=narrowed), unread=unread)


def find(endpoint: Endpoint[R], record: R) -> Call[Page[R]] | None:
    """The list of the records that hold what this one holds in the first declared property that has a value, if any."""
    held = endpoint.codec.dump(record)
    for name, parameter in endpoint.declared.find.items():
        attribute = attribute_of(endpoint.codec.cls, name)
        value = held.get(name if attribute is None else endpoint.wire.name_of(attribute))
        if isinstance(value, str) and value:
            query = (*_sized(endpoint, MAX_PAGE), (parameter, value), *endpoint.declared.query.items())
            return _page_call(endpoint, query, _start(endpoint))
    return None


def get_many(endpoint: Endpoint[R], ids: Collection[str]) -> Iterator[Call[Page[R]]]:
    """The calls that read a set of records; the pages miss those that are gone. For an API that reads many at once."""
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
        together = [chunk] if batch.separator is None else [[batch.separator.join(chunk)]]
        query = tuple((batch.parameter, text) for texts in together for text in texts)
        query = (_sized(endpoint, len(chunk)) if batch.sized else ()) + query
        place = attrs.evolve(_start(endpoint), wanted=len(chunk))
        yield _page_call(endpoint, query, place)
        start = end


def _sized(endpoint: Endpoint[Any], page_size: int) -> Query:
    paging = endpoint.schema.paging
    if paging is None or paging.size is None:
        return ()
    least = 2 if isinstance(paging, OffsetPaging) else 1  # pages that overlap must have something new
    return ((paging.size, str(max(least, min(page_size, paging.most)))),)


def _start(endpoint: Endpoint[Any]) -> _Place:
    paging = endpoint.schema.paging
    return _Place(number=paging.first) if isinstance(paging, PagePaging) else _Place()


def _page_call(endpoint: Endpoint[R], query: Query, place: _Place, *, unread: bool = False) -> Call[Page[R]]:
    def decode(answer: Answer) -> Page[R]:
        return _page(endpoint, query, place, [_shown(endpoint, answer, unread=unread)], unread=unread)

    asked = place.query if place.path is not None else (*query, *place.query)
    call = _list_call(endpoint, place.path or endpoint.path, asked, decode)
    return attrs.evolve(call, parts=_parts(endpoint, query, place, unread=unread))


def _list_call(endpoint: Endpoint[Any], path: str, query: Query, decode: Callable[[Answer], Any]) -> Call[Any]:
    subject = f"the list of {endpoint.singular}s"
    return Call("GET", path, decode, query=query, subject=subject, route=endpoint.path)


@attrs.frozen
class _Shown(Generic[R]):
    """What an answer with a list shows."""

    listing: _Listing[R]
    rest: Any
    answer: Answer


def _shown(endpoint: Endpoint[R], answer: Answer, *, unread: bool) -> _Shown[R]:
    where = endpoint.schema.envelope.items
    items, rest = open_list(answer, where)
    return _Shown(_listing(endpoint, items, f"$.{where}" if where else "$", unread=unread), rest, answer)


def _page(
    endpoint: Endpoint[R], query: Query, place: _Place, parts: Sequence[_Shown[R] | None], *, unread: bool
) -> Page[R]:
    """The page at a place, of one or several answers; `None` stands for a record that none of them shows."""
    answers = [part for part in parts if part is not None]
    ids = tuple(id for part in parts for id in (part.listing.ids if part is not None else (None,)))
    following = _following(endpoint, place, answers[0].rest, ids, answers[0].answer)
    # The last record of the page before is the first one of this page again.
    again = place.anchor is not None and ids[:1] == (place.anchor,)
    page = Page.joined([part.listing.page(1 if again and part is parts[0] else 0) for part in answers])
    if place.shown:
        page = _without(page, place.shown)
    return attrs.evolve(
        page,
        deleted=page.deleted if place.changes else (),
        following=_page_call(endpoint, query, following, unread=unread) if following else None,
        token=_token(endpoint, following) if following else None,
        served_at=answers[0].answer.served_at,
    )


# --- less than a page -------------------------------------------------------------------------------------------


def _parts(endpoint: Endpoint[R], query: Query, place: _Place, *, unread: bool) -> InTurn | Counted | None:
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
            return _page_call(endpoint, _resized(query, name, most), there, unread=unread)

        return InTurn(size, less)

    def part(start: int, length: int) -> Call[_Shown[R]]:
        if isinstance(paging, PagePaging):
            at = paging.first + ((place.number - paging.first) * size + start) // length
        else:
            at = place.number + start
        where = (*_resized(query, name, length), (paging.parameter, str(at)))
        return _list_call(endpoint, endpoint.path, where, lambda answer: _shown(endpoint, answer, unread=unread))

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


@attrs.frozen
class _Listing(Generic[R]):
    """The list in an answer: the ids of all that it shows, and the page that begins at one of them."""

    ids: tuple[str | None, ...]
    page: Callable[[int], Page[R]]


def _listing(endpoint: Endpoint[R], items: Any, path: str, *, unread: bool) -> _Listing[R]:
    if isinstance(items, msgspec.Raw):
        with contextlib.suppress(NotQuickError):
            if unread and endpoint.can_split:
                return _split_listing(endpoint, items, path)
            if endpoint.is_plain:
                return _quick_listing(endpoint, items)
        items = parsed(items)
    if not isinstance(items, list):
        raise ShapeError(f"{path} is not a list", paths=[path])

    def page(start: int) -> Page[R]:
        shown = items[start:]
        deleted = tuple(filter(None, (_id(endpoint, item) for item in shown if _is_deleted(endpoint, item))))
        there = [endpoint.wire.read(item) for item in shown if not _is_deleted(endpoint, item)]
        records, malformed = endpoint.codec.load_many(there, path=path)
        return Page(records, malformed, deleted)

    return _Listing(tuple(_id(endpoint, item) for item in items), page)


def _quick_listing(endpoint: Endpoint[R], items: msgspec.Raw) -> _Listing[R]:
    records = endpoint.codec.read_quickly(items)
    return _Listing(tuple(record.id for record in cast("Any", records)), lambda start: Page(records[start:]))


def _split_listing(endpoint: Endpoint[R], items: msgspec.Raw, path: str) -> _Listing[R]:
    mark = endpoint.schema.deleted

    def read(texts: Sequence[Any], positions: Sequence[int]) -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
        if endpoint.is_plain:
            return endpoint.codec.read_texts(texts, positions, path)
        there = [endpoint.wire.read(parsed(text)) for text in texts]
        return endpoint.codec.load_many(there, path=path, positions=positions)

    marks_at = None if mark is None else mark.property
    unread, marks = split(items, endpoint.wire.paths["id"], marks_at, read, *endpoint.wire.stamp)

    def page(start: int) -> Page[R]:
        gone = {n for n, found in enumerate(marks) if found is not None and mark is not None and mark.holds(found)}
        if not gone and not start:
            return Page(unread=unread)
        there = range(start, len(marks))
        deleted = tuple(id for n in there if n in gone and (id := unread.ids[n]) is not None)
        return Page(deleted=deleted, unread=unread.only([n for n in there if n not in gone]))

    return _Listing(unread.ids, page)


def _following(
    endpoint: Endpoint[Any], place: _Place, body: Any, ids: Sequence[str | None], answer: Answer
) -> _Place | None:
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
            target = _next_link(answer.headers.get("link", ""))
            return _onward(place, _at(endpoint, here, target)) if target else None
        case NextUrlPaging() as paging:
            target = dig(body, paging.following)
            return _onward(place, _at(endpoint, here, str(target))) if target else None
        case PagePaging() as paging:
            return None if wanted == 0 else _next_number(paging, here, body, tuple(ids), place)
        case OffsetPaging() as paging:
            return None if wanted == 0 else _next_offset(paging, here, body, ids, place)


def _token(endpoint: Endpoint[Any], following: _Place) -> str | None:
    """By what an answer named the next page; counted pages are read again where the list has moved."""
    if isinstance(endpoint.schema.paging, (PagePaging, OffsetPaging)):
        return None
    return f"{following.path} {following.query}"


def _onward(place: _Place, following: _Place) -> _Place:
    if (place.path, place.query) == (following.path, following.query):
        raise ShapeError("the next page of the list is the page itself", paths=["$"])
    return following


def _next_link(header: str) -> str | None:
    return next((link[1] for link in _LINK.finditer(header) if _NEXT.search(link[2])), None)


def _at(endpoint: Endpoint[Any], place: _Place, target: str) -> _Place:
    """The place that an address tells. Its host does not count, so that nothing is ever sent elsewhere."""
    parts = urlsplit(urljoin(f"http://host{endpoint.base_path}{endpoint.path}", target))
    base = f"{endpoint.base_path}/"
    if not parts.path.startswith(base):
        raise ShapeError("the next page of the list is not below the base URL", paths=["$"])
    path = parts.path[len(base) - 1 :]
    return attrs.evolve(place, path=path, query=tuple(parse_qsl(parts.query, keep_blank_values=True)))


def _next_number(
    paging: PagePaging, here: _Place, body: Any, ids: tuple[str | None, ...], place: _Place
) -> _Place | None:
    """The next page; but first the one before this again, for what has moved to it while this one was read.

    A deletion on an earlier page lets the first record of this page slip to the end of the one before.
    """

    def at(number: int, **more: Any) -> _Place:
        clean: dict[str, Any] = {"shown": frozenset(), "query": ((paging.parameter, str(number)),)}
        return attrs.evolve(here, number=number, **{**clean, **more})

    if place.moved is not None:
        if ids == place.before:
            return place.same
        return attrs.evolve(place.moved, before=ids, shown=place.shown.union(ids), retreats=_retreated(place))
    if ids and ids == place.before:
        raise ShapeError(
            f"{paging.parameter!r} turns no page: it shows the same records as the page before", paths=["$"]
        )
    total, pages = _count(body, paging.total), _count(body, paging.pages)
    length = place.length or len(ids)
    read = place.number - paging.first
    ends = not ids or (pages is not None and read + 1 >= pages)
    ends = ends or (total is not None and read * length + len(ids) >= total)
    following = None if ends else at(place.number + 1, before=ids, length=length)
    if not read or place.wanted is not None:
        return following
    shown = place.shown.union(place.before, ids)
    return at(place.number - 1, before=place.before, shown=shown, moved=place, same=following, length=length)


def _next_offset(
    paging: OffsetPaging, here: _Place, body: Any, ids: Sequence[str | None], place: _Place
) -> _Place | None:
    total = _count(body, paging.total)
    if place.anchor is not None and (not ids or ids[0] != place.anchor):
        # Records before this page came or went: what moved may be on a page that was read already.
        number = max(0, place.number - max(1, len(ids)))
        anchor: str | None = None
        retreats = _retreated(place)
    else:
        new = len(ids) - (place.anchor is not None)
        if new <= 0 or (total is not None and place.number + len(ids) >= total):
            return None
        number, anchor, retreats = place.number + len(ids) - 1, ids[-1], place.retreats
        if anchor is None:
            number += 1
    query = ((paging.parameter, str(number)),)
    return attrs.evolve(here, query=query, number=number, anchor=anchor, retreats=retreats)


def _retreated(place: _Place) -> int:
    if place.retreats >= MAX_RETREATS:
        raise ShapeError("the list does not keep its order: declare a query that sorts it", paths=["$"])
    return place.retreats + 1


def _count(body: Any, path: str | None) -> int | None:
    if path is None:
        return None
    found = dig(body, path)
    if not isinstance(found, int) or isinstance(found, bool):
        raise ShapeError(f"unexpected data at $.{path} (expected int)", paths=[f"$.{path}"])
    return found


def _id(endpoint: Endpoint[Any], item: Any) -> str | None:
    return id_text(dig(item, endpoint.wire.paths["id"]))


def _is_deleted(endpoint: Endpoint[Any], item: Any) -> bool:
    mark = endpoint.schema.deleted
    return mark is not None and isinstance(item, dict) and mark.holds(dig(item, mark.property))


# --- single records ---------------------------------------------------------------------------------------------


@attrs.frozen
class Current:
    """A record as the API shows it, for being written back, and its version."""

    body: Json = attrs.field(repr=False)
    version: str | None


def get(endpoint: Endpoint[R], id: str) -> Call[R]:
    """One record."""
    subject = f"{endpoint.singular} {id}"
    return Call("GET", _one(endpoint, id), _decode_one(endpoint, subject), subject=subject, route=_route(endpoint))


def current(endpoint: Endpoint[Any], id: str) -> Call[Current]:
    """One record, as it is needed for a write that has to send more than the changes."""
    subject = f"{endpoint.singular} {id}"

    def decode(answer: Answer) -> Current:
        body = _one_body(endpoint, answer, subject)
        if not isinstance(body, dict):
            raise ShapeError("the answer is not a record", paths=["$"])
        path = endpoint.wire.paths.get("etag")
        version = answer.headers.get("etag") if path is None else dig(body, path)
        return Current(body, None if version is None else str(version))

    return Call("GET", _one(endpoint, id), decode, subject=subject, route=_route(endpoint))


def create(endpoint: Endpoint[R], record: Any, *, key: str | None = None) -> Call[R]:
    """A new record; with an idempotency key, where the API takes one, it may be sent again and is made once.

    Where the answer does not show the record, the one that is returned holds its id only.
    """
    body = endpoint.codec.dump(record, endpoint.writable | record_extra(record).keys())
    header = endpoint.schema.idempotency
    return Call(
        "POST",
        endpoint.path,
        _decode_written(endpoint, None),
        headers=((header, key),) if key and header else (),
        body=_sent(endpoint, endpoint.wire.write({name: value for name, value in body.items() if value is not None})),
        subject=f"a new {endpoint.singular}",
        repeatable=key is not None and header is not None,
    )


def update(
    endpoint: Endpoint[R],
    id: str,
    record: R,
    mask: Collection[str],
    *,
    if_match: str | None = None,
    onto: Json | None = None,
) -> Call[R]:
    """Write the masked attributes (or extra properties) of `record`; with `if_match` only onto that version.

    Args:
        onto: the record as it is now, where more than the changes has to be sent.
    """
    changes = endpoint.codec.dump(record, mask)
    into = None if onto is None else endpoint.wire.kept(onto, changes)
    body = endpoint.wire.write(changes, into)
    return _write(endpoint, id, body, _decode_written(endpoint, id), if_match)


def reads_before_writing(endpoint: Endpoint[R], record: R, mask: Collection[str]) -> bool:
    """Whether an update needs the record as it is now."""
    return endpoint.wire.reads_before_writing(endpoint.codec.dump(record, mask))


def delete(endpoint: Endpoint[Any], id: str, *, if_match: str | None = None) -> Call[None]:
    """Delete a record; with `if_match` only that version."""
    return Call(
        "DELETE",
        _one(endpoint, id),
        lambda _: None,
        headers=_conditions(endpoint, if_match),
        subject=f"{endpoint.singular} {id}",
        route=_route(endpoint),
    )


def mark_deleted(
    endpoint: Endpoint[Any], id: str, moment: datetime, *, if_match: str | None = None, onto: Json | None = None
) -> Call[None]:
    """Write the mark of deleted records; with `if_match` only onto that version."""
    mark = endpoint.schema.deleted
    assert mark is not None  # the schema has checked that a soft delete has a mark
    value: Any = mark.value
    if mark.time:
        text = time_text(moment, endpoint.schema.times)
        value = text if endpoint.schema.times == "iso8601" else int(text)
    body = {} if onto is None else endpoint.wire.kept(onto, [mark.property])
    put(body, mark.property, value)
    return _write(endpoint, id, body, lambda _: None, if_match)


def marks_after_reading(endpoint: Endpoint[Any]) -> bool:
    """Whether writing the mark of deleted records needs the record as it is now."""
    mark = endpoint.schema.deleted
    return mark is not None and endpoint.wire.reads_before_writing([mark.property])


def changes_to_record(endpoint: Endpoint[R], changes: Mapping[str, Any]) -> tuple[R, frozenset[str]]:
    """A record that holds only these changes, and their names; properties of the host come as `extra={…}`.

    Raises:
        TypeError: for a name that is not a writable field.
    """
    unknown = sorted(changes.keys() - endpoint.writable - {"extra"})
    if unknown:
        meant = is_meant(unknown[0], endpoint.writable)
        raise TypeError(f"{endpoint.singular}s have no writable field {', '.join(map(repr, unknown))}{meant}")
    if "extra" in changes and not isinstance(changes["extra"], Mapping):
        raise wrong("extra", "properties by name, such as extra={'ShoeSize': 42}", changes["extra"])
    ready = {name: value for name, value in changes.items() if value is not UNSET}
    return endpoint.codec.cls(**ready), frozenset(ready.keys() - {"extra"} | ready.get("extra", {}).keys())


def record_extra(record: Any) -> Mapping[str, Any]:
    """The host's own properties of a record."""
    extra: Mapping[str, Any] = record.extra
    return extra


def _one(endpoint: Endpoint[Any], id: str) -> str:
    return endpoint.declared.path_of(quote(asked_id(id), safe=""))


def _route(endpoint: Endpoint[Any]) -> str:
    return endpoint.declared.path_of("{id}")


def _conditions(endpoint: Endpoint[Any], version: str | None) -> Query:
    return (("If-Match", version),) if version and endpoint.schema.conditional else ()


def _write(
    endpoint: Endpoint[Any], id: str, body: Json, decode: Callable[[Answer], Any], version: str | None
) -> Call[Any]:
    return Call(
        endpoint.schema.update.method,
        _one(endpoint, id),
        decode,
        headers=_conditions(endpoint, version),
        body=_sent(endpoint, body),
        subject=f"{endpoint.singular} {id}",
        route=_route(endpoint),
    )


def _sent(endpoint: Endpoint[Any], body: Json) -> bytes:
    wrapped = body
    if endpoint.schema.envelope.sends is not None:
        wrapped = {}
        put(wrapped, endpoint.schema.envelope.sends, body)
    return _with_numbers(wrapped) if endpoint.schema.decimals == "number" else dump_json(wrapped)


def _one_body(endpoint: Endpoint[Any], answer: Answer, subject: str) -> Any:
    body = load_json(answer)
    found = dig(body, endpoint.schema.envelope.record)
    if _is_deleted(endpoint, found):
        raise NotFoundError(f"{subject} is marked as deleted", status=410)
    return found


def _decode_one(endpoint: Endpoint[R], subject: str) -> Callable[[Answer], R]:
    where = endpoint.schema.envelope.record
    path = f"$.{where}" if where else "$"

    def decode(answer: Answer) -> R:
        body = endpoint.wire.read(_one_body(endpoint, answer, subject))
        record = endpoint.codec.load(body, path=path)
        return _versioned(endpoint, record, answer)

    return decode


def _versioned(endpoint: Endpoint[R], record: R, answer: Answer) -> R:
    if "etag" in endpoint.wire.paths:
        return record
    versioned: R = attrs.evolve(cast("Any", record), etag=answer.headers.get("etag"))
    return versioned


def _decode_written(endpoint: Endpoint[R], id: str | None) -> Callable[[Answer], R]:
    """The record that an answer to a write shows, or one with its id only where answers show no more."""
    whole = _decode_one(endpoint, f"{endpoint.singular} {id or ''}".rstrip())

    def decode(answer: Answer) -> R:
        if endpoint.schema.envelope.written == "record":
            if not answer.body.strip():
                why = "the answer to the write shows no record: declare written='id' of the envelope"
                raise ShapeError(why, paths=["$"], status=answer.status)
            return whole(answer)
        values: Json = {"id": id or _new_id(endpoint, answer)}
        return endpoint.codec.cls(**values)

    return decode


def _new_id(endpoint: Endpoint[Any], answer: Answer) -> str:
    body = load_json(answer) if answer.body.strip() else None
    found = _id(endpoint, dig(body, endpoint.schema.envelope.record)) or _id(endpoint, body)
    if found:
        return found
    last = urlsplit(answer.headers.get("location", "")).path.rstrip("/").rpartition("/")[2]
    if not last:
        raise ShapeError("the answer tells no id of the new record", paths=["$"])
    return unquote(last)
