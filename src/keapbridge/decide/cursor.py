"""From where a list of changes is read the next time. Pure.

What counts is the time that a list itself shows in its records, and no clock: a system that stamps its records ten
minutes behind its own clock would hide all edits from who goes by that clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

__all__ = ["Shown", "next_cursor"]

RESOLUTION = timedelta(seconds=1)  # of clocks, as headers tell them
WIDEST = timedelta(days=1)  # how far behind a stamp may be where none is known: more than any mistake about zones


@attrs.frozen
class Shown:
    """What a list has shown so far of when its records were changed.

    Attributes:
        newest: the newest stamp, put back by how long the list had been under way when it was shown: whatever is
            changed after the list had begun is stamped later than that, however far behind the stamps are.
        stamped: whether any record showed one, be it a moment that is still to come.
        unstamped: whether any record showed none.
    """

    newest: datetime | None = None
    stamped: bool = False
    unstamped: bool = False

    def page(self, stamps: Iterable[datetime | None], clock: datetime, spent: timedelta) -> Shown:
        """What it has shown with one more page.

        Args:
            stamps: of its records.
            clock: the system's clock when the list began. What is stamped later than it showed by now says nothing.
            spent: how long ago that was.
        """
        newest, stamped, unstamped = self.newest, self.stamped, self.unstamped
        latest = clock + spent
        for stamp in stamps:
            if stamp is None:
                unstamped = True
                continue
            stamped = True
            if stamp <= latest + RESOLUTION:
                found = min(stamp, latest) - spent
                newest = found if newest is None else max(newest, found)
        return Shown(newest, stamped, unstamped)


def next_cursor(before: datetime | None, shown: Shown, clock: datetime, ours: datetime, overlap: timedelta) -> datetime:
    """From where the next list of changes begins. It is never in the future, and goes back only if it was.

    Args:
        before: where it began so far.
        clock: the system's clock when the list began.
        ours: our own clock then.
        overlap: how much later than its stamp a change may be shown.
    """
    known = before if before is not None and before <= clock else None
    if shown.newest is not None:
        found = shown.newest - overlap
    elif known is not None and (shown.stamped or not shown.unstamped):
        return known
    elif shown.stamped or not shown.unstamped:
        found = clock - WIDEST - overlap
    else:  # it tells no times at all
        found = min(clock, ours) - overlap
    return found if known is None else max(known, found)
