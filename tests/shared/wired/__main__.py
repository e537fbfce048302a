"""Plays both games, for a process of its own: `python -m wired 120 60 1 actions.json`."""

from __future__ import annotations

import sys

from two_systems.__main__ import main as play
from two_systems.playing import play_games

from wired.game import STEPS, TwoWiredSystems
from wired.openings import OPENINGS


def main(games: int, wired: int, number: int, actions: str, steps: int | None = None) -> int:
    """Play so many games of each kind, always the same ones for a seed, and tell how many failed.

    Args:
        steps: that are drawn in each game; by default as many as each kind has.
    """
    failed = play_games(TwoWiredSystems, OPENINGS, wired, number, STEPS if steps is None else steps)
    return failed + play(games, number, actions, steps)


if __name__ == "__main__":
    failed = main(*map(int, sys.argv[1:4]), sys.argv[4], *map(int, sys.argv[5:]))
    sys.exit(f"{failed} games failed" if failed else 0)
