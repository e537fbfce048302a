"""The listener to progress that is the host's own function; what shows it on a screen is `events.live`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import attrs

from keapbridge._clock import utc_now
from keapbridge.events.values import Event, Progress, RunBegun, RunEnded, Wait
from keapbridge.events.waits import Waits, told

__all__ = ["Steps"]

EVERY = timedelta(seconds=0.25)  # between two calls of the host's function about the same thing


@attrs.define(eq=False)
class Steps:
    """Calls a function with the synchronization, what is being done, how many are done and how many there are.

    Not for every record: a few times a second, and less often where the function is slow. The first and the last step
    of everything are told in any case, and so is a long wait, as what is being done.
    """

    told: Callable[[str, str, int, int | None], object]
    clock: Callable[[], datetime] = utc_now
    _waits: Waits = attrs.field(factory=Waits, init=False)
    _last: Progress | None = attrs.field(default=None, init=False)
    _objects: tuple[str, ...] = attrs.field(default=(), init=False)
    _quiet_until: dict[tuple[str, str], datetime] = attrs.field(factory=dict, init=False)
    _untold: dict[tuple[str, str], Progress] = attrs.field(factory=dict, init=False)

    def wants(self, event: Event) -> bool:
        """Progress and waits; and where a run begins and ends."""
        return isinstance(event, (Progress, Wait, RunBegun, RunEnded))

    def __call__(self, event: Event) -> None:
        match event:
            case Progress():
                self._progress(event)
            case Wait():
                if self._waits.is_news(event):
                    last = self._last or Progress(", ".join(self._objects), "", 0, None)
                    self.told(last.object, f"waiting {told(event)}", last.done, last.total)
            case RunBegun() | RunEnded():
                for untold in list(self._untold.values()):
                    self._tell(untold)
                self._last = None
                self._objects = event.objects
                self._quiet_until.clear()

    def _progress(self, event: Progress) -> None:
        key = event.object, event.doing
        self._last = event
        quiet_until = self._quiet_until.get(key)
        if quiet_until is not None and event.at < quiet_until and event.done != event.total:
            self._untold[key] = event
        else:
            self._tell(event)

    def _tell(self, event: Progress) -> None:
        key = event.object, event.doing
        self._untold.pop(key, None)
        try:
            self.told(event.object, event.doing, event.done, event.total)
        finally:
            # What was told while the function was at work is old by now.
            self._quiet_until[key] = self.clock() + EVERY
