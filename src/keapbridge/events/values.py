"""Events: what happened, as frozen values. Nothing in them is personal or secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import TypeAlias

import attrs

from keapbridge._clock import utc_now
from keapbridge.model.names import Name, as_name
from keapbridge.model.side import Side

__all__ = [
    "Call",
    "Conflict",
    "Event",
    "Field",
    "Listener",
    "Page",
    "PhaseBegun",
    "PhaseEnded",
    "Progress",
    "Record",
    "Retry",
    "RunBegun",
    "RunEnded",
    "Tell",
    "Wait",
    "current_run",
    "current_tenant",
]

# The run under way. It goes along into threads and tasks, as the host's own context does.
current_run: ContextVar[str] = ContextVar("keapbridge_run", default="")
# The tenant of a fleet that a job is done for; it goes along in the same way.
current_tenant: ContextVar[str] = ContextVar("keapbridge_tenant", default="")


@attrs.frozen
class Event:
    """Something happened.

    Attributes:
        at: when (UTC), by the clock of this machine. It takes no part in comparisons.
        run: the id of the run under way; of what applies a plan it is the report's `run_id`. Empty outside of runs. It
            takes no part in comparisons.
        tenant: the tenant of a [fleet](../guides/fleet.md) that it is done for; empty outside of one. It takes no part
            in comparisons.
    """

    at: datetime = attrs.field(factory=utc_now, eq=False, kw_only=True, repr=False)
    run: str = attrs.field(factory=current_run.get, eq=False, kw_only=True, repr=False)
    tenant: str = attrs.field(factory=current_tenant.get, eq=False, kw_only=True, repr=False)


@attrs.frozen
class RunBegun(Event):
    """A run begins.

    Attributes:
        session: the name of the session.
        doing: `plan`, `apply`, `sync`, `resolve` or `undo`.
        objects: the synchronizations that take part.
    """

    session: str
    doing: str
    objects: tuple[str, ...]


@attrs.frozen
class RunEnded(Event):
    """A run is over.

    Attributes:
        session: the name of the session.
        doing: as of `RunBegun`.
        objects: the synchronizations that took part.
        seconds: how long it took.
        complete: whether it went to its end.
        counts: outcome → number, for each synchronization: of the report, or of the plan.
        reasons: why records failed, were skipped or wait, and why fields were held: outcome and reason → number; the
            first hundred of them.
        error: the type of the error that ended it; `None` where none did.
        why: what that error says, as far as it is certain to name nobody.
    """

    session: str
    doing: str
    objects: tuple[str, ...]
    seconds: float
    complete: bool
    counts: Mapping[str, Mapping[str, int]] = attrs.field(factory=dict)
    reasons: Mapping[tuple[str, str], int] = attrs.field(factory=dict)
    error: str | None = None
    why: str = ""


@attrs.frozen
class PhaseBegun(Event):
    """A part of a run begins.

    Attributes:
        object: the synchronization.
        doing: `reading`, `planning` or `writing`.
    """

    object: Name = attrs.field(converter=as_name)
    doing: str


@attrs.frozen
class PhaseEnded(Event):
    """A part of a run is over.

    Attributes:
        object: the synchronization.
        doing: as of `PhaseBegun`.
        seconds: how long it took.
        error: the type of the error that ended it; `None` where none did.
    """

    object: Name = attrs.field(converter=as_name)
    doing: str
    seconds: float
    error: str | None = None


@attrs.frozen
class Page(Event):
    """A page of a list was read.

    Attributes:
        object: the synchronization.
        side: whose list it is.
        records: how many it shows.
        unchanged: how many of them are known already.
    """

    object: Name = attrs.field(converter=as_name)
    side: Side
    records: int
    unchanged: int


@attrs.frozen
class Call(Event):
    """A call was answered, or had no answer.

    Attributes:
        method: of HTTP.
        route: its path without ids: `/contacts/{id}`.
        attempt: 1 for the first one, more where it is a repetition.
        seconds: how long it took, from being sent to the end of the answer.
        status: of the answer; `None` without one.
        error: the type of the error, where it is one.
    """

    method: str
    route: str
    attempt: int
    seconds: float
    status: int | None
    error: str | None = None


@attrs.frozen
class Retry(Event):
    """A call that failed is sent again.

    Attributes:
        method: of HTTP.
        route: its path without ids.
        attempt: the number of the attempt that begins now.
        why: what the last one failed for: the status, or the type of the error.
    """

    method: str
    route: str
    attempt: int
    why: str


@attrs.frozen
class Wait(Event):
    """A wait begins.

    Attributes:
        why: what for.
        seconds: how long, at most.
    """

    why: str
    seconds: float


@attrs.frozen
class Record(Event):
    """What became of a record that is not simply unchanged.

    Attributes:
        object: the synchronization.
        outcome: as of a report's lines: `created`, `updated`, `linked`, `failed`, `skipped`, …
        side: where it happened; `None` when it concerns both.
        customcrm_id: its id in Customcrm, where it has one.
        keap_id: its id in Keap, where it has one.
        fields: the fields that were written or concerned.
        reason: why, without what a system or a function of the host said about it: that is in the report.
    """

    object: Name = attrs.field(converter=as_name)
    outcome: str
    side: Side | None = None
    customcrm_id: str | None = None
    keap_id: str | None = None
    fields: tuple[str, ...] = ()
    reason: str = ""


@attrs.frozen
class Field(Event):
    """A field of a record is held: it does not flow, the others do.

    Attributes:
        object: the synchronization.
        fields: the fields, mostly one.
        side: where its value cannot be understood or taken.
        customcrm_id: the id of its record in Customcrm.
        keap_id: the id of its record in Keap.
        reason: why.
    """

    object: Name = attrs.field(converter=as_name)
    fields: tuple[str, ...]
    side: Side | None = None
    customcrm_id: str | None = None
    keap_id: str | None = None
    reason: str = ""


@attrs.frozen
class Conflict(Event):
    """Something waits for a decision.

    Attributes:
        object: the synchronization.
        fields: the fields, mostly one; none where it is about the whole record.
        customcrm_id: the id of the record in Customcrm.
        keap_id: the id of the record in Keap.
        reason: why it is not decided.
    """

    object: Name = attrs.field(converter=as_name)
    fields: tuple[str, ...]
    customcrm_id: str | None = None
    keap_id: str | None = None
    reason: str = ""


@attrs.frozen
class Progress(Event):
    """How far something is.

    Attributes:
        object: the synchronization.
        doing: what is being done: `reading Keap`, `writing`.
        done: how many records are done.
        total: how many there are; `None` where that is not known yet.
    """

    object: Name = attrs.field(converter=as_name)
    doing: str
    done: int
    total: int | None


Listener: TypeAlias = Callable[[Event], object]
"""What is called with every event of a session."""

Tell: TypeAlias = Callable[[Event], None]
