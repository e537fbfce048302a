"""How far it is: what somebody has asked for here, or what a runner is doing anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import attrs

from keapbridge.console.visit import Visit
from keapbridge.model.summaries import UnderWay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response

__all__ = ["begun", "show"]

AT_ONCE = 1.5  # seconds that one waits for what may be done by then


@attrs.frozen
class Progress:
    """What is shown of it.

    Attributes:
        again: where to look again.
        goes_on: whether it is still under way.
    """

    words: str
    again: str
    goes_on: bool = False
    done: int = 0
    total: int = 0
    error: str = ""


async def begun(visit: Visit, about: str, what: str, doing: Callable[[], Awaitable[str]]) -> Response:
    """Begin what takes a while, and show its outcome if it is there at once.

    Args:
        about: which one it is, for who asks how far it is.
        doing: does it, and gives the address of its outcome.
    """
    desk = visit.desk

    async def held() -> str:
        async with desk.hold():
            return await doing()

    work = desk.works.begin(about, what, visit.user.name, held())
    await desk.works.wait(work, AT_ONCE)
    if work.error is not None:
        raise work.error
    return visit.go("progress", about=about) if not work.is_over else _to(visit, work.result)


async def show(visit: Visit) -> Response:
    """How far it is, or on to its outcome."""
    about = visit.query("about")
    work = visit.desk.works.get(about) if about else None
    if work is not None and work.is_over and work.error is None:
        return _to(visit, work.result)
    again = visit.url("progress", about=about)
    if work is not None and work.error is not None:
        words = f"{work.what} has ended before its time. What was done until then is done; the next run goes on."
        return visit.show("progress.html", work.what, Progress(words, again, error=str(work.error)))
    found: UnderWay | None = await visit.desk.ask(visit.desk.session.under_way)
    if work is None and found is None:
        return await _of_another_process(visit, about, again)
    if not about and found is not None and found.run_id is not None:
        again = visit.url("progress", about=found.run_id)  # at its end it leads to the report
    title = "At work" if work is None else work.what
    by = "" if work is None else f", for {work.by}"
    if found is None or found.run_id is None:
        return visit.show("progress.html", title, Progress(f"Reading and planning{by}.", again, goes_on=True))
    shown = Progress(f"Writing{by}.", again, goes_on=True, done=min(found.done, found.total), total=found.total)
    return visit.show("progress.html", title, shown)


async def _of_another_process(visit: Visit, about: str, again: str) -> Response:
    """Nobody is at work: what this was about is done, if it is a plan that a run has applied."""
    if about:
        for run in await visit.desk.ask(visit.desk.session.runs, limit=50):
            if about in (run.plan_id, run.run_id):
                return visit.go("runs", run.run_id)
        return visit.go("plans")
    words = "Nobody is at work on this session at the moment."
    return visit.show("progress.html", "At work", Progress(words, again))


def _to(visit: Visit, result: str) -> Response:
    path, _, query = result.partition("?")
    return visit.go(*path.split("/"), **dict(parse_qsl(query)))
