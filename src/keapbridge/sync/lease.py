"""One runner at a time: a lease in the store that a heartbeat prolongs, and the gate that lets no call pass without it.

Its end is set by the clock of the database, which all runners share. Here it is reckoned from the moment before the
database was asked, so that it is never taken for longer than it is.
"""

from __future__ import annotations

import os
import platform
from datetime import datetime, timedelta
from typing import TypeVar

import attrs

from keapbridge._flow.effects import (
    Await,
    Blocking,
    Effect,
    Flow,
    Halt,
    Send,
    Sleep,
    alongside,
    clocks,
    elapsed,
    new_id,
    within,
)
from keapbridge.errors import KeapbridgeError, LinkStoreError, SessionBusyError
from keapbridge.store.sql import LinkStore

__all__ = ["DEBUG_TERM", "TERM", "Lease", "holding"]

TERM = timedelta(seconds=45)  # what others wait for a runner that died
DEBUG_TERM = timedelta(hours=1)  # what a person needs at a breakpoint
SPARE = timedelta(seconds=15)  # of a term, for what a call needs from here to the other system
EVERY = timedelta(seconds=10)  # it is prolonged
POLL = 0.5

T = TypeVar("T")


@attrs.define
class Lease:
    """The lease of a run: prolonged by its heartbeat, asked before every call.

    Attributes:
        ends: by the wall clock, and by one that goes on while the machine sleeps.
        lost: why it cannot be had any more.
    """

    store: LinkStore
    holder: str
    term: timedelta
    ends: tuple[datetime, float] | None = None
    lost: KeapbridgeError | None = None

    def acquire(self, wait: float) -> Flow[None]:
        """Take it, as soon as nobody else has it.

        Raises:
            SessionBusyError: when somebody has it all that time.
        """
        asked = yield from clocks()
        deadline = asked[1] + wait
        why = "another runner is at work"  # told once, not with every look
        while (busy := (yield from self.store.lease.acquire(self.holder, self.term))) is not None:
            left = deadline - (yield from elapsed())
            if left <= 0:
                raise SessionBusyError(
                    f"another runner is at work on this session: {busy.holder}, until {busy.until:%H:%M:%S} UTC unless "
                    "it prolongs that; sync(wait=seconds) waits for it",
                    holder=busy.holder,
                    until=busy.until,
                )
            yield Sleep(min(POLL, max(0.01, left)), why=why, whole=left)
            why = ""
            asked = yield from clocks()
        self.ends = self._ends(*asked)

    def renew(self) -> Flow[None]:
        """Prolong it. What the store refuses is final; what it cannot do now is left to the next beat."""
        ends = self._ends(*(yield from clocks()))
        try:
            yield from self.store.lease.renew(self.holder, self.term)
        except SessionBusyError as error:
            self.lost = error
            raise
        if self.ends is None or ends[1] > self.ends[1]:
            self.ends = ends

    def release(self) -> Flow[None]:
        """Give it back. A store that fails just now does not matter any more: the lease expires by itself.

        What interrupts it is raised afterwards.
        """
        try:
            yield from self.store.lease.release(self.holder)
        except LinkStoreError:
            return
        except (Exception, GeneratorExit):
            raise
        except BaseException:
            yield from self.store.lease.release(self.holder)
            raise

    def admit(self, effect: Effect) -> Flow[None] | None:
        """Let calls pass while the lease lasts long enough for them."""
        return self._assured() if _calls(effect) else None

    def _assured(self) -> Flow[None]:
        """Make sure that it lasts; raise a `Halt` when it was lost, or cannot be prolonged."""
        if self.lost is None and (yield from self._lasts()):
            return
        # The heartbeat was held up, as on a machine that slept; or a clock was set.
        try:
            if self.lost is None:
                yield from self.renew()
        except KeapbridgeError as error:
            raise Halt(error) from None
        if self.lost is not None:
            raise Halt(self.lost)
        if not (yield from self._lasts()):
            raise Halt(
                SessionBusyError(
                    "the lease of this run could not be prolonged in time: it stops, and the next one goes on"
                )
            )

    def _lasts(self) -> Flow[bool]:
        moment, seconds = yield from clocks()
        if self.ends is None:
            return False
        left = min((self.ends[0] - moment).total_seconds(), self.ends[1] - seconds)
        return left >= min(SPARE, self.term / 3).total_seconds()

    def _ends(self, moment: datetime, seconds: float) -> tuple[datetime, float]:
        """When a term ends that was asked for then."""
        return moment + self.term, seconds + self.term.total_seconds()


def holding(store: LinkStore, flow: Flow[T], wait: float, *, term: timedelta | None = None) -> Flow[T]:
    """Run a flow while holding the lease: no call of it is sent without.

    Args:
        wait: seconds to wait for another runner to finish.
        term: how long the lease lasts when nobody prolongs it; 45 seconds.

    Raises:
        SessionBusyError: when another runner holds it all that time, or took it over meanwhile.
    """
    lease = Lease(store, _name((yield from new_id())), term or TERM)
    try:
        yield from lease.acquire(wait)
    except (Exception, GeneratorExit):
        raise
    except BaseException:
        yield from lease.release()  # it may be held already
        raise
    every = min(EVERY, lease.term * 2 / 9).total_seconds()
    try:
        result = yield from alongside(within(flow, gate=lease), lease.renew, every)
    except GeneratorExit:
        raise  # abandoned, as by the death of the process: the lease expires by itself
    except BaseException:
        yield from lease.release()
        raise
    yield from lease.release()
    return result


def _calls(effect: Effect) -> bool:
    return isinstance(effect, (Send, Await)) or (isinstance(effect, Blocking) and effect.outward)


def _name(id: str) -> str:
    """Whom others are told of: what is there once, and where a person finds it."""
    return f"{id[:12]} on {platform.node()[:14]}, {os.getpid()}"[:40]
