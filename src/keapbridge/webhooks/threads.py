"""Threads of the receiver: a few for all inboxes of a process, and one for each sync.

An acknowledgement waits for the store alone, and never for a thread that somebody's sync holds.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

__all__ = ["contained", "for_inboxes", "left_behind", "on_its_own"]

MOST = 4  # the store takes one delivery at a time anyway, or has few connections

T = TypeVar("T")

_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}


def for_inboxes() -> ThreadPoolExecutor:
    """The threads that keep deliveries, for all receivers of this process; a child of it has its own."""
    with _lock:
        pool = _pools.get(os.getpid())
        if pool is None:
            pool = _pools[os.getpid()] = ThreadPoolExecutor(MOST, "keapbridge-inbox")
        return pool


def on_its_own(method: Callable[..., T], **arguments: Any) -> Future[T]:
    """Call a method on a thread that is made for it, in the context of the caller."""
    pool = ThreadPoolExecutor(1, "keapbridge-webhooks")
    try:
        return pool.submit(copy_context().run, contained(lambda: method(**arguments)))
    finally:
        pool.shutdown(wait=False)  # as soon as that is done


def contained(method: Callable[[], T]) -> Callable[[], T]:
    """What would end the event loop that waits for it, or never reach it, fails as anything else does."""

    def call() -> T:
        try:
            return method()
        except StopIteration as error:
            raise RuntimeError("StopIteration was raised") from error
        except Exception:
            raise
        except BaseException as error:
            raise RuntimeError(f"{type(error).__name__} was raised") from error

    return call


def left_behind(method: Callable[[], T]) -> Future[T]:
    """The same for what may never return: a process that ends does not wait for it.

    What must come to its end is waited for by whoever has called.
    """
    future: Future[T] = Future()
    context = copy_context()

    def work() -> None:
        try:
            future.set_result(context.run(contained(method)))
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=work, name="keapbridge-host", daemon=True).start()
    return future
