"""Properties that have vanished: no record shows them any more, so they are held until one does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from keapbridge._flow.effects import Flow
from keapbridge.decide.absent_fields import Verdict
from keapbridge.model.side import Side
from keapbridge.store.sql.rows import load
from keapbridge.sync.reading.anew import mapping_fact
from keapbridge.sync.synchronization import Synchronization

__all__ = ["NOT_SHOWN", "hold_all", "hold_unseen", "learn_vanished", "note_not_shown", "remember_vanished"]

NOT_SHOWN = ", some of it not shown"  # what the fact of the mapping is told with


def hold_all(sync: Synchronization, side: Side, fields: Sequence[str]) -> Flow[None]:
    for field in fields:
        sync.absences.verdicts[side, field] = Verdict.VANISHED
        _hold(sync, side, field)
    if fields:
        yield from remember_vanished(sync)


def hold_unseen(sync: Synchronization, side: Side, field: str, reason: str) -> None:
    """Hold a field that nothing has ever shown, for this run: nothing of it is written, not to new records either."""
    sync.absences.verdicts[side, field] = Verdict.VANISHED
    sync.guard.hold(sync.name, field, side, reason)


def learn_vanished(sync: Synchronization) -> Flow[None]:
    """What had vanished before is held until it is shown again."""
    text = yield from sync.store.facts.get(_fact(sync.name))
    told: Mapping[str, Sequence[str]] = load(text) if text else {}
    mapped = {lens.name for lens in (*sync.mapper.lenses, *sync.mapper.homeless)}
    for side in Side:
        for field in mapped.intersection(told.get(side.value, ())):
            sync.absences.verdicts[side, field] = Verdict.VANISHED
            sync.absences.only_listed[side].update({field}.intersection(told.get(_by_id(side), ())))
            _hold(sync, side, field)


def _hold(sync: Synchronization, side: Side, field: str) -> None:
    reason = (
        f"lists of {side.title} show it, and records that are read by their ids do not: nothing is written or cleared, "
        "until they do; an API may have to be asked for it there, too"
        if field in sync.absences.only_listed[side]
        else f"no record of {side.title} shows it, though some held a value: nothing is cleared, until one shows it "
        "again"
    )
    sync.guard.hold(sync.name, field, side, reason)


def remember_vanished(sync: Synchronization) -> Flow[None]:
    gone = {side.value: fields for side in Side if (fields := sync.absences.vanished(side))}
    by_id = {_by_id(side): sorted(fields) for side, fields in sync.absences.only_listed.items() if fields}
    yield from sync.store.facts.set(_fact(sync.name), msgspec.json.encode({**gone, **by_id}).decode())
    if gone:
        yield from note_not_shown(sync)


def note_not_shown(sync: Synchronization) -> Flow[None]:
    """Have the runs to come look up what is known of properties that are not shown; others need not."""
    known = yield from sync.store.facts.get(mapping_fact(sync.name))
    if known is not None and NOT_SHOWN not in known:
        yield from sync.store.facts.set(mapping_fact(sync.name), known + NOT_SHOWN)


def _by_id(side: Side) -> str:
    return f"{side.value}_by_id"


def _fact(name: str) -> str:
    return f"{name}_vanished"
