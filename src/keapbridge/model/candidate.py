"""A record that could be the counterpart of another one. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from keapbridge.model.side import Side

__all__ = ["ALSO", "Candidate"]

ALSO = "\x1e"  # between two values of one kind, in no text of people


@attrs.frozen
class Candidate:
    """A record in a group.

    Attributes:
        apart: its values of the fields that tell records with the same key apart; `None` where empty.
        stronger: its values of the keys before this one; `None` where it has none, `ALSO` between several.
        linked: whether it has a partner already.
        keys: its keys, each with how it is spelt; `None`: as the key itself.
        main: the key that comes before its others.
        others: the records that it is not, as a person has said.
        crowd: how many records share another key of it, which so many share that it counts for nobody; 0 for none.
    """

    side: Side
    id: str
    apart: tuple[str | None, ...] = ()
    stronger: tuple[str | None, ...] = ()
    linked: bool = False
    keys: Mapping[str, str | None] = attrs.field(factory=lambda: {"": None})
    main: str = ""
    others: frozenset[tuple[Side, str]] = frozenset()
    crowd: int = 0

    @property
    def name(self) -> tuple[Side, str]:
        """What tells it from all others."""
        return self.side, self.id
