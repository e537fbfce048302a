"""What becomes of a field: it is changed, it waits for a decision, or it is held. Pure."""

from __future__ import annotations

import attrs

from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["RECORD", "Change", "FieldConflict", "Held"]

RECORD = "*"  # stands for the whole record where it is not about one field


@attrs.frozen
class Change:
    """A field to be written.

    Attributes:
        side: where it is written.
        before: what that side holds.
        after: what it will hold.
        cause: `"edit"`, `"first contact"`, or the rule that decided a conflict.
    """

    field: str
    side: Side
    before: Canonical = attrs.field(repr=False)
    after: Canonical = attrs.field(repr=False)
    cause: str = "edit"


@attrs.frozen
class FieldConflict:
    """A field with two different values that wait for a decision, and why the policy did not decide.

    Attributes:
        about: what is asked where it is not which value counts: see `Doubt`.
    """

    field: str
    customcrm: Canonical = attrs.field(repr=False)
    keap: Canonical = attrs.field(repr=False)
    reason: str = ""
    about: str = ""


@attrs.frozen
class Held:
    """A field that cannot flow: what `side` has cannot be understood, or what it should get it cannot take.

    Attributes:
        told: whether it is held for all records, which is told once and not for each of them.
    """

    field: str
    side: Side
    reason: str
    told: bool = False
