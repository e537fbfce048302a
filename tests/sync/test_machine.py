"""The engine's laws, held by a machine that plays with two systems in memory; and how much of the engine it reaches."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from copied_stores import PostgresqlStore
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from laws import examples
from two_systems import STEPS, TwoSystems
from two_systems.doubles import OnPostgresql
from two_systems.openings import OPENINGS
from two_systems.playing import Openings, play_games
from wired import TwoWiredSystems
from wired.game import STEPS as WIRED_STEPS
from wired.openings import OPENINGS as WIRED_OPENINGS

from keapbridge.model.actions import Action

SEED = int(os.environ.get("KEAPBRIDGE_TEST_SEED", "1"))
SCRIPTS = Path(__file__).parents[2] / "scripts"

TestTwoSystems = TwoSystems.TestCase
TestTwoSystems.settings = examples(2, *HealthCheck, stateful_step_count=STEPS)
TestTwoSystems.pytestmark = [pytest.mark.timeout(3000)]  # a game that fails takes minutes to be made short

TestTwoWiredSystems = TwoWiredSystems.TestCase
TestTwoWiredSystems.settings = examples(2, *HealthCheck, stateful_step_count=WIRED_STEPS)
TestTwoWiredSystems.pytestmark = [pytest.mark.timeout(3000), pytest.mark.thorough]


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
@pytest.mark.timeout(3000)
def test_a_short_game_keeps_the_laws_on_postgresql(postgresql: str, postgresql_template: str) -> None:
    class Machine(TwoSystems):
        stores = OnPostgresql(PostgresqlStore(postgresql, postgresql_template))

    quick = settings(examples(3, *HealthCheck), stateful_step_count=STEPS // 2, phases=[Phase.explicit, Phase.generate])
    run_state_machine_as_test(Machine, settings=quick)


@pytest.mark.thorough
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("game", "openings", "steps"),
    [(TwoSystems, OPENINGS, STEPS), (TwoWiredSystems, WIRED_OPENINGS, WIRED_STEPS)],
    ids=["in memory", "wired"],
)
def test_games_with_openings_keep_the_laws(
    game: type[RuleBasedStateMachine], openings: Openings, steps: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of them; `scripts/reach` plays all."""
    chosen = random.Random(SEED).sample(sorted(openings), 2)
    failed = play_games(game, openings, len(chosen), SEED, steps // 4, chosen)
    assert not failed, f"KEAPBRIDGE_TEST_SEED={SEED}\n{capsys.readouterr().out}"


@pytest.mark.slow
@pytest.mark.timeout(0)  # as long as it takes: half an hour where nothing else runs
def test_the_machine_alone_reaches_all_kinds_of_actions_and_nearly_all_of_the_engine() -> None:
    reach = [sys.executable, str(SCRIPTS / "reach"), "--seed", str(SEED)]
    done = subprocess.run(reach, capture_output=True, text=True, check=False)
    print(done.stdout.splitlines()[-2:])  # noqa: T201 - shown with -s
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    planned = done.stdout.splitlines()[-1].rpartition(": ")[2].split(", ")
    assert set(planned) == {cls.__name__ for cls in get_args(Action)}
