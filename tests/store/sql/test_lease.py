"""Who may write: one runner at a time, and one that lost the lease no more."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from kept import CUSTOMCRM, NOON, TOYS, link, run, seen, stage
from sqlalchemy import Engine

from keapbridge.errors import SessionBusyError
from keapbridge.store.sql import LinkStore, open_store

TERM = timedelta(minutes=3)
LATER = NOON + TERM


@pytest.fixture
def rival(engine: Engine) -> LinkStore:
    """Another runner of the bridge of `toys`."""
    return open_store(engine, "toys")


def _acquire(store: LinkStore, holder: str, now: datetime = NOON) -> bool:

    return run(store.lease.acquire(holder, now, now + TERM))


def test_a_lease_is_free_when_it_is_released_or_over(toys: LinkStore, rival: LinkStore) -> None:
    assert _acquire(toys, "one")
    assert not run(rival.lease.acquire("two", LATER - timedelta(microseconds=1), LATER))
    run(rival.lease.release("two"))  # not the holder
    assert not _acquire(rival, "two")
    run(toys.lease.release("one"))
    assert _acquire(rival, "two")
    assert _acquire(toys, "one", LATER)


def test_a_runner_that_lost_its_lease_can_write_nothing(toys: LinkStore, rival: LinkStore) -> None:
    assert _acquire(toys, "one")
    link(toys, "a", "A")
    assert _acquire(rival, "two", LATER)
    for write in (
        lambda: link(toys, "b", "B"),
        lambda: stage(toys, seen(CUSTOMCRM, "c")),
        lambda: run(toys.facts.set("colour", "green", durable=True)),
        lambda: run(toys.lease.renew(LATER + TERM)),
    ):
        with pytest.raises(SessionBusyError):
            write()
    assert run(rival.links.count(TOYS)) == 1
    assert run(rival.staging.observations(TOYS, CUSTOMCRM, ["c"])) == {}
    assert run(rival.facts.get("colour")) is None


def test_who_lost_the_lease_does_not_release_that_of_another(toys: LinkStore, rival: LinkStore) -> None:
    assert _acquire(toys, "one")
    assert _acquire(rival, "two", LATER)
    run(toys.lease.release("one"))
    link(rival, "a", "A")
    assert not _acquire(toys, "one")


def test_a_renewed_lease_lasts_longer(toys: LinkStore, rival: LinkStore) -> None:
    assert _acquire(toys, "one")
    run(toys.lease.renew(LATER + TERM))
    assert not _acquire(rival, "two", LATER)
    assert not toys.lease.is_due(LATER, TERM)
    assert toys.lease.is_due(LATER + timedelta(seconds=1), TERM)


def test_without_a_lease_none_is_due(toys: LinkStore) -> None:
    assert not toys.lease.is_due(NOON, TERM)
    run(toys.lease.renew(LATER))
    assert not toys.lease.is_due(LATER, TERM)
    assert _acquire(toys, "one")
    run(toys.lease.release("one"))
    assert not toys.lease.is_due(LATER, TERM)


def test_a_bridge_has_a_lease_of_its_own(toys: LinkStore, others: LinkStore) -> None:
    assert _acquire(toys, "one")
    assert _acquire(others, "one")
    run(others.lease.release("one"))
    link(toys, "a", "A")
