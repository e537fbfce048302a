"""Whether a list of everything goes on with what an earlier run has read of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import msgspec
import pytest

from keapbridge.decide.so_far import LASTS, SoFar

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON = NOON + timedelta(minutes=5)
PART = SoFar("mapping", None, NOON, NOON, "900")


@pytest.mark.parametrize(
    ("by", "since", "moment", "is_over", "goes_on"),
    [
        ("mapping", None, SOON, False, True),
        ("mapping", None, SOON, True, True),
        ("mapping", SOON, SOON, False, True),
        ("mapping", SOON, SOON, True, False),
        ("another", None, SOON, False, False),
        (None, None, SOON, False, False),
        ("mapping", None, NOON + LASTS, False, False),
        ("mapping", None, NOON - timedelta(seconds=1), False, False),
    ],
)
def test_it_does_while_nothing_speaks_against_it(
    by: str | None, since: datetime | None, moment: datetime, is_over: bool, goes_on: bool
) -> None:
    assert attrs.evolve(PART, is_over=is_over).goes_on(by, since, moment) is goes_on


def test_what_pages_tell_adds_up_and_is_kept_as_a_text() -> None:
    hour = timedelta(hours=1)
    found = PART.with_stamps({"1": NOON, "2": None, None: NOON}, timedelta(0))
    found = found.with_stamps({"3": NOON + hour, "4": NOON + 3 * hour}, hour)
    found = found.with_page(3, 1, ["3"], ["odd"], refused=False).with_page(2, 2, ["4"], [], refused=True)
    assert (found.seen, found.unchanged, found.nameless, found.refused) == (5, 3, ("odd",), True)
    assert found.older == ("3", "4")
    assert found.newest == {"1": NOON, "3": NOON + hour}, "what is still to come says nothing"
    assert (found.shown.newest, found.shown.unstamped) == (NOON, True)
    assert msgspec.json.decode(msgspec.json.encode(found), type=SoFar) == found
