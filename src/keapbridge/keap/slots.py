"""Keap's arrays of slots: changing one item without losing the others. Pure.

A PATCH replaces `email_addresses`, `phone_numbers`, `fax_numbers`, `addresses`, `social_accounts` and `custom_fields`
as a whole, so a change of EMAIL1 must carry EMAIL2 and EMAIL3 along.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import attrs

from keapbridge.keap.records import Address, CustomFieldValue, EmailAddress, FaxNumber, PhoneNumber, SocialAccount
from keapbridge.model.maybe import UNSET, UnsetType

__all__ = [
    "array_of",
    "find_item",
    "put_item",
    "put_items",
    "remove_item",
    "slot_attribute",
    "slot_of",
    "without_old_consent",
]

Item = TypeVar("Item", bound=EmailAddress | PhoneNumber | FaxNumber | Address | SocialAccount | CustomFieldValue)

_ARRAYS: dict[type, tuple[str, str]] = {
    EmailAddress: ("email_addresses", "field"),
    PhoneNumber: ("phone_numbers", "field"),
    FaxNumber: ("fax_numbers", "field"),
    Address: ("addresses", "field"),
    SocialAccount: ("social_accounts", "type"),
    CustomFieldValue: ("custom_fields", "id"),
}


def array_of(item: Any) -> str:
    """The contact's array that items of this type live in."""
    return _ARRAYS[type(item)][0]


def slot_of(item: Any) -> Any:
    """What tells an item from its neighbours: `"EMAIL1"`, `"FACEBOOK"`, a custom field's id."""
    return getattr(item, _ARRAYS[type(item)][1])


def slot_attribute(array: str) -> str:
    """The attribute that tells the items of an array from each other."""
    return next(attribute for name, attribute in _ARRAYS.values() if name == array)


def find_item(items: tuple[Item, ...] | UnsetType, slot: str) -> Item | None:
    """The item in a slot, `None` when the slot is empty."""
    return next((item for item in items or () if slot_of(item) == slot), None)


def put_item(items: tuple[Item, ...] | UnsetType, item: Item) -> tuple[Item, ...]:
    """The items with this one in its slot. What it leaves `UNSET` keeps the value it had there; all else stays."""
    slot = slot_of(item)
    if not slot:
        name, attribute = type(item).__name__, _ARRAYS[type(item)][1]
        raise ValueError(f"{name} needs a slot: set its {attribute!r}, such as 'EMAIL1' of an e-mail address")
    present = find_item(items, slot)
    kept: tuple[Item, ...] = items or ()
    if present is None:
        return (*kept, item)
    changed = {f.name: getattr(item, f.name) for f in attrs.fields(type(item)) if getattr(item, f.name) is not UNSET}
    changed["extra"] = {**present.extra, **item.extra}
    merged = attrs.evolve(without_old_consent(present, item), **changed)
    return tuple(merged if slot_of(old) == slot else old for old in kept)


def without_old_consent(present: Item, new: Item) -> Item:
    """The item without what was said of its e-mail address, when it gets another one."""
    if not isinstance(present, EmailAddress) or not isinstance(new, EmailAddress):
        return present
    if new.email is UNSET or _folded(new.email) == _folded(present.email):
        return present
    return attrs.evolve(present, is_opt_in=UNSET, email_opt_status=UNSET, opt_in_reason=UNSET)


def _folded(email: Any) -> str | None:
    return email.casefold() if isinstance(email, str) else None


def put_items(items: tuple[Item, ...] | UnsetType, new: Iterable[Item]) -> tuple[Item, ...]:
    """`put_item` for several."""
    result = items or ()
    for item in new:
        result = put_item(result, item)
    return result


def remove_item(items: tuple[Item, ...] | UnsetType, slot: str) -> tuple[Item, ...]:
    """The items without the one in this slot."""
    return tuple(item for item in items or () if slot_of(item) != slot)
