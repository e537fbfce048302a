"""Match keys of links that were made in another way than now are made anew, of what is known of them.

Otherwise a record that comes new would not be found to be one that is there: their keys are only equal where both were
made in one way.
"""

from __future__ import annotations

from keapbridge._flow.effects import Flow, stop_point
from keapbridge.mapping.mapper import Mapper
from keapbridge.sync.synchronization import Synchronization

__all__ = ["KEYS_ARE_MADE", "keys_anew", "manner"]

KEYS_ARE_MADE = 3  # counted up when keys of the same values become others
BATCH = 500


def manner(mapper: Mapper) -> str:
    """How the match keys of a mapper are made, and those by which records are near to each other."""
    return f"{KEYS_ARE_MADE} {mapper.keys!r} {mapper.near!r}"


def keys_anew(sync: Synchronization) -> Flow[None]:
    """Make all match keys anew, if they were made in another way. What is cut short is done from the start."""
    fact = f"{sync.name}_keys"
    if (yield from sync.store.facts.get(fact)) == manner(sync.mapper):
        return
    after: str | None = ""
    while after is not None:
        yield from stop_point()
        after = yield from sync.store.match_keys.link_anew(sync.name, after, size=BATCH, keys_of=sync.keys_of_linked)
    yield from sync.store.facts.set(fact, manner(sync.mapper))
