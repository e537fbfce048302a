"""Plans, reports and errors pass from one process to another; the rows of plans and reports stay in the store."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import keapbridge as kb
from keapbridge import errors
from keapbridge.testing import Fault

if TYPE_CHECKING:
    from conftest import World

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

MADE: list[kb.KeapbridgeError] = [
    kb.NotFoundError("no", method="GET", url="http://x/1", status=404, request_id="r"),
    kb.QuotaExhaustedError("spent", status=429, resets_at=NOON),
    kb.RateLimitedError("slow", status=429, retry_after=3.0),
    kb.UnavailableError("down", retry_at=NOON),
    kb.ShapeError("odd", paths=["$.a"]),
    errors.BoundError("much", bound="answer_bytes"),
    errors.NoAnswerError("refused", sent=False),
    kb.OtherSystemError("other", side=kb.Side.KEAP, known="a", met="b"),
    kb.SessionBusyError("busy", holder="h", until=NOON),
    kb.StoppedError("told to", retry_at=NOON),
    kb.UncertainError("lost", retry_at=NOON),
    kb.LinkStoreError("full", refused=True),
    kb.MappingError("no such field"),
]


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_errors_pass_with_all_they_say(error: kb.KeapbridgeError) -> None:
    error.add_note("in the run of contacts")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_plans_and_reports_pass_without_their_rows(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    with world.sessions() as session:
        plan = session.plan()
        action = next(plan.actions)
        assert pickle.loads(pickle.dumps(action)) == action
        passed = pickle.loads(pickle.dumps(plan))
        assert (str(passed), passed.counts) == (str(plan), plan.counts)
        with pytest.raises(LookupError, match=rf"saved_plan\('{plan.id}'\)"):
            list(passed.actions)
        braked = kb.BrakeError("too many", plan)
        assert str(pickle.loads(pickle.dumps(braked)).plan) == str(plan)
        report = session.apply(passed.id)
        line = next(report.lines)
        assert pickle.loads(pickle.dumps(line)) == line
        told = pickle.loads(pickle.dumps(report))
        assert (str(told), told.counts, told.run_id) == (str(report), report.counts, report.run_id)
        with pytest.raises(LookupError, match=rf"report\('{report.run_id}'\)"):
            told.failures  # noqa: B018


def test_an_error_of_a_run_passes_with_the_report_of_what_was_done(world: World) -> None:
    with world.sessions() as session:
        world.keap.faults.add(Fault(status=401), times=100)
        with pytest.raises(kb.AuthError) as refused:
            session.sync()
    again = pickle.loads(pickle.dumps(refused.value))
    assert (str(again), again.status, dict(again.headers)) == (str(refused.value), 401, dict(refused.value.headers))
