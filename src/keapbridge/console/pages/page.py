"""What a page is: what it answers, and whether it changes anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import attrs

from keapbridge.console.visit import Visit

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["Page"]

Handler = Callable[[Visit], "Awaitable[Response]"]


@attrs.frozen
class Page:
    """A page.

    Attributes:
        get: shows it.
        post: answers a form; `None` where it has none.
        decides: whether its form changes anything, which not everybody may.
    """

    get: Handler | None = None
    post: Handler | None = None
    decides: bool = True

    @property
    def methods(self) -> Sequence[str]:
        return [name for name, handler in (("GET", self.get), ("POST", self.post)) if handler is not None]

    async def answer(self, visit: Visit) -> Response:
        handler = self.post if visit.request.method == "POST" else self.get
        assert handler is not None  # no other methods are routed here
        return await handler(visit)
