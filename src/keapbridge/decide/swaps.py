"""Who gives way to whom: records that are to hold values which others hold, where a value is held once. Pure.

A record that is to hold what another one gives up comes after it. Where that leads back to the first (two who swap
their addresses), they form a ring, and have to be written together.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import attrs

__all__ = ["Wish", "in_turn"]


@attrs.frozen
class Wish:
    """A record that is to hold another value than it holds.

    Attributes:
        place: what has each value at most once: a field of a side.
    """

    record: str
    place: Hashable
    before: Hashable = attrs.field(repr=False)
    after: Hashable = attrs.field(repr=False)


def in_turn(wishes: Sequence[Wish]) -> list[tuple[Wish, ...]]:
    """The wishes in an order in which each comes after the one that gives up its value; a ring is one step."""
    holders = {(wish.place, wish.before): wish for wish in wishes}
    done: set[Wish] = set()
    steps: list[tuple[Wish, ...]] = []
    for first in wishes:
        path: list[Wish] = []
        wish: Wish | None = first
        while wish is not None and wish not in done and wish not in path:
            path.append(wish)
            wish = holders.get((wish.place, wish.after))
        if wish is not None and wish not in done:
            ring = path[path.index(wish) :]
            steps.append(tuple(ring))
            path = path[: path.index(wish)]
            done.update(ring)
        steps += [(each,) for each in reversed(path)]
        done.update(path)
    return steps
