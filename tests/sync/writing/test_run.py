"""Batches of writes: none waits for the end of the one before it, and none is prepared long before its turn."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from stopping import Clock, CountingDriver

from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Flow, Sleep, blocking
from keapbridge.sync.writing import run as runs
from keapbridge.sync.writing.run import ending, flowing

SIZE = 200
START = datetime(2026, 1, 1, tzinfo=UTC)


class Writes:
    """Batches of numbers, and what happened to them in which order."""

    def __init__(self, batches: int, size: int = SIZE, fails_at: int | None = None) -> None:
        self.batches, self.size, self.fails_at = batches, size, fails_at
        self.log: list[tuple[str, int]] = []
        self.most_at_once = 0
        self._running = 0
        self._lock = threading.Lock()

    def drive(self, driver: SyncDriver | None = None) -> None:
        (driver or SyncDriver()).run(flowing(self._batches(), self._prepare))

    def happened(self, what: str) -> list[int]:
        return [number for happened, number in self.log if happened == what]

    def _batches(self) -> Iterator[Flow[Any]]:
        def batch(n: int) -> Flow[list[int]]:
            yield from blocking("read", lambda: None)
            return list(range(n * self.size, (n + 1) * self.size))

        return (batch(n) for n in range(self.batches))

    def _prepare(self, numbers: Any) -> Flow[list[Flow[None]]]:
        n = numbers[0] // self.size if numbers else -1
        self.log.append(("prepared", n))
        yield Sleep(0.001)

        def end(results: Sequence[int]) -> Flow[None]:
            yield Sleep(0)
            assert sorted(results) == numbers
            self.log.append(("ended", n))

        return ending([self._write(number) for number in numbers], end)

    def _write(self, number: int) -> Flow[int]:
        with self._lock:
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
            self.log.append(("begun", number))
        late = self.fails_at is not None and number > self.fails_at
        yield Sleep(0.5 if late else 0.0005)
        with self._lock:
            self._running -= 1
        if number == self.fails_at:
            raise LookupError("no further")
        self.log.append(("written", number))
        return number


def test_everything_is_written_once_and_each_batch_ends_once() -> None:
    writes = Writes(5)
    writes.drive()
    assert Counter(writes.happened("written")) == Counter(range(5 * SIZE))
    assert sorted(writes.happened("ended")) == list(range(5))
    assert writes.happened("prepared") == list(range(5))
    assert writes.most_at_once <= runs.WRITERS


def test_a_batch_is_prepared_when_the_one_before_it_runs_out_and_not_earlier() -> None:
    writes = Writes(4)
    writes.drive(CountingDriver(Clock(START)))
    for n in range(1, 4):
        begun = [number for what, number in writes.log[: writes.log.index(("prepared", n))] if what == "begun"]
        assert n * SIZE - len(begun) == runs.AHEAD


def test_the_next_batch_begins_before_the_last_write_of_the_one_before_it_has_ended() -> None:
    writes = Writes(2 * runs.BATCHES)
    writes.drive(CountingDriver(Clock(START), side_by_side=True))
    waited = [
        n
        for n in range(1, writes.batches)
        if writes.log.index(("begun", n * SIZE)) > writes.log.index(("written", n * SIZE - 1))
    ]
    assert waited == [runs.BATCHES], "all that run in one go end before the next do"


@pytest.mark.parametrize("batches", [0, 1, runs.BATCHES, 2 * runs.BATCHES + 1])
def test_any_number_of_small_batches_is_written(batches: int) -> None:
    writes = Writes(batches, size=3)
    writes.drive()
    assert sorted(writes.happened("written")) == list(range(3 * batches))
    assert sorted(writes.happened("ended")) == list(range(batches))


def test_batches_without_writes_end_all_the_same() -> None:
    ended: list[int] = []

    def batch(n: int) -> Flow[Any]:
        yield Sleep(0)
        return n

    def prepare(n: Any) -> Flow[list[Flow[None]]]:
        def end(results: Sequence[None]) -> Flow[None]:
            yield Sleep(0)
            assert not results
            ended.append(n)

        yield Sleep(0)
        return ending([], end)

    SyncDriver().run(flowing((batch(n) for n in range(40)), prepare))
    assert sorted(ended) == list(range(40))


def test_an_error_stops_what_has_not_begun_and_no_batch_with_a_failure_ends() -> None:
    writes = Writes(3, fails_at=50)
    with pytest.raises(LookupError):
        writes.drive()
    assert len(writes.happened("begun")) <= 51 + runs.WRITERS
    assert set(writes.happened("begun")) - set(writes.happened("written")) == {50}, "what had begun has ended"
    assert writes.happened("ended") == []
