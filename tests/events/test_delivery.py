"""Listeners neither hold up who tells them nor hurt him, and get everything in order."""

from __future__ import annotations

import logging
import threading
from contextvars import ContextVar

import pytest
from threads import leaving_no_thread

from keapbridge.events import Event, Page, Progress, RunBegun
from keapbridge.events import delivery as module
from keapbridge.events.delivery import Delivery
from keapbridge.model.side import Side

LONG = 60.0


def step(number: int) -> Progress:
    return Progress("toys", "writing", number, None)


def test_each_listener_gets_everything_in_order_on_a_thread_that_is_not_the_runs() -> None:
    told: dict[int, list[Event]] = {1: [], 2: []}
    threads: set[int] = set()

    def one(event: Event) -> None:
        threads.add(threading.get_ident())
        told[1].append(event)

    tell = Delivery([one, told[2].append])
    for number in range(500):
        tell(step(number))
    tell.drain(LONG)
    assert told[1] == told[2] == [step(number) for number in range(500)]
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("error", [RuntimeError("a bug of the host's"), GeneratorExit()], ids=repr)
def test_a_listener_that_fails_is_told_of_once_and_goes_on_being_called(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[Event] = []

    def failing(event: Event) -> None:
        called.append(event)
        raise error

    tell = Delivery([failing])
    for number in range(3):
        tell(step(number))
    tell.drain(LONG)
    assert len(called) == 3
    [record] = caplog.records
    assert (record.name, record.levelno) == ("keapbridge.run", logging.ERROR)
    assert "failing failed at Progress" in record.getMessage()


def test_a_slow_listener_holds_up_nobody_and_is_waited_for_no_longer_than_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    go_on = threading.Event()
    told: list[Event] = []
    tell = Delivery([lambda _: go_on.wait(LONG), told.append])
    try:
        for number in range(10):
            tell(step(number))
        tell.drain(0.05)
        assert len(told) == 10
        assert "is slow: it still has" in caplog.text
    finally:
        go_on.set()
    tell.drain(LONG)


def test_who_is_too_far_behind_misses_some_but_not_that_a_run_begins(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LIMIT", 5)
    go_on = threading.Event()
    told: list[Event] = []

    def slow(event: Event) -> None:
        go_on.wait(LONG)
        told.append(event)

    tell = Delivery([slow])
    for number in range(20):
        tell(step(number))
    tell(RunBegun("default", "sync", ("toys",)))
    go_on.set()
    tell.drain(LONG)
    assert 5 <= len(told) <= 7
    assert told[-1] == RunBegun("default", "sync", ("toys",))
    assert f"it has missed {21 - len(told)} events" in caplog.text


def test_an_interrupt_that_a_listener_raises_reaches_the_run() -> None:
    def interrupting(_: Event) -> None:
        raise KeyboardInterrupt

    tell = Delivery([interrupting])
    tell(step(1))
    with pytest.raises(KeyboardInterrupt):
        tell.drain(LONG)
    tell.drain(LONG)


def test_a_listener_is_called_in_the_context_in_which_it_was_told() -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")
    seen: list[str] = []
    tell = Delivery([lambda _: seen.append(who.get())])
    for name in ("anna", "bert"):
        token = who.set(name)
        tell(step(1))
        who.reset(token)
    tell.drain(LONG)
    assert seen == ["anna", "bert"]


def test_the_thread_of_a_listener_ends_with_the_run_and_begins_anew() -> None:
    told: list[Event] = []
    tell = Delivery([told.append])
    for number in range(3):
        with leaving_no_thread():
            tell(Page("toys", Side.KEAP, number, 0))
            tell.drain(LONG)
    assert len(told) == 3
