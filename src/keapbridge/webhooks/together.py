"""What waits for the store is written together: all that came while one transaction ran makes up the next.

A commit takes about as long for a hundred deliveries as for one. So however many come at once, each waits for at most
two commits, and not for those of all before it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from keapbridge.errors import LinkStoreError
from keapbridge.webhooks.threads import for_inboxes

__all__ = ["Together"]

MOST = 100  # at once

A = TypeVar("A")
R = TypeVar("R")


class Together(Generic[A, R]):
    """Work that is done for several at once, on a thread of those for inboxes.

    Args:
        work: does it for all of some or for none, and answers for each. What it refuses because of one is done for
            the others without that one.
    """

    def __init__(self, work: Callable[[Sequence[A]], Sequence[R]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._waiting: list[tuple[A, Future[R]]] = []
        self._is_at_work = False

    def submit(self, item: A) -> Future[R]:
        """Have it done, with what else waits."""
        future: Future[R] = Future()
        future.set_running_or_notify_cancel()  # it is done, also when nobody waits for it any more
        with self._lock:
            self._waiting.append((item, future))
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
                left, self._waiting, self._is_at_work = self._waiting, [], False
            for _, future in left:
                future.set_exception(error)

    def _work_off(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            self._do(batch)
        finally:
            with self._lock:
                goes_on = self._is_at_work = bool(self._waiting)
            if goes_on:
                self._go_on()

    def _do(self, batch: Sequence[tuple[A, Future[R]]]) -> None:
        try:
            results = self._work([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - whoever waits is told, and the next ones are worked off
            if len(batch) > 1 and _may_be_one(error):
                for each in batch:
                    self._do([each])
                return
            for _, future in batch:
                future.set_exception(error)
        else:
            for (_, future), result in zip(batch, results, strict=True):
                future.set_result(result)


def _may_be_one(error: Exception) -> bool:
    """Whether it may be about one of them: not that the store cannot be reached."""
    return error.refused if isinstance(error, LinkStoreError) else True
