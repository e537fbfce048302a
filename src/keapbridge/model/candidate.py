"""A record that could be the counterpart of another one. Pure."""

from __future__ import annotations

import attrs

from keapbridge.model.side import Side

__all__ = ["Candidate"]


@attrs.frozen
class Candidate:
    """A record in a group.

    Attributes:
        apart: its values of the fields that tell records with the same key apart; `None` where empty.
        stronger: its values of the keys before this one; `None` where it has none.
        linked: whether it has a partner already.
    """

    side: Side
    id: str
    apart: tuple[str | None, ...] = ()
    stronger: tuple[str | None, ...] = ()
    linked: bool = False

    @property
    def name(self) -> tuple[Side, str]:
        """What tells it from all others."""
        return self.side, self.id
