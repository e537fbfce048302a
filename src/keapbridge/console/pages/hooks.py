"""Keap's subscriptions: which events it tells, and whether it does. Keap is asked when somebody says so, not before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs
import msgspec

from keapbridge._clock import utc_now
from keapbridge.console.visit import Visit
from keapbridge.keap.hooks import EVENTS, Hook

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["NotedHooks", "look", "read_noted"]

WORDS = {
    "Verified": "verified",
    "Unverified": "not verified: the receiver has not answered",
    "Inactive": "given up by Keap",
}


@attrs.frozen
class NotedHook:
    """A subscription: an event, what became of it, and the machine to which Keap sends it."""

    event: str
    status: str
    receiver: str

    @property
    def is_verified(self) -> bool:
        return self.status == "Verified"

    @property
    def words(self) -> str:
        return WORDS.get(self.status, self.status)


@attrs.frozen
class NotedHooks:
    """The subscriptions to the events that matter here, as Keap told them."""

    at: datetime
    hooks: tuple[NotedHook, ...] = ()

    @property
    def verified(self) -> int:
        return sum(hook.is_verified for hook in self.hooks)

    @property
    def missing(self) -> Sequence[str]:
        """Events that nobody has subscribed to."""
        return [event for event in EVENTS if event not in {hook.event for hook in self.hooks}]


def noted(hooks: Sequence[Hook], moment: datetime) -> NotedHooks:
    """What is kept of them: their addresses are what keeps strangers from sending there, and are not."""
    mine = sorted((hook for hook in hooks if hook.event_key in EVENTS), key=lambda hook: (hook.event_key, hook.key))
    return NotedHooks(
        moment, tuple(NotedHook(hook.event_key, hook.status, urlsplit(hook.hook_url).hostname or "") for hook in mine)
    )


def read_noted(text: str | None) -> NotedHooks | None:
    """What was kept; `None` where nothing was that can be read."""
    try:
        return None if text is None else msgspec.json.decode(text, type=NotedHooks)
    except msgspec.MsgspecError:
        return None  # of another version of this library


async def look(visit: Visit) -> Response:
    """Ask Keap, and keep for all what it says."""
    found = noted(await visit.desk.hooks(), utc_now())
    await visit.desk.note_hooks(msgspec.json.encode(found).decode())
    return visit.go()
