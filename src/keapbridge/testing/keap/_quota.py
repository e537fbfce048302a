"""How many calls Keap allows, and the counting of them: per key or OAuth client, and for the whole tenant.

A minute and a day are fixed windows aligned to the clock, as Keap's are: a day begins at 00:00 UTC. The limit per
second is a spike arrest, counted here over the second before each call: Keap does not say how it counts, and a sliding
second is the strictest reading. What is refused is not counted.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, Self

import attrs

__all__ = ["Caller", "KeapQuota", "Meter", "Refusal"]

Caller = Literal["key", "oauth"]
"""Who calls: the API key, or the OAuth client with whichever of its tokens."""

_DAY, _MINUTE, _SECOND = 86_400.0, 60.0, 1.0

_limit: Any = attrs.validators.optional(
    attrs.validators.and_(attrs.validators.instance_of(int), attrs.validators.ge(0))
)


@attrs.frozen
class KeapQuota:
    """How many calls are allowed; `None` is no limit.

    Attributes:
        per_second: Calls of one key (or of the OAuth client) within any second: the spike arrest.
        per_minute: Calls of one key in a minute of the clock.
        per_day: Calls of one key in a day, from 00:00 UTC.
        tenant_per_minute: Calls of all keys together in a minute.
        tenant_per_day: Calls of all keys together in a day.
        time_scale: How much faster the time of the quota runs: with 10, a "minute" lasts 6 seconds and a "day" 2.4
            hours. The windows then begin at multiples of their length since 1970-01-01T00:00 UTC.
    """

    per_second: int | None = attrs.field(default=None, validator=_limit)
    per_minute: int | None = attrs.field(default=None, validator=_limit)
    per_day: int | None = attrs.field(default=None, validator=_limit)
    tenant_per_minute: int | None = attrs.field(default=None, validator=_limit)
    tenant_per_day: int | None = attrs.field(default=None, validator=_limit)
    time_scale: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))

    @classmethod
    def api_key(cls, *, time_scale: float = 1.0) -> Self:
        """What Keap allows a Personal Access Token or a Service Account Key."""
        return cls(10, 240, 30_000, 10_000, 250_000, time_scale=time_scale)

    @classmethod
    def oauth(cls, *, time_scale: float = 1.0) -> Self:
        """What Keap allows an OAuth client, over all of its tokens."""
        return cls(25, 1_500, 150_000, 10_000, 250_000, time_scale=time_scale)


@attrs.frozen
class Refusal:
    """A call too many: what for (`spike` or `quota`), and the seconds until it may be tried again."""

    kind: Literal["spike", "quota"]
    limit: int
    wait: float


@attrs.define
class _Window:
    """The calls counted in the current window of the clock."""

    limit: int | None
    length: float
    unit: str
    began: float = -math.inf
    used: int = 0

    def at(self, now: float) -> None:
        """Begins a new window if that of the last call is over."""
        began = math.floor(now / self.length) * self.length
        if began != self.began:
            self.began, self.used = began, 0

    @property
    def ends(self) -> float:
        return self.began + self.length

    @property
    def full(self) -> bool:
        return self.limit is not None and self.used >= self.limit


@attrs.define
class _Account:
    """What one caller, or the tenant, has used."""

    minute: _Window
    day: _Window
    per_second: int | None
    second: float
    recent: deque[float] = attrs.field(factory=deque)

    def at(self, now: float) -> None:
        self.minute.at(now)
        self.day.at(now)
        while self.recent and self.recent[0] <= now - self.second:
            self.recent.popleft()

    def refusal(self, now: float) -> Refusal | None:
        for window in (self.day, self.minute):
            if window.full:
                return Refusal("quota", window.limit or 0, window.ends - now)
        if self.per_second is not None and len(self.recent) >= self.per_second:
            return Refusal("spike", self.per_second, self.recent[0] + self.second - now if self.recent else self.second)
        return None

    def count(self, now: float) -> None:
        self.minute.used += 1
        self.day.used += 1
        if self.per_second is not None:
            self.recent.append(now)


def _account(per_minute: int | None, per_day: int | None, per_second: int | None, scale: float) -> _Account:
    return _Account(
        _Window(per_minute, _MINUTE / scale, "minute"),
        _Window(per_day, _DAY / scale, "day"),
        per_second,
        _SECOND / scale,
    )


def _account_of(quota: KeapQuota) -> _Account:
    return _account(quota.per_minute, quota.per_day, quota.per_second, quota.time_scale)


class Meter:
    """Counts the calls and rules on each; thread-safe.

    Without a quota nothing is refused, and the headers speak of Keap's own limits but never of more than half of one
    as used: a client that paces itself by them is not slowed down.
    """

    def __init__(self, quota: KeapQuota | None, clock: Callable[[], datetime], name: str) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._name = name
        self._enforced = quota is not None
        key, oauth = quota or KeapQuota.api_key(), quota or KeapQuota.oauth()
        self._callers: dict[Caller, _Account] = {"key": _account_of(key), "oauth": _account_of(oauth)}
        self._tenant = _account(key.tenant_per_minute, key.tenant_per_day, None, key.time_scale)
        self.throttled = 0

    def rule(self, caller: Caller) -> tuple[Refusal | None, dict[str, str]]:
        """Counts a call, or refuses it; with the headers of its answer."""
        with self._lock:
            now = self._turned()
            account = self._callers[caller]
            refusal = account.refusal(now) or self._tenant.refusal(now) if self._enforced else None
            if refusal is None:
                account.count(now)
                self._tenant.count(now)
            else:
                self.throttled += 1
            return refusal, self._headers(account)

    def look(self, caller: Caller) -> dict[str, str]:
        """The headers of an answer that is not counted."""
        with self._lock:
            self._turned()
            return self._headers(self._callers[caller])

    def spend(self, *, day: int, minute: int, tenant_day: int, tenant_minute: int) -> None:
        """Counts calls that were made elsewhere."""
        if min(day, minute, tenant_day, tenant_minute) < 0:
            raise ValueError("calls that were made cannot be taken back")
        with self._lock:
            self._turned()
            for account in self._callers.values():
                account.day.used += day
                account.minute.used += minute
            self._tenant.day.used += day + tenant_day
            self._tenant.minute.used += minute + tenant_minute

    @property
    def used(self) -> int:
        """The calls of the current day, of all keys."""
        with self._lock:
            self._turned()
            return self._tenant.day.used

    def _turned(self) -> float:
        now = self._clock().timestamp()
        for account in (*self._callers.values(), self._tenant):
            account.at(now)
        return now

    def _headers(self, account: _Account) -> dict[str, str]:
        headers = self._limits("x-keap-product-quota", account.day)
        if headers:
            headers["x-keap-product-quota-expiry-time"] = str(round(account.day.ends * 1000))
        spike = account.per_second
        return {
            **headers,
            **self._limits("x-keap-product-throttle", account.minute),
            "x-keap-product-spike-limit": "" if spike is None else f"{spike}ps",
            "x-keap-tenant-id": self._name,
            **self._side_by_side("x-keap-tenant-throttle", self._tenant.minute, self._tenant.day),
        }

    def _side_by_side(self, prefix: str, *windows: _Window) -> dict[str, str]:
        """Several windows in one value of each header, as Keap tells of the tenant's."""
        told = [found for window in windows if (found := self._limits(prefix, window))]
        return {name: "|".join(each[name] for each in told) for name in (told[0] if told else ())}

    def _limits(self, prefix: str, window: _Window) -> dict[str, str]:
        if window.limit is None:
            return {}
        used = min(window.used, window.limit if self._enforced else window.limit // 2)
        values = {
            "limit": window.limit,
            "time-unit": window.unit,
            "interval": 1,
            "available": window.limit - used,
            "used": used,
        }
        return {f"{prefix}-{name}": str(value) for name, value in values.items()}
