"""Progress bars: one for each thing that is being done, closed when it is."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from keapbridge.events import Page, Progress
from keapbridge.model.side import Side
from keapbridge.sync.progress import ProgressBars, Steps


class Bar:
    """A bar that nobody sees."""

    made: list[Bar]

    def __init__(self, total: int | None, desc: str, unit: str) -> None:
        self.total, self.desc, self.unit = total, desc, unit
        self.n = 0
        self.closed = False
        self.made.append(self)

    def update(self, number: int) -> None:
        self.n += number

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    pytest.importorskip("tqdm.auto")
    monkeypatch.setattr(Bar, "made", [], raising=False)
    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    return Bar.made


def test_each_thing_has_a_bar_that_is_closed_at_its_end(bars: list[Bar]) -> None:
    told = ProgressBars()
    told(Progress("toys", "reading", 5, None))
    told(Progress("toys", "writing", 1, 2))
    told(Progress("toys", "reading", 9, None))
    told(Progress("toys", "writing", 2, 2))
    assert [(bar.desc, bar.n, bar.closed) for bar in bars] == [
        ("toys: reading", 9, False),
        ("toys: writing", 2, True),
    ]


def test_what_begins_again_has_a_new_bar(bars: list[Bar]) -> None:
    told = ProgressBars()
    for done, total in ((2, 2), (1, 3), (3, 4), (1, 4)):
        told(Progress("toys", "writing", done, total))
    assert [bar.n for bar in bars] == [2, 3, 1]


def test_a_total_that_grows_is_shown(bars: list[Bar]) -> None:
    told = ProgressBars()
    told(Progress("toys", "writing", 1, 2))
    told(Progress("toys", "writing", 2, 5))
    [bar] = bars
    assert (bar.total, bar.closed) == (5, False)


def test_a_function_of_the_host_is_told_of_progress_alone() -> None:
    told: list[Any] = []
    steps = Steps(lambda *step: told.append(step))
    for event in (Progress("toys", "writing", 1, None), Page("toys", Side.KEAP, 1, 0)):
        steps(event)
    assert told == [("toys", "writing", 1, None)]


def test_without_tqdm_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, "tqdm.auto", missing)
    with pytest.raises(ImportError, match=r"pip install 'keapbridge\[progress\]'"):
        ProgressBars()
