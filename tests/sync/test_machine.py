"""The engine's laws, held by a machine that plays with two systems in memory; and how much of the engine it reaches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from copied_stores import PostgresqlStore
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from laws import examples
from two_systems import STEPS, TwoSystems
from two_systems.doubles import OnPostgresql
from wired import TwoWiredSystems
from wired.game import STEPS as WIRED_STEPS

import keapbridge
from keapbridge.model.actions import Action

SEED = int(os.environ.get("KEAPBRIDGE_TEST_SEED", "1"))
SHARED = Path(__file__).parents[1] / "shared"
SOURCE = Path(keapbridge.__file__).parents[1]
PROCESSES, GAMES, WIRED_GAMES = 2, 120, 60
ENOUGH = 95  # percent of the branches of the engine, and of its statements and branches together

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


@pytest.mark.slow
@pytest.mark.timeout(0)  # as long as it takes: a quarter of an hour where nothing else runs
def test_the_machine_alone_reaches_all_kinds_of_actions_and_nearly_all_of_the_engine(tmp_path: Path) -> None:
    print(f"KEAPBRIDGE_TEST_SEED={SEED}")  # noqa: T201 - shown when the test fails
    coverage = [sys.executable, "-m", "coverage"]
    path = os.pathsep.join(map(str, (SOURCE, SHARED)))
    environment = os.environ | {"PYTHONPATH": path, "COVERAGE_FILE": str(tmp_path / "coverage")}
    measured = ["--branch", "--source=keapbridge.sync", "--parallel-mode"]
    logs = [
        tmp_path / f"{n}.log" for n in range(PROCESSES)
    ]  # a pipe that nobody reads holds a process up once it is full
    processes = [
        subprocess.Popen(
            [*coverage, "run", *measured, "-m", "wired", str(GAMES), str(WIRED_GAMES), str(SEED + n), f"{n}.json"],
            env=environment,
            cwd=tmp_path,
            stdout=logs[n].open("w"),
            stderr=subprocess.STDOUT,
        )
        for n in range(PROCESSES)
    ]
    try:
        for n, process in enumerate(processes):
            assert process.wait() == 0, logs[n].read_text()
    finally:
        for process in processes:
            process.kill()
    actions = {name for n in range(PROCESSES) for name in json.loads((tmp_path / f"{n}.json").read_text())}
    assert actions == {cls.__name__ for cls in get_args(Action)}
    subprocess.run([*coverage, "combine", "--quiet"], check=True, env=environment, cwd=tmp_path)

    def measured_of(*contexts: str) -> tuple[dict[str, Any], float]:
        """The report of some games, and how many percent of the branches they reach."""
        subprocess.run([*coverage, "json", "--quiet", *contexts], check=True, env=environment, cwd=tmp_path)
        report = json.loads((tmp_path / "coverage.json").read_text())
        return report, 100 * report["totals"]["covered_branches"] / report["totals"]["num_branches"]

    alone = {game.__name__: measured_of(f"--contexts=^{game.__name__}$")[1] for game in (TwoSystems, TwoWiredSystems)}
    report, branches = measured_of()
    missing = {Path(name).name: part["missing_lines"] for name, part in report["files"].items()}
    totals = report["totals"]
    reached = f"{branches:.1f} % of the branches, {totals['percent_covered']:.1f} % with the statements"
    reached += "".join(f"; {name} alone {percent:.1f} %" for name, percent in alone.items())
    print(reached)  # noqa: T201 - shown when the test fails, and with -s
    assert min(branches, totals["percent_covered"]) >= ENOUGH, (reached, {n: m for n, m in missing.items() if m})
