"""How a write changes a document, and what Keap derives from what it stores."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from typing import Any

from keapbridge.testing.keap._behaviour import KeapBehaviour
from keapbridge.testing.keap._checks import InvalidError, Writing
from keapbridge.testing.keap._documents import Document, dicts
from keapbridge.testing.keap._places import e164, home_region, name_place, national
from keapbridge.testing.keap._resources import COMPANIES, CONTACTS, INVENTORY, PRODUCTS, Resource, stock


def write(
    resource: Resource,
    document: Document,
    body: Any,
    writing: Writing,
    *,
    new: bool,
    mask: Collection[str] | None = None,
) -> Document:
    """The document after a POST (`new`) or a PATCH with this body.

    A property that the mask names and the body lacks is left alone; one that the body carries and the mask does not
    name is neither written nor checked.
    """
    allowed = resource.create if new else resource.update
    if not isinstance(body, dict):
        raise InvalidError("the body must be a JSON object")
    if unknown := body.keys() - allowed.keys() - resource.read_only:
        raise InvalidError(f"{min(unknown)} is not a known property")
    changed = dict(document)
    for name, value in body.items():
        if name in resource.read_only or (mask is not None and name not in mask):
            continue
        if value is None and (new or not writing.behaviour.null_clears):
            continue
        kept = None if value is None else allowed[name](value, name, writing)
        if kept is not None and resource is COMPANIES and name == "custom_fields":
            kept = _custom_fields(changed, value, kept, writing.behaviour)
        _put(resource, changed, name, kept)
    if new and (missing := resource.required - changed.keys()):
        raise InvalidError(f"{', '.join(sorted(missing))} must be given")
    if new and resource is CONTACTS and not any(changed.get(n) for n in _REACHABLE_BY):
        raise InvalidError(f"a contact needs at least one of {', '.join(_REACHABLE_BY)}")
    if writing.behaviour.reformat_phones:
        _reformat(changed, body.keys() if mask is None else body.keys() & set(mask))
    return changed


_REACHABLE_BY = ("email_addresses", "phone_numbers", "addresses")


def _custom_fields(document: Document, given: Any, kept: list[Document], behaviour: KeapBehaviour) -> list[Document]:
    if behaviour.company_custom_fields == "replace":
        return kept
    listed = {item["id"] for item in given}
    return [item for item in dicts(document.get("custom_fields")) if item.get("id") not in listed] + kept


def _put(resource: Resource, document: Document, name: str, value: Any) -> None:
    if value is None and name in resource.required:
        raise InvalidError(f"{name} must not be empty")
    if resource is PRODUCTS and name in INVENTORY:
        document["inventory"] = document = stock(document)
    if value is None:
        document.pop(name, None)
    else:
        document[name] = value


def _reformat(document: Document, written: AbstractSet[str]) -> None:
    region = home_region(document)
    for name in written & {"phone_numbers", "phone_number"}:
        value = document.get(name)
        for phone in dicts([value] if isinstance(value, dict) else value):
            phone["number"] = national(phone["number"], region)


def complete(document: Document) -> Document:
    """Adds what Keap derives from what is stored: long names of places, phone numbers in E.164."""
    for address in (*dicts(document.get("addresses")), *dicts([document.get("address")])):
        name_place(address)
    phones = (*dicts(document.get("phone_numbers")), *dicts([document.get("phone_number")]))
    region = home_region(document) if phones else "US"
    for phone in phones:
        number = phone.get("number")
        dialled = e164(number, region) if isinstance(number, str) else None
        if dialled is None:
            phone.pop("number_e164", None)
        else:
            phone["number_e164"] = dialled
    return document


def merged(winner: Document, loser: Document) -> Document:
    """The winner of a merge: what it lacks comes from the loser, slot by slot in its arrays."""
    result = dict(winner)
    for name, value in loser.items():
        if name in ("id", "create_time", "update_time"):
            continue
        mine = result.get(name)
        if mine is None or mine == []:
            result[name] = value
        elif isinstance(mine, list) and isinstance(value, list):
            taken = [_slot(item) for item in mine]
            result[name] = mine + [item for item in value if _slot(item) not in taken]
    return result


def _slot(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return next((item[key] for key in ("field", "id", "type") if key in item), item)
