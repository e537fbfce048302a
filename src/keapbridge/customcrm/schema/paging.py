"""How lists are paged."""

from __future__ import annotations

from typing import ClassVar, TypeAlias, Union

from attrs import field, frozen

from keapbridge.customcrm.schema.checks import at_least, filled, path
from keapbridge.model.given import keywords

__all__ = ["CursorPaging", "LinkPaging", "NextUrlPaging", "OffsetPaging", "PagePaging", "Paging"]


@keywords()
@frozen(kw_only=True)
class CursorPaging:
    """The body says where to go on, in a text that is given back.

    Attributes:
        following: the property of the body with the cursor; without a value there is no further page.
        parameter: the parameter that takes the cursor.
        size: the parameter for the number of records a page; `None` where there is none.
        most: the largest page the CRM gives.
    """

    style: ClassVar[str] = "cursor"
    following: str = field(default="NextCursor", validator=path)
    parameter: str = field(default="cursor", validator=filled)
    size: str | None = field(default="limit", validator=filled)
    most: int = field(default=1000, validator=at_least(1))


@keywords()
@frozen(kw_only=True)
class PagePaging:
    """Pages are numbered. The list ends with an empty page, or where `pages` or `total` say so.

    While records are deleted, those after them move to earlier pages: after each page the one before is therefore read
    once more. Declare an order that edits do not change (`query={"sort": "id"}` of the object).

    Attributes:
        first: the number of the first page.
        pages: the property of the body with the number of pages; `None` where there is none.
        total: the property of the body with the number of records; `None` where there is none.
        total_header: the header with it, also as the end of a `Content-Range`.
        more: the property of the body that tells whether there is a further page (`"has_more"`).
    """

    style: ClassVar[str] = "page"
    parameter: str = field(default="page", validator=filled)
    size: str | None = field(default="per_page", validator=filled)
    most: int = field(default=100, validator=at_least(1))
    first: int = field(default=1, validator=at_least(0))
    pages: str | None = field(default=None, validator=path)
    total: str | None = field(default=None, validator=path)
    total_header: str | None = field(default=None, validator=filled)
    more: str | None = field(default=None, validator=path)


@keywords()
@frozen(kw_only=True)
class OffsetPaging:
    """A page begins after so many records. Pages overlap by one record, to notice when records move.

    Declare an order that edits do not change (`query={"sort": "id"}` of the object) where the CRM has one.

    Attributes:
        total: the property of the body with the number of records; `None` where there is none: the list then ends
            with a page that has nothing new.
        total_header: the header with it, also as the end of a `Content-Range`.
        more: the property of the body that tells whether there is a further page (`"has_more"`).
    """

    style: ClassVar[str] = "offset"
    parameter: str = field(default="offset", validator=filled)
    size: str | None = field(default="limit", validator=filled)
    most: int = field(default=100, validator=at_least(2))
    total: str | None = field(default=None, validator=path)
    total_header: str | None = field(default=None, validator=filled)
    more: str | None = field(default=None, validator=path)


@keywords()
@frozen(kw_only=True)
class LinkPaging:
    """The `Link` header (RFC 8288) has the address of the next page. Only its path and query count."""

    style: ClassVar[str] = "link"
    size: str | None = field(default="per_page", validator=filled)
    most: int = field(default=100, validator=at_least(1))


@keywords()
@frozen(kw_only=True)
class NextUrlPaging:
    """The body has the address of the next page. Only its path and query count.

    Attributes:
        following: the property of the body with the address; without a value there is no further page.
    """

    style: ClassVar[str] = "next_url"
    following: str = field(default="next", validator=path)
    size: str | None = field(default="limit", validator=filled)
    most: int = field(default=100, validator=at_least(1))


Paging: TypeAlias = Union[CursorPaging, PagePaging, OffsetPaging, LinkPaging, NextUrlPaging]
