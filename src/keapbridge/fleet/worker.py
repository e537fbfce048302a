"""The worker of a fleet: two workers of procrastinate in one event loop, begun again when their connection was lost.

One works for tenants; the other one keeps the fleet going, and waits for no tenant, however many of them hang.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from keapbridge.fleet.queue import HOUSE, TENANTS
from keapbridge.model.tenant import LANES
from keapbridge.sync.stopping import on_first_signal

if TYPE_CHECKING:
    import procrastinate

__all__ = ["run_once", "run_worker"]

_log = logging.getLogger("keapbridge.fleet")
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before it begins again; the last one for all further times
PATIENCE = 30.0  # seconds for jobs to end by themselves, when a connection is lost or it is told to end
POLL = 5.0  # seconds after which to look for jobs, should a notification have been lost


class Fleet(Protocol):
    """What a worker has of its fleet; see `fleet.fleet.Fleet`."""

    async def rescue(self, app: procrastinate.App | None = None) -> int: ...
    async def dispatch_async(self) -> int: ...
    async def dispatch_deliveries(self) -> int: ...
    async def close_sessions(self) -> None: ...
    def stop(self) -> None: ...


async def run_worker(fleet: Fleet, app: procrastinate.App, concurrency: int) -> None:
    """Work until a signal ends it."""
    stopped = asyncio.Event()
    tries = 0
    async with _around(fleet, concurrency):
        with _signals(fleet, stopped):
            while not stopped.is_set():
                begun = asyncio.get_running_loop().time()
                try:
                    await _once(app, concurrency, stopped)
                except Exception as error:  # noqa: BLE001 - the worker outlives everything
                    _log.warning("the worker of the fleet was interrupted: %s: %s", type(error).__name__, error)
                if stopped.is_set():
                    return
                tries = 0 if asyncio.get_running_loop().time() - begun > 60 else tries + 1
                pause = PAUSES[min(tries, len(PAUSES)) - 1] if tries else PAUSES[0]
                _log.warning("the worker of the fleet begins again in %.1f s", pause)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), pause)


async def run_once(fleet: Fleet, app: procrastinate.App, concurrency: int, at_most: float) -> int:
    """Work until nothing is left in the queue that was due when it began, and of deliveries nothing at all.

    Args:
        at_most: seconds after which no further turns begin, should deliveries never end.
    """
    async with _around(fleet, concurrency), app.open_async():
        ends = asyncio.get_running_loop().time() + at_most
        await fleet.rescue(app)
        many = await fleet.dispatch_async()
        await _work_off(app, concurrency)
        while asyncio.get_running_loop().time() < ends and (turns := await fleet.dispatch_deliveries()):
            many += turns
            await _work_off(app, concurrency)
    return many


async def _work_off(app: procrastinate.App, concurrency: int) -> None:
    # Jobs of one tenant wait for each other: there are at most as many as lanes.
    for _ in LANES:
        await app.run_worker_async(
            queues=[TENANTS],
            concurrency=concurrency,
            wait=False,
            listen_notify=False,
            install_signal_handlers=False,
        )


async def _once(app: procrastinate.App, concurrency: int, stopped: asyncio.Event) -> None:
    """Two workers, until one of them ends, or it is told to stop; then both end."""
    options: Any = {
        "install_signal_handlers": False,
        "shutdown_graceful_timeout": PATIENCE,
        "fetch_job_polling_interval": POLL,
    }
    async with app.open_async():
        workers = [
            asyncio.create_task(
                app.run_worker_async(queues=[queue], name=queue, concurrency=many, **options), name=queue
            )
            for queue, many in ((TENANTS, concurrency), (HOUSE, 2))
        ]
        told = asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait({*workers, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for worker in workers:
                worker.cancel()  # procrastinate takes that as a request to end
            told.cancel()
            results = await asyncio.gather(*workers, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


@asynccontextmanager
async def _around(fleet: Fleet, concurrency: int) -> AsyncIterator[None]:
    """Threads for what is asynchronous of the host's and of sessions, and the end of the sessions that are kept."""
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(concurrency + 4, "keapbridge-fleet")
    loop.set_default_executor(pool)
    try:
        yield
    finally:
        await fleet.close_sessions()


@contextmanager
def _signals(fleet: Fleet, stopped: asyncio.Event) -> Iterator[None]:
    """The first SIGTERM or Ctrl-C ends all runs where nothing is lost; what they have not come to is due at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        _log.info("the worker of the fleet ends; runs that are under way go on elsewhere")
        stopped.set()
        fleet.stop()

    with on_first_signal(lambda: loop.call_soon_threadsafe(stop)):
        yield
