"""What waits for the store is written together: all that came while one transaction ran makes up the next.

A commit takes about as long for a hundred small deliveries as for one. So however many come at once, each waits for
about two commits, and not for those of all before it. What is large counts for more, so that no transaction takes long;
and where more waits than the store will take soon, the next one is told to come back: nothing piles up in memory.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeAlias, TypeVar

from keapbridge.errors import LinkStoreError
from keapbridge.webhooks.threads import for_inboxes

__all__ = ["Together"]

MOST = 100  # at once,
LARGEST = 256 * 1024  # and so many bytes, unless one alone has more
MOST_WAITING = 16 * 1024 * 1024  # bytes

A = TypeVar("A")
R = TypeVar("R")

_Item: TypeAlias = tuple[A, "Future[R]", int]


class Together(Generic[A, R]):
    """Work that is done for several at once, on a thread of those for inboxes.

    Args:
        work: does it for all of some or for none, and answers for each. What it refuses because of one is done for
            the others without that one.
    """

    def __init__(self, work: Callable[[Sequence[A]], Sequence[R]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._waiting: deque[_Item[A, R]] = deque()
        self._size = 0  # of what waits, in bytes
        self._is_at_work = False

    def submit(self, item: A, size: int = 0) -> Future[R]:
        """Have it done, with what else waits.

        Args:
            size: of the item, in bytes, about.
        """
        future: Future[R] = Future()
        future.set_running_or_notify_cancel()  # it is done, also when nobody waits for it any more
        with self._lock:
            if self._waiting and self._size + size > MOST_WAITING:
                future.set_exception(LinkStoreError("more waits to be kept than the store takes soon"))
                return future
            self._waiting.append((item, future, size))
            self._size += size
            is_at_work, self._is_at_work = self._is_at_work, True
        if not is_at_work:
            self._go_on()
        return future

    def _go_on(self) -> None:
        """Have the next ones done, behind what others want of the threads: so nobody keeps one for itself."""
        try:
            for_inboxes().submit(self._work_off)
        except RuntimeError as error:  # the process ends, and its threads take nothing more
            with self._lock:
                left, self._waiting, self._is_at_work = self._waiting, deque(), False
                self._size = 0
            for _, future, _ in left:
                future.set_exception(error)

    def _work_off(self) -> None:
        with self._lock:
            batch = self._next()
        try:
            self._do(batch)
        finally:
            with self._lock:
                goes_on = self._is_at_work = bool(self._waiting)
            if goes_on:
                self._go_on()

    def _next(self) -> list[_Item[A, R]]:
        """As many as fit, in the order in which they came; one at least."""
        batch: list[_Item[A, R]] = []
        room = LARGEST
        while self._waiting and len(batch) < MOST and (not batch or self._waiting[0][2] <= room):
            batch.append(self._waiting.popleft())
            room -= batch[-1][2]
            self._size -= batch[-1][2]
        return batch

    def _do(self, batch: Sequence[_Item[A, R]]) -> None:
        try:
            results = self._work([item for item, _, _ in batch])
        except Exception as error:  # noqa: BLE001 - whoever waits is told, and the next ones are worked off
            if len(batch) > 1 and _may_be_one(error):
                for each in batch:
                    self._do([each])
                return
            for _, future, _ in batch:
                future.set_exception(error)
        else:
            for (_, future, _), result in zip(batch, results, strict=True):
                future.set_result(result)


def _may_be_one(error: Exception) -> bool:
    """Whether it may be about one of them: not that the store cannot be reached."""
    return error.refused if isinstance(error, LinkStoreError) else True
