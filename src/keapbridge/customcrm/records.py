"""Customcrm's records, as the default REST profile has them.

Attributes are snake_case here and PascalCase on the wire (`street_address1` ↔ `StreetAddress1`). Every field defaults
to `UNSET` (unknown), which is not `None` (known to be empty). `extra` holds the host's own properties under their wire
names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import frozen

from keapbridge._json.codec import NO_EXTRA, brief
from keapbridge.model.given import keywords
from keapbridge.model.maybe import UNSET, Maybe
from keapbridge.tables.display import card

__all__ = ["Contact", "Customer", "Product", "SavedContact", "SavedCustomer", "SavedProduct", "wire_name"]

Extra = Mapping[str, Any]
AS_KEAP: Mapping[str, str] = {
    "given_name": "first_name",
    "family_name": "last_name",
    "company_name": "name",
    "email_address": "email",
    "email_addresses": "email",
    "phone_number": "phone",
    "phone_numbers": "phone",
    "fax_number": "fax",
    "company": "customer_id",
    "company_id": "customer_id",
    "postal_code": "zip_code",
    "locality": "city",
}
"""What Keap calls the same."""


@cache
def wire_name(attribute: str) -> str:
    """`street_address1` → `StreetAddress1`."""
    return "ETag" if attribute == "etag" else "".join(part.capitalize() for part in attribute.split("_"))


@keywords(AS_KEAP)
@frozen(kw_only=True)
class Contact:
    """A person. `customer_id` refers to the customer they belong to."""

    id: Maybe[str] = UNSET
    first_name: Maybe[str] = UNSET
    middle_name: Maybe[str] = UNSET
    last_name: Maybe[str] = UNSET
    title: Maybe[str] = UNSET
    suffix: Maybe[str] = UNSET
    email: Maybe[str] = UNSET
    email2: Maybe[str] = UNSET
    phone: Maybe[str] = UNSET
    mobile_phone: Maybe[str] = UNSET
    fax: Maybe[str] = UNSET
    job_title: Maybe[str] = UNSET
    website: Maybe[str] = UNSET
    birth_date: Maybe[date] = UNSET
    customer_id: Maybe[str] = UNSET
    street_address1: Maybe[str] = UNSET
    street_address2: Maybe[str] = UNSET
    zip_code: Maybe[str] = UNSET
    city: Maybe[str] = UNSET
    region: Maybe[str] = UNSET
    country: Maybe[str] = UNSET
    created_at: Maybe[datetime] = UNSET
    updated_at: Maybe[datetime] = UNSET
    etag: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief
    _repr_html_ = card


@keywords(AS_KEAP)
@frozen(kw_only=True)
class Customer:
    """An organisation."""

    id: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    description: Maybe[str] = UNSET
    street_address1: Maybe[str] = UNSET
    street_address2: Maybe[str] = UNSET
    zip_code: Maybe[str] = UNSET
    city: Maybe[str] = UNSET
    region: Maybe[str] = UNSET
    country: Maybe[str] = UNSET
    phone: Maybe[str] = UNSET
    fax: Maybe[str] = UNSET
    email: Maybe[str] = UNSET
    website: Maybe[str] = UNSET
    created_at: Maybe[datetime] = UNSET
    updated_at: Maybe[datetime] = UNSET
    etag: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief
    _repr_html_ = card


@keywords(AS_KEAP)
@frozen(kw_only=True)
class Product:
    """Something that is sold. `price` is in major units (`Decimal("12.50")`) of `currency` (ISO 4217)."""

    id: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    sku: Maybe[str] = UNSET
    description: Maybe[str] = UNSET
    short_description: Maybe[str] = UNSET
    price: Maybe[Decimal] = UNSET
    currency: Maybe[str] = UNSET
    active: Maybe[bool] = UNSET
    created_at: Maybe[datetime] = UNSET
    updated_at: Maybe[datetime] = UNSET
    etag: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief
    _repr_html_ = card


if TYPE_CHECKING:
    # A record that a system has answered has an id: that is all there is to know, so it is no class of its own.
    class SavedContact(Contact):
        """`Contact` as its system answers it."""

        id: str

    class SavedCustomer(Customer):
        """`Customer` as its system answers it."""

        id: str

    class SavedProduct(Product):
        """`Product` as its system answers it."""

        id: str
else:
    SavedContact = Contact
    SavedCustomer = Customer
    SavedProduct = Product
