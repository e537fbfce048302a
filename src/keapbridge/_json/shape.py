"""What reading and writing need to know about one attrs class, worked out once. Pure."""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, get_args

import attrs
import msgspec

from keapbridge._json.odd import Alone, is_strict
from keapbridge._json.patient import ids_as_text, patient
from keapbridge._json.twins import EXTRA, record_type
from keapbridge.model.given import wrong
from keapbridge.model.maybe import UNSET, Unreadable

__all__ = ["Shape", "wire_names"]

SCALARS = frozenset({date, datetime, Decimal, int, float, bool})


def wire_names(cls: type, wire_name: Callable[[str], str]) -> dict[str, str]:
    """The names of the attributes on the wire, without `extra`."""
    return {field.name: wire_name(field.name) for field in attrs.fields(cls) if field.name != EXTRA}


def _does(work: Callable[[Any], Any], value: Any) -> bool:
    try:
        work(value)
    except Exception:  # noqa: BLE001 - whatever a patient reader fails with
        return False
    return True


def _zoned(text: str) -> str:
    """The text of a time with a zone: one that tells none is that of UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo else moment.replace(tzinfo=UTC).isoformat()


class Shape:
    """What decoding needs to know about one attrs class, worked out once."""

    __slots__ = (
        "attr_of",
        "cls",
        "collections",
        "known",
        "nested",
        "renamed",
        "scalars",
        "singles",
        "times",
        "wire_of",
        "write_only",
    )

    def __init__(self, cls: type, wire_name: Callable[[str], str]) -> None:
        hints = typing.get_type_hints(cls)
        self.cls = cls
        self.wire_of = wire_names(cls, wire_name)
        names = tuple(self.wire_of)
        self.attr_of = {wire: name for name, wire in self.wire_of.items()}
        self.renamed = any(name != wire for name, wire in self.wire_of.items())
        self.write_only = frozenset(f.name for f in attrs.fields(cls) if f.metadata.get("write_only"))
        self.known = frozenset(self.attr_of) - self.write_only
        self.nested: dict[str, Shape] = {}
        self.collections: set[str] = set()
        self.scalars = tuple(name for name in names if SCALARS.intersection(get_args(hints[name])))
        self.times = tuple(name for name in names if datetime in get_args(hints[name]))
        for name in names:
            inner, many = record_type(hints[name])
            if inner is not None:
                self.nested[name] = Shape(inner, str)
            if many:
                self.collections.add(name)
        compound = {*self.nested, *self.collections, *self.write_only}
        self.singles = {name: hints[name] for name in names if name not in compound}

    def prepare(self, data: Any) -> Any:
        """The same data under attribute names, unknown properties in `extra`; anything but an object as it is."""
        if type(data) is not dict:
            return data
        out = self._named(data) if self.renamed or not data.keys() <= self.known else data
        for name in self.scalars:  # no text is no date, no number, and neither yes nor no
            value = out.get(name)
            if type(value) is str and not value.strip():
                out[name] = None
        for name in self.times:
            if type(out.get(name)) is str:
                out[name] = _zoned(out[name])
        for name, shape in self.nested.items():
            value = out.get(name)
            if value is None:
                continue
            if name not in self.collections:
                out[name] = shape.prepare(value)
            elif type(value) is list:
                out[name] = [shape.prepare(v) for v in value]
        for name in self.collections:
            if name in out and out[name] is None:
                out[name] = ()
        return out

    def _named(self, data: dict[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for key, value in data.items():
            name = self.attr_of.get(key)
            if name is None:
                extra[key] = value
            elif name not in self.write_only:
                out[name] = value
        if extra:
            out[EXTRA] = extra
        return out

    def unknown(self, data: Any) -> Iterator[tuple[type, str]]:
        """The properties in decoded data that no class has, each with the class of what it is a property of."""
        if type(data) is not dict:
            return
        for name in data.keys() - self.attr_of.keys():
            yield self.cls, name
        for name, shape in self.nested.items():
            value = data.get(self.wire_of[name])
            for each in value if type(value) is list else (value,):
                yield from shape.unknown(each)

    def odd(self, data: Any) -> Iterator[tuple[type, str, Alone]]:
        """The attributes whose values in decoded data are not of their types, and are understood; and what reads these.

        Each with the class of what it is an attribute of. Those that are records, or many values, are not looked at.
        """
        if type(data) is not dict:
            return
        for name, hint in self.singles.items():
            value, alone = data.get(self.wire_of[name]), partial(self._alone, name)
            if not is_strict(value, hint) and _does(alone, value):
                yield self.cls, name, alone
        for name, shape in self.nested.items():
            value = data.get(self.wire_of[name])
            for each in value if type(value) is list else (value,):
                yield from shape.odd(each)

    def _alone(self, name: str, value: Any) -> Any:
        """The value of an attribute, as a record that shows nothing else has it."""
        prepared = self.prepare({self.wire_of[name]: value})
        try:
            return getattr(msgspec.convert(prepared, self.cls), name)
        except (msgspec.ValidationError, UnicodeEncodeError):
            return getattr(patient.structure(ids_as_text(prepared), self.cls), name)

    def dump(self, record: Any, only: Collection[str] | None = None) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, wire in self.wire_of.items():
            if only is not None and name not in only:
                continue
            value = getattr(record, name)
            if value is not UNSET:
                out[wire] = self._dump_value(name, value)
        own = {k: v for k, v in getattr(record, EXTRA, {}).items() if only is None or k in only}
        out.update({k: v.raw if type(v) is Unreadable else v for k, v in own.items()})
        return out

    def _dump_value(self, name: str, value: Any) -> Any:
        if type(value) is Unreadable:
            return value.raw
        shape = self.nested.get(name)
        if shape is None or value is None:
            return value
        many = name in self.collections
        for each in value if many else (value,):
            if not isinstance(each, shape.cls):
                example = f"{shape.cls.__name__}(…)"
                raise wrong(name, f"several, such as {name}=[{example}]" if many else f"{name}={example}", each)
        return [shape.dump(v) for v in value] if many else shape.dump(value)
