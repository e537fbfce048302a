"""The clock of a database, as a column of times takes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from keapbridge._clock import utc_now
from keapbridge.customcrm.sql.reflected import has_zone, holds_days

__all__ = ["now_in"]


def now_in(dialect: str, column: sa.Column[Any], zone: ZoneInfo) -> Any:
    """What time it is by the database, in a time zone where the column has none.

    Args:
        zone: of times without one. How far it is from UTC by now is asked of this machine.
    """
    offset = utc_now().astimezone(zone).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    match dialect:
        case "sqlite":
            form = "%Y-%m-%d" if holds_days(column) else "%Y-%m-%d %H:%M:%f"
            moved = [] if not minutes else [f"{minutes:+} minutes"]
            return sa.func.strftime(form, "now", *moved)
        case "postgresql":
            now = sa.func.clock_timestamp()
            return now if has_zone(column) else sa.func.timezone(zone.key, now)
        case "mysql" | "mariadb":
            now = sa.func.utc_timestamp(sa.text("6"))
            return now if not minutes else sa.func.timestampadd(sa.text("MINUTE"), minutes, now)
        case _:
            return sa.func.current_timestamp()
