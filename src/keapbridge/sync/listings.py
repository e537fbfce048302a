"""What a run knows of lists of everything that are read in parts, by one run after the other."""

from __future__ import annotations

import attrs

from keapbridge.decide.so_far import SoFar
from keapbridge.model.side import Side

__all__ = ["Listings"]


@attrs.define
class Listings:
    """How far the lists of everything of one synchronization have come in the run under way.

    Attributes:
        so_far: by side; none where a list cannot go on in another run.
        begun_in: by side, the plan for which a list was begun anew.
        kept: the sides of which the store knows how far an earlier run has come.
    """

    so_far: dict[Side, SoFar] = attrs.field(factory=dict)
    begun_in: dict[Side, str] = attrs.field(factory=dict)
    kept: set[Side] = attrs.field(factory=set)

    @property
    def are_over(self) -> bool:
        """Whether all of them have come to their end."""
        return all(so_far.is_over for so_far in self.so_far.values())

    def begin(self) -> None:
        """A run begins."""
        self.so_far.clear()
        self.begun_in.clear()
        self.kept.clear()
