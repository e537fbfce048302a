"""One runner at a time: alone, free again after an error, left to end when abandoned; and no call without the lease."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stopping import Clock, CountingDriver, shares
from toys import World as Toys

import keapbridge as kb
from keapbridge._flow.call_events import waiting
from keapbridge._flow.effects import Alongside, Blocking, Effect, Elapsed, Flow, Now, Sleep, blocking, now
from keapbridge.sync.lease import TERM, holding

SECOND = timedelta(seconds=1)


def _clocked(toys: Toys) -> CountingDriver:
    clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
    shares(toys.store, clock)
    toys.driver = CountingDriver(clock)
    return toys.driver


def _free(toys: Toys) -> bool:
    """Whether another runner could begin."""
    taken = toys.run(toys.store.lease.acquire("another", TERM)) is None
    if taken:
        toys.run(toys.store.lease.release("another"))
    return taken


def _at_work(toys: Toys, seen: list[bool]) -> Flow[str]:
    seen.append((yield from toys.store.lease.acquire("another", TERM)) is None)
    return "done"


def test_a_flow_is_alone_while_it_runs_and_the_lease_is_free_after_it(toys: Toys) -> None:
    seen: list[bool] = []
    assert toys.run(holding(toys.store, _at_work(toys, seen), 0)) == "done"
    assert seen == [False]
    assert _free(toys)


@pytest.mark.parametrize("error", [ValueError("no further"), KeyboardInterrupt(), SystemExit(3)])
def test_the_lease_is_free_after_an_error(toys: Toys, error: BaseException) -> None:
    def fails() -> Flow[None]:
        yield from now()
        raise error

    with pytest.raises(type(error)):
        toys.run(holding(toys.store, fails(), 0))
    assert _free(toys)


class _Interrupting(CountingDriver):
    """Is interrupted where the lease is about to be given back."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.interrupt: BaseException | None = KeyboardInterrupt()

    def perform(self, effect: Effect) -> Any:
        if self.interrupt is not None and isinstance(effect, Blocking) and effect.label == "lease.release":
            interrupt, self.interrupt = self.interrupt, None
            raise interrupt
        return super().perform(effect)


def test_the_lease_is_free_after_an_interrupt_of_giving_it_back(toys: Toys) -> None:
    toys.driver = _Interrupting(_clocked(toys)._clock)
    with pytest.raises(KeyboardInterrupt):
        toys.run(holding(toys.store, _at_work(toys, []), 0))
    assert _free(toys)


def test_the_lease_of_a_flow_that_was_abandoned_ends_by_itself(toys: Toys) -> None:
    def waits() -> Flow[None]:
        yield from now()

    flow = holding(toys.store, waits(), 0)
    effect = next(flow)
    while not isinstance(effect, Alongside):
        effect = flow.send(toys.driver.perform(effect))
    flow.close()
    assert not _free(toys)
    with pytest.raises(kb.SessionBusyError, match="another runner is at work") as busy:
        toys.run(holding(toys.store, waits(), 0))
    assert busy.value.holder is not None
    assert busy.value.holder in str(busy.value)
    assert busy.value.until is not None
    assert timedelta(0) < busy.value.until - datetime.now(UTC) <= TERM
    assert isinstance(busy.value, kb.TryLaterError)
    assert busy.value.retry_at == busy.value.until


