"""JSON ↔ attrs records. Pure.

Properties that are not there stay `UNSET`: only what an answer shows as empty is known to be empty. Those that are not
known are folded into the record's `extra`. Lists are read in one quick pass (`quick`) where there is nothing unusual in
them. Anything else is read by msgspec record by record, and what msgspec refuses once more by cattrs, which is patient
with what Keap is known to vary (ids as numbers, dates with a time) and otherwise names every wrong place by its JSON
path.

A record with a wrong place is refused, or read field by field (`by_fields`): then what cannot be understood is
`Unreadable` in it, and the rest is there.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import operator
import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar, get_args, get_origin

import attrs
import cattrs
import msgspec

from keapbridge._io.calls import Answer, Malformed, Unread
from keapbridge._json.by_fields import by_fields
from keapbridge._json.patient import ids_as_text, is_maybe, patient
from keapbridge._json.quick import (
    NotQuickError,
    QuickReader,
    Text,
    Texts,
    cut_out,
    id_text,
    in_parts,
    split,
    texts_of,
)
from keapbridge._json.shape import Shape, wire_names
from keapbridge._json.twins import EXTRA, NO_EXTRA, WRITE_ONLY
from keapbridge._scrub import scrub
from keapbridge.errors import ShapeError
from keapbridge.model.checked import usable_id
from keapbridge.model.maybe import UNSET, UnsetType
from keapbridge.model.timed import as_sent

__all__ = [
    "NO_EXTRA",
    "WRITE_ONLY",
    "Codec",
    "NotQuickError",
    "Texts",
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
    return msgspec.json.encode(value, enc_hook=as_sent)


def load_json(answer: Answer) -> Any:
    """The body of an answer; a `ShapeError` without paths when it is no JSON."""
    try:
        return parsed(answer.body)
    except ShapeError as error:
        kind = answer.headers.get("content-type", "no content type").split(";")[0]
        meant = "; is base_url the address of the API?" if kind == "text/html" else ""
        raise ShapeError(f"the answer is not JSON ({kind}){meant}", status=answer.status) from error.__cause__


def parsed(text: bytes | Text) -> Any:
    """What a part of an answer says; a `ShapeError` without paths when it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # One text with half of a surrogate pair in it must not make a page of records unreadable.
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(bytes(text), parse_constant=_no_number)
        raise ShapeError("the answer is not JSON") from error


def open_list(answer: Answer, where: Sequence[Any] | None) -> tuple[Any, Any]:
    """The list at a path in an answer, and the answer without it.

    The list is a tuple of the texts of its items where that is possible, and decoded otherwise; `UNSET` where there is
    nothing.

    Args:
        where: the names on the way, and the numbers of elements; `None` where the answer is the list.

    Raises:
        ShapeError: when the answer is no JSON.
    """
    if where is None:
        with contextlib.suppress(NotQuickError):
            return texts_of(answer.body), None
        return load_json(answer), None
    if all(isinstance(step, str) for step in where):
        with contextlib.suppress(NotQuickError):
            return cut_out(answer.body, where)
    found = rest = load_json(answer)
    for step in where:
        if isinstance(step, str):
            found = found.get(step, UNSET) if isinstance(found, dict) else UNSET
        else:
            found = found[step] if isinstance(found, list) and isinstance(step, int) and step < len(found) else UNSET
    return found, rest


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


_examining = threading.Lock()
_id_of = operator.attrgetter(ID)


