"""What is known of lists: how far those of everything have come that are read in parts, and how a CRM ends them."""

from __future__ import annotations

import hashlib
from typing import Any

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.decide.so_far import SoFar
from keapbridge.model.side import Side

__all__ = ["EndsRemembered", "Listings"]


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


@attrs.frozen
class EndsRemembered:
    """Remembers in the store that lists of a CRM were seen to say when they go on, by what is declared of it.

    Attributes:
        facts: of the store.
        by: what is declared; with another declaration it is to be seen anew.
    """

    facts: Any
    name: str
    by: str

    def known(self) -> Flow[bool]:
        found: str | None = yield from self.facts.get(self._fact)
        return found == self._print

    def note(self) -> Flow[None]:
        yield from self.facts.set(self._fact, self._print)

    @property
    def _fact(self) -> str:
        return f"{self.name}_lists_end"

    @property
    def _print(self) -> str:
        return hashlib.blake2b(self.by.encode(), digest_size=16).hexdigest()
