"""How records are asked for, wrapped and written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from attrs import field, frozen

from keapbridge.customcrm.schema.checks import at_least, filled, flag, one_of, path
from keapbridge.customcrm.schema.times import FORMATS, time_text
from keapbridge.model.given import keywords

__all__ = ["BatchRead", "ChangedSince", "DeletedMark", "Envelope", "Update"]


@keywords()
@frozen
class ChangedSince:
    """How a list is narrowed to what changed at or after a moment.

    Attributes:
        parameter: the parameter of the list.
        format: `"iso8601"` (UTC with milliseconds and `Z`), `"unix"` (seconds), `"unix_ms"` (milliseconds), or a
            pattern for `strftime` in the zone of the schema (`"%Y-%m-%d"`). What a format cannot tell is rounded down:
            too much is listed then.
        template: what the parameter holds, with `{since}` in it: `"updatedAt ge {since}"`. It stands in place of the
            same parameter in the `query` of the object.
        header: whether it is a header: `If-Modified-Since`; status 304 says that nothing has changed then.
    """

    parameter: str = field(default="updated_since", validator=filled)
    format: str = field(default="iso8601", validator=filled)
    template: str = field(default="{since}", kw_only=True)
    header: bool = field(default=False, validator=one_of(True, False), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.format not in FORMATS and "%" not in self.format:
            raise ValueError(
                f"format: must be {', '.join(map(repr, FORMATS))} or a pattern with %, not {self.format!r}"
            )
        if "{since}" not in self.template:
            raise ValueError("template: must have {since} in it")

    def text(self, moment: datetime, zone: tzinfo = UTC) -> str:
        """A moment (aware) as the parameter takes it; a pattern has the time of a zone."""
        return self.template.replace("{since}", time_text(moment, self.format, zone))


@keywords()
@frozen(kw_only=True)
class Envelope:
    """What is around records in bodies; names joined by dots go into objects.

    Attributes:
        items: where a list has its records; `None` where the body is the list.
        record: where answers have a single record; `None` where the body is the record.
        sends: what a record is wrapped in when it is written; `None` for nothing.
        constant: what is put beside the record when it is written (`{"type": "contacts", "id": "{id}"}`), by path; what
            has `{id}` in it is left out of a record that has no id yet.
        success: where answers say whether the call was done, beside their status: `"success"`, which is true then;
            `"data[0].code=SUCCESS"`, which holds this text then; `"!error"`, which is not there then; `None` for
            nowhere. A `Request` may say it for one operation.
        written: what answers to writes hold: the whole `"record"`, or its `"id"` at most, so that it has to be read.
    """

    items: str | None = field(default="Items", validator=path)
    record: str | None = field(default=None, validator=path)
    sends: str | None = field(default=None, validator=path)
    constant: Mapping[str, Any] = field(factory=dict)
    success: str | None = field(default=None, validator=flag)
    written: Literal["record", "id"] = field(default="record", validator=one_of("record", "id"))


@keywords()
@frozen
class BatchRead:
    """How many records are read at once by their ids, in the form of a list.

    Attributes:
        parameter: the parameter of the list that takes the ids.
        separator: what is between the ids; `None` where the parameter is repeated.
        template: what the parameter holds, with `{ids}` in it: `"in.({ids})"`.
        most: how many ids a call takes.
        sized: whether the number of records a page is sent along; needed where pages are else shorter than `most`.
    """

    parameter: str = field(default="ids", validator=filled)
    separator: str | None = field(default=",", kw_only=True)
    most: int = field(default=1000, validator=at_least(1), kw_only=True)
    template: str = field(default="{ids}", kw_only=True)
    sized: bool = field(default=False, validator=one_of(True, False), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if "{ids}" not in self.template:
            raise ValueError("template: must have {ids} in it")


@keywords()
@frozen
class Update:
    """How a record is changed.

    Attributes:
        method: `"PATCH"`, `"PUT"` or `"POST"`, at the path of the record.
        whole: whether the whole record has to be sent: it is read first then, and what keapbridge does not know of it
            is sent back as it was.
        nested: what happens to the rest of an object inside a record when a part of it is sent: `"merge"` keeps it.
            With `"replace"` it would be lost, so that the object is read first and sent with all its parts.
    """

    method: Literal["PATCH", "PUT", "POST"] = field(default="PATCH", validator=one_of("PATCH", "PUT", "POST"))
    whole: bool = field(default=False, validator=one_of(True, False), kw_only=True)
    nested: Literal["merge", "replace"] = field(default="merge", validator=one_of("merge", "replace"), kw_only=True)


@keywords()
@frozen
class DeletedMark:
    """What tells that a record is deleted, where the CRM keeps showing it.

    Attributes:
        property: the property that tells it.
        value: what it holds then; a soft delete writes it.
        time: the property is empty, or holds the time of the deletion, which a soft delete writes; `value` does not
            count then.
    """

    property: str = field(default="Deleted", validator=path)
    value: bool | int | str = True
    time: bool = field(default=False, validator=one_of(True, False), kw_only=True)

    def holds(self, found: Any) -> bool:
        """Whether what was found in the property means deleted."""
        if self.time:
            return found is not None and found is not False and found not in ("", 0)
        return type(found) is type(self.value) and bool(found == self.value)
