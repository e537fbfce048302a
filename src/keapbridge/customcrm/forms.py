"""Values in the form that a CRM gives them, there and back. Pure.

What cannot be understood stays as it is: the codec says what is wrong with it, and where.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, date, tzinfo
from decimal import Decimal
from functools import cache
from typing import Any, Literal, get_args, get_type_hints
from zoneinfo import ZoneInfo

import attrs
import msgspec

from keapbridge.customcrm.schema import OBJECTS, CustomcrmSchema, Property, attribute_of, date_text, moment_of
from keapbridge.model.maybe import Unreadable, UnsetType

__all__ = ["Form", "forms_of", "zone_of"]

Kind = Literal["text", "reference", "date", "time", "boolean", "decimal", "any"]
_TIMES = frozenset({"created_at", "updated_at"})
_REFERENCES = frozenset({"id", "customer_id", "etag"})
_UNREADABLE = (ValueError, TypeError, OverflowError, OSError)


@attrs.frozen
class Form:
    """How one property is written.

    Attributes:
        kind: what it is.
        how: the form of the schema for that kind, or its own.
        empty: how empty is written: `None`, an empty text, or `False`, which is read as empty, too.
        zone: of times without one.
    """

    kind: Kind
    how: str
    empty: Literal["", False] | None
    zone: tzinfo = UTC

    @property
    def is_plain_time(self) -> bool:
        """Whether it is a time that the codec reads as it is written."""
        return self.kind == "time" and self.how in {"iso8601", "datetime"} and self.zone == UTC

    def read(self, value: Any) -> Any:
        """A value of the CRM as the codec reads it."""
        if isinstance(value, Unreadable):
            return None if value.raw is False and self.empty is False else value
        if value is None:
            return None
        if value is False and self.empty is False and self.kind != "boolean" and not self._is_yes_or_no:
            return None
        match self.kind:
            case "time":
                return _read_time(value, self.how, self.zone)
            case "reference":
                return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            case "date":
                return value if value == "" else _read_date(value, self.how)
            case "boolean":
                return _read_boolean(value, self.how)
            case "text":
                is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
                return str(value) if is_number and self.how in {"integer", "number"} else value
            case "any":
                return _read_boolean(value, self.how) if self._is_yes_or_no else value
            case _:
                return value

    @property
    def _is_yes_or_no(self) -> bool:
        return "/" in self.how and "%" not in self.how

    def write(self, value: Any) -> Any:
        """A value as the CRM takes it."""
        if value is None:
            return self.empty
        if isinstance(value, bool):
            return _write_boolean(value, self.how)
        if type(value) is date:  # and not one with the time of day that it was shown with
            return date_text(value, self.how if self.kind in {"date", "any"} else "iso8601")
        if isinstance(value, Decimal):
            if self.how == "number":
                return msgspec.Raw(str(value).encode())
            return value if self.kind == "any" and self.how != "text" else str(value)
        if self.how == "integer" and isinstance(value, str) and value.removeprefix("-").isdecimal():
            return int(value)
        if self.how == "number" and isinstance(value, str):
            with contextlib.suppress(*_UNREADABLE):
                return float(value)
        return value


def _read_time(value: Any, how: str, zone: tzinfo) -> Any:
    if isinstance(value, bool):
        return value
    try:
        return moment_of(value, how, zone).astimezone(UTC).isoformat()
    except _UNREADABLE:
        numeric = how in {"unix", "unix_ms"}
        return [value] if numeric and not (isinstance(value, str) and not value.isdecimal()) else value


def _read_date(value: Any, how: str) -> Any:
    if how == "iso8601":
        return value
    try:
        return moment_of(value, how).date().isoformat()
    except _UNREADABLE:
        return value


def _read_boolean(value: Any, how: str) -> Any:
    yes, _, no = how.partition("/")
    if how == "integer" and type(value) is int and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and no:
        folded = value.strip().casefold()
        return folded == yes.casefold() if folded in {yes.casefold(), no.casefold()} else value
    return value


def _write_boolean(value: bool, how: str) -> Any:
    yes, slash, no = how.partition("/")
    if slash and "%" not in how:
        return yes if value else no
    return int(value) if how in {"integer", "number"} else value


def zone_of(schema: CustomcrmSchema) -> tzinfo:
    """The zone of times that are written without one."""
    named = schema.time_zone
    return UTC if isinstance(named, UnsetType) or named == "UTC" else ZoneInfo(named)


def forms_of(schema: CustomcrmSchema, object: str) -> Mapping[str, Form]:
    """The form of each property, by attribute, or by its name in mappings."""
    cls, zone = OBJECTS[object], zone_of(schema)
    own = {attribute_of(cls, name) or name: each for name, each in getattr(schema, object).properties.items()}
    names = [f.name for f in attrs.fields(cls) if f.name != "extra"]
    found: dict[str, Form] = {}
    for name in [*names, *(own.keys() - set(names))]:
        kind = _kind(cls, name) if name in names else "any"
        how, empty = _how(schema, kind), _empty(schema, kind)
        declared = own.get(name)
        if isinstance(declared, Property):
            how = declared.form or how
            empty = _EMPTY[declared.empty] if declared.empty else empty
        found[name] = Form(kind, how, empty, zone)
    return found


_EMPTY: Mapping[str, Literal["", False] | None] = {"null": None, "text": "", "false": False}


def _empty(schema: CustomcrmSchema, kind: Kind) -> Literal["", False] | None:
    if schema.empty == "text":
        return "" if kind == "text" else None
    return "" if schema.empty == "everything" else _EMPTY[schema.empty]


def _kind(cls: type, attribute: str) -> Kind:
    if attribute in _TIMES:
        return "time"
    if attribute in _REFERENCES:
        return "reference"
    return _by_type(cls).get(attribute, "text")


@cache
def _by_type(cls: type) -> Mapping[str, Kind]:
    """What the types of the attributes say; worked out once, for it takes long."""
    found: dict[str, Kind] = {}
    for name, hint in get_type_hints(cls).items():
        types = get_args(hint)
        for each, kind in _KINDS.items():
            if each in types:
                found.setdefault(name, kind)
    return found


_KINDS: Mapping[type, Kind] = {date: "date", bool: "boolean", Decimal: "decimal"}


def _how(schema: CustomcrmSchema, kind: Kind) -> str:
    match kind:
        case "time":
            return schema.times
        case "date":
            return schema.dates
        case "boolean":
            return schema.booleans
        case "decimal":
            return schema.decimals
        case "reference":
            return schema.ids
        case _:
            return "iso8601" if kind == "any" else "text"
