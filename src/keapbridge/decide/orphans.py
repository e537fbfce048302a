"""References that are empty because the record they named is gone: nobody's edit. Pure.

Keap empties the company of its contacts when that is deleted, and so does many a database. What tells it from an edit
is what has become of the record that the base names:

| the record that the base names            | then                                                            |
|-------------------------------------------|-----------------------------------------------------------------|
| is there                                  | the field goes its own way: somebody has emptied it             |
| is not shown, and nothing is proven yet   | the field is held                                               |
| is deleted there, or not linked any more  | the base ends: what the other side refers to fills what is empty |
| was an entry of a list, and is none now   | the base ends, too                                              |
| is linked anew, since the base was known  | so it does: the base means the counterpart that it had before   |

What fills it waits, as any reference does, until the record is linked (again) that it names. Whether an entry (a lead
source) may be made again is for its kind to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import attrs

from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Pair
from keapbridge.model.side import Side

__all__ = ["TWO_CLOCKS", "Standing", "bereft", "emptied_reference"]


class Standing(Enum):
    """What has become of a record that a reference names, on the side where the reference is empty."""

    THERE = "there"
    MISSING = "missing"
    DELETED = "deleted"
    UNLINKED = "unlinked"
    UNLISTED = "unlisted"


TWO_CLOCKS = timedelta(minutes=15)  # that a system's may be ahead of ours
_GONE = frozenset({Standing.DELETED, Standing.UNLINKED, Standing.UNLISTED})
_WAITS = frozenset({Standing.MISSING, Standing.DELETED, Standing.UNLINKED})


def emptied_reference(pair: Pair, field: str) -> Iterator[tuple[Side, str | None, str]]:
    """The side on which a reference is empty and was not known to be, if there is one.

    Yields:
        The side, the record that its base names (`None` where it has no base), and the one that the other side names.
    """
    for side in Side:
        other = pair.current[side.other].values.get(field)
        if pair.current[side].values.get(field, UNSET) is not None or not isinstance(other, str):
            continue
        base: Any = pair.link.base(side).get(field, UNSET)
        if base is not None:
            yield side, None if base is UNSET else str(base), other


def bereft(
    pair: Pair,
    references: Mapping[str, str],
    flows_to: Callable[[str, Side], bool],
    standing: Callable[[str, Side, str], Standing],
    ended: Callable[[str, Side, str], datetime | None],
) -> Pair:
    """The pair in which empty references are merged as the table says.

    Args:
        references: the fields that refer to something, each with the synchronization or the list of that.
        flows_to: whether a field is written to a side.
        standing: what has become of a record of a synchronization, or an entry of a list, on a side.
        ended: until when an id meant another record of a side, if it ever did.
    """
    link, waits = pair.link, {}
    for field, object in references.items():
        for side, base, other in emptied_reference(pair, field):
            if base is not None and (
                standing(object, side, base) in _GONE or _is_of_before(pair, side, ended(object, side, base))
            ):
                link, base = link.forgetting(side, {field}), None  # noqa: PLW2901 - it has none any more
            filled = side if base is None else side.other
            found = standing(object, side, other if base is None else base)
            if found in _WAITS and flows_to(field, filled):
                waits[field] = (side, _reason(found, side, object))
    is_same = link is pair.link and waits == pair.orphans  # as most are
    return pair if is_same else attrs.evolve(pair, link=link, orphans=waits)


def _is_of_before(pair: Pair, side: Side, ended: datetime | None) -> bool:
    """Whether a record was changed last before what it refers to became another one, by two clocks."""
    known = pair.link.life(side).changed
    return ended is not None and known is not None and known <= ended + TWO_CLOCKS


def _reason(standing: Standing, side: Side, object: str) -> str:
    match standing:
        case Standing.MISSING:
            return f"is empty, and {side.title} does not show the record of {object} that it referred to"
        case Standing.DELETED:
            return f"refers to a record of {object} that was deleted in {side.title}"
        case _:
            return f"refers to a record of {object} that is not linked"
