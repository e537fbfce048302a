"""The records of the suite: numbered ones, edits of them, and two values for every property.

No value is there twice, so that nothing can be taken for something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import attrs

from keapbridge.customcrm.records import Contact, Customer, Product

__all__ = ["CLEARED", "EDITS", "KEPT", "MAKERS", "samples"]

_OWN = frozenset({"id", "created_at", "updated_at", "etag", "extra", "customer_id"})
_ODD: Mapping[str, tuple[Any, Any]] = MappingProxyType(
    {
        "birth_date": (date(1990, 2, 3), date(1991, 12, 31)),
        "price": (Decimal("12.50"), Decimal("0.10")),
        "currency": ("USD", "EUR"),
        "active": (True, False),
        "country": ("USA", "NOR"),
        "email": ("one@example.org", "two@example.org"),
        "email2": ("three@example.org", "four@example.org"),
        "phone": ("+1 602 555 0143", "+1 602 555 0144"),
        "mobile_phone": ("+1 602 555 0145", "+1 602 555 0146"),
        "fax": ("+1 602 555 0147", "+1 602 555 0148"),
        "website": ("https://example.org", "https://example.com"),
    }
)
KEPT = frozenset({"name", "price", "currency", "active"})
"""What is never emptied here: a record may need it."""


def samples(cls: type) -> dict[str, tuple[Any, Any]]:
    """Attribute → a value for a new record, and another one."""
    names = [f.name for f in attrs.fields(cls) if f.name not in _OWN]
    return {name: _ODD.get(name, (f"{name} one", f"{name} two")) for name in names}


def _contact(n: int) -> Contact:
    return Contact(
        first_name=f"First {n}",
        last_name="Last",
        email=f"c{n}@example.org",
        phone="+1 602 555 0143",
        birth_date=date(1990, 2, 3),
        city="Oslo",
    )


def _customer(n: int) -> Customer:
    return Customer(name=f"Company {n}", city="Oslo", description="Noted", website="https://example.org")


def _product(n: int) -> Product:
    return Product(name=f"Product {n}", sku=f"S{n}", description="Noted", price=Decimal("12.50"), currency="USD")


MAKERS: Mapping[str, Callable[[int], Any]] = {"contacts": _contact, "customers": _customer, "products": _product}
EDITS: Mapping[str, Mapping[str, Any]] = {
    "contacts": {"last_name": "Other", "city": "Bergen", "birth_date": date(1991, 12, 31)},
    "customers": {"name": "Another", "city": "Bergen", "description": "Changed"},
    "products": {"name": "Another", "sku": "X9", "price": Decimal("0.10")},
}
CLEARED = {"contacts": ("city", "birth_date", "phone"), "customers": ("city", "description"), "products": ("sku",)}
