"""JSON ↔ attrs records. Pure.

Properties that were asked for and are not there become `None` (known to be empty); those that are not known are folded
into the record's `extra`. Lists are read in one quick pass (`quick`) where there is nothing unusual in them. Anything
else is read by msgspec record by record, and what msgspec refuses once more by cattrs, which is patient with what Keap
is known to vary (ids as numbers, dates with a time) and otherwise names every wrong place by its JSON path.
"""

from __future__ import annotations

import contextlib
import json
import operator
import re
import threading
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
import msgspec
from cattrs.errors import IterableValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn

from keapbridge._io.effects import Answer, Malformed, Unread
from keapbridge._io.scrub import scrub
from keapbridge._json.quick import EXTRA, NO_EXTRA, WRITE_ONLY, NotQuickError, QuickReader, id_text, record_type, split
from keapbridge.errors import ShapeError
from keapbridge.model.checked import usable_id
from keapbridge.model.maybe import UNSET, UnsetType

__all__ = [
    "NO_EXTRA",
    "WRITE_ONLY",
    "Codec",
    "NotQuickError",
    "brief",
    "dump_json",
    "id_text",
    "load_json",
    "open_list",
    "parsed",
    "split",
]

R = TypeVar("R")

ID = "id"


def dump_json(value: Any) -> bytes:
    """Compact JSON; dates and times in ISO 8601, decimals as strings."""
    return msgspec.json.encode(value)


def load_json(answer: Answer) -> Any:
    """The body of an answer; a `ShapeError` without paths when it is no JSON."""
    try:
        return parsed(answer.body)
    except ShapeError as error:
        kind = answer.headers.get("content-type", "no content type").split(";")[0]
        raise ShapeError(f"the answer is not JSON ({kind})", status=answer.status) from error.__cause__


