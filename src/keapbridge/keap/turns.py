"""Turns: when the next call to Keap may be sent, so that none is refused. Pure.

Keap counts the calls of a key per second, minute and day, and those of the whole application per minute and day. The
calls of all who use a key are one entry; each is given a moment, in the order they ask. What other applications use is
learned from the headers of the answers.
"""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import Any, TypeAlias

import attrs

from keapbridge.keap.limits import KeapLimits, Window
from keapbridge.model import given
from keapbridge.model.given import keywords

__all__ = [
    "API_KEY",
    "OAUTH_CLIENT",
    "ComeBack",
    "Entry",
    "Granted",
    "Held",
    "Pacing",
    "Spent",
    "Turn",
    "Verdict",
    "allowed",
    "learn",
    "take_turn",
]

MINUTE, DAY = 60.0, 86_400.0
# A second of ours is a little longer than Keap's, as calls arrive at uneven distances; more so in a burst.
STRETCH, BURST_STRETCH = 1.05, 1.2
BURST = 0.25  # the part of a minute's calls that may come nearly as fast as the second allows; the others come evenly


def _share(_: object, attribute: Any, value: float) -> None:
    if not given.share(attribute.name, value):
        raise ValueError(f"{attribute.name} must be more than 0 and at most 1, such as {attribute.name}=0.5")


_calls = given.checks(given.optional(partial(given.whole, least=1, example=10)))


@keywords()
@attrs.frozen
class Pacing:
    """How much of Keap's limits may be used.

    Attributes:
        per_second: calls of this key, as Keap publishes it for the kind of credentials.
        per_minute: the same for a minute.
        per_day: the same for a day, which begins at 00:00 UTC.
        share: the part of all these that this library may use, from 0 to 1.
        reserve: the part of the application's own limit, which all its keys share, to leave to others.
        time_scale: how much faster time passes; for tests.
    """

    per_second: int | None = attrs.field(default=None, validator=_calls)
    per_minute: int | None = attrs.field(default=None, validator=_calls)
    per_day: int | None = attrs.field(default=None, validator=_calls)
    share: float = attrs.field(default=1.0, validator=_share)
    reserve: float = attrs.field(default=0.0, validator=[given.checks(given.share), attrs.validators.lt(1)])
    time_scale: float = attrs.field(default=1.0, validator=[given.checks(given.seconds), attrs.validators.gt(0)])

    def over(self, published: Pacing) -> Pacing:
        """These settings, with the published limits where they say nothing."""
        return attrs.evolve(
            self,
            per_second=published.per_second if self.per_second is None else self.per_second,
            per_minute=published.per_minute if self.per_minute is None else self.per_minute,
            per_day=published.per_day if self.per_day is None else self.per_day,
        )

    @property
    def minute(self) -> float:
        """How long a minute is, in seconds."""
        return MINUTE / self.time_scale

    @property
    def day(self) -> float:
        """How long a day is, in seconds."""
        return DAY / self.time_scale


API_KEY = Pacing(10, 240, 30_000)  # as Keap publishes them
OAUTH_CLIENT = Pacing(25, 1_500, 150_000)


@attrs.frozen
class Turn:
    """A call's moment, in seconds since 1970, and whose it is."""

    at: float
    who: str


@attrs.frozen
class Entry:
    """What the book holds about a key.

    Attributes:
        turns: the calls of the last minute and those that wait for their moment, in order.
        day: the number of the day that `used` counts.
        used: calls of that day, of anybody.
        others: calls that others made in the minute with the number `others_in`.
        held_until: no call before this moment.
        minute_limit, day_limit: what Keap said last.
        seen_at: when the entry was changed last. Where that is later than now, a clock was wrong.
    """

    turns: tuple[Turn, ...] = ()
    day: int = 0
    used: int = 0
    others: int = 0
    others_in: int = 0
    held_until: float = 0.0
    minute_limit: int | None = None
    day_limit: int | None = None
    seen_at: float = 0.0


@attrs.frozen
class Granted:
    """A call may be sent at this moment, in seconds since 1970."""

    at: float


@attrs.frozen
class ComeBack:
    """Others are waiting, too: ask again at this moment."""

    at: float


@attrs.frozen
class Spent:
    """The quota of the day is spent until this moment."""

    at: float


@attrs.frozen
class Held:
    """Keap wants no call before this moment, which is further away than a call may wait."""

    at: float


Verdict: TypeAlias = Granted | ComeBack | Spent | Held


