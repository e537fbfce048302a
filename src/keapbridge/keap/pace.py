"""Pacing: a call waits for its turn, which is entered in a book that all processes with the same key share."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import attrs

from keapbridge._flow.effects import Flow, Sleep, blocking, now
from keapbridge._io.bounds import Bounds
from keapbridge._io.secret import Secret, clear
from keapbridge._io.told_times import soon
from keapbridge.errors import ApiError, QuotaExhaustedError, RateLimitedError
from keapbridge.keap.limits import KeapLimits, read_limits
from keapbridge.keap.oauth import KeapOAuth
from keapbridge.keap.turns import (
    API_KEY,
    OAUTH_CLIENT,
    Entry,
    Granted,
    Held,
    Pacing,
    Spent,
    Verdict,
    allowed,
    learn,
    take_turn,
)

__all__ = ["KeapPace", "MemoryPaceBook", "PaceBook", "pace_for"]

T = TypeVar("T")

HOSTS = frozenset({"api.infusionsoft.com", "api.keap.com"})


# --- the book ---------------------------------------------------------------------------------------------------


class PaceBook(Protocol):
    """Where the calls of all who use a key are entered."""

    @property
    def is_shared(self) -> bool:
        """Whether it takes a database, so that it must be asked where that disturbs nobody."""
        ...

    def change(self, key: str, how: Callable[[Entry], tuple[Entry, T]]) -> T:
        """Change the entry of a key, alone."""
        ...


class MemoryPaceBook:
    """The book of one process."""

    is_shared = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}

    def change(self, key: str, how: Callable[[Entry], tuple[Entry, T]]) -> T:
        with self._lock:
            self._entries[key], result = how(self._entries.get(key, Entry()))
            return result


@attrs.define
class KeapPace:
    """Lets calls wait for their moment.

    Attributes:
        key: what the book knows the credentials by; they cannot be read from it.
        who: the session that calls.
        bounds: how long a call may be made to wait.
    """

    pacing: Pacing
    book: PaceBook
    key: str
    who: str = ""
    bounds: Bounds = attrs.field(factory=Bounds)
    _news: deque[tuple[KeapLimits, float, bool, float | None]] = attrs.field(
        factory=lambda: deque(maxlen=16), init=False, repr=False, eq=False
    )

    @property
    def listens(self) -> bool:
        """Whether it wants to know what answers say."""
        return True

    @property
    def per_minute(self) -> int | None:
        """How many calls it lets through in a minute, as far as that is known in advance."""
        second = allowed(self.pacing.per_second, None, self.pacing.share)
        minute = allowed(self.pacing.per_minute, None, self.pacing.share)
        known = [limit for limit in (None if second is None else 60 * second, minute) if limit is not None]
        return min(known, default=None)

    def shared(self, book: PaceBook, who: str) -> KeapPace:
        """The same pace, kept with others that use the key."""
        return KeapPace(self.pacing, book, self.key, who, self.bounds)

    def turn(self) -> Flow[None]:
        """Wait until a call may be sent.

        Raises:
            QuotaExhaustedError: when none may be until the day is over.
            RateLimitedError: when Keap has asked to be left alone for longer than a call may wait.
        """
        while True:
            moment = (yield from now()).timestamp()
            verdict = yield from self._ask(moment)
            if isinstance(verdict, Spent):
                raise _spent(datetime.fromtimestamp(verdict.at, UTC))
            if isinstance(verdict, Held):
                raise _left_alone(verdict.at - moment, moment, self.bounds)
            # Asking took its time; and the clock may have been put back meanwhile.
            wait = min(verdict.at - (yield from now()).timestamp(), verdict.at - moment)
            if wait > 0:
                yield Sleep(wait, why="its turn in the quota of Keap")
            if isinstance(verdict, Granted):
                return

    def _ask(self, moment: float) -> Flow[Verdict]:
        news = []
        with suppress(IndexError):  # empty: taken by this thread or by another
            while True:
                news.append(self._news.popleft())

        def change(entry: Entry) -> tuple[Entry, Verdict]:
            for seen, heard_at, refused, retry_after in news:
                entry = learn(entry, self.pacing, seen, heard_at, refused=refused, retry_after=retry_after)
            return take_turn(entry, self.pacing, self.who, moment, self.bounds.wait_seconds)

        if not self.book.is_shared:
            return self.book.change(self.key, change)
        verdict: Verdict = yield from blocking("take a turn", self.book.change, self.key, change)
        return verdict

    def answered(self, headers: Mapping[str, str], moment: datetime) -> None:
        """Note what an answer said about the limits."""
        self._news.append((read_limits(headers), moment.timestamp(), False, None))

    def refused(self, error: RateLimitedError, moment: datetime) -> ApiError:
        """Note a 429; answers the error that it means."""
        seen = read_limits(error.headers)
        self._news.append((seen, moment.timestamp(), True, error.retry_after))
        return _meant(error, seen, moment)


@attrs.define
class Heeding:
    """No pace, at an address of which nothing is published; but what its answers say of limits is heeded.

    A gateway that passes on Keap's headers stands for a quota as Keap itself does.

    Attributes:
        bounds: how long a call may be made to wait.
    """

    bounds: Bounds = attrs.field(factory=Bounds)
    _held_until: float = attrs.field(default=0.0, init=False, repr=False, eq=False)
    _spent_until: datetime | None = attrs.field(default=None, init=False, repr=False, eq=False)

    @property
    def listens(self) -> bool:
        """Whether it wants to know what answers say."""
        return True

    def turn(self) -> Flow[None]:
        """Wait while the last answer said that nothing is left.

        Raises:
            QuotaExhaustedError: when that is so until the day is over.
            RateLimitedError: when that is longer than a call may wait.
        """
        spent, held = self._spent_until, self._held_until
        if spent is None and not held:
            return
        now_is = yield from now()
        moment = now_is.timestamp()
        if spent is not None and now_is < spent:
            raise _spent(spent)
        if held - moment > self.bounds.wait_seconds:
            raise _left_alone(held - moment, moment, self.bounds)
        if held > moment:
            yield Sleep(held - moment, why="its turn in the quota of Keap")

    def answered(self, headers: Mapping[str, str], moment: datetime) -> None:
        """Note what an answer said about the limits."""
        seen = read_limits(headers)
        is_over = 0 in {each.available for each in (seen.minute, seen.tenant, seen.tenant_day)}
        entry = learn(Entry(), _NOTHING, seen, moment.timestamp(), refused=False, retry_after=None)
        self._held_until = entry.held_until if is_over else 0.0
        self._spent_until = _day_ends(seen, moment)

    def refused(self, error: RateLimitedError, moment: datetime) -> ApiError:
        """Note a 429; answers the error that it means."""
        self.answered(error.headers, moment)
        return _meant(error, read_limits(error.headers), moment)


_NOTHING = Pacing()


def _spent(resets_at: datetime) -> QuotaExhaustedError:
    return QuotaExhaustedError(
        f"not sent, the quota of the day is spent; it begins anew at {resets_at:%Y-%m-%d %H:%M} UTC",
        resets_at=resets_at,
    )


def _left_alone(seconds: float, moment: float, bounds: Bounds) -> RateLimitedError:
    until = datetime.fromtimestamp(moment + seconds, UTC)
    error = RateLimitedError(
        f"not sent, Keap wants no call before {until:%Y-%m-%d %H:%M:%S} UTC; "
        f"a client with bounds=Bounds(wait_seconds=…) waits longer than {bounds.wait_seconds:g} s",
        retry_after=seconds,
    )
    error.retry_at = until
    return error


def _day_ends(seen: KeapLimits, moment: datetime) -> datetime | None:
    """When the quota of the day begins anew, where an answer says that it is spent."""
    if seen.tenant_day.available == 0 and seen.tenant_day.limit:
        return datetime.combine(moment.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    if seen.day.available == 0 and seen.day.limit:
        return soon(seen.day.resets_at, moment)
    return None


def _meant(error: RateLimitedError, seen: KeapLimits, moment: datetime) -> ApiError:
    resets_at = _day_ends(seen, moment)
    if resets_at is None:
        return error
    meant = QuotaExhaustedError(str(error), status=error.status, request_id=error.request_id, resets_at=resets_at)
    meant.method, meant.url, meant.headers = error.method, error.url, error.headers
    return meant


def pace_for(auth: object, base_url: str, pacing: Pacing | None, bounds: Bounds | None = None) -> KeapPace | Heeding:
    """The pace of a client: of its own process, until a session shares it."""
    if pacing is None:
        if urlsplit(base_url).hostname not in HOSTS:
            return Heeding(bounds or Bounds())
        pacing = Pacing()
    # Keap counts a key; of OAuth it counts the client, over all the applications that let it in.
    oauth = isinstance(auth, KeapOAuth)
    identity = auth.client_id if isinstance(auth, KeapOAuth) else _identity(auth)
    key = hashlib.blake2b(identity.encode(), digest_size=16, person=b"keapbridge-pace").hexdigest()
    return KeapPace(pacing.over(OAUTH_CLIENT if oauth else API_KEY), MemoryPaceBook(), key, bounds=bounds or Bounds())


def _identity(auth: object) -> str:
    """What tells credentials from others."""
    headers: Mapping[str, str | Secret] = getattr(auth, "headers", dict)()
    return repr(sorted((name, clear(value)) for name, value in headers.items()))
