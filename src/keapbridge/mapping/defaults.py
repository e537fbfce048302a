"""The default mappings: a superset of the properties that published dataflows synchronise for either system.

Keap's limits are those of its published contract, as KEAP's address and slot rules give them for BILLING, EMAIL1,
PHONE1–2 and FAX1.
"""

from __future__ import annotations

from keapbridge.customcrm import records as customcrm
from keapbridge.keap import records as keap
from keapbridge.mapping.declare import (
    address,
    boolean,
    date,
    email,
    fax,
    money,
    phone,
    reference,
    text,
)
from keapbridge.mapping.declared import Declared
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.match_keys import MatchKey, NearKey
from keapbridge.model.names import COMPANIES, CONTACTS, PRODUCTS
from keapbridge.model.side import Side

__all__ = ["companies", "contacts", "products"]

_BOTH = frozenset(Side)


def _mapper(
    name: str,
    customcrm_object: str,
    keap_object: str,
    types: tuple[type, type],
    lenses: tuple[Declared, ...],
    keys: tuple[MatchKey, ...],
    needs_any: dict[Side, tuple[str, ...]] | None = None,
    near: tuple[NearKey, ...] = (),
) -> Mapper:
    built = tuple(lens.build(*types) for lens in lenses)
    return Mapper(name, customcrm_object, keap_object, *types, built, keys, needs_any or {}, near)


companies = _mapper(
    COMPANIES,
    "Customer",
    "Companies",
    (customcrm.Customer, keap.Company),
    (
        text("Name", keap="company_name", required=_BOTH),
        text("Description", keap="notes"),
        *address("address"),
        email("Email", keap="email_address", max_length=75),
        phone("Phone", keap="phone_number", scope="Country"),
        fax("Fax", keap="fax_number", scope="Country"),
        text("Website", keap="website", on_too_long="error"),
    ),
    (MatchKey(("Name", "ZipCode")), MatchKey(("Name",), apart=("Country", "Email", "Phone"), strict=True)),
    near=(NearKey(("Phone",), apart=("Name",)), NearKey(("Name",), unless=("ZipCode", "Country", "Email"))),
)

products = _mapper(
    PRODUCTS,
    "Product",
    "Products",
    (customcrm.Product, keap.Product),
    (
        text("Name", keap="name", required=_BOTH),
        text("Sku", keap="sku", on_too_long="error"),
        text("Description", keap="description"),
        text("ShortDescription", keap="short_description", required=frozenset({Side.KEAP}), fallback="Name"),
        money("Price", currency="Currency", keap="price", required=frozenset({Side.KEAP})),
        boolean("Active", keap="active"),
    ),
    (MatchKey(("Sku",)), MatchKey(("Name",), apart=("Price",), strict=True)),
)

_REACHABLE = (
    "Email",
    "Email2",
    "Phone",
    "MobilePhone",
    "StreetAddress1",
    "StreetAddress2",
    "City",
    "ZipCode",
    "Country",
)

contacts = _mapper(
    CONTACTS,
    "Contact",
    "Contacts",
    (customcrm.Contact, keap.Contact),
    (
        text("FirstName", keap="given_name", max_length=40),
        text("MiddleName", keap="middle_name", max_length=100),
        text("LastName", keap="family_name", max_length=40),
        text("Title", keap="prefix"),
        text("Suffix", keap="suffix"),
        email("Email", keap="email_addresses.EMAIL1", max_length=75),
        email("Email2", keap="email_addresses.EMAIL2", max_length=100),
        *address("BILLING"),
        phone("Phone", keap="phone_numbers.PHONE1", scope="Country"),
        phone("MobilePhone", keap="phone_numbers.PHONE2", scope="Country"),
        fax("Fax", keap="fax_numbers.FAX1", scope="Country"),
        text("JobTitle", keap="job_title", max_length=255),
        text("Website", keap="website", max_length=100, on_too_long="error"),
        date("BirthDate", keap="birth_date"),
        reference("CustomerId", COMPANIES, keap="company.id"),
    ),
    (
        MatchKey(("Email",), apart=("FirstName", "LastName")),
        MatchKey(("FirstName", "LastName", "Phone"), apart=("BirthDate",), strict=True),
    ),
    {Side.KEAP: _REACHABLE},
    (
        NearKey(("Phone",), apart=("FirstName", "LastName"), unless=("BirthDate",)),
        NearKey(("FirstName", "LastName"), unless=("Email", "BirthDate")),
    ),
)
