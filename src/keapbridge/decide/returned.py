"""Fields that come back to the mapping, to the very places that they had. Pure.

While a field is out of the mapping nobody looks at it, but what both sides held when it left is kept aside. With that,
what was known to differ then (a value that one system had cut) is no edit of either side, and does not take the other's
place.

| since the field left                          | what becomes of it                                             |
|-----------------------------------------------|----------------------------------------------------------------|
| neither side has changed                      | what was known is known: nothing flows                         |
| one side has another value                    | an edit: it is written to the other side                       |
| both sides have other values                  | in conflict, as any edit on both sides                         |
| a side that held a value is empty             | it begins anew: the other side's value fills what is empty     |

What has become empty meanwhile may have been taken away with its place and put back, and nobody has looked: it clears
nothing. What a write had replaced before is no edit either, whatever its time stamp: the record may have gone back
while nobody saw the field (`sync.linked_in_doubt`).
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import attrs

from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Pair
from keapbridge.model.side import Side

__all__ = ["returned"]


def returned(pair: Pair, mapped: Container[str]) -> Pair:
    """The pair with what is known again of fields that have come back, as far as both sides show them.

    Args:
        mapped: the fields of the mapping; what is kept aside of others stays there.
    """
    link = pair.link
    known: dict[Side, dict[str, Any]] = {side: {} for side in Side}
    done: list[str] = []
    for field in sorted({field for values in link.aside.values() for field in values}):
        now = {side: pair.current[side].values.get(field, UNSET) for side in Side}
        if field not in mapped or UNSET in now.values():
            continue
        done.append(field)
        before = {side: link.aside.get(side, {}).get(field, UNSET) for side in Side}
        based = any(field in link.base(side) for side in Side)
        emptied = any(now[side] is None and before[side] is not None for side in Side)
        if not (based or emptied or UNSET in before.values()):
            for side in Side:
                known[side][field] = before[side]
    if not done:
        return pair
    for side, values in known.items():
        link = link.based_on(side, values) if values else link
    return attrs.evolve(pair, link=link.without_aside(done))
