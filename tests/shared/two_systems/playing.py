"""Plays as many games as it is told, says how far it is, and goes on after a game that breaks a law."""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any

import coverage
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis._settings import local_settings
from hypothesis.errors import HypothesisException
from hypothesis.reporting import with_reporter
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test

__all__ = ["play_games"]


def play_games(machine: type[RuleBasedStateMachine], examples: int, number: int, steps: int) -> int:
    """Play so many games of a machine, always the same ones for a seed.

    A game that fails is printed as the statements that play it, with what was wrong. What is covered is told apart by
    the name of the machine, where anything measures it.

    Returns:
        How many games failed.
    """
    if not examples:
        return 0
    logging.getLogger("keapbridge").addHandler(logging.NullHandler())  # what a run logs is nothing to see here
    if (measuring := coverage.Coverage.current()) is not None:
        measuring.switch_context(machine.__name__)
    quick = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],
        phases=(Phase.explicit, Phase.generate),  # the shortest game that fails is not worth the wait here
    )
    began = time.monotonic()
    games: list[bool] = []
    test: Any = get_state_machine_test(seed(number)(machine), settings=quick)
    play = test.hypothesis.inner_test

    def go_on(data: Any) -> None:
        statements: list[object] = []
        failed = False
        try:
            with with_reporter(statements.append), local_settings(settings(quick, verbosity=Verbosity.debug)):
                play(data)
        except HypothesisException:
            raise
        except Exception:  # noqa: BLE001 - the next games are worth to be played, whatever this one met
            failed = True
            print(traceback.format_exc(), *statements, sep="\n")  # noqa: T201
        games.append(failed)
        passed = time.monotonic() - began
        told = ", failed" if failed else ""
        print(f"{machine.__name__}: game {len(games)} of {examples} after {passed:.0f} s{told}", flush=True)  # noqa: T201

    test.hypothesis.inner_test = go_on
    test()
    return sum(games)
