"""Access tokens that end: one caller has another one, and all who wait share what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from attrs import define, field, frozen

from keapbridge._flow.effects import Flow, Sleep, finish, now
from keapbridge._io.secret import Secret
from keapbridge.errors import ApiError

__all__ = ["Token", "Tokens"]

LEEWAY = timedelta(seconds=60)  # renewed this long before the end, or at a twentieth of a shorter life
POLL = 0.05


@frozen
class Token:
    """What signs calls for a while.

    Attributes:
        headers: what goes along.
        since: when it was asked for.
        life: how long it is good for; `None` where nobody says: until it is refused.
        refresh: what the next one is had with, in place of a password.
    """

    headers: Mapping[str, Secret]
    since: datetime
    life: timedelta | None = None
    refresh: Secret | None = None

    def is_good(self, moment: datetime) -> bool:
        """Whether it still signs calls."""
        return self.life is None or moment < self.since + self.life

    def is_fresh(self, moment: datetime) -> bool:
        """Whether it need not be renewed yet."""
        return self.life is None or moment < self.since + self.life - min(LEEWAY, self.life / 20)


Had: TypeAlias = Callable[[Token | None, datetime], Flow[Token]]
"""Has another token in place of one that ends."""


@define
class _Attempt:
    """What one caller does for all.

    Attributes:
        had: the token that came of it.
        error: why none did.
    """

    is_over: bool = False
    had: Token | None = None
    error: ApiError | None = None


@define
class Tokens:
    """The token of now, and who is about to have another one. Shared by all threads and tasks of a process."""

    _held: Token | None = field(default=None, init=False, repr=False)
    _attempt: _Attempt | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False, eq=False)

    def current(self, have: Had, refused: Mapping[str, Secret] | None = None) -> Flow[Token]:
        """A token that signs calls: the one that is held, or one that is had now, by one caller for all.

        Args:
            refused: the headers that were refused just now.

        Raises:
            ApiError: why none can be had; also to those who have waited for it.
        """
        while True:
            moment = yield from now()
            held, attempt, is_mine = self._join(moment, refused)
            if attempt is None:
                assert held is not None  # or there would be an attempt
                return held
            if is_mine:
                return (yield from finish(self._have(have, held, moment, attempt)))
            if held is not None and held.headers != refused and held.is_good(moment):
                return held  # somebody is about to have the next one
            while not attempt.is_over:
                yield Sleep(POLL, why="another call is about to log in")
            if attempt.error is not None:
                raise attempt.error
            if attempt.had is not None:
                return attempt.had

    def _join(
        self, moment: datetime, refused: Mapping[str, Secret] | None
    ) -> tuple[Token | None, _Attempt | None, bool]:
        """The token that is held; where that is not good any more, who has another, and whether it is the caller."""
        with self._lock:
            held = self._held
            if held is not None and held.headers != refused and held.is_fresh(moment):
                return held, None, False
            if self._attempt is not None:
                return held, self._attempt, False
            self._attempt = _Attempt()
            return held, self._attempt, True

    def _have(self, have: Had, held: Token | None, moment: datetime, attempt: _Attempt) -> Flow[Token]:
        try:
            had = yield from have(held, moment)
        except ApiError as error:
            attempt.error = error
            raise
        else:
            self._held = attempt.had = had
            return had
        finally:
            self._attempt = None
            attempt.is_over = True
