"""What an update may name, for type checkers: a name that a record does not have is an error in the editor.

The records say the same; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypedDict

from keapbridge.model.maybe import Maybe

__all__ = ["ContactChanges", "CustomerChanges", "ProductChanges"]


class ContactChanges(TypedDict, total=False):
    """What `update` writes of a contact."""

    first_name: Maybe[str]
    middle_name: Maybe[str]
    last_name: Maybe[str]
    title: Maybe[str]
    suffix: Maybe[str]
    email: Maybe[str]
    email2: Maybe[str]
    phone: Maybe[str]
    mobile_phone: Maybe[str]
    fax: Maybe[str]
    job_title: Maybe[str]
    website: Maybe[str]
    birth_date: Maybe[date]
    customer_id: Maybe[str]
    street_address1: Maybe[str]
    street_address2: Maybe[str]
    zip_code: Maybe[str]
    city: Maybe[str]
    region: Maybe[str]
    country: Maybe[str]
    extra: Mapping[str, Any]


class CustomerChanges(TypedDict, total=False):
    """What `update` writes of a customer."""

    name: Maybe[str]
    description: Maybe[str]
    street_address1: Maybe[str]
    street_address2: Maybe[str]
    zip_code: Maybe[str]
    city: Maybe[str]
    region: Maybe[str]
    country: Maybe[str]
    phone: Maybe[str]
    fax: Maybe[str]
    email: Maybe[str]
    website: Maybe[str]
    extra: Mapping[str, Any]


class ProductChanges(TypedDict, total=False):
    """What `update` writes of a product."""

    name: Maybe[str]
    sku: Maybe[str]
    description: Maybe[str]
    short_description: Maybe[str]
    price: Maybe[Decimal]
    currency: Maybe[str]
    active: Maybe[bool]
    extra: Mapping[str, Any]
