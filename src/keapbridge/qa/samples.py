"""Sample values of fields, and what is no difference between two of them.

A sample is literal: neither it nor the comparison is made with what reads and writes the field, for that is what is
checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from keapbridge.keap.fields import FieldType
from keapbridge.mapping.kinds import Asked, Sample
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper

__all__ = ["Known", "Sample", "field_type", "only_currency", "same", "sample"]


@attrs.frozen
class Known:
    """What samples depend on.

    Attributes:
        currency: that of the Keap application.
        links: linked records of other synchronizations, as Customcrm's id and Keap's.
    """

    currency: str
    links: Mapping[str, Sequence[tuple[str, str]]] = attrs.field(factory=dict)


def sample(lens: Lens, number: int, turn: int, known: Known) -> Sample | None:
    """A value of a field: one of its own, or else of its kind; `None` where none can be told.

    Args:
        number: another one for every value that must not be the same.
        turn: 0 for the first value of a record, 1 for what it is edited to.
    """
    if lens.samples:
        return Sample(*lens.samples[turn % len(lens.samples)])
    limit = min(lens.limits.values(), default=None)
    custom = lens.keap.custom is not None
    return lens.kind.sample(Asked(lens.name, number, turn, limit, custom, known.currency, known.links))


def same(expected: Any, found: Any) -> bool:
    """Whether a property holds what a sample says, however a system writes that.

    A number may come as a text, a moment in another zone, a day with a time behind it, a tuple as a list. A part of a
    tuple that the sample leaves empty is not looked at, such as the name behind the code of a country.
    """
    if isinstance(expected, (tuple, list)):
        parts = found if isinstance(found, (tuple, list)) and found else (found,)
        if any(part is None for part in expected):
            return all(same(part, held) for part, held in zip(expected, parts, strict=False) if part is not None)
        return len(expected) == len(parts) and all(same(*pair) for pair in zip(expected, parts, strict=True))
    if found is None or isinstance(expected, bool):
        return bool(expected == found)
    try:
        if isinstance(expected, datetime):
            return bool(_moment(found) == expected)
        if isinstance(expected, date):
            return str(found)[:10] == expected.isoformat()
        if isinstance(expected, (int, float, Decimal)):
            return Decimal(str(found)) == Decimal(str(expected))
    except (ValueError, TypeError, InvalidOperation):
        return False
    return bool(expected == found)


def _moment(found: Any) -> Any:
    return datetime.fromisoformat(found) if isinstance(found, str) else found


_TYPES: Mapping[type, FieldType] = {
    bool: "YES_NO",
    int: "WHOLE_NUMBER",
    Decimal: "DECIMAL_NUMBER",
    date: "DATE",
    datetime: "DATE_TIME",
    tuple: "LIST_BOX",
}


def field_type(lens: Lens) -> FieldType:
    """A type of Keap's custom fields that holds the samples of a field."""
    known = Known("USD")
    found: set[FieldType] = {_type(value) for turn in (0, 1) if (value := sample(lens, 0, turn, known)) is not None}
    return found.pop() if len(found) == 1 else "TEXT"


def _type(value: Sample) -> FieldType:
    return value.field_type or _TYPES.get(type(value.keap), "TEXT")


def only_currency(mappers: Iterable[Mapper]) -> str | None:
    """The currency that all amounts of Customcrm are in, where a mapping says so."""
    found = (lens.kind.currency for mapper in mappers for lens in mapper.lenses)
    return next((currency for currency in found if currency is not None), None)
