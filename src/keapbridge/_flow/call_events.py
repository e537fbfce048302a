"""What the drivers tell of calls and waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from keapbridge import events
from keapbridge._flow.effects import Send, Sleep
from keapbridge.events.values import Tell

__all__ = ["Exchange", "waiting"]


def waiting(effect: Sleep, seconds: float, tell: Tell) -> None:
    """Tell of a wait that begins, where it is said what for."""
    if effect.why:
        tell(events.Wait(effect.why, seconds if effect.whole is None else effect.whole))


class Exchange:
    """Tells what becomes of a call: a context round its exchange, which is told the answer."""

    __slots__ = ("_began", "_clock", "_effect", "_status", "_tell")

    def __init__(self, effect: Send, tell: Tell, clock: Callable[[], float]) -> None:
        self._effect = effect
        self._tell = tell
        self._clock = clock
        self._status: int | None = None

    def __enter__(self) -> Self:
        effect = self._effect
        if effect.attempt > 1:
            self._tell(events.Retry(effect.call.method, effect.call.shown, effect.attempt, effect.after))
        self._began = self._clock()
        return self

    def answered(self, answer: Any) -> Any:
        self._status = getattr(answer, "status", None)  # what the tests' own ports answer has none
        return answer

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        seconds = self._clock() - self._began
        call = self._effect.call
        status = getattr(error, "status", self._status)
        name = None if kind is None else kind.__name__
        self._tell(events.Call(call.method, call.shown, self._effect.attempt, seconds, status, name))
