"""The two drivers: they perform the effects that flows yield. Clock, sleep and randomness enter here and only here.

asyncio is imported when the driver for event loops is made: it is a sixth of what importing everything costs.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

from keapbridge._io.effects import Await, Blocking, Effect, Finish, Flow, Gather, NewId, Now, Page, Send, Sleep, Within

__all__ = ["AsyncDriver", "SyncDriver"]

T = TypeVar("T")


def _pause(effect: Sleep) -> float:
    return random.uniform(0, effect.ceiling) if effect.jitter else effect.ceiling  # noqa: S311 - no secret


class SyncDriver:
    """Performs effects on the calling thread, parallel flows on a thread pool.

    It never touches an event loop, so it also works inside a running one (Jupyter).
    """

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end and return its value."""
        try:
            effect = next(flow)
            while True:
                try:
                    result = self.perform(effect)
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
                return effect.port.exchange(effect.call)
            case Blocking():
                return effect.work()
            case Await():
                raise TypeError(f"{effect.label} is asynchronous: only an AsyncSyncSession can call it")
            case Sleep():
                return self._sleep(_pause(effect))
            case Now():
                return datetime.now(UTC)
            case NewId():
                return uuid.uuid4().hex
            case Gather():
                return self._gather(effect)
            case Finish() | Within():
                return self.run(effect.flow)

    def _gather(self, effect: Gather) -> list[Any]:
        flows = enumerate(effect.flows)
        lock = threading.Lock()
        results: dict[int, Any] = {}
        failures: list[BaseException] = []

        def worker() -> None:
            try:
                while not failures:
                    with lock:
                        numbered = next(flows, None)
                    if numbered is None:
                        return
                    index, flow = numbered
                    results[index] = self.run(flow)
            except BaseException as error:  # noqa: BLE001 - raised again below, on the caller's thread
                failures.append(error)

        if effect.limit <= 1:
            worker()
        else:
            with ThreadPoolExecutor(effect.limit, thread_name_prefix="keapbridge") as pool:
                for _ in range(effect.limit):
                    pool.submit(worker)
        if failures:
            raise failures[0]
        return [results[i] for i in sorted(results)]

    def iterate(self, first: Flow[Page[T]]) -> Iterator[T]:
        """The items of all pages, each page fetched when it is needed."""
        flow: Flow[Page[T]] | None = first
        while flow is not None:
            page = self.run(flow)
            flow = page.next() if page.next else None
            yield from page.items
            for item in page.malformed:
                raise item.error
            del page  # its memory serves the next one, which makes reading it a fifth quicker


class AsyncDriver:
    """Performs effects on the running event loop; blocking work on its worker threads."""

    def __init__(self, *, sleep: Callable[[float], Any] | None = None) -> None:
        import asyncio

        self._asyncio = asyncio
        self._sleep = sleep or asyncio.sleep

    async def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end and return its value."""
        try:
            effect = next(flow)
            while True:
                try:
                    result = await self.perform(effect)
                except BaseException as error:  # noqa: BLE001 - the flow decides what an error means
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    async def perform(self, effect: Effect) -> Any:
        """Perform one effect."""
        match effect:
            case Send():
                return await effect.port.exchange(effect.call)
            case Blocking():
                return await self._asyncio.to_thread(effect.work)
            case Await():
                return await effect.work()
            case Sleep():
                return await self._sleep(_pause(effect))
            case Now():
                return datetime.now(UTC)
            case NewId():
                return uuid.uuid4().hex
            case Gather():
                return await self._gather(effect)
            case Finish():
                return await self._finish(effect.flow)
            case Within():
                return await self.run(effect.flow)

    async def _finish(self, flow: Flow[Any]) -> Any:
        task = self._asyncio.ensure_future(self.run(flow))
        try:
            return await self._asyncio.shield(task)
        except self._asyncio.CancelledError:
            await self._asyncio.wait([task])
            raise

    async def _gather(self, effect: Gather) -> list[Any]:
        flows = enumerate(effect.flows)
        results: dict[int, Any] = {}
        failures: list[BaseException] = []

        async def worker() -> None:
            try:
                while not failures and (numbered := next(flows, None)) is not None:
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
            raise failures[0]
        return [results[i] for i in sorted(results)]

    async def iterate(self, first: Flow[Page[T]]) -> AsyncIterator[T]:
        """The items of all pages, each page fetched when it is needed."""
        flow: Flow[Page[T]] | None = first
        while flow is not None:
            page = await self.run(flow)
            flow = page.next() if page.next else None
            for item in page.items:
                yield item
            for malformed in page.malformed:
                raise malformed.error
            del page
