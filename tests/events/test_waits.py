"""Which waits are told: long ones, and one of many that calls wait side by side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from keapbridge.events import Wait
from keapbridge.events.waits import LONG, Waits, told

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def wait(seconds: float, after: float = 0.0) -> Wait:
    return Wait("its turn", seconds, at=NOON + timedelta(seconds=after))


def test_a_wait_is_told_with_its_end_and_its_reason() -> None:
    assert told(wait(26)) == "until 12:00:26 UTC: its turn"


@pytest.mark.parametrize(
    ("later", "is_news"),
    [
        (wait(8, after=1), False),  # a call that waits behind the first one
        (wait(60, after=1), True),  # all of it is over much later
        (wait(8, after=10), True),  # the next wait
        (wait(LONG, after=10), False),  # a short one
    ],
)
def test_what_waits_side_by_side_is_told_once(later: Wait, is_news: bool) -> None:
    waits = Waits()
    assert waits.is_news(wait(8))
    assert waits.is_news(later) is is_news
