"""Where a value lives in a record: an attribute, a part of a nested object, a part of the item in a slot. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any

import attrs

from keapbridge.customcrm.records import wire_name
from keapbridge.errors import MappingError
from keapbridge.keap import records as keap
from keapbridge.keap.slots import find_item, remove_item, slot_attribute, without_old_consent
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.geography import alpha2, alpha3
from keapbridge.model.changed import changed
from keapbridge.model.maybe import UNSET, Unreadable
from keapbridge.model.meant import is_meant
from keapbridge.model.raw import Path

__all__ = [
    "ITEMS",
    "SLOTTED",
    "Place",
    "constant_place",
    "custom_place",
    "customcrm_place",
    "is_empty_item",
    "keap_place",
    "with_whole_regions",
]

# What is made when the first value arrives in an empty place.
ITEMS: Mapping[str, type] = {
    "email_addresses": keap.EmailAddress,
    "phone_numbers": keap.PhoneNumber,
    "fax_numbers": keap.FaxNumber,
    "addresses": keap.Address,
    "address": keap.Address,
    "email_address": keap.EmailAddress,
    "phone_number": keap.PhoneNumber,
    "fax_number": keap.FaxNumber,
    "social_accounts": keap.SocialAccount,
    "company": keap.BasicCompany,
    "origin": keap.Origin,
    "price": keap.Money,
    "inventory": keap.ProductInventory,
    "custom_fields": keap.CustomFieldValue,
}
_SLOTS: Mapping[str, frozenset[str]] = {
    "email_addresses": frozenset({"EMAIL1", "EMAIL2", "EMAIL3"}),
    "phone_numbers": frozenset({"PHONE1", "PHONE2", "PHONE3", "PHONE4", "PHONE5"}),
    "fax_numbers": frozenset({"FAX1", "FAX2"}),
    "addresses": frozenset({"BILLING", "SHIPPING", "OTHER"}),
    "social_accounts": frozenset({"FACEBOOK", "INSTAGRAM", "LINKED_IN", "PINTEREST", "SNAPCHAT", "TWITTER", "YOUTUBE"}),
}
_ALIKE = frozenset({"email_addresses", "phone_numbers", "fax_numbers"})  # a value may be in any of their slots
SLOTTED = frozenset({*_SLOTS, "custom_fields"})
_ADDRESSES = {("address",), ("addresses",)}
_ZIP = re.compile(r"(\d{5})-(\d{4})")
_UNMAPPED = frozenset({"id", "create_time", "update_time", "tag_ids"})
# What Keap says of an item by itself.
_OF_KEAP = frozenset({"is_opt_in", "email_opt_status", "number_e164"})
# What else of an item can only be read.
_SHOWN_ONLY: Mapping[str, frozenset[str]] = {
    "company": frozenset({"company_name"}),
    "inventory": frozenset(field.name for field in attrs.fields(keap.ProductInventory)),
    "origin": frozenset({"date"}),
    "price": frozenset({"currency_code", "formatted_amount"}),
}
_INSTEAD: Mapping[str, str] = {
    "opt_in_reason": "an opt-in reason is no field: give it to the address, kb.email(…, opt_in_reason=…)",
    "inventory_count": "no list of Keap shows the count of a stock: read it with keap.products.get(…)",
}
# What a path that ends at an item means, and which further parts of the item belong to its value.
_VALUE_PARTS: Mapping[str, tuple[str, ...]] = {
    "email_addresses": ("email",),
    "email_address": ("email",),
    "phone_numbers": ("number", "extension"),
    "phone_number": ("number", "extension"),
    "fax_numbers": ("number",),
    "fax_number": ("number",),
    "social_accounts": ("name",),
    "price": ("amount", "currency_code"),
    "region_code": ("region_code", "region"),
    "country_code": ("country_code", "country"),
}


@attrs.frozen
class Place:
    """Where a value lives.

    Attributes:
        path: as it is written in tables (`addresses.BILLING.line1`).
        attributes: the parts of the value; with more than one, the raw value is a tuple of them.
        container: `()` for the record itself, `("address",)` for a nested object, `("addresses", "BILLING")` for the
            item in a slot of an array.
        in_extra: whether it is a property of the host's own, kept in `extra`.
        custom: the custom field it is, by the name that the mapping gives it; its slot is known in a context only.
        constant: what every record is taken to have there; nothing is written to such a place.
        is_read_only: whether no write takes it.
    """

    path: str
    attributes: tuple[str, ...]
    container: tuple[str, ...] = ()
    in_extra: bool = False
    custom: NamedField | None = None
    constant: Any = UNSET
    is_read_only: bool = attrs.field(default=False, kw_only=True)

    @property
    def is_said(self) -> bool:
        """Whether it is what Keap says of an item by itself."""
        return self.attributes[0] in _OF_KEAP

    @property
    def _is_zip(self) -> bool:
        return self.attributes in {("postal_code",), ("zip_code",)} and self.container[:1] in _ADDRESSES

    @property
    def properties(self) -> frozenset[str]:
        """The properties of Customcrm that it is made of, by their names on the wire."""
        return frozenset(self.attributes if self.in_extra else map(wire_name, self.attributes))

    def of(self, field_id: str) -> Place:
        """The place of the custom field with this id."""
        return _of(self, field_id)

    def beside(self, attribute: str) -> Place:
        """The place of something else in the same item."""
        return attrs.evolve(self, attributes=(attribute,))

    @property
    def other_slots(self) -> tuple[Place, ...]:
        """The same value in the other slots of its array, for an e-mail address, a phone or a fax number in a slot."""
        array = self.container[0] if len(self.container) == 2 else ""
        if self.custom is not None or array not in _ALIKE or self.attributes != _VALUE_PARTS[array]:
            return ()
        others = sorted(_SLOTS[array] - {self.container[1]})
        return tuple(Place(f"{array}.{slot}", self.attributes, (array, slot)) for slot in others)

    @property
    def roots(self) -> tuple[str, ...]:
        """The record's attributes that a change here writes."""
        if self.in_extra:
            return ("extra",)
        if self.constant is not UNSET:
            return ()
        return self.container[:1] or self.attributes

    @property
    def unit(self) -> tuple[str, ...]:
        """What a system takes or refuses as a whole: properties of the host's own each by itself."""
        return ("extra", *self.attributes) if self.in_extra else self.roots

    @cached_property
    def raw_paths(self) -> tuple[Path, ...]:
        """Where it is in a record, part by part."""
        if self.constant is not UNSET:
            return ()
        parts = self.attributes if not self._is_zip else ("postal_code", "zip_code", "zip_four")
        return tuple((*(("extra",) if self.in_extra else self.container), part) for part in parts)

    @cached_property
    def get(self) -> Callable[[Any], Any]:
        """Takes the raw value out of a record: `UNSET` when it was not read, `None` when it is known to be empty.

        It is `Unreadable`, or a tuple with such a part, where the record holds what was not understood.

        Put together once for each place, for it is what every field of every record passes.
        """
        if self.constant is not UNSET:
            return lambda _: self.constant
        if self.in_extra:
            return self._get_extra
        parts = attrgetter(*self.attributes)
        if not self.container:
            return parts if len(self.attributes) == 1 else lambda record: self._joined(parts(record))
        return self._getter_of_part(attrgetter(self.container[0]), parts)

    def _get_extra(self, record: Any) -> Any:
        found = tuple(record.extra.get(name, UNSET) for name in self.attributes)
        return found[0] if len(found) == 1 else self._joined(found)

    def _joined(self, values: tuple[Any, ...]) -> Any:
        if all(value is UNSET for value in values):
            return UNSET
        known = tuple([None if value is UNSET else value for value in values])
        return None if all(value is None for value in known) else known

    @cached_property
    def shows(self) -> Callable[[Any], bool]:
        """Takes a record: whether it shows the place, with a value or empty. Put together once, as `get` is."""
        if self.constant is not UNSET:
            return lambda _: True
        first = self.attributes[0]
        if self.in_extra:
            return lambda record: first in record.extra
        value = attrgetter(first)
        if not self.container:
            return lambda record: value(record) is not UNSET
        root = attrgetter(self.container[0])
        if len(self.container) == 1:
            return lambda record: (
                (holder := root(record)) is None or (holder is not UNSET and value(holder) is not UNSET)
            )
        key, slot = attrgetter(slot_attribute(self.container[0])), self.container[1]
        return lambda record: (
            (items := root(record)) is not UNSET
            and all(value(item) is not UNSET for item in items or () if key(item) == slot)
        )

    def _getter_of_part(self, root: Callable[[Any], Any], parts: Callable[[Any], Any]) -> Callable[[Any], Any]:
        slot = self.container[1] if len(self.container) == 2 else None
        key = attrgetter(slot_attribute(self.container[0])) if slot is not None else None
        array = self.container[0]
        known = _SLOTS.get(array, frozenset())
        lonely = len(self.attributes) == 1
        is_zip = self._is_zip
        empty = UNSET if self.is_said else None  # what Keap does not say is unknown, not empty

        def get(record: Any) -> Any:
            holder = root(record)
            if holder is UNSET or type(holder) is Unreadable:
                return holder
            if key is not None:
                lost: Any = empty
                for item in holder:
                    found = key(item)
                    if found == slot:
                        holder = item
                        break
                    if type(found) is Unreadable or (found not in known and not _is_slot(found, array)):
                        lost = _NOWHERE
                else:
                    return lost
            elif holder is None:
                return empty
            # The holder was read, so what it does not show is empty.
            found = parts(holder) if not is_zip else whole_zip(holder)
            if lonely:
                return empty if found is UNSET or found is None else found
            values = tuple([None if value is UNSET else value for value in found])
            return empty if values.count(None) == len(values) else values

        return get

    def put(self, record: Any, raw: Any) -> Any:
        """The record with this raw value; everything beside it stays as it is."""
        if self.constant is not UNSET:
            return record
        if self.in_extra and len(self.attributes) == 1:
            return changed(record, extra={**record.extra, self.attributes[0]: raw})
        parts = dict.fromkeys(self.attributes) if raw is None else dict(zip(self.attributes, _tuple(raw), strict=False))
        if self.in_extra:
            return changed(record, extra={**record.extra, **parts})
        if not self.container:
            return changed(record, **parts)
        root = self.container[0]
        present = getattr(record, root)
        put = _with_parts if not self._is_zip else with_zip
        if len(self.container) == 1:
            holder = put(present or ITEMS[root](), parts)
            return changed(record, **{root: None if is_empty_item(holder) else holder})
        slot = self.container[1]
        item = find_item(present, slot)
        filled = put(item or ITEMS[root](**{slot_attribute(root): slot}), parts)
        others = present or ()
        items = (*others, filled) if item is None else tuple(filled if old is item else old for old in others)
        return changed(record, **{root: remove_item(items, slot) if is_empty_item(filled) else items})


