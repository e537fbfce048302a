"""Records that failed: why, how often, and when they are tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keapbridge.console.visit import Visit
from keapbridge.model.side import Side

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["retry", "show"]

MANY = 50


async def show(visit: Visit) -> Response:
    """The failures."""
    found = await visit.desk.ask(visit.desk.session.failures, after=visit.query("after") or None, limit=MANY)
    shown = {"failures": found, "more": visit.url("failures", after=found.next) if found.next else ""}
    return visit.show("failures.html", "Failures", shown)


async def retry(visit: Visit) -> Response:
    """Let a record, or all of them, take part again."""
    desk, form = visit.desk, visit.form
    if form.one("which") == "all":
        for failure in await desk.ask(desk.session.failures):
            await _again(visit, failure.object, failure.side, failure.id)
        return visit.go("failures")
    object = form.one("object")
    if object not in desk.session.mappers:
        raise ValueError("Say which record.")
    await _again(visit, object, Side.of(form.one("side"), "its side"), form.one("id"))
    return visit.go("failures")


async def _again(visit: Visit, object: str, side: Side, id: str) -> None:
    of: Any = getattr(visit.desk.session, object)
    which: dict[str, Any] = {side.value: [id]}
    await visit.desk.ask(of.retry, **which, by=visit.user.name)
