"""The live display: one picture of a run, the same wherever it is drawn."""

from __future__ import annotations

import io
import logging
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from keapbridge.events.live import Live, Log, Notebook, Picture, Terminal, live, screen_here
from keapbridge.events.values import Progress, RunBegun, RunEnded, Wait

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDED = RunEnded("default", "sync", ("toys",), 1.0, True, {}, {})


def step(after: float, done: int, total: int | None = 100, doing: str = "writing") -> Progress:
    return Progress("toys", doing, done, total, at=NOON + timedelta(seconds=after))


def pictured(*events: Any) -> Picture:
    picture = Picture()
    for event in events:
        picture.add(event)
    return picture


def words(picture: Picture) -> list[str]:
    return [f"{bar.doing} {bar.words}" for bar in picture.bars()]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([step(0, 5, None, "reading"), step(9, 7, None, "reading")], ["reading 7"]),
        ([step(0, 0), step(1, 50)], ["writing 50 of 100"]),
        ([step(0, 0), step(10, 50)], ["writing 50 of 100, about 10 s left"]),
        ([step(0, 0, 10_000), step(60, 100, 10_000)], ["writing 100 of 10,000, about 1.6 h left"]),
        ([step(0, 0, 500), step(60, 100, 500)], ["writing 100 of 500, about 4 min left"]),
        ([step(0, 0), step(10, 100)], ["writing 100 of 100"]),
        ([step(0, 0), step(10, 100), step(20, 3)], ["writing 3 of 100"]),
        ([step(0, 1, 2, "reading"), step(5, 1)], ["reading 1 of 2", "writing 1 of 100"]),
    ],
)
def test_a_picture_says_how_far_everything_is(events: list[Any], said: list[str]) -> None:
    assert words(pictured(*events)) == said


def test_a_wait_is_seen_until_something_is_done() -> None:
    picture = pictured(step(0, 1), Wait("its turn", 26.0, at=NOON))
    assert picture.waiting == "waiting until 12:00:26 UTC: its turn"
    assert not picture.add(Wait("a moment", 1.0, at=NOON))
    picture.add(step(30, 2))
    assert picture.waiting == ""


class Drawn:
    """A screen that nobody sees."""

    every = timedelta(seconds=10)

    def __init__(self) -> None:
        self.pictures: list[tuple[list[str], bool]] = []

    def draw(self, picture: Picture, *, is_last: bool) -> None:
        self.pictures.append((words(picture), is_last))


def test_a_run_is_drawn_now_and_then_and_at_its_end() -> None:
    screens: list[Drawn] = []

    def screen() -> Drawn:
        screens.append(Drawn())
        return screens[-1]

    told = Live(screen)
    for _ in range(2):
        told(RunBegun("default", "sync", ("toys",)))
        for second in range(25):
            told(step(second, second))
        told(ENDED)
    told(RunBegun("default", "sync", ("toys",)))
    told(ENDED)
    assert len(screens) == 2, "a run in which nothing is done has none"
    for each in screens:
        assert [is_last for _, is_last in each.pictures] == [False, False, False, True]
        assert each.pictures[-1][0] == ["writing 24 of 100, about 76 s left"]


def test_a_log_has_a_line_for_what_lasts(caplog: pytest.LogCaptureFixture) -> None:
    told = Live(Log)
    with caplog.at_level(logging.INFO, "keapbridge.run"):
        told(RunBegun("default", "sync", ("toys",)))
        for second in range(0, 100, 10):
            told(step(second, second))
        told(ENDED)
    assert [record.getMessage() for record in caplog.records] == [
        f"toys: writing {done} of 100, about {100 - done} s left" for done in (30, 60, 90)
    ]


def test_a_terminal_has_bars_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    told = Live(Terminal)
    told(RunBegun("default", "sync", ("toys",)))
    told(step(0, 1))
    told(Wait("its turn [bold]", 26.0, at=NOON))
    told(step(5, 100))
    told(ENDED)
    shown = sys.stderr.getvalue()
    assert "toys: writing" in shown
    assert "100 of 100" in shown


def test_a_notebook_has_one_display_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def show(html: str, *, display_id: bool) -> Any:
        assert display_id
        shown.append(html)
        return SimpleNamespace(update=shown.append)

    module = SimpleNamespace(HTML=str, display=show)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1)))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    assert screen_here() is Notebook
    told = live()
    told(RunBegun("default", "sync", ("toys",)))
    told(step(0, 1))
    told(step(5, 100))
    told(ENDED)
    assert len(shown) == 3
    assert "100 of 100" in shown[-1]


def test_where_nobody_watches_it_goes_to_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert screen_here() is Log


def test_without_rich_a_terminal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: True, write=len, flush=len))
    monkeypatch.setattr("keapbridge.events.live.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"pip install 'keapbridge\[progress\]'"):
        live()