# An item that does not say where it belongs may be the one that is looked for.
_NOWHERE = Unreadable("there is an item that does not tell its slot")
_SLOT_NAMES: Mapping[str, str] = {
    "email_addresses": "EMAIL[0-9]{1,3}",
    "phone_numbers": "PHONE[0-9]{1,3}",
    "fax_numbers": "FAX[0-9]{1,3}",
    "addresses": "[A-Z_]+",
    "social_accounts": "[A-Z_]+",
    "custom_fields": "[0-9]{1,20}",
}


def _is_slot(name: Any, array: str) -> bool:
    """Whether it can be the name of a slot of an array, or the id of a custom field, also of one that nobody knows."""
    return isinstance(name, str) and re.fullmatch(_SLOT_NAMES[array], name) is not None


@lru_cache(maxsize=1024)
def _of(place: Place, field_id: str) -> Place:
    return attrs.evolve(place, container=("custom_fields", field_id))


def _tuple(raw: Any) -> tuple[Any, ...]:
    return raw if isinstance(raw, tuple) else (raw,)


def _with_parts(holder: Any, parts: dict[str, Any]) -> Any:
    if "email" in parts:
        holder = without_old_consent(holder, keap.EmailAddress(parts["email"]))
    return changed(holder, **parts)


def whole_zip(address: keap.Address) -> Any:
    """The postal code of an address. Keap has three places for it, and may show any of them."""
    code = address.postal_code or address.zip_code or None
    four = address.zip_four
    if isinstance(code, str) and isinstance(four, str) and len(code) == 5 and code.isdigit() and len(four) == 4:
        return f"{code}-{four}" if four.isdigit() else code
    return code


