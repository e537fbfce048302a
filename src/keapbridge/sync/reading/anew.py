"""Fields that begin anew: what a side held in them is not true any more, and a difference from it is nobody's edit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from keapbridge._flow.effects import Flow
from keapbridge.decide.absent_fields import ENOUGH
from keapbridge.model.records import Pair
from keapbridge.model.side import Side
from keapbridge.store.sql.rows import load
from keapbridge.sync.synchronization import Synchronization

__all__ = ["anew_where_emptied", "begin_anew", "learn_places", "mapping_fact", "set_aside", "shows_emptied"]


BATCH = 500
LEFT = "left"  # the mark of places that no field of the mapping has any more


def begin_anew(sync: Synchronization, fields: Mapping[Side, Collection[str]]) -> Flow[None]:
    """Forget what these fields were known to hold on a side; the next scan is one of everything.

    Each pair is then looked at as at first contact: the other side's value fills what is empty.
    """
    # First the scan, then the bases: when this is cut short, the worst of it is a scan of everything.
    yield from sync.store.facts.set(mapping_fact(sync.name), "begun anew")
    yield from sync.store.bases.forget(sync.name, fields)


def set_aside(sync: Synchronization, fields: Collection[str]) -> Flow[None]:
    """Keep aside what was known of these fields, until both sides show them again; see `decide.returned`.

    The next scan is one of everything.
    """
    yield from sync.store.facts.set(mapping_fact(sync.name), "begun anew")
    yield from sync.store.bases.set_aside(sync.name, fields)


def shows_emptied(sync: Synchronization, unmoved: Mapping[Side, Collection[str]]) -> Flow[bool]:
    """Whether one of these records, which differ and have not changed, shows a field empty that held a value."""
    for side, ids in unmoved.items():
        if _emptied((yield from sync.store.links.pairs_of(sync.name, sorted(ids)[:BATCH], side)), side):
            return True
    return False


def anew_where_emptied(sync: Synchronization) -> Flow[bool]:
    """Begin anew what all records of a side show empty that held a value, three or more, and that nobody has touched.

    So it is where a column was dropped and added again: people who clear a field change the stamps of their records.
    All records were read.
    """
    found: dict[Side, list[str]] = {}
    shown, after = yield from sync.store.links.pairs(sync.name, ("", ""), len(Side) * BATCH)
    if after is not None:
        return False  # of so many, the brakes hold the field
    pairs = [pair for _, pair in shown]
    for side in Side:
        emptied = {field: ids for field, ids in _emptied(pairs, side).items() if len(ids) >= ENOUGH}
        if emptied:
            held = yield from sync.store.bases.holding(sync.name, side, emptied, BATCH + 1)
            fields = [field for field, ids in emptied.items() if set(held[field]) == ids]
            found |= {side: fields} if fields else {}
    if not found:
        return False
    yield from begin_anew(sync, found)
    return True


def _emptied(pairs: Iterable[Pair], side: Side) -> dict[str, set[str]]:
    """Fields that are shown empty by records that held a value and have not changed since."""
    found: dict[str, set[str]] = {}
    for pair in pairs:
        seen, life = pair.seen[side], pair.link.life(side)
        if seen is None or seen.problem is not None or life.changed is None or seen.life.changed != life.changed:
            continue
        shown = seen.snapshot
        for field, value in pair.link.base(side).items():
            is_shown = field in shown.values and field not in shown.absent
            if value is not None and is_shown and shown.values[field] is None:
                found.setdefault(field, set()).add(seen.id)
    return found


def learn_places(sync: Synchronization) -> Flow[frozenset[str]]:
    """After a change of the mapping: what was known of fields that have left it is kept aside; see `decide.returned`.

    What is mapped to another place begins anew on its side, and so does what left because its place is gone.

    Returns:
        The fields that have left it.
    """
    fact = f"{sync.name}_places"
    now = {lens.name: {side.value: lens.place(side).path for side in Side} for lens in sync.mapper.lenses}
    text = yield from sync.store.facts.get(fact)
    known: Mapping[str, Mapping[str, str]] = load(text) if text else {}
    before = {field: places for field, places in known.items() if LEFT not in places}
    if before == now:
        return frozenset()
    left = frozenset(before.keys() - now.keys())
    homeless = left.intersection(lens.name for lens in sync.mapper.homeless)
    gone = {
        side: [
            field
            for field, places in known.items()
            if field in homeless or (field in now and now[field][side.value] != places[side.value])
        ]
        for side in Side
    }
    if any(gone.values()):
        yield from begin_anew(sync, gone)
    aside = left - homeless
    if aside:
        yield from set_aside(sync, aside)
    away = {field: known[field] for field in known.keys() - before.keys() - now.keys()}
    away |= {field: {**before[field], LEFT: LEFT} for field in aside}
    yield from sync.store.facts.set(fact, msgspec.json.encode({**away, **now}).decode())
    return left


def mapping_fact(name: str) -> str:
    """The name of the fact that tells by which mapping everything was scanned last."""
    return f"{name}_mapping"
