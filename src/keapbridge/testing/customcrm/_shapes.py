"""Shapes: which properties an object has and what each accepts, as data; and what this system does to texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import attrs

Check = Callable[[Any], Any]
"""Turns a property's value (never null) into the value that is stored; raises `ValueError` with the reason."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004 - a wrong value of the wire
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - a wrong value of the wire
    return value


def _day(value: Any) -> str:
    # The pattern comes first because `fromisoformat` also takes week dates and dates without hyphens.
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", _text(value)):
        raise ValueError("must be a date as YYYY-MM-DD")
    date.fromisoformat(value)
    return str(value)


def _price(value: Any) -> str:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        # Written out, 1e999999999 would be a gigabyte of zeros.
        if number < 0 or abs(number.adjusted()) > 30:
            raise ValueError("must be a decimal that is not negative")
        return f"{number.copy_abs():f}"
    if not isinstance(value, str):
        raise ValueError("must be a decimal, as a string or a number")  # noqa: TRY004 - a wrong value of the wire
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        raise ValueError("must be a decimal that is not negative")
    return value


@attrs.frozen
class Shape:
    """One object of the profile: `references` names the object that a property's value must be an id of."""

    name: str
    id_prefix: str
    properties: Mapping[str, Check]
    references: Mapping[str, str] = attrs.field(factory=dict)


def _properties(texts: str, **others: Check) -> dict[str, Check]:
    return dict.fromkeys(texts.split(), _text) | others


_ADDRESS = "StreetAddress1 StreetAddress2 ZipCode City Region Country"
SHAPES = {
    shape.name: shape
    for shape in (
        Shape(
            "contacts",
            "A",
            _properties(
                "FirstName MiddleName LastName Title Suffix Email Email2 Phone MobilePhone Fax JobTitle Website "
                f"CustomerId {_ADDRESS}",
                BirthDate=_day,
            ),
            references={"CustomerId": "customers"},
        ),
        Shape("customers", "C", _properties(f"Name Description {_ADDRESS} Phone Fax Email Website")),
        Shape(
            "products",
            "P",
            _properties("Name Sku Description ShortDescription Currency", Price=_price, Active=_flag),
        ),
    )
}
_EMAILS = frozenset({"Email", "Email2"})


@attrs.frozen
class CustomcrmBehaviour:
    """How this Customcrm alters what it is given, silently, as real systems do. By default it alters nothing.

    It applies to every string a client or a user writes, in this order; what comes out is stable when it is
    written back.

    Attributes:
        trim_strings: Strip white space from both ends.
        case_fold_emails: Store `Email` and `Email2` in lower case.
        max_lengths: Property name to the number of characters that are kept.
    """

    trim_strings: bool = False
    max_lengths: Mapping[str, int] = attrs.field(factory=dict)
    case_fold_emails: bool = False

    def stored(self, name: str, value: Any) -> Any:
        """What is kept when `value` is written to the property `name`."""
        if not isinstance(value, str):
            return value
        kept = value.strip() if self.trim_strings else value
        if self.case_fold_emails and name in _EMAILS:
            kept = kept.lower()
        kept = kept[: self.max_lengths.get(name)]
        # A cut can end in a blank.
        return kept.rstrip() if self.trim_strings else kept


class InvalidError(ValueError):
    """A record that the system refuses; `errors` pairs each property with the reason."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name} {reason}" for name, reason in errors))
        self.errors = errors
