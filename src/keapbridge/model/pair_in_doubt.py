"""Two records of which a person has to say whether they are the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from keapbridge.model.names import Name, as_name
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.model.token import token_of

__all__ = ["PairInDoubt", "ToldApart"]


@attrs.frozen
class PairInDoubt:
    """Two records that may be the same, as far as both systems have been read.

    Attributes:
        side, id: the one: linked to nothing, and given no counterpart while this is open.
        other_side, other_id: the other one, of the other system or of the same.
        reason: why it is not certain, and by which key they were found.
        values, other_values: what both hold, in canonical form.
        linked_to: the record that the other one is linked to; `None` where it is linked to nothing.
    """

    object: Name = attrs.field(converter=as_name)
    side: Side
    id: str
    other_side: Side
    other_id: str
    reason: str
    values: Mapping[str, Canonical] = attrs.field(factory=dict, repr=False)
    other_values: Mapping[str, Canonical] = attrs.field(factory=dict, repr=False)
    linked_to: str | None = None

    @property
    def token(self) -> str:
        """What `same` and `different` take in its place, for a page to give back."""
        return token_of(self.object, self.side.value, self.id, self.other_side.value, self.other_id)

    @property
    def is_across(self) -> bool:
        """Whether they are of the two systems; two of one system can be told apart, but not be linked."""
        return self.side is not self.other_side

    def __str__(self) -> str:
        one, other = f"{self.side.title} {self.id}", f"{self.other_side.title} {self.other_id}"
        return f"{self.object}: {one} or {other}: {self.reason}"


@attrs.frozen
class ToldApart:
    """Two records that a person has told apart.

    Attributes:
        side, id: the one.
        other_side, other_id: the other one.
        run_id: what `undo` takes, so that they are in doubt again, as long as that run is kept.
        by: who has said it, where that is known.
    """

    object: Name = attrs.field(converter=as_name)
    side: Side
    id: str
    other_side: Side
    other_id: str
    told_at: datetime
    run_id: str
    by: str | None = None

    def __str__(self) -> str:
        one, other = f"{self.side.title} {self.id}", f"{self.other_side.title} {self.other_id}"
        by = "" if self.by is None else f", by {self.by}"
        return f"{self.object}: {one} is not {other} ({self.told_at:%Y-%m-%d %H:%M:%S}{by})"
