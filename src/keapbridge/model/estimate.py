"""What applying a plan will take, roughly. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil

import attrs

from keapbridge.model.side import Side

__all__ = ["Estimate", "estimate"]

BATCH = 200  # records that are read again together before they are changed


@attrs.frozen
class Estimate:
    """About how many calls a plan will take: one for each record that is written, and the batch reads before.

    Attributes:
        calls: number of calls, for each side.
        minutes: how long Keap's limits will make it last at least; `None` where nothing limits it.
    """

    calls: Mapping[Side, int]
    minutes: int | None = None

    def __str__(self) -> str:
        ours, theirs = self.calls[Side.CUSTOMCRM], self.calls[Side.KEAP]
        told = f"about {ours} call{'' if ours == 1 else 's'} to Customcrm and {theirs} to Keap"
        return told if self.minutes is None else f"{told}, {self.minutes} minute{'' if self.minutes == 1 else 's'}"


def estimate(counts: Mapping[str, Mapping[str, int]], keap_per_minute: int | None) -> Estimate:
    """The estimate for a plan with these headings.

    Args:
        keap_per_minute: how many calls Keap allows in a minute.
    """
    calls = {side: sum(sum(_calls(found, side)) for found in counts.values()) for side in Side}
    minutes = None if keap_per_minute is None else ceil(calls[Side.KEAP] / keap_per_minute)
    return Estimate(calls, minutes)


def _calls(counts: Mapping[str, int], side: Side) -> Iterator[int]:
    created, updated, deleted, archived = (
        counts.get(f"{what} in {side.title}", 0) for what in ("create", "update", "delete", "archive")
    )
    yield created + updated + deleted + archived
    yield ceil(updated / BATCH) + ceil((deleted + archived) / BATCH)