def parsed(text: bytes | msgspec.Raw) -> Any:
    """What a part of an answer says; a `ShapeError` without paths when it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # One text with half of a surrogate pair in it must not make a page of records unreadable.
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(bytes(text), parse_constant=_no_number)
        raise ShapeError("the answer is not JSON") from error


def open_list(answer: Answer, where: str | None) -> tuple[Any, Any]:
    """The list at a path in an answer, as text where that is possible, and the answer without it.

    Raises:
        ShapeError: when the answer is no JSON.
    """
    if where is None:
        return (msgspec.Raw(answer.body), None) if answer.body.lstrip()[:1] == b"[" else (load_json(answer), None)
    names = where.split(".")
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _cut_out(answer.body, names)
    found = rest = load_json(answer)
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found, rest


def _cut_out(text: bytes | msgspec.Raw, names: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    members = _members.decode(text)
    found: Any = members.pop(names[0], None)
    rest = {name: msgspec.json.decode(value) for name, value in members.items()}
    if len(names) > 1 and found is not None:
        found, rest[names[0]] = _cut_out(found, names[1:])
    return found, rest


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _no_number(text: str) -> None:
    raise ValueError(text)  # NaN and the infinities are no JSON


def brief(self: Any) -> str:
    """A `repr` that leaves out what is `UNSET` or has no content, and what reaches a person."""
    shown = (
        f"{f.name}={value!r}"
        for f in attrs.fields(type(self))
        if (value := getattr(self, f.name)) is not UNSET and (f.name != EXTRA or value)
    )
    return scrub(f"{type(self).__name__}({', '.join(shown)})")


def _itself(raw: Any) -> Any:
    return raw


class _Shape:
    """What decoding needs to know about one attrs class, worked out once."""

    __slots__ = ("attr_of", "cls", "collections", "defaults", "known", "nested", "renamed", "wire_of", "write_only")

    def __init__(self, cls: type, wire_name: Callable[[str], str]) -> None:
        hints = typing.get_type_hints(cls)
        names = [f.name for f in attrs.fields(cls) if f.name != EXTRA]
        self.cls = cls
        self.wire_of = {name: wire_name(name) for name in names}
        self.attr_of = {wire: name for name, wire in self.wire_of.items()}
        self.renamed = any(name != wire for name, wire in self.wire_of.items())
        self.write_only = frozenset(f.name for f in attrs.fields(cls) if f.metadata.get("write_only"))
        self.known = frozenset(self.attr_of) - self.write_only
        self.nested: dict[str, _Shape] = {}
        self.collections: set[str] = set()
        for name in names:
            inner, many = record_type(hints[name])
            if inner is not None:
                self.nested[name] = _Shape(inner, str)
            if many:
                self.collections.add(name)

    def prepare(self, data: Any, asked: Collection[str] = ()) -> Any:
        """The same data under attribute names, unknown properties in `extra`; anything but an object as it is."""
        if type(data) is not dict:
            return data
        out = self._named(data) if self.renamed or not data.keys() <= self.known else data
        for name, shape in self.nested.items():
            value = out.get(name)
            if value is None:
                continue
            out[name] = [shape.prepare(v) for v in value] if type(value) is list else shape.prepare(value)
        for name in asked:
            if name not in out:
                out[name] = None
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

    def dump(self, record: Any, only: Collection[str] | None = None) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, wire in self.wire_of.items():
            if only is not None and name not in only:
                continue
            value = getattr(record, name)
            if value is not UNSET:
                out[wire] = self._dump_value(name, value)
        out.update({k: v for k, v in getattr(record, EXTRA, {}).items() if only is None or k in only})
        return out

    def _dump_value(self, name: str, value: Any) -> Any:
        shape = self.nested.get(name)
        if shape is None or value is None:
            return value
        return [shape.dump(v) for v in value] if name in self.collections else shape.dump(value)


_examining = threading.Lock()
_id_of = operator.attrgetter(ID)


class Codec(Generic[R]):
    """Reads and writes one kind of record.

    Args:
        cls: an attrs class whose fields default to `UNSET`, with an `extra` mapping for unknown properties.
        wire_name: attribute name → property name on the wire, where they differ.
    """

    def __init__(self, cls: type[R], wire_name: Callable[[str], str] = str) -> None:
        self.cls = cls
        self._shape = _Shape(cls, wire_name)
        self._quick = QuickReader(cls, wire_name)
        self._is_prepared = False
        self.wire_names: Mapping[str, str] = dict(self._shape.wire_of)

    @property
    def fields(self) -> tuple[str, ...]:
        """The attribute names, without `extra`."""
        return tuple(self._shape.wire_of)

    @property
    def arrays(self) -> frozenset[str]:
        """The attributes that hold many values."""
        return frozenset(self._shape.collections)

    def load(self, data: Any, *, asked: Collection[str] = (), path: str = "$") -> R:
        """A record from decoded JSON.

        Args:
            asked: attributes that were asked for; those that are not there are `None` then.
            path: where `data` was found, for the error.

        Raises:
            ShapeError: with the JSON path of everything that has a wrong type.
        """
        return self._load_prepared(self._shape.prepare(data, asked), path)

    def _convert(self, prepared: Any, cls: Any) -> Any:
        if not self._is_prepared:
            # msgspec examines a class when it is first used, and crashes when two threads make it do so at once.
            with _examining:
                msgspec.convert({}, self.cls)
            self._is_prepared = True
        return msgspec.convert(prepared, cls)

    def _load_prepared(self, prepared: Any, path: str) -> R:
        try:
            record: R = self._convert(prepared, self.cls)
        except msgspec.ValidationError:
            record = self._load_patiently(prepared, path)
        if not self._has_id(record):
            place = f"{path}.{self.wire_names[ID]}"
            raise ShapeError(f"unexpected data at {place} (a record without an id)", paths=[place])
        return record

    def _has_id(self, record: R) -> bool:
        return ID not in self.wire_names or usable_id(getattr(record, ID))

    def read_many(self, items: Any, *, path: str = "$") -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
        """`load_many` for a list that may still be text; every field was asked for."""
        if isinstance(items, msgspec.Raw):
            with contextlib.suppress(NotQuickError):
                return self.read_quickly(items), ()
            items = parsed(items)
        return self.load_many(items, asked=self.fields, path=path)

    def read_quickly(self, items: bytes | msgspec.Raw) -> tuple[R, ...]:
        """The records of a list, every field of which was asked for.

        Raises:
            NotQuickError: when one of them holds anything unusual.
        """
        records = self._quick.read(items)
        if not all(map(usable_id, map(_id_of, records))):
            raise NotQuickError
        return records

    def split(self, items: msgspec.Raw, *, path: str, stamp: str) -> Unread[R]:
        """The records of a list, unread.

        Args:
            stamp: the attribute that tells when a record was changed.

        Raises:
            NotQuickError: when it is no list of objects.
        """

        def read(texts: Sequence[msgspec.Raw], positions: Sequence[int]) -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
            return self.read_texts(texts, positions, path)

        return split(items, self.wire_names[ID], None, read, self.wire_names[stamp], _itself)[0]

    def read_texts(
        self, texts: Sequence[msgspec.Raw], positions: Sequence[int], path: str
    ) -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
        """The records of some texts from a list, every field of which was asked for, and those that cannot be read.

        Args:
            positions: where in the list at `path` the texts were found.
        """
        with contextlib.suppress(NotQuickError):
            return self.read_quickly(b"[%b]" % b",".join(texts)), ()
        return self.load_many([parsed(text) for text in texts], asked=self.fields, path=path, positions=positions)

    def load_many(
        self, items: Any, *, asked: Collection[str] = (), path: str = "$", positions: Sequence[int] | None = None
    ) -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
        """The records of a page, and those that cannot be read, each with its error.

        Args:
            positions: where in the list at `path` the items were found, if they are not all of it.
        """
        if type(items) is not list:
            raise ShapeError(f"{path} is not a list", paths=[path])
        prepared = [self._shape.prepare(item, asked) for item in items]
        try:
            quick: tuple[R, ...] = tuple(self._convert(prepared, list[self.cls]))  # type: ignore[name-defined]
        except msgspec.ValidationError:
            quick = ()
        if len(quick) == len(items) and all(map(self._has_id, quick)):
            return quick, ()
        records: list[R] = []
        malformed: list[Malformed] = []
        for index, item in enumerate(prepared):
            try:
                place = index if positions is None else positions[index]
                records.append(self._load_prepared(item, f"{path}[{place}]"))
            except ShapeError as error:
                malformed.append(Malformed(id_text(item.get(ID)) if type(item) is dict else None, error))
        return tuple(records), tuple(malformed)

    def dump(self, record: R, only: Collection[str] | None = None) -> dict[str, Any]:
        """The record as a JSON object: without what is `UNSET`, with its `extra`; `only` these names."""
        return self._shape.dump(record, only)

    def _load_patiently(self, prepared: Any, path: str) -> R:
        try:
            return _patient.structure(_ids_as_text(prepared), self.cls)
        except cattrs.BaseValidationError as error:
            problems = [
                _Problem.parse(text, path, self.wire_names)
                for text in cattrs.transform_error(error, path="$", format_exception=_describe)
            ]
        except (TypeError, ValueError, AttributeError) as error:
            problems = [_Problem(path, _describe(error, None))]
        places = ", ".join(f"{p.path} ({p.what})" for p in problems)
        raise ShapeError(f"unexpected data at {places}", paths=[p.path for p in problems])


@attrs.frozen
class _Problem:
    path: str
    what: str

    @classmethod
    def parse(cls, text: str, prefix: str, wire_names: Mapping[str, str]) -> _Problem:
        what, _, path = text.rpartition(" @ $")
        first = re.match(r"\.(\w+)", path)
        if first and first[1] in wire_names:
            path = f".{wire_names[first[1]]}{path[first.end() :]}"
        return cls(prefix + path, what)


def _describe(error: BaseException, expected: type | None) -> str:
    if isinstance(error, KeyError):
        return "required property is missing"
    options = [o for o in get_args(expected) if o not in {UnsetType, type(None)}] if _is_maybe(expected) else [expected]
    names = [getattr(get_origin(o) or o, "__name__", "another type") for o in options]
    return f"expected {' or '.join(names)}" if expected is not None else "expected another type"


# --- the patient reader -----------------------------------------------------------------------------------------


def _is_maybe(hint: Any) -> bool:
    return get_origin(hint) in {Union, types.UnionType} and UnsetType in get_args(hint)


def _structure_maybe(value: Any, hint: Any) -> Any:
    options = [o for o in get_args(hint) if o is not UnsetType]
    if value is None and type(None) in options:
        return None
    rest = [o for o in options if o is not type(None)]
    hint = rest[0] if len(rest) == 1 else Union[tuple(rest)]
    return _patient.structure(value, hint)


def _structure_record(cls: type) -> Callable[[Any, Any], Any]:
    structure: Callable[[Any, Any], Any] = make_dict_structure_fn(cls, _patient)

    def checked(value: Any, hint: Any) -> Any:
        # cattrs would make an object without content out of any text or list.
        if type(value) is not dict:
            raise TypeError(cls.__name__)
        return structure(value, hint)

    return checked


def _is_array(hint: Any) -> bool:
    return get_origin(hint) is tuple


# A str and an exception group with more arguments than type checkers expect of such.
_note: Any = IterableValidationNote
_iterable_error: Any = IterableValidationError


def _structure_array(value: Any, hint: Any) -> tuple[Any, ...]:
    if type(value) not in {list, tuple}:
        raise TypeError("list")
    found, problems = [], []
    for index, item in enumerate(value):
        try:
            found.append(_patient.structure(item, get_args(hint)[0]))
        except Exception as error:  # noqa: BLE001 - all are raised together below
            note = _note(f"item {index}", index, get_args(hint)[0])
            error.__notes__ = [note]
            problems.append(error)
    if problems:
        raise _iterable_error(f"while structuring {hint}", problems, hint)
    return tuple(found)


def _exactly(cls: type, *also: type) -> Any:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is cls or type(value) in also:
            return value
        raise TypeError(cls.__name__)

    return structure


def _ids_as_text(data: Any) -> Any:
    # Ids are numbers in v1 and strings in v2, and some v2 answers still carry numbers.
    if type(data) is list:
        return [_ids_as_text(item) for item in data]
    if type(data) is not dict:
        return data
    return {
        key: str(value) if type(value) is int and (key == "id" or key.endswith("_id")) else _ids_as_text(value)
        for key, value in data.items()
    }


def _structure_datetime(value: Any, _: Any) -> datetime:
    if type(value) is not str:
        raise TypeError("datetime")
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _structure_date(value: Any, _: Any) -> date:
    if type(value) is not str:
        raise TypeError("date")
    return date.fromisoformat(value[:10])


def _structure_decimal(value: Any, _: Any) -> Decimal:
    if type(value) not in {str, int, float}:
        raise TypeError("Decimal")
    try:
        return Decimal(str(value))
    except ArithmeticError as error:
        raise ValueError("Decimal") from error


def _make_patient() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook_func(_is_maybe, _structure_maybe)
    converter.register_structure_hook_factory(attrs.has, _structure_record)
    converter.register_structure_hook_func(_is_array, _structure_array)
    converter.register_structure_hook(str, _exactly(str))
    converter.register_structure_hook(bool, _exactly(bool))
    converter.register_structure_hook(int, _exactly(int))
    converter.register_structure_hook(float, _exactly(float, int))
    converter.register_structure_hook(datetime, _structure_datetime)
    converter.register_structure_hook(date, _structure_date)
    converter.register_structure_hook(Decimal, _structure_decimal)
    return converter


_patient = _make_patient()
