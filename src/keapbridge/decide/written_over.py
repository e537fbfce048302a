"""Records that were written over by what was to make new ones: they get back what they held. Pure.

Some systems take a new record for one that they have (Keap a contact for the one with its e-mail address), and write
over it. Nobody has edited that one: until its own values are back, it is looked at as it was.

| a field of the record holds | known by                | what becomes of it                                       |
|-----------------------------|-------------------------|----------------------------------------------------------|
| what was written over it    | the system's own word   | it is merged as it was, and that is put back             |
| what was written over it    | all that was sent       | it is not known: the pair waits                          |
| anything else               |                         | it is merged as ever: it is an edit, or its own value    |
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import attrs

from keapbridge.decide.merge import Merge
from keapbridge.model.change import RECORD, Change, Held
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Canonical, Observation, Pair, Values, WrittenOver, is_stored_form
from keapbridge.model.side import Side

__all__ = ["PUT_BACK", "as_it_was", "as_planned", "begun", "done", "emptied", "looks_written_over", "putting_back"]

PUT_BACK = "put back"  # why a value is written


def looks_written_over(pair: Pair, side: Side, sent: Values) -> bool:
    """Whether a record looks as if this had been written over it: it holds all of that, and was known to hold other."""
    held, base = pair.current[side].values, pair.link.base(side)
    shown = [field for field in sent if field in held]
    return (
        pair.seen[side] is not None
        and all(is_stored_form(sent[field], held[field]) for field in shown)
        and any(base.get(field, UNSET) != held[field] for field in shown)
    )


def emptied(pair: Pair, seen: Observation, before: Values) -> dict[str, Canonical]:
    """What a record that was written over does not hold any more: it went with what was written.

    Args:
        seen: the record as it is now.
        before: field → what it held, where that is not what the base says.
    """
    held = {**pair.link.base(seen.side), **before}
    return {
        field: None for field, value in seen.snapshot.values.items() if value is None and held.get(field) is not None
    }


def as_it_was(pair: Pair) -> Pair:
    """The pair with its records as they were; what only looks written over is not known."""
    for note in pair.written_over:
        seen = pair.seen[note.side]
        fields = _held(note, pair)
        if seen is None or not fields:
            continue
        values = {field: value for field, value in seen.snapshot.values.items() if field not in fields}
        if note.certain:
            values |= {field: _before(note, pair, field) for field in fields}
        unreadable = {field: why for field, why in seen.snapshot.unreadable.items() if field not in fields}
        absent = seen.snapshot.absent.difference(fields)
        snapshot = attrs.evolve(seen.snapshot, values=values, unreadable=unreadable, absent=absent)
        pair = pair.seeing(attrs.evolve(seen, snapshot=snapshot))
    return pair


def putting_back(pair: Pair, outcome: Merge) -> Merge:
    """What is to be done for a pair, with what is to be put back.

    Args:
        pair: as its records are.
        outcome: what is to be done as they were.
    """
    was = as_it_was(pair)
    changes = {(change.field, change.side): change for change in outcome.changes}
    held = {note.side: Held(RECORD, note.side, note.reason) for note in pair.written_over if _waits(note, pair)}
    for side in {note.side for note in pair.written_over if note.certain}:
        now = pair.current[side].values
        for field, before in was.current[side].values.items():
            if now.get(field, UNSET) == before:
                continue
            change = changes.get((field, side), Change(field, side, None, before, PUT_BACK))
            changes[field, side] = attrs.evolve(change, before=now.get(field))
    return attrs.evolve(outcome, changes=tuple(changes.values()), held=(*outcome.held, *held.values()))


def as_planned(pair: Pair, outcome: Merge) -> Merge:
    """What is to be done, as a plan keeps it: without what was written over a record, which is somebody else's."""
    was = as_it_was(pair)
    if was is pair:  # as nearly all are
        return outcome

    def kept(change: Change) -> Change:
        before: Any = was.current[change.side].values.get(change.field)
        if before == pair.current[change.side].values.get(change.field):
            return change
        return attrs.evolve(change, before=None if change.cause == PUT_BACK else before)

    return attrs.evolve(outcome, changes=tuple(map(kept, outcome.changes)))


def begun(pair: Pair, side: Side, sent: Collection[str]) -> Pair:
    """The pair once some fields of a record were written: what was written over them does not count any more."""
    if not pair.written_over:
        return pair

    def without(note: WrittenOver) -> WrittenOver:
        left = {field: value for field, value in note.written.items() if field not in sent}
        return attrs.evolve(note, written=left, begun=note.begun or left.keys() != note.written.keys())

    return attrs.evolve(pair, written_over=tuple(without(n) if n.side is side else n for n in pair.written_over))


def done(pair: Pair) -> tuple[str, ...]:
    """The creates of which everything is put back."""
    return tuple(note.intent_id for note in pair.written_over if note.begun and not _held(note, pair))


def _waits(note: WrittenOver, pair: Pair) -> bool:
    return not note.certain and bool(_held(note, pair))


def _held(note: WrittenOver, pair: Pair) -> set[str]:
    """The fields in which a record holds what was written over it, and not what it held."""
    snapshot = pair.current[note.side]
    now: dict[str, Any] = dict(snapshot.values)
    same = {field for field, sent in note.written.items() if field in now and is_stored_form(sent, now[field])}
    odd = {field for field in note.written if field in snapshot.unreadable and note.certain}
    return {field for field in same | odd if now.get(field, UNSET) != _before(note, pair, field)}


def _before(note: WrittenOver, pair: Pair, field: str) -> Any:
    """What a record held; where nobody has seen that, it counts as empty."""
    return note.before.get(field, pair.link.base(note.side).get(field))
