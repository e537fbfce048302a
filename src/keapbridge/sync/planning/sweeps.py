"""Sweeps, planned: which fields would be emptied or levelled for many, with what was written within a day.

What was written before a sweep was held counts for as long as it is held: else the rest of it would flow as soon as
that is a day old, though nobody has said that it is right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

import attrs
import msgspec

from keapbridge._flow.effects import Flow, now
from keapbridge.decide.sweeps import Count, Place, is_sweep, sweep
from keapbridge.model.actions import EVERY_RECORD, Skip
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.sync.planning.draft import PlanPart
from keapbridge.sync.synchronization import Synchronization

__all__ = ["accept_sweeps", "hold_sweeps"]

DAY = timedelta(days=1)
BATCH = 2000
_Written = tuple[int, list[str]]
"""How many were written before a sweep was held, and the digests of what is lost in all of it."""
_Held = Mapping[str, Mapping[str, _Written]]
"""By field and side, and by what stands for the new value."""


def hold_sweeps(part: PlanPart) -> Flow[None]:
    """Hold the fields in which a plan would lose too much, unless a person accepts it. The plan keeps their changes."""
    sync = part.sync
    known = yield from _known(sync)
    held: dict[str, dict[str, _Written]] = {}
    for place, counts in part.tally.counts().items():
        field, side = place
        if (sync.name, field) in part.accepted.fields:
            continue
        found, holding = yield from _found(sync, place, counts, known.get(_name(place), {}))
        reason = sweep(found, holding, sync.settings.policy)
        if reason is not None:
            held[_name(place)] = {
                _digest(all_of.value): (all_of.number - planned.number, sorted(map(str, all_of.lost)))
                for planned, all_of in zip(counts, found, strict=True)
                if is_sweep(all_of, holding, sync.settings.policy)
            }
            name = f"{sync.name}.{field}"
            reason = f'{reason}. If that is right: session.sync(accept=["{name}"])'
            yield from part.add([Skip(sync.name, side, EVERY_RECORD, reason, field=field, accept=name)])
    yield from _remember(sync, known, held)


def accept_sweeps(sync: Synchronization, fields: Sequence[str]) -> Flow[None]:
    """Begin anew in these fields: a person has accepted what was lost there, and what was held."""
    yield from sync.store.overwrites.forget(sync.name, fields)
    known = yield from _known(sync)
    gone = {_name((field, side)) for field in fields for side in Side}
    yield from _remember(sync, known, {name: its for name, its in known.items() if name not in gone})


def _found(
    sync: Synchronization, place: Place, counts: Sequence[Count], before: Mapping[str, _Written]
) -> Flow[tuple[list[Count], int]]:
    """What would be lost with what was lost already, and how many hold a value, as far as that matters."""
    field, side = place
    policy, store = sync.settings.policy, sync.store
    moment = yield from now()
    found, holding = yield from store.overwrites.added_to(sync.name, place, counts, moment - DAY, policy.sweep_from)
    for n, (planned, count) in enumerate(zip(counts, found, strict=True)):
        written, lost = before.get(_digest(count.value), (0, []))
        more = planned.number + written - count.number
        if more > 0:  # it has become too old to count by itself
            found[n] = attrs.evolve(count, number=count.number + more, lost=count.lost | frozenset(lost))
            holding += more if count.value is None else 0
    # What was emptied within the day held a value, too. The rest is counted as far as it matters.
    after: str | None = ""
    while after is not None and sweep(found, holding, policy) is not None:
        number, after = yield from store.links.holding(sync.name, side, field, after, BATCH)
        holding += number
    return found, holding


def _known(sync: Synchronization) -> Flow[_Held]:
    text = yield from sync.store.facts.get(f"{sync.name}_sweeps")
    return msgspec.json.decode(text or "{}", type=dict[str, dict[str, _Written]])


def _remember(sync: Synchronization, known: _Held, held: _Held) -> Flow[None]:
    if held != known:
        yield from sync.store.facts.set(f"{sync.name}_sweeps", msgspec.json.encode(held).decode())


def _name(place: Place) -> str:
    field, side = place
    return f"{side} {field}"


def _digest(value: Canonical) -> str:
    return hashlib.blake2b(msgspec.json.encode(value), digest_size=12).hexdigest()
