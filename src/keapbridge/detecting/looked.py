"""What a look at one kind of record has found, as a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import attrs

from keapbridge.customcrm.schema import BatchRead, ChangedSince, CustomcrmSchema, Paging
from keapbridge.detecting.documents import Resource
from keapbridge.detecting.pages import Said
from keapbridge.detecting.properties import Found, Part, found_in, parts_of

__all__ = ["Looked"]


@attrs.frozen(kw_only=True)
class Looked:
    """What was seen of one kind of record.

    Attributes:
        object: `contacts`, `customers` or `products`.
        resource: its list, with what a document tells of it.
        style: of its answers; see `styles`.
        hint: what that style says of it.
        items: where an answer has the list; `None` for the answer itself.
        listed: the records that were shown. They are data of people, and shown nowhere.
        served_at: the server's clock when it showed them.
        id: the property with the id; empty where none was found.
        record: the path of one record, with `{id}` in it; empty where none answers.
        wrapped: where an answer has the one record; `None` for the answer itself.
        alone: a record read by its id.
        etag: whether that answer has a version in its header.
        size: the parameter for the number of records a page; `None` where none was found.
        paging: how pages follow each other; `None` where that is not known.
        pages: what is known of it: that the second page was `"seen"`, that there was but `"one"`, that nothing turned
            the page (`"stuck"`), or that there were too `"few"` records.
        beyond: the status of a page that is far behind the end, where that was asked.
        order: the parameter that sorts a list by ids, with its value.
        changed_since: how lists are narrowed to changes; `None` where nothing did so.
        sinces: the parameters that were tried for it.
        batch: how many are read at once; `None` where nothing did so.
        missing: what an id that is not there answers: a status, `"null"` or `"another"` for a record; `None` for what
            is not known.
        methods: of one record, where the API tells them.
        said: what the first answer said beside its list.
    """

    object: str
    resource: Resource
    style: str
    hint: CustomcrmSchema | None = None
    items: str | None = None
    listed: tuple[dict[str, Any], ...] = attrs.field(default=(), repr=False)
    served_at: datetime | None = None
    id: str = ""
    record: str = ""
    wrapped: str | None = None
    alone: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    etag: bool = False
    size: str | None = None
    most: int | None = None
    paging: Paging | None = None
    pages: Literal["seen", "one", "stuck", "few"] = "few"
    beyond: int | None = None
    order: tuple[str, str] | None = None
    changed_since: ChangedSince | None = None
    sinces: tuple[str, ...] = ()
    batch: BatchRead | None = None
    missing: int | Literal["null", "another"] | None = None
    methods: frozenset[str] = frozenset()
    said: Said = attrs.field(factory=Said)

    @property
    def parts(self) -> dict[str, Part]:
        """All properties of the records."""
        return parts_of(self.listed, self.alone)

    @property
    def found(self) -> Found:
        """Which of them are properties of the default profile."""
        return found_in(self.object, self.resource.name, self.parts, self.id)
