"""Records of a declared API ↔ records of the default profile, as JSON objects. Pure.

Codecs read flat objects. What a schema has inside other objects is taken out of them under its path (`"name.given"`),
what it renames gets the name of the mapping, and the rest stays where it is; writing goes the other way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

import attrs

from keapbridge.customcrm.forms import Form, forms_of
from keapbridge.customcrm.paths import dig, has, is_inside, list_on, put, steps, take, top
from keapbridge.customcrm.schema import (
    OBJECTS,
    SYSTEM,
    CustomcrmSchema,
    Properties,
    Property,
    alternatives,
    attribute_of,
    path_of,
    wire_path,
)
from keapbridge.model.maybe import UNSET

__all__ = ["Wire"]

Json = dict[str, Any]
_TIMES = ("CreatedAt", "UpdatedAt")
_WITHOUT_ZONE = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?$")
_DEFAULT = CustomcrmSchema()
_READ_BY = ("names", "times", "time_zone", "dates", "booleans", "empty", "ids", *SYSTEM.values())
"""The keys of a schema that decide how records are read."""


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
        writes: path or name in `extra` → where it is written, for what is written elsewhere than read.
        forms: the form of each property, by attribute or name in `extra`.
        tops: the properties whose objects declared properties are in.
        is_flat: whether records are read as they are.
    """

    schema: CustomcrmSchema
    paths: Mapping[str, str]
    named: Mapping[str, str]
    writes: Mapping[str, str]
    forms: Mapping[str, Form]
    tops: frozenset[str]
    is_flat: bool

    @classmethod
    def of(cls, schema: CustomcrmSchema, object: str) -> Wire:
        """The form that a schema declares (which is resolved for the object already)."""
        record = OBJECTS[object]
        attributes = [f.name for f in attrs.fields(record) if f.name != "extra"]
        paths = {name: path for name in attributes if (path := wire_path(schema, object, name)) is not None}
        declared: Properties = getattr(schema, object).properties
        own = {name: path for name, each in declared.items() if (path := path_of(each)) is not None}
        named = {name: path for name, path in own.items() if attribute_of(record, name) is None}
        writes: dict[str, str] = {}
        for name, each in declared.items():
            if isinstance(each, Property) and each.write:
                writes[name if name in named else each.path] = each.write
        forms = forms_of(schema, object)
        by_path = {**forms} | {path: forms[attribute] for attribute, path in paths.items()}
        inside = (*(alternative for path in paths.values() for alternative in alternatives(path)), *named.values())
        tops = frozenset(top(path) for path in inside if is_inside(path))
        same = all(getattr(schema, key) == getattr(_DEFAULT, key) for key in _READ_BY)
        return cls(schema, paths, named, writes, by_path, tops, is_flat=same and not declared)

    def name_of(self, attribute: str) -> str:
        """The name the codec knows an attribute by; what the CRM has not gets one that no answer has."""
        return self.paths.get(attribute, f"\0{attribute}")

    @property
    def stamp(self) -> tuple[str | None, Callable[[Any], Any]]:
        """The property that tells when a record was changed, and what that is in the form that the codec reads."""
        path = self.paths.get("updated_at")
        if path is None or self.has_alternatives:
            return None, lambda raw: raw
        if top(path) == path and self.forms[path].is_plain_time:
            return path, lambda raw: raw
        return top(path), lambda raw: self.forms[path].read(dig({top(path): raw}, path))

    @property
    def has_alternatives(self) -> bool:
        """Whether one of several properties tells when a record was changed."""
        return len(alternatives(self.paths.get("updated_at", ""))) > 1

    def read(self, record: Any) -> Any:
        """A record of an answer as the codec reads it; anything but an object as it is."""
        if self.is_flat or not isinstance(record, dict):
            return _zoned(record)
        rest = {name: deepcopy(value) if name in self.tops else value for name, value in record.items()}
        out: Json = {}
        for attribute, path in self.paths.items():
            value = self._taken(rest, attribute, path)
            if value is not UNSET:
                out[path] = value
        own: Json = {}
        for name, path in self.named.items():
            if (value := take(rest, path)) is not UNSET:
                own[name] = self.forms[name].read(value)
        return {**_without_emptied(rest, record), **own, **out}

    def _taken(self, rest: Json, attribute: str, path: str) -> Any:
        form, several = self.forms[attribute], alternatives(path)
        if len(several) < 2:
            value = take(rest, path)
            return value if value is UNSET else form.read(value)
        found = [form.read(value) for each in several if (value := take(rest, each)) is not UNSET]
        told = [value for value in found if value is not None]
        return max(told, key=str) if told else None if found else UNSET

    def write(self, flat: Mapping[str, Any], into: Json | None = None) -> Json:
        """What a codec dumped as the CRM takes it, into a record that was read (whose other parts stay)."""
        out: Json = {} if into is None else into
        for name, value in flat.items():
            form = self.forms.get(name)
            if form is not None:
                put(out, self._place_of(name), form.write(value))
            else:
                # Of an object that declared properties are in, what is left in `extra` is a part only.
                out[name] = _join(out.get(name), value) if name in self.tops else value
        return out

    def _place_of(self, name: str) -> str:
        """Where what a codec calls so is written."""
        return self.writes.get(name) or self.named.get(name, name)

    def kept(self, current: Json, written: Iterable[str]) -> Json:
        """What has to be sent of a record that was read, beside what is written to it.

        The whole of it where the CRM takes whole records only, without what the CRM decides itself; otherwise the
        objects inside it of which a part is written, where the CRM would drop their other parts, or the lists alone.
        """
        update = self.schema.update
        if update.whole:
            whole = deepcopy(current)
            for attribute in SYSTEM:
                for path in alternatives(self.paths.get(attribute, "")):
                    take(whole, path)
            return whole
        paths = [path for path in map(self._place_of, written) if self._is_inside(path)]
        if update.nested == "merge":  # of a list nothing can be sent but the whole; the objects around it are joined
            paths = [path for path in map(list_on, paths) if path is not None]
        else:
            paths = [_escaped(top(path)) for path in paths]
        kept: Json = {}
        for path in sorted(set(paths), key=len):
            if isinstance(found := dig(current, path), (dict, list)) and not has(kept, path):
                put(kept, path, deepcopy(found))
        return kept

    def reads_before_writing(self, written: Iterable[str]) -> bool:
        """Whether a write of these names needs the record as it is now."""
        update = self.schema.update
        inside = [path for path in map(self._place_of, written) if self._is_inside(path)]
        # Of a list nothing can be sent but the whole.
        return update.whole or (bool(inside) and (update.nested == "replace" or any(map(_is_in_list, inside))))

    def _is_inside(self, path: str) -> bool:
        """Whether a path is part of an object that has other parts, or is such an object."""
        return is_inside(path) or path in self.tops


def _zoned(record: Any) -> Any:
    """A record that is read as it is, but for times without a zone, which must not meet those with one."""
    if isinstance(record, dict):
        for name in _TIMES:
            if isinstance(value := record.get(name), str) and _WITHOUT_ZONE.search(value):
                record = {**record, name: f"{value}Z"}
    return record


def _escaped(name: str) -> str:
    """A name as a path."""
    return re.sub(r"([.\[\\])", r"\\\1", name)


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
