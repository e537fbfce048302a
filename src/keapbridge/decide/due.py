"""When a tenant of a fleet is due again: after what became of it this time, and of the times before. Pure.

A failing tenant backs off; one that was told when to come back does so then; what was stopped goes on at once. Nobody
runs at the same moment as all others: each has a place of its own in its interval, which it keeps.

Of jobs that are due, the one comes first that has to begin first. What webhooks bring goes before a sync that is due as
long, for a person may wait for it; but once a sync has waited for its patience, nothing that is due later does. So a
flood of deliveries, of its own tenant or of others, holds it up no longer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import attrs

from keapbridge.errors import (
    BrakeError,
    LinkStoreError,
    NoAnswerError,
    QuotaExhaustedError,
    RateLimitedError,
    SessionBusyError,
    StoppedError,
    TryLaterError,
)
from keapbridge.model.tenant import Lane

__all__ = [
    "LEAST",
    "LONGEST",
    "PATIENCE",
    "Ended",
    "How",
    "first_at",
    "full_after",
    "next_after",
    "outcome_of",
    "place",
    "to_begin_by",
]

# How long a job may wait that is due, while jobs that are due later go before it.
PATIENCE: Mapping[Lane, timedelta] = {
    Lane.HOOKS: timedelta(0),
    Lane.WATCH: timedelta(seconds=30),
    Lane.SYNC: timedelta(seconds=60),
}

LEAST = timedelta(seconds=30)  # the first pause after a failure
LONGEST = timedelta(hours=1)  # between tries of what fails, unless it is wanted less often anyway
LATEST = timedelta(days=2)  # no system knows better when to come back
AT_FIRST = timedelta(minutes=5)  # within which tenants that are new begin


class How(StrEnum):
    """How a job ended."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    BUSY = "busy"
    QUOTA = "quota"
    UNREACHABLE = "unreachable"
    BRAKE = "brake"
    FAILED = "failed"
    LOST = "lost"


BY_ITSELF = frozenset({How.COMPLETE, How.STOPPED, How.BUSY, How.QUOTA, How.LOST})  # that are nobody's failure


@attrs.frozen
class Ended:
    """How a job ended.

    Attributes:
        retry_at: as of when another try makes sense, where somebody has told that.
        why: what went wrong, in words that name nobody.
    """

    how: How
    retry_at: datetime | None = None
    why: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether it counts against the tenant."""
        return self.how not in BY_ITSELF


def outcome_of(error: BaseException, why: str = "") -> Ended:
    """What an error of a job means for when it is tried again."""
    match error:
        case StoppedError():
            return Ended(How.STOPPED, None, why)
        case SessionBusyError():
            return Ended(How.BUSY, error.retry_at, why)
        case QuotaExhaustedError() | RateLimitedError():
            return Ended(How.QUOTA, error.retry_at, why)
        case NoAnswerError() | TryLaterError():
            return Ended(How.UNREACHABLE, error.retry_at, why)
        case LinkStoreError():
            # A worker of an earlier version, say, that finds the store upgraded: another one may do better at once.
            return Ended(How.UNREACHABLE, None, why)
        case BrakeError():
            return Ended(How.BRAKE, None, why)
        case _:
            return Ended(How.FAILED, None, why)


def to_begin_by(lane: Lane, due: datetime) -> datetime:
    """As of when a job that is due comes before all others that are due later."""
    return due + PATIENCE[lane]


def place(name: str) -> float:
    """The place of a tenant in its interval, from 0 to less than 1: always the same, and spread over all of it."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest()) / 2**48


def first_at(name: str, moment: datetime, every: timedelta) -> datetime:
    """When a tenant is due that has been added at a moment."""
    return moment + place(name) * min(every, AT_FIRST)


def next_after(ended: Ended, name: str, moment: datetime, every: timedelta, in_row: int) -> datetime:
    """When a job is due again that has ended at a moment.

    Args:
        every: how long from one to the next, as it is at the moment.
        in_row: how many have failed one after the other, this one among them.
    """
    match ended.how:
        case How.COMPLETE:
            return _own_turn(name, moment, every)
        case How.STOPPED | How.LOST:
            return moment
        case How.BUSY | How.QUOTA:
            return _as_told(ended, moment) or moment + min(LEAST, every)
        case How.UNREACHABLE:
            # The first time it is believed when it will be there again.
            return max(_as_told(ended, moment) or moment, moment + _pause(name, every, in_row - 1), moment + _LITTLE)
        case _:
            return moment + _pause(name, every, in_row)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LITTLE = timedelta(seconds=5)


def _own_turn(name: str, moment: datetime, every: timedelta) -> datetime:
    """The next turn at the tenant's place in its interval.

    Those that began together, or whose interval is another one now, are spread over all of it by their next turn. One
    that comes within a quarter of the interval after a sync is left out: it would find little.
    """
    first = EPOCH + place(name) * every
    turns = (moment - first) // every + 1
    found = first + turns * every
    return found if found - moment >= every / 4 else found + every


def _as_told(ended: Ended, moment: datetime) -> datetime | None:
    if ended.retry_at is None:
        return None
    return min(max(ended.retry_at, moment + timedelta(seconds=1)), moment + LATEST)


def _pause(name: str, every: timedelta, in_row: int) -> timedelta:
    """Twice as long after each failure; not the same for all that fail of the same cause."""
    if in_row < 1:
        return timedelta(0)
    longest = max(every, LONGEST)
    pause = min(longest, min(LEAST, every) * 2.0 ** min(in_row - 1, 40) if in_row < 60 else longest)
    return pause * (0.8 + 0.2 * place(f"{name} {in_row}"))


def full_after(full_at: datetime | None, moment: datetime, full_every: timedelta | None) -> datetime | None:
    """When everything is read again, after a complete scan that has ended at a moment; its place is kept."""
    if full_every is None:
        return None
    if full_at is None or full_at > moment:
        return moment + full_every
    return full_at + ((moment - full_at) // full_every + 1) * full_every
