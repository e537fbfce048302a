"""How the pages of a list follow each other: what an answer says of it, and which way has shown other records. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from keapbridge.customcrm.endpoints.places import next_link
from keapbridge.customcrm.schema import (
    CursorPaging,
    LinkPaging,
    NextUrlPaging,
    OffsetPaging,
    PagePaging,
    Paging,
)
from keapbridge.detecting.asking import Exchange
from keapbridge.detecting.records import scalars

__all__ = ["SIZES", "Said", "Way", "said_of", "sizes", "ways"]

SIZES = (
    *("limit", "page_size", "per_page", "pageSize", "size", "perPage", "page[size]", "items_per_page", "pagesize"),
    *("_limit", "$top", "_size", "_per_page", "page[limit]", "count", "max", "top", "rows"),
)
_CURSORS = ("cursor", "after", "page_token", "pageToken", "starting_after", "next", "_next", "continuation", "token")
_NUMBERS = ("page", "_page", "page[number]", "pageNumber", "page_number", "p")
_OFFSETS = ("offset", "skip", "$skip", "_start", "start", "startAt", "page[offset]", "from")
_NEXT = re.compile(r"(^|[._@])(next\w*|after|cursor|following|\w*(continuation|cursor|page_?token))$", re.IGNORECASE)
_TOTAL = re.compile(
    r"(^|[._@])(count|total|total_?count|total_?items|total_?results|filter_?count|item_?count|items)$", re.IGNORECASE
)
_PAGES = re.compile(r"(^|[._@])(pages|total_?pages|page_?count|last_?page)$", re.IGNORECASE)
_MORE = re.compile(r"(^|[._@])(has_?more\w*|has_?next(_?page)?|more(_\w+)?)$", re.IGNORECASE)
_HEADERS = ("x-total-count", "x-total", "total-count", "x-wp-total", "content-range")


@attrs.frozen(kw_only=True)
class Said:
    """What an answer with a list says beside it of where it goes on.

    Attributes:
        link: the address in its `Link` header; `""` where there is such a header without a next page.
        url: the property with an address, and the address.
        cursor: the property with a cursor, and the cursor.
        total: the property with the number of records.
        count: that number.
        header: the header with it.
        pages: the property with the number of pages.
        more: the property that says whether it goes on.
    """

    link: str | None = None
    url: tuple[str, str] | None = None
    cursor: tuple[str, str] | None = None
    total: str | None = None
    count: int | None = None
    header: str | None = None
    pages: str | None = None
    more: str | None = None
    names: frozenset[str] = frozenset()


@attrs.frozen
class Way:
    """A way to the second page, to be tried.

    Attributes:
        paging: how it is declared.
        query: what is asked with the list; or
        address: what is asked in its place.
    """

    paging: Paging
    query: tuple[tuple[str, str], ...] = ()
    address: str = ""


def said_of(seen: Exchange, items: str | None, shown: int) -> Said:
    """What an answer says beside its list.

    Args:
        items: where that is.
        shown: how many records it has.
    """
    beside = scalars(seen.body, items) if items is not None else {}
    links = "link" in seen.headers
    url = cursor = total = count = pages = more = None
    for path, value in beside.items():
        if isinstance(value, bool):
            more = more or (path if _MORE.search(path) else None)
        elif isinstance(value, int) and _TOTAL.search(path) and value >= shown:
            total, count = (total, count) if total else (path, value)
        elif isinstance(value, int) and _PAGES.search(path):
            pages = pages or path
        elif isinstance(value, (str, int)) and value != "" and _NEXT.search(path):
            if isinstance(value, str) and value.startswith(("http://", "https://", "/", "?")):
                url = url or (path, value)
            else:
                cursor = cursor or (path, str(value))
        elif isinstance(value, str) and re.search(r"(^|[._@])offset$", path) and not value.isdecimal():
            cursor = cursor or (path, value)
    header = next((name for name in _HEADERS if _number(seen.headers.get(name, "")) is not None), None)
    return Said(
        link=(next_link(seen.headers["link"]) or "") if links else None,
        url=url,
        cursor=cursor,
        total=total,
        count=count,
        header=header,
        pages=pages,
        more=more,
        names=frozenset(beside),
    )


def _number(text: str) -> int | None:
    last = text.rpartition("/")[2].strip()
    return int(last) if last.isdecimal() else None


def sizes(told: Sequence[str], hint: Paging | None, known: str | None) -> list[str]:
    """The parameters that may say how many records a page has, the likeliest first.

    Args:
        told: the parameters that a document has.
        known: that of another list of the API.
    """
    first = [known] if known else []
    first += [hint.size] if hint is not None and hint.size else []
    documented = [name for name in told if name in SIZES or re.search(r"limit|size|per_?page|top", name, re.IGNORECASE)]
    rest = documented if told and documented else SIZES
    return list(dict.fromkeys((*first, *rest)))


def ways(said: Said, told: Sequence[str], hint: Paging | None, size: str | None, shown: int) -> Iterator[Way]:
    """The ways to the second page, the surest first.

    Args:
        said: of an answer that does not show everything.
        told: the parameters that a document has.
        shown: how many records a page has.
    """
    if said.count is not None and said.count <= shown:  # it counts the records of the page
        said = attrs.evolve(said, total=None, count=None)
    if said.link:
        yield Way(LinkPaging(size=size), address=said.link)
    if said.url is not None:
        following, address = said.url
        counted = _counted_by(address, said, size, shown)
        if counted is not None:
            yield counted
        yield Way(NextUrlPaging(following=following, size=size), address=address)
    if said.cursor is not None:
        following, value = said.cursor
        last = re.split(r"[._@]", following)[-1]
        for name in _known(told, (*_hinted(hint, CursorPaging), last, *_CURSORS)):
            yield Way(CursorPaging(following=following, parameter=name, size=size), ((name, value),))
    for name in _known(told, (*_hinted(hint, OffsetPaging), *_said_offsets(said))):
        yield _offset(name, said, size, shown)
    for name in _known(told, (*_hinted(hint, PagePaging), *_NUMBERS)):
        yield Way(_page(name, said, size), ((name, "2"),))
    for name in _known(told, (*_hinted(hint, OffsetPaging), *_OFFSETS)):
        yield _offset(name, said, size, shown)


def _hinted(hint: Paging | None, style: type) -> tuple[str, ...]:
    return (getattr(hint, "parameter", ""),) if isinstance(hint, style) else ()


def _said_offsets(said: Said) -> tuple[str, ...]:
    """The parameters that may count records, where an answer says that they are counted: those by its name first."""
    last = {re.split(r"[._@]", name)[-1] for name in said.names}
    if own := tuple(name for name in _OFFSETS if name in last):
        return own
    return _OFFSETS if any(re.search(r"offset|skip", name, re.IGNORECASE) for name in said.names) else ()


def _known(told: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those that a document has, where there is one."""
    unique = [name for name in dict.fromkeys(names) if name]
    return [name for name in unique if name in told] if told else unique


def _counted_by(address: str, said: Said, size: str | None, shown: int) -> Way | None:
    """Pages that are counted after all: the address of the next one has a number, and the answer has the total."""
    if said.total is None and said.pages is None:
        return None
    _, _, query = address.partition("?")
    names = {part.partition("=")[0]: part.partition("=")[2] for part in query.split("&")}
    for name in _OFFSETS:
        if names.get(name) == str(shown):
            return _offset(name, said, size, shown)
    for name in _NUMBERS:
        if names.get(name) == "2":
            return Way(_page(name, said, size), ((name, "2"),))
    return None


def _offset(name: str, said: Said, size: str | None, shown: int) -> Way:
    return Way(OffsetPaging(parameter=name, size=size, **_ends(said)), ((name, str(shown)),))


def _page(name: str, said: Said, size: str | None) -> PagePaging:
    pages = said.pages if said.total is None and said.header is None else None
    return PagePaging(parameter=name, size=size, pages=pages, **_ends(said))


def _ends(said: Said) -> dict[str, Any]:
    if said.total is not None:
        return {"total": said.total}
    if said.header is not None:
        return {"total_header": "-".join(word.capitalize() for word in said.header.split("-"))}
    return {} if said.more is None else {"more": said.more}
