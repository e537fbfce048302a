"""What `check` finds: what this session was given, held against itself and both systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keapbridge.console.visit import Visit
from keapbridge.model.finding import Findings

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["look", "show"]


async def show(visit: Visit) -> Response:
    """Before anybody has looked."""
    return visit.show("check.html", "Check", None)


async def look(visit: Visit) -> Response:
    """Look now: both systems are asked a little."""
    found: Findings = await visit.desk.work(visit.desk.session.check)
    return visit.show("check.html", "Check", found)
