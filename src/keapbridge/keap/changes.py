"""What an update may name, for type checkers: a name that a record does not have is an error in the editor.

The records say the same; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, TypedDict

from keapbridge.keap.records import (
    Address,
    BasicCompany,
    CustomFieldValue,
    EmailAddress,
    FaxNumber,
    Money,
    Origin,
    PhoneNumber,
    ProductInventory,
    SocialAccount,
)
from keapbridge.model.maybe import Maybe

__all__ = ["CompanyChanges", "ContactChanges", "ProductChanges"]


class ContactChanges(TypedDict, total=False):
    """What `update` writes of a contact."""

    given_name: Maybe[str]
    family_name: Maybe[str]
    middle_name: Maybe[str]
    preferred_name: Maybe[str]
    prefix: Maybe[str]
    suffix: Maybe[str]
    email_addresses: Maybe[Iterable[EmailAddress]]
    phone_numbers: Maybe[Iterable[PhoneNumber]]
    fax_numbers: Maybe[Iterable[FaxNumber]]
    addresses: Maybe[Iterable[Address]]
    social_accounts: Maybe[Iterable[SocialAccount]]
    custom_fields: Maybe[Iterable[CustomFieldValue]]
    company: Maybe[BasicCompany]
    job_title: Maybe[str]
    website: Maybe[str]
    birth_date: Maybe[date]
    anniversary_date: Maybe[date]
    spouse_name: Maybe[str]
    contact_type: Maybe[str]
    time_zone: Maybe[str]
    preferred_locale: Maybe[str]
    referral_code: Maybe[str]
    leadsource_id: Maybe[str]
    owner_id: Maybe[str]
    source_type: Maybe[str]
    origin: Maybe[Origin]
    assistant_name: Maybe[str]
    assistant_phone: Maybe[str]
    billing_information: Maybe[str]
    utm_parameters: Maybe[Iterable[Mapping[str, Any]]]


class CompanyChanges(TypedDict, total=False):
    """What `update` writes of a company."""

    company_name: Maybe[str]
    email_address: Maybe[EmailAddress]
    phone_number: Maybe[PhoneNumber]
    fax_number: Maybe[FaxNumber]
    address: Maybe[Address]
    website: Maybe[str]
    notes: Maybe[str]
    custom_fields: Maybe[Iterable[CustomFieldValue]]
    title: Maybe[str]
    first_name: Maybe[str]
    middle_name: Maybe[str]
    last_name: Maybe[str]
    suffix: Maybe[str]
    preferred_name: Maybe[str]
    job_title: Maybe[str]
    birth_date: Maybe[date]
    anniversary_date: Maybe[date]
    spouse_name: Maybe[str]
    assistant_name: Maybe[str]
    assistant_phone: Maybe[str]
    billing_information: Maybe[str]
    contact_type: Maybe[str]
    referral_code: Maybe[str]
    owner_id: Maybe[str]


class ProductChanges(TypedDict, total=False):
    """What `update` writes of a product."""

    name: Maybe[str]
    sku: Maybe[str]
    price: Maybe[Money]
    active: Maybe[bool]
    description: Maybe[str]
    short_description: Maybe[str]
    shippable: Maybe[bool]
    weight: Maybe[float]
    taxable: Maybe[bool]
    country_taxable: Maybe[bool]
    state_taxable: Maybe[bool]
    city_taxable: Maybe[bool]
    subscription_only: Maybe[bool]
    storefront_hidden: Maybe[bool]
    is_package: Maybe[bool]
    needs_digital_delivery: Maybe[bool]
    delivery_description: Maybe[str]
    top_html: Maybe[str]
    bottom_html: Maybe[str]
    inventory: Maybe[ProductInventory]
