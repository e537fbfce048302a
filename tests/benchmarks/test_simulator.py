"""The played fleet obeys what is known of queues; its figures are those of `python -m benchmarks fleet`."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from benchmarks.simulator import Costs, Setting, play

from keapbridge.decide.shares import Quota

COSTS = Costs(cpu=0.1, database=0.05, wal=1_000, calls=3, waits=1.0)
SMALL = Setting(300, COSTS, COSTS, busy=0.0, every=timedelta(minutes=5), workers=1, concurrency=8, minutes=12)


def test_the_same_seed_plays_the_same() -> None:
    mixed = attrs.evolve(SMALL, busy=0.5, edited=attrs.evolve(COSTS, cpu=0.3))
    assert play(mixed) == play(mixed) != play(attrs.evolve(mixed, seed=2))


def test_a_fleet_that_is_large_enough_syncs_as_often_as_is_wished() -> None:
    played = play(SMALL)
    assert played.syncs == pytest.approx(300 * 12 / 5, rel=0.05)
    assert played.used["workers"] == pytest.approx(0.1, rel=0.05)  # one a second of a tenth
    assert played.used["database"] == pytest.approx(0.05, rel=0.05)
    assert (played.late, played.every) == (0, timedelta(minutes=5))
    assert played.lags[0] >= 1.15  # what one takes by itself
    assert played.lag(0.99) < 8  # and the dispatcher looks every five seconds


@pytest.mark.parametrize(
    ("change", "bottleneck"),
    [
        ({"tenants": 4_500, "concurrency": 64}, "workers"),
        ({"tenants": 4_500, "workers": 8, "processors": 0.5}, "database"),
        ({"tenants": 4_500, "concurrency": 1, "workers": 4}, "slots"),
    ],
)
def test_what_is_too_small_is_in_use_all_the_time_and_named(change: dict[str, float], bottleneck: str) -> None:
    played = play(attrs.evolve(SMALL, **change))
    assert played.bottleneck == bottleneck
    assert played.used[bottleneck] > 0.9
    assert played.lag(0.9) > 60


def test_a_shared_quota_is_no_queue_but_longer_intervals() -> None:
    played = play(attrs.evolve(SMALL, tenants=1_000, workers=4, minutes=72, shared=Quota()))
    assert played.every == timedelta(minutes=36)
    assert played.used["quota"] <= 0.82
    assert played.lag(0.99) < played.every.total_seconds() / 10
