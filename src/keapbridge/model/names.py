"""The three synchronizations by name, in their order: a contact refers to a company, so companies come first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast

__all__ = ["COMPANIES", "CONTACTS", "CUSTOMCRM_OBJECTS", "CUSTOMERS", "ORDER", "PRODUCTS", "Name", "as_name"]

COMPANIES: Final = "companies"
PRODUCTS: Final = "products"
CONTACTS: Final = "contacts"
Name = Literal["companies", "products", "contacts"]
"""One of them, for type checkers."""
ORDER: Final = (COMPANIES, PRODUCTS, CONTACTS)

CUSTOMERS: Final = "customers"
CUSTOMCRM_OBJECTS: Final[Mapping[str, str]] = {COMPANIES: CUSTOMERS, PRODUCTS: PRODUCTS, CONTACTS: CONTACTS}
"""Synchronization → what Customcrm calls its records. Keap calls them as the synchronization is called."""


def as_name(given: str) -> Name:
    """A name that is kept or told, as a session takes it again, in `explain` and its like.

    Nothing is checked: a synchronization that is none of the three has a name of its own.
    """
    return cast("Name", given)
