"""The default mappings: a superset of the properties that published dataflows synchronise for either system.

Keap's limits are those of its published contract, as KEAP's address and slot rules give them for BILLING, EMAIL1,
PHONE1–2 and FAX1.
"""

from __future__ import annotations

from collections.abc import Mapping

from keapbridge._side import Side
from keapbridge.customcrm import models as customcrm
from keapbridge.errors import MappingError
from keapbridge.keap import models as keap
from keapbridge.keap.fields import LONGEST_TEXT
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.kinds import (
    Boolean,
    Canonical,
    Choice,
    Choices,
    Country,
    Date,
    DateTime,
    Email,
    Fax,
    Integer,
    Kind,
    Money,
    Number,
    OptOut,
    Phone,
    Reference,
    Region,
    Text,
)
from keapbridge.mapping.lens import Direction
from keapbridge.mapping.mapper import Declared, Mapper, MatchKey

__all__ = [
    "boolean",
    "choice",
    "choices",
    "companies",
    "contacts",
    "country",
    "date",
    "date_time",
    "decimal",
    "email",
    "fax",
    "integer",
    "money",
    "opt_out",
    "phone",
    "products",
    "reference",
    "region",
    "text",
]


def _declare(
    name: str,
    kind: Kind,
    keap: str | NamedField,
    keap_type: str,
    *,
    direction: Direction = "both",
    max_length: int | None = None,
    scope: str | None = None,
    as_name: str | None = None,
    required: frozenset[Side] = frozenset(),
    fallback: str | None = None,
    policy: str | None = None,
    opt_in_reason: str | None = None,
) -> Declared:
    if isinstance(keap, NamedField):
        shown = keap_type if keap.type is None else keap.type.lower().replace("_", " ")
        keap_type = f"custom field ({shown})"
    options: dict[str, object] = {
        "keap_type": keap_type,
        "direction": direction,
        "limits": {} if max_length is None else {Side.KEAP: max_length},
        "scope": scope,
        "required": required,
        "fallback": fallback,
        "policy": policy,
        "opt_in_reason": opt_in_reason,
    }
    if as_name:
        options["as_name"] = as_name
    return Declared(name, kind, keap, options)


def text(
    name: str,
    *,
    keap: str | NamedField,
    max_length: int | None = None,
    on_too_long: str = "truncate",
    direction: Direction = "both",
    required: frozenset[Side] = frozenset(),
    fallback: str | None = None,
    policy: str | None = None,
) -> Declared:
    """A text.

    Args:
        name: the Customcrm property.
        keap: the Keap property (`given_name`, `addresses.BILLING.line1`), or a custom field (`kb.custom_field(…)`).
        max_length: the most characters that Keap holds.
        on_too_long: `"truncate"` what is written to Keap (the whole stays in Customcrm), or `"error"`: write nothing.
    """
    kind = Text(on_too_long)
    if max_length is None and isinstance(keap, NamedField):
        max_length = LONGEST_TEXT
    return _declare(
        name, kind, keap, "string", max_length=max_length, direction=direction, required=required, fallback=fallback,
        policy=policy,
    )  # fmt: skip


def email(
    name: str,
    *,
    keap: str | NamedField,
    max_length: int | None = None,
    direction: Direction = "both",
    opt_in_reason: str | None = None,
) -> Declared:
    """An e-mail address.

    Args:
        opt_in_reason: why its owner may be written to (`"Signed up on our site"`). It is said to Keap once, with an
            address that the sync makes or changes there, unless the address or the one it takes the place of is opted
            out; without it a sync says nothing about consent. Whether a new address is opted out costs a call.
    """
    return _declare(
        name, Email(), keap, "string (e-mail)", max_length=max_length, direction=direction, opt_in_reason=opt_in_reason
    )  # fmt: skip


def opt_out(name: str, *, keap: str, direction: Direction = "to_customcrm") -> Declared:
    """Whether an e-mail address is opted out in Keap, as a boolean of Customcrm: one way, and never taken back.

    Args:
        keap: the address (`email_addresses.EMAIL1`).

    Raises:
        MappingError: for any other direction than `"to_customcrm"`.
    """
    if direction != "to_customcrm":
        raise MappingError(f"{name}: what Keap says of consent can only be read: direction='to_customcrm'")
    place = f"{keap}.email_opt_status"
    return _declare(name, OptOut(), place, "string (status of an e-mail address)", direction=direction)


def phone(name: str, *, keap: str | NamedField, scope: str | None = None, direction: Direction = "both") -> Declared:
    """A phone number; `scope` names the country field that numbers without a prefix belong to."""
    return _declare(name, Phone(), keap, "string (phone number)", scope=scope, max_length=40, direction=direction)


def fax(name: str, *, keap: str | NamedField, scope: str | None = None, direction: Direction = "both") -> Declared:
    """A fax number."""
    return _declare(name, Fax(), keap, "string (phone number)", scope=scope, max_length=40, direction=direction)


def country(name: str, *, keap: str, direction: Direction = "both") -> Declared:
    """A country."""
    return _declare(name, Country(), keap, "string (ISO 3166-1 alpha-3)", direction=direction)


