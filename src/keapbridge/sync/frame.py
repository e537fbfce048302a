"""What is around every run of a session: it is alone, told of, stopped when somebody says so, and knows its systems."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

import attrs

from keapbridge._flow.effects import Flow, Halt
from keapbridge.errors import ApiError, SyncError, TryLaterError
from keapbridge.model.given import optional, seconds, span
from keapbridge.model.report import Report
from keapbridge.sync.afterwards.cut_off import finish_undo
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.lease import DEBUG_TERM, holding
from keapbridge.sync.reading.going_on import begin_anew_next, keep_so_far
from keapbridge.sync.reading.recognition import recognise_customcrm
from keapbridge.sync.stopping import Closing, Stopping, is_stop
from keapbridge.sync.synchronization import Synchronization

__all__ = ["Frame"]

T = TypeVar("T")


@attrs.frozen
class Frame:
    """What the flows of a session run in."""

    bridge: Bridge
    _stopping: Stopping = attrs.field(factory=Stopping, init=False)
    _closing: Closing = attrs.field(
        init=False, default=attrs.Factory(lambda self: Closing(self.bridge.store.close), takes_self=True)
    )

    @property
    def is_closed(self) -> bool:
        return self._closing.is_closed

    def stop(self) -> None:
        """End the runs that are under way. Those that begin later are not meant."""
        self._stopping.stop()

    def close(self) -> None:
        """End what is under way, and close the store once it has ended; any number of times."""
        self.stop()
        self._closing.close()

    def check_open(self) -> None:
        """Raise a `SyncError` when the session is closed."""
        if self._closing.is_closed:
            name = self.bridge.settings.watch.session
            raise SyncError(f"the session {name!r} is closed: open another one, SyncSession(…) or AsyncSyncSession(…)")

    def run(
        self,
        doing: str,
        those: Sequence[Synchronization],
        flow: Flow[T],
        wait: float,
        deadline: timedelta | None = None,
        *,
        is_bound: bool = True,
    ) -> Flow[T]:
        """Whatever plans or writes: alone, with the systems of the store, and after it is known what became of an
        undoing that was cut off.

        Args:
            is_bound: whether it is for the systems that the store belongs to.
        """
        self.check_open()
        wait = seconds("wait", wait)
        gate = self._stopping.gate(optional(span)("deadline", deadline))
        settings = self.bridge.settings
        term = DEBUG_TERM if settings.debug else None
        alone = gate.around(holding(self.bridge.store, self._informed(flow, is_bound), wait, term=term))
        watched = settings.watch.run(doing, [sync.name for sync in those], alone)
        return self._closing.around(watched, self.check_open)

    def asking(self, flow: Flow[T]) -> Flow[T]:
        """Whatever only reads, from the systems too: it is stopped like a run."""
        self.check_open()
        return self._closing.around(self._stopping.gate().around(flow), self.check_open)

    def _informed(self, flow: Flow[T], is_bound: bool) -> Flow[T]:
        self.bridge.guard.begin()
        for sync in self.bridge.synchronizations.values():
            sync.absences.begin()
            sync.listings.begin()
        if is_bound:
            self.bridge.belonging.news = yield from recognise_customcrm(self.bridge)
            yield from finish_undo(self.bridge)
        try:
            result = yield from flow
        except (Halt, ApiError) as end:
            if isinstance(end, TryLaterError) or (isinstance(end, Halt) and is_stop(end)):
                yield from self._keep_so_far()
            raise
        if isinstance(result, Report):
            yield from self._keep_so_far(worked_off=result.complete)
        return result

    def _keep_so_far(self, *, worked_off: bool = False) -> Flow[None]:
        """Let the next run go on with lists of everything, but for those that have come to their end in a whole run."""
        for sync in self.bridge.synchronizations.values():
            if worked_off and sync.listings.are_over:
                yield from begin_anew_next(sync)
            else:
                yield from keep_so_far(sync)
