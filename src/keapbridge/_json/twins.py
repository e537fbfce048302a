"""Twins: structs that msgspec fills, and the functions that are written to make records of them. Pure."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, Union, get_args, get_origin

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from keapbridge._json.odd import Alone, as_they_are, one_by_one, strict_type
from keapbridge.model.changed import mutable

__all__ = ["EXTRA", "NO_EXTRA", "WRITE_ONLY", "record_type", "twin_of"]

EXTRA = "extra"
WRITE_ONLY: Mapping[str, bool] = {"write_only": True}
"""Metadata of a field that is never taken from an answer: read and written back it would be said again."""


class _NoExtra(dict[str, Any]):
    """No further properties: one for all records that have none, so it cannot be filled."""

    def __reduce__(self) -> str:
        return "NO_EXTRA"


def _refuse(*_: Any, **__: Any) -> Any:
    raise TypeError("a record cannot be changed: attrs.evolve(record, extra={…}) makes another one")


for _name in ("__setitem__", "__ior__", "setdefault", "update"):
    setattr(_NoExtra, _name, _refuse)
NO_EXTRA: Mapping[str, Any] = _NoExtra()


def record_type(hint: Any) -> tuple[type | None, bool]:
    """The attrs class in a field's type and whether the field holds many values."""
    options = get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)
    for option in options:
        if get_origin(option) is tuple:
            inner = get_args(option)[0]
            return (inner if attrs.has(inner) else None), True
        if isinstance(option, type) and attrs.has(option):
            return option, False
    return None, False


_hints = cache(typing.get_type_hints)  # a twin is made anew for whatever is learnt, and they are half of its price

_MOVE = """
def move(twin):
    record = new(mutable)
{lines}
    record.__class__ = cls
    return record
"""


def twin_of(
    cls: type,
    wire_name: Callable[[str], str],
    learnt: Collection[tuple[type, str]],
    odd: Mapping[tuple[type, str], Alone],
) -> tuple[type, Callable[[Any], Any]]:
    """The struct for an attrs class, and the function that makes a record of it.

    Args:
        learnt: classes with the names of further properties that are read.
        odd: what reads the values of attributes that are odd now and then.
    """
    hints = _hints(cls)
    fields: list[tuple[str, Any, Any]] = []
    lines: list[str] = []
    names: dict[str, Any] = {"cls": cls, "mutable": mutable(cls), "new": object.__new__}
    names |= {"UNSET": UNSET, "NO_EXTRA": NO_EXTRA}
    for field in attrs.fields(cls):
        name = field.name
        if name == EXTRA:
            continue
        inner, many = record_type(hints[name])
        hint, value = hints[name], f"twin.{name}"
        if inner is not None:
            struct, names[f"move_{name}"] = twin_of(inner, str, learnt, odd)
            hint = Union[tuple[struct, ...] if many else struct, None, UnsetType]  # type: ignore[valid-type]
            lines.append(f"value = {value}")
            moved = f"move_{name}(value)"
            if many:  # most have one, for which a tuple is made much quicker like this
                moved = f"((move_{name}(value[0]),) if len(value) == 1 else tuple(map(move_{name}, value)))"
            value = f"{moved} if value else {'value if value is UNSET else ()' if many else 'value'}"
        elif many:
            hint = Union[hint, None, UnsetType]
            lines.append(f"value = {value}")
            value = "value if value or value is UNSET else ()"
        elif (cls, name) in odd:
            names[f"read_{name}"], names[f"kept_{name}"] = one_by_one(hint, odd[cls, name]), as_they_are(hint)
            hint = Any
            lines.append(f"value = {value}")
            value = f"value if type(value) in kept_{name} else read_{name}(value)"
        else:
            hint = strict_type(hint)
        lines.append(f"record.{name} = {'UNSET' if field.metadata.get('write_only') else value}")
        fields.append((name, hint, UNSET))
    renamed = {name: wire_name(name) for name, *_ in fields}
    further = {f"_{number}": name for number, name in enumerate(name for each, name in learnt if each is cls)}
    fields += [(place, Any, UNSET) for place in further]
    for place, name in further.items():
        lines.append(f"value = twin.{place}")
        lines.append(f"if value is not UNSET: extra[{name!r}] = value")
    if further:
        lines.insert(0, "extra = {}")
    lines.append(f"record.{EXTRA} = {'extra or NO_EXTRA' if further else 'NO_EXTRA'}")
    exec(_MOVE.format(lines="\n".join(f"    {line}" for line in lines)), names)  # noqa: S102 - names of attributes, and literals
    struct = msgspec.defstruct(
        cls.__name__,
        fields,
        kw_only=True,
        gc=False,  # a twin lives for a moment and refers to nothing that refers back
        forbid_unknown_fields=True,
        rename={**renamed, **further},
    )
    return struct, names["move"]
