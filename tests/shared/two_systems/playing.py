"""Plays as many games as it is told, says how far it is, and goes on after a game that breaks a law."""

from __future__ import annotations

import itertools
import logging
import random
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis._settings import local_settings
from hypothesis.errors import HypothesisException
from hypothesis.reporting import with_reporter
from hypothesis.stateful import RuleBasedStateMachine, RuleStrategy, get_state_machine_test

__all__ = ["Opening", "Openings", "play_games"]


LONG = 1 << 16  # bytes of chance, which no game uses up


@attrs.frozen
class Opening:
    """A rare state of the world that a game begins with.

    Attributes:
        play: what brings it about.
        begins: how the game begins, in place of what was drawn.
    """

    play: Callable[[Any], None]
    begins: Mapping[str, Any]


class Openings(dict[str, Opening]):
    """With what games begin, by name: each in turn where so many are played that all come, and else none."""

    name: str | None = None  # of the one that is next

    def opening(self, **begins: Any) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
        """Take a function for one of them."""

        def take(play: Callable[[Any], None]) -> Callable[[Any], None]:
            self[play.__name__] = Opening(play, begins)
            return play

        return take

    def drawn(self) -> st.SearchStrategy[str | None]:
        """The name of the one that is next."""

        @st.composite
        def name(draw: st.DrawFn) -> str | None:
            return draw(st.none()) or self.name

        return name()

    def begin(self, name: str | None, begin: Callable[..., None], game: Any, drawn: Mapping[str, Any]) -> None:
        """Begin a game, with an opening or without."""
        if name is None:
            begin(**drawn)
            return
        begin(**{**drawn, **self[name].begins})
        self[name].play(game)


class _InTurn(RuleStrategy):
    """Every other step is the next rule that may be played, so that none is left out for long."""

    def __init__(self, machine: RuleBasedStateMachine, steps: Iterator[int], turns: Iterator[int]) -> None:
        super().__init__(machine)
        self._steps, self._turns = steps, turns

    def do_draw(self, data: Any) -> Any:
        for _ in self.rules if next(self._steps) % 2 else ():
            rule = self.rules[next(self._turns) % len(self.rules)]
            if self.is_valid(rule):
                return rule, {name: data.draw(its) for name, its in rule.arguments_strategies.items()}
        return super().do_draw(data)


def play_games(
    machine: type[RuleBasedStateMachine],
    openings: Openings,
    examples: int,
    number: int,
    steps: int,
    names: Sequence[str] = (),
) -> int:
    """Play so many games of a machine, always the same ones for a seed, with its openings and rules in turn.

    A game that fails is printed as the statements that play it, with what was wrong.

    Args:
        names: of some openings, where not all of them are to come.

    Returns:
        How many games failed.
    """
    if not examples:
        return 0
    logging.getLogger("keapbridge").addHandler(logging.NullHandler())  # what a run logs is nothing to see here
    quick = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],
        phases=(Phase.generate,),  # the shortest game that fails is not worth the wait here
    )
    began = time.monotonic()
    failures: list[bool] = []
    steps_taken, turns = itertools.count(), itertools.count(number)

    def init(self: Any) -> None:
        machine.__init__(self)
        self._rules_strategy = _InTurn(self, steps_taken, turns)

    in_turn: Any = type(machine.__name__, (machine,), {"__init__": init})
    test: Any = get_state_machine_test(in_turn, settings=quick)
    play = test.hypothesis.inner_test

    def go_on(data: Any) -> None:
        statements: list[object] = []
        try:
            with with_reporter(statements.append), local_settings(settings(quick, verbosity=Verbosity.debug)):
                play(data)
        except HypothesisException:
            raise
        except Exception:  # noqa: BLE001 - the next games are worth to be played, whatever this one met
            failures.append(True)
            print(traceback.format_exc(), *statements, sep="\n")  # noqa: T201

    test.hypothesis.inner_test = go_on
    play_one, in_order = test.hypothesis.fuzz_one_input, itertools.cycle(names or openings)
    for _ in range(number * examples % len(openings)):  # who plays with the next seed goes on with those that are left
        next(in_order)
    for game in range(1, examples + 1):
        openings.name, failed = next(in_order), len(failures)
        play_one(random.Random(f"{number} {game}").randbytes(LONG))
        openings.name, passed = None, time.monotonic() - began
        told = ", failed" if len(failures) > failed else ""
        print(f"{machine.__name__}: game {game} of {examples} after {passed:.0f} s{told}", flush=True)  # noqa: T201
    return len(failures)
