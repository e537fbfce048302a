"""Keap's lists as values: what is wanted of one, the call for its next page, and what to ask for where that is refused.

A list in the order of ids goes on after the last id that it showed, so that records which are made, changed or deleted
meanwhile neither hide nor repeat another one. Where Keap cannot order or compare ids, its page tokens are followed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Generic, TypeVar

import attrs

from keapbridge._io.calls import Answer, Call, InTurn, Page
from keapbridge._json.codec import NotQuickError, open_list
from keapbridge.errors import ApiError, StatusError
from keapbridge.keap import records
from keapbridge.keap.asking import (
    LONGER,
    MAX_PAGE,
    MIN_PAGE,
    Asking,
    is_named,
    is_refusal,
    names_in,
    smaller,
    took_too_long,
)
from keapbridge.keap.endpoints import Endpoint, KeapRecord
from keapbridge.model.checked import usable_moment

__all__ = ["MAX_PAGE", "Wanted", "filter_text", "find_like", "list_page", "moment", "of_ids"]

MAX_IDS_TEXT = 3000  # characters of ids in one filter: well below what proxies take as a URL

R = TypeVar("R", bound=KeapRecord)


def list_page(
    endpoint: Endpoint[R],
    asking: Asking | None = None,
    *,
    updated_since: datetime | None = None,
    filters: Iterable[tuple[str, str]] = (),
    order_by: str | None = None,
    page_size: int = MAX_PAGE,
    unread: bool = False,
    lazy: bool = False,
) -> Call[Page[R]]:
    """A list, from its first page on.

    Args:
        asking: what this Keap has let be asked for so far.
        updated_since: only records changed at or after this moment. Products cannot be filtered so: they are listed
            newest first, and the list ends at the first one that is older.
        filters: `(name, value)` compared with `==`, or `(name + operator, value)`.
        unread: leave records unread where that is possible.
        lazy: make records only as they are asked for, where that is possible.
    """
    stop_before: datetime | None = None
    if updated_since is not None and endpoint.since is None:
        stop_before, order_by = updated_since, endpoint.newest_first
    terms = tuple(filters)
    filter_text(terms)  # refused here, not at the first page
    since = None
    if stop_before is None and updated_since is not None:
        is_after = asking is not None and asking.habits.since == "exclusive"
        since = moment(updated_since - timedelta(milliseconds=1) if is_after else updated_since)
    # Where a list ends is told by what its records hold, if they are listed newest first.
    return Wanted(
        endpoint,
        Asking() if asking is None else asking,
        terms=terms,
        since=since,
        order_by=order_by,
        size=page_size,
        unread=unread and stop_before is None,
        lazy=lazy and stop_before is None,
        stop_before=stop_before,
    ).call()


@attrs.frozen
class Wanted(Generic[R]):
    """What is wanted of a list, from where on.

    Attributes:
        since: only what was changed as of this moment, as Keap writes it.
        size: the longest page that the caller takes.
        after: the list goes on after this id; with `token`, after the page that named it.
        before: the token of the page before, should the comparison of ids turn out to be none.
        without, less, lacks: the fields, the longer page and the parts of the list that were refused on the way here;
            remembered once the list is answered without them.
    """

    endpoint: Endpoint[R]
    asking: Asking
    terms: tuple[tuple[str, str], ...] = ()
    since: str | None = None
    order_by: str | None = None
    size: int = MAX_PAGE
    unread: bool = False
    lazy: bool = False
    stop_before: datetime | None = None
    after: int | None = None
    token: str | None = None
    before: str | None = None
    without: frozenset[str] = frozenset()
    less: int | None = None
    lacks: frozenset[str] = frozenset()

    def call(self) -> Call[Page[R]]:
        """The call for the page."""
        size = self._size
        return Call(
            "GET",
            self.endpoint.path,
            self._read,
            query=tuple(self._query(size)),
            subject=f"the list of {self.endpoint.name}",
            parts=InTurn(size, lambda less: attrs.evolve(self, size=less).call()),
            instead=self._instead,
        )

    def ids(self, wanted: Collection[str]) -> list[str]:
        """Those of the wanted ids that it covers, in their order, where it is one of `of_ids`."""
        [(name, value)] = self.terms
        if name == self.endpoint.ids:
            return value.split(",")
        return sorted((i for i in wanted if i.isdecimal() and 0 <= int(i) - int(value) < self.size), key=int)

    @property
    def _kind(self) -> str:
        return f"GET {self.endpoint.path}"

    @property
    def _size(self) -> int:
        most = min(self.size, self.endpoint.longest_page)
        return min(most, self.asking.size(self.endpoint.name), self.less or MAX_PAGE)

    @property
    def _fields(self) -> tuple[str, ...]:
        if not self.endpoint.choosable:
            return ()
        return tuple(n for n in self.asking.without(self._kind, self.endpoint.asked) if n not in self.without)

    def _takes(self, part: str) -> bool:
        return part not in self.lacks and not self.asking.lacks(self.endpoint.name, part)

    def _query(self, size: int) -> Iterator[tuple[str, str]]:
        yield "page_size", str(size)
        if fields := self._fields:
            yield "fields", ",".join(fields)
        terms = self.terms
        if self.after is not None:
            terms = (*terms, (f"{self.endpoint.id_above}>", str(self.after)))
        if self.since is not None and self.endpoint.since is not None and self._takes("since"):
            terms = (*terms, (self.endpoint.since, self.since))
        if terms:
            yield "filter", filter_text(terms)
        if self.order_by and self._takes("order_by"):
            yield "order_by", self.order_by
        if self.token is not None:
            yield "page_token", self.token

    # --- what is answered ---------------------------------------------------------------------------------------

    def _read(self, answer: Answer) -> Page[R]:
        if self.lazy:
            with suppress(NotQuickError):
                made, rest = self.endpoint.codec.opened(answer, self.endpoint.name)
                return self._page(answer, _token(rest), made.ids, unread=made)
        found, rest = open_list(answer, (self.endpoint.name,))
        path = f"$.{self.endpoint.name}"
        token = _token(rest)
        if self.unread and type(found) is tuple:
            with suppress(NotQuickError):
                unread = self.endpoint.codec.split(found, path=path, stamp="update_time")
                return self._page(answer, token, unread.ids, unread=unread)
        items, malformed = self.endpoint.codec.read_many(found, path=path)
        ids = [record.id or None for record in items] + [item.id for item in malformed]
        if self.stop_before is not None and any(_older(record, self.stop_before) for record in items):
            items, token = tuple(record for record in items if not _older(record, self.stop_before)), None
        return self._page(answer, token, ids, items=items, malformed=malformed)

    def _page(self, answer: Answer, token: str | None, ids: Collection[str | None], **shown: Any) -> Page[R]:
        self._remember(answer.seconds, is_full=token is not None)
        numbers = [int(id) for id in ids if id is not None and id.isdecimal()]
        if self.after is not None and self.before is not None and numbers and min(numbers) <= self.after:
            # Ids are not compared here: what was shown already is shown again, and the page before knows the way.
            self.asking.remember_parts(self.endpoint.name, frozenset({"id_above"}))
            following = attrs.evolve(self, after=None, token=self.before, before=None)
            return Page(following=following.call(), token=following.token, served_at=answer.served_at)
        onward = self._onward(token, numbers if len(numbers) == len(ids) else [])
        place = None if onward is None else onward.token or f"after {onward.after}"
        return Page(
            **shown, following=None if onward is None else onward.call(), token=place, served_at=answer.served_at
        )

    def _onward(self, token: str | None, ids: list[int]) -> Wanted[R] | None:
        """What is wanted after a page of these ids; none are given where one of them is not known."""
        if token is None:
            return None
        settled = attrs.evolve(self, without=frozenset(), less=None, lacks=frozenset())
        is_by_id = (
            self.order_by is not None
            and self.order_by == self.endpoint.by_id
            and not any(name.startswith(self.endpoint.id_above) for name, _ in self.terms)
            and self._takes("order_by")
            and self._takes("id_above")
        )
        if is_by_id and self.token is None and ids and all(a < b for a, b in pairwise(ids)):
            return attrs.evolve(settled, after=ids[-1], before=token)
        return attrs.evolve(settled, token=token, before=None)

    def _remember(self, seconds: float, *, is_full: bool) -> None:
        if self.without:
            self.asking.remember_fields(self._kind, self.without)
        if self.lacks:
            self.asking.remember_parts(self.endpoint.name, self.lacks)
        asked_less = self.less is not None
        self.asking.remember_size(self.endpoint.name, self._size, seconds, asked_less=asked_less, is_full=is_full)

    # --- what is refused ----------------------------------------------------------------------------------------

    def _instead(self, error: ApiError) -> Call[Page[R]] | None:
        wanted = self._milder(error)
        return None if wanted is None else wanted.call()

    def _milder(self, error: ApiError) -> Wanted[R] | None:
        """What to ask for instead of what was refused, or took too long; `None` where there is nothing less."""
        size = self._size
        if took_too_long(error):
            return attrs.evolve(self, less=smaller(size)) if size > MIN_PAGE else None
        if not is_refusal(error) or not isinstance(error, StatusError):
            return None
        said = error.said
        if size > 1 and is_named(said, "page_size"):
            return attrs.evolve(self, less=(size + 1) // 2, lacks=self.lacks | {LONGER})
        if self.after is not None and self.before is not None and is_named(said, self.endpoint.id_above):
            return attrs.evolve(self, after=None, token=self.before, before=None, lacks=self.lacks | {"id_above"})
        since = self.endpoint.since
        if self.since is not None and since is not None and self._takes("since") and is_named(said, since):
            return attrs.evolve(self, lacks=self.lacks | {"since"})  # it shows more than is needed
        if self.order_by and self._takes("order_by") and self.stop_before is None and is_named(said, "order_by"):
            return attrs.evolve(self, lacks=self.lacks | {"order_by"})
        named = names_in(said, self._fields)
        return attrs.evolve(self, without=self.without | named) if named else None


def _token(rest: Any) -> str | None:
    token = rest.get("next_page_token") if isinstance(rest, dict) else None  # refused where records are read
    return str(token) if token else None


def _older(record: KeapRecord, limit: datetime) -> bool:
    updated = usable_moment(record.update_time)
    return updated is not None and updated < limit


# --- some records -----------------------------------------------------------------------------------------------


def of_ids(endpoint: Endpoint[R], ids: Collection[str], asking: Asking | None = None) -> Iterator[Wanted[R]]:
    """What reads a set of records; the pages may hold others, and miss those that are gone.

    Companies have no filter for a set of ids, so neighbours are read as a range: one call covers every id from the
    first one up to as many ids as a page is long.
    """
    asking = Asking() if asking is None else asking
    ordered = sorted({i for i in ids if i.isdecimal()}, key=int)
    if endpoint.ids is None:
        longest = asking.size(endpoint.name)
        while ordered:
            first = int(ordered[0])
            window = [i for i in ordered if int(i) - first < longest]
            ordered = ordered[len(window) :]
            yield Wanted(
                endpoint,
                asking,
                terms=((f"{endpoint.id_above}>=", str(first)),),
                order_by=endpoint.by_id,
                size=int(window[-1]) - first + 1,
            )
        return
    most = min(asking.size(endpoint.name), asking.most_ids(endpoint.name))
    step = max(1, min(most, MAX_IDS_TEXT // (len(ordered[-1]) + 1))) if ordered else 1
    for start in range(0, len(ordered), step):
        chunk = ordered[start : start + step]
        yield Wanted(endpoint, asking, terms=((endpoint.ids, ",".join(chunk)),), size=len(chunk))


def find_like(
    endpoint: Endpoint[R], record: R, asking: Asking | None = None, *, since: datetime | None = None
) -> Call[Page[R]] | None:
    """The list of records that could be this one: by its strongest property that Keap can filter by, changed since.

    Without such a property, or with one that a filter cannot express, all that were changed since; `None` without that.
    """
    for name, value in _likeness(record):
        if value and ";" not in value and "*" not in value:
            changed = since if endpoint.since is not None else None
            return list_page(endpoint, asking, filters=[(name, value)], updated_since=changed)
    return None if since is None else list_page(endpoint, asking, updated_since=since)


def _likeness(record: Any) -> Iterator[tuple[str, str | None]]:
    match record:
        case records.Contact():
            yield "email", next((e.email or None for e in record.email_addresses or () if e.field == "EMAIL1"), None)
            yield "family_name", record.family_name or None
            yield "given_name", record.given_name or None
        case records.Company():
            yield "company_name", record.company_name or None
            yield "email", (record.email_address.email or None) if record.email_address else None
        case records.Product():
            yield "sku", record.sku or None
            yield "name", record.name or None


# --- parts ------------------------------------------------------------------------------------------------------


def moment(value: datetime) -> str:
    """A time as Keap writes it: ISO 8601, UTC, milliseconds."""
    if value.tzinfo is None:
        raise ValueError(f"a time needs a time zone, as in datetime(2026, 3, 1, tzinfo=UTC); {value} has none")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def filter_text(terms: Iterable[tuple[str, str]]) -> str:
    """Keap's filter expression: `name==value` terms joined by `;`."""
    parts = []
    for name, value in terms:
        if ";" in value:
            raise ValueError(f"Keap's filters cannot express a value with a semicolon ({name})")
        parts.append(f"{name}{value}" if name[-1] in "=<>" else f"{name}=={value}")
    return ";".join(parts)
