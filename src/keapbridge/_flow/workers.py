"""Threads that run flows side by side for a driver, and the thread that waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any

from keapbridge._flow.effects import Flow, Halt
from keapbridge._flow.scope import Errand, Task

__all__ = ["LeftError", "Workers", "at_home"]

GLANCE = 0.5  # seconds; how often who waits looks up, where nothing wakes it (on Windows a signal does not)

_Numbered = tuple[int, Flow[Any]]


class LeftError(BaseException):
    """What is still under way is left alone: its flows are abandoned, as by the death of the process."""

    def __init__(self, interrupt: BaseException) -> None:
        super().__init__(str(interrupt))
        self.interrupt = interrupt


class _Thread(threading.Thread):
    """A thread with the context of the one that makes it.

    Nobody may have to wait for it when the process is to end.
    """

    def __init__(self, name: str, work: Callable[[], None], bell: SimpleQueue[Errand | None]) -> None:
        context = copy_context()
        super().__init__(target=lambda: context.run(self._work), name=name, daemon=True)
        self._todo = work
        self._bell = bell
        self._over = False

    def _work(self) -> None:
        try:
            self._todo()
        finally:
            self._over = True
            self._bell.put(None)

    @property
    def is_at_work(self) -> bool:
        """Whether it has begun, and has not come to its end."""
        return self.ident is not None and not self._over


class Workers:
    """Flows that are run side by side, each by the thread that has time for it.

    Args:
        run: what drives one flow.
    """

    def __init__(self, task: Task, flows: Iterable[Flow[Any]], run: Callable[[Flow[Any]], Any]) -> None:
        self._task = task
        self._flows: Iterator[_Numbered] = enumerate(flows)
        self._run = run
        self._lock = threading.Lock()
        self._results: dict[int, Any] = {}
        self._failures: list[BaseException] = []
        self._threads: list[_Thread] = []
        is_home = threading.get_ident() == task.home
        self._desk: SimpleQueue[Errand | None] = task.desk if is_home else SimpleQueue()

    def all(self, limit: int) -> list[Any]:
        """Run them all, at most `limit` at a time; their values in order.

        The thread that calls this does what is to be done by none but it. When it is interrupted nothing new is begun,
        and it waits for what is under way. When it is interrupted once more, it leaves that.

        Raises:
            LeftError: when it was interrupted twice.
        """
        if limit <= 1:
            self._work(self._next())
        else:
            self._side_by_side(limit)
        if self._failures:
            raise next((e for e in self._failures if not isinstance(e, Exception)), self._failures[0])
        if self._task.halted is not None:
            raise Halt(self._task.halted)  # some were not begun
        return [self._results[i] for i in sorted(self._results)]

    def _side_by_side(self, limit: int) -> None:
        try:
            while len(self._threads) < limit and (numbered := self._next()) is not None:
                self._begin(numbered)
            self._wait()
        except BaseException as interrupt:
            self._wait_after(interrupt)
            raise

    def one_to_its_end(self) -> Any:
        """Run the only one on a thread of its own; its value.

        When the thread that calls this is interrupted, it waits for that value as well, and the task ends at its next
        call or wait: what is half done is not left.

        Raises:
            Halt: when the task is over already.
            LeftError: when it was interrupted twice.
        """
        numbered = self._next()
        if numbered is None:
            raise Halt(self._task.halted or RuntimeError("there is no flow"))
        try:
            self._begin(numbered)
            self._wait()
        except BaseException as interrupt:  # noqa: BLE001 - raised when the task ends
            self._wait_after(interrupt)
        if self._failures:
            raise self._failures[0]
        return self._results[0]

    def _wait_after(self, interrupt: BaseException) -> None:
        self._task.halt(interrupt)
        try:
            self._wait()
        except BaseException:  # noqa: BLE001 - the second one
            self._task.abandoned = True
            raise LeftError(interrupt) from None

    def _begin(self, numbered: _Numbered) -> None:
        thread = _Thread(f"keapbridge_{len(self._threads)}", lambda: self._work(numbered), self._desk)
        self._threads.append(thread)
        thread.start()

    def _work(self, numbered: _Numbered | None) -> None:
        while numbered is not None:
            index, flow = numbered
            try:
                self._results[index] = self._run(flow)
            except BaseException as error:  # noqa: BLE001 - raised again, on the thread that waits
                self._failures.append(error)
            numbered = self._next()

    def _next(self) -> _Numbered | None:
        with self._lock:
            if self._failures or self._task.halted is not None:
                return None
            try:
                return next(self._flows, None)
            except BaseException as error:  # noqa: BLE001 - raised again, on the thread that waits
                self._failures.append(error)
                return None

    def _wait(self) -> None:
        """Wait until all threads have ended, and do meanwhile what they want done here."""
        while any(thread.is_at_work for thread in self._threads):
            try:
                errand = self._desk.get(timeout=GLANCE)
            except Empty:
                continue
            if errand is None:
                continue
            if self._task.halted is not None:
                errand.refuse(Halt(self._task.halted))
                continue
            errand.perform()
            if (error := errand.outcome[1]) is not None and not isinstance(error, Exception):
                raise error


def at_home(task: Task, work: Callable[[], Any]) -> Any:
    """Do work on the thread that began it all, and wait for it."""
    if threading.get_ident() == task.home:
        return work()
    errand = Errand(work)
    task.desk.put(errand)
    while not errand.done.wait(GLANCE):
        if task.abandoned and task.halted is not None:
            raise Halt(task.halted)
    value, error = errand.outcome
    if error is not None:
        raise error
    return value
