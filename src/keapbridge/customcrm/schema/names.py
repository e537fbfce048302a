"""What the properties of records are called, and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import attrs

from keapbridge.customcrm import records
from keapbridge.customcrm.schema.properties import Properties, path_of
from keapbridge.model.maybe import UnsetType
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS

if TYPE_CHECKING:
    from keapbridge.customcrm.schema.objects import CustomcrmObject

__all__ = ["OBJECTS", "SYSTEM", "Names", "attribute_of", "check_names", "wire_path"]

Names: TypeAlias = Literal["PascalCase", "camelCase", "snake_case"]

OBJECTS: Mapping[str, type] = {
    CONTACTS: records.Contact,
    CUSTOMERS: records.Customer,
    PRODUCTS: records.Product,
}
SYSTEM: Mapping[str, str] = {"id": "id", "created_at": "created", "updated_at": "modified", "etag": "version"}
"""Attribute → the key of the schema that tells its property."""


class Schema(Protocol):
    """A whole schema, as far as what has a part in it looks at it."""

    @property
    def names(self) -> Names:
        """How properties are spelled that are not declared."""
        ...


def attribute_of(cls: type, name: str) -> str | None:
    """`FirstName` or `first_name` → `first_name`; `None` for a property that the records do not have."""
    for f in attrs.fields(cls):
        if f.name != "extra" and name in {f.name, records.wire_name(f.name)}:
            return str(f.name)
    return None


def wire_path(schema: Schema, object: str, attribute: str) -> str | None:
    """Where an attribute of an object is in the CRM's records; `None` for what they do not have."""
    if attribute in SYSTEM:
        declared: str | UnsetType | None = getattr(schema, SYSTEM[attribute])
        return _spelled(schema.names, attribute) if isinstance(declared, UnsetType) else declared
    properties: Properties = getattr(schema, object).properties
    for name, found in properties.items():
        if attribute_of(OBJECTS[object], name) == attribute:
            return path_of(found)
    return _spelled(schema.names, attribute)


def _spelled(names: Names, attribute: str) -> str:
    if names == "snake_case" or attribute == "etag":
        return records.wire_name(attribute) if names == "PascalCase" else attribute
    pascal = records.wire_name(attribute)
    return pascal if names == "PascalCase" else pascal[0].lower() + pascal[1:]


def check_names(schema: Schema, object: str) -> None:
    cls = OBJECTS[object]
    declared: CustomcrmObject = getattr(schema, object)
    taken: dict[str, str] = {}
    for f in attrs.fields(cls):
        path = None if f.name == "extra" else wire_path(schema, object, f.name)
        if path is not None and path in taken:
            one, other = taken[path], records.wire_name(f.name)
            advice = f"{one} = None (false in TOML) says that the CRM has none"
            raise ValueError(f"properties: {path} is both {one} and {other}; declare both; {advice}")
        if path is not None:
            taken[path] = records.wire_name(f.name)
    names: dict[str, str] = {}
    for name, property in declared.properties.items():
        path = path_of(property)
        attribute = attribute_of(cls, name)
        if attribute is not None and attribute in SYSTEM:
            raise ValueError(f"properties.{name}: is declared by the key {SYSTEM[attribute]!r} of the schema")
        if attribute is None and path is None:
            raise ValueError(f"properties.{name}: None is for a property of the profile that the CRM has not")
        if attribute is None and path in taken:
            raise ValueError(f"properties.{name}: {path} is {taken[path]} already")
        same = attribute or name
        if same in names:
            raise ValueError(f"properties.{name}: is declared twice, as {names[same]} too")
        names[same] = name
        if path is not None:
            taken.setdefault(path, name)
    for name in declared.find:
        if attribute_of(cls, name) is None and name not in declared.properties:
            raise ValueError(f"find.{name}: is no property of {object}")
