"""What a host declares about the REST API of its CRM, as data: in Python or in TOML.

Only values live here, and how they are read and written; `endpoints` turns them into requests. All defaults
together are the default REST profile.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeAlias, Union, get_args

import attrs
from attrs import field, frozen

from keapbridge._toml.reading import join, read, read_class, refuse_unknown, unknown
from keapbridge._toml.writing import dumps, told
from keapbridge.customcrm import records
from keapbridge.model.given import keywords
from keapbridge.model.maybe import UNSET, UnsetType
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS

__all__ = [
    "BatchRead",
    "Capabilities",
    "ChangedSince",
    "CursorPaging",
    "CustomcrmObject",
    "CustomcrmSchema",
    "DeletedMark",
    "Envelope",
    "LinkPaging",
    "NextUrlPaging",
    "OffsetPaging",
    "PagePaging",
    "Paging",
    "Update",
    "attribute_of",
    "wire_path",
]

Names: TypeAlias = Literal["PascalCase", "camelCase", "snake_case"]
Times: TypeAlias = Literal["iso8601", "unix", "unix_ms"]

OBJECTS: Mapping[str, type] = {
    CONTACTS: records.Contact,
    CUSTOMERS: records.Customer,
    PRODUCTS: records.Product,
}
SYSTEM: Mapping[str, str] = {"id": "id", "created_at": "created", "updated_at": "modified", "etag": "version"}
"""Attribute → the key of the schema that tells its property."""


# --- checks: a value that cannot be is an error that names its key ------------------------------------------------


def _one_of(*allowed: Any) -> Any:
    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in allowed:
            raise ValueError(f"{attribute.name}: must be one of {', '.join(map(repr, allowed))}, not {value!r}")

    return check


def _path(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is None or value is UNSET:
        return
    if not isinstance(value, str) or not all(value.split(".")):
        raise ValueError(f"{attribute.name}: must be a property, or names joined by dots, not {value!r}")


def _filled(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ValueError(f"{attribute.name}: must be a text that is not empty, not {value!r}")


def _at_least(least: int) -> Any:
    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{attribute.name}: must be a number from {least} on, not {value!r}")

    return check


def _below_base(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value.startswith("/") or "?" in value):
        raise ValueError(f"{attribute.name}: must be a path from the base URL on, such as '/contacts', not {value!r}")


def _texts(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    for name, text in value.items():
        if not isinstance(name, str) or not name or not isinstance(text, str) or not text:
            raise ValueError(f"{attribute.name}.{name}: must be a text that is not empty, not {text!r}")


def _paths(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    _texts(instance, attribute, value)
    for name, text in value.items():
        if not all(text.split(".")):
            raise ValueError(f"{attribute.name}.{name}: must be a property, or names joined by dots, not {text!r}")


# --- lists ------------------------------------------------------------------------------------------------------


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
    following: str = field(default="NextCursor", validator=_path)
    parameter: str = field(default="cursor", validator=_filled)
    size: str | None = field(default="limit", validator=_filled)
    most: int = field(default=1000, validator=_at_least(1))


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
    """

    style: ClassVar[str] = "page"
    parameter: str = field(default="page", validator=_filled)
    size: str | None = field(default="per_page", validator=_filled)
    most: int = field(default=100, validator=_at_least(1))
    first: int = field(default=1, validator=_at_least(0))
    pages: str | None = field(default=None, validator=_path)
    total: str | None = field(default=None, validator=_path)


@keywords()
@frozen(kw_only=True)
class OffsetPaging:
    """A page begins after so many records. Pages overlap by one record, to notice when records move.

    Declare an order that edits do not change (`query={"sort": "id"}` of the object) where the CRM has one.

    Attributes:
        total: the property of the body with the number of records; `None` where there is none: the list then ends
            with a page that has nothing new.
    """

    style: ClassVar[str] = "offset"
    parameter: str = field(default="offset", validator=_filled)
    size: str | None = field(default="limit", validator=_filled)
    most: int = field(default=100, validator=_at_least(2))
    total: str | None = field(default=None, validator=_path)


