"""How far it is: what somebody has asked for here, or what a runner is doing anywhere."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

import attrs

from keapbridge._clock import utc_now
from keapbridge.console.desk import Desk
from keapbridge.console.threads import on_a_thread
from keapbridge.console.visit import Visit
from keapbridge.errors import StalePlanError
from keapbridge.model.summaries import RunSummary, UnderWay
from keapbridge.store.works import KeptWork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response

__all__ = ["PATIENCE", "begun", "named", "run_of", "show"]

AT_ONCE = 1.5  # seconds that one waits for what may be done by then
PATIENCE = 20.0  # seconds that a decision waits for a runner that is at work
RUNS = 50  # among which that of a plan is looked for


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


def named(*of: str) -> str:
    """What names a work: short, and the same for all who ask for the very same."""
    return hashlib.blake2b("\n".join(f"{len(part)}:{part}" for part in of).encode(), digest_size=16).hexdigest()


async def begun(visit: Visit, about: str, what: str, doing: Callable[[], Awaitable[str]]) -> Response:
    """Begin what takes a while, and show its outcome if it is there at once. Asked for twice, it is done once.

    Args:
        about: which one it is, for who asks how far it is.
        doing: does it, and gives the address of its outcome.

    Raises:
        StalePlanError: when somebody else has just begun the same.
    """
    desk, by = visit.desk, visit.user.name
    kept = desk.kept_works
    work = desk.works.get(about)
    if work is None:
        known = await on_a_thread(kept.begin, about, what, by, utc_now())
        work = None if known is not None else desk.works.begin(about, what, by, _noted(desk, about, doing))
        first = by if known is None else known.by
    else:
        first = work.by
    if first != by:
        raise StalePlanError(
            f"{first} was quicker, and has begun it already. What you asked for was not begun.", by=first
        )
    if work is None:
        return visit.go("progress", about=about)
    await desk.works.wait(work, AT_ONCE)
    if work.error is not None:
        raise work.error
    return visit.go("progress", about=about) if not work.is_over else _to(visit, work.result)


async def _noted(desk: Desk, about: str, doing: Callable[[], Awaitable[str]]) -> str:
    """Do it, and note for all processes what came of it."""
    async with desk.hold():
        outcome: dict[str, str] = {}
        try:
            outcome["page"] = await doing()
        except Exception as error:
            outcome["error"] = str(error)
            raise
        finally:
            if outcome:  # else the process ends, and it is cut off
                await on_a_thread(desk.kept_works.end, about, utc_now(), **outcome)
    return outcome["page"]


async def show(visit: Visit) -> Response:
    """How far it is, or on to its outcome."""
    about = visit.query("about")
    work = await _work(visit.desk, about) if about else None
    if work is not None and work.page:
        return _to(visit, work.page)
    again = visit.url("progress", about=about)
    if work is not None and work.error:
        words = f"{work.what} has ended before its time. What was done until then is done; the next run goes on."
        return visit.show("progress.html", work.what, Progress(words, again, error=work.error))
    found: UnderWay | None = await visit.desk.ask(visit.desk.session.under_way)
    if found is None and (work is None or not work.has_just_begun(utc_now())):
        return await _nobody_at_work(visit, about, again, work)
    if not about and found is not None and found.run_id is not None:
        again = visit.url("progress", about=found.run_id)  # at its end it leads to the report
    title = "At work" if work is None else work.what
    by = "" if work is None else f", for {work.by}"
    if found is None or found.run_id is None:
        return visit.show("progress.html", title, Progress(f"Reading and planning{by}.", again, goes_on=True))
    done = min(found.done, found.total)
    shown = Progress(
        f"Writing{by}: {done:,} of about {found.total:,}.", again, goes_on=True, done=done, total=found.total
    )
    return visit.show("progress.html", title, shown)


async def _work(desk: Desk, about: str) -> KeptWork | None:
    """What somebody has asked for in this process, or else in any."""
    mine = desk.works.get(about)
    if mine is not None:
        return KeptWork(about, mine.what, mine.by, utc_now())
    return await on_a_thread(desk.kept_works.get, about)


async def _nobody_at_work(visit: Visit, about: str, again: str, work: KeptWork | None) -> Response:
    """What this was about is done, if it is a plan that a run has applied; or it was cut off."""
    if work is not None:
        words = f"{work.what}: it was cut off. What was done until then is done; the next run goes on."
        return visit.show("progress.html", work.what, Progress(words, again, error="Its process has ended."))
    if about:
        run = await run_of(visit.desk, about)
        return visit.go("plans") if run is None else visit.go("runs", run.run_id)
    words = "Nobody is at work on this session at the moment."
    return visit.show("progress.html", "At work", Progress(words, again))


async def run_of(desk: Desk, id: str) -> RunSummary | None:
    """The run of an id, or of a plan of an id, among the newest ones."""
    for run in await desk.ask(desk.session.runs, limit=RUNS):
        if id in (run.plan_id, run.run_id):
            return cast("RunSummary", run)
    return None


def _to(visit: Visit, result: str) -> Response:
    path, _, query = result.partition("?")
    return visit.go(*path.split("/"), **dict(parse_qsl(query)))
