"""Whether a kind writes what a property of Keap's takes that is no text: yes or no, a number, a date. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, get_args, get_type_hints

from keapbridge.mapping.kinds import Kind
from keapbridge.mapping.kinds.base import Asked
from keapbridge.mapping.place import Place

__all__ = ["unfit_kind"]

# The type of a property, what a value for it is, and how that is called.
_TYPES: Mapping[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "yes or no"),
    float: ((int, float, Decimal), "a number"),
    date: ((date,), "a date"),
}


def unfit_kind(kind: Kind, keap_type: type, place: Place) -> str | None:
    """What a property holds, where a kind writes something else by its sample; `None` where it fits, or is not told."""
    first, *others = place.attributes
    if place.container or place.custom is not None or place.is_read_only or others:
        return None
    wanted = _type_of(keap_type, first)
    sample = kind.sample(Asked(place.path))
    if wanted is None or sample is None:
        return None
    taken, what = _TYPES[wanted]
    fits = isinstance(sample.keap, taken) and isinstance(sample.keap, bool) is (wanted is bool)
    return None if fits else what


@cache
def _type_of(record: type, attribute: str) -> type | None:
    """The type of a property, if it is one of those."""
    hint: Any = get_type_hints(record).get(attribute)
    return next((each for each in _TYPES if each in get_args(hint)), None)
