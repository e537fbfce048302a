"""The REST API of a CRM, as data."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self, get_args

import attrs
from attrs import field, frozen

from keapbridge._toml.reading import unknown
from keapbridge.customcrm.schema import toml
from keapbridge.customcrm.schema.capabilities import Capabilities
from keapbridge.customcrm.schema.checks import (
    filled,
    format_of,
    made_of,
    moment,
    one_of,
    path,
    several,
    statuses,
    texts,
    words,
    zone,
)
from keapbridge.customcrm.schema.names import OBJECTS, Names, check_names
from keapbridge.customcrm.schema.objects import CustomcrmObject
from keapbridge.customcrm.schema.paging import CursorPaging, Paging
from keapbridge.customcrm.schema.parts import BatchRead, ChangedSince, DeletedMark, Envelope, Update
from keapbridge.customcrm.schema.requests import Operations, operations
from keapbridge.customcrm.schema.times import FORMATS
from keapbridge.model.given import keywords
from keapbridge.model.maybe import UNSET, UnsetType

__all__ = ["CustomcrmSchema"]


@keywords()
@frozen(kw_only=True)
class CustomcrmSchema:
    """The REST API of a CRM. `CustomcrmSchema()` is the default profile; declare what is otherwise.

    ```python
    schema = kb.CustomcrmSchema(
        names="camelCase",
        contacts=kb.customcrm.CustomcrmObject("/people", properties={"FirstName": "name.given"}),
        paging=kb.customcrm.PagePaging(parameter="page", total="meta.total"),
        changed_since=None,
    )
    crm = kb.CustomcrmClient(url, auth=kb.ApiKey("…", header="X-API-Key"), schema=schema)
    ```

    Attributes:
        names: how the CRM writes the names of properties that are not declared one by one.
        id: the property with the id. Where it is not given, the names decide, as for the next three.
        created: the property with the time of creation; `None` where there is none.
        modified: the property with the time of the last change; `None` where there is none. Of several, divided by bars
            (`"date_updated|date_created"`), the later one counts.
        version: the property with the version of a record; `None` where only the `ETag` header of an answer with one
            record has it, or nothing.
        times: how these times are written: `"iso8601"`, `"unix"` (seconds), `"unix_ms"`, `"rfc1123"`, `"dotnet"`
            (`/Date(1234567890000)/`), or a pattern for `strptime`.
        time_zone: what times without a zone are of. Where it is not given they are taken for UTC, and decide no
            conflict: nobody knows which of two edits was the newest.
        dates: how days are written: as times are, `"datetime"` (`1990-02-03T00:00:00Z`), or a pattern.
        booleans: how yes and no are written: as `"boolean"`, as an `"integer"`, or in two words (`"Y/N"`).
        empty: how empty is written: as `"null"`; `"text"`: texts as an empty text; `"everything"` as an empty text;
            `"false"`: as `false`, which is read so, too.
        ids: whether references to other records are written as `"text"` or as `"integer"`.
        decimals: whether prices are written as `"text"` (`"12.50"`) or as a `"number"`.
        headers: what goes along in the headers of all calls (`{"Prefer": "return=representation"}`).
        content_type: of what is sent.
        requests: operations that are asked for otherwise; see `Request`. Those of an object count before these.
        paging: how lists are paged; `None` where an answer has everything.
        changed_since: how lists are narrowed to changes; `None` where they cannot be.
        deleted: what marks deleted records that are still shown; `None` where none are.
        delete: `"hard"` (DELETE), `"soft"` (the mark is written), or `None` where nothing can be deleted.
        gone: the statuses of answers about one record that say that it is not there; some APIs answer 403 then, so that
            nobody learns which records there are.
        conditional: whether writes take `If-Match` with the version.
        idempotency: the header that takes the key of a create; `None` where there is none.
        batch: how many records are read at once; `None` where they cannot be.

    Raises:
        ValueError: naming the key, for what cannot be.
    """

    contacts: CustomcrmObject = field(default=CustomcrmObject("/contacts"), validator=made_of(CustomcrmObject))
    customers: CustomcrmObject = field(default=CustomcrmObject("/customers"), validator=made_of(CustomcrmObject))
    products: CustomcrmObject = field(default=CustomcrmObject("/products"), validator=made_of(CustomcrmObject))
    names: Names = field(default="PascalCase", validator=one_of(*get_args(Names)))
    id: str | UnsetType = field(default=UNSET, validator=path)
    created: str | UnsetType | None = field(default=UNSET, validator=moment)
    modified: str | UnsetType | None = field(default=UNSET, validator=moment)
    version: str | UnsetType | None = field(default=UNSET, validator=path)
    times: str = field(default="iso8601", validator=format_of(*FORMATS[:-1]))
    time_zone: str | UnsetType = field(default=UNSET, validator=zone)
    dates: str = field(default="iso8601", validator=format_of(*FORMATS))
    booleans: str = field(default="boolean", validator=words("boolean", "integer"))
    empty: Literal["null", "text", "everything", "false"] = field(
        default="null", validator=one_of("null", "text", "everything", "false")
    )
    headers: Mapping[str, str] = field(factory=dict, validator=texts)
    content_type: str = field(default="application/json", validator=filled)
    requests: Operations = field(factory=dict, validator=operations)
    ids: Literal["text", "integer"] = field(default="text", validator=one_of("text", "integer"))
    decimals: Literal["text", "number"] = field(default="text", validator=one_of("text", "number"))
    envelope: Envelope = field(default=Envelope(), validator=made_of(Envelope))
    paging: Paging | None = field(default=CursorPaging(), validator=made_of(*get_args(Paging), None))
    changed_since: ChangedSince | None = field(default=ChangedSince(), validator=made_of(ChangedSince, None))
    deleted: DeletedMark | None = field(default=DeletedMark(), validator=made_of(DeletedMark, None))
    delete: Literal["hard", "soft"] | None = field(default="hard", validator=one_of("hard", "soft", None))
    update: Update = field(default=Update(), validator=made_of(Update))
    gone: tuple[int, ...] = field(default=(404, 410), converter=several, validator=statuses)
    conditional: bool = field(default=True, validator=one_of(True, False))
    idempotency: str | None = field(default="Idempotency-Key", validator=filled)
    batch: BatchRead | None = field(default=BatchRead(), validator=made_of(BatchRead, None))

    def __attrs_post_init__(self) -> None:
        if self.delete == "soft" and self.deleted is None:
            raise ValueError("delete: 'soft' needs the mark that is written: declare 'deleted'")
        if self.id is None:
            raise ValueError("id: records without an id cannot be kept in sync")
        for object in OBJECTS:
            try:
                check_names(self.of(object), object)
            except ValueError as error:
                raise ValueError(f"{object}.{error}") from None

    def of(self, object: str) -> CustomcrmSchema:
        """The schema as it is for one of the objects, with what `differs` there."""
        declared: CustomcrmObject = getattr(self, object)
        if not declared.differs:
            return self
        known = [f.name for f in attrs.fields(CustomcrmSchema) if f.name not in OBJECTS]
        for key in declared.differs:
            if key not in known:
                raise ValueError(unknown(key, known))
        plain = {name: attrs.evolve(getattr(self, name), differs={}) for name in OBJECTS}
        return attrs.evolve(self, **plain, **declared.differs)

    def capabilities(self, object: str) -> Capabilities:
        """What the CRM is able to with one of the objects."""
        here = self.of(object)
        return Capabilities(
            changed_since=here.changed_since is not None,
            tombstones=here.changed_since is not None and here.deleted is not None,
            conditional=here.conditional,
            idempotent=here.idempotency is not None,
            batch=here.batch is not None and (not here.conditional or here.version is not None),
            partial=not here.update.whole,
            finds=bool(getattr(here, object).find),
            deletes=here.delete,
        )

    @classmethod
    def from_toml(cls, source: str | PathLike[str]) -> Self:
        """A schema from a TOML file, or from a text that is TOML (it has an equals sign or several lines).

        The keys are the attributes of this class; `false` stands for `None`. `[contacts]`, `[customers]` and
        `[products]` take the attributes of `CustomcrmObject`, and any key of the schema that is otherwise for the
        object.
        `[paging]` names its `style`: `cursor`, `page`, `offset`, `link` or `next_url`.

        Raises:
            ValueError: naming the key, for a key that is not known and a value that cannot be.
            OSError: when the file cannot be read.
        """
        import tomllib

        is_text = isinstance(source, str) and ("\n" in source or "=" in source)
        return cls.from_table(tomllib.loads(str(source) if is_text else Path(source).read_text("utf-8")))

    @classmethod
    def from_table(cls, table: Mapping[str, Any], where: str = "") -> Self:
        """A schema from what a TOML file holds; see `from_toml`.

        Args:
            where: the key of the table, which errors name.

        Raises:
            ValueError: naming the key, for a key that is not known and a value that cannot be.
        """
        return toml.read_schema(cls, table, where)

    def to_toml(self) -> str:
        """The schema as TOML, which `from_toml` reads again: what differs from the default profile."""
        return toml.written(self)
