"""Applying: a plan is applied once, one failure does not stop the others, and what stops a run loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from toys import World

import keapbridge as kb
from keapbridge.errors import AuthError, RateLimitedError, StatusError, UnavailableError
from keapbridge.sync.writing.apply import apply

Worlds = Callable[..., World]


def refusing(error: Exception, name: str) -> Any:
    def hook(what: str, _: str, values: Mapping[str, Any]) -> None:
        if what == "create" and values.get("title") == name:
            raise error

    return hook


def test_a_plan_is_applied_once(toys: World) -> None:
    toys.toys.put(name="Top")
    plan = toys.plan()
    assert toys.run(apply(toys.engine.bridge, plan)).ok
    with pytest.raises(kb.StalePlanError, match=plan.id):
        toys.run(apply(toys.engine.bridge, plan))
    assert len(toys.gadgets.records) == 1


def test_what_cannot_be_made_does_not_stop_what_can(toys: World) -> None:
    for name in ("Top", "Kite", "Ball"):
        toys.toys.put(name=name)
    toys.gadgets.before = refusing(StatusError("no kites", status=422), "Kite")
    report = toys.sync()
    assert (report.count("created", "toys"), report.count("failed", "toys")) == (2, 1)
    assert {gadget.title for gadget in toys.gadgets.records.values()} == {"Top", "Ball"}


def _later() -> RateLimitedError:
    error = RateLimitedError("in an hour", status=429, retry_after=3600.0)
    error.retry_at = datetime.now(UTC) + timedelta(hours=1)  # longer than the client waits
    return error


@pytest.mark.parametrize(
    "error", [UnavailableError("it rests"), AuthError("who?", status=401), _later()], ids=["down", "auth", "later"]
)
def test_what_stops_a_run_has_its_report_and_the_rest_is_planned_anew(toys: World, error: kb.ApiError) -> None:
    toys.crm_makers.put(name="Ada")
    toys.toys.put(name="Top")
    toys.gadgets.before = refusing(error, "Top")
    with pytest.raises(type(error)) as stopped:
        toys.sync()
    report = stopped.value.report
    assert report is not None
    assert report.count("created", "makers") == 1
    toys.gadgets.before = lambda *_: None
    assert toys.sync().ok
    assert [gadget.title for gadget in toys.gadgets.records.values()] == ["Top"]
    assert len(toys.keap_makers.records) == 1


def test_one_forbidden_record_is_no_reason_to_stop(toys: World) -> None:
    toys.toys.put(name="Top")
    toys.toys.put(name="Kite")
    toys.gadgets.before = refusing(AuthError("not yours", status=403), "Top")
    assert toys.sync().count("failed") == 1
    assert [gadget.title for gadget in toys.gadgets.records.values()] == ["Kite"]


def test_what_waits_is_listed_and_left_alone(toy_worlds: Worlds) -> None:
    toys = toy_worlds(policy=kb.Policy(conflicts="manual"))
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, colour="green", price="1", currency="EUR")
    toys.gadgets.put(id=theirs, colour="blue")
    report = toys.sync()
    [conflict] = [line for line in report.lines if line.outcome == "conflict"]
    assert (conflict.customcrm_id, conflict.keap_id, conflict.fields) == (ours, theirs, ("Colour",))
    [held] = [line for line in report.lines if line.outcome == "held"]
    assert (held.side, held.keap_id, held.fields) == (kb.Side.KEAP, theirs, ("Price",))
    assert (toys.toys.records[ours].colour, toys.gadgets.records[theirs].colour) == ("green", "blue")


def test_a_skipped_record_names_those_that_it_could_be(toys: World) -> None:
    toys.toys.put(name="Top")
    toys.gadgets.put(title="Top")
    toys.gadgets.put(title="Top")
    lines = [line for line in toys.sync().lines if line.outcome == "skipped"]
    assert any("Keap 901; Keap 902" in line.reason for line in lines), [line.reason for line in lines]


def test_pairs_that_need_nothing_are_counted(toys: World) -> None:
    toys.linked_toy()
    assert toys.sync(full=True).counts["toys"]["unchanged"] == 1