def with_zip(address: keap.Address, parts: dict[str, Any]) -> keap.Address:
    """The address with another postal code, wherever it has shown the old one."""
    [code] = parts.values()
    split = _ZIP.fullmatch(code) if isinstance(code, str) else None
    has_four = address.zip_four not in (UNSET, None, "")
    # What is shown in two places is kept there: five digits in one, and the four behind them in another.
    short = split[1] if split and (has_four or address.zip_code is not UNSET) else code
    codes = {"postal_code": short if has_four else code}
    if address.zip_code is not UNSET:
        codes["zip_code"] = short
    if has_four or (split and address.zip_code is not UNSET):
        codes["zip_four"] = split[2] if split else None
    return changed(address, **codes)


_NO_CONTENT = frozenset(
    {"date", "field", "type", "extra", "is_opt_in", "email_opt_status", "opt_in_reason", "number_e164"}
)


def is_empty_item(holder: Any) -> bool:
    """Whether nothing is left in an item or an object, but for what tells its slot and what Keap says of it."""
    names = (f.name for f in attrs.fields(type(holder)) if f.name not in _NO_CONTENT)
    return not holder.extra and all(getattr(holder, name) in (UNSET, None, "") for name in names)


def with_whole_regions(record: Any, before: Any, roots: set[str], default_region: str | None = None) -> Any:
    """The Keap record without regions that belong to another country than their address, and none without a country.

    Keap refuses both. Where the country has just been cleared a region goes with it; else it brings its country along.

    Args:
        before: the record as it was.
        default_region: ISO 3166-1 alpha-2 country of regions that do not tell theirs.
    """
    if "address" in roots and record.address:
        return changed(record, address=_with_whole_region(record.address, before.address, default_region))
    if "addresses" in roots and record.addresses:
        had = {home.field: home for home in before.addresses or ()}
        whole = (_with_whole_region(home, had.get(home.field), default_region) for home in record.addresses)
        return changed(record, addresses=tuple(whole))
    return record


