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

__all__ = ["for_inboxes", "on_its_own"]

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
        return pool.submit(copy_context().run, lambda: method(**arguments))
    finally:
        pool.shutdown(wait=False)  # as soon as that is done
