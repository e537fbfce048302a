"""Keap's records: contacts, companies and products as REST v2 reads and writes them.

Every field defaults to `UNSET` (not asked for, unknown), which is not `None` (known to be empty). `extra` holds what
the server sent and this version does not know, so that it survives reading, changing and writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from keapbridge._json.codec import NO_EXTRA, WRITE_ONLY, brief
from keapbridge.keap.product_parts import (
    FixedOption,
    Money,
    ProductInventory,
    ProductOption,
    SubscriptionPlan,
    VariableSetting,
    as_tuple,
)
from keapbridge.model.given import keywords
from keapbridge.model.maybe import UNSET, Maybe, UnsetType
from keapbridge.tables.display import card

__all__ = [
    "READ_ONLY",
    "Address",
    "BasicCompany",
    "Company",
    "Contact",
    "CustomFieldValue",
    "EmailAddress",
    "FaxNumber",
    "FixedOption",
    "Link",
    "Money",
    "Origin",
    "PhoneNumber",
    "Product",
    "ProductInventory",
    "ProductOption",
    "SavedCompany",
    "SavedContact",
    "SavedProduct",
    "SocialAccount",
    "SubscriptionPlan",
    "VariableSetting",
]

Extra = Mapping[str, Any]
AS_CUSTOMCRM: Mapping[str, str] = {
    "first_name": "given_name",
    "last_name": "family_name",
    "name": "company_name",
    "email": "email_addresses",
    "phone": "phone_numbers",
    "fax": "fax_numbers",
    "customer_id": "company",
    "company_id": "company",
    "zip_code": "postal_code",
    "city": "locality",
}
"""What Customcrm calls the same."""


@keywords()
@frozen
class EmailAddress:
    """An e-mail address in one of the slots EMAIL1 to EMAIL3.

    `opt_in_reason` is written only; `is_opt_in` and `email_opt_status` are read only.
    """

    email: Maybe[str] = UNSET
    field: Maybe[str] = UNSET
    opt_in_reason: Maybe[str] = attrs.field(default=UNSET, metadata=WRITE_ONLY)
    is_opt_in: Maybe[bool] = UNSET
    email_opt_status: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@keywords()
@frozen
class PhoneNumber:
    """A phone number in one of the slots PHONE1 to PHONE5; `number_e164` is read only."""

    number: Maybe[str] = UNSET
    field: Maybe[str] = UNSET
    type: Maybe[str] = UNSET
    extension: Maybe[str] = UNSET
    number_e164: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@keywords()
@frozen
class FaxNumber:
    """A fax number in one of the slots FAX1 and FAX2."""

    number: Maybe[str] = UNSET
    field: Maybe[str] = UNSET
    type: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@keywords(AS_CUSTOMCRM)
@frozen
class Address:
    """A postal address: BILLING, SHIPPING or OTHER. Countries are ISO 3166-1 alpha-3, regions ISO 3166-2 codes."""

    line1: Maybe[str] = UNSET
    line2: Maybe[str] = UNSET
    locality: Maybe[str] = UNSET
    postal_code: Maybe[str] = UNSET
    zip_code: Maybe[str] = UNSET
    zip_four: Maybe[str] = UNSET
    region_code: Maybe[str] = UNSET
    region: Maybe[str] = UNSET
    country_code: Maybe[str] = UNSET
    country: Maybe[str] = UNSET
    field: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@keywords()
@frozen
class SocialAccount:
    """A social account, one of each type (`FACEBOOK`, `LINKED_IN`, …)."""

    name: Maybe[str] = UNSET
    type: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@keywords()
@frozen
class CustomFieldValue:
    """The value of a custom field; its type is told by the model of the record type."""

    id: Maybe[str] = UNSET
    content: Any = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@keywords()
@frozen
class BasicCompany:
    """The company of a contact."""

    id: Maybe[str] = UNSET
    company_name: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@frozen
class Origin:
    """Where a contact came from."""

    date: Maybe[str] = UNSET
    ip_address: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@frozen
class Link:
    """Another contact that a contact is linked with; read only."""

    id: Maybe[str] = UNSET
    linked_contact_id: Maybe[str] = UNSET
    link_type_id: Maybe[str] = UNSET
    link_type_name: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@keywords(AS_CUSTOMCRM)
@frozen(kw_only=True)
class Contact:
    """A person.

    `utm_parameters` are read as Keap shows them (`utmSource`, …), one for each touch; written is one, in the words of
    writes: `[{"keap_source_id": "7", "utm_source": "google"}]`.
    """

    id: Maybe[str] = UNSET
    given_name: Maybe[str] = UNSET
    family_name: Maybe[str] = UNSET
    middle_name: Maybe[str] = UNSET
    preferred_name: Maybe[str] = UNSET
    prefix: Maybe[str] = UNSET
    suffix: Maybe[str] = UNSET
    email_addresses: tuple[EmailAddress, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    phone_numbers: tuple[PhoneNumber, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    fax_numbers: tuple[FaxNumber, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    addresses: tuple[Address, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    social_accounts: tuple[SocialAccount, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    custom_fields: tuple[CustomFieldValue, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    company: Maybe[BasicCompany] = UNSET
    job_title: Maybe[str] = UNSET
    website: Maybe[str] = UNSET
    birth_date: Maybe[date] = UNSET
    anniversary_date: Maybe[date] = UNSET
    spouse_name: Maybe[str] = UNSET
    contact_type: Maybe[str] = UNSET
    time_zone: Maybe[str] = UNSET
    preferred_locale: Maybe[str] = UNSET
    referral_code: Maybe[str] = UNSET
    leadsource_id: Maybe[str] = UNSET
    owner_id: Maybe[str] = UNSET
    source_type: Maybe[str] = UNSET
    origin: Maybe[Origin] = UNSET
    assistant_name: Maybe[str] = UNSET
    assistant_phone: Maybe[str] = UNSET
    billing_information: Maybe[str] = UNSET
    utm_parameters: tuple[Mapping[str, Any], ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    score_value: Maybe[str] = UNSET
    tag_ids: tuple[str, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    groups: Maybe[str] = UNSET
    links: tuple[Link, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    account_id: Maybe[str] = UNSET
    created_by: Maybe[str] = UNSET
    last_updated_by: Maybe[str] = UNSET
    create_time: Maybe[datetime] = UNSET
    update_time: Maybe[datetime] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief
    _repr_html_ = card


@keywords(AS_CUSTOMCRM)
@frozen(kw_only=True)
class Company:
    """A company. Unlike a contact it has one address, one e-mail address, one phone and one fax number.

    The names and dates are those of the record that Keap keeps for a company, which is of the same kind as a contact.
    """

    id: Maybe[str] = UNSET
    company_name: Maybe[str] = UNSET
    email_address: Maybe[EmailAddress] = UNSET
    phone_number: Maybe[PhoneNumber] = UNSET
    fax_number: Maybe[FaxNumber] = UNSET
    address: Maybe[Address] = UNSET
    website: Maybe[str] = UNSET
    notes: Maybe[str] = UNSET
    custom_fields: tuple[CustomFieldValue, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    title: Maybe[str] = UNSET
    first_name: Maybe[str] = UNSET
    middle_name: Maybe[str] = UNSET
    last_name: Maybe[str] = UNSET
    suffix: Maybe[str] = UNSET
    preferred_name: Maybe[str] = UNSET
    job_title: Maybe[str] = UNSET
    birth_date: Maybe[date] = UNSET
    anniversary_date: Maybe[date] = UNSET
    spouse_name: Maybe[str] = UNSET
    assistant_name: Maybe[str] = UNSET
    assistant_phone: Maybe[str] = UNSET
    billing_information: Maybe[str] = UNSET
    contact_type: Maybe[str] = UNSET
    referral_code: Maybe[str] = UNSET
    owner_id: Maybe[str] = UNSET
    groups: Maybe[str] = UNSET
    account_id: Maybe[str] = UNSET
    created_by: Maybe[str] = UNSET
    last_updated_by: Maybe[str] = UNSET
    create_time: Maybe[datetime] = UNSET
    update_time: Maybe[datetime] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief
    _repr_html_ = card


@keywords(AS_CUSTOMCRM)
@frozen(kw_only=True)
class Product:
    """A product. Its price is read as `Money` and written in the smallest unit; the currency is the application's."""

    id: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    sku: Maybe[str] = UNSET
    price: Maybe[Money] = UNSET
    active: Maybe[bool] = UNSET
    description: Maybe[str] = UNSET
    short_description: Maybe[str] = UNSET
    shippable: Maybe[bool] = UNSET
    weight: Maybe[float] = UNSET
    taxable: Maybe[bool] = UNSET
    country_taxable: Maybe[bool] = UNSET
    state_taxable: Maybe[bool] = UNSET
    city_taxable: Maybe[bool] = UNSET
    subscription_only: Maybe[bool] = UNSET
    storefront_hidden: Maybe[bool] = UNSET
    is_package: Maybe[bool] = UNSET
    needs_digital_delivery: Maybe[bool] = UNSET
    delivery_description: Maybe[str] = UNSET
    top_html: Maybe[str] = UNSET
    bottom_html: Maybe[str] = UNSET
    has_legacy_image: Maybe[bool] = UNSET
    categories: tuple[str, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    options: tuple[ProductOption, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    subscription_plans: tuple[SubscriptionPlan, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    inventory: Maybe[ProductInventory] = UNSET
    create_time: Maybe[datetime] = UNSET
    update_time: Maybe[datetime] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief
    _repr_html_ = card


_OF_ALL = frozenset({"id", "create_time", "update_time"})
_OF_PEOPLE = _OF_ALL | {"account_id", "created_by", "groups", "last_updated_by"}
READ_ONLY: Mapping[type, frozenset[str]] = {
    Contact: _OF_PEOPLE | {"links", "score_value", "tag_ids"},
    Company: _OF_PEOPLE,
    Product: _OF_ALL | {"categories", "has_legacy_image", "options", "subscription_plans"},
}
"""What Keap alone says of a record: no write takes it."""

if TYPE_CHECKING:
    # A record that a system has answered has an id: that is all there is to know, so it is no class of its own.
    class SavedContact(Contact):
        """`Contact` as its system answers it."""

        id: str

    class SavedCompany(Company):
        """`Company` as its system answers it."""

        id: str

    class SavedProduct(Product):
        """`Product` as its system answers it."""

        id: str
else:
    SavedContact = Contact
    SavedCompany = Company
    SavedProduct = Product