def _with_whole_region(address: keap.Address, before: Any, default_region: str | None) -> keap.Address:
    code, country, region = address.region_code, address.country_code, (address.region_code, address.region)
    if not country and not address.country and any(region):
        is_left = before and (before.country_code or before.country) and (before.region_code, before.region) == region
        if is_left and not default_region:
            return changed(address, region_code=None, region=None)
        home = code.partition("-")[0] if isinstance(code, str) and code else default_region
        return changed(address, country_code=alpha3(home)) if home and alpha3(home) else address
    if not (isinstance(code, str) and isinstance(country, str) and code and country):
        return address
    if code.partition("-")[0] == alpha2(country):
        return address
    return changed(address, region_code=None, region=None)


def customcrm_place(cls: type, name: str) -> Place:
    """The place of a Customcrm property: a modelled one, or else one of the host's own.

    Args:
        name: on the wire (`FirstName`); `Price+Currency` for a value in two properties.

    Raises:
        MappingError: when one of two properties is known and the other is not.
    """
    known = {wire_name(f.name): f.name for f in attrs.fields(cls) if f.name != "extra"}
    names = name.split("+")
    if all(n in known for n in names):
        return Place(name, tuple(known[n] for n in names))
    if len(names) > 1 and any(n in known for n in names):
        raise MappingError(f"{cls.__name__}: either all of {' and '.join(names)} are the host's own, or none")
    return Place(name, tuple(names), in_extra=True)


