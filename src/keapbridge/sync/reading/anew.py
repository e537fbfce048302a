"""Fields that begin anew: what a side held in them is not true any more, and a difference from it is nobody's edit."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from keapbridge._io.effects import Flow
from keapbridge.model.side import Side
from keapbridge.store.sql.rows import load
from keapbridge.sync.synchronization import Synchronization

__all__ = ["begin_anew", "learn_places", "mapping_fact"]


def begin_anew(sync: Synchronization, fields: Mapping[Side, Collection[str]]) -> Flow[None]:
    """Forget what these fields were known to hold on a side; the next scan is one of everything.

    Each pair is then looked at as at first contact: the other side's value fills what is empty.
    """
    # First the scan, then the bases: when this is cut short, the worst of it is a scan of everything.
    yield from sync.store.facts.set(mapping_fact(sync.name), "begun anew")
    yield from sync.store.bases.forget(sync.name, fields)


def learn_places(sync: Synchronization) -> Flow[frozenset[str]]:
    """After a change of the mapping: what has left it begins anew, should it ever be mapped again.

    So does, on its side, what is mapped to another place.

    Returns:
        The fields that have left it.
    """
    fact = f"{sync.name}_places"
    now = {lens.name: {side.value: lens.place(side).path for side in Side} for lens in sync.mapper.lenses}
    text = yield from sync.store.facts.get(fact)
    before: Mapping[str, Mapping[str, str]] = load(text) if text else {}
    if before == now:
        return frozenset()
    gone = {
        side: [field for field, places in before.items() if now.get(field, {}).get(side.value) != places[side.value]]
        for side in Side
    }
    if any(gone.values()):
        yield from begin_anew(sync, gone)
    yield from sync.store.facts.set(fact, msgspec.json.encode(now).decode())
    return frozenset(before.keys() - now.keys())


def mapping_fact(name: str) -> str:
    """The name of the fact that tells by which mapping everything was scanned last."""
    return f"{name}_mapping"
