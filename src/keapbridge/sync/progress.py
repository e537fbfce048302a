"""Listeners to progress: bars, with tqdm (the `progress` extra), and the host's own function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from keapbridge.events.values import Event, Progress

__all__ = ["ProgressBars", "Steps"]


@attrs.frozen
class Steps:
    """Calls a function with the synchronization, what is being done, how many are done and how many there are."""

    told: Callable[[str, str, int, int | None], object]

    def wants(self, event: Event) -> bool:
        """Progress alone."""
        return isinstance(event, Progress)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.told(event.object, event.doing, event.done, event.total)


class ProgressBars:
    """One bar for each thing that is being done."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError("progress bars need tqdm: pip install 'keapbridge[progress]'") from error
        self._tqdm = tqdm
        self._bars: dict[tuple[str, str], Any] = {}

    def wants(self, event: Event) -> bool:
        """Progress alone."""
        return isinstance(event, Progress)

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Progress):
            return
        key = (event.object, event.doing)
        bar = self._bars.get(key)
        if bar is None or event.done < bar.n:
            bar = self._bars[key] = self._tqdm(
                total=event.total, desc=f"{event.object}: {event.doing}", unit=" records"
            )
        bar.total = event.total
        bar.update(event.done - bar.n)
        if event.total is not None and event.done >= event.total:
            bar.close()
            del self._bars[key]
