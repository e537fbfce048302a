"""A run is told with a beginning and an end, whatever becomes of it, and what it did in between is part of it."""

from __future__ import annotations

import pytest

from keapbridge import events
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Flow, new_id
from keapbridge.errors import SyncError
from keapbridge.events.delivery import Delivery
from keapbridge.events.values import current_run
from keapbridge.model.report import Line
from keapbridge.sync.watching import REASONS, Watch, run_id


def watched() -> tuple[Watch, list[events.Event]]:
    told: list[events.Event] = []
    return Watch("acme", Delivery([told.append])), told


def test_a_run_has_an_id_that_all_of_it_is_told_with() -> None:
    watch, told = watched()

    def flow() -> Flow[str]:
        watch.lines([Line("toys", "failed", reason="no"), Line("toys", "held", fields=("Name",), reason="odd")])
        watch.lines([Line("toys", "conflict", reason="both")])
        return (yield from run_id())

    name = SyncDriver().run(watch.run("sync", ["toys"], watch.phase("toys", "writing", flow())))
    assert {event.run for event in told} == {name}
    assert [type(event) for event in told] == [
        events.RunBegun, events.PhaseBegun, events.Record, events.Field, events.Conflict, events.PhaseEnded,
        events.RunEnded,
    ]  # fmt: skip
    ended = told[-1]
    assert isinstance(ended, events.RunEnded)
    assert dict(ended.reasons) == {("failed", "no"): 1, ("held", "odd"): 1, ("conflict", "both"): 1}
    assert current_run.get() == ""


@pytest.mark.parametrize(
    ("error", "why"), [(SyncError("100 records in a row"), "100 records in a row"), (ValueError("Planted"), "")]
)
def test_an_error_that_ends_a_run_is_told_and_goes_on(error: Exception, why: str) -> None:
    watch, told = watched()

    def flow() -> Flow[None]:
        yield from new_id()
        raise error

    with pytest.raises(type(error)):
        SyncDriver().run(watch.run("sync", ["toys"], watch.phase("toys", "reading", flow())))
    [*_, phase, run] = told
    assert isinstance(phase, events.PhaseEnded)
    assert isinstance(run, events.RunEnded)
    assert (phase.error, run.error, run.complete, run.why) == (type(error).__name__, type(error).__name__, False, why)
    assert current_run.get() == ""


def test_reasons_are_counted_as_far_as_they_are_few() -> None:
    watch, told = watched()

    def flow() -> Flow[None]:
        yield from new_id()
        watch.lines(Line("toys", "failed", reason=f"because of x{n}") for n in range(2 * REASONS))

    SyncDriver().run(watch.run("sync", ["toys"], flow()))
    ended = told[-1]
    assert isinstance(ended, events.RunEnded)
    assert len(ended.reasons) == REASONS