def constant_place(value: Any) -> Place:
    """No place in a record: the value that every one of them is taken to have."""
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
    return Place(f"always {shown}", ("constant",), constant=value)


def keap_place(cls: type, path: str, *, to_write: bool = True) -> Place:
    """The place of a Keap property, such as `given_name`, `company.id`, `email_addresses.EMAIL1`,
    `addresses.BILLING.line1`; `given_name+family_name` for a value in two properties of the record itself.

    Args:
        to_write: whether it must be one that can be written.

    Raises:
        MappingError: when the record has no such property.
    """
    names = path.split("+")
    if len(names) > 1:
        places = [keap_place(cls, name, to_write=to_write) for name in names]
        if any(place.container or len(place.attributes) > 1 for place in places):
            raise MappingError(
                f"only properties of the record itself can be joined, as in given_name+family_name, not {path!r}"
            )
        joined = tuple(place.attributes[0] for place in places)
        return Place(path, joined, is_read_only=any(place.is_read_only for place in places))
    root, *rest = path.split(".")
    known = [f.name for f in attrs.fields(cls)]
    if root not in known:
        raise MappingError(f"Keap's {cls.__name__} has no property {root!r}{is_meant(root, known)}")
    if root in _UNMAPPED and to_write:
        raise MappingError(f"Keap's {root!r} is Keap's own: it cannot be mapped")
    if root == "custom_fields":
        raise MappingError("Keap's 'custom_fields' are a list: name a custom field with kb.custom_field(…)")
    if root in ITEMS:
        return _in_item(cls, path)
    if rest:
        raise MappingError(f"Keap's {root!r} has no parts: name it without .{'.'.join(rest)}")
    return Place(path, (root,), is_read_only=root in keap.READ_ONLY.get(cls, ()) or root == "utm_parameters")


def _in_item(cls: type, path: str) -> Place:
    """The place of a part of an object, or of the item in a slot of an array."""
    root, *rest = path.split(".")
    slots = _SLOTS.get(root)
    container = (root, rest.pop(0)) if slots and rest else (root,)
    leaf = rest[0] if rest else root
    attributes = _VALUE_PARTS.get(leaf, (leaf,))
    shown_only = _SHOWN_ONLY.get(root, frozenset()) | _OF_KEAP
    telling = {"extra", slot_attribute(root) if slots else "field"}
    parts = sorted((f.name for f in attrs.fields(ITEMS[root]) if f.name not in telling), key=shown_only.__contains__)
    if set(attributes) - set(parts) or (slots and container[-1] not in slots):
        holders = [f"{root}.{slot}" for slot in sorted(slots)] if slots else [root]
        named = [f"{each}.{part}" for each in holders for part in parts]
        named = named if rest or root not in _VALUE_PARTS else holders
        meant = f"; name a part of it, such as {named[0]}" if path == root else is_meant(path, named)
        raise MappingError(f"{path!r} does not name a value of Keap's {cls.__name__}{meant}")
    if leaf in _INSTEAD:
        raise MappingError(_INSTEAD[leaf])
    return Place(path, attributes, container, is_read_only=leaf in shown_only)


def custom_place(cls: type, field: NamedField) -> Place:
    """The place of a custom field.

    Raises:
        MappingError: when Keap has none for this kind of record.
    """
    if "custom_fields" not in {f.name for f in attrs.fields(cls)}:
        raise MappingError(f"records of Keap's {cls.__name__} have no custom fields: {field} cannot be mapped")
    return Place(field.path, ("content",), ("custom_fields", ""), custom=field)
