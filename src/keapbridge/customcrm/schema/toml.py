"""A schema as TOML, there and back."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import attrs

from keapbridge._toml.reading import join, read, read_class, refuse_unknown
from keapbridge._toml.writing import dumps, told
from keapbridge.customcrm.schema.names import OBJECTS
from keapbridge.customcrm.schema.objects import CustomcrmObject

__all__ = ["read_schema", "written"]

S = TypeVar("S")
"""A whole schema, which is made of these functions, too."""


def read_schema(cls: type[S], table: Mapping[str, Any], where: str) -> S:
    """A schema of what a TOML file holds, under the key `where`."""
    data = dict(table)
    common = {key: value for key, value in data.items() if key not in OBJECTS}
    for object in OBJECTS.keys() & data.keys():
        key = join(where, object)
        if not isinstance(data[object], dict):
            raise ValueError(f"{key}: must be a table, not {data[object]!r}")
        data[object] = _read_object(cls, {"path": f"/{object}"} | data[object], common, key)
    return read_class(cls, data, where)


def written(schema: attrs.AttrsInstance) -> str:
    """What differs from the default profile, as TOML."""
    table: dict[str, Any] = {}
    default = type(schema)()
    for f in attrs.fields(type(schema)):
        value = getattr(schema, f.name)
        if value != getattr(default, f.name):
            table[f.name] = _object_table(value) if isinstance(value, CustomcrmObject) else _whole(value)
    return dumps(table)


def _read_object(cls: type[Any], table: dict[str, Any], common: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A table of an object, with its differing keys where `CustomcrmObject` has them, joined with the common ones."""
    own = {f.name for f in attrs.fields(CustomcrmObject)} - {"differs"}
    hints = typing.get_type_hints(cls)
    known = [f.name for f in attrs.fields(cls) if f.name not in OBJECTS]
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
