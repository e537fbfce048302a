"""A mapper: one synchronization as data, and what follows from it. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

import attrs

from keapbridge.customcrm.records import wire_name
from keapbridge.errors import MappingError, UnfitError
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.declared import Declared, checked, declared_fields
from keapbridge.mapping.filter import Condition, Filter, Passes
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.lens import Direction, Lens, Reader, check_choices
from keapbridge.mapping.match_keys import MatchKey, NearKey, match_key
from keapbridge.mapping.matching import Matching
from keapbridge.mapping.notation import learnt
from keapbridge.mapping.place import Place, customcrm_place, keap_place
from keapbridge.mapping.soundness import check_keys, check_lenses
from keapbridge.model.capacity import Capacity
from keapbridge.model.given import keywords, kind
from keapbridge.model.maybe import UNSET
from keapbridge.model.meant import is_meant
from keapbridge.model.records import Canonical, Values
from keapbridge.model.side import Side
from keapbridge.showing.html import Html, display, element

__all__ = ["Astray", "Mapper"]

NAMED_BY: Mapping[str, frozenset[str]] = {
    "email": frozenset({"email_addresses", "email_address"}),
    "name": frozenset({"given_name", "family_name", "company_name"}),
    "phone": frozenset({"phone_numbers", "phone_number"}),
}
"""The attributes of Keap's records that tell who a person or a company is."""

Astray = Callable[[str, Exception], str]
"""Takes a field, and an error in it that nobody has foreseen; answers the reason to tell."""


def _raise(_field: str, error: Exception) -> str:
    raise error


