"""The habits of the emulator: what is heard of a write, and how a document is shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import attrs

from keapbridge.keap.habits import Habits
from keapbridge.testing.keap._behaviour import KeapBehaviour
from keapbridge.testing.keap._checks import InvalidError
from keapbridge.testing.keap._documents import Document, dicts, words
from keapbridge.testing.keap._places import region_of
from keapbridge.testing.keap._resources import COMPANIES, CONTACTS, Resource

_ZIP_FOUR = re.compile(r"(\d{5})-(\d{4})")
_DATES = frozenset({"anniversary_date", "birth_date"})
_NAMES = frozenset(words("company_name family_name given_name middle_name name preferred_name"))
_TEXTS = {
    CONTACTS.name: words("contact_type family_name given_name job_title middle_name preferred_name website"),
    COMPANIES.name: words("notes website"),
    "products": words("description sku"),
}


def played(habits: Habits | None, behaviour: KeapBehaviour) -> tuple[Habits, KeapBehaviour]:
    """The habits to play, all of them known, and the switches that go with them.

    What is not known of the habits is as the switches say.
    """
    switched = Habits(
        null="clears" if behaviour.null_clears else "ignored",
        company_custom_fields=behaviour.company_custom_fields,
        company_answers="everything" if behaviour.company_writes_answer_everything else "little",
        too_long="cut" if behaviour.truncate_silently else "refused",
        emails="lower_case" if behaviour.case_fold_emails else "kept",
        phones="national" if behaviour.reformat_phones else "kept",
        times="seconds" if behaviour.lose_milliseconds else "milliseconds",
    )
    known = (habits or Habits()).over(switched).over(Habits.assumed())
    return known, attrs.evolve(
        behaviour,
        null_clears=known.null == "clears",
        company_custom_fields=known.company_custom_fields or "replace",
        company_writes_answer_everything=known.company_answers == "everything",
        truncate_silently=known.too_long == "cut",
        case_fold_emails=known.emails == "lower_case",
        reformat_phones=known.phones == "national",
        lose_milliseconds=known.times == "seconds",
    )


# --- writing --------------------------------------------------------------------------------------------------------


def heard(
    habits: Habits, resource: Resource, body: Any, mask: Collection[str] | None, *, new: bool
) -> tuple[Any, frozenset[str]]:
    """What is heard of the body of a write, and the properties that it clears without naming them."""
    if not isinstance(body, dict):
        return body, frozenset()
    kept: Document = {}
    for name, value in body.items():
        effect = None if new or (mask is not None and name not in mask) else _effect(habits, name, value)
        if effect == "refused":
            raise InvalidError(f"{name} must not be {'null' if value is None else 'empty'}")
        if effect != "ignored":
            kept[name] = _settled(habits, name, value)
    silent = frozenset(mask or ()) - body.keys() if habits.mask_alone == "clears" else frozenset()
    return kept, silent & (resource.update.keys() - resource.required)


_SLOTTED = frozenset(words("addresses email_addresses fax_numbers phone_numbers"))


def completed(habits: Habits, before: Document, after: Document) -> Document:
    """A contact after a write, with the items of its arrays that were not listed, where they stay."""
    if habits.arrays != "merge":
        return after
    for name in _SLOTTED & before.keys() & after.keys():
        listed = {item.get("field") for item in dicts(after[name])}
        after = {**after, name: [*after[name], *(i for i in dicts(before[name]) if i.get("field") not in listed)]}
    return after


def _effect(habits: Habits, name: str, value: Any) -> str | None:
    """What becomes of a value that is empty; `None` where it is not."""
    if value is None:
        return habits.null
    if value == "":
        return habits.empty_date if name in _DATES else habits.empty_text
    if value == {}:
        return habits.empty_object
    return habits.empty_link if name == "company" and value == {"id": ""} else None


def _settled(habits: Habits, name: str, value: Any) -> Any:
    if name in _NAMES and isinstance(value, str):
        return value.strip() if habits.names == "trimmed" else value
    if name == "addresses" and isinstance(value, list):
        return [_place(habits, item) if isinstance(item, dict) else item for item in value]
    return _place(habits, value) if name == "address" and isinstance(value, dict) else value


def _place(habits: Habits, address: Document) -> Document:
    """An address without contradictions."""
    code, short, four = (address.get(name) for name in ("postal_code", "zip_code", "zip_four"))
    if code and short and isinstance(code, str) and code not in (short, f"{short}-{four}"):
        if habits.zip_wins == "postal_code":
            address = {**address, "zip_code": code, "zip_four": None}
        else:
            address = {**address, "postal_code": f"{short}-{four}" if four else short}
    if habits.region_wins == "name" and address.get("region") and address.get("region_code"):
        found = region_of(address.get("country_code"), address["region"])
        address = {**address, "region_code": found or address["region_code"]}
    return address


def gone_addresses(before: Document, after: Document) -> Iterator[str]:
    """E-mail addresses that a write has removed."""
    held = {item.get("email") for item in dicts(after.get("email_addresses"))}
    for item in dicts(before.get("email_addresses")):
        if isinstance(item.get("email"), str) and item["email"] not in held:
            yield item["email"]


def omitted(habits: Habits, resource: Resource) -> frozenset[str]:
    """What an answer leaves out unless it is asked for."""
    return resource.fields - resource.few if resource.few and habits.default_fields == "few" else resource.omitted


# --- showing --------------------------------------------------------------------------------------------------------


def shown(habits: Habits, resource: Resource, document: Document, fields: Collection[str] | None) -> None:
    """Bring a document that is to be answered into the form of the habits, in place."""
    if habits.empty_shown != "left_out":
        hidden = omitted(habits, resource)
        for name in _TEXTS[resource.name]:
            if name not in document and (name not in hidden if fields is None else name in fields):
                document[name] = None if habits.empty_shown == "null" else ""
    if habits.zip_shown == "together":
        for address in (*dicts(document.get("addresses")), *dicts([document.get("address")])):
            code = address.get("postal_code")
            if isinstance(code, str) and "zip_code" not in address:
                match = _ZIP_FOUR.fullmatch(code)
                address |= {"zip_code": match[1] if match else code, "zip_four": match[2] if match else None}


def shown_field(habits: Habits, field: Document) -> Document:
    """A custom field as a model shows it: what it has not is left out, or `null`."""
    return field if habits.empty_shown != "null" else {"options": None, "default_value": None, **field}