def region(name: str, *, keap: str, scope: str, direction: Direction = "both") -> Declared:
    """A state or province; `scope` names the country field it belongs to."""
    return _declare(name, Region(), keap, "string (ISO 3166-2)", scope=scope, direction=direction)


def date(name: str, *, keap: str | NamedField, direction: Direction = "both") -> Declared:
    """A date without time."""
    return _declare(name, Date(), keap, "date", direction=direction)


def date_time(name: str, *, keap: str | NamedField, direction: Direction = "both") -> Declared:
    """A moment, to the millisecond."""
    return _declare(name, DateTime(), keap, "date and time", direction=direction)


def boolean(name: str, *, keap: str | NamedField, direction: Direction = "both") -> Declared:
    """Yes or no."""
    return _declare(name, Boolean(), keap, "boolean", direction=direction)


def integer(name: str, *, keap: str | NamedField, direction: Direction = "both") -> Declared:
    """A whole number."""
    return _declare(name, Integer(), keap, "integer", direction=direction)


def decimal(name: str, *, keap: str | NamedField, direction: Direction = "both") -> Declared:
    """A number with decimals."""
    return _declare(name, Number(), keap, "number", direction=direction)


def choice(
    name: str,
    values: Mapping[Canonical, str | int | bool],
    *,
    keap: str | NamedField,
    direction: Direction = "both",
    policy: str | None = None,
) -> Declared:
    """One of a few values that the two systems call by different names.

    Args:
        values: Customcrm's value → Keap's (`{"S": "Small", "L": "Large"}`). What is not in it is reported and
            left alone.

    Raises:
        MappingError: when two values of one system share one of the other.
    """
    return _declare(name, Choice(values), keap, "one of a few values", direction=direction, policy=policy)


def choices(
    name: str,
    values: Mapping[str, str] | None = None,
    *,
    keap: str | NamedField,
    separator: str | None = None,
    direction: Direction = "both",
) -> Declared:
    """Several texts in no order, such as the options of a list box.

    Args:
        values: Customcrm's text → Keap's; left out where both use the same.
        separator: what stands between the texts in Customcrm (`","`), where it keeps them in one; by default it keeps a
            list.

    Raises:
        MappingError: when two texts of one system share one of the other.
    """
    return _declare(name, Choices(values or {}, separator), keap, "list of strings", direction=direction)


def money(
    name: str, *, currency: str, keap: str, direction: Direction = "both", required: frozenset[Side] = frozenset()
) -> Declared:
    """An amount in the property `name` with its currency in the property `currency`."""
    return _declare(
        f"{name}+{currency}", Money(), keap, "integer (smallest unit of the currency)", as_name=name,
        direction=direction, required=required,
    )  # fmt: skip


def reference(name: str, object: str, *, keap: str, direction: Direction = "both") -> Declared:
    """A reference to a record of another synchronization."""
    return _declare(name, Reference(object), keap, f"string (id of one of the {object})", direction=direction)


_BOTH = frozenset(Side)


def _address(container: str) -> tuple[Declared, ...]:
    return (
        country("Country", keap=f"{container}.country_code"),
        region("Region", keap=f"{container}.region_code", scope="Country"),
        text("StreetAddress1", keap=f"{container}.line1", max_length=75),
        text("StreetAddress2", keap=f"{container}.line2", max_length=75),
        text("City", keap=f"{container}.locality", max_length=50),
        text("ZipCode", keap=f"{container}.postal_code", max_length=15, on_too_long="error"),
    )


def _mapper(
    name: str,
    customcrm_object: str,
    keap_object: str,
    types: tuple[type, type],
    lenses: tuple[Declared, ...],
    keys: tuple[MatchKey, ...],
    needs_any: dict[Side, tuple[str, ...]] | None = None,
) -> Mapper:
    built = tuple(lens.build(*types) for lens in lenses)
    return Mapper(name, customcrm_object, keap_object, *types, built, keys, needs_any or {})


companies = _mapper(
    "companies",
    "Customer",
    "Companies",
    (customcrm.Customer, keap.Company),
    (
        text("Name", keap="company_name", required=_BOTH),
        text("Description", keap="notes"),
        *_address("address"),
        email("Email", keap="email_address", max_length=75),
        phone("Phone", keap="phone_number", scope="Country"),
        fax("Fax", keap="fax_number", scope="Country"),
        text("Website", keap="website", on_too_long="error"),
    ),
    (MatchKey(("Name", "ZipCode")), MatchKey(("Name",), apart=("Country", "Email", "Phone"), strict=True)),
)

products = _mapper(
    "products",
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
    "contacts",
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
        *_address("addresses.BILLING"),
        phone("Phone", keap="phone_numbers.PHONE1", scope="Country"),
        phone("MobilePhone", keap="phone_numbers.PHONE2", scope="Country"),
        fax("Fax", keap="fax_numbers.FAX1", scope="Country"),
        text("JobTitle", keap="job_title", max_length=255),
        text("Website", keap="website", max_length=100, on_too_long="error"),
        date("BirthDate", keap="birth_date"),
        reference("CustomerId", "companies", keap="company.id"),
    ),
    (
        MatchKey(("Email",), apart=("FirstName", "LastName")),
        MatchKey(("FirstName", "LastName", "Phone"), apart=("BirthDate",), strict=True),
    ),
    {Side.KEAP: _REACHABLE},
)
