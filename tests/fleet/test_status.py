"""How tenants stand, told from what the registry knows of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from keapbridge.decide.shares import Quota, Stretch, Wish, stretched
from keapbridge.fleet.status import FleetStatus, status_of
from keapbridge.model.tenant import Lane, Standing, Tenant

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOTHING: dict[Lane, Any] = dict.fromkeys(Lane)
ACME = Standing(Tenant("acme"), "t" * 32, {**NOTHING, Lane.SYNC: NOON}, NOTHING, None, NOON - MINUTE)


def state(found: Standing, now: datetime = NOON) -> str:
    return status_of(found, now, Stretch(), 0, 0).state


def test_a_state_is_told_by_what_is_noted() -> None:
    with_job = attrs.evolve(ACME, jobs={**NOTHING, Lane.SYNC: 7})
    begun = attrs.evolve(with_job, began_at=NOON)
    assert state(ACME) == "due"
    assert state(ACME, NOON - MINUTE) == "idle"
    assert state(with_job) == "waiting"
    assert state(attrs.evolve(ACME, jobs={**NOTHING, Lane.HOOKS: 8})) == "waiting"
    assert state(begun) == "running"
    assert state(attrs.evolve(begun, ended_at=NOON - MINUTE)) == "running"
    assert state(attrs.evolve(begun, ended_at=NOON + MINUTE)) == "waiting"
    assert state(attrs.evolve(begun, tenant=Tenant("acme", paused=True))) == "paused"


def test_a_tenant_is_behind_by_what_is_more_than_every() -> None:
    complete = attrs.evolve(ACME, complete_at=NOON - 12 * MINUTE)
    assert status_of(ACME, NOON, Stretch(), 0, 0).lag == timedelta(0)
    assert status_of(complete, NOON, Stretch(), 0, 0).lag == 7 * MINUTE
    many = stretched([Wish(5 * MINUTE, 1.0, 2000)], Quota())
    assert status_of(complete, NOON, many, 0, 0).lag == timedelta(0)
    resting = attrs.evolve(complete, tenant=Tenant("acme", paused=True))
    assert status_of(resting, NOON, Stretch(), 0, 0).lag == timedelta(0)


@pytest.fixture
def status() -> FleetStatus:
    bad = attrs.evolve(
        ACME,
        tenant=Tenant("<b>globex"),
        outcome="failed",
        why="401 for a list",
        in_row=3,
        complete_at=NOON - 65 * MINUTE,
    )
    good = attrs.evolve(ACME, outcome="complete", complete_at=NOON, quota_left=149_000, conflicts=2)
    found = [status_of(good, NOON, Stretch(), 0, 4), status_of(bad, NOON, Stretch(), 1, 0)]
    return FleetStatus(tuple(found), NOON)


def test_who_is_in_trouble_comes_first(status: FleetStatus) -> None:
    summary, heads, first, second = str(status).splitlines()
    assert summary == "2 tenants: 2 due; the worst is 1.0 h behind"
    assert heads.split() == [
        "tenant",
        "state",
        "due",
        "last",
        "behind",
        "calls",
        "left",
        "conflicts",
        "failures",
        "deliveries",
        "why",
    ]
    assert first.split() == ["<b>globex", "due", "now", "failed", "1.0", "h", "1", "401", "for", "a", "list"]
    assert second.split() == ["acme", "due", "now", "complete", "149000", "2", "4"]
    assert str(status["acme"]) == "acme: due, complete, 2 conflicts, 4 deliveries"
    assert str(status["<b>globex"]) == "<b>globex: due, failed, 1.0 h behind, 1 failures: 401 for a list"


def test_it_is_html_that_shows_names_as_they_are_and_json(status: FleetStatus) -> None:
    html = status._repr_html_()
    assert "&lt;b&gt;globex" in html
    assert "<b>globex" not in html
    dicts = json.loads(json.dumps(status.to_dicts()))
    assert [each["lag"] for each in dicts] == [0.0, 3600.0]
    assert dicts[0]["due_at"] == "2026-01-01T12:00:00+00:00"
    assert (len(status), [each.name for each in status]) == (2, ["acme", "<b>globex"])
    with pytest.raises(KeyError):
        status["nobody"]


def test_a_fleet_without_tenants_says_so() -> None:
    assert str(FleetStatus((), NOON)) == "0 tenants: none; the worst is 0 s behind"
