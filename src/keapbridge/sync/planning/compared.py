"""Who is linked to nothing is compared by keys, which are made when a plan needs them: see `store.sql.scratch`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from keapbridge._flow.effects import Flow, stop_point
from keapbridge.model.kept_in_store import RecordKey
from keapbridge.model.records import Snapshot
from keapbridge.model.side import Side
from keapbridge.store.sql.scratch import Scratch
from keapbridge.sync.synchronization import Synchronization

__all__ = ["fill"]

BATCH = 1_000


def fill(
    scratch: Scratch,
    sync: Synchronization,
    keys_of: Callable[[Snapshot], tuple[RecordKey, ...]],
    *,
    sides: Iterable[Side] = tuple(Side),
    plan_id: str = "",
    kept_apart: bool = False,
) -> Flow[None]:
    """Make the keys of all that is linked to nothing.

    Args:
        plan_id: of a plan that says nothing of them yet; by default it may.
        kept_apart: also of what is matched with nobody.
    """
    how: dict[str, Any] = {"size": BATCH, "keys_of": keys_of, "plan_id": plan_id, "kept_apart": kept_apart}
    for side in sides:
        after: str | None = ""
        while after is not None:
            yield from stop_point()
            after = yield from sync.store.match_keys.fill(scratch, sync.name, side, after, **how)
