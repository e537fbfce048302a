"""The way past a record that a Customcrm cannot show: lists of changes begin after the moment when it was changed.

That leads on where lists show first what was changed first. Where they do not, and where there are no lists of changes,
there is no way past it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar, cast

import attrs

from keapbridge._flow.effects import Flow, now
from keapbridge._io.calling import send
from keapbridge._io.calls import Call, InTurn, Malformed, Page
from keapbridge._io.port import Port
from keapbridge._io.retries import is_too_much
from keapbridge.customcrm import endpoints
from keapbridge.customcrm.endpoints import Endpoint
from keapbridge.errors import ApiError
from keapbridge.model.checked import usable_moment

__all__ = ["ByTime"]

R = TypeVar("R")
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # nothing was changed later than that
UNITS = {"iso8601": timedelta(milliseconds=1), "unix_ms": timedelta(milliseconds=1), "unix": timedelta(seconds=1)}


@attrs.define
class ByTime(Generic[R]):
    """Where a list is in time, and how it goes on where the CRM fails.

    Attributes:
        since: what the list is narrowed to.
        last: the latest moment that was shown.
        is_in_order: whether records came in the order of their changes so far.
    """

    port: Port
    endpoint: Endpoint[R]
    since: datetime | None
    last: datetime | None = None
    is_in_order: bool = True

    @property
    def reached(self) -> str | None:
        """Nothing: that all so far came in the order of their changes does not say that the rest does."""
        return None

    def note(self, page: Page[R]) -> None:
        shown = [cast("Any", record).updated_at for record in page.items]
        for stamp in shown if page.unread is None else page.unread.stamps:
            moment = usable_moment(stamp)
            self.is_in_order = self.is_in_order and moment is not None and (self.last is None or moment >= self.last)
            self.last = moment or self.last

    def onward(self, call: Call[Page[R]], error: ApiError) -> Flow[Page[R] | None]:
        changes = self.endpoint.schema.changed_since
        unit = None if changes is None else UNITS.get(changes.format)
        if unit is None or not self.is_in_order:
            return None
        end = (yield from now()) + AHEAD
        if not (yield from self._shows_since(end)):
            return None  # the system shows nothing at all
        low = max(filter(None, (self.last, self.since)), default=BEGINNING)
        high = yield from self._first_shown(low, (yield from self._some_shown(low, end, unit)), unit)
        while (before := (yield from self._shown_before(low, high, unit))) is not None:
            high = yield from self._first_shown(low, before, unit)  # several cannot be shown, and others between them
        self.last = high
        span = f"from {low:%Y-%m-%d %H:%M:%S} until {high:%Y-%m-%d %H:%M:%S} UTC"
        told = ApiError(f"the list fails where {self.endpoint.singular}s changed {span} are to be shown: {error}")
        return Page(malformed=(Malformed(None, told, refused=True),), following=self._list(high))

    def _some_shown(self, low: datetime, end: datetime, unit: timedelta) -> Flow[datetime]:
        """A moment not too far away from which on there is something to show."""
        step = unit
        while low + step < end and not (yield from self._shows_since(low + step)):
            step *= 2
        return min(low + step, end)

    def _first_shown(self, low: datetime, high: datetime, unit: timedelta) -> Flow[datetime]:
        """The first moment after something that cannot be shown, from which on there is something to show."""
        while high - low > unit:
            middle = low + (high - low) // 2
            if (yield from self._shows_since(middle)):
                high = middle
            else:
                low = middle
        return high

    def _shown_before(self, low: datetime, high: datetime, unit: timedelta) -> Flow[datetime | None]:
        step = 2 * unit
        while high - step > low:
            if (yield from self._shows_since(high - step)):
                return high - step
            step *= 2
        return None

    def _list(self, since: datetime) -> Call[Page[R]]:
        return endpoints.list_page(self.endpoint, updated_since=since, unread=True)

    def _shows_since(self, moment: datetime) -> Flow[bool]:
        """Whether the first record that was changed then or later can be shown, or there is none."""
        call = self._list(moment)
        try:
            yield from send(self.port, call.parts.less(1) if isinstance(call.parts, InTurn) else call, once=True)
        except ApiError as error:
            if not is_too_much(error):
                raise
            return False
        return True
