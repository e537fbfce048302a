"""A record with a wrong place, read field by field: what cannot be understood is `Unreadable` in it. Pure."""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args, get_origin

from keapbridge._json.patient import patient
from keapbridge._json.shape import Shape
from keapbridge._json.twins import EXTRA
from keapbridge.model.maybe import Unreadable, UnsetType

__all__ = ["by_fields"]

_NAMES: Mapping[Any, str] = {
    date: "not a date",
    datetime: "not a moment",
    Decimal: "not a number",
    int: "not a whole number",
    float: "not a number",
    bool: "neither true nor false",
    str: "not a text",
    tuple: "not a list",
}


def by_fields(data: Mapping[str, Any], shape: Shape, path: str) -> Any:
    """A record of which each field is there, or `Unreadable`.

    Args:
        path: of the record, for the reasons; empty for one that does not come out of JSON.
    """
    hints = typing.get_type_hints(shape.cls)
    found = {name: _field(data[name], hints[name], shape, name, path) for name in shape.wire_of if name in data}
    if EXTRA in data:
        found[EXTRA] = data[EXTRA]
    return shape.cls(**found)


def _is_object(item: Any) -> bool:
    return type(item) is dict


def _field(value: Any, hint: Any, shape: Shape, name: str, path: str) -> Any:
    if type(value) is Unreadable:
        return value
    with contextlib.suppress(Exception):
        return patient.structure(value, hint)
    place = f"{path}.{shape.wire_of[name]}" if path else ""
    inner = shape.nested.get(name)
    if inner is not None and name not in shape.collections and _is_object(value):
        return by_fields(value, inner, place)
    if inner is not None and name in shape.collections and type(value) is list and all(map(_is_object, value)):
        return tuple(by_fields(item, inner, place and f"{place}[{n}]") for n, item in enumerate(value))
    options = [get_origin(o) or o for o in get_args(hint) if o not in {UnsetType, type(None)}]
    what = next((_NAMES[o] for o in options if o in _NAMES), "not an object")
    return Unreadable(f"{what} ({place})" if place else what, value)
