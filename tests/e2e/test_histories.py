"""Ordinary months raise no alarm and accidents raise one, over both emulators, a database and an API that was declared.

`PYTHONPATH=src:tests/shared python -m histories` prints the table of true and false alarms.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from histories.accidents import ACCIDENTS, Accident
from histories.months import MONTHS, Month
from histories.world import World, worlds

SEED = os.environ.get("KEAPBRIDGE_TEST_SEED", "1")
QUICK_ACCIDENTS = {"a column is emptied", "an id of an api is reissued"}


@pytest.fixture
def make() -> Iterator[Callable[..., World]]:
    with worlds() as make:
        yield make


@pytest.mark.thorough
@pytest.mark.parametrize(
    "number",
    range(len(MONTHS)),
    ids=lambda n: f"{n}: {MONTHS[n]}",
)
def test_an_ordinary_month_raises_no_alarm_and_both_systems_hold_what_was_typed(
    make: Callable[..., World], number: int
) -> None:
    print(f"KEAPBRIDGE_TEST_SEED={SEED}")  # noqa: T201 - shown when the test fails
    month = Month(Month.world_of(MONTHS[number], make), f"{SEED}-{number}")
    month.play()
    assert month.world.alarms == []
    assert not any(f"run {month.world.runs}: " in line for line in month.world.waits), "it waits for ever"
    assert month.wrong() == []


def _case(accident: Accident) -> object:
    marks = [] if accident.name in QUICK_ACCIDENTS else [pytest.mark.thorough]
    return pytest.param(accident, marks=marks, id=accident.name)


@pytest.mark.parametrize("accident", [_case(accident) for accident in ACCIDENTS])
def test_an_accident_is_told_and_nothing_is_lost_by_it(make: Callable[..., World], accident: Accident) -> None:
    world = make(accident.kind, crm_options=accident.crm)
    complaints = list(accident.happen(world))
    told = "\n".join(world.told)
    assert complaints == [], told
    assert world.says(*accident.says), told
