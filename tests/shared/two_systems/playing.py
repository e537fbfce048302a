"""Plays as many games as it is told, and says how far it is."""

from __future__ import annotations

import logging
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

__all__ = ["play_games"]


def play_games(machine: type[RuleBasedStateMachine], examples: int, number: int, steps: int) -> None:
    """Play so many games of a machine, always the same ones for a seed."""
    logging.getLogger("keapbridge").addHandler(logging.NullHandler())  # what a run logs is nothing to see here
    quick = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),  # the shortest game that fails is not worth the wait here
    )
    began = time.monotonic()

    class Counted(machine):  # type: ignore[misc, valid-type]
        """Says how far it is."""

        games = 0

        def teardown(self) -> None:
            super().teardown()
            Counted.games += 1
            passed = time.monotonic() - began
            print(f"{machine.__name__}: game {Counted.games} of {examples} after {passed:.0f} s", flush=True)  # noqa: T201

    run_state_machine_as_test(seed(number)(Counted), settings=quick)
