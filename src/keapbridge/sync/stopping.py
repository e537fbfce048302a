"""Stopping: a run ends at its next call or wait when its session is told so, or when its time is up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import attrs

from keapbridge._flow.effects import Effect, Flow, Halt, elapsed, now, within
from keapbridge.errors import StoppedError

__all__ = ["Closing", "Stopping", "is_stop", "on_first_signal"]

T = TypeVar("T")


class Stopping:
    """Tells the runs of a session to end. `stop` takes no lock: a signal handler may call it at any moment."""

    def __init__(self) -> None:
        self._told: object = object()

    def stop(self) -> None:
        """End the runs that are under way. Those that begin later are not meant."""
        self._told = object()

    def gate(self, deadline: timedelta | None = None) -> _Gate:
        """What a run that begins now passes.

        Args:
            deadline: how long it may take.

        Raises:
            ValueError: when that is no time at all.
        """
        if deadline is not None and deadline <= timedelta(0):
            raise ValueError(f"deadline must be more than nothing, such as timedelta(minutes=5), not {deadline}")
        return _Gate(self, self._told, deadline)

    def has_been_told(self, since: object) -> bool:
        """Whether somebody has called `stop` since a gate was made."""
        return self._told is not since


@attrs.define
class _Gate:
    """What a run passes before every call and wait."""

    stopping: Stopping
    told: object
    deadline: timedelta | None
    ends: float | None = None

    def around(self, flow: Flow[T]) -> Flow[T]:
        """A flow that passes it, and whose time begins now."""
        if self.deadline is not None:
            self.ends = (yield from elapsed()) + self.deadline.total_seconds()
        return (yield from within(flow, gate=self))

    def admit(self, effect: Effect) -> Flow[None] | None:
        """Let it pass, unless the run is to end, or may have to."""
        if self.ends is None and not self.stopping.has_been_told(self.told):
            return None
        return self._unless_over()

    def _unless_over(self) -> Flow[None]:
        """Raise a `Halt` with a `StoppedError` when the run is to end."""
        if self.stopping.has_been_told(self.told):
            raise Halt(StoppedError("the session was told to stop", retry_at=(yield from now())))
        if self.ends is not None and (yield from elapsed()) >= self.ends:
            raise Halt(
                StoppedError(
                    "the time of the run is up (deadline=): what it did stays done, and the next run goes on",
                    retry_at=(yield from now()),
                )
            )


class Closing:
    """Closes what runs use when the last of them has ended: at once where none is under way.

    Args:
        close: closes it; any number of times.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._runs = 0
        self._lock = threading.RLock()  # a signal handler may close what its thread has just begun to use
        self.is_closed = False

    def close(self) -> None:
        """Let no run begin any more."""
        with self._lock:
            self.is_closed = True
            self._unless_used()

    def around(self, flow: Flow[T], check: Callable[[], None]) -> Flow[T]:
        """A flow that is waited for.

        Args:
            check: raises when it is closed.
        """
        with self._lock:
            check()
            self._runs += 1
        try:
            return (yield from flow)
        finally:
            with self._lock:
                self._runs -= 1
                if self.is_closed:
                    self._unless_used()

    def _unless_used(self) -> None:
        if not self._runs:
            self._close()


@contextmanager
def on_first_signal(do: Callable[[], object]) -> Iterator[None]:
    """Do something at the first SIGINT or SIGTERM; the second one interrupts. On the main thread only.

    Args:
        do: takes no lock: it is called wherever the main thread happens to be.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_first = True

    def on_signal(number: int, frame: Any) -> None:
        nonlocal is_first
        if not is_first:
            raise KeyboardInterrupt
        is_first = False
        do()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_stop(halt: Halt) -> bool:
    """Whether a run was stopped on purpose, so that what it has done until then is its result."""
    return isinstance(halt.error, StoppedError)
