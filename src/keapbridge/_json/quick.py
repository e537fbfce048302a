"""JSON text → attrs records in one quick pass. Pure.

msgspec fills attrs objects attribute by attribute, at two to three times what its own structs cost. So a page becomes
structs first, one twin class for each attrs class, and a function that is written for the class moves their values
over. The twins know every property of the class, and learn the others that answers show (`learn`): those are carried
as they are, into `extra`. Of a text with anything else in it, or anything of another type, nothing is read here
(`NotQuickError`), so that nothing in it gets lost; `codec` then reads it with patience.
"""

from __future__ import annotations

import threading
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from keapbridge._flow.uncollected import uncollected
from keapbridge._io.calls import Malformed, Unread
from keapbridge.model.checked import is_storable, usable_moment

__all__ = [
    "EXTRA",
    "NO_EXTRA",
    "WRITE_ONLY",
    "NotQuickError",
    "QuickReader",
    "Text",
    "Texts",
    "cut_out",
    "id_text",
    "in_parts",
    "record_type",
    "split",
    "texts_of",
]

R = TypeVar("R")
Text: TypeAlias = msgspec.Raw
"""A part of an answer that is not decoded."""
Texts: TypeAlias = tuple[Text, ...]
"""The items of a JSON array, each as text."""

EXTRA = "extra"
MOST_LEARNT = 256
"""Names that a reader learns, for each of which every record is looked at. Where there are more, they are no properties
but values, and records that have others are read with patience."""
PART = 16
"""Records that are read at once: their structs are still in the processor's cache when they are moved over."""
WRITE_ONLY: Mapping[str, bool] = {"write_only": True}
"""Metadata of a field that is never taken from an answer: read and written back it would be said again."""


class NotQuickError(Exception):
    """There is something in a text that the quick pass does not read."""


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


def id_text(found: Any) -> str | None:
    """An id that an answer shows, as text; `None` for what is none. Zero is an id, and no text and `false` are not."""
    text = str(found) if type(found) in {str, int} else ""
    return text if text and is_storable(text) else None


class QuickReader(Generic[R]):
    """Reads lists of one kind of record. What is not there is `UNSET`.

    Args:
        cls: an attrs class with slots whose fields default to `UNSET`, with an `extra` mapping.
        wire_name: attribute name → property name on the wire.
    """

    def __init__(self, cls: type[R], wire_name: Callable[[str], str]) -> None:
        self._cls = cls
        self._wire_name = wire_name
        self._learnt: frozenset[tuple[type, str]] = frozenset()
        self._made: tuple[msgspec.json.Decoder[list[Any]], Callable[[Any], R]] | None = None

    def learn(self, unknown: Iterable[tuple[type, str]]) -> bool:
        """Read properties that no class has from now on; whether there is one that was not read before.

        Args:
            unknown: attrs classes with the names of properties that were met in records of them.
        """
        with _making:
            learnt = self._learnt.union((cls, name) for cls, name in unknown if _is_plain(name))
            if len(learnt) == len(self._learnt) or len(learnt) > MOST_LEARNT:
                return False
            self._learnt = learnt
            self._make()
        return True

    def _make(self) -> None:
        twin, move = _twin(self._cls, self._wire_name, self._learnt)
        self._made = msgspec.json.Decoder(list[twin]), move  # type: ignore[valid-type]

    def read(self, text: bytes) -> tuple[R, ...]:
        """The records in the text of a JSON array.

        Raises:
            NotQuickError: when the text is anything else, or holds what the quick pass does not read.
        """
        if self._made is None:
            with _making:
                self._make()
        assert self._made is not None
        decoder, move = self._made
        try:
            with uncollected():
                return tuple(map(move, decoder.decode(text)))
        except _UNUSUAL as error:
            raise NotQuickError from error


def _is_plain(name: str) -> bool:
    """Whether msgspec takes a name for a property."""
    return name.isprintable() and not {'"', "\\"} & set(name)


def _as_list(texts: Sequence[Text]) -> bytes:
    return b"[%b]" % b",".join(texts)


def in_parts(texts: Sequence[Text], read: Callable[[bytes], Any], odd: Callable[[int, int], bool]) -> None:
    """Read texts some at a time, and less where there is anything unusual in them.

    Args:
        read: reads the text of a list, or raises `NotQuickError`.
        odd: is told which texts were not read, from one up to another: one of them, or all the rest where most so far
            were odd; answers whether to try again.
    """
    parts = [(start, min(start + PART, len(texts))) for start in range(0, len(texts), PART)][::-1]
    odds = 0
    with uncollected():
        while parts:
            start, end = parts.pop()
            if odds > PART and odds > start // 2:
                while odd(start, len(texts)):
                    pass
                return
            try:
                read(_as_list(texts[start:end]))
            except NotQuickError:
                middle = (start + end) // 2
                if middle > start:
                    parts += ((middle, end), (start, middle))
                elif odd(start, end):
                    parts.append((start, end))
                else:
                    odds += 1


