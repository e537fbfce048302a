"""Plans and runs in a few numbers each, as lists of them show. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

__all__ = ["PlanSummary", "RunSummary", "UnderWay"]

Counts = Mapping[str, Mapping[str, int]]


@attrs.frozen
class PlanSummary:
    """A plan that the store keeps; `session.saved_plan(id)` has all of it.

    Attributes:
        counts: heading (`"create in Keap"`) → number, for each synchronization; empty while it is being made.
        purpose: see `Plan`.
        applied_at: when a run began to apply it; `None` while none has.
    """

    id: str
    created_at: datetime
    objects: tuple[str, ...]
    counts: Counts
    purpose: str
    applied_at: datetime | None = None

    def __str__(self) -> str:
        state = "not applied" if self.applied_at is None else f"applied {self.applied_at:%Y-%m-%d %H:%M:%S}"
        return f"{self.id}  {self.created_at:%Y-%m-%d %H:%M:%S}  {self.purpose:<8}  {state}: {_told(self.counts)}"


@attrs.frozen
class RunSummary:
    """A run that the store keeps; `session.report(run_id)` has all of it.

    Attributes:
        purpose: of its plan; empty where that is forgotten.
        ended_at: `None` for one that is under way, or was cut off.
        counts: outcome (`"created in Keap"`) → number, for each synchronization; empty for one that has not ended.
        complete: whether it came to its end.
        by: who decided it, where somebody said so.
        why: what ended it before its time, where that is known.
    """

    run_id: str
    plan_id: str
    started_at: datetime
    ended_at: datetime | None
    objects: tuple[str, ...]
    counts: Counts
    purpose: str
    complete: bool
    by: str | None = None
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether it came to its end and nothing failed."""
        return self.complete and not any(counts.get("failed") for counts in self.counts.values())

    def __str__(self) -> str:
        ending = "not ended" if self.ended_at is None else "" if self.complete else "stopped before its end"
        by = "" if self.by is None else f", by {self.by}"
        words = ": ".join(filter(None, (ending, _told(self.counts))))
        return f"{self.run_id}  {self.started_at:%Y-%m-%d %H:%M:%S}  {self.purpose:<8}  {words}{by}"


@attrs.frozen
class UnderWay:
    """What a runner of this session is doing at the moment, here or anywhere else.

    Attributes:
        holder: who: an id of its run, its process and its machine.
        until: as of when another one may take over, unless that is prolonged (UTC, by the clock of the database).
        run_id: the run that it writes; `None` while it reads and plans.
        plan_id: the plan of that run.
        started_at: when that run began.
        done: how many lines its report has so far.
        total: how many actions its plan has.
    """

    holder: str
    until: datetime
    run_id: str | None = None
    plan_id: str | None = None
    started_at: datetime | None = None
    done: int = 0
    total: int = 0


def _told(counts: Counts) -> str:
    """All synchronizations together, without what stayed as it was."""
    total: dict[str, int] = {}
    for its in counts.values():
        for heading, number in its.items():
            if heading != "unchanged":
                total[heading] = total.get(heading, 0) + number
    return ", ".join(f"{number} {heading}" for heading, number in sorted(total.items()) if number) or "nothing"
