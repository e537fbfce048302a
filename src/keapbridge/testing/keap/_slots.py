"""Properties with slots: e-mail addresses, phone and fax numbers, postal addresses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from keapbridge.testing.keap._checks import Check, InvalidError, Writing, email, text
from keapbridge.testing.keap._documents import Document

UNSPECIFIED_PHONE = "PHONE_NUMBER_FIELD_UNSPECIFIED"
Slots = Mapping[str, Mapping[str, Check]]
EMAIL_SLOTS: Slots = {
    slot: {"email": email(limit), "opt_in_reason": text()}
    for slot, limit in {"EMAIL1": 75, "EMAIL2": 100, "EMAIL3": 100, "EMAIL_FIELD_UNSPECIFIED": 100}.items()
}
PHONE_SLOTS: Slots = {
    slot: {"number": text(limit), "extension": text(), "type": text()}
    for slot, limit in {
        "PHONE1": 40,
        "PHONE2": 40,
        "PHONE3": 40,
        "PHONE4": 20,
        "PHONE5": 20,
        UNSPECIFIED_PHONE: 20,
    }.items()
}
FAX_SLOTS: Slots = {
    slot: {"number": text(), "type": text()} for slot in ("FAX1", "FAX2", "FAX_NUMBER_FIELD_UNSPECIFIED")
}
ADDRESS_SLOTS: Slots = {
    slot: {
        "line1": text(line),
        "line2": text(line),
        "locality": text(locality),
        "region": text(50),
        "region_code": text(),
        "country": text(100),
        "country_code": text(),
        "postal_code": text(code),
        "zip_code": text(code),
        "zip_four": text(10),
    }
    for slot, line, locality, code in (
        ("BILLING", 75, 50, 15),
        ("SHIPPING", 100, 100, 20),
        ("OTHER", 100, 100, 15),
        ("ADDRESS_FIELD_UNSPECIFIED", 100, 100, 15),
    )
}


def slotted(
    slots: Slots,
    *,
    needs: str | None = None,
    ignored: Collection[str] = (),
    default: str | None = None,
    then: Callable[[Document, str], None] | None = None,
) -> Check:
    """An object in a slot named by its `field`.

    Args:
        slots: The properties of each slot.
        needs: The property without which there is nothing to store.
        ignored: What Keap answers and a body may carry back without effect.
        default: The slot of an object that names none; without it, one that names none is refused.
        then: A last check of the whole object, which may complete it.
    """

    def check(value: Any, path: str, writing: Writing) -> Document | None:
        if not isinstance(value, dict):
            raise InvalidError(f"{path} must be an object")
        slot = value.get("field") or default
        if not isinstance(slot, str) or slot not in slots:
            raise InvalidError(f"{path}.field must be one of {', '.join(slots)}")
        stored: Document = {"field": slot}
        for name, given in value.items():
            if name == "field" or name in ignored or given is None:
                continue
            if name not in slots[slot]:
                stored[name] = given  # what a newer Keap knows of an item is taken back as it was given
                continue
            kept = slots[slot][name](given, f"{path}.{name}", writing)
            if kept is not None:
                stored[name] = kept
        if len(stored) == 1 or (needs is not None and needs not in stored):
            return None
        if then is not None:
            then(stored, path)
        return stored

    return check


_EMAIL_READ_ONLY = ("is_opt_in", "email_opt_status")
EMAIL_ITEM = {"needs": "email", "ignored": _EMAIL_READ_ONLY}
PHONE_ITEM = {"needs": "number", "ignored": ("number_e164",)}
