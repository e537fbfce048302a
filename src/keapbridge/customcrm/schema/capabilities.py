"""What a CRM is able to, and what it costs where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import attrs
from attrs import frozen

from keapbridge.model.given import keywords

__all__ = ["Capabilities"]


@keywords()
@frozen(kw_only=True)
class Capabilities:
    """What a CRM is able to. What it is not is made good for at a price, see `prices`.

    Attributes:
        changed_since: lists can be narrowed to what changed.
        tombstones: such lists also tell what was deleted.
        conditional: writes can be made for one version of a record only.
        idempotent: a create that is repeated with its key makes no second record.
        batch: many records can be read at once.
        partial: single properties can be written.
        finds: records can be looked for by a property.
        deletes: `"hard"`, `"soft"`, or `None` where records cannot be deleted.
    """

    changed_since: bool = True
    tombstones: bool = True
    conditional: bool = True
    idempotent: bool = True
    batch: bool = True
    partial: bool = True
    finds: bool = False
    deletes: Literal["hard", "soft"] | None = "hard"

    @property
    def prices(self) -> tuple[str, ...]:
        """What each missing ability costs, as sentences."""
        return tuple(self._prices())

    def _prices(self) -> Iterator[str]:
        if not self.changed_since:
            yield "no list of changes: every run reads everything, and compares it with what was there"
        elif not self.tombstones:
            yield "no list of deletions: only a full run notices them"
        if not self.conditional:
            yield "no conditional writes: an edit between the last reading and a write can be overwritten"
        if not self.idempotent:
            among = "by a property" if self.finds else f"among {'what changed since' if self.changed_since else 'all'}"
            yield f"no idempotency keys: a record whose creation got no answer is looked for {among}"
        if not self.batch:
            yield "no batch read: records are read again one by one"
        if not self.partial:
            yield "no partial writes: a record is read before it is written, and written as a whole"
        if self.deletes is None:
            yield "no deletes: the policy 'delete' fails, record by record"

    def __and__(self, other: Capabilities) -> Capabilities:
        """What both are able to."""
        both: dict[str, Any] = {
            f.name: getattr(self, f.name) and getattr(other, f.name) for f in attrs.fields(Capabilities)
        }
        if self.deletes == "soft" and other.deletes:
            both["deletes"] = "soft"
        return Capabilities(**both)
