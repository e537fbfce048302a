"""The three synchronizations by name, in their order: a contact refers to a company, so companies come first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

__all__ = ["COMPANIES", "CONTACTS", "CUSTOMCRM_OBJECTS", "CUSTOMERS", "ORDER", "PRODUCTS", "Name", "Told", "as_name"]

COMPANIES: Final = "companies"
PRODUCTS: Final = "products"
CONTACTS: Final = "contacts"
Name = Literal["companies", "products", "contacts"]
"""One of them, for type checkers."""
ORDER: Final = (COMPANIES, PRODUCTS, CONTACTS)

CUSTOMERS: Final = "customers"
CUSTOMCRM_OBJECTS: Final[Mapping[str, str]] = {COMPANIES: CUSTOMERS, PRODUCTS: PRODUCTS, CONTACTS: CONTACTS}
"""Synchronization → what Customcrm calls its records. Keap calls them as the synchronization is called."""

if TYPE_CHECKING:
    Told: TypeAlias = Name
    """The name in what a session tells: it takes that again, in `explain` and its like."""

    def as_name(given: str) -> Name:
        """What is kept as a text, as what it is for type checkers: hosts pass it on to a session."""
        ...
else:
    Told = as_name = str  # what is kept may be of a synchronization of another name
