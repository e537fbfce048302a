"""Plays as many games as it is told, for a process of its own: `python -m two_systems 120 1 actions.json`."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from two_systems.game import TwoSystems
from two_systems.pools import ACTIONS, STEPS


def main(examples: int, number: int, actions: str) -> None:
    """Play so many games, always the same ones for a seed, and write down which actions were planned.

    A process of its own does this, so that the coverage of nothing else is counted.
    """
    logging.getLogger("keapbridge").addHandler(logging.NullHandler())  # what a run logs is nothing to see here
    quick = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),  # the shortest game that fails is not worth the wait here
    )
    began = time.monotonic()

    class Counted(TwoSystems):
        """Says how far it is."""

        games = 0

        def teardown(self) -> None:
            super().teardown()
            Counted.games += 1
            print(f"game {Counted.games} of {examples} after {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201

    run_state_machine_as_test(seed(number)(Counted), settings=quick)
    Path(actions).write_text(json.dumps(sorted(ACTIONS)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