def take_turn(entry: Entry, pacing: Pacing, who: str, moment: float, longest: float = DAY) -> tuple[Entry, Verdict]:
    """Enter a call, if it is somebody's turn; the calls before it are given their moments already.

    Args:
        who: a session; none of them queues for more than its share of a second while others wait.
        longest: seconds that Keap may have a call wait.
    """
    entry = _today(entry, pacing, moment)
    per_day = allowed(pacing.per_day, entry.day_limit, pacing.share)
    if per_day is not None and entry.used >= per_day:
        return entry, Spent((entry.day + 1) * pacing.day)
    if entry.held_until - moment > longest:
        return entry, Held(entry.held_until)
    at = max(moment, entry.held_until, entry.turns[-1].at if entry.turns else 0.0)
    at = max(at, _earliest(entry, pacing, at))
    waiting = [turn for turn in entry.turns if turn.at > moment]
    if at > moment and waiting:
        mine = [turn for turn in waiting if turn.who == who]
        sessions = len({turn.who for turn in waiting} | {who})
        if sessions > 1 and len(mine) >= ceil((allowed(pacing.per_second, None, pacing.share) or 1) / sessions):
            return entry, ComeBack(mine[0].at)
    turns = (*entry.turns, Turn(at, who))
    return attrs.evolve(entry, turns=turns, used=entry.used + 1), Granted(at)


def _today(entry: Entry, pacing: Pacing, moment: float) -> Entry:
    """The entry without what is over, by a clock that may have been put back since."""
    entry = _put_back(entry, pacing, moment)
    oldest = moment - pacing.minute * STRETCH
    turns = tuple(turn for turn in entry.turns if turn.at > oldest)
    day = int(moment // pacing.day)
    used = entry.used if entry.day == day else 0
    return attrs.evolve(entry, turns=turns, day=day, used=used, seen_at=moment)


def _put_back(entry: Entry, pacing: Pacing, moment: float) -> Entry:
    """The entry with its moments as the clock tells them now; otherwise a call would wait until it is as late again.

    The clocks of two machines may differ by a minute: that much is waited for.
    """
    late = entry.seen_at - moment
    if late > pacing.minute:
        turns = tuple(Turn(turn.at - late, turn.who) for turn in entry.turns)
        entry = attrs.evolve(entry, turns=turns, held_until=entry.held_until - late, others=0)
    # Whoever wrote it: nothing is a day ahead.
    latest = moment + DAY
    if entry.held_until > latest or (entry.turns and entry.turns[-1].at > latest):
        turns = tuple(turn for turn in entry.turns if turn.at <= latest)
        entry = attrs.evolve(entry, turns=turns, held_until=min(entry.held_until, latest))
    return entry


def _earliest(entry: Entry, pacing: Pacing, moment: float) -> float:
    """When the calls before leave room for one more.

    They are spread: Keap arrests spikes, and a burst that ends in a long wait helps nobody.
    """
    if not entry.turns:
        return moment
    last, earliest = entry.turns[-1].at, moment
    second = allowed(pacing.per_second, None, pacing.share)
    minute = allowed(pacing.per_minute, entry.minute_limit, pacing.share)
    in_burst = True
    if minute is not None:
        others = entry.others if entry.others_in == int(moment // pacing.minute) else 0
        limit = max(1, minute - others)
        in_burst = len(entry.turns) < limit * BURST
        if not in_burst:
            earliest = max(earliest, last + pacing.minute / minute)
        if len(entry.turns) >= limit:
            earliest = max(earliest, entry.turns[-limit].at + pacing.minute)
    if second is not None:
        stretch = BURST_STRETCH if in_burst and minute is not None else STRETCH
        earliest = max(earliest, last + stretch / pacing.time_scale / second)
    return earliest


def allowed(configured: int | None, told: int | None, share: float) -> int | None:
    """How many calls may be sent, of what is published and what Keap has told; `None` where nothing is known."""
    known = [limit for limit in (configured, told) if limit is not None]
    return max(1, int(min(known) * share)) if known else None


def learn(
    entry: Entry, pacing: Pacing, seen: KeapLimits, moment: float, *, refused: bool, retry_after: float | None
) -> Entry:
    """What an answer says about the limits.

    Args:
        refused: it was a 429.
        retry_after: seconds, where it said so.
    """
    entry = _today(entry, pacing, moment)
    number = int(moment // pacing.minute)
    next_minute = (number + 1) * pacing.minute
    used, hold = entry.used, entry.held_until
    if seen.day.used is not None:
        used = max(used, seen.day.used)
    if refused and seen.day.available == 0 and seen.day.limit is not None:
        used = max(used, seen.day.limit)
    mine = sum(1 for turn in entry.turns if number * pacing.minute <= turn.at <= moment)
    others = max(0, seen.minute.used - mine) if seen.minute.used is not None else 0
    if _is_spent(seen.tenant_day, pacing.reserve):
        hold = max(hold, (entry.day + 1) * pacing.day)
    elif seen.minute.available == 0 or _is_spent(seen.tenant, pacing.reserve):
        hold = max(hold, next_minute)
    elif refused:
        pause = 1.0 / pacing.time_scale if retry_after is None else min(retry_after, DAY)
        hold = max(hold, moment + pause)
    return attrs.evolve(
        entry,
        used=used,
        others=others,
        others_in=number,
        held_until=hold,
        minute_limit=seen.minute.limit or entry.minute_limit,
        day_limit=seen.day.limit or entry.day_limit,
    )


def _is_spent(window: Window, reserve: float) -> bool:
    """Whether no more is left of what all keys share than is to be left to others."""
    spare = ceil(reserve * window.limit) if window.limit is not None else 0
    return window.available is not None and window.available <= spare
