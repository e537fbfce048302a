"""Which records take part in a synchronization, as data: conditions on the properties of either side. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Union

import attrs

from keapbridge.errors import MappingError, UnfitError
from keapbridge.mapping.kinds import Canonical, Context, Region, name_of
from keapbridge.mapping.place import customcrm_place, keap_place
from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side

if TYPE_CHECKING:
    from keapbridge.mapping.mapper import Mapper

__all__ = ["OUTSIDE", "Condition", "Filter"]

OUTSIDE = "outside the filter of the mapping"
"""Why a record does not take part."""

Wanted = Any
Condition = Union[Mapping[str, Wanted], Callable[[Any], bool]]
"""Properties with what is wanted of them, or a function of the whole record."""


@attrs.frozen
class Filter:
    """The conditions of both sides; a side without one lets every record pass."""

    conditions: Mapping[Side, Condition] = attrs.field(factory=dict, hash=False)

    def replacing(self, conditions: Mapping[Side, Condition]) -> Filter:
        """The filter with these conditions instead of those that it has for the same sides."""
        return Filter({**self.conditions, **conditions})

    def check(self, side: Side, mapper: Mapper) -> None:
        """Raises `MappingError` for a property that the records of this side do not have."""
        condition = self.conditions.get(side)
        if condition is None or callable(condition):
            return
        if not isinstance(condition, Mapping) or not condition:
            raise MappingError(f"{mapper.name}: a filter is a mapping of properties, or a function of the record")
        for name, wanted in condition.items():
            lens = _mapped(mapper, side, name)
            if lens is None:
                _place(mapper, side, name)
            for one in () if callable(wanted) else _any_of(wanted):
                if lens is not None:
                    _canonical(lens, side, one, mapper)

    def lets_pass(self, side: Side, record: Any, values: Mapping[str, Canonical], mapper: Mapper) -> bool:
        """Whether a record with these mapped values meets the condition of its side."""
        condition = self.conditions.get(side)
        if condition is None:
            return True
        if callable(condition):
            return bool(condition(record))
        return all(_meets(mapper, side, record, values, name, wanted) for name, wanted in condition.items())

    def is_told(self, side: Side) -> bool:
        """Whether the condition is all data: no function of the host that may change its mind."""
        condition = self.conditions.get(side)
        return condition is None or not (callable(condition) or any(map(callable, condition.values())))

    def described(self, side: Side) -> str:
        """The condition in words; empty where there is none."""
        condition = self.conditions.get(side)
        if condition is None:
            return ""
        if callable(condition):
            return f"{name_of(condition)} holds"
        return " and ".join(f"{name} {_words(wanted)}" for name, wanted in condition.items())

    def fingerprint(self) -> str:
        """The same in every process, and another one after a change; of a function only its name is known."""
        return "; ".join(f"{side.value}: {words}" for side in Side if (words := self.described(side)))

    def examples(self, side: Side) -> Iterator[tuple[str, Any]]:
        """A value that meets each condition, where that can be told."""
        condition = self.conditions.get(side)
        if isinstance(condition, Mapping):
            for name, wanted in condition.items():
                if not callable(wanted):
                    yield name, _any_of(wanted)[0]


def _meets(mapper: Mapper, side: Side, record: Any, values: Mapping[str, Canonical], name: str, wanted: Wanted) -> bool:
    lens = _mapped(mapper, side, name)
    if lens is not None:
        found = values.get(lens.name, UNSET)  # what cannot be understood is not empty either
        if found is UNSET:
            return False
        if callable(wanted):
            return bool(wanted(found))
        return any(found == _canonical(lens, side, one, mapper) for one in _any_of(wanted))
    raw = _place(mapper, side, name).get(record)
    raw = None if raw is UNSET else raw
    if callable(wanted):
        return bool(wanted(raw))
    held = raw if isinstance(raw, (list, tuple, set, frozenset)) else (raw,)
    return any(_same(one, item) for one in _any_of(wanted) for item in held)


def _same(wanted: Any, held: Any) -> bool:
    return bool(wanted == held) and isinstance(wanted, bool) is isinstance(held, bool)


def _any_of(wanted: Wanted) -> tuple[Any, ...]:
    several = sorted(wanted, key=repr) if isinstance(wanted, (set, frozenset)) else wanted
    found = tuple(several) if isinstance(several, (list, tuple)) else (wanted,)
    if not found:
        raise MappingError("a filter that nothing meets")
    return found


def _mapped(mapper: Mapper, side: Side, name: str) -> Any:
    """The lens that is meant by a field's name, or by the path of the value on this side."""
    for lens in mapper.lenses:
        if lens.place(side).constant is UNSET and name in {lens.name, lens.place(side).path}:
            return lens
    return None


def _place(mapper: Mapper, side: Side, name: str) -> Any:
    if side is Side.CUSTOMCRM:
        return customcrm_place(mapper.customcrm_type, name)
    return keap_place(mapper.keap_type, name, to_write=False)


def _canonical(lens: Any, side: Side, wanted: Any, mapper: Mapper) -> Canonical:
    """What is wanted, in the canonical form of its field: as Customcrm would have it, or as this side would."""
    if isinstance(lens.kind, Region):  # which means nothing without the country of its record
        return str(wanted)
    for each in (Side.CUSTOMCRM, side):
        try:
            found: Canonical = lens.kind.read(wanted, each, None, Context())
        except UnfitError:
            continue
        else:
            return found
    raise MappingError(f"{mapper.name}: the filter wants {wanted!r} of {lens.name}, which is no value of it")


def _words(wanted: Wanted) -> str:
    if callable(wanted):
        return f"meets {name_of(wanted)}"
    values = _any_of(wanted)
    return f"is {values[0]!r}" if len(values) == 1 else f"is one of {', '.join(map(repr, values))}"
