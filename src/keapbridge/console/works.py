"""What is under way for people in this process: it goes on while they look at other pages, or at none."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from datetime import datetime

import attrs

from keapbridge._clock import utc_now

__all__ = ["Work", "Works"]

MOST = 200  # works that are remembered after their end


@attrs.define(eq=False)
class Work:
    """Something that somebody has asked for, and that takes a while.

    Attributes:
        about: which one it is: the id of a plan or a run.
        what: what is done, for people.
        by: who asked for it.
        error: what ended it before its time.
        result: the page on which its outcome stands, below that of the session.
    """

    about: str
    what: str
    by: str
    began_at: datetime = attrs.field(factory=utc_now)
    task: asyncio.Task[None] | None = None
    error: Exception | None = None
    result: str = ""

    @property
    def is_over(self) -> bool:
        return self.task is not None and self.task.done()


@attrs.define(eq=False)
class Works:
    """The works of a session: those that are under way, and the last ones that are over."""

    _each: OrderedDict[str, Work] = attrs.field(factory=OrderedDict, init=False)

    def get(self, about: str) -> Work | None:
        return self._each.get(about)

    def begin(self, about: str, what: str, by: str, doing: Awaitable[str]) -> Work:
        """Begin it.

        Args:
            doing: does it, and gives the page of its outcome.
        """
        work = self._each[about] = Work(about, what, by)
        self._each.move_to_end(about)

        async def run() -> None:
            try:
                work.result = await doing
            except Exception as error:  # noqa: BLE001 - it is shown to who asked for it
                work.error = error

        work.task = asyncio.get_running_loop().create_task(run(), name="keapbridge-console")
        for old in [each for each, its in self._each.items() if its.is_over][: max(0, len(self._each) - MOST)]:
            del self._each[old]
        return work

    async def wait(self, work: Work, seconds: float) -> None:
        """Wait for it, but no longer: most of it is done at once."""
        if work.task is not None:
            await asyncio.wait({work.task}, timeout=seconds)
