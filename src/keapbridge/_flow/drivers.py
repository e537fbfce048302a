"""The two drivers: they perform the effects that flows yield. Sleep and chance enter here, the time from `_clock`.

asyncio is imported when the driver for event loops is made: it is a sixth of what importing everything costs.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any, TypeVar

from keapbridge import _clock as clock
from keapbridge._flow import scope as scopes
from keapbridge._flow.call_events import Exchange, waiting
from keapbridge._flow.effects import (
    Alongside,
    Await,
    Blocking,
    Clocks,
    Effect,
    Elapsed,
    Finish,
    Flow,
    Gate,
    Gather,
    Halt,
    NewId,
    Now,
    Send,
    Sleep,
    Within,
)
from keapbridge._flow.scope import Scope, Task
from keapbridge._flow.workers import LeftError, Workers, at_home
from keapbridge.events.logs import log_call
from keapbridge.events.values import Tell

__all__ = ["AsyncDriver", "SyncDriver"]

T = TypeVar("T")

DOZE = 0.25  # seconds that a flow sleeps on after it could have been told to stop


def _pause(effect: Sleep, tell: Tell) -> float:
    seconds = random.uniform(0, effect.ceiling) if effect.jitter else effect.ceiling  # noqa: S311 - no secret
    waiting(effect, seconds, tell)
    return seconds


def _doze(seconds: float) -> Iterator[float]:
    """The parts of a sleep, between which it is asked whether it shall go on."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        yield min(left, DOZE)


def _around(driver: object) -> Scope | None:
    """The scope of what a driver runs at this place."""
    scope = scopes.current.get()
    return None if scope is None or scope.task.driver is not driver else scope


def _inner(scope: Scope, flow: Flow[Any], gate: Gate | None = None, place: tuple[str, str] | None = None) -> Scope:
    """That of a flow which is run within another one."""
    return Scope(scope.task, flow, scope, scope.gates if gate is None else (*scope.gates, gate), place)


@contextmanager
def _scoped(scope: Scope) -> Iterator[None]:
    """Be in a scope; errors that leave it say where they come from."""
    token = scopes.current.set(scope)
    try:
        yield
    except Exception as error:
        scope.annotate(error)
        raise
    finally:
        scopes.current.reset(token)