@attrs.frozen
class Mapper:
    """One synchronization as data.

    Attributes:
        name: `"contacts"`, `"companies"` or `"products"`.
        customcrm_object, keap_object: the names of its records on either side, for people.
        customcrm_type, keap_type: the classes of its records.
        lenses: the pairs of fields, scopes before what depends on them.
        keys: how records are matched at first contact, strongest first.
        needs_any: per side, fields of which a new record must have at least one.
        near: what makes two records a near miss, of which a person is told.
        taking_part: which records take part; see `where`.
        homeless: fields that Customcrm has no place for. What they are required for stays, and so do their fallbacks.
        homeless_keys: the names of those of them by which records would be matched.
        needed: per side, what a new record cannot be made without, and no field is mapped to.
    """

    name: str
    customcrm_object: str
    keap_object: str
    customcrm_type: type
    keap_type: type
    lenses: tuple[Lens, ...]
    keys: tuple[MatchKey, ...]
    needs_any: Mapping[Side, tuple[str, ...]] = attrs.field(factory=dict)
    near: tuple[NearKey, ...] = ()
    taking_part: Filter = attrs.field(factory=Filter)
    homeless: tuple[Lens, ...] = ()
    homeless_keys: frozenset[str] = frozenset()
    needed: Mapping[Side, tuple[str, ...]] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        check_lenses(self.name, self.lenses)
        check_keys(self.name, self.lenses, self.keys, self.near)
        self._filters  # noqa: B018 - compiled here, so that a filter is refused where it is given

    def __getitem__(self, name: str) -> Lens:
        for lens in self.lenses:
            if lens.name == name:
                return lens
        known = [lens.name for lens in self.lenses]
        if not isinstance(name, str):
            raise MappingError(f"{self.name}: a field is named by a text, such as {known[0]!r}, not {kind(name)}")
        raise MappingError(f"{self.name}: there is no field {name!r}{is_meant(name, known)}")

    @property
    def near_ranks(self) -> range:
        """The ranks of the keys that make near misses: behind those of the match keys."""
        return range(len(self.keys), len(self.keys) + len(self.near))

    def _repr_html_(self) -> str:
        title = f"{self.customcrm_object} ↔ {self.keap_object}"
        matched = "; ".join(" and ".join(key.fields) for key in self.keys)
        told = element("p", f"matched by {matched}" if matched else "matched by nothing")
        return display(title, told, Html(self.property_table("html")), aside=self.name)

    # --- changing it --------------------------------------------------------------------------------------------

    def with_lenses(self, *lenses: Declared | Lens) -> Mapper:
        """The mapper with further pairs of fields; one with a known name replaces it."""
        declared_fields(self.name, lenses)
        built = [lens if isinstance(lens, Lens) else lens.build(self.customcrm_type, self.keap_type) for lens in lenses]
        new = {lens.name: lens for lens in built}
        kept = tuple(new.pop(lens.name, lens) for lens in self.lenses)
        return attrs.evolve(self, lenses=(*kept, *new.values()))

    def without(self, *names: str) -> Mapper:
        """The mapper without these fields."""
        for name in names:
            self[name]
        return attrs.evolve(
            self,
            lenses=tuple(lens for lens in self.lenses if lens.name not in names),
            keys=tuple(
                attrs.evolve(key, apart=tuple(name for name in key.apart if name not in names))
                for key in self.keys
                if not set(key.fields) & set(names)
            ),
            near=tuple(
                attrs.evolve(key, unless=tuple(name for name in key.unless if name not in names))
                for key in self.near
                if not {*key.fields, *key.apart} & set(names)
            ),
            needs_any={side: tuple(n for n in needed if n not in names) for side, needed in self.needs_any.items()},
        )

    def only(self, *names: str) -> Mapper:
        """The mapper with just these fields."""
        for name in names:
            self[name]
        return self.without(*(lens.name for lens in self.lenses if lens.name not in names))

    def matched_by(self, *keys: MatchKey) -> Mapper:
        """The mapper with these match keys, strongest first, instead of those it has."""
        for key in keys:
            checked(self.name, "matched_by", match_key, key)
        return attrs.evolve(self, keys=keys)

    def one_way(self, direction: Direction) -> Mapper:
        """The mapper whose fields all flow one way, `"to_keap"` or `"to_customcrm"`; what only flows back is left out.

        The other side's new records are given no counterpart: there is nothing that may be written to one.
        """
        check_choices(self.name, {"direction": direction})
        target = Side.KEAP if direction == "to_keap" else Side.CUSTOMCRM
        against = [lens.name for lens in self.lenses if not lens.flows_to(target)]
        kept = self.without(*against)
        return attrs.evolve(kept, lenses=tuple(attrs.evolve(lens, direction=direction) for lens in kept.lenses))

    @keywords()
    def where(self, *, customcrm: Condition | None = None, keap: Condition | None = None) -> Mapper:
        """The mapper for some of the records only.

        A record that is outside the filter of its side is given no counterpart and matched with none. Where one leaves
        the filter that is linked already, its pair is parked: the link is kept, nothing flows either way and nothing is
        deleted, also not when one of the two records is; the report has a `skipped` line. Once it is back, what was
        edited meanwhile on either side is merged as usual.

        What the sync itself makes must be within the filter of its side, or it is parked at once: `kb.constant` gives
        new records a value that the filter wants.

        Args:
            customcrm: which of Customcrm's records take part: properties with the value each must have, with a set (or
                list, or tuple) of values, or with a function of the value; or a function of the whole record. Mapped
                fields are compared by what they mean (`{"Country": "NO"}` is also met by `Norway`), other properties as
                they are; a list meets a condition when one of its items does.
            keap: the same for Keap's records, by a mapped field or by a path (`{"tag_ids": "12"}`).

        Raises:
            MappingError: when there is no such property.
        """
        given = ((Side.CUSTOMCRM, customcrm), (Side.KEAP, keap))
        added = {side: condition for side, condition in given if condition is not None}
        return attrs.evolve(self, taking_part=self.taking_part.replacing(added))

    def takes_part(self, side: Side, record: Any, values: Values) -> bool:
        """Whether a record is within the filter of its side; `values` are its mapped values."""
        return self._filters[side](record, values)

    @cached_property
    def _filters(self) -> Mapping[Side, Passes]:
        try:
            return self.taking_part.compile(self.lenses, self._place_named)
        except MappingError as error:
            raise MappingError(f"{self.name}: {error}") from None

    def _place_named(self, side: Side, name: str) -> Place:
        if side is Side.CUSTOMCRM:
            return customcrm_place(self.customcrm_type, name)
        return keap_place(self.keap_type, name, to_write=False)

    # --- reading ------------------------------------------------------------------------------------------------

    def reading(self, side: Side) -> str | None:
        """How records of a side are read, as text; `None` when functions of the host have a part in it."""
        return self._readings[side]

    @cached_property
    def _readings(self) -> Mapping[Side, str | None]:
        return {side: self._reading(side) for side in Side}

    def _reading(self, side: Side) -> str | None:
        if not self.taking_part.is_told(side) or not all(lens.kind.is_told for lens in self.lenses):
            return None
        slots = self.matching.unmapped_slots if side is Side.KEAP else ()
        read = (*self.lenses, *slots)
        lenses = (f"{lens.name} {lens.place(side).path} {lens.kind!r} {lens.scope}" for lens in read)
        return "\n".join([*lenses, self.taking_part.described(side)])

    def read(
        self, side: Side, record: Any, context: Context, astray: Astray = _raise
    ) -> tuple[dict[str, Canonical], dict[str, str]]:
        """The mapped values of a record in canonical form, and why others could not be understood.

        What the record does not show is not among them; see `absent`.

        Args:
            astray: what to do about an error that is no `UnfitError`: a mistake in a kind or in a record.
        """
        values: dict[str, Canonical] = {}
        unreadable: dict[str, str] = {}
        for name, scope, get in self._readers[side]:
            # What is not understood is not the usual one.
            here = attrs.evolve(context, default_region=None) if scope in unreadable else context
            try:
                value = get(record, values.get(scope) if scope else None, here)
            except UnfitError as reason:
                # It may quote the value, of which no store can keep a NUL or half of a surrogate pair.
                unreadable[name] = "".join(sign if sign.isprintable() else "?" for sign in str(reason))
            except Exception as error:  # noqa: BLE001 - a field that fails must not stop the others
                unreadable[name] = astray(name, error)
            else:
                if value is not UNSET:
                    values[name] = value
        return values, unreadable

    def absent(self, side: Side, record: Any, values: Values, unreadable: Collection[str]) -> frozenset[str]:
        """The fields that a whole record does not show at all; `values` are those that it is read to hold."""
        return frozenset(
            [
                name
                for name, shows in self._showing[side]
                if values.get(name) is None and name not in unreadable and not shows(record)
            ]
        )

    @cached_property
    def _showing(self) -> Mapping[Side, tuple[tuple[str, Callable[[Any], bool]], ...]]:
        """What tells whether a record shows a field; what only Keap can say of an item is never left out."""
        places = {side: [(lens.name, lens.place(side)) for lens in self.lenses] for side in Side}
        return {
            side: tuple((name, place.shows) for name, place in named if not place.is_said)
            for side, named in places.items()
        }

    @cached_property
    def roots(self) -> Mapping[Side, Mapping[str, tuple[str, ...]]]:
        """The attributes of a side's records that each field is in."""
        places = {side: {lens.name: lens.place(side) for lens in self.lenses} for side in Side}
        return {side: {name: place.roots for name, place in named.items()} for side, named in places.items()}

    @property
    def keap_attributes(self) -> frozenset[str] | None:
        """The attributes of Keap's records that are looked at; `None` where a function of the host may look at any."""
        others = self.taking_part.places(Side.KEAP, self.lenses, self._place_named)
        if others is None:
            return None
        return frozenset(root for place in (*(lens.keap for lens in self.lenses), *others) for root in place.roots)

    @cached_property
    def _readers(self) -> Mapping[Side, tuple[tuple[str, str | None, Reader], ...]]:
        return {side: tuple((lens.name, lens.scope, lens.reader(side)) for lens in self.lenses) for side in Side}

    @cached_property
    def matching(self) -> Matching:
        """What its records are found by."""
        return Matching(self.lenses, self.keys, self.near)

    @cached_property
    def by_scope(self) -> tuple[Lens, ...]:
        """The fields whose text is read by another one, and whose value means the same without that."""
        return tuple(lens for lens in self.lenses if lens.scope is not None and lens.kind.means_alone)

    @cached_property
    def by_entries(self) -> tuple[Lens, ...]:
        """The fields whose text is read by a list of Keap."""
        return tuple(lens for lens in self.lenses if lens.kind.entries is not None)

    def keap_references(self, records: Iterable[Any]) -> dict[str, set[str]]:
        """The Keap ids that these Keap records refer to, by object."""
        found: dict[str, set[str]] = {}
        for name, object in self.references.items():
            place = self[name].keap
            raws = [place.get(record) for record in records]
            found.setdefault(object, set()).update(str(raw) for raw in raws if raw and isinstance(raw, (str, int)))
        return found

    @cached_property
    def custom_fields(self) -> tuple[NamedField, ...]:
        """The custom fields of Keap that are mapped."""
        return tuple(lens.keap.custom for lens in self.lenses if lens.keap.custom is not None)

    def opt_ins(self, record: Any, values: Mapping[str, Canonical], context: Context) -> frozenset[str]:
        """The e-mail addresses among these values that are new in a Keap record and come with an opt-in reason."""
        found: set[str] = set()
        for lens in self.lenses:
            value = values.get(lens.name)
            if lens.opt_in_reason is None or not isinstance(value, str) or lens.refuses_opt_in(record):
                continue
            try:
                present = lens.get(Side.KEAP, record, None, context)
            except UnfitError:
                present = None
            if present != value:
                found.add(value)
        return frozenset(found)

    @cached_property
    def signs(self) -> Mapping[str, tuple[str, ...]]:
        """The fields that people and companies are known by: e-mail address, name, phone number; see `NAMED_BY`."""
        found = {
            sign: tuple(name for name, its in self.roots[Side.KEAP].items() if roots.intersection(its))
            for sign, roots in NAMED_BY.items()
        }
        return {sign: fields for sign, fields in found.items() if fields}

    @cached_property
    def few_valued(self) -> frozenset[str]:
        """The fields each of whose values many records hold: it is ordinary that many get one of them."""
        return frozenset(lens.name for lens in self.lenses if lens.kind.few_values)

    @cached_property
    def references(self) -> Mapping[str, str]:
        """The fields that refer to other records, each with the synchronization of those."""
        return {lens.name: lens.kind.refers_to for lens in self.lenses if lens.kind.refers_to is not None}

    @cached_property
    def listed(self) -> Mapping[str, str]:
        """The fields that name one entry of a list of Keap's each, with that list (`"users"`)."""
        kinds = {lens.name: lens.kind for lens in self.lenses if not lens.kind.is_marked}
        return {name: kind.entries for name, kind in kinds.items() if kind.entries is not None}

    def followed(self, values: Values, context: Context) -> dict[str, Canonical]:
        """Those of the references that have become others, since their records are linked."""
        now = {name: self[name].kind.follow(values[name], context) for name in self.references if name in values}
        return {name: value for name, value in now.items() if value != values[name]}

    def learning(self, records: Iterable[Any], context: Context) -> Mapper:
        """The mapper that writes to Customcrm as some of its records are written."""
        examples: dict[str, list[tuple[Any, Canonical]]] = {}
        for record in records:
            # Where a host's kind fails, a run tells of it; an example teaches nothing then.
            values, _ = self.read(Side.CUSTOMCRM, record, context, lambda _, error: type(error).__name__)
            for lens in self.lenses:
                examples.setdefault(lens.name, []).append((lens.customcrm.get(record), values.get(lens.name)))
        lenses = tuple(
            attrs.evolve(lens, notation=learnt(lens.kind, examples.get(lens.name, ()))) for lens in self.lenses
        )
        return attrs.evolve(self, lenses=lenses)

    def within(self, capacities: Mapping[str, Capacity]) -> Mapper:
        """The mapper that keeps to what the properties of Customcrm take."""
        lenses: list[Lens] = []
        for lens in self.lenses:
            place = lens.customcrm
            names = place.attributes if place.in_extra else tuple(map(wire_name, place.attributes))
            its = tuple(capacities.get(name) for name in names)
            if not any(its) or place.constant is not UNSET:
                lenses.append(lens)
                continue
            length = its[0].length if its[0] is not None and lens.kind.is_text else None
            limits = lens.limits if length is None else {**lens.limits, Side.CUSTOMCRM: length}
            lenses.append(attrs.evolve(lens, capacities=its, limits=limits))
        return attrs.evolve(self, lenses=tuple(lenses))

    # --- as TOML ------------------------------------------------------------------------------------------------

    @classmethod
    def from_toml(cls, source: str | os.PathLike[str]) -> Mapper:
        """A mapper from a TOML file, or from a text that is TOML (it has an equals sign or several lines).

        `name` is that of the synchronization; all else is what is otherwise than in its default mapping: `without`,
        `fields` with a table for each further or other field, `addresses`, `where`, `keys`. A field takes what the
        function of its kind takes: `kind = "text"` and what `kb.text` does. Functions and kinds of your own are named
        as `module:name`, and `false` stands for `None`.

        Raises:
            MappingError: naming the key, for what cannot be.
            OSError: when the file cannot be read.
        """
        from keapbridge.mapping.toml import mapper_from, parsed

        return mapper_from(parsed(source))

    def to_toml(self) -> str:
        """The mapper as TOML, which `from_toml` reads again.

        Raises:
            MappingError: for functions and kinds of your own without a name in a module, and for mappings of other
                records than those of the three synchronizations.
        """
        from keapbridge._toml.writing import dumps
        from keapbridge.mapping.toml_written import mapper_table

        return dumps(mapper_table(self))

    # --- showing ------------------------------------------------------------------------------------------------

    def property_table(self, format: str = "rst") -> str:
        """The table of the dataflow document: Customcrm property, Keap property, Keap data type.

        Args:
            format: `"rst"`, `"md"` or `"html"`.
        """
        from keapbridge.dataflow.document import property_table

        return property_table(self, format)
