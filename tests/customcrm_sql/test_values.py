"""Cells as properties have them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from keapbridge.customcrm.sql.values import shown

NEW_YORK = ZoneInfo("America/New_York")
WEST = timezone(timedelta(hours=-12))
NEVER = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - as a column without zones has it
TIMES = sa.Column("until", sa.DateTime())


@pytest.mark.parametrize("kind", [date, datetime, None])
@pytest.mark.parametrize(
    ("value", "zone"),
    [
        ("9999-12-31T23:59:59-12:00", UTC),
        ("0001-01-01T00:00:00+14:00", UTC),
        (NEVER, NEW_YORK),
        (NEVER.replace(tzinfo=WEST), UTC),
        (datetime.min, ZoneInfo("Asia/Tokyo")),  # noqa: DTZ901
    ],
)
def test_a_moment_that_a_change_of_zone_leads_out_of_time_hurts_nobody(kind: Any, value: Any, zone: Any) -> None:
    found = shown(value, kind, zone, TIMES)
    assert str(found)[:4] in {"9999", "0001"}