@keywords()
@frozen(kw_only=True)
class LinkPaging:
    """The `Link` header (RFC 8288) has the address of the next page. Only its path and query count."""

    style: ClassVar[str] = "link"
    size: str | None = field(default="per_page", validator=_filled)
    most: int = field(default=100, validator=_at_least(1))


@keywords()
@frozen(kw_only=True)
class NextUrlPaging:
    """The body has the address of the next page. Only its path and query count.

    Attributes:
        following: the property of the body with the address; without a value there is no further page.
    """

    style: ClassVar[str] = "next_url"
    following: str = field(default="next", validator=_path)
    size: str | None = field(default="limit", validator=_filled)
    most: int = field(default=100, validator=_at_least(1))


Paging: TypeAlias = Union[CursorPaging, PagePaging, OffsetPaging, LinkPaging, NextUrlPaging]


@keywords()
@frozen
class ChangedSince:
    """How a list is narrowed to what changed at or after a moment.

    Attributes:
        parameter: the parameter of the list.
        format: `"iso8601"` (UTC with milliseconds and `Z`), `"unix"` (seconds), `"unix_ms"` (milliseconds), or a
            pattern for `strftime` in UTC (`"%Y-%m-%d"`). What a format cannot tell is rounded down: too much is listed
            then.
        template: what the parameter holds, with `{since}` in it: `"updatedAt ge {since}"`.
    """

    parameter: str = field(default="updated_since", validator=_filled)
    format: str = field(default="iso8601", validator=_filled)
    template: str = field(default="{since}", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.format not in get_args(Times) and "%" not in self.format:
            raise ValueError(f"format: must be 'iso8601', 'unix', 'unix_ms' or a pattern with %, not {self.format!r}")
        if "{since}" not in self.template:
            raise ValueError("template: must have {since} in it")

    def text(self, moment: datetime) -> str:
        """A moment (aware) as the parameter takes it."""
        return self.template.replace("{since}", time_text(moment, self.format))


@keywords()
@frozen(kw_only=True)
class Envelope:
    """What is around records in bodies; names joined by dots go into objects.

    Attributes:
        items: where a list has its records; `None` where the body is the list.
        record: where answers have a single record; `None` where the body is the record.
        sends: what a record is wrapped in when it is written; `None` for nothing.
        written: what answers to writes hold: the whole `"record"`, or its `"id"` at most, so that it has to be read.
    """

    items: str | None = field(default="Items", validator=_path)
    record: str | None = field(default=None, validator=_path)
    sends: str | None = field(default=None, validator=_path)
    written: Literal["record", "id"] = field(default="record", validator=_one_of("record", "id"))


# --- reading and writing ----------------------------------------------------------------------------------------


@keywords()
@frozen
class BatchRead:
    """How many records are read at once by their ids, in the form of a list.

    Attributes:
        parameter: the parameter of the list that takes the ids.
        separator: what is between the ids; `None` where the parameter is repeated.
        most: how many ids a call takes.
        sized: whether the number of records a page is sent along; needed where pages are else shorter than `most`.
    """

    parameter: str = field(default="ids", validator=_filled)
    separator: str | None = field(default=",", kw_only=True)
    most: int = field(default=1000, validator=_at_least(1), kw_only=True)
    sized: bool = field(default=False, validator=_one_of(True, False), kw_only=True)


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

    method: Literal["PATCH", "PUT", "POST"] = field(default="PATCH", validator=_one_of("PATCH", "PUT", "POST"))
    whole: bool = field(default=False, validator=_one_of(True, False), kw_only=True)
    nested: Literal["merge", "replace"] = field(default="merge", validator=_one_of("merge", "replace"), kw_only=True)


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

    property: str = field(default="Deleted", validator=_path)
    value: bool | int | str = True
    time: bool = field(default=False, validator=_one_of(True, False), kw_only=True)

    def holds(self, found: Any) -> bool:
        """Whether what was found in the property means deleted."""
        if self.time:
            return found is not None and found is not False and found not in ("", 0)
        return type(found) is type(self.value) and bool(found == self.value)


@keywords()
@frozen(kw_only=True)
class Capabilities:
    """What a CRM is able to. What it is not is made good for at a price, see `prices`.

    Attributes:
        changed_since: lists can be narrowed to what changed.
        tombstones: such lists also tell what was deleted.
        conditional: writes can be made for one version of a record only.
        idempotent: a create that is repeated with its key makes no second record.
        batch: many records can be read at once.
        partial: single properties can be written.
        finds: records can be looked for by a property.
        deletes: `"hard"`, `"soft"`, or `None` where records cannot be deleted.
    """

    changed_since: bool = True
    tombstones: bool = True
    conditional: bool = True
    idempotent: bool = True
    batch: bool = True
    partial: bool = True
    finds: bool = False
    deletes: Literal["hard", "soft"] | None = "hard"

    @property
    def prices(self) -> tuple[str, ...]:
        """What each missing ability costs, as sentences."""
        return tuple(self._prices())

    def _prices(self) -> Iterator[str]:
        if not self.changed_since:
            yield "no list of changes: every run reads everything, and compares it with what was there"
        elif not self.tombstones:
            yield "no list of deletions: only a full run notices them"
        if not self.conditional:
            yield "no conditional writes: an edit between the last reading and a write can be overwritten"
        if not self.idempotent:
            among = "by a property" if self.finds else f"among {'what changed since' if self.changed_since else 'all'}"
            yield f"no idempotency keys: a record whose creation got no answer is looked for {among}"
        if not self.batch:
            yield "no batch read: records are read again one by one"
        if not self.partial:
            yield "no partial writes: a record is read before it is written, and written as a whole"
        if self.deletes is None:
            yield "no deletes: the policy 'delete' fails, record by record"

    def __and__(self, other: Capabilities) -> Capabilities:
        """What both are able to."""
        both: dict[str, Any] = {
            f.name: getattr(self, f.name) and getattr(other, f.name) for f in attrs.fields(Capabilities)
        }
        if self.deletes == "soft" and other.deletes:
            both["deletes"] = "soft"
        return Capabilities(**both)


# --- the whole --------------------------------------------------------------------------------------------------


@keywords()
@frozen
class CustomcrmObject:
    """One of the three objects.

    Attributes:
        path: of the list, below the base URL.
        record: of one record, with `{id}` in it; `None` for `{id}` below `path`.
        properties: property of the default profile (`"FirstName"` or `first_name`), or any further name, → property of
            the CRM; names joined by dots go into objects (`"name.given"`). What is not here follows `names`.
        find: property → parameter of the list that looks for its value, the most telling one first.
        query: what every list is asked with: `{"sort": "id"}`.
        differs: keys of the schema that are otherwise for this object, with their values: `{"changed_since": None}`.
    """

    path: str = field(validator=_below_base)
    record: str | None = field(default=None, validator=_below_base, kw_only=True)
    properties: Mapping[str, str] = field(factory=dict, validator=_paths, kw_only=True)
    find: Mapping[str, str] = field(factory=dict, validator=_texts, kw_only=True)
    query: Mapping[str, str] = field(factory=dict, validator=_texts, kw_only=True)
    differs: Mapping[str, Any] = field(factory=dict, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.record is not None and "{id}" not in self.record:
            raise ValueError("record: must have {id} in it")

    def path_of(self, id: str) -> str:
        """The path of one record; the id is percent-encoded already."""
        return self.record.replace("{id}", id) if self.record else f"{self.path.rstrip('/')}/{id}"


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
        modified: the property with the time of the last change; `None` where there is none.
        version: the property with the version of a record; `None` where only the `ETag` header of an answer with one
            record has it, or nothing.
        times: how these times are written. Times in ISO 8601 without a zone are taken for UTC.
        ids: whether references to other records are written as `"text"` or as `"integer"`.
        decimals: whether prices are written as `"text"` (`"12.50"`) or as a `"number"`.
        paging: how lists are paged; `None` where an answer has everything.
        changed_since: how lists are narrowed to changes; `None` where they cannot be.
        deleted: what marks deleted records that are still shown; `None` where none are.
        delete: `"hard"` (DELETE), `"soft"` (the mark is written), or `None` where nothing can be deleted.
        conditional: whether writes take `If-Match` with the version.
        idempotency: the header that takes the key of a create; `None` where there is none.
        batch: how many records are read at once; `None` where they cannot be.

    Raises:
        ValueError: naming the key, for what cannot be.
    """

    contacts: CustomcrmObject = CustomcrmObject("/contacts")
    customers: CustomcrmObject = CustomcrmObject("/customers")
    products: CustomcrmObject = CustomcrmObject("/products")
    names: Names = field(default="PascalCase", validator=_one_of(*get_args(Names)))
    id: str | UnsetType = field(default=UNSET, validator=_path)
    created: str | UnsetType | None = field(default=UNSET, validator=_path)
    modified: str | UnsetType | None = field(default=UNSET, validator=_path)
    version: str | UnsetType | None = field(default=UNSET, validator=_path)
    times: Times = field(default="iso8601", validator=_one_of(*get_args(Times)))
    ids: Literal["text", "integer"] = field(default="text", validator=_one_of("text", "integer"))
    decimals: Literal["text", "number"] = field(default="text", validator=_one_of("text", "number"))
    envelope: Envelope = Envelope()
    paging: Paging | None = CursorPaging()
    changed_since: ChangedSince | None = ChangedSince()
    deleted: DeletedMark | None = DeletedMark()
    delete: Literal["hard", "soft"] | None = field(default="hard", validator=_one_of("hard", "soft", None))
    update: Update = Update()
    conditional: bool = field(default=True, validator=_one_of(True, False))
    idempotency: str | None = field(default="Idempotency-Key", validator=_filled)
    batch: BatchRead | None = BatchRead()

    def __attrs_post_init__(self) -> None:
        if self.delete == "soft" and self.deleted is None:
            raise ValueError("delete: 'soft' needs the mark that is written: declare 'deleted'")
        if self.id is None:
            raise ValueError("id: records without an id cannot be kept in sync")
        for object in OBJECTS:
            try:
                _check_object(self.of(object), object)
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
        data = dict(table)
        common = {key: value for key, value in data.items() if key not in OBJECTS}
        for object in OBJECTS.keys() & data.keys():
            key = join(where, object)
            if not isinstance(data[object], dict):
                raise ValueError(f"{key}: must be a table, not {data[object]!r}")  # noqa: TRY004 - a wrong value
            data[object] = _read_object({"path": f"/{object}"} | data[object], common, key)
        return read_class(cls, data, where)

    def to_toml(self) -> str:
        """The schema as TOML, which `from_toml` reads again: what differs from the default profile."""
        table: dict[str, Any] = {}
        for f in attrs.fields(CustomcrmSchema):
            value = getattr(self, f.name)
            if value != f.default:
                table[f.name] = _object_table(value) if isinstance(value, CustomcrmObject) else _whole(value)
        return dumps(table)


def attribute_of(cls: type, name: str) -> str | None:
    """`FirstName` or `first_name` → `first_name`; `None` for a property that the records do not have."""
    for f in attrs.fields(cls):
        if f.name != "extra" and name in {f.name, records.wire_name(f.name)}:
            return str(f.name)
    return None


def wire_path(schema: CustomcrmSchema, object: str, attribute: str) -> str | None:
    """Where an attribute of an object is in the CRM's records; `None` for what they do not have."""
    if attribute in SYSTEM:
        declared: str | UnsetType | None = getattr(schema, SYSTEM[attribute])
        return _spelled(schema.names, attribute) if isinstance(declared, UnsetType) else declared
    properties: Mapping[str, str] = getattr(schema, object).properties
    for name, path in properties.items():
        if attribute_of(OBJECTS[object], name) == attribute:
            return path
    return _spelled(schema.names, attribute)


def time_text(moment: datetime, format: str) -> str:
    """An aware moment as a CRM writes it."""
    utc = moment.astimezone(UTC)
    match format:
        case "iso8601":
            return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case "unix":
            return str(int(utc.timestamp()))
        case "unix_ms":
            return str(int(utc.timestamp()) * 1000 + utc.microsecond // 1000)
        case pattern:
            return utc.strftime(pattern)


def _spelled(names: Names, attribute: str) -> str:
    if names == "snake_case" or attribute == "etag":
        return records.wire_name(attribute) if names == "PascalCase" else attribute
    pascal = records.wire_name(attribute)
    return pascal if names == "PascalCase" else pascal[0].lower() + pascal[1:]


def _check_object(schema: CustomcrmSchema, object: str) -> None:
    cls = OBJECTS[object]
    declared: CustomcrmObject = getattr(schema, object)
    taken: dict[str, str] = {}
    for f in attrs.fields(cls):
        path = None if f.name == "extra" else wire_path(schema, object, f.name)
        if path is not None and path in taken:
            raise ValueError(f"properties: {path} is both {taken[path]} and {records.wire_name(f.name)}")
        if path is not None:
            taken[path] = records.wire_name(f.name)
    names: dict[str, str] = {}
    for name, path in declared.properties.items():
        attribute = attribute_of(cls, name)
        if attribute is not None and attribute in SYSTEM:
            raise ValueError(f"properties.{name}: is declared by the key {SYSTEM[attribute]!r} of the schema")
        if attribute is None and path in taken:
            raise ValueError(f"properties.{name}: {path} is {taken[path]} already")
        same = attribute or name
        if same in names:
            raise ValueError(f"properties.{name}: is declared twice, as {names[same]} too")
        names[same] = name
        taken.setdefault(path, name)
    for name in declared.find:
        if attribute_of(cls, name) is None and name not in declared.properties:
            raise ValueError(f"find.{name}: is no property of {object}")


# --- TOML ---------------------------------------------------------------------------------------------------------


def _read_object(table: dict[str, Any], common: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A table of an object, with its differing keys where `CustomcrmObject` has them, joined with the common ones."""
    own = {f.name for f in attrs.fields(CustomcrmObject)} - {"differs"}
    hints = typing.get_type_hints(CustomcrmSchema)
    known = [f.name for f in attrs.fields(CustomcrmSchema) if f.name not in OBJECTS]
    refuse_unknown(table, [*known, *own], where)
    differs: dict[str, Any] = {}
    for key, value in table.items():
        if key in own:
            continue
        base = common.get(key)
        joined = value
        if isinstance(value, dict) and isinstance(base, dict):
            same = value.get("style") in {None, base.get("style")}  # a list that is paged otherwise shares nothing
            joined = {**base, **value} if same else value
        differs[key] = read(hints[key], joined, f"{where}.{key}")
    return {**{key: value for key, value in table.items() if key in own}, "differs": differs}


def _object_table(declared: CustomcrmObject) -> dict[str, Any]:
    differs = {key: _whole(value) for key, value in declared.differs.items()}
    return differs | {key: value for key, value in told(declared).items() if key != "differs"}


def _whole(value: Any) -> Any:
    """All of a value, also what is as by default: what differs for an object is joined with what is common."""
    if not attrs.has(type(value)):
        return value
    style = {"style": value.style} if hasattr(value, "style") else {}
    return style | {f.name: getattr(value, f.name) for f in attrs.fields(type(value))}
