"""Cells as properties have them, and properties as columns take them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import sqlalchemy as sa

from keapbridge.customcrm.sql.reflected import holds_times, is_bit, is_list, is_number, is_set
from keapbridge.customcrm.sql.words import said
from keapbridge.model.maybe import Unreadable
from keapbridge.model.timed import TimedDate

__all__ = ["converted", "place_text", "property_types", "shown", "stamp_of"]


_OFFSET = re.compile(r"[+-]\d\d:\d\d(:\d\d)?$")  # from UTC, at the end of a time


def place_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def zoned(value: Any, zone: tzinfo = UTC) -> Any:
    """A time in UTC; one without a zone is of that which is given."""
    if isinstance(value, str) and value:
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value  # no moment: whoever reads the record sees that
    if isinstance(value, datetime):
        return value.replace(tzinfo=zone).astimezone(UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def stamp_of(value: Any, zone: tzinfo = UTC, *, of_day: bool = False) -> datetime | None:
    """When a row was made or changed; `None` where it does not say so in a way that can be understood.

    Args:
        of_day: take a day for its beginning. It is no moment otherwise, for it does not tell what was later.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        value = value.isoformat()
    if isinstance(value, str) and not of_day and len(value.strip()) <= len("2026-01-31"):
        return None
    try:
        found = zoned(value, zone)
    except (ValueError, OverflowError):
        return None
    return found if isinstance(found, datetime) else None


def property_types(cls: type, wire_names: Mapping[str, str]) -> dict[str, type]:
    hints = get_type_hints(cls)
    return {wire: get_args(hints[name])[0] for name, wire in wire_names.items()}


def shown(value: Any, kind: type | None, zone: tzinfo = UTC, column: sa.Column[Any] | None = None) -> Any:
    """A value of a column as the property has it; what cannot be that is left as it is, to be told as unreadable.

    Args:
        kind: of the property; `None` for one of the host's own.
    """
    if isinstance(value, memoryview):
        value = bytes(value)
    if isinstance(value, bytes) and column is not None and is_bit(column):
        value = int.from_bytes(value)
    if value is None or isinstance(value, Unreadable):
        return value
    if kind is None or kind is date or kind is datetime:
        try:
            return _of_time(value, kind, zone, column)
        except OverflowError:  # a change of zone leads beyond the years that there are
            return value
    if kind is str:
        return _text(value, column)
    if kind is bool:
        known = value if not isinstance(value, str) or (meant := said(value)) is None else meant
        return bool(known) if isinstance(known, (int, float, Decimal)) and known in (0, 1) else known
    if kind is Decimal:
        return str(value) if isinstance(value, float) else value
    return value


def _text(value: Any, column: sa.Column[Any] | None) -> Any:
    """A text, a number as one, and a MariaDB SET as it is written there; a structure is no text."""
    if column is not None and is_set(column) and isinstance(value, Collection) and not isinstance(value, str):
        values: Sequence[str] = getattr(column.type, "values", ())
        return ",".join(each for each in values if each in value)
    return value if isinstance(value, (str, bytes, list, dict)) else str(value)


def _of_time(value: Any, kind: type | None, zone: tzinfo, column: sa.Column[Any] | None) -> Any:
    if kind is None:
        return _in_its_zone(value, zone, column)
    return _day(value, zone) if kind is date else zoned(value, zone)


def _in_its_zone(value: Any, zone: tzinfo, column: sa.Column[Any] | None) -> Any:
    """A time without a zone as one of the table's, where that is not UTC, so that both day and moment can be read."""
    if str(zone) == "UTC" or column is None or not holds_times(column):
        return value
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value
    if not isinstance(moment, datetime) or moment.tzinfo is not None:
        return value
    there = moment.replace(tzinfo=zone)
    offset = _OFFSET.search(there.isoformat())
    return f"{value}{offset[0]}" if isinstance(value, str) and offset is not None else there


def _day(value: Any, zone: tzinfo) -> Any:
    """The day that a moment is on, where it began: midnight in one place is the evening before in another.

    It is shown with its time, to be put back so, where both say the same day.
    """
    moment = value
    if isinstance(value, str) and len(value.strip()) > len("2026-01-31"):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return value
    if not isinstance(moment, datetime):
        return value
    there = moment.replace(tzinfo=UTC).astimezone(zone) if moment.tzinfo is None else moment.astimezone(zone)
    is_midnight = not any(there.timetuple()[3:6])
    if is_midnight and there.date() != moment.date():
        return there.date()
    return moment.isoformat(" ") if isinstance(value, datetime) else value


def _moment_in(value: Any, zone: tzinfo) -> Any:
    """A moment that a text tells with its zone, or the text without the zone that it was shown with."""
    moment = _read(value)
    if moment is None or moment.tzinfo is None:
        return value
    bare = _OFFSET.sub("", value)
    local = _read(bare)
    return bare if local is not None and local.tzinfo is None and local.replace(tzinfo=zone) == moment else moment


def _read(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None


def _of_structure(column: sa.Column[Any], value: Any) -> Any:
    """A list or an object, or what a column of lists is given, as that column keeps it."""
    if is_set(column):
        return value.replace(", ", ",") if isinstance(value, str) else ",".join(value)
    if is_list(column) and not isinstance(value, list):
        raise TypeError(f"a list is needed, not {type(value).__name__}")  # a text would become one of its letters
    # In a column of texts it is JSON, for so it is read again.
    return json.dumps(value, ensure_ascii=False) if isinstance(column.type, sa.String) else value


def _whole(value: Any) -> int:
    """A number without decimals; a part of another one is none."""
    number = value if isinstance(value, int) else Decimal(str(value))
    if number != int(number):
        raise ValueError("not a whole number")
    return int(number)


def converted(column: sa.Column[Any], value: Any, zone: tzinfo = UTC) -> Any:
    kind = column.type
    if isinstance(value, (list, dict)) or is_set(column) or is_list(column):
        return _of_structure(column, value)
    if holds_times(column):
        value = _moment_in(value, zone)
    if isinstance(kind, sa.Boolean):
        return bool(value)
    if is_number(column):
        return _whole(value)
    if isinstance(kind, sa.Float):
        return float(value)
    if isinstance(kind, sa.Numeric):
        return Decimal(str(value))
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        if isinstance(kind, sa.String):
            return value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S.%f")
        return moment if getattr(kind, "timezone", False) else value.astimezone(zone).replace(tzinfo=None)
    if isinstance(value, TimedDate) and isinstance(kind, (sa.String, sa.DateTime)):
        return value.sent if isinstance(kind, sa.String) else datetime.fromisoformat(value.sent)
    if isinstance(kind, sa.String):
        return value.isoformat() if isinstance(value, date) else str(value)
    if isinstance(kind, sa.Date) and isinstance(value, str):
        return date.fromisoformat(value)
    return value
