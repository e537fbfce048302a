"""Listeners to progress: bars, with tqdm (the `progress` extra), and the host's own function."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from keapbridge.events.values import Event, Progress, RunBegun, RunEnded, Wait
from keapbridge.events.waits import Waits, told

__all__ = ["ProgressBars", "Steps"]

EVERY = timedelta(seconds=0.25)  # between two calls of the host's function about the same thing


def _now() -> datetime:
    return datetime.now(UTC)


@attrs.define(eq=False)
class Steps:
    """Calls a function with the synchronization, what is being done, how many are done and how many there are.

    Not for every record: a few times a second, and less often where the function is slow. The first and the last step
    of everything are told in any case, and so is a long wait, as what is being done.
    """

    told: Callable[[str, str, int, int | None], object]
    clock: Callable[[], datetime] = _now
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


class ProgressBars:
    """One bar for each thing that is being done. A wait stands behind the bar of what waits."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError("progress bars need tqdm: pip install 'keapbridge[progress]'") from error
        self._tqdm = tqdm
        self._bars: dict[tuple[str, str], Any] = {}
        self._waits = Waits()
        self._waiting: Any = None  # the bar that a wait stands behind

    def wants(self, event: Event) -> bool:
        """Progress and waits."""
        return isinstance(event, (Progress, Wait))

    def __call__(self, event: Event) -> None:
        match event:
            case Progress():
                self._progress(event)
            case Wait():
                if self._waits.is_news(event):
                    self._wait(f"waiting {told(event)}")

    def _progress(self, event: Progress) -> None:
        key = (event.object, event.doing)
        bar = self._bars.pop(key, None)
        if bar is None or event.done < bar.n:
            bar = self._tqdm(total=event.total, desc=f"{event.object}: {event.doing}", unit=" records")
        self._bars[key] = bar  # the newest is the last one
        if self._waiting is not None:
            self._waiting.set_postfix_str("")
            self._waiting = None
        bar.total = event.total
        bar.update(event.done - bar.n)
        if event.total is not None and event.done >= event.total:
            bar.close()
            del self._bars[key]

    def _wait(self, words: str) -> None:
        if self._bars:
            self._waiting = next(reversed(self._bars.values()))
            self._waiting.set_postfix_str(words)
        else:
            self._tqdm.write(words)
