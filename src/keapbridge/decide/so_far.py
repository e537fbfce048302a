"""Whether a list of everything goes on where an earlier run was ended. Pure.

Between two parts of a list records are edited and made, and some go. What was made has an id that is still to come.
What was edited is found by a list of changes since the first part began, which is read at the end. What went before its
part came is missing in the end, as ever; what went after that is found by the next list of everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from keapbridge.decide.cursor import Shown
from keapbridge.decide.restored import newest

__all__ = ["SoFar"]

LASTS = timedelta(days=3)  # also where runs are nightly, and one of them fails


@attrs.frozen
class SoFar:
    """How far a list of everything on one side has come.

    Attributes:
        by: what its records were read by: with another mapping it begins anew.
        since: from where changes were to be read when it began.
        started, clock: when that was, by our clock and by the system's.
        reached: from where it goes on.
        is_over: whether it was read to its end, and nothing came of it yet.
        shown: the stamps that it has shown.
        newest: the records that were changed last, with their stamps.
        seen, unchanged: how many records it has shown, and how many of them were as they are known.
        refused: whether some could not be shown.
        moved: whether it moved while it was read, so that what it has not shown may be there.
        older: the linked records that show something else and are not newer than they were.
        nameless: why others could not be read that do not even show an id.
        fields: those that some record has shown.
        sample: a few of the records.
    """

    by: str
    since: datetime | None
    started: datetime
    clock: datetime
    reached: str = ""
    is_over: bool = False
    shown: Shown = attrs.field(factory=Shown)
    newest: Mapping[str, datetime] = attrs.field(factory=dict)
    seen: int = 0
    unchanged: int = 0
    refused: bool = False
    moved: bool = False
    older: tuple[str, ...] = ()
    nameless: tuple[str, ...] = attrs.field(default=(), repr=False)
    fields: tuple[str, ...] = ()
    sample: tuple[str, ...] = ()

    def with_stamps(self, stamps: Mapping[str | None, datetime | None], spent: timedelta) -> SoFar:
        """With the stamps of one more page, by id.

        Args:
            spent: how long ago the list began.
        """
        latest = self.clock + spent
        new = {id: at for id, at in stamps.items() if id and at and at <= latest}
        shown = self.shown.page(stamps.values(), self.clock, spent)
        return attrs.evolve(self, shown=shown, newest=newest({**self.newest, **new}))

    def with_page(
        self,
        seen: int,
        unchanged: int,
        older: Sequence[str],
        nameless: Sequence[str],
        *,
        refused: bool,
        moved: bool = False,
    ) -> SoFar:
        """With what else one more page has told."""
        return attrs.evolve(
            self,
            seen=self.seen + seen,
            unchanged=self.unchanged + unchanged,
            older=(*self.older, *older),
            nameless=(*self.nameless, *nameless),
            refused=self.refused or refused,
            moved=self.moved or moved,
        )

    def goes_on(self, by: str | None, since: datetime | None, moment: datetime) -> bool:
        """Whether a list goes on with it.

        Args:
            by: what records are read by now; `None` where it is to begin anew.
            since: from where changes are read now; once that has moved, what was read to its end has been worked off.
            moment: now.
        """
        is_due = not (self.is_over and since != self.since)
        return self.by == by and is_due and timedelta(0) <= moment - self.started < LASTS
