"""How a property of Keap is written empty, and what an answer shows of that. Pure.

The contract has no `null` and does not say how a property is cleared. There are three ways to try: a value of its type
that is empty, `null`, and naming it in `update_mask` without a value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import attrs

from keapbridge.keap.habits import Cleared, Habits
from keapbridge.model.maybe import UNSET

__all__ = ["Way", "as_told", "habit_of", "is_empty", "next_way", "shows", "written"]

Way = Literal["empty", "null", "mask"]
_WAYS: Final[tuple[Way, ...]] = ("empty", "null", "mask")
_DATES: Final = frozenset({"anniversary_date", "birth_date"})
_OBJECTS: Final = frozenset({"address", "email_address", "fax_number", "origin", "phone_number"})


def habit_of(name: str, way: Way) -> str:
    """The habit that says what a way of clearing a property does."""
    if way != "empty":
        return "null" if way == "null" else "mask_alone"
    if name in _DATES:
        return "empty_date"
    if name == "company":
        return "empty_link"
    return "empty_object" if name in _OBJECTS else "empty_text"


def next_way(habits: Habits, name: str, failed: Collection[Way]) -> Way | None:
    """The way to clear a property: one that is known to clear, or else one that may; `None` when all have failed."""
    ranks = {"clears": 0, None: 1, "ignored": 2, "refused": 3}

    def rank(way: Way) -> int:
        return ranks[getattr(habits, habit_of(name, way))]

    left: list[Way] = [way for way in _WAYS if way not in failed]
    return min(left, key=rank, default=None)


def written(body: Mapping[str, Any], ways: Mapping[str, Way]) -> dict[str, Any]:
    """The body of a write whose empty values are written in these ways."""
    kept = {name: value for name, value in body.items() if ways.get(name) != "mask"}
    return {name: None if ways.get(name) == "null" else value for name, value in kept.items()}


def shows(value: Any) -> Cleared | None:
    """What the value of a property in an answer says of its clearing; `None` where it is not shown."""
    if value is UNSET:
        return None
    return "clears" if is_empty(value) else "ignored"


def is_empty(value: Any) -> bool:
    """Whether a value of a property is none: `None`, an empty text, an object with nothing but slot and name."""
    if not attrs.has(type(value)):
        return value is None or value == ""
    parts = (field.name for field in attrs.fields(type(value)) if field.name not in {"extra", "field", "company_name"})
    return all(getattr(value, name) in (None, UNSET, "", "0") for name in parts)


def as_told(habits: Habits, told: Mapping[tuple[str, Way], Cleared]) -> Habits:
    """The habits, and what the clearing of some properties has told of those that were not known.

    That a way clears one property is believed of its kind; that it does not is only a sign.
    """
    news: dict[str, Any] = {}
    for (name, way), effect in told.items():
        habit = habit_of(name, way)
        if effect == "clears" or (getattr(habits, habit) is None and news.get(habit) != "clears"):
            news[habit] = "ignored" if habit == "mask_alone" and effect == "refused" else effect
    return attrs.evolve(habits, **news)
