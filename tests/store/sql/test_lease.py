"""Who may write: one runner at a time, by the clock of the database, and one that lost the lease no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from kept import CUSTOMCRM, NOON, TOYS, link, run, seen, stage
from sqlalchemy import Engine

from keapbridge.errors import SessionBusyError
from keapbridge.store.sql import LinkStore, open_store
from keapbridge.store.sql.lease import Holder

TERM = timedelta(minutes=3)


class Clock:
    """That of the database."""

    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self, _: object) -> datetime:
        return self.moment


@pytest.fixture
def clock(toys: LinkStore, rival: LinkStore, others: LinkStore) -> Clock:
    clock = Clock()
    for store in (toys, rival, others):
        store.lease.clock = clock
    return clock


@pytest.fixture
def rival(engine: Engine) -> LinkStore:
    """Another runner of the bridge of `toys`."""
    return open_store(engine, "toys")


def _acquire(store: LinkStore, holder: str) -> bool:
    return run(store.lease.acquire(holder, TERM)) is None


def test_a_lease_is_free_when_it_is_released_or_over(toys: LinkStore, rival: LinkStore, clock: Clock) -> None:
    assert _acquire(toys, "one")
    clock.moment += TERM - timedelta(microseconds=1)
    assert not _acquire(rival, "two")
    run(rival.lease.release("two"))  # not the holder
    assert not _acquire(rival, "two")
    run(toys.lease.release("one"))
    assert _acquire(rival, "two")
    clock.moment += TERM
    assert _acquire(toys, "one")


def test_who_is_kept_out_is_told_by_whom_and_until_when(toys: LinkStore, rival: LinkStore, clock: Clock) -> None:
    assert _acquire(toys, "one")
    clock.moment += timedelta(minutes=1)
    assert run(rival.lease.acquire("two", TERM)) == Holder("one", NOON + TERM)


def test_the_time_is_that_of_the_database(toys: LinkStore) -> None:
    before, told, after = datetime.now(UTC), run(toys.lease.time()), datetime.now(UTC)
    millisecond = timedelta(milliseconds=1)  # as exactly as SQLite tells it
    assert before - millisecond <= told <= after + millisecond
    assert run(toys.lease.acquire("one", TERM)) is None
    held = run(toys.lease.acquire("two", TERM))
    assert held is not None
    assert told + TERM <= held.until <= datetime.now(UTC) + TERM


def test_a_runner_that_lost_its_lease_can_write_nothing(toys: LinkStore, rival: LinkStore, clock: Clock) -> None:
    assert _acquire(toys, "one")
    link(toys, "a", "A")
    clock.moment += TERM
    assert _acquire(rival, "two")
    for write in (
        lambda: link(toys, "b", "B"),
        lambda: stage(toys, seen(CUSTOMCRM, "c")),
        lambda: run(toys.facts.set("colour", "green", durable=True)),
        lambda: run(toys.lease.renew("one", TERM)),
    ):
        with pytest.raises(SessionBusyError) as caught:
            write()
        assert (caught.value.holder, caught.value.until) == ("two", NOON + 2 * TERM)
        assert caught.value.retry_at == caught.value.until
    assert run(rival.links.count(TOYS)) == 1
    assert run(rival.staging.observations(TOYS, CUSTOMCRM, ["c"])) == {}
    assert run(rival.facts.get("colour")) is None


def test_who_lost_the_lease_does_not_release_that_of_another(toys: LinkStore, rival: LinkStore, clock: Clock) -> None:
    assert _acquire(toys, "one")
    clock.moment += TERM
    assert _acquire(rival, "two")
    run(toys.lease.release("one"))
    link(rival, "a", "A")
    assert not _acquire(toys, "one")


def test_a_release_that_comes_late_leaves_the_fence_of_the_next_run(toys: LinkStore, rival: LinkStore) -> None:
    """Two runs of one session: the second begins as soon as the first has given the lease back."""
    assert _acquire(toys, "one")
    run(rival.lease.release("one"))
    assert _acquire(toys, "two")
    run(toys.lease.release("one"))
    run(rival.lease.release("two"))
    assert _acquire(rival, "three")
    with pytest.raises(SessionBusyError):
        link(toys, "a", "A")


def test_a_renewed_lease_lasts_longer(toys: LinkStore, rival: LinkStore, clock: Clock) -> None:
    assert _acquire(toys, "one")
    clock.moment += TERM / 2
    run(toys.lease.renew("one", TERM))
    clock.moment += TERM - timedelta(microseconds=1)
    assert not _acquire(rival, "two")


def test_a_lease_that_is_over_can_be_prolonged_while_nobody_has_taken_it(
    toys: LinkStore, rival: LinkStore, clock: Clock
) -> None:
    assert _acquire(toys, "one")
    clock.moment += 2 * TERM
    run(toys.lease.renew("one", TERM))
    assert not _acquire(rival, "two")


def test_a_bridge_has_a_lease_of_its_own(toys: LinkStore, others: LinkStore) -> None:
    assert _acquire(toys, "one")
    assert _acquire(others, "one")
    run(others.lease.release("one"))
    link(toys, "a", "A")
