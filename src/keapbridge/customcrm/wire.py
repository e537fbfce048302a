"""Records of a declared API ↔ records of the default profile, as JSON objects. Pure.

Codecs read flat objects. What a schema has inside other objects is taken out of them under its path (`"name.given"`),
what it renames gets the name of the mapping, and the rest stays where it is; writing goes the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import attrs

from keapbridge.customcrm.paths import dig, is_inside, put, steps, take, top
from keapbridge.customcrm.schema import (
    OBJECTS,
    SYSTEM,
    CustomcrmSchema,
    attribute_of,
    wire_path,
)
from keapbridge.model.maybe import UNSET, Unreadable

__all__ = ["Wire"]

Json = dict[str, Any]
_REFERENCES = frozenset({"id", "customer_id"})
_TIMES = frozenset({"created_at", "updated_at"})
_DEFAULT = CustomcrmSchema()


def _join(there: Any, value: Any) -> Any:
    """Both objects in one; what is no object replaces what is there."""
    if not isinstance(there, dict) or not isinstance(value, Mapping):
        return value
    return {**there, **{name: _join(there.get(name), part) for name, part in value.items()}}


@attrs.frozen
class Wire:
    """The form of one object's records on the wire.

    Attributes:
        paths: attribute → path, for the attributes the records have.
        named: name in `extra` → path, for declared properties of the host's own.
        tops: the properties whose objects declared properties are in.
        is_flat: whether records are read as they are.
    """

    schema: CustomcrmSchema
    paths: Mapping[str, str]
    named: Mapping[str, str]
    tops: frozenset[str]
    is_flat: bool

    @classmethod
    def of(cls, schema: CustomcrmSchema, object: str) -> Wire:
        """The form that a schema declares (which is resolved for the object already)."""
        record = OBJECTS[object]
        attributes = [f.name for f in attrs.fields(record) if f.name != "extra"]
        paths = {name: path for name in attributes if (path := wire_path(schema, object, name)) is not None}
        declared: Mapping[str, str] = getattr(schema, object).properties
        named = {name: path for name, path in declared.items() if attribute_of(record, name) is None}
        tops = frozenset(top(path) for path in (*paths.values(), *named.values()) if is_inside(path))
        keys = ("names", "times", "ids", *SYSTEM.values())
        same = all(getattr(schema, key) == getattr(_DEFAULT, key) for key in keys)
        return cls(schema, paths, named, tops, is_flat=same and not declared)

    def name_of(self, attribute: str) -> str:
        """The name the codec knows an attribute by; what the CRM has not gets one that no answer has."""
        return self.paths.get(attribute, f"\0{attribute}")

    @property
    def stamp(self) -> tuple[str | None, Callable[[Any], Any]]:
        """The property that tells when a record was changed, and what that is in the form that the codec reads."""
        path = self.paths.get("updated_at")
        if path is None:
            return None, lambda raw: raw
        return top(path), lambda raw: self._read_value("updated_at", dig({top(path): raw}, path))

    def read(self, record: Any) -> Any:
        """A record of an answer as the codec reads it; anything but an object as it is."""
        if self.is_flat or not isinstance(record, dict):
            return record
        rest = {name: deepcopy(value) if name in self.tops else value for name, value in record.items()}
        out: Json = {}
        for attribute, path in self.paths.items():
            value = take(rest, path)
            if value is not UNSET:
                out[path] = self._read_value(attribute, value)
        own = {name: value for name, path in self.named.items() if (value := take(rest, path)) is not UNSET}
        return {**_without_emptied(rest, record), **own, **out}

    def _read_value(self, attribute: str, value: Any) -> Any:
        if value is None or isinstance(value, (bool, Unreadable)):
            return value
        if attribute in _TIMES:
            return _read_time(value, self.schema.times)
        if attribute in _REFERENCES or attribute == "etag":
            return str(value) if isinstance(value, int) else value
        return value

    def write(self, flat: Mapping[str, Any], into: Json | None = None) -> Json:
        """What a codec dumped as the CRM takes it, into a record that was read (whose other parts stay)."""
        out: Json = {} if into is None else into
        reference = self.paths.get("customer_id")
        paths = frozenset(self.paths.values())
        for name, value in flat.items():
            if name == reference and self.schema.ids == "integer" and isinstance(value, str) and value.isdecimal():
                put(out, name, int(value))
            elif name in self.named or name in paths:
                put(out, self.named.get(name, name), value)
            else:
                # Of an object that declared properties are in, what is left in `extra` is a part only.
                out[name] = _join(out.get(name), value) if name in self.tops else value
        return out

    def kept(self, current: Json, written: Iterable[str]) -> Json:
        """What has to be sent of a record that was read, beside what is written to it.

        The whole of it where the CRM takes whole records only, without what the CRM decides itself; otherwise the
        objects inside it of which a part is written, where the CRM would drop their other parts.
        """
        update = self.schema.update
        if update.whole:
            whole = deepcopy(current)
            for attribute in SYSTEM:
                if attribute in self.paths:
                    take(whole, self.paths[attribute])
            return whole
        paths = [self.named.get(name, name) for name in written]
        tops = {top(path) for path in paths if self._is_inside(path)}
        return {name: deepcopy(current[name]) for name in sorted(tops) if isinstance(current.get(name), (dict, list))}

    def reads_before_writing(self, written: Iterable[str]) -> bool:
        """Whether a write of these names needs the record as it is now."""
        update = self.schema.update
        paths = (self.named.get(name, name) for name in written)
        inside = [path for path in paths if self._is_inside(path)]
        # Of a list nothing can be sent but the whole.
        return update.whole or (bool(inside) and (update.nested == "replace" or any(map(_is_in_list, inside))))

    def _is_inside(self, path: str) -> bool:
        """Whether a path is part of an object that has other parts, or is such an object."""
        return is_inside(path) or path in self.tops


def _is_in_list(path: str) -> bool:
    return any(not isinstance(step, str) for step in steps(path))


def _without_emptied(rest: Json, record: Json) -> Json:
    """Without the objects of which everything was taken out."""
    return {
        name: value
        for name, value in rest.items()
        if not (isinstance(value, dict) and _is_empty(value) and record[name] != value)
    }


def _is_empty(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_empty, value.values()))


def _read_time(value: Any, times: str) -> Any:
    if times == "iso8601":
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return value  # the codec says what is wrong with it, and where
        return value if moment.tzinfo else moment.replace(tzinfo=UTC).isoformat()
    try:
        seconds = float(value) / (1000 if times == "unix_ms" else 1)
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return value if isinstance(value, str) and not value.isdecimal() else [value]
