"""Keap's objects as data: what a request may carry and what an answer shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from keapbridge.testing.keap._checks import (
    Check,
    InvalidError,
    Writing,
    boolean,
    day,
    email,
    identifier,
    many,
    one_of,
    price,
    scalars,
    text,
    weight,
    whole,
)
from keapbridge.testing.keap._documents import Document, in_part, in_slot, string, words
from keapbridge.testing.keap._fields import custom_value
from keapbridge.testing.keap._places import check_place
from keapbridge.testing.keap._slots import (
    ADDRESS_SLOTS,
    EMAIL_ITEM,
    EMAIL_SLOTS,
    FAX_SLOTS,
    PHONE_ITEM,
    PHONE_SLOTS,
    slotted,
)


def _company(value: Any, path: str, writing: Writing) -> Document | None:
    if not isinstance(value, dict) or (value and not isinstance(value.get("id"), str)):
        raise InvalidError(f"{path}.id is required")
    if unknown := value.keys() - {"id", "company_name"}:
        raise InvalidError(f"{path}.{min(unknown)} is not a known property")
    if not value.get("id"):
        return None
    if not writing.company_exists(value["id"]):
        raise InvalidError(f"{path}.id is not the id of a company")
    return {"id": value["id"]}


_UTM_NAMES = {
    "keap_source_id": "keapSourceId",
    "utm_source": "utmSource",
    "utm_medium": "utmMedium",
    "utm_term": "utmTerm",
    "utm_campaign": "utmCampaign",
    "utm_content": "utmContent",
}


def _utm(value: Any, path: str, writing: Writing) -> list[Document] | None:
    if isinstance(value, list):
        # It is answered as an array, in other words than it is written in: what comes back is left alone.
        return value or None
    given = scalars(dict.fromkeys(_UTM_NAMES, text()), required=("keap_source_id",))(value, path, writing)
    return [{"id": 1, "firstTouch": True, "lastTouch": True} | {_UTM_NAMES[k]: v for k, v in given.items()}]


_SOURCE_TYPES = words(
    "SOURCE_TYPE_UNSPECIFIED API APPOINTMENT FORM_API_HOSTED FORM_API_INTERNAL IMPORT INTERNAL_FORM LANDING_PAGE "
    "MANUAL OTHER UNKNOWN WEBFORM"
)
_SOCIAL_TYPES = words("SOCIAL_ACCOUNT_TYPE_UNSPECIFIED FACEBOOK LINKED_IN TWITTER INSTAGRAM SNAPCHAT YOUTUBE PINTEREST")

# --- the three objects ----------------------------------------------------------------------------------------------


@attrs.frozen
class Resource:
    """One of Keap's objects.

    Attributes:
        name: Its path segment and the key of its list answers.
        create: What a POST may carry.
        update: What a PATCH may carry.
        required: What a POST must carry, and what nothing clears.
        read_only: What a body may carry back without effect.
        fields: What `fields` may ask for; empty where there is no such parameter.
        omitted: What an answer leaves out unless `fields` asks for it.
        few: What it shows without `fields` where Keap shows little of a record; empty where the contract tells what.
        mask: What `update_mask` may name.
        defaults: What an answer shows where nothing is stored.
        keys: The columns of its table: what it may be ordered or searched by, beside the id and the times.
        orders: What `order_by` may name, and its column.
        record_type: The name of the object in the answers about custom fields.
        first_id: Where ids start; apart, so that a mixed-up id is not found rather than found by accident.
    """

    name: str
    create: Mapping[str, Check]
    update: Mapping[str, Check]
    required: frozenset[str]
    read_only: frozenset[str]
    fields: frozenset[str]
    omitted: frozenset[str]
    mask: frozenset[str]
    defaults: Mapping[str, Any]
    keys: Mapping[str, Callable[[Document], str]]
    orders: Mapping[str, str]
    record_type: str
    first_id: int
    few: frozenset[str] = frozenset()


_names = text(40)
_long_names = text(100)

_CONTACT: dict[str, Check] = {
    "addresses": many(slotted(ADDRESS_SLOTS, then=check_place), key="field", what="field"),
    "anniversary_date": day,
    "assistant_name": text(20),
    "assistant_phone": text(15),
    "billing_information": text(100),
    "birth_date": day,
    "company": _company,
    "contact_type": text(),
    "custom_fields": many(custom_value, key="id", what="custom field"),
    "email_addresses": many(slotted(EMAIL_SLOTS, **EMAIL_ITEM), key="field", what="field"),  # type: ignore[arg-type]
    "family_name": _names,
    "fax_numbers": many(slotted(FAX_SLOTS, needs="number"), key="field", what="field"),
    "given_name": _names,
    "job_title": text(255),
    "leadsource_id": identifier,
    "middle_name": _long_names,
    "origin": scalars({"ip_address": text()}, ignored=("date",)),
    "owner_id": identifier,
    "phone_numbers": many(slotted(PHONE_SLOTS, **PHONE_ITEM), key="field", what="field"),  # type: ignore[arg-type]
    "preferred_locale": text(),
    "preferred_name": _long_names,
    "prefix": text(),
    "referral_code": text(),
    "social_accounts": many(
        scalars({"name": text(255), "type": one_of(*_SOCIAL_TYPES)}, required=("type",)), key="type", what="type"
    ),
    "source_type": one_of(*_SOURCE_TYPES),
    "spouse_name": _long_names,
    "suffix": text(),
    "time_zone": text(),
    "utm_parameters": _utm,
    "website": _long_names,
}
_CONTACT_READ_ONLY = frozenset(
    words("account_id create_time created_by groups id last_updated_by links notes score_value tag_ids update_time")
)
_CONTACT_ALWAYS = frozenset(
    words(
        "addresses company create_time email_addresses family_name given_name id middle_name owner_id phone_numbers "
        "score_value tag_ids update_time"
    )
)
_CONTACT_FEW = frozenset({"id", "given_name", "family_name"})
_CONTACT_FIELDS = frozenset(_CONTACT) | _CONTACT_READ_ONLY
_CONTACT_LISTS = words(
    "addresses custom_fields email_addresses fax_numbers links phone_numbers social_accounts tag_ids utm_parameters"
)

CONTACTS = Resource(
    name="contacts",
    create=_CONTACT,
    update=_CONTACT,
    required=frozenset(),
    read_only=_CONTACT_READ_ONLY,
    fields=_CONTACT_FIELDS,
    omitted=_CONTACT_FIELDS - _CONTACT_ALWAYS,
    mask=_CONTACT_FIELDS,
    defaults={name: [] for name in _CONTACT_LISTS},
    keys={
        "email": lambda d: in_slot(d.get("email_addresses"), "EMAIL1", "email"),
        "company_id": lambda d: in_part(d, "company", "id"),
    },
    orders={"id": "id", "create_time": "create_time", "email": "email", "update_time": "update_time"},
    record_type="CONTACT",
    first_id=1,
    few=_CONTACT_FEW,
)

_COMPANY: dict[str, Check] = {
    "address": slotted(ADDRESS_SLOTS, default="BILLING", then=check_place),
    "anniversary_date": day,
    "assistant_name": text(),
    "assistant_phone": text(),
    "billing_information": text(),
    "birth_date": day,
    "company_name": text(required=True),
    "contact_type": text(),
    "custom_fields": many(custom_value, key="id", what="custom field"),
    "email_address": slotted(EMAIL_SLOTS, default="EMAIL1", **EMAIL_ITEM),  # type: ignore[arg-type]
    "fax_number": slotted(FAX_SLOTS, needs="number", default="FAX1"),
    "first_name": text(),
    "job_title": text(),
    "last_name": text(),
    "middle_name": text(),
    "notes": text(),
    "owner_id": identifier,
    "phone_number": slotted(PHONE_SLOTS, default="PHONE1", **PHONE_ITEM),  # type: ignore[arg-type]
    "preferred_name": text(),
    "referral_code": text(),
    "spouse_name": text(),
    "suffix": text(),
    "title": text(),
    "website": text(),
}
_COMPANY_READ_ONLY = frozenset(words("account_id create_time created_by groups id last_updated_by update_time"))

COMPANIES = Resource(
    name="companies",
    create=_COMPANY,
    update=_COMPANY,
    required=frozenset({"company_name"}),
    read_only=_COMPANY_READ_ONLY,
    fields=frozenset(_COMPANY) | _COMPANY_READ_ONLY,
    omitted=frozenset(
        words("address create_time custom_fields email_address fax_number notes phone_number update_time")
    ),
    mask=frozenset(_COMPANY) | _COMPANY_READ_ONLY,
    defaults={"custom_fields": []},
    keys={
        "name": lambda d: string(d.get("company_name")),
        "email": lambda d: in_part(d, "email_address", "email"),
    },
    orders={"id": "id", "create_time": "create_time", "name": "name", "email": "email"},
    record_type="COMPANY",
    first_id=500_001,
)

_INT32 = 2**31 - 1
INVENTORY: dict[str, Check] = {
    "email_for_inventory_notifications": email(255),
    "inventory_limit": whole(_INT32),
    "out_of_stock_enabled": boolean,
}
_PRODUCT_FLAGS = words(
    "active city_taxable country_taxable is_package needs_digital_delivery shippable state_taxable storefront_hidden "
    "subscription_only taxable"
)
_PRODUCT_TEXTS = words("bottom_html delivery_description description sku top_html")
_PRODUCT: dict[str, Check] = {
    **dict.fromkeys(_PRODUCT_FLAGS, boolean),
    **dict.fromkeys(_PRODUCT_TEXTS, text()),
    "name": text(required=True),
    "price": price,
    "short_description": text(required=True),
    "weight": weight,
}
_PRODUCT_LISTS = ("categories", "options", "subscription_plans")
_STOCK = {"inventory_count": 0, "inventory_limit": 0, "out_of_stock_enabled": False}

PRODUCTS = Resource(
    name="products",
    create=_PRODUCT | {"inventory": scalars(INVENTORY | {"inventory_count": whole(_INT32)})},
    update=_PRODUCT | INVENTORY,
    required=frozenset({"name", "price", "short_description"}),
    read_only=frozenset({"id", "create_time", "update_time", "has_legacy_image", *_PRODUCT_LISTS}),
    fields=frozenset(),
    omitted=frozenset(),
    mask=frozenset(_PRODUCT) | frozenset(INVENTORY),
    defaults={
        **dict.fromkeys(_PRODUCT_FLAGS, False),
        **{name: [] for name in _PRODUCT_LISTS},
        "active": True,
        "has_legacy_image": False,
        "inventory": _STOCK,
    },
    keys={"name": lambda d: string(d.get("name")), "sku": lambda d: string(d.get("sku"))},
    orders={"name": "name", "sku": "sku", "last_updated_time": "update_time"},
    record_type="",
    first_id=900_001,
)

RESOURCES = (CONTACTS, COMPANIES, PRODUCTS)


def stock(product: Document) -> Document:
    """A copy of a product's inventory, complete."""
    inventory = product.get("inventory")
    return _STOCK | inventory if isinstance(inventory, dict) else dict(_STOCK)
