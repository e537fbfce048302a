"""Two values for every property of a record, none of them twice, so that nothing can be taken for something else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import attrs

__all__ = ["KEPT", "samples"]

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
