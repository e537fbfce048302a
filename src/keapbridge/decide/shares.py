"""How often tenants that share a quota can be synced: all as often as they wish, or each by its weight. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import attrs

from keapbridge.model.given import checks, keywords, optional, share, whole

__all__ = ["Quota", "Stretch", "Wish", "stretched"]

DAY = 86_400.0
LONGEST = timedelta(days=3650)  # nobody waits longer, whatever its weight
_least_one = checks(lambda what, value: whole(what, value, least=1, example=1500))


def _reserve(what: str, value: Any) -> None:
    if share(what, value) >= 1:
        raise ValueError(
            f"{what} takes a share below 1, such as {what}=0.2 for 20 %: nothing would be left to sync with"
        )


@keywords({"daily": "day", "per_day": "day", "per_minute": "minute"})
@attrs.frozen(kw_only=True)
class Quota:
    """What tenants may call together that share an OAuth client of Keap's.

    Attributes:
        day: calls a day.
        minute: calls a minute; `None`: no limit of its own.
        calls: what a sync costs that finds nothing.
        reserve: the share that is left to what webhooks bring, to writes and to complete scans.
    """

    day: int = attrs.field(default=150_000, validator=_least_one)
    minute: int | None = attrs.field(
        default=1_500, validator=checks(optional(lambda what, value: whole(what, value, least=1, example=1500)))
    )
    calls: int = attrs.field(default=3, validator=_least_one)
    reserve: float = attrs.field(default=0.2, validator=checks(_reserve))

    @property
    def syncs_per_second(self) -> float:
        """How many syncs there can be, all tenants together."""
        calls = self.day / DAY if self.minute is None else min(self.day / DAY, self.minute / 60)
        return calls * (1 - self.reserve) / self.calls

    def at_once(self, period: timedelta) -> int:
        """How many syncs may begin within a short period: what the limit of a minute lets through, one at least."""
        if self.minute is None:
            return 1_000_000
        calls = self.minute / 60 * (1 - self.reserve) * period.total_seconds()
        return max(1, math.floor(calls / self.calls))


@attrs.frozen
class Wish:
    """So many tenants wish to be synced so often, and have this weight."""

    every: timedelta
    weight: float
    tenants: int = 1

    @property
    def rate(self) -> float:
        """Syncs a second of one of them."""
        return 1 / self.every.total_seconds()


@attrs.frozen
class Stretch:
    """How far `every` is stretched.

    Attributes:
        level: syncs a second for each weight of 1, at most; `None`: as many as are wished.
        wished: syncs a day that are wished, all together.
        able: syncs a day that there are.
    """

    level: float | None = None
    wished: float = 0.0
    able: float = math.inf

    def every(self, every: timedelta, weight: float) -> timedelta:
        """How long from one sync to the next, for a tenant that wishes `every`."""
        if self.level is None:
            return every
        return max(every, self._stretched(weight))

    def _stretched(self, weight: float) -> timedelta:
        assert self.level is not None  # it is stretched
        return timedelta(seconds=min(LONGEST.total_seconds(), 1 / (self.level * weight)))

    def __str__(self) -> str:
        if self.level is None:
            return "every tenant is synced as often as it wishes"
        return (
            f"{self.wished:,.0f} syncs a day are wished, and the quota has room for {self.able:,.0f}: every is "
            f"stretched to {timedelta(seconds=round(self._stretched(1.0).total_seconds()))} for a weight of 1"
        )


def stretched(wishes: Iterable[Wish], quota: Quota | None) -> Stretch:
    """Share a quota: nobody gets more than it wishes, what it does not need goes to the others, by their weights."""
    left = sorted((wish for wish in wishes if wish.tenants), key=lambda wish: wish.rate / wish.weight)
    wished = math.fsum(wish.rate * wish.tenants for wish in left)
    if quota is None:
        return Stretch(None, wished * DAY)
    room = able = quota.syncs_per_second
    if wished <= room:
        return Stretch(None, wished * DAY, able * DAY)
    weights = math.fsum(wish.weight * wish.tenants for wish in left)
    for wish in left:
        level = room / weights
        if wish.rate / wish.weight >= level:
            break
        room -= wish.rate * wish.tenants
        weights -= wish.weight * wish.tenants
    else:
        return Stretch(None, wished * DAY, able * DAY)
    return Stretch(level, wished * DAY, able * DAY)
