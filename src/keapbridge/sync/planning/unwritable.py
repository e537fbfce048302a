"""What Customcrm cannot be given for single records as things are: asked before it is planned, so that it is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keapbridge._flow.effects import Flow
from keapbridge.decide.merge import Merge
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.writing import new_record
from keapbridge.model.records import Pair, Values
from keapbridge.model.side import Side
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.systems import ForeseesRefusals

__all__ = ["foresees", "unwritable_in", "unwritable_new"]


def unwritable_in(
    sync: Synchronization, merged: Iterable[tuple[Pair, Merge]], context: Context
) -> Flow[dict[str, dict[str, str]]]:
    """By Customcrm's id, the fields that it would refuse of what is to be written, with the reason."""
    system = _foreseeing(sync)
    if system is None:
        return {}
    ids: list[str] = []
    writes: list[tuple[str | None, Values, frozenset[str]]] = []
    for pair, outcome in merged:
        sent = {change.field: change.after for change in outcome.changes if change.side is Side.CUSTOMCRM}
        fields = _concerned(sync, system, sent)
        if fields:
            ids.append(pair.link.customcrm_id)
            writes.append((pair.link.customcrm_id, {**pair.current[Side.CUSTOMCRM].values, **sent}, fields))
    found = yield from _asked(sync, system, writes, context)
    return {id: its for id, its in zip(ids, found, strict=True) if its}


def unwritable_new(sync: Synchronization, new: Sequence[Values], context: Context) -> Flow[list[dict[str, str]]]:
    """Of each of some new records the fields that Customcrm would refuse, with the reason."""
    system = _foreseeing(sync)
    if system is None:
        return [{} for _ in new]
    return (yield from _asked(sync, system, [(None, v, _concerned(sync, system, v)) for v in new], context))


def foresees(sync: Synchronization) -> bool:
    """Whether Customcrm tells anything of the kind."""
    return _foreseeing(sync) is not None


def _foreseeing(sync: Synchronization) -> ForeseesRefusals | None:
    system = sync.systems[Side.CUSTOMCRM]
    return system if isinstance(system, ForeseesRefusals) and system.foresees else None


def _concerned(sync: Synchronization, system: ForeseesRefusals, sent: Iterable[str]) -> frozenset[str]:
    """The fields of a write of which the system can tell beforehand that it refuses them."""
    told = system.foresees
    return frozenset(name for name in sent if not sync.mapper[name].customcrm.properties.isdisjoint(told))


def _asked(
    sync: Synchronization,
    system: ForeseesRefusals,
    writes: Sequence[tuple[str | None, Values, frozenset[str]]],
    context: Context,
) -> Flow[list[dict[str, str]]]:
    places: list[int] = []
    wanted: list[tuple[str | None, Any, frozenset[str]]] = []
    for n, (id, values, fields) in enumerate(writes):
        if not fields:
            continue
        try:
            record = new_record(sync.mapper, Side.CUSTOMCRM, values, context)
        except Exception:  # noqa: BLE001, S112 - what fails here fails again where it is written, and is told there
            continue
        places.append(n)
        wanted.append((id, record, frozenset().union(*(sync.mapper[f].customcrm.properties for f in fields))))
    answers: Sequence[Mapping[str, str]] = (yield from system.unwritable(wanted)) if wanted else ()
    found: list[dict[str, str]] = [{} for _ in writes]
    for n, its in zip(places, answers, strict=True):
        for field in sorted(writes[n][2]):
            reasons = [its[name] for name in sorted(sync.mapper[field].customcrm.properties) if name in its]
            if reasons:
                found[n][field] = reasons[0]
    return found
