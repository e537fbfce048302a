"""JSON text → attrs records in one quick pass. Pure.

msgspec fills attrs objects attribute by attribute, at two to three times what its own structs cost. So a page becomes
structs first, one twin class for each attrs class, and a function that is written for the class moves their values
over. The twins know every property of the class, and learn the others that answers show (`learn`): those are carried
as they are, into `extra`. They also learn which properties have odd values now and then: those are carried as they
are, too, and read one by one. Of a text with anything else in it, or anything of another type, nothing is read here
(`NotQuickError`), so that nothing in it gets lost; `codec` then reads it with patience.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar, Union

import attrs
import msgspec
from msgspec import UNSET

from keapbridge._flow.uncollected import uncollected
from keapbridge._io.calls import PART, Malformed, Unread
from keapbridge._json.odd import UNUSUAL, Alone
from keapbridge._json.twins import twin_of
from keapbridge.model.checked import is_storable, usable_id, usable_moment

__all__ = [
    "NotQuickError",
    "QuickReader",
    "Text",
    "Texts",
    "cut_out",
    "id_text",
    "in_parts",
    "split",
    "texts_of",
]

R = TypeVar("R")
Text: TypeAlias = msgspec.Raw
"""A part of an answer that is not decoded."""
Texts: TypeAlias = tuple[Text, ...]
"""The items of a JSON array, each as text."""

MOST_LEARNT = 256
"""Names that a reader learns, for each of which every record is looked at. Where there are more, they are no properties
but values, and records that have others are read with patience."""


class NotQuickError(Exception):
    """There is something in a text that the quick pass does not read."""


def id_text(found: Any) -> str | None:
    """An id that an answer shows, as text; `None` for what is none. Zero is an id, and no text and `false` are not."""
    text = found if type(found) is str else str(found) if type(found) is int else ""
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
        self._odd: dict[tuple[type, str], Alone] = {}
        self._made: _Made[R] | None = None

    def learn(self, unknown: Iterable[tuple[type, str]], odd: Iterable[tuple[type, str, Alone]] = ()) -> bool:
        """Read properties that no class has, and odd values, from now on; whether there is one not read before.

        Args:
            unknown: attrs classes with the names of properties that were met in records of them.
            odd: attrs classes with those of their attributes that had odd values, and what reads these.
        """
        with _making:
            learnt = self._learnt.union((cls, name) for cls, name in unknown if _is_plain(name))
            loose = self._odd | {(cls, name): alone for cls, name, alone in odd}
            if len(learnt) + len(loose) == len(self._learnt) + len(self._odd) or len(learnt) > MOST_LEARNT:
                return False
            self._learnt, self._odd = learnt, loose
            self._make()
        return True

    def _make(self) -> None:
        twin, move = twin_of(self._cls, self._wire_name, self._learnt, self._odd)
        self._made = _Made(
            msgspec.json.Decoder(list[twin]),  # type: ignore[valid-type]
            msgspec.json.Decoder(_members_with(tuple[twin, ...])),  # type: ignore[valid-type]
            move,
        )

    def _usable(self) -> _Made[R]:
        if self._made is None:
            with _making:
                self._make()
        assert self._made is not None
        return self._made

    def read(self, text: bytes) -> tuple[R, ...]:
        """The records in the text of a JSON array.

        Raises:
            NotQuickError: when the text is anything else, or holds what the quick pass does not read.
        """
        made = self._usable()
        try:
            with uncollected():
                return tuple(map(made.move, made.items.decode(text)))
        except UNUSUAL as error:
            raise NotQuickError from error

    def opened(self, text: bytes, name: str, read: Callable[[Sequence[int]], _Read[R]]) -> tuple[Unread[R], Any]:
        """The list by a name in the text of a JSON object, decoded but not moved over, and the object without it.

        Args:
            read: reads those of the records that cannot be moved over, by their positions.

        Raises:
            NotQuickError: when the text holds no such list, another one, or what the quick pass does not read.
        """
        made = self._usable()
        try:
            with uncollected():
                rest = made.members.decode(text)
        except UNUSUAL as error:
            raise NotQuickError from error
        twins = rest.pop(name, None)
        if type(twins) is not tuple or any(type(member) is tuple for member in rest.values()):
            raise NotQuickError
        ids = tuple([twin.id for twin in twins])
        if not all(map(usable_id, ids)):
            raise NotQuickError

        def move(some: Sequence[Any], positions: Sequence[int]) -> _Read[R]:
            try:
                return tuple(map(made.move, some)), ()
            except UNUSUAL:
                return read(positions)

        return Unread(ids, twins, range(len(ids)), (), move), rest


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
    except UNUSUAL as error:
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
    except UNUSUAL as error:
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
    except UNUSUAL as error:
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


_texts = msgspec.json.Decoder(Texts)
_Read: TypeAlias = tuple[tuple[R, ...], tuple[Malformed, ...]]


@attrs.frozen
class _Made(Generic[R]):
    """What reads a kind of record: lists, objects with one among their members, and what moves a twin over."""

    items: msgspec.json.Decoder[list[Any]]
    members: msgspec.json.Decoder[dict[str, Any]]
    move: Callable[[Any], R]


def _members_with(items: Any) -> Any:
    """The type of an object whose lists are of one type; all else in it is decoded."""
    return dict[str, Union[items, dict[str, Any], str, int, float, bool, None]]


_members = msgspec.json.Decoder(_members_with(Texts))
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
