"""The overview: whether all is in step, and what waits for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from keapbridge._clock import utc_now
from keapbridge.console.desk import FullScans
from keapbridge.console.pages.hooks import NotedHooks, read_noted
from keapbridge.console.pages.runs import ARun, run_shown
from keapbridge.console.rendering import plural
from keapbridge.console.threads import on_a_thread
from keapbridge.console.visit import Visit
from keapbridge.keap.limits import KeapLimits
from keapbridge.model.plan import SYNC
from keapbridge.model.summaries import PlanSummary, RunSummary, UnderWay
from keapbridge.model.waiting import Waiting
from keapbridge.store.inbox import Counts
from keapbridge.store.works import KeptWork

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["show"]

RUNS = 5
LOOKED_AT = 25  # runs among which the newest is looked for that has told of each synchronization
WORKS = 5
LATE = timedelta(hours=1)  # that a full scan may be, before it is said to be missing
PLANS = 5


@attrs.frozen
class Waits:
    """Something that waits for a person, or is not as it should be.

    Attributes:
        link: the page about it, below that of the session.
    """

    words: str
    link: str = ""


@attrs.frozen
class Gauge:
    """A limit of Keap's, and what is left of it."""

    name: str
    left: int
    limit: int


@attrs.frozen
class Working:
    """What a runner does now."""

    words: str


@attrs.frozen
class Webhooks:
    """What is known of webhooks.

    Attributes:
        noted: Keap's subscriptions, as Keap told them last.
        last_event: when Keap's last event came, if that is not long ago.
        deliveries: what waits to be synced.
    """

    noted: NotedHooks | None
    last_event: datetime | None
    deliveries: Counts


@attrs.frozen
class Overview:
    """What is shown.

    Attributes:
        reasons: why not all is in step.
    """

    verdict: str
    is_in_step: bool
    reasons: Sequence[Waits]
    under_way: Working | None
    runs: Sequence[ARun]
    gauges: Sequence[Gauge]
    scans: FullScans
    webhooks: Webhooks
    works: Sequence[KeptWork]


def overview(
    runs: Sequence[RunSummary],
    plans: Sequence[PlanSummary],
    open_: Sequence[Waits],
    under_way: UnderWay | None,
    limits: KeapLimits | None,
    scans: FullScans,
    webhooks: Webhooks,
    works: Sequence[KeptWork],
    now: datetime,
) -> Overview:
    """The overview."""
    reasons = [*open_, *_of_runs(runs, under_way), *_of_plans(plans), *_of_scans(scans, now), *_of_hooks(webhooks)]
    verdict = "Both systems are in step" if not reasons else "Something waits for you"
    working = None if under_way is None else Working(_words(under_way))
    shown, gauges = [run_shown(run) for run in runs[:RUNS]], list(_gauges(limits))
    return Overview(verdict, not reasons, reasons, working, shown, gauges, scans, webhooks, works)


def _words(found: UnderWay) -> str:
    if found.run_id is None:
        return "A runner reads both systems and plans."
    return f"A runner writes: {found.done:,} of about {found.total:,} are done."


def _of_runs(runs: Sequence[RunSummary], under_way: UnderWay | None) -> Iterator[Waits]:
    if not runs:
        yield Waits("There was no run yet, so nothing is known: make a plan, and apply it", "plans")
        return
    last = runs[0]
    if last.ended_at is None and under_way is None:
        yield Waits("The last run was cut off; the next one goes on", f"runs/{last.run_id}")
    elif last.ended_at is not None and not last.complete:
        yield Waits("The last run was stopped before its end; the next one goes on", f"runs/{last.run_id}")
    # Whatever a run of a synchronization has held, the next one holds and tells again, until it is mended.
    told: set[str] = set()
    for run in runs:
        if run.purpose != SYNC or not run.complete:
            continue
        number = sum(run.counts.get(name, {}).get("held", 0) for name in run.objects if name not in told)
        told.update(run.objects)
        if number:
            words = plural(number, "field is held", "fields are held")
            yield Waits(f"{words}: the report of the run says why", f"runs/{run.run_id}?outcome=held")


def _of_plans(plans: Sequence[PlanSummary]) -> Iterator[Waits]:
    waiting = [plan for plan in plans[:1] if plan.applied_at is None and any(plan.counts.values())]
    for plan in waiting:
        yield Waits("The newest plan was not applied", f"plans/{plan.id}")


def _of_scans(scans: FullScans, now: datetime) -> Iterator[Waits]:
    if scans.next is not None and scans.next + LATE < now:
        yield Waits("Everything should have been read again by now, which finds deletions", "")


def _of_hooks(webhooks: Webhooks) -> Iterator[Waits]:
    found = webhooks.noted
    if found is not None and (number := len(found.hooks) - found.verified):
        yield Waits(plural(number, "event is not told by Keap", "events are not told by Keap"), "")


def _gauges(limits: KeapLimits | None) -> Iterator[Gauge]:
    if limits is None:
        return
    windows = {
        "This key, in a minute": limits.minute,
        "This key, in a day": limits.day,
        "The application, in a minute": limits.tenant,
        "The application, in a day": limits.tenant_day,
    }
    for name, window in windows.items():
        if window.limit is not None and window.available is not None:
            yield Gauge(name, window.available, window.limit)


async def show(visit: Visit) -> Response:
    """The overview of a session."""
    desk = visit.desk
    webhooks = Webhooks(read_noted(await desk.noted_hooks()), await desk.last_event(), await desk.deliveries())
    shown = overview(
        await desk.ask(desk.session.runs, limit=LOOKED_AT),
        await desk.ask(desk.session.plans, limit=PLANS),
        await _open(visit),
        await desk.ask(desk.session.under_way),
        desk.limits(),
        await desk.full_scans(),
        webhooks,
        await on_a_thread(desk.kept_works.newest, WORKS),
        utc_now(),
    )
    return visit.show("overview.html", "Overview", shown)


async def _open(visit: Visit) -> list[Waits]:
    """What waits for a decision."""
    found: Sequence[Waiting] = await visit.desk.ask(visit.desk.session.waiting)
    sums = {name: sum(getattr(each, name) for each in found) for name in ("conflicts", "pairs_in_doubt", "failures")}
    more = frozenset().union(*(each.more for each in found))
    told = (
        ("conflicts", "conflict waits for a decision", "conflicts wait for a decision", "conflicts"),
        ("pairs_in_doubt", "pair of records is in doubt", "pairs of records are in doubt", "pairs"),
        ("failures", "record has failed", "records have failed", "failures"),
    )
    return [
        Waits(f"{'More than ' if name in more else ''}{plural(sums[name], one, many)}", link)
        for name, one, many, link in told
        if sums[name]
    ]
