"""Threads of the console: a few for short looks into a store, and one of its own for each work that takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache, partial
from typing import Any, TypeVar

__all__ = ["on_a_thread", "on_its_own"]

T = TypeVar("T")
MOST = 8


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST, "keapbridge-console")


async def on_a_thread(work: Callable[..., T], *args: Any, **arguments: Any) -> T:
    """Call what may wait for a database or a system, in the context of the caller."""
    return await _called(_pool(), work, args, arguments)


async def on_its_own(work: Callable[..., T], *args: Any, **arguments: Any) -> T:
    """Call what takes long, without holding a thread that others wait for."""
    pool = ThreadPoolExecutor(1, "keapbridge-console-work")
    try:
        return await _called(pool, work, args, arguments)
    finally:
        pool.shutdown(wait=False)


async def _called(pool: ThreadPoolExecutor, work: Callable[..., T], args: Any, arguments: Any) -> T:
    call = partial(copy_context().run, partial(work, *args, **arguments))
    return await asyncio.get_running_loop().run_in_executor(pool, call)
