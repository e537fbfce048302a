"""Match keys: what tells at first contact that two records are the same, and how it is made of their values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from keapbridge.decide.spelling import blind
from keapbridge.errors import MappingError
from keapbridge.model.candidate import ALSO
from keapbridge.model.given import flag, keywords, kind, one_of
from keapbridge.model.kept_in_store import RecordKey
from keapbridge.model.records import Canonical

__all__ = ["MatchKey", "NearKey", "Spellings", "made_keys", "made_near_keys", "match_key"]

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


@attrs.frozen(eq=False)
class Spellings:
    """The values of a record that keys are made of, each brought into one spelling once, however many keys ask for it.

    Attributes:
        values: as both sides can hold them.
        slots: for some of the fields: those that a value may be in, too.
    """

    values: Mapping[str, Canonical] = attrs.field(repr=False)
    slots: Mapping[str, Sequence[str]]
    _blind: Mapping[str, str] = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(
            lambda self: {name: blind(str(value)) for name, value in self.values.items() if value is not None},
            takes_self=True,
        ),
    )
    _keys: dict[tuple[str, ...], Mapping[str, str]] = attrs.field(init=False, factory=dict, repr=False)

    def parts(self, fields: Iterable[str]) -> tuple[str | None, ...]:
        """Values made comparable: in one spelling. What nothing is to be seen of is not there."""
        return tuple([self._blind.get(name) or None for name in fields])

    def keys(self, fields: tuple[str, ...]) -> Mapping[str, str]:
        """All keys of these fields, the main one first, each with how it is spelt."""
        found = self._keys.get(fields)
        if found is None:
            found, *others = map(self._in_its_places, fields)
            for its in others:
                found = {
                    f"{key}{_BETWEEN}{part}": f"{spelt}{_BETWEEN}{last}"
                    for key, spelt in found.items()
                    for part, last in its.items()
                }
            self._keys[fields] = found
        return found

    def _in_its_places(self, field: str) -> Mapping[str, str]:
        """The values of a field, in all places that it may be in, each with how it is spelt."""
        found: dict[str, str] = {}
        for name in (field, *self.slots.get(field, ())):
            if part := self._blind.get(name):
                found.setdefault(part, str(self.values[name]))
        return found


def made_keys(keys: Iterable[MatchKey], held: Spellings) -> tuple[RecordKey, ...]:
    """The keys of a record, strongest first."""
    stronger: list[str | None] = []
    found: list[RecordKey] = []
    for rank, each in enumerate(keys):
        its = held.keys(each.fields)
        if its:
            apart = held.parts(each.apart)
            for slot, (key, spelt) in enumerate(its.items(), _first_slot(its)):
                other = None if spelt == key else spelt
                found.append(RecordKey(rank, key, apart, tuple(stronger), slot, other))
        stronger.append(_all_of(its))
    return tuple(found)


def made_near_keys(keys: Iterable[NearKey], first: int, held: Spellings) -> tuple[RecordKey, ...]:
    """The keys by which a record is near to others, at the ranks from `first` on: those that no match key has."""
    found: list[RecordKey] = []
    for rank, each in enumerate(keys, first):
        its = held.keys(each.fields)
        if its:
            apart, unless = held.parts(each.apart), tuple([_all_of(held.keys((field,))) for field in each.unless])
            found += [RecordKey(rank, key, apart, unless, slot) for slot, key in enumerate(its, _first_slot(its))]
    return tuple(found)


def _first_slot(keys: Mapping[str, str]) -> int:
    return 1 if len(keys) > 1 else 0


def _all_of(keys: Mapping[str, str]) -> str | None:
    return ALSO.join(keys) or None
