"""What a fleet asks of the Keap of a session: the calls that are left, and that its hooks are as they should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge.fleet.open_sessions import Session
from keapbridge.keap.hooks import EVENTS, AsyncKeapHooks, KeapHooks, SyncKeapHooks
from keapbridge.keap.limits import read_limits
from keapbridge.model.side import Side
from keapbridge.sync.aio import AsyncSyncSession

__all__ = ["calls_left", "hooks_of"]

PATIENCE = 10.0  # seconds for the receiver to answer a verification


def calls_left(session: Session) -> int | None:
    """How many calls the day has left, as Keap told last; `None` where it has not."""
    port = _port(session)
    found: int | None = None if port is None else read_limits(port.last_headers).day.available
    return found


def hooks_of(session: Session) -> Callable[[str], Any]:
    """Brings the subscriptions of an address to what they should be."""
    hooks = KeapHooks(_port(session))
    if isinstance(session, AsyncSyncSession):
        client = AsyncKeapHooks(AsyncDriver(), hooks)

        async def ensure(url: str) -> object:
            return await client.ensure(url, EVENTS, wait=PATIENCE)

        return ensure
    plain = SyncKeapHooks(SyncDriver(), hooks)
    return lambda url: plain.ensure(url, EVENTS, wait=PATIENCE)


def _port(session: Session) -> Any:
    """The connections to Keap, of any of the synchronizations."""
    for sync in session._engine.bridge.synchronizations.values():  # noqa: SLF001 - a room of the same house
        flows: Any = getattr(sync.systems[Side.KEAP], "flows", None)
        return getattr(flows, "port", None)
    return None
