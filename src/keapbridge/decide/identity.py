"""Whether a linked record still is who it was: systems give ids of deleted records to new ones. Pure.

| it was made                | e-mail and name         | it is                                   |
|----------------------------|-------------------------|-----------------------------------------|
| at the same time           | any                     | the same                                |
| at another time            | one of them is another  | another one                             |
| at another time            | as they were            | the same; the new time is remembered    |
| at a time that is not told | all signs are others    | perhaps another one                     |
| at a time that is not told | anything else           | the same                                |

Signs are e-mail addresses, words of names, and phone numbers. All are others when at least two of the three were there
and nothing of any is left. A sign that the linked record has as well tells nothing: it was changed on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum

from keapbridge.model.records import Life, Values

__all__ = ["Signs", "Who", "is_made_after", "is_new", "is_newborn", "same_birth", "who_is_it"]

Signs = Mapping[str, tuple[str, ...]]
"""What a person is known by (`"email"`, `"name"`, `"phone"`), each with the fields that hold it."""

NAMES = frozenset({"name"})
TELLING = frozenset({"email", "name"})
FEWEST = 2  # signs without which nobody is doubted
DAY = 86_400_000_000  # microseconds


class Who(Enum):
    """Who a record is, of which the id is known."""

    SAME = "same"
    PERHAPS = "perhaps"
    ANOTHER = "another"


def who_is_it(signs: Signs, known: Life, base: Values, shown: Life, values: Values, linked: Values) -> Who:
    """Who a record is.

    Args:
        known: what it showed of its life when it was settled last.
        base: what it held then.
        shown: what it shows of its life now.
        values: what it holds now.
        linked: what the record that it is linked to holds now.
    """
    if (
        not signs
        or not base
        or all(base.get(field) == values.get(field) for fields in signs.values() for field in fields)
    ):
        return Who.SAME
    before, now = _held(signs, base), _held(signs, values)
    others = _held(signs, linked)
    if any(now[sign] & others[sign] - before[sign] for sign in signs):
        return Who.SAME
    if known.born is not None and shown.born is not None and not _both_days(known.born, shown.born):
        if same_birth(known.born, shown.born):
            return Who.SAME
        changed = any(_differs(sign, before[sign], now[sign]) for sign in signs.keys() & TELLING)
        return Who.ANOTHER if changed or _is_nothing_left(before, now) else Who.SAME
    were_there = sum(bool(parts) for parts in before.values())
    return Who.PERHAPS if were_there >= FEWEST and _is_nothing_left(before, now) else Who.SAME


def is_new(known: Life, shown: Life) -> bool:
    """Whether the answer to a create is another record than the one that is known by its id: the two births tell.

    Without them it may be that one: some systems take a new record for one that they have, and write over it.
    """
    if known.born is None or shown.born is None or _both_days(known.born, shown.born):
        return False
    return not same_birth(known.born, shown.born)


def same_birth(a: str, b: str) -> bool:
    """Whether two times may be one, as the system that shows fewer digits shows it."""
    if a == b:
        return True
    try:
        first, second = datetime.fromisoformat(a), datetime.fromisoformat(b)
        step = timedelta(microseconds=max(_step(first.microsecond), _step(second.microsecond)))
        return abs(first - second) < step
    except (TypeError, ValueError):
        return False


def is_newborn(life: Life, moment: datetime, lag: timedelta) -> bool:
    """Whether a record was made so short a time ago that its system may not show it everywhere yet.

    One from the future is as new: the two clocks differ. One from more than a day ahead is not believed.
    """
    try:
        age = moment - datetime.fromisoformat(life.born or "")
    except (TypeError, ValueError):
        return False
    return bool(lag) and -timedelta(days=1) < age < lag


def is_made_after(life: Life, moment: datetime | None) -> bool:
    """Whether a record was made after a moment, as far as it tells."""
    try:
        return moment is not None and datetime.fromisoformat(life.born or "") > moment
    except (TypeError, ValueError):
        return False


def _step(microsecond: int) -> int:
    """How exact a time is that has so many microseconds."""
    return 1_000_000 if not microsecond else 1 if microsecond % 1000 else 1000


def _both_days(a: str, b: str) -> bool:
    """Whether both are one and the same day, without a time: two records may be made on it."""
    return a == b and "T00:00:00+" in a


def _held(signs: Signs, values: Values) -> dict[str, frozenset[str]]:
    """The parts of each sign: the words of a name, the addresses, the numbers."""
    held: dict[str, frozenset[str]] = {}
    for sign, fields in signs.items():
        texts = [str(value).casefold() for field in fields if (value := values.get(field)) is not None]
        held[sign] = frozenset(word for text in texts for word in text.split()) if sign in NAMES else frozenset(texts)
    return held


def _differs(sign: str, before: frozenset[str], now: frozenset[str]) -> bool:
    """Whether there are others in place of those that were there."""
    if not before or not now:
        return False
    return before != now if sign in NAMES else not before & now


def _is_nothing_left(before: Mapping[str, frozenset[str]], now: Mapping[str, frozenset[str]]) -> bool:
    """Whether of all that was there no part is, and something else is there instead."""
    return any(before.values()) and any(now.values()) and not any(before[sign] & now[sign] for sign in before)
