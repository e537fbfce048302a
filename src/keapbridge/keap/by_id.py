"""The way past records that Keap cannot show: a list by ids goes on after an id, whatever is wrong before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

import attrs

from keapbridge._flow.effects import Flow
from keapbridge._io.calling import send
from keapbridge._io.calls import Call, Malformed, Page
from keapbridge._io.port import Port
from keapbridge._io.retries import is_too_much
from keapbridge.errors import ApiError
from keapbridge.keap import lists
from keapbridge.keap.asking import Asking
from keapbridge.keap.endpoints import Endpoint, KeapRecord

__all__ = ["ById"]

R = TypeVar("R", bound=KeapRecord)
LAST = 10**14  # no id is as large
NEAR = 1000  # how many ids before one that cannot be read are asked for, for others of its kind
AT_ONCE = 200
DOWNWARDS = "id desc"


@attrs.define
class ById(Generic[R]):
    """Where a list of Keap's records is, and how it goes on where Keap fails.

    Attributes:
        since: what the list is narrowed to.
        anew: whether the list has another order, so that it has to be begun anew, by ids.
        last: the largest id that was shown.
        is_by_id: whether ids have come in their order so far.
    """

    port: Port
    endpoint: Endpoint[R]
    since: datetime | None
    asking: Asking = attrs.field(factory=Asking, kw_only=True)
    anew: bool = False
    last: int = 0
    is_by_id: bool = True

    @property
    def reached(self) -> str | None:
        """The largest id so far, of a list that was asked for in the order of ids, and comes in it."""
        return str(self.last) if self.endpoint.by_id is not None and self.is_by_id else None

    def note(self, page: Page[R]) -> None:
        ids = (record.id for record in page.items) if page.unread is None else page.unread.ids
        for id in ids:
            number = int(id) if isinstance(id, str) and id.isdecimal() else 0
            self.is_by_id = self.is_by_id and number > self.last
            self.last = max(self.last, number)

    def onward(self, call: Call[Page[R]], error: ApiError) -> Flow[Page[R] | None]:
        if self.anew:
            self.anew, self.last, self.is_by_id = False, 0, True
            return Page(following=self.after(0))
        if not self.is_by_id or (yield from self._tried(self.after(LAST, 1))) is None:
            return None  # or the system shows nothing at all
        culprit = yield from self._culprit()
        before = yield from self._before(culprit, error)
        self.last = culprit
        last = attrs.evolve(self._refused(culprit, error), following=self.after(culprit))
        return Page.joined([*before, last])

    def _refused(self, id: int, error: ApiError) -> Page[R]:
        told = ApiError(f"the list fails where {self.endpoint.singular} {id} is to be shown: {error}")
        return Page(malformed=(Malformed(str(id), told, refused=True),))

    def after(self, id: int, size: int = lists.MAX_PAGE) -> Call[Page[R]]:
        """The list from the first id that is larger."""
        return self._beside(">", id, self.endpoint.by_id, size)

    def _beside(self, operator: str, id: int, order_by: str | None, size: int) -> Call[Page[R]]:
        terms = [(f"{self.endpoint.id_above}{operator}", str(id))]
        return lists.list_page(
            self.endpoint,
            self.asking,
            updated_since=self.since,
            filters=terms,
            order_by=order_by,
            page_size=size,
            unread=True,
        )

    def _culprit(self) -> Flow[int]:
        """The id of a record that cannot be shown; what follows it can be."""
        low, step = self.last, 1
        while low + step < LAST and (yield from self._tried(self.after(low + step, 1))) is None:
            low, step = low + step, 2 * step
        return (yield from self._edge(low, min(low + step, LAST), partial(self.after, size=1)))

    def _edge(self, refused: int, shown: int, call: Callable[[int], Call[Page[R]]]) -> Flow[int]:
        """The id next to those that cannot be read, between one of them and one that can be, by halves."""
        while abs(shown - refused) > 1:
            middle = (refused + shown) // 2
            if (yield from self._tried(call(middle))) is None:
                refused = middle
            else:
                shown = middle
        return shown

    # --- several in a row ---------------------------------------------------------------------------------------

    def _before(self, culprit: int, error: ApiError) -> Flow[list[Page[R]]]:
        """What there is between the last record that was shown and the culprit."""
        if self.endpoint.by_id is not None:
            return (yield from self._downwards(culprit, error))
        between = [str(id) for id in range(max(self.last + 1, culprit - NEAR), culprit)]
        pages: list[Page[R]] = []
        for start in range(0, len(between), AT_ONCE):
            pages += yield from self._set(between[start : start + AT_ONCE], error)
        return pages

    def _downwards(self, top: int, error: ApiError) -> Flow[list[Page[R]]]:
        pages: list[Page[R]] = []
        size = 1  # mostly there is nothing
        while top > self.last + 1:
            page = yield from self._tried(self._below(top, size))
            if page is None and size > 1:
                size //= 2
            elif page is None:
                top = yield from self._next_below(top)
                pages.append(self._refused(top, error))
            else:
                ids = [int(id) for id in page.unread.ids if id] if page.unread else [int(str(r.id)) for r in page.items]
                pages.append(attrs.evolve(page, following=None))
                if len(ids) < size or min(ids) <= self.last:
                    break
                top, size = min(ids), min(2 * size, lists.MAX_PAGE)
        return pages

    def _below(self, id: int, size: int) -> Call[Page[R]]:
        return self._beside("<", id, DOWNWARDS, size)

    def _next_below(self, top: int) -> Flow[int]:
        """The id of the record just below, which cannot be shown."""
        high, step = top, 1  # below `high` it is in the way
        while high - step > self.last and (yield from self._tried(self._below(high - step, 1))) is None:
            high, step = high - step, 2 * step
        return (yield from self._edge(high, max(high - step, self.last + 1), partial(self._below, size=1)))

    def _set(self, ids: Sequence[str], error: ApiError) -> Flow[list[Page[R]]]:
        """The records of some ids, where lists cannot be ordered."""
        pages: list[Page[R]] = []
        for wanted in lists.of_ids(self.endpoint, ids, self.asking):
            page = yield from self._tried(wanted.call())
            if page is not None:
                pages.append(attrs.evolve(page, following=None))
            elif len(ids) == 1:
                pages.append(self._refused(int(ids[0]), error))
            else:
                middle = len(ids) // 2
                return (yield from self._set(ids[:middle], error)) + (yield from self._set(ids[middle:], error))
        return pages

    def _tried(self, call: Call[Page[R]]) -> Flow[Page[R] | None]:
        try:
            return (yield from send(self.port, call, once=True))
        except ApiError as error:
            if not is_too_much(error):
                raise
            return None
