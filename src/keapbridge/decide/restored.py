"""Whether a record, and then a whole system, has gone back to an earlier state, as after a restore from a backup. Pure.

A record has gone back when it is older by its own time stamp than it was, and holds again what it or its counterpart
held before a write of ours. One of the two is not enough: offline edits, imports and the repeated hour of a clock
change are older as well, and people do change their minds. Shortly after the write it may be a list that lags.

| it holds what it held before a write    | its stamp             | the time       | it is                            |
|-----------------------------------------|-----------------------|----------------|----------------------------------|
| and has not shown that write yet        | any                   | any            | awaited: see `decide.awaited`    |
| and has shown it                        | no newer than known   | within the lag | an old state, looked at again    |
| anything else than was known            | older than known      | within the lag | an old state, looked at again    |
| what it held, and has shown the write   | older than known      | after that     | gone back                        |
| anything else than was known            | any other             | any            | an edit                          |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from heapq import nlargest
from operator import itemgetter

import attrs

from keapbridge.decide.awaited import has_had_its_time
from keapbridge.model.kept_in_store import JournalEntry
from keapbridge.model.plan import Plan
from keapbridge.model.records import Life, Values
from keapbridge.model.side import Side

__all__ = [
    "GoneBack",
    "back_total",
    "gone_back",
    "is_another_past",
    "is_no_newer",
    "is_older",
    "life_after_write",
    "newest",
    "old_state",
    "out_of_sight",
    "stops",
]

TOLERANCE = timedelta(seconds=2)  # for stamps of whole seconds, and clocks of several servers
MANY = 10  # records from which on it is the system, and no matter of single records
FEW = 3  # records that are remembered as those that were changed last
_MISSING = object()


@attrs.frozen
class GoneBack:
    """What of a record has gone back.

    Attributes:
        fields: what differs from what was known.
        written_at: when it was last written over.
        certain: whether it is no list that lags.
    """

    fields: frozenset[str]
    written_at: datetime
    certain: bool = True


def is_older(known: datetime | None, shown: datetime | None) -> bool:
    """Whether a record is older than it was."""
    return known is not None and shown is not None and shown < known - TOLERANCE


def life_after_write(shown: Life, before: Life) -> Life:
    """What is known of a record's life after a write of it: where the answer tells no stamp, a later one than before.

    So one that shows the stamp from before the write again, and what it held then, is known to be older.
    """
    if shown.changed is None and before.changed is not None:
        shown = attrs.evolve(shown, changed=before.changed + TOLERANCE + timedelta(microseconds=1))
    return shown.over(before)


def is_no_newer(known: datetime | None, shown: datetime | None) -> bool:
    """Whether nothing tells that a record was edited since; shortly after a write it may be an old state of it."""
    return known is not None and shown is not None and shown <= known


def gone_back(base: Values, values: Values, entries: Iterable[JournalEntry]) -> GoneBack | None:
    """What has gone back of a record that is older than it was; `None` for what was edited.

    Args:
        base: what it held when it was settled last.
        values: what it holds now.
        entries: what was written to it and to its counterpart.
    """
    changed = frozenset(field for field, value in values.items() if field in base and base[field] != value)
    written = [
        entry.written_at
        for entry in entries
        if any(entry.before.get(field, _MISSING) == values[field] for field in changed)
    ]
    return GoneBack(changed, max(written)) if written else None


def newest(stamps: Mapping[str, datetime]) -> dict[str, datetime]:
    """Those of some records that were changed last."""
    return dict(nlargest(FEW, stamps.items(), key=itemgetter(1, 0)))


def out_of_sight(known: Mapping[str, datetime], shown: Collection[str], since: datetime) -> dict[str, datetime]:
    """Of the records that were changed last those that a list of changes does not show; none if it need not show any.

    A list begins a while before the newest change that was seen, and so shows it again. One that does not is of a
    system that holds an earlier state, or the record is gone.

    Args:
        known: the records, each with its time stamp.
        shown: those that the list shows, or calls deleted.
        since: from where the list begins.
    """
    left = {id: stamp for id, stamp in known.items() if id not in shown}
    return left if any(stamp > since + TOLERANCE for stamp in left.values()) else {}


def is_another_past(known: Mapping[str, datetime], found: Mapping[str, datetime | None]) -> bool:
    """Whether the records that were changed last tell that their system holds an earlier state.

    One is older than it was; or all are gone, and there were several: one alone was deleted.

    Args:
        known: those that are out of sight, each with its time stamp.
        found: those of them that are there, each with the stamp that it has now.
    """
    older = any(is_older(known[id], stamp) for id, stamp in found.items() if id in known)
    return older or (len(known) > 1 and not found)


def old_state(
    base: Values,
    values: Values,
    awaited: Collection[str],
    entries: Iterable[JournalEntry],
    *,
    older: bool,
    moment: datetime,
    lag: timedelta,
    written_at: datetime | None = None,
) -> GoneBack | None:
    """Whether a record that is no newer than known shows an old state; see the table above.

    Args:
        base: what it held when it was settled last.
        values: what it holds now.
        awaited: the fields of which it has not shown yet what was written.
        entries: what was written to it and to its counterpart.
        older: whether it is older than known, and not only as old.
        moment: now.
        lag: how long a side may take to show what was written.
        written_at: when it was last written, where it is older than it was then.
    """
    shown = {field: value for field, value in values.items() if field not in awaited}
    back = gone_back(base, shown, entries)
    if written_at is not None and not has_had_its_time(written_at, moment, lag):
        changed = frozenset(field for field, value in shown.items() if field in base and base[field] != value)
        return GoneBack(changed, written_at, certain=False) if changed else None
    if back is None:
        return None
    certain = has_had_its_time(back.written_at, moment, lag)
    return attrs.evolve(back, certain=certain) if older or not certain else None


def back_total(side: Side, what: str = "") -> str:
    """Under what name `Plan.totals` has how many records of a side have gone back, and by how many seconds."""
    return f"{side.value}_back{what}"


def stops(plan: Plan) -> dict[str, str]:
    """The synchronizations that must not write anything, because a system has gone back; each with the reason."""
    found: dict[str, str] = {}
    for name in plan.objects:
        totals = plan.totals.get(name, {})
        for side in Side:
            number = totals.get(back_total(side), 0)
            if number >= MANY:
                found[name] = _reason(name, side, number, totals.get(back_total(side, "_by"), 0))
    return found


def _reason(name: str, side: Side, number: int, seconds: int) -> str:
    ways = " or ".join(f"accept={{'restored': {each.value!r}}}" for each in Side)
    # Of a field that nobody saw for a while, no stamp tells when it went back.
    older = f", and are older than they were by up to {timedelta(seconds=seconds)}" if seconds else ""
    return (
        f"{side.title} went back: {number} {name} hold again what they held before they were written{older}, "
        "as after a restore from a backup. "
        f"Say whose values are right: {ways}"
    )
