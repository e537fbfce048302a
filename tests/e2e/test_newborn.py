"""A 404 for what was made a moment ago proves nothing: Keap's reads may lag behind its writes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World

DELETE = kb.Policy(deletions="delete")


@pytest.mark.habits(deleted="404")
def test_the_source_of_a_contact_of_a_moment_ago_stays_until_the_lag_has_passed(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.sync(policy=DELETE)
    [made] = world.keap.state.contacts
    world.keap.state.contacts.delete(made)
    report = world.sync(full=True, policy=DELETE, lag=timedelta(hours=1))
    assert len(world.crm.state.contacts) == 1
    assert [line.reason for line in report.lines if line.outcome == "skipped"] == [
        "answers 404, but was made a moment ago and may not be shown everywhere yet; the next run asks again"
    ]
    world.sync(policy=DELETE)  # the lag has passed: any run asks, not only a full one
    assert len(world.crm.state.contacts) == 0
    world.assert_quiet(policy=DELETE)
