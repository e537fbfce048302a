"""Which records take part in a synchronization, as data: conditions on the properties of either side. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Union

import attrs

from keapbridge.decide.hosts import asked
from keapbridge.errors import MappingError, UnfitError
from keapbridge.mapping.kinds import Context, name_of
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.place import Place
from keapbridge.model.given import kind, takes_one
from keapbridge.model.maybe import UNSET, Unreadable
from keapbridge.model.records import Canonical, Values
from keapbridge.model.side import Side

__all__ = ["OUTSIDE", "Condition", "Filter", "Passes"]

_EXAMPLES = {Side.CUSTOMCRM: "Status", Side.KEAP: "contact_type"}

OUTSIDE = "outside the filter of the mapping"
"""Why a record does not take part."""

Wanted = Any
Condition = Union[Mapping[str, Wanted], Callable[[Any], bool]]
"""Properties with what is wanted of them, or a function of the whole record."""
Passes = Callable[[Any, Values], bool]
"""Takes a record and its mapped values: whether it takes part."""


def _same_form(conditions: Mapping[Side, Condition]) -> dict[Side, Condition]:
    """Several values in one form, in which conditions that mean the same are equal: a tuple, sorted if it was a set."""
    return {
        side: {name: _tupled(wanted) for name, wanted in condition.items()}
        if isinstance(condition, dict)
        else condition
        for side, condition in conditions.items()
    }


def _tupled(wanted: Wanted) -> Wanted:
    if isinstance(wanted, (set, frozenset)):
        return tuple(sorted(wanted, key=repr))
    return tuple(wanted) if isinstance(wanted, list) else wanted


@attrs.frozen
class Filter:
    """The conditions of both sides; a side without one lets every record pass."""

    conditions: Mapping[Side, Condition] = attrs.field(factory=dict, hash=False, converter=_same_form)

    def replacing(self, conditions: Mapping[Side, Condition]) -> Filter:
        """The filter with these conditions instead of those that it has for the same sides."""
        return Filter({**self.conditions, **conditions})

    def compile(self, lenses: Iterable[Lens], place_of: Callable[[Side, str], Place]) -> Mapping[Side, Passes]:
        """What decides about the records of each side, put together for many of them.

        Args:
            lenses: the fields that a condition may name.
            place_of: the place of a property that is not mapped.

        Raises:
            MappingError: for a property that the records of a side do not have, and for a value that it never has.
        """
        fields = tuple(lenses)
        return {side: self._of(side, fields, place_of) for side in Side}

    def _of(self, side: Side, lenses: tuple[Lens, ...], place_of: Callable[[Side, str], Place]) -> Passes:
        try:
            return self._compiled(side, lenses, place_of)
        except MappingError as error:
            raise MappingError(f"where({side.value}=…): {error}") from None

    def _compiled(self, side: Side, lenses: tuple[Lens, ...], place_of: Callable[[Side, str], Place]) -> Passes:
        condition = self.conditions.get(side)
        if condition is None:
            return _any_record
        if callable(condition):
            takes_one(f"where({side.value}=…)", condition, "a record")
            return _of_record(condition)
        if not isinstance(condition, Mapping) or not condition:
            example = f"such as {side.value}={{'{_EXAMPLES[side]}': '…'}}"
            raise MappingError(f"it takes properties with what each is to hold, {example}, or a function of a record")
        tests: list[Passes] = []
        for name, wanted in condition.items():
            if not isinstance(name, str) or not name.strip():
                raise MappingError(f"the name of a property is a text, not {kind(name)}")
            if callable(wanted):
                takes_one(f"where({side.value}={{{name!r}: …}})", wanted, "a value")
            lens = _mapped(lenses, side, name)
            tests.append(_of_place(place_of(side, name), wanted) if lens is None else _of_field(lens, side, wanted))
        return lambda record, values: all(test(record, values) for test in tests)

    def is_told(self, side: Side) -> bool:
        """Whether the condition is all data: no function of the host that may change its mind."""
        condition = self.conditions.get(side)
        return condition is None or not (callable(condition) or any(map(callable, condition.values())))

    def names(self, side: Side) -> tuple[str, ...]:
        """The properties that the condition names; of a function of the record nobody knows."""
        condition = self.conditions.get(side)
        return tuple(condition) if isinstance(condition, Mapping) else ()

    def places(
        self, side: Side, lenses: Iterable[Lens], place_of: Callable[[Side, str], Place]
    ) -> tuple[Place, ...] | None:
        """Where the condition looks beside the mapped fields; `None` where it may look at anything."""
        if self.is_function(side):
            return None
        return tuple(place_of(side, name) for name in self.names(side) if _mapped(lenses, side, name) is None)

    def is_function(self, side: Side) -> bool:
        """Whether the condition is a function of the whole record, which may look at anything."""
        return callable(self.conditions.get(side))

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


def _any_record(record: Any, values: Values) -> bool:
    return True


def _of_record(condition: Callable[[Any], bool]) -> Passes:
    """A condition on the whole record."""

    def test(record: Any, values: Values) -> bool:
        return bool(asked(condition, record))

    return test


def _of_field(lens: Lens, side: Side, wanted: Wanted) -> Passes:
    """A condition on a mapped field: it is compared by what it means."""
    name, meets = lens.name, partial(asked, wanted)
    if not callable(wanted):
        meets = partial(_is_one, tuple(_canonical(lens, side, one) for one in _any_of(wanted)))

    def test(record: Any, values: Values) -> bool:
        found = values.get(name, UNSET)  # what cannot be understood is not empty either
        return found is not UNSET and bool(meets(found))

    return test


def _is_one(wanted: tuple[Canonical, ...], found: Canonical) -> bool:
    return any(found == one for one in wanted)


def _of_place(place: Place, wanted: Wanted) -> Passes:
    """A condition on any other property: it is compared as it is."""
    get, meets = place.get, partial(asked, wanted) if callable(wanted) else partial(_has_one, _any_of(wanted))

    def test(record: Any, values: Values) -> bool:
        raw = get(record)
        for part in raw if isinstance(raw, tuple) else (raw,):
            if isinstance(part, Unreadable):  # whether it takes part is not known
                raise UnfitError(part.reason)
        return bool(meets(None if raw is UNSET else raw))

    return test


def _has_one(wanted: tuple[Any, ...], raw: Any) -> bool:
    held = raw if isinstance(raw, (list, tuple, set, frozenset)) else (raw,)
    return any(_same(one, item) for one in wanted for item in held)


def _same(wanted: Any, held: Any) -> bool:
    return bool(wanted == held) and isinstance(wanted, bool) is isinstance(held, bool)


def _any_of(wanted: Wanted) -> tuple[Any, ...]:
    several = sorted(wanted, key=repr) if isinstance(wanted, (set, frozenset)) else wanted
    found = tuple(several) if isinstance(several, (list, tuple)) else (wanted,)
    if not found:
        raise MappingError("an empty list of values lets nothing take part; if that is meant, give a function")
    return found


def _mapped(lenses: Iterable[Lens], side: Side, name: str) -> Lens | None:
    """The lens that is meant by a field's name, or by the path of the value on this side."""
    for lens in lenses:
        if lens.place(side).constant is UNSET and name in {lens.name, lens.place(side).path}:
            return lens
    return None


def _canonical(lens: Lens, side: Side, wanted: Any) -> Canonical:
    """What is wanted, in the canonical form of its field: as Customcrm would have it, or as this side would."""
    if lens.kind.needs_scope:  # and the scope is that of each record
        return str(wanted)
    for each in (Side.CUSTOMCRM, side):
        try:
            return lens.kind.read(wanted, each, None, Context())
        except UnfitError:
            continue
    raise MappingError(f"{wanted!r} is no value that {lens.name} can have")


def _words(wanted: Wanted) -> str:
    if callable(wanted):
        return f"meets {name_of(wanted)}"
    values = _any_of(wanted)
    return f"is {values[0]!r}" if len(values) == 1 else f"is one of {', '.join(map(repr, values))}"
