"""Decisions that are not known to be written to both sides: whoever comes next goes on with them. Pure.

A value that is decided for both sides takes two writes, and after the first one nothing that the systems hold tells any
more what was decided. So it is written down before, and holds until it is done. The bases stay as they were meanwhile.

| both sides hold                                  | what becomes of the field                               |
|--------------------------------------------------|---------------------------------------------------------|
| what was decided                                 | it is settled                                           |
| that, or what they held when it was decided      | what is missing is written                              |
| anything else, one of them                       | somebody has edited it: it is merged as if nothing was  |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from keapbridge.model.change import RECORD, Change
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Decided, Pair
from keapbridge.model.side import Side

__all__ = ["going_on", "still_decided", "to_be_noted"]


def to_be_noted(pair: Pair, changes: Collection[Change], deciding: Collection[str] = ()) -> dict[str, Decided]:
    """The decisions that must be written down before the first of these changes is written.

    Args:
        deciding: fields that a person decides, which are not asked about again either.
    """
    sides: dict[str, set[Side]] = {}
    for change in changes:
        sides.setdefault(change.field, set()).add(change.side)
    fields = [field for field, its in sides.items() if len(its) > 1 or field in deciding]
    found: dict[str, Decided] = {}
    for field in fields:
        mine = {change.side: change for change in changes if change.field == field}
        now: dict[Side, Any] = {side: pair.current[side].values.get(field, UNSET) for side in Side}
        before = {side: mine[side].before if side in mine else now[side] for side in Side}
        after = {side: mine[side].after if side in mine else now[side] for side in Side}
        if UNSET not in (*before.values(), *after.values()):
            found[field] = Decided(next(iter(mine.values())).cause, before, after)
    return {field: new for field, new in found.items() if pair.link.decided.get(field) != new}


def going_on(pair: Pair, field: str) -> tuple[Change, ...] | None:
    """What is left to be written of a decision, perhaps nothing; `None` where there is none, or not any more."""
    decided = pair.link.decided.get(field)
    now: dict[Side, Any] = {side: pair.current[side].values.get(field, UNSET) for side in Side}
    if decided is None or not decided.stands(now):
        return None
    return tuple(
        Change(field, side, now[side], decided.after[side], decided.by)
        for side in Side
        if now[side] != decided.after[side]
    )


def still_decided(pair: Pair, settled: Iterable[str], *, all_settled: bool) -> Mapping[str, Decided]:
    """The decisions of a pair that are still to be done, and that no edit has made void.

    Args:
        all_settled: whether nothing is left to be done for the pair.
    """
    done = {*settled, *([RECORD] if all_settled else [])}
    return {
        field: decided
        for field, decided in pair.link.decided.items()
        if field not in done and (field == RECORD or going_on(pair, field) is not None)
    }