class _Noting(CountingDriver):
    """Notes what is told of waits."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.told: list[Any] = []

    def perform(self, effect: Effect) -> Any:
        if isinstance(effect, Sleep):
            waiting(effect, effect.ceiling, self.told.append)
        return super().perform(effect)


def test_a_wait_for_another_runner_is_told_once_as_a_whole(toys: Toys) -> None:
    driver = toys.driver = _Noting(_clocked(toys)._clock)
    assert toys.run(toys.store.lease.acquire("dead", 10 * SECOND)) is None
    assert toys.run(holding(toys.store, _at_work(toys, []), 30)) == "done"
    assert [(wait.why, round(wait.seconds)) for wait in driver.told] == [("another runner is at work", 30)]


def test_who_waits_gets_the_lease_when_its_holder_is_dead(toys: Toys) -> None:
    driver = _clocked(toys)
    moment = toys.run(now())
    assert toys.run(toys.store.lease.acquire("dead", 10 * SECOND)) is None
    with pytest.raises(kb.SessionBusyError):
        toys.run(holding(toys.store, _at_work(toys, []), 5))
    assert 5 * SECOND <= driver.perform(Now()) - moment < 6 * SECOND, "no longer than it was told"
    assert toys.run(holding(toys.store, _at_work(toys, []), 30)) == "done"
    assert driver.perform(Now()) - moment < 12 * SECOND


# --- the gate -------------------------------------------------------------------------------------------------------


def _calling(toys: Toys, before: Callable[[], Any], sent: list[str]) -> Flow[None]:
    """A run with one call, before which something happens."""
    yield from now()
    before()
    yield from blocking("a call", sent.append, "a call", outward=True)


def test_a_heart_that_beats_keeps_the_lease_for_as_long_as_it_takes(toys: Toys) -> None:
    driver = _clocked(toys)

    def takes_long() -> Flow[None]:
        yield Sleep(10 * TERM.total_seconds())
        assert not _free(toys)
        driver.log.clear()
        yield from blocking("a call", int, outward=True)

    toys.run(holding(toys.store, takes_long(), 0))
    assert driver.log == ["a call", "lease.release"], "what is held long enough is not asked for"


@pytest.mark.parametrize("slept", [TERM - 14 * SECOND, TERM + SECOND], ids=["nearly over", "over"])
def test_a_lease_that_nobody_took_is_prolonged_before_the_call(toys: Toys, slept: timedelta) -> None:
    driver, sent = _clocked(toys), []
    toys.run(holding(toys.store, _calling(toys, lambda: driver._clock.pass_by(slept), sent), 0))
    assert sent == ["a call"]
    assert driver.log[-3:] == ["lease.renew", "a call", "lease.release"]


def test_a_call_is_not_sent_once_another_has_the_lease(toys: Toys) -> None:
    driver, sent = _clocked(toys), []

    def is_taken_over() -> None:
        driver._clock.pass_by(TERM + SECOND)
        assert toys.run(toys.store.lease.acquire("another", TERM)) is None

    with pytest.raises(kb.SessionBusyError, match="took this session over"):
        toys.run(holding(toys.store, _calling(toys, is_taken_over, sent), 0))
    assert sent == []


class _Set(CountingDriver):
    """One of its two clocks can be set."""

    wall, other = timedelta(0), 0.0

    def perform(self, effect: Effect) -> Any:
        found = super().perform(effect)
        match effect:
            case Now():
                return found + self.wall
            case Elapsed():
                return found + self.other
            case _:
                return found


@pytest.mark.parametrize("clock", ["wall", "other"])
def test_the_later_of_two_clocks_decides(toys: Toys, clock: str) -> None:
    _clocked(toys)
    driver = toys.driver = _Set(toys.driver._clock)
    sent: list[str] = []

    def is_set() -> None:
        setattr(driver, clock, timedelta(minutes=4) if clock == "wall" else 240.0)

    toys.run(holding(toys.store, _calling(toys, is_set, sent), 0))
    assert sent == ["a call"]
    assert driver.log[-3:] == ["lease.renew", "a call", "lease.release"], "whoever is not sure asks"


def test_a_clock_that_is_set_back_does_not_make_a_lease_last_longer(toys: Toys) -> None:
    _clocked(toys)
    driver = toys.driver = _Set(toys.driver._clock)

    def is_set() -> None:
        driver.wall = -timedelta(minutes=4)
        driver._clock.pass_by(TERM)

    toys.run(holding(toys.store, _calling(toys, is_set, []), 0))
    assert driver.log[-3:] == ["lease.renew", "a call", "lease.release"]


def test_a_lease_that_cannot_be_prolonged_ends_the_run(toys: Toys) -> None:
    driver, sent = _clocked(toys), []
    renew = toys.store.lease.renew

    def slow(*args: Any) -> Flow[None]:
        driver._clock.pass_by(TERM)
        return renew(*args)

    toys.store.lease.renew = slow  # type: ignore[method-assign]
    with pytest.raises(kb.SessionBusyError, match="could not be prolonged in time"):
        toys.run(holding(toys.store, _calling(toys, lambda: driver._clock.pass_by(TERM), sent), 0))
    assert sent == []
    assert _free(toys)
