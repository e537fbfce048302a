"""Whether a system under another address is the one whose records are linked. Pure.

A CRM moves: to https, another port, another machine, a file elsewhere. What its linked records hold tells whether it
is still the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from keapbridge.model.records import Canonical

__all__ = ["SAMPLE", "Recognised", "holds_what_is_known", "recognise"]

SAMPLE = 20  # linked records that are read
FEW = 5  # of fewer, one that was edited or deleted may decide


@attrs.frozen
class Recognised:
    """How many of the linked records that were read hold what is known of them.

    Attributes:
        same: they do.
        of: all of which something is known.
    """

    same: int
    of: int

    @property
    def is_same(self) -> bool:
        """More than half: some are edited or deleted meanwhile, and another system holds nobody else's values."""
        return 2 * self.same > self.of

    @property
    def are_few(self) -> bool:
        """Whether so few records tell little."""
        return self.of < FEW


def holds_what_is_known(base: Mapping[str, Canonical], held: Mapping[str, Canonical] | None) -> bool | None:
    """Whether a record holds more than half of the values of its base; `None` where the base tells nothing.

    Args:
        held: `None` where there is no such record.
    """
    known = {field: value for field, value in base.items() if value is not None}
    if not known:
        return None
    if held is None:
        return False
    return 2 * sum(held.get(field) == value for field, value in known.items()) > len(known)


def recognise(
    records: Iterable[tuple[Mapping[str, Canonical], Mapping[str, Canonical] | None]],
) -> Recognised:
    """What linked records tell, each by its base and by what it holds now."""
    told = [answer for base, held in records if (answer := holds_what_is_known(base, held)) is not None]
    return Recognised(sum(told), len(told))
