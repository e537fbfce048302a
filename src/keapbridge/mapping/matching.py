"""What the records of a mapper are found by: values of some fields, and the other slots that these may be in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import attrs

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.lens import Lens, Reader
from keapbridge.mapping.match_keys import MatchKey, NearKey, Spellings, made_keys, made_near_keys
from keapbridge.model.kept_in_store import RecordKey
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Canonical, Values
from keapbridge.model.side import Side

__all__ = ["Matching"]


@attrs.frozen
class Matching:
    """The keys of one mapper, and the lenses that they take values of."""

    lenses: tuple[Lens, ...]
    keys: tuple[MatchKey, ...]
    near: tuple[NearKey, ...]

    def aliases(self, side: Side, record: Any, values: Values, context: Context) -> dict[str, Canonical]:
        """What a record is known by beside its mapped values: the e-mail addresses and phone numbers in other slots.

        What cannot be understood there is nothing that anybody is found by.
        """
        found: dict[str, Canonical] = {}
        for name, scope, get in self._slot_readers if side is Side.KEAP else ():
            try:
                value = get(record, values.get(scope) if scope else None, context)
            except UnfitError:
                continue
            if value is not UNSET and value is not None:
                found[name] = value
        return found

    @cached_property
    def _slot_readers(self) -> tuple[tuple[str, str | None, Reader], ...]:
        return tuple((lens.name, lens.scope, lens.reader(Side.KEAP)) for lens in self.unmapped_slots)

    @cached_property
    def unmapped_slots(self) -> tuple[Lens, ...]:
        """Slots of Keap's that no field is mapped to, beside those that records are matched by."""
        found: dict[str, Lens] = {}
        mapped = {lens.keap.container for lens in self.lenses}
        for lens in self._matched_by:
            for place in lens.keap.other_slots:
                if place.container not in mapped:
                    bare: dict[str, Any] = {"opt_in_reason": None, "required": frozenset(), "fallback": None}
                    found[place.path] = attrs.evolve(lens, name=place.path, keap=place, **bare)
        return tuple(found.values())

    @cached_property
    def _slots(self) -> Mapping[str, tuple[str, ...]]:
        """For each field that records are matched by: the others that its value may be in."""
        found: dict[str, tuple[str, ...]] = {}
        for lens in self._matched_by:
            places = lens.keap.other_slots
            mapped = [other.name for other in self.lenses if other.keap in places]
            found[lens.name] = (*mapped, *(other.name for other in self.unmapped_slots if other.keap in places))
        return {name: slots for name, slots in found.items() if slots}

    @cached_property
    def _matched_by(self) -> tuple[Lens, ...]:
        names = {name for key in self.keys for name in key.fields}
        names.update(name for near in self.near for name in (*near.fields, *near.unless))
        return tuple(lens for lens in self.lenses if lens.name in names)

    def keys_of(self, values: Values, aliases: Values) -> tuple[RecordKey, ...]:
        """The match keys of a record, strongest first: of its values as both sides can hold them."""
        return made_keys(self.keys, self._held(values, aliases))

    def keys_at(self, rank: int, values: Values, aliases: Values) -> tuple[RecordKey, ...]:
        """Those of one rank."""
        return tuple([key for key in self._up_to[rank].keys_of(values, aliases) if key.rank == rank])

    @cached_property
    def _up_to(self) -> tuple[Matching, ...]:
        """For each rank the same with no weaker keys, which looks at no values that these are made of."""
        return tuple(attrs.evolve(self, keys=self.keys[: rank + 1], near=()) for rank in range(len(self.keys)))

    def near_keys_of(self, values: Values, aliases: Values) -> tuple[RecordKey, ...]:
        """The keys by which a record is near to others, at the ranks behind those of the match keys."""
        return made_near_keys(self.near, len(self.keys), self._held(values, aliases))

    def all_keys_of(self, values: Values, aliases: Values) -> tuple[RecordKey, ...]:
        """Both of them."""
        held = self._held(values, aliases)
        return (*made_keys(self.keys, held), *made_near_keys(self.near, len(self.keys), held))

    def _held(self, values: Values, aliases: Values) -> Spellings:
        return Spellings({**aliases, **self.values_of(values)}, self._slots)

    def values_of(self, values: Mapping[str, Canonical]) -> dict[str, Canonical]:
        """The values that match keys are made of, as the side that holds less can hold them.

        What is cut there is still the same.
        """
        short: dict[str, Canonical] = {}
        for name, limit in self._key_fields:
            value = values.get(name)
            short[name] = value[:limit].rstrip() if limit is not None and isinstance(value, str) else value
        return short

    @cached_property
    def _key_fields(self) -> tuple[tuple[str, int | None], ...]:
        names = {name for key in self.keys for name in (*key.fields, *key.apart)}
        names.update(name for near in self.near for name in (*near.fields, *near.apart, *near.unless))
        names.update(name for slots in self._slots.values() for name in slots)
        return tuple((lens.name, min(lens.limits.values(), default=None)) for lens in self.lenses if lens.name in names)
