"""A deterministic world for flows: one thread, a clock that belongs to the test, and an end of the world at any effect.

Put on the path of the tests, because more than one suite stops the engine this way.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from keapbridge._flow.call_events import waiting
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Alongside, Blocking, Effect, Elapsed, Finish, Flow, Gather, NewId, Now, Send, Sleep
from keapbridge._flow.workers import LeftError
from keapbridge.store.sql import LinkStore

__all__ = ["Clock", "CountingDriver", "KilledError", "new_id", "shares"]


class KilledError(LeftError):
    """The process is dead: not an error that a flow could handle."""

    def __init__(self) -> None:
        super().__init__(self)


class Clock:
    """The time of both systems and of the runs; it goes on by a millisecond whenever somebody looks."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def pass_by(self, time: timedelta) -> None:
        self.moment += time


def shares(store: LinkStore, clock: Clock) -> LinkStore:
    """Let the database of a store have a clock of the test's."""
    store.lease.clock = lambda _: clock()
    return store


class CountingDriver(SyncDriver):
    """Performs effects in an order that is always the same, on one thread, and may stop the world at one of them.

    Args:
        stop_at: the number of the effect, from 0; `None` to go on to the end.
        stop_after: whether it is performed before the world stops.
        side_by_side: let the flows of a Gather take turns, as threads would, not run one after the other.
    """

    def __init__(
        self, clock: Clock, *, stop_at: int | None = None, stop_after: bool = False, side_by_side: bool = False
    ) -> None:
        super().__init__()
        self._clock = clock
        self._stop_at = stop_at
        self._stop_after = stop_after
        self._side_by_side = side_by_side
        self._dead = False
        self._beating: list[Alongside] = []
        self.log: list[str] = []

    def _next_step(self, flow: Flow[Any], effect: Effect) -> Callable[[], Effect]:
        try:
            result = self.perform(effect)
        except KilledError:
            flow.close()
            raise
        except BaseException as error:  # noqa: BLE001 - the flow decides what an error means
            failure = error
            return lambda: flow.throw(failure)
        return lambda: flow.send(result)

    def perform(self, effect: Effect) -> Any:
        assert not self._dead, f"a dead process performs {effect}"
        match effect:
            case Send() | Blocking():
                if isinstance(effect, Send) or effect.outward:
                    self._admit(effect)  # and once more when it is performed: much may happen before
                return self._counted(effect)
            case Now():
                return self._clock()
            case Elapsed():
                return self._clock().timestamp()
            case NewId():
                return new_id()
            case Sleep():
                self._admit(effect)
                waiting(effect, effect.ceiling, self._tell)
                return self.live(timedelta(seconds=effect.ceiling))
            case Gather():
                return self._take_turns(effect) if self._side_by_side else [self.run(flow) for flow in effect.flows]
            case Finish():
                return self.run(effect.flow)
            case Alongside():
                return self._alongside(effect)
            case _:
                return super().perform(effect)

    def live(self, time: timedelta) -> None:
        """Let time pass while this process is awake, with its heart beating. (`Clock.pass_by`: while it is not.)"""
        left = time
        while left > timedelta(0):
            step = min([left, *(timedelta(seconds=beating.every) for beating in self._beating)])
            self._clock.pass_by(step)
            left -= step
            for beating in self._beating:
                with suppress(Exception):
                    CountingDriver(self._clock).run(beating.beat())

    def _alongside(self, effect: Alongside) -> Any:
        self._beating.append(effect)
        try:
            return self.run(effect.flow)
        finally:
            self._beating.remove(effect)

    def _counted(self, effect: Send | Blocking) -> Any:
        stops = len(self.log) == self._stop_at
        self.log.append(f"{effect.call.method} {effect.call.path}" if isinstance(effect, Send) else effect.label)
        if stops and not self._stop_after:
            self._die()
        try:
            return super().perform(effect)
        finally:
            if stops:
                self._die()

    def _die(self) -> None:
        self._dead = True
        raise KilledError

    def _take_turns(self, effect: Gather) -> list[Any]:
        waiting = enumerate(effect.flows)
        active: deque[tuple[int, Flow[Any], Callable[[], Effect]]] = deque()
        results: dict[int, Any] = {}
        failures: list[BaseException] = []
        while True:
            while len(active) < effect.limit and not failures and (new := next(waiting, None)) is not None:
                index, flow = new[0], _in_line(new[1])
                active.append((index, flow, flow.__next__))
            if not active:
                break
            index, flow, step = active.popleft()
            try:
                active.append((index, flow, self._next_step(flow, step())))
            except StopIteration as stop:
                results[index] = stop.value
            except KilledError:
                for _, other, _ in active:
                    other.close()
                raise
            except Exception as error:  # noqa: BLE001 - raised below, when all that had begun have ended
                failures.append(error)
        if failures:
            raise failures[0]
        return [results[i] for i in sorted(results)]


def _in_line(flow: Flow[Any]) -> Flow[Any]:
    """A flow with what it brings to its end in its own line, so that others take turns with that, too."""
    result: Any = None
    error: BaseException | None = None
    while True:
        try:
            effect = flow.send(result) if error is None else flow.throw(error)
        except StopIteration as stop:
            return stop.value
        result = error = None
        try:
            result = (yield from _in_line(effect.flow)) if isinstance(effect, Finish) else (yield effect)
        except GeneratorExit:
            flow.close()
            raise
        except BaseException as problem:  # noqa: BLE001 - the flow decides what an error means
            error = problem


_numbers = itertools.count(1)


def new_id() -> str:
    number = next(_numbers)
    return f"{number:012d}{number:020d}"  # unique as a whole and in its first twelve characters
