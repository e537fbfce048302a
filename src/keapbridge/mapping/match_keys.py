"""Match keys: what tells at first contact that two records are the same, and how it is made of their values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import attrs

from keapbridge.decide.spelling import blind
from keapbridge.errors import MappingError
from keapbridge.model.candidate import ALSO
from keapbridge.model.given import flag, keywords, kind, one_of
from keapbridge.model.kept import RecordKey
from keapbridge.model.records import Canonical

__all__ = ["MatchKey", "NearKey", "made_keys", "match_key"]

_BETWEEN = "\x1f"  # the parts of a key


def _several(names: Sequence[str]) -> tuple[str, ...]:
    """Names of fields in one form. A text is one name and not several of one letter."""
    if type(names) is tuple:
        return names
    if isinstance(names, str) or not isinstance(names, (list, tuple)):
        raise MappingError(f"a key takes names of fields in a tuple, such as MatchKey(('Email',)), not {kind(names)}")
    return tuple(names)


def match_key(what: str, given: Any) -> None:
    """Whether something is a match key that people can be matched by."""
    one_of(what, given, MatchKey, "match keys, such as kb.mapping.MatchKey(('Email',))")
    if not given.fields:
        raise ValueError(f"{what}: a key without fields matches nothing; one is kb.mapping.MatchKey(('Email',))")
    flag("strict", given.strict)


@keywords()
@attrs.frozen
class MatchKey:
    """What tells at first contact that two records are the same.

    Attributes:
        fields: their values must all be there and be the same, in whatever spelling; see `decide.spelling`. Of an
            e-mail address or a phone number it may be that of any slot: the first of one record, the second of the
            other.
        apart: fields that tell records with the same key from each other (two people with one e-mail address).
        strict: a weak key: a single difference in `apart` suffices even when there is but one record on each side.
    """

    fields: tuple[str, ...] = attrs.field(converter=_several)
    apart: tuple[str, ...] = attrs.field(default=(), converter=_several)
    strict: bool = False

    def key(self, values: Mapping[str, Canonical]) -> str | None:
        """The key of a record, in one spelling; `None` when a part is missing."""
        parts = self.parts(self.fields, values)
        return None if None in parts else _BETWEEN.join(part or "" for part in parts)

    @staticmethod
    def parts(fields: Iterable[str], values: Mapping[str, Canonical]) -> tuple[str | None, ...]:
        """Values made comparable: in one spelling. What nothing is to be seen of is not there."""
        found = (values.get(name) for name in fields)
        return tuple(None if value is None else blind(str(value)) or None for value in found)

    def keys(self, values: Mapping[str, Canonical], slots: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """All keys of a record, the main one first, each with how it is spelt.

        Args:
            slots: for some of the fields: those that a value may be in, too.
        """
        found: dict[str, str] = {}
        for fields in self._ways(values, slots):
            key = self.parts(fields, values)
            if None not in key:
                spelt = _BETWEEN.join(str(values[name]) for name in fields)
                found.setdefault(_BETWEEN.join(part or "" for part in key), spelt)
        return found

    def _ways(self, values: Mapping[str, Canonical], slots: Mapping[str, Sequence[str]]) -> Iterator[Sequence[str]]:
        """The fields that a key may be made of."""
        held = [
            [name for name in (field, *slots.get(field, ())) if values.get(name) is not None] for field in self.fields
        ]
        return iter(product(*held))


@keywords()
@attrs.frozen
class NearKey:
    """What makes two records a near miss: they may be the same, and that is not certain enough to link them.

    Neither is given a counterpart by itself while both are there and are linked to nothing; a person is told of them.

    Attributes:
        fields: their values must all be there and be the same, as those of a `MatchKey`.
        apart: fields by which the two must not look different, if both have them (a name).
        unless: fields that tell the two apart where both have them and they are not the same (an e-mail address).
    """

    fields: tuple[str, ...] = attrs.field(converter=_several)
    apart: tuple[str, ...] = attrs.field(default=(), converter=_several)
    unless: tuple[str, ...] = attrs.field(default=(), converter=_several)

    @cached_property
    def _key(self) -> MatchKey:
        return MatchKey(self.fields)

    @cached_property
    def _unless(self) -> tuple[MatchKey, ...]:
        return tuple(MatchKey((field,)) for field in self.unless)

    def made(self, rank: int, values: Mapping[str, Canonical], slots: Mapping[str, Sequence[str]]) -> list[RecordKey]:
        """The keys of a record, at a rank that no match key has."""
        found = self._key.keys(values, slots)
        if not found:
            return []
        apart = MatchKey.parts(self.apart, values)
        unless = [ALSO.join(key.keys(values, slots)) or None for key in self._unless]
        return [RecordKey(rank, key, apart, tuple(unless), slot) for slot, key in enumerate(found, int(len(found) > 1))]


def made_keys(
    keys: Iterable[MatchKey], values: Mapping[str, Canonical], slots: Mapping[str, Sequence[str]]
) -> tuple[RecordKey, ...]:
    """The keys of a record, strongest first; see `MatchKey.keys`."""
    stronger: list[str | None] = []
    found: list[RecordKey] = []
    for rank, each in enumerate(keys):
        its = each.keys(values, slots)
        if its:
            apart = each.parts(each.apart, values)
            first = 1 if len(its) > 1 else 0
            for slot, (key, spelt) in enumerate(its.items(), first):
                other = None if spelt == key else spelt
                found.append(RecordKey(rank, key, apart, tuple(stronger), slot, other))
        stronger.append(ALSO.join(its) or None)
    return tuple(found)
