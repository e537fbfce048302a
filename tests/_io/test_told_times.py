"""What another system tells of moments and waits, and what of it is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from keapbridge._io.told_times import DAY, http_date, plausible, retry_after, soon

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("0.5", 0.5), (" 3 ", 3), ("-5", 0), ("86401", DAY), ("31536000", DAY)],
)
def test_a_wait_is_believed_for_a_day_at_most(text: str, seconds: float) -> None:
    assert retry_after({"retry-after": text}) == seconds


@pytest.mark.parametrize("text", ["", "nan", "inf", "-inf", "1e400", "9" * 400, "soon", "0x10", "Wed, 99 Oct 2026"])
def test_what_is_no_wait_says_nothing(text: str) -> None:
    assert retry_after({"retry-after": text, "date": "Thu, 01 Jan 2026 12:00:00 GMT"}) is None


def test_a_wait_until_a_moment_is_by_the_clock_of_the_system_that_tells_it() -> None:
    def until(moment: str, date: str = "Thu, 01 Jan 2026 12:00:00 GMT") -> float | None:
        return retry_after({"retry-after": moment, "date": date})

    assert until("Thu, 01 Jan 2026 12:00:30 GMT") == 30
    assert until("Thu, 01 Jan 2026 12:00:30 -0000") == 30
    assert until("Thu, 01 Jan 2026 11:00:00 GMT") == 0
    assert until("Fri, 01 Jan 2027 12:00:00 GMT") == DAY
    assert until("Wed, 21 Oct 2099 07:28:00 GMT") is None
    assert until("Thu, 01 Jan 2026 12:00:30 GMT", "Thu, 01 Jan 1970 00:00:00 GMT") is None
    assert retry_after({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}) is None


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Wed, 21 Oct 2015 07:28:00 -0000",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "Fri, 31 Dec 2024 23:59:59 +9999999",
        "Fri, 31 Dec 99999 23:59:59 GMT",
        "garbage",
        "",
    ],
)
def test_a_date_that_no_clock_can_show_is_none(text: str) -> None:
    assert http_date(text) is None


def test_dates_are_told_in_utc() -> None:
    assert http_date("Thu, 01 Jan 2026 14:00:00 +0200") == NOON
    assert http_date("Thu, 01 Jan 2026 12:00:00 -0000") == NOON
    assert plausible(datetime(2026, 1, 1, 12)) is None  # noqa: DTZ001 - what an adapter may give
    assert plausible(datetime.max.replace(tzinfo=UTC)) is None
    assert soon(NOON + timedelta(days=400), NOON) == NOON + timedelta(days=1)
    assert soon(NOON + timedelta(hours=1), NOON) == NOON + timedelta(hours=1)
