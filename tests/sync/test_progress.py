"""Progress for a function of the host: a few times a second, and what counts always."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from keapbridge.events import Page, Progress, RunBegun, RunEnded, Wait
from keapbridge.model.side import Side
from keapbridge.sync.progress import Steps

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Host:
    """A function of the host that takes its time, by a clock of its own."""

    def __init__(self, takes: float = 0.0) -> None:
        self.takes, self.now = timedelta(seconds=takes), NOON
        self.told: list[tuple[Any, ...]] = []
        self.steps = Steps(self._tell, clock=lambda: self.now)

    def _tell(self, *step: Any) -> None:
        self.told.append(step)
        self.now += self.takes

    def hear(self, after: float, done: int, total: int | None = 100) -> None:
        at = NOON + timedelta(seconds=after)
        self.now = max(self.now, at)
        self.steps(Progress("toys", "writing", done, total, at=at))

    @property
    def done(self) -> list[int]:
        return [step[2] for step in self.told]


def test_a_function_is_called_a_few_times_a_second_and_always_at_the_end() -> None:
    host = Host()
    for n in range(1, 101):
        host.hear(n / 100, n)
    assert host.done == [1, 26, 51, 76, 100]


def test_a_slow_function_is_not_told_what_is_old() -> None:
    host = Host(takes=10.0)
    for n in range(1, 31):
        host.hear(n, n)
    assert host.done == [1, 12, 23]


def test_what_was_not_told_is_told_when_the_run_ends_before_its_end() -> None:
    host = Host()
    host.hear(0, 1)
    host.hear(0.1, 2)
    host.steps(RunEnded("default", "sync", ("toys",), 1.0, False, {}, {}))
    host.hear(0.2, 1)
    assert host.done == [1, 2, 1]


def test_a_function_is_told_of_a_long_wait_as_of_what_is_being_done() -> None:
    host = Host()
    host.steps(RunBegun("default", "sync", ("toys",)))
    for after, done in ((0, 0), (30, 7)):
        if done:
            host.hear(after, done)
        host.steps(Wait("its turn", 26.0, at=NOON + timedelta(seconds=after)))
    assert host.told == [
        ("toys", "waiting until 12:00:26 UTC: its turn", 0, None),
        ("toys", "writing", 7, 100),
        ("toys", "waiting until 12:00:56 UTC: its turn", 7, 100),
    ]


def test_a_function_of_the_host_is_told_of_progress_alone() -> None:
    told: list[Any] = []
    steps = Steps(lambda *step: told.append(step))
    for event in (Progress("toys", "writing", 1, None), Page("toys", Side.KEAP, 1, 0)):
        steps(event)
    assert told == [("toys", "writing", 1, None)]