def texts_of(text: bytes) -> Texts:
    """The items of a JSON array, as texts.

    Raises:
        NotQuickError: when it is no list.
    """
    try:
        return _texts.decode(text)
    except _UNUSUAL as error:
        raise NotQuickError from error


def cut_out(text: bytes | Text, names: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """What is by these names in a JSON object, and the object without it.

    A list is given as the texts of its items, anything else decoded; `UNSET` where there is nothing.

    Raises:
        NotQuickError: when the text is no object, or one of the names leads through anything else.
    """
    name, *further = names
    try:
        if not further:  # a page is long: its items are cut as it is read for the first time
            members: dict[str, Any] = _members.decode(text)
            found = members.pop(name, UNSET)
            return found, {n: [*map(_any.decode, m)] if type(m) is tuple else m for n, m in members.items()}
        unread = _unread_members.decode(text)
        inner = unread.pop(name, None)
        rest = {n: _any.decode(member) for n, member in unread.items()}
    except _UNUSUAL as error:
        raise NotQuickError from error
    if inner is None:
        return UNSET, rest
    found, rest[name] = cut_out(inner, further)
    return found, rest


def split(
    texts: Texts,
    id: str,
    also: str | None,
    decode: Callable[[Sequence[Any], Sequence[int]], tuple[tuple[R, ...], tuple[Malformed, ...]]],
    stamp: str | None,
    moment: Callable[[Any], Any],
) -> tuple[Unread[R], list[Any]]:
    """The records of some texts, unread, and what each has in the property `also` (`None`: nothing).

    Args:
        id: the property that has the id.
        decode: reads the records.
        stamp: the property that tells when a record was changed (`None`: there is none).
        moment: reads that.

    Raises:
        NotQuickError: when one of them is no object.
    """
    try:
        probes = _probing(id, also, stamp).decode(_as_list(texts))
    except _UNUSUAL as error:
        raise NotQuickError from error
    ids = tuple([id_text(probe.id) for probe in probes])
    stamps = [_moment(probe.stamp, moment) for probe in probes]
    return Unread(ids, texts, range(len(ids)), stamps, decode), [probe.also for probe in probes]


def _moment(raw: Any, read: Callable[[Any], Any]) -> datetime | None:
    text = read(raw)
    try:
        return usable_moment(datetime.fromisoformat(text)) if isinstance(text, str) else None
    except ValueError:
        return None


_WITH_ZONE = Annotated[datetime, msgspec.Meta(tz=True)]  # one without a zone is not read here
_UNUSUAL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_texts = msgspec.json.Decoder(Texts)
_members = msgspec.json.Decoder(dict[str, Union[Texts, dict[str, Any], str, int, float, bool, None]])
_unread_members = msgspec.json.Decoder(dict[str, Text])
_any = msgspec.json.Decoder()


@lru_cache(maxsize=64)
def _probing(id: str, also: str | None, stamp: str | None) -> msgspec.json.Decoder[list[Any]]:
    names = {"id": id, "also": also or "\x7f", "stamp": stamp or "\x7e"}
    fields = [("id", Union[str, int, None], None), ("also", Any, None), ("stamp", Any, None)]
    probe = msgspec.defstruct("Probe", fields, rename=names, gc=False)
    return msgspec.json.Decoder(list[probe])  # type: ignore[valid-type]


# msgspec examines a class when it is first used, and crashes when two threads make it do so at once.
_making = threading.Lock()

_MOVE = """
def move(twin):
    record = new(mutable)
{lines}
    record.__class__ = cls
    return record
"""


def _twin(
    cls: type, wire_name: Callable[[str], str], learnt: Collection[tuple[type, str]]
) -> tuple[type, Callable[[Any], Any]]:
    """The struct for an attrs class, and the function that makes a record of it.

    Args:
        learnt: classes with the names of further properties that are read.
    """
    hints = typing.get_type_hints(cls)
    fields: list[tuple[str, Any, Any]] = []
    lines: list[str] = []
    # A frozen class has a `__setattr__` of its own, which would cost more than all the rest. Its subclass with the
    # ordinary one has the same layout, so a record can become one of the frozen class when it is filled.
    plain = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    names: dict[str, Any] = {"cls": cls, "mutable": type(cls.__name__, (cls,), plain), "new": object.__new__}
    names |= {"UNSET": UNSET, "NO_EXTRA": NO_EXTRA}
    for field in attrs.fields(cls):
        name = field.name
        if name == EXTRA:
            continue
        inner, many = record_type(hints[name])
        hint, value = hints[name], f"twin.{name}"
        if inner is not None:
            struct, names[f"move_{name}"] = _twin(inner, str, learnt)
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
        elif datetime in get_args(hint):
            hint = Union[tuple(_WITH_ZONE if each is datetime else each for each in get_args(hint))]
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