@contextmanager
def _beating(effect: Alongside) -> Iterator[None]:
    """A thread of its own for the other flow: neither a busy event loop nor a slow answer may hold it up."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(effect.every):
            with suppress(Exception):  # who relies on it sees for himself
                SyncDriver().run(effect.beat())

    context = copy_context()
    thread = threading.Thread(target=lambda: context.run(beat), name="keapbridge_beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(1)  # a beat is short; one that is not is harmless


class SyncDriver:
    """Performs effects on the calling thread, parallel flows on threads of their own.

    It never touches an event loop, so it also works inside a running one (Jupyter).

    Args:
        one_thread: do everything on the calling thread, one after the other, as a debugger wants it.
        tell: is told of calls and waits; takes microseconds, and does not fail.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], None] | None = None,
        one_thread: bool = False,
        tell: Tell = log_call,
    ) -> None:
        self._sleep = sleep
        self._one_thread = one_thread
        self._tell = tell

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end and return its value.

        An exception that interrupts the calling thread (Ctrl-C, `SystemExit` of a signal handler) ends all flows that
        it has begun: each at its next call or wait. A second one does not wait for that.
        """
        outer = _around(self)
        if outer is not None:
            return self._drive(_inner(outer, flow), flow)
        task = Task(self)
        try:
            result = self._drive(Scope(task, flow), flow)
        except Halt as halt:
            raise halt.error from None
        except LeftError as left:
            raise left.interrupt from None
        if task.halted is not None:  # after its last call
            raise task.halted
        return result

    def _drive(self, scope: Scope, flow: Flow[T]) -> T:
        with _scoped(scope):
            try:
                effect = next(flow)
                while True:
                    try:
                        result = self.perform(effect)
                    except LeftError:
                        flow.close()
                        raise
                    except BaseException as error:  # noqa: BLE001 - the flow decides what an error means
                        effect = flow.throw(error)
                    else:
                        effect = flow.send(result)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]

    def perform(self, effect: Effect) -> Any:
        """Perform one effect: the one place where a test can stop the world."""
        match effect:
            case Send():
                self._admit(effect)
                with Exchange(effect, self._tell, time.perf_counter) as exchange:
                    return exchange.answered(effect.port.exchange(effect.call))
            case Blocking():
                return self._block(effect)
            case Await():
                raise TypeError(f"{effect.label} is asynchronous: only an AsyncSyncSession can call it")
            case Sleep():
                return self._rest(effect)
            case Now():
                return clock.utc_now()
            case Elapsed():
                return clock.elapsed()
            case Clocks():
                return self.perform(Now()), self.perform(Elapsed())
            case NewId():
                return uuid.uuid4().hex
            case Gather():
                return self._gather(effect)
            case Within():
                return self._within(effect)
            case Finish():
                return self._finish(effect)
            case Alongside():
                return self._alongside(effect)

    def _admit(self, effect: Effect) -> None:
        scope = _around(self)
        if scope is not None:
            for passing in scope.admit(effect):
                self._drive(scope, passing)

    def _block(self, effect: Blocking) -> Any:
        if effect.outward:
            self._admit(effect)
        scope = _around(self) if effect.at_home else None
        return effect.work() if scope is None else at_home(scope.task, effect.work)

    def _rest(self, effect: Sleep) -> None:
        self._admit(effect)
        if effect.is_stop_point:
            return
        if self._sleep is not None:
            self._sleep(_pause(effect, self._tell))
            return
        for part in _doze(_pause(effect, self._tell)):
            time.sleep(part)
            self._admit(effect)

    def _within(self, effect: Within) -> Any:
        scope = _around(self)
        if scope is None:
            scope = Scope(Task(self), effect.flow)
        return self._drive(_inner(scope, effect.flow, effect.gate, effect.place), effect.flow)

    def _finish(self, effect: Finish) -> Any:
        scope = _around(self)
        if scope is None or self._one_thread or threading.get_ident() != scope.task.home:
            return self.run(effect.flow)
        return Workers(scope.task, [effect.flow], self.run).one_to_its_end()

    def _gather(self, effect: Gather) -> list[Any]:
        scope = _around(self)
        task = Task(self) if scope is None else scope.task
        return Workers(task, effect.flows, self.run).all(1 if self._one_thread else effect.limit)

    def _alongside(self, effect: Alongside) -> Any:
        if self._one_thread:
            return self.run(effect.flow)
        with _beating(effect):
            return self.run(effect.flow)


class AsyncDriver:
    """Performs effects on the running event loop; blocking work on its worker threads.

    Args:
        one_thread: do blocking work on the event loop, too, as a debugger wants it.
        tell: is told of calls and waits; takes microseconds, and does not fail.
        pool: whose threads do blocking work; by default those of the event loop, which the host's work may hold.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], Any] | None = None,
        one_thread: bool = False,
        tell: Tell = log_call,
        pool: Executor | None = None,
    ) -> None:
        import asyncio

        self._asyncio = asyncio
        self._sleep = sleep
        self._one_thread = one_thread
        self._tell = tell
        self._pool = pool

    async def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end and return its value.

        A task that is cancelled waits for what the store is doing, and for what must not be left half-way.
        """
        outer = _around(self)
        if outer is not None:
            return await self._drive(_inner(outer, flow), flow)
        task = Task(self)
        try:
            result = await self._drive(Scope(task, flow), flow)
        except Halt as halt:
            raise halt.error from None
        if task.halted is not None:  # after its last call
            raise task.halted
        return result

    async def _drive(self, scope: Scope, flow: Flow[T]) -> T:
        with _scoped(scope):
            try:
                effect = next(flow)
                while True:
                    try:
                        result = await self.perform(effect)
                    except BaseException as error:  # noqa: BLE001 - the flow decides what an error means
                        if isinstance(error, self._asyncio.CancelledError):
                            scope.task.halt(error)
                        effect = flow.throw(error)
                    else:
                        effect = flow.send(result)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]

    async def perform(self, effect: Effect) -> Any:
        """Perform one effect."""
        match effect:
            case Send():
                await self._admit(effect)
                with Exchange(effect, self._tell, time.perf_counter) as exchange:
                    return exchange.answered(await effect.port.exchange(effect.call))
            case Blocking():
                return await self._block(effect)
            case Await():
                await self._admit(effect)
                return await effect.work()
            case Sleep():
                return await self._rest(effect)
            case Now():
                return clock.utc_now()
            case Elapsed():
                return clock.elapsed()
            case Clocks():
                return await self.perform(Now()), await self.perform(Elapsed())
            case NewId():
                return uuid.uuid4().hex
            case Gather():
                return await self._gather(effect)
            case Within():
                return await self._within(effect)
            case Finish():
                return await self._finish(self.run(effect.flow))
            case Alongside():
                return await self._alongside(effect)

    async def _admit(self, effect: Effect) -> None:
        scope = _around(self)
        if scope is not None:
            for passing in scope.admit(effect):
                await self._drive(scope, passing)

    async def _block(self, effect: Blocking) -> Any:
        if effect.outward:
            await self._admit(effect)
        if self._one_thread:
            return effect.work()
        # A thread cannot be called back: who goes on without it would have it write behind his back.
        loop = self._asyncio.get_running_loop()
        return await self._finish(loop.run_in_executor(self._pool, copy_context().run, effect.work))

    async def _rest(self, effect: Sleep) -> None:
        await self._admit(effect)
        if effect.is_stop_point:
            return
        if self._sleep is not None:
            await self._sleep(_pause(effect, self._tell))
            return
        for part in _doze(_pause(effect, self._tell)):
            await self._asyncio.sleep(part)
            await self._admit(effect)

    async def _within(self, effect: Within) -> Any:
        scope = _around(self)
        if scope is None:
            scope = Scope(Task(self), effect.flow)
        return await self._drive(_inner(scope, effect.flow, effect.gate, effect.place), effect.flow)

    async def _alongside(self, effect: Alongside) -> Any:
        if self._one_thread:
            return await self.run(effect.flow)
        with _beating(effect):
            return await self.run(effect.flow)

    async def _finish(self, work: Awaitable[Any]) -> Any:
        """Bring work to its end, even when the task that waits for it is cancelled meanwhile.

        Behind a gate the cancellation is raised at the next call or wait, as an interrupt of threads is.
        """
        task = self._asyncio.ensure_future(work)
        try:
            return await self._asyncio.shield(task)
        except self._asyncio.CancelledError as interrupt:
            scope = _around(self)
            if scope is None or not scope.gates:
                await self._asyncio.wait([task])
                raise
            scope.task.halt(interrupt)
            await self._asyncio.wait([task])
            return task.result()

    async def _gather(self, effect: Gather) -> list[Any]:
        flows = enumerate(effect.flows)
        results: dict[int, Any] = {}
        failures: list[BaseException] = []
        scope = _around(self)
        task = Task(self) if scope is None else scope.task

        async def worker() -> None:
            try:
                while not failures and task.halted is None and (numbered := next(flows, None)) is not None:
                    index, flow = numbered
                    results[index] = await self.run(flow)
            except self._asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 - raised again below, by the caller's task
                failures.append(error)

        async with self._asyncio.TaskGroup() as group:
            for _ in range(max(1, effect.limit)):
                group.create_task(worker())
        if failures:
            raise next((error for error in failures if not isinstance(error, Exception)), failures[0])
        if task.halted is not None:
            raise Halt(task.halted)  # some were not begun
        return [results[i] for i in sorted(results)]
