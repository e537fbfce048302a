"""How much waits for a person. Pure."""

from __future__ import annotations

import attrs

from keapbridge.model.names import Name, as_name

__all__ = ["Waiting"]


@attrs.frozen
class Waiting:
    """How much waits for a person in one synchronization.

    Attributes:
        conflicts, pairs_in_doubt: how many, as far as they were counted.
        failures: records that failed and are not done yet.
        more: which of them were not counted to their end: `"conflicts"`, `"pairs_in_doubt"`.
    """

    object: Name = attrs.field(converter=as_name)
    conflicts: int
    pairs_in_doubt: int
    failures: int
    more: frozenset[str] = frozenset()
