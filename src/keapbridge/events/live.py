"""The one live display of a run: what is being done, how far it is, how long it still takes, and what it waits for.

In a notebook it is a display that is replaced, on a terminal it is drawn by rich, elsewhere it is a line in the log
every half a minute. All three show the same `Picture`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any, Protocol

import attrs

from keapbridge.events.values import Event, Progress, RunBegun, RunEnded, Wait
from keapbridge.events.waits import Waits, told
from keapbridge.showing.html import bars, display, table

__all__ = ["Bar", "Live", "Log", "Notebook", "Picture", "Screen", "Terminal", "as_html", "live", "screen_here"]

SURE = timedelta(seconds=3)  # before that, nobody can tell how long something takes


@attrs.frozen
class Bar:
    """One thing that is being done.

    Attributes:
        total: how many there are; `None` while that is not known.
        left: how long the rest takes if it goes on as it did; `None` while that cannot be told.
    """

    object: str
    doing: str
    done: int
    total: int | None
    left: timedelta | None = None

    @property
    def is_over(self) -> bool:
        """Whether all of it is done."""
        return self.total is not None and self.done >= self.total

    @property
    def words(self) -> str:
        """How far it is, for people."""
        of = f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"
        return of if self.left is None or self.is_over else f"{of}, about {_span(self.left)} left"


def _span(left: timedelta) -> str:
    seconds = round(left.total_seconds())
    if seconds < 90:
        return f"{seconds} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@attrs.define
class Picture:
    """What a run is doing, as far as it was told of it."""

    _bars: dict[tuple[str, str], tuple[Progress, Progress]] = attrs.field(factory=dict, init=False)
    _waits: Waits = attrs.field(factory=Waits, init=False)
    waiting: str = attrs.field(default="", init=False)

    def add(self, event: Event) -> bool:
        """Take in what is told; whether it changes what is seen."""
        match event:
            case Progress():
                key = event.object, event.doing
                first, last = self._bars.get(key, (event, event))
                self._bars[key] = (first if event.done >= last.done else event, event)
                self.waiting = ""
                return True
            case Wait() if self._waits.is_news(event):
                self.waiting = f"waiting {told(event)}"
                return True
            case _:
                return False

    def bars(self) -> Iterator[Bar]:
        """All that was begun, in that order."""
        for first, last in self._bars.values():
            yield Bar(last.object, last.doing, last.done, last.total, _left(first, last))


def _left(first: Progress, last: Progress) -> timedelta | None:
    took, made = last.at - first.at, last.done - first.done
    if last.total is None or made <= 0 or took < SURE:
        return None
    return took / made * max(0, last.total - last.done)


class Screen(Protocol):
    """Where the picture is drawn.

    Attributes:
        every: how long between two drawings.
    """

    every: timedelta

    def draw(self, picture: Picture, *, is_last: bool) -> None:
        """Draw it in place of the one before."""


@attrs.define(eq=False)
class Live:
    """Draws the picture of each run, now and then, and once more at its end."""

    screens: Callable[[], Screen]
    _screen: Screen | None = attrs.field(default=None, init=False)
    _picture: Picture = attrs.field(factory=Picture, init=False)
    _drawn: datetime | None = attrs.field(default=None, init=False)

    def wants(self, event: Event) -> bool:
        """Progress and waits; and where a run begins and ends."""
        return isinstance(event, (Progress, Wait, RunBegun, RunEnded))

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunBegun):
            self._picture, self._screen, self._drawn = Picture(), None, None
        elif isinstance(event, RunEnded):
            if self._screen is not None:
                self._screen.draw(self._picture, is_last=True)
            self._screen = None
        elif self._picture.add(event):
            self._screen = screen = self._screen or self.screens()
            if self._drawn is None or event.at - self._drawn >= screen.every:
                self._drawn = event.at
                screen.draw(self._picture, is_last=False)


def live() -> Live:
    """The display for the screen that this process has.

    Raises:
        ImportError: on a terminal, when rich is not there.
    """
    screens = screen_here()
    if screens is Terminal and find_spec("rich") is None:
        raise ImportError("progress on a terminal needs rich: pip install 'keapbridge[progress]'")
    return Live(screens)


def screen_here() -> Callable[[], Screen]:
    """What makes the screen that this process has."""
    if _is_notebook():
        return Notebook
    return Terminal if sys.stderr.isatty() else Log


def _is_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


class Terminal:
    """Bars on the standard error, drawn by rich."""

    every = timedelta(seconds=0.2)

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as Area

        self._area = Area(console=Console(stderr=True), auto_refresh=False)
        self._area.start()

    def draw(self, picture: Picture, *, is_last: bool) -> None:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        rows = Table.grid(padding=(0, 1))
        for bar in picture.bars():
            length = ProgressBar(total=bar.total, completed=bar.done, width=30, pulse=bar.total is None)
            rows.add_row(Text(f"{bar.object}: {bar.doing}"), length, Text(bar.words))
        self._area.update(Group(rows, Text(picture.waiting)) if picture.waiting and not is_last else rows, refresh=True)
        if is_last:
            self._area.stop()


class Notebook:
    """One display, which is replaced."""

    every = timedelta(seconds=0.5)

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, picture: Picture, *, is_last: bool) -> None:
        from IPython.display import HTML  # pyright: ignore[reportMissingImports]
        from IPython.display import display as show  # pyright: ignore[reportMissingImports]

        html = HTML(as_html(picture, is_last=is_last))
        if self._handle is None:
            self._handle = show(html, display_id=True)
        else:
            self._handle.update(html)


def as_html(picture: Picture, *, is_last: bool) -> str:
    """The picture for a notebook."""
    rows = [(f"{bar.object}: {bar.doing}", _length(bar), bar.words) for bar in picture.bars()]
    return display("", table(("", "", ""), rows), None if is_last else picture.waiting or None)


def _length(bar: Bar) -> str:
    return bars([("done", bar.done), ("left", max(0, (bar.total or 2 * bar.done or 1) - bar.done))], colours=(0, 5))


class Log:
    """A line for all that is not over, half a minute after the one before."""

    every = timedelta(seconds=30)

    def __init__(self) -> None:
        self._log = logging.getLogger("keapbridge.run")
        self._is_first = True

    def draw(self, picture: Picture, *, is_last: bool) -> None:
        if self._is_first or is_last:  # what is over within half a minute is told by the run's own line
            self._is_first = False
            return
        under_way = [bar for bar in picture.bars() if not bar.is_over]
        words = [f"{bar.object}: {bar.doing} {bar.words}" for bar in under_way]
        if told := [*words, *filter(None, [picture.waiting])]:
            self._log.info("%s", "; ".join(told))
