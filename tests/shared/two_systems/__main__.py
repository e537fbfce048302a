"""Plays as many games as it is told, for a process of its own: `python -m two_systems 120 1 actions.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from two_systems.game import TwoSystems
from two_systems.openings import OPENINGS
from two_systems.playing import play_games
from two_systems.pools import ACTIONS, STEPS


def main(examples: int, number: int, actions: str, steps: int | None = None) -> int:
    """Play so many games, always the same ones for a seed, and write down which actions were planned.

    A process of its own does this, so that the coverage of nothing else is counted.

    Returns:
        How many games failed.
    """
    failed = play_games(TwoSystems, OPENINGS, examples, number, STEPS if steps is None else steps)
    Path(actions).write_text(json.dumps(sorted(ACTIONS)))
    return failed


if __name__ == "__main__":
    failed = main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    sys.exit(f"{failed} games failed" if failed else 0)
