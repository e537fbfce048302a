"""Yes or no, one of a few values, several texts. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from attrs import field, frozen

from keapbridge.errors import MappingError, UnfitError
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample
from keapbridge.mapping.kinds.text import plain_text
from keapbridge.model.given import kind
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Boolean", "Choice", "Choices"]


@frozen
class Boolean(Kind):
    """Yes or no. Customcrm may keep it as 1 and 0, and gets it so then."""

    few_values: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or isinstance(raw, bool):
            return raw
        if side is Side.CUSTOMCRM and isinstance(raw, (int, Decimal)) and raw in (0, 1):
            return bool(raw)
        raise UnfitError("neither true nor false")

    def like(self, plain: Any, present: Any) -> Any:
        return int(plain) if isinstance(plain, bool) and type(present) is int else plain

    def sample(self, asked: Asked) -> Sample | None:
        value = asked.turn == 0
        return Sample(value, value)


Pairs = tuple[tuple[Any, Any], ...]


def _as_pairs(values: Mapping[Any, Any] | Pairs) -> Pairs:
    pairs = values.items() if isinstance(values, Mapping) else values
    if not isinstance(pairs, Iterable) or any(not isinstance(pair, (tuple, list)) or len(pair) != 2 for pair in pairs):
        example = "such as values={'S': 'Small', 'L': 'Large'}"
        raise MappingError(f"values takes Customcrm's values with Keap's for them, {example}, not {kind(values)}")
    return tuple((ours, theirs) for ours, theirs in pairs)


def _one_to_one(_: object, __: object, pairs: Pairs) -> None:
    for column in (0, 1):
        names = [_term(pair[column]) for pair in pairs]
        twice = sorted({str(value) for _, value in names if names.count((_, value)) > 1})
        if twice:
            raise MappingError(
                f"values: each value of a system stands for one of the other, and {', '.join(twice)} is there twice"
            )


def _term(value: Any) -> tuple[bool, Any]:
    """A value of a table as it is compared: numbers are no yes or no, texts go without space around them."""
    if isinstance(value, str):
        value = value.strip()
    elif isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    return isinstance(value, bool), value


@frozen
class Choice(Kind):
    """One of a few values, which the two systems call by different names. Canonical is Customcrm's.

    Attributes:
        values: Customcrm's value and Keap's, one row for each; what is not in the table is not understood.
    """

    values: Pairs = field(converter=_as_pairs, validator=_one_to_one)
    few_values: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return None
        own = 0 if side is Side.CUSTOMCRM else 1
        for pair in self.values:
            if _term(pair[own]) == _term(raw):
                found: Canonical = pair[0]
                return found
        raise UnfitError("not one of the choices of the mapping")

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None or side is Side.CUSTOMCRM:
            return value
        return next(theirs for ours, theirs in self.values if _term(ours) == _term(value))

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return self.read(value, Side.CUSTOMCRM, None, context)

    def sample(self, asked: Asked) -> Sample | None:
        return Sample(*self.values[asked.turn % len(self.values)]) if self.values else None


@frozen
class Choices(Kind):
    """Several texts, each once: canonical is the JSON of the list, sorted where the order means nothing.

    Attributes:
        values: Customcrm's texts and Keap's, one row for each; empty where both use the same.
        separator: what stands between the texts in Customcrm, where it keeps them in one; otherwise it keeps a list.
        ordered: whether their order means something.
    """

    values: Pairs = field(default=(), converter=_as_pairs, validator=_one_to_one)
    separator: str | None = None
    ordered: bool = False
    few_values: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None:
            return None
        found = dict.fromkeys(self._ours(item, side) for item in self._items(raw, side))
        found.pop("", None)
        return json.dumps(list(found) if self.ordered else sorted(found), ensure_ascii=False) if found else None

    def _items(self, raw: Any, side: Side) -> Iterable[Any]:
        if not isinstance(raw, str):
            if not isinstance(raw, (list, tuple, set, frozenset)):
                raise UnfitError("not a list")
            return raw
        if raw.lstrip().startswith("["):
            try:
                listed = json.loads(raw)
            except (ValueError, RecursionError):  # only begins like a list, or has a hundred thousand brackets
                listed = None
            if isinstance(listed, list):
                return listed
        return raw.split(self.separator) if self.separator and side is Side.CUSTOMCRM else (raw,)

    def _ours(self, item: Any, side: Side) -> str:
        if not isinstance(item, str):
            raise UnfitError("not a list of texts")
        text = plain_text(item) or ""
        if not self.values or not text:
            return text
        own = 0 if side is Side.CUSTOMCRM else 1
        for pair in self.values:
            if _term(pair[own])[1] == text:
                return str(pair[0])
        raise UnfitError("not one of the choices of the mapping")

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None:
            return None
        ours: list[str] = json.loads(str(value))
        if side is Side.KEAP:
            theirs = dict(self.values)
            return tuple(theirs.get(item, item) for item in ours)
        return (
            ours
            if self.separator is None
            else f"{self.separator}{'' if self.separator[-1:].isspace() else ' '}".join(ours)
        )

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        fitting = self.read(value, Side.CUSTOMCRM, None, context)
        joined = self.separator is not None and side is Side.CUSTOMCRM and fitting is not None
        if joined and any(str(self.separator) in item for item in json.loads(str(fitting))):
            raise UnfitError(f"an item with {self.separator!r} in it")
        return fitting

    def sample(self, asked: Asked) -> Sample | None:
        free = tuple((f"{asked.number}{letter}",) * 2 for letter in "ab")
        pairs = (self.values or free)[: asked.turn + 1]
        ours, theirs = [str(a) for a, _ in pairs], tuple(str(b) for _, b in pairs)
        return Sample(ours if self.separator is None else f"{self.separator} ".join(ours), theirs)
