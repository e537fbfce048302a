"""One runner at a time: alone, free again after an error, and left to end by itself when abandoned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from stopping import Clock, CountingDriver
from toys import World as Toys

import keapbridge as kb
from keapbridge._io.effects import Flow, Now, Sleep, Within, now
from keapbridge.sync.lease import TERM, holding, prolong


def _clocked(toys: Toys) -> CountingDriver:
    toys.driver = CountingDriver(Clock(datetime(2026, 1, 1, tzinfo=UTC)))
    return toys.driver


def _free(toys: Toys) -> bool:
    """Whether another runner could begin."""
    moment = toys.run(now())
    taken = toys.run(toys.store.lease.acquire("another", moment, moment + TERM))
    if taken:
        toys.run(toys.store.lease.release("another"))
    return taken


def _at_work(toys: Toys, seen: list[bool]) -> Flow[str]:
    moment = yield from now()
    seen.append((yield from toys.store.lease.acquire("another", moment, moment + TERM)))
    return "done"


def test_a_flow_is_alone_while_it_runs_and_the_lease_is_free_after_it(toys: Toys) -> None:
    seen: list[bool] = []
    assert toys.run(holding(toys.store, _at_work(toys, seen), 0)) == "done"
    assert seen == [False]
    assert _free(toys)


def test_the_lease_is_free_after_an_error(toys: Toys) -> None:
    def fails() -> Flow[None]:
        yield from now()
        raise ValueError("no further")

    with pytest.raises(ValueError, match="no further"):
        toys.run(holding(toys.store, fails(), 0))
    assert _free(toys)


def test_the_lease_of_a_flow_that_was_abandoned_ends_by_itself(toys: Toys) -> None:
    def waits() -> Flow[None]:
        yield from now()

    flow = holding(toys.store, waits(), 0)
    effect = next(flow)
    while not isinstance(effect, Within):
        effect = flow.send(toys.driver.perform(effect))
    flow.close()
    assert not _free(toys)
    with pytest.raises(kb.SessionBusyError, match="another runner is at work"):
        toys.run(holding(toys.store, waits(), 0))


def test_who_waits_gets_the_lease_when_its_holder_is_dead(toys: Toys) -> None:
    driver = _clocked(toys)
    moment = toys.run(now())
    assert toys.run(toys.store.lease.acquire("dead", moment, moment + timedelta(seconds=10)))
    with pytest.raises(kb.SessionBusyError):
        toys.run(holding(toys.store, _at_work(toys, []), 5))
    assert timedelta(seconds=5) <= driver.perform(Now()) - moment < timedelta(seconds=6), "no longer than it was told"
    assert toys.run(holding(toys.store, _at_work(toys, []), 30)) == "done"
    assert driver.perform(Now()) - moment < timedelta(seconds=12)


def test_a_lease_is_prolonged_once_a_good_part_of_it_is_over(toys: Toys) -> None:
    driver = _clocked(toys)
    moment = toys.run(now())
    assert toys.run(toys.store.lease.acquire("me", moment, moment + TERM))
    driver.log.clear()
    toys.run(prolong(toys.store))
    assert driver.log == [], "early on nobody looks at the store"
    driver.perform(Sleep(TERM.total_seconds() * 2 / 3))
    toys.run(prolong(toys.store))
    assert driver.log == ["lease.renew"]
    driver.perform(Sleep(TERM.total_seconds() * 2 / 3))
    assert not _free(toys), "its first term is over by now"
