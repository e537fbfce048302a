"""What the holder of a lease has read, and need not read again while it has it: nobody else writes that meanwhile.

A run that has nothing to do asks the same few facts, cursors and intents many times over: they are read along with its
lease. What a run writes itself is noted here.
"""

from __future__ import annotations

from typing import TypeAlias, Union

import attrs

__all__ = ["Known", "StoredCursor"]

StoredCursor: TypeAlias = tuple[str, Union[str, None]]
"""Up to when a side's changes were read, and when the newest of them were made."""

MOST = 200  # names of facts that are read at once


@attrs.define
class Known:
    """What is known since a lease was taken.

    Attributes:
        facts: as they are stored, by name; `None` for one that there is not.
        fickle: names of facts that are written along with others, and so are always read.
        cursors: as they are stored, by synchronization and side.
        with_intents: the synchronizations that may have some.
        open: by synchronization, whether anything may be staged or missing.
        failing: by synchronization, whether a record of it may have failed.
        asked: names of facts that runs have asked so far: they are read along with the next lease.
        planned: the synchronizations of which runs have asked what is open: so is that.
    """

    facts: dict[str, str | None] = attrs.field(factory=dict)
    fickle: set[str] = attrs.field(factory=set)
    cursors: dict[tuple[str, str], StoredCursor] = attrs.field(factory=dict)
    with_intents: set[str] = attrs.field(factory=set)
    open: dict[str, bool] = attrs.field(factory=dict)
    failing: dict[str, bool] = attrs.field(factory=dict)
    asked: set[str] = attrs.field(factory=set)
    planned: set[str] = attrs.field(factory=set)

    def begin(self) -> None:
        """Nothing is known any more: a lease was taken, or everything has changed."""
        for known in (self.facts, self.fickle, self.cursors, self.with_intents, self.open, self.failing):
            known.clear()

    def learn(self, name: str, value: str | None) -> None:
        """A fact was asked, and read; what was written meanwhile counts more."""
        if len(self.asked) < MOST:
            self.asked.add(name)
        self.facts.setdefault(name, value)
