"""In which form an API writes times, days, numbers and yes or no, and of which zone its times are. Pure."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import attrs

from keapbridge.customcrm.schema import moment_of
from keapbridge.inspecting.schema import Family

__all__ = ["Stamps", "boolean_form", "day_forms", "family_of", "stamps_of"]

A_CLOCK = timedelta(minutes=20)  # how far the clocks of two machines may be apart
ZONES = timedelta(hours=14)  # the furthest that a zone is from UTC
_MOMENTS = ("iso8601", "rfc1123", "dotnet")
_PATTERNS = ("%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%S")
_DAYS = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d")
_YES_NO = (("Y", "N"), ("yes", "no"), ("true", "false"), ("T", "F"), ("1", "0"), ("on", "off"))
_FIRST, _LAST = datetime(1995, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_AT_MIDNIGHT = re.compile(r"\d{4}-\d\d-\d\d[T ]00:00:00(\.0+)?(Z|[+-]\d\d:?\d\d)?")


@attrs.frozen
class Stamps:
    """The moments of records.

    Attributes:
        form: how they are written, as a schema has it.
        naive: whether they tell no zone.
        newest: the latest one, taken for UTC where it tells none.
        ahead: how much later than the server's clock that is; negative for earlier, `None` where nobody knows.
    """

    form: str
    naive: bool
    newest: datetime
    ahead: timedelta | None = None

    @property
    def offset(self) -> timedelta | None:
        """By how much the zone is before UTC at least, in half hours: stamps of the future are of another zone."""
        if not self.naive or self.ahead is None or self.ahead <= A_CLOCK:
            return None
        halves = -(-(self.ahead - A_CLOCK) // timedelta(minutes=30))
        return min(halves * timedelta(minutes=30), ZONES)


def _all(values: Sequence[Any], form: str) -> list[datetime] | None:
    """All values as moments of a form; `None` where one is none."""
    found: list[datetime] = []
    for value in values:
        try:
            moment = moment_of(value, form)
        except (ValueError, TypeError, OverflowError, OSError):
            return None
        if not _FIRST <= moment < _LAST:
            return None
        found.append(moment)
    return found


def stamps_of(values: Iterable[Any], served_at: datetime | None = None) -> Stamps | None:
    """What the stamps of records are like; `None` for values that are none.

    Args:
        served_at: the server's clock when it showed them.
    """
    given = [value for value in values if value is not None and value != ""]
    if not given or any(isinstance(value, bool) for value in given):
        return None
    for form in _forms(given):
        moments = _all(given, form)
        if moments is not None:
            newest = max(moments)
            ahead = None if served_at is None else newest - served_at
            return Stamps(form, _is_naive(given, form), newest, ahead)
    return None


def _forms(values: Sequence[Any]) -> tuple[str, ...]:
    if all(isinstance(value, str) and not value.replace(".", "").isdecimal() for value in values):
        if any(_DAY.fullmatch(value) for value in values):
            return ()
        return (*_MOMENTS, *_PATTERNS)
    return ("unix", "unix_ms", "%Y%m%d%H%M%S")


def _is_naive(values: Sequence[Any], form: str) -> bool:
    if form in {"unix", "unix_ms", "dotnet"}:
        return False
    if form != "iso8601":
        return form != "rfc1123"
    return any(datetime.fromisoformat(value).tzinfo is None for value in values)


def day_forms(values: Iterable[Any]) -> tuple[str, ...]:
    """The forms in which all of these days can be read; several where nobody can tell which of them is meant."""
    given = [value for value in values if value is not None and value != ""]
    if not given or any(isinstance(value, bool) for value in given):
        return ()
    if all(isinstance(value, (int, float)) for value in given):
        return ("unix_ms",) if any(abs(value) > 1e11 for value in given) else ("unix",)
    if not all(isinstance(value, str) for value in given):
        return ()
    if all(_DAY.fullmatch(value) for value in given):
        return ("iso8601",)
    if all(_AT_MIDNIGHT.fullmatch(value) for value in given):
        return ("datetime",)
    found: list[str] = []
    for pattern in _DAYS:
        with contextlib.suppress(ValueError):
            for value in given:
                datetime.strptime(value, pattern)  # noqa: DTZ007 - days have no zone
            found.append(pattern)
    return tuple(found)


def boolean_form(values: Iterable[Any]) -> str | None:
    """How yes and no are written; `None` for what says neither."""
    given = [value for value in values if value is not None and value != ""]
    if not given:
        return None
    if all(isinstance(value, bool) for value in given):
        return "boolean"
    if all(isinstance(value, int) and value in (0, 1) for value in given):
        return "integer"
    texts = {value.casefold() for value in given if isinstance(value, str)}
    for yes, no in _YES_NO:
        if texts and texts <= {yes.casefold(), no.casefold()} and all(isinstance(v, str) for v in given):
            shown = {value.casefold(): value for value in given}
            return f"{_as(yes, shown)}/{_as(no, shown)}"
    return None


def _as(word: str, shown: dict[str, str]) -> str:
    """A word in the spelling that was seen; the one that was not seen in a like one."""
    if word.casefold() in shown:
        return shown[word.casefold()]
    like = next(iter(shown.values()))
    return word.upper() if like.isupper() else word.capitalize() if like[:1].isupper() else word.lower()


def family_of(values: Sequence[Any]) -> Family:
    """What a property holds, as far as its values tell."""
    given = [value for value in values if value is not None and value != ""]
    if not given:
        return "text"
    if all(isinstance(value, bool) for value in given):
        return "boolean"
    if all(isinstance(value, int) for value in given):
        return "integer"
    if all(isinstance(value, (int, float)) for value in given):
        return "number"
    texts: Literal["text", "time"] = "text"
    if all(isinstance(value, str) for value in given) and stamps_of(given) is not None:
        texts = "time"
    return texts
