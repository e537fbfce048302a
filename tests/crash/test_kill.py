"""A process that syncs over real HTTP is killed at random moments, again and again, while users go on editing.

The lease of a dead process is over after 45 seconds; that long nobody wants to wait fifty times. The processes of
this test therefore hold leases of half a second (`term`), prolonged as ever by their heartbeat. All else is as it
is shipped: the next process really finds the dead one's lease and waits for its end (`wait`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crash.conftest import Office, Runner

KILLS = 50
TERM = 0.5
WAIT = 30.0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whenever_a_process_is_killed_the_next_one_goes_on(
    office: Office, start: Callable[..., Runner], rng: random.Random
) -> None:
    office.add(30)
    _run_to_the_end(start)
    kills, window = 0, 1.0
    while kills < KILLS:
        office.add(rng.randint(2, 8))
        office.edit(rng.randint(0, 8))
        runner = start(term=TERM, wait=WAIT)
        assert runner.listen() == "ready"
        runner.tell("changes")
        _go_on_editing(office, rng, rng.uniform(0, window))
        last_words = runner.kill()
        assert last_words in {"", "done"}
        kills += not last_words
        # As long as most runs die in their midst, and some come to their end.
        window *= 0.8 if last_words else 1.1
    _run_to_the_end(start)
    office.assert_in_step()


def _go_on_editing(office: Office, rng: random.Random, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
        if rng.random() < 0.1:
            office.edit(1)


def _run_to_the_end(start: Callable[..., Runner]) -> None:
    runner = start(term=TERM, wait=WAIT)
    assert runner.listen() == "ready"
    for what in ("changes", "full"):
        runner.tell(what)
        assert runner.listen() == "done"
