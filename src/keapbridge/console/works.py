"""What is under way for people in this process: it goes on while they look at other pages, or at none.

What came of it stands in the store, `store.works`, for all processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import attrs

__all__ = ["Work", "Works"]


@attrs.define(eq=False)
class Work:
    """Something that somebody has asked for, and that takes a while.

    Attributes:
        about: what names it.
        what: what is done, for people.
        by: who asked for it.
        error: what ended it before its time.
        result: the page on which its outcome stands, below that of the session.
    """

    about: str
    what: str
    by: str
    task: asyncio.Task[None] | None = None
    error: Exception | None = None
    result: str = ""

    @property
    def is_over(self) -> bool:
        return self.task is not None and self.task.done()


@attrs.define(eq=False)
class Works:
    """The works of a session that are under way here."""

    _each: dict[str, Work] = attrs.field(factory=dict, init=False)

    def get(self, about: str) -> Work | None:
        return self._each.get(about)

    def begin(self, about: str, what: str, by: str, doing: Awaitable[str]) -> Work:
        """Begin it.

        Args:
            doing: does it, and gives the page of its outcome.
        """
        work = self._each[about] = Work(about, what, by)

        async def run() -> None:
            try:
                work.result = await doing
            except Exception as error:  # noqa: BLE001 - it is shown to who asked for it
                work.error = error
            finally:
                if self._each.get(about) is work:
                    del self._each[about]

        work.task = asyncio.get_running_loop().create_task(run(), name="keapbridge-console")
        return work

    async def wait(self, work: Work, seconds: float) -> None:
        """Wait for it, but no longer: most of it is done at once."""
        if work.task is not None:
            await asyncio.wait({work.task}, timeout=seconds)
