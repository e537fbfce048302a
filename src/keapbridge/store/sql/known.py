"""What the holder of a lease has read, and need not read again while it has it: nobody else writes that meanwhile.

A run that has nothing to do asks the same few facts, cursors and intents many times over. What a run writes itself is
either noted here, or not kept any more until the next lease.
"""

from __future__ import annotations

import attrs

from keapbridge.model.kept import Cursor
from keapbridge.model.side import Side

__all__ = ["Known"]

MOST = 200  # names of facts that are read at once


@attrs.define
class Known:
    """What is known since a lease was taken.

    Attributes:
        facts: as they are stored, by name; `None` for one that there is not.
        fickle: names of facts that are written along with others, and so are always read.
        cursors: all of them; `None` while they were not read.
        with_intents: the synchronizations that had some when that was asked; `None` before.
        intended: those that have had some since.
        open: by synchronization, whether anything was staged or missing when that was asked.
        opened: those for which something was staged or missed since.
        planned: those that runs have asked of before: the first of a run asks for them along.
        asked: names of facts that runs have asked before: the first of a run reads them along.
    """

    facts: dict[str, str | None] = attrs.field(factory=dict)
    fickle: set[str] = attrs.field(factory=set)
    cursors: dict[tuple[str, Side], Cursor] | None = None
    with_intents: set[str] | None = None
    intended: set[str] = attrs.field(factory=set)
    open: dict[str, bool] = attrs.field(factory=dict)
    opened: set[str] = attrs.field(factory=set)
    planned: set[str] = attrs.field(factory=set)
    asked: set[str] = attrs.field(factory=set)

    def begin(self) -> None:
        """Nothing is known any more: a lease was taken, or everything has changed."""
        self.facts, self.fickle, self.cursors = {}, set(), None
        self.with_intents, self.intended = None, set()
        self.open, self.opened = {}, set()

    def names_with(self, name: str) -> list[str]:
        """A fact to read, and those that will be asked as well."""
        if len(self.asked) < MOST:
            self.asked.add(name)
        return sorted({name, *(self.asked - self.facts.keys())})
