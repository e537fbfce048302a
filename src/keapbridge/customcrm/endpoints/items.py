"""The records in an answer that is a list, read at once or left unread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import attrs

from keapbridge._io.calls import Malformed, Page
from keapbridge._json.codec import NotQuickError, Texts, parsed, split
from keapbridge.customcrm.endpoints.endpoint import Endpoint, id_of, is_deleted
from keapbridge.customcrm.paths import top
from keapbridge.errors import ShapeError

__all__ = ["Listing", "listing"]

R = TypeVar("R")


@attrs.frozen
class Listing(Generic[R]):
    """The list in an answer: the ids of all that it shows, and the page that begins at one of them."""

    ids: tuple[str | None, ...]
    page: Callable[[int], Page[R]]


def listing(endpoint: Endpoint[R], items: Any, path: str, *, unread: bool) -> Listing[R]:
    if type(items) is tuple:
        with contextlib.suppress(NotQuickError):
            if endpoint.can_split:
                return _split_listing(endpoint, items, path, unread=unread)
        items = [parsed(text) for text in items]
    if not isinstance(items, list):
        raise ShapeError(f"{path} is not a list", paths=[path])

    def page(start: int) -> Page[R]:
        shown = items[start:]
        deleted = tuple(filter(None, (id_of(endpoint, item) for item in shown if is_deleted(endpoint, item))))
        there = [endpoint.wire.read(item) for item in shown if not is_deleted(endpoint, item)]
        records, malformed = endpoint.codec.load_many(there, path=path)
        return Page(records, malformed, deleted)

    return Listing(tuple(id_of(endpoint, item) for item in items), page)


def _split_listing(endpoint: Endpoint[R], items: Texts, path: str, *, unread: bool) -> Listing[R]:
    mark = endpoint.schema.deleted

    def read(texts: Sequence[Any], positions: Sequence[int]) -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
        if endpoint.is_plain:
            return endpoint.codec.read_texts(texts, positions, path, endpoint.wire.read)
        there = [endpoint.wire.read(parsed(text)) for text in texts]
        return endpoint.codec.load_many(there, path=path, positions=positions)

    marks_at = None if mark is None else top(mark.property)
    whole, marks = split(items, top(endpoint.wire.paths["id"]), marks_at, read, *endpoint.wire.stamp)

    def page(start: int) -> Page[R]:
        gone = {n for n, found in enumerate(marks) if found is not None and mark is not None and mark.holds(found)}
        there = range(start, len(marks))
        deleted = tuple(id for n in there if n in gone and (id := whole.ids[n]) is not None)
        shown = whole.only([n for n in there if n not in gone]) if gone or start else whole
        return Page(deleted=deleted, unread=shown) if unread else Page(*shown.read(), deleted)

    return Listing(whole.ids, page)
