"""Prints what raised an alarm: `PYTHONPATH=src:tests/shared python -m histories [seed]`."""

from __future__ import annotations

import logging
import sys

from histories.accidents import ACCIDENTS
from histories.months import MONTHS, Month
from histories.world import worlds


def main(seed: str) -> int:
    """Play all months and all accidents. Returns how many of them went otherwise than they should."""
    logging.disable()
    wrong = 0
    with worlds() as make:
        for n, traits in enumerate(MONTHS):
            month = Month(Month.world_of(traits, make), f"{seed}-{n}")
            month.play()
            alarms, lost = len(month.world.alarms), len(month.wrong())
            wrong += bool(alarms or lost)
    for accident in ACCIDENTS:
        with worlds() as make:
            world = make(accident.kind, crm_options=accident.crm)
            lost = len(list(accident.happen(world)))
            told = world.says(*accident.says)
            wrong += bool(lost or not told)
    return wrong


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:] or ["1"]) > 0)
