"""Values that were written and that their side does not show yet. Pure.

A side that holds what it held before a write has not taken it, or does not show it yet: its value is nobody's edit, and
does not flow. Only once it has shown the written value, the old one is somebody's edit.

| the side shows            | the other side     | the time                  | outcome                        |
|---------------------------|--------------------|---------------------------|--------------------------------|
| what it held before       | as it was written  | within the lag, or a wait | held                           |
| what it held before       | as it was written  | after that                | written once more              |
| what it held before       | edited since       | any                       | the edit is written            |
| anything else             | any                | any                       | no more awaited                |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import attrs

from keapbridge.decide.decided import going_on
from keapbridge.model.change import Held
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Awaited, Pair
from keapbridge.model.side import Side

__all__ = ["FIRST_WAIT", "MOST_WRITES", "has_had_its_time", "is_overdue", "still_awaited", "waiting"]

FIRST_WAIT = timedelta(minutes=5)  # after the second write; then twice as long, and so on
MOST_WRITES = 8


def waiting(pair: Pair, moment: datetime | None, lag: timedelta) -> tuple[Pair, Mapping[str, Held]]:
    """The pair with the bases that its awaited values are merged by, and the fields that wait.

    Args:
        moment: now; while it is not known, everything waits.
        lag: how long a side may take to show what was written.
    """
    held: dict[str, Held] = {}
    for side, fields in pair.link.awaited.items():
        for field, awaited in fields.items():
            if pair.current[side].values.get(field, UNSET) != awaited.before:
                continue
            source = pair.current[side.other].values.get(field, UNSET)
            unedited = source == pair.link.base(side.other).get(field, UNSET) or going_on(pair, field) is not None
            if unedited and (moment is None or _waits(awaited, moment, lag)):
                held[field] = Held(field, side, _reason(awaited, side))
                continue
            link = pair.link
            for each in Side:
                link = link.based_on(each, {field: awaited.before})
            pair = attrs.evolve(pair, link=link)
    return pair, held


def still_awaited(pair: Pair, settled: Collection[str]) -> Mapping[Side, Mapping[str, Awaited]]:
    """What a pair still waits for: where a side has not shown anything but what it held before."""
    left: dict[Side, Mapping[str, Awaited]] = {}
    for side, fields in pair.link.awaited.items():
        shown = pair.current[side].values if pair.seen[side] is not None else {}
        its = {f: a for f, a in fields.items() if f not in settled and shown.get(f, a.before) == a.before}
        if its:
            left[side] = its
    return left


def is_overdue(awaited: Awaited, moment: datetime, lag: timedelta) -> bool:
    """Whether a side has had its time to show what was written, and does not."""
    return has_had_its_time(awaited.since, moment, lag)


def has_had_its_time(written_at: datetime, moment: datetime, lag: timedelta) -> bool:
    """Whether what a side shows now is what it holds; shortly after a write it may be what it held before."""
    return moment - written_at >= lag


def _waits(awaited: Awaited, moment: datetime, lag: timedelta) -> bool:
    if awaited.writes >= MOST_WRITES:
        return True
    pause = FIRST_WAIT * 2 ** (awaited.writes - 2) if awaited.writes > 1 else timedelta(0)
    return timedelta(0) <= moment - awaited.since < lag + pause


def _reason(awaited: Awaited, side: Side) -> str:
    if awaited.writes == 1:
        return f"{side.title} does not show yet what was written"
    again = "" if awaited.writes < MOST_WRITES else ", and is not written again by itself"
    return f"{side.title} took {awaited.writes} writes and still holds what it held before{again}"