class Codec(Generic[R]):
    """Reads and writes one kind of record.

    Args:
        cls: an attrs class whose fields default to `UNSET`, with an `extra` mapping for unknown properties.
        wire_name: attribute name → property name on the wire, where they differ.

    Attributes:
        is_by_fields: whether a record with a wrong place is read field by field.
    """

    def __init__(self, cls: type[R], wire_name: Callable[[str], str] = str) -> None:
        self.cls = cls
        self._wire_name = wire_name
        self._quick = QuickReader(cls, wire_name)
        self._is_prepared = False
        self.is_by_fields = False
        self._root = "$"
        self.wire_names: Mapping[str, str] = wire_names(cls, wire_name)

    @cached_property
    def _shape(self) -> Shape:  # made when something is read or written: all of them take a tenth of the import
        return Shape(self.cls, self._wire_name)

    def by_fields(self, *, root: str = "$") -> Codec[R]:
        """The codec that reads a record with a wrong place field by field: what cannot be understood is `Unreadable`.

        Only what is no object, or has no id, is still refused.

        Args:
            root: what the paths in the reasons begin with; empty for records that do not come out of JSON.
        """
        other = copy.copy(self)
        other.is_by_fields = True
        other._root = root  # noqa: SLF001 - its own
        return other

    @property
    def fields(self) -> tuple[str, ...]:
        """The attribute names, without `extra`."""
        return tuple(self.wire_names)

    @property
    def arrays(self) -> frozenset[str]:
        """The attributes that hold many values."""
        return frozenset(self._shape.collections)

    def load(self, data: Any, *, path: str = "$") -> R:
        """A record from decoded JSON.

        Args:
            path: where `data` was found, for the error.

        Raises:
            ShapeError: with the JSON path of everything that has a wrong type.
        """
        return self._load_prepared(self._shape.prepare(data), path)

    def _prepare(self) -> None:
        if not self._is_prepared:
            # msgspec examines a class when it is first used, and crashes when two threads make it do so at once.
            with _examining:
                msgspec.convert({}, self.cls)
            self._is_prepared = True

    def _convert(self, prepared: Any, cls: Any) -> Any:
        self._prepare()
        try:
            return msgspec.convert(prepared, cls)
        except UnicodeEncodeError:  # half a surrogate pair, where a text is to be a date or a number
            raise msgspec.ValidationError("no character") from None

    def _load_prepared(self, prepared: Any, path: str) -> R:
        try:
            record: R = self._convert(prepared, self.cls)
        except msgspec.ValidationError:
            if self.is_by_fields and type(prepared) is dict:
                record = by_fields(ids_as_text(prepared), self._shape, self._root)
            elif not self._root:
                raise ShapeError(f"not a record, but {type(prepared).__name__}", paths=[path]) from None
            else:
                record = self._load_patiently(prepared, path)
        if not self._has_id(record):
            id, place = getattr(record, ID), f"{path}.{self.wire_names[ID]}"
            what = "a record whose id none can have" if isinstance(id, str) and id else "a record without an id"
            raise ShapeError(f"unexpected data at {place} ({what})" if self._root else what, paths=[place])
        return record

    def _has_id(self, record: R) -> bool:
        return ID not in self.wire_names or usable_id(getattr(record, ID))

    def opened(self, answer: Answer, name: str) -> tuple[Unread[R], Any]:
        """The list by a name in an answer, whose records are made when they are asked for, and the answer without it.

        Raises:
            NotQuickError: when there is anything unusual in it.
        """

        def read(positions: Sequence[int]) -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
            texts, _ = cut_out(answer.body, (name,))
            return self.read_texts([texts[n] for n in positions], positions, f"$.{name}")

        return self._quick.opened(answer.body, name, read)

    def read_many(self, items: Any, *, path: str = "$") -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
        """`load_many` for what `open_list` found."""
        if type(items) is tuple:
            return self.read_texts(items, range(len(items)), path)
        return self.load_many(items, path=path)

    def read_quickly(self, items: bytes) -> tuple[R, ...]:
        """The records of a list.

        Raises:
            NotQuickError: when one of them holds anything unusual.
        """
        records = self._quick.read(items)
        if not all(map(usable_id, map(_id_of, records))):
            raise NotQuickError
        return records

    def split(self, texts: Texts, *, path: str, stamp: str) -> Unread[R]:
        """The records of a list, unread.

        Args:
            stamp: the attribute that tells when a record was changed.

        Raises:
            NotQuickError: when one of them is no object.
        """

        def read(texts: Sequence[Text], positions: Sequence[int]) -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
            return self.read_texts(texts, positions, path)

        return split(texts, self.wire_names[ID], None, read, self.wire_names[stamp], _itself)[0]

    def read_texts(
        self,
        texts: Sequence[Text],
        positions: Sequence[int],
        path: str,
        prepared: Callable[[Any], Any] = _itself,
    ) -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
        """The records of some texts from a list, and those that cannot be read.

        Args:
            positions: where in the list at `path` the texts were found.
            prepared: what makes of an item, where one holds anything unusual, what is read.
        """
        records: list[R] = []
        malformed: list[Malformed] = []

        def read(text: bytes) -> None:
            records.extend(self.read_quickly(text))

        def patiently(start: int, end: int) -> bool:
            items = [prepared(parsed(text)) for text in texts[start:end]]
            if self._learn(items, is_own=prepared is _itself):
                return True
            read, wrong = self.load_many(items, path=path, positions=positions[start:end])
            records.extend(read)
            malformed.extend(wrong)
            return False

        in_parts(texts, read, patiently)
        return tuple(records), tuple(malformed)

    def _learn(self, items: Sequence[Any], *, is_own: bool) -> bool:
        """Read from now on quickly what is unusual in some items; whether there is anything new.

        Args:
            is_own: whether they are what an answer holds, and not made of it.
        """
        self._prepare()
        odd = itertools.chain.from_iterable(map(self._shape.odd, items if is_own else ()))
        return self._quick.learn(
            itertools.chain.from_iterable(map(self._shape.unknown, items)),
            (found for found in odd if found[:2] != (self.cls, ID)),
        )

    def load_many(
        self, items: Any, *, path: str = "$", positions: Sequence[int] | None = None
    ) -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
        """The records of a page, and those that cannot be read, each with its error.

        Args:
            positions: where in the list at `path` the items were found, if they are not all of it.
        """
        if type(items) is not list:
            raise ShapeError(f"{path} is not a list", paths=[path])
        prepared = [self._shape.prepare(item) for item in items]
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
            return patient.structure(ids_as_text(prepared), self.cls)
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
    options = [o for o in get_args(expected) if o not in {UnsetType, type(None)}] if is_maybe(expected) else [expected]
    names = [getattr(get_origin(o) or o, "__name__", "another type") for o in options]
    return f"expected {' or '.join(names)}" if expected is not None else "expected another type"
