"""Values that were refused because another record holds them: they are written once that one has given them up.

Two who swap their addresses are refused one after the other, where a value is unique. What was refused is put off until
all else is written. Then the plan tells who gives up what, and it is written in turn; those that swap are written at
once, where the system can do that, and else the report names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.decide.swaps import Wish, in_turn
from keapbridge.errors import ApiError
from keapbridge.mapping.writing import put_values
from keapbridge.model.actions import Adopt, Update
from keapbridge.model.change import Change
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.guard import stops_everything
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.systems import WritesTogether
from keapbridge.sync.writing.pair_state import PairState, Sent
from keapbridge.sync.writing.put_off import Refused
from keapbridge.sync.writing.run import RunPart

__all__ = ["Write", "able_to_write_together", "all_or_none", "settle_refused", "write_together"]

Again = Callable[[RunPart, Sequence[Refused]], Flow[bool]]
"""Writes one refused change, or all of a ring; answers whether that was tried."""
Write = tuple[str, Mapping[str, Any], str | None]
"""The id of a record, what is written to it, and the version that it is written for."""


def settle_refused(part: RunPart, write_again: Again) -> Flow[None]:
    """Write what was put off and can be written now, and report the rest."""
    refused = part.refused.take()
    if not refused:
        return
    given_up = yield from _given_up(part, {_wanted(each) for each in refused})
    wishes = {_wish(each): each for each in refused}
    for step in in_turn(list(wishes)):
        ring = [wishes[wish] for wish in step]
        is_free = len(ring) > 1 or _wanted(ring[0]) in given_up
        if not is_free or not (yield from write_again(part, ring)):
            for each in ring:
                yield from part.fail(_named(each, ring))


def able_to_write_together(sync: Synchronization, side: Side) -> WritesTogether | None:
    """The system of a side, if it is able to write to several records at once."""
    system = sync.systems[side]
    return system if isinstance(system, WritesTogether) and system.writes_together else None


def all_or_none(system: WritesTogether, writes: Sequence[Write]) -> Flow[Sequence[Any] | None]:
    """What a system answers to writes that are made at once; `None` where it refuses them."""
    try:
        return (yield from system.update_together(writes))
    except ApiError as error:
        if stops_everything(error):
            raise
        return None


def write_together(
    sync: Synchronization, side: Side, states: Sequence[tuple[PairState, Change]]
) -> Flow[Sequence[Sent] | None]:
    """Write to several records at once, all or none; answers the writes, and `None` where that cannot be done."""
    system = able_to_write_together(sync, side)
    if system is None:
        return None
    writes: list[Write] = []
    records: list[Any] = []
    for state, change in states:
        seen = state.pair.seen[side]
        assert seen is not None  # it was re-read
        record, written = put_values(
            sync.mapper, side, state.records[side], {change.field: change.after}, state.context
        )
        records.append(record)
        writes.append((seen.id, written, seen.version))
    answers = yield from all_or_none(system, writes)
    if answers is None:
        return None
    return [Sent(record, its[1], answer) for record, its, answer in zip(records, writes, answers, strict=True)]


def _given_up(part: RunPart, wanted: set[tuple[Side, str, Any]]) -> Flow[set[tuple[Side, str, Any]]]:
    """Those of the wanted values that a record of the plan gives up."""
    found: set[tuple[Side, str, Any]] = set()
    for batch in part.ahead(("update", "adopt")):
        for action in (yield from batch):
            assert isinstance(action, (Update, Adopt))  # the batch has no others
            found.update(its for c in action.changes if (its := (c.side, c.field, c.before)) in wanted)
    return found


def _wish(refused: Refused) -> Wish:
    change = refused.change
    return Wish(refused.id, (change.side, change.field), change.before, change.after)


def _wanted(refused: Refused) -> tuple[Side, str, Any]:
    return refused.change.side, refused.change.field, refused.change.after


def _named(refused: Refused, ring: Sequence[Refused]) -> Line:
    """The line of a refusal, with who holds the value."""
    if len(ring) == 1:
        return refused.line
    holder = next(each for each in ring if each.change.before == refused.change.after)
    who = f"{holder.change.side.title} {holder.id}"
    reason = f"{refused.line.reason} ({who} holds it and is to give it up in turn: change one of them by hand first)"
    return attrs.evolve(refused.line, reason=reason)
