"""Taking a run back: first what that would do, then doing it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from keapbridge.console.pages.plans import row_shown
from keapbridge.console.pages.progress import begun, named
from keapbridge.console.pages.runs import count_rows, the_report
from keapbridge.console.visit import Visit
from keapbridge.model.plan import Plan

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["preview", "undo"]

ROWS = 100


async def preview(visit: Visit) -> Response:
    """What taking the run back would do."""
    report = await the_report(visit)
    plan: Plan = await visit.desk.work(visit.desk.session.plan_undo, report.run_id)
    actions = await visit.desk.read(lambda: list(islice(plan.actions, ROWS + 1)))
    shown = {
        "run_id": report.run_id,
        "plan_id": plan.id,
        "started_at": report.started_at,
        "is_empty": plan.is_empty,
        "counts": count_rows(plan.counts, plan.objects),
        "objects": plan.objects,
        "rows": [row_shown(number, action) for number, action in enumerate(actions[:ROWS])],
        "has_more": len(actions) > ROWS,
    }
    return visit.show("undo.html", f"Take run {report.run_id} back", shown)


async def undo(visit: Visit) -> Response:
    """Do it."""
    report, desk = await the_report(visit), visit.desk

    async def doing() -> str:
        done = await desk.work(desk.session.undo, report.run_id, by=visit.user.name)
        return f"runs/{done.run_id}"

    return await begun(visit, named("undo", report.run_id), "The run is being taken back", doing)
