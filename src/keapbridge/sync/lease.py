"""One runner at a time: a lease in the store, kept alive by the run's own commits; a dead holder's lease expires."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from keapbridge._io.effects import Flow, Sleep, new_id, now, within
from keapbridge.errors import SessionBusyError
from keapbridge.store.sql import LinkStore

__all__ = ["TERM", "holding", "prolong"]

TERM = timedelta(minutes=3)  # longer than a request with all its retries may take
POLL = 0.5

T = TypeVar("T")


def holding(store: LinkStore, flow: Flow[T], wait: float) -> Flow[T]:
    """Run a flow while holding the lease.

    Args:
        wait: seconds to wait for another runner to finish.

    Raises:
        SessionBusyError: when another runner holds it all that time, or took it over meanwhile.
    """
    holder = (yield from new_id())[:12]
    yield from _acquire(store, holder, wait)
    try:
        result = yield from within(flow)
    except GeneratorExit:
        raise  # abandoned, as by the death of the process: the lease expires by itself
    except BaseException:
        yield from store.lease.release(holder)
        raise
    yield from store.lease.release(holder)
    return result


def _acquire(store: LinkStore, holder: str, wait: float) -> Flow[None]:
    moment = yield from now()
    deadline = moment + timedelta(seconds=wait)
    while not (yield from store.lease.acquire(holder, moment, moment + TERM)):
        if moment >= deadline:
            raise SessionBusyError("another runner is at work on this session; sync(wait=seconds) waits for it")
        yield Sleep(min(POLL, max(0.01, (deadline - moment).total_seconds())))
        moment = yield from now()


def prolong(store: LinkStore) -> Flow[None]:
    """Prolong the lease when a good part of it is over."""
    moment = yield from now()
    if store.lease.is_due(moment, TERM / 2):
        yield from store.lease.renew(moment + TERM)
