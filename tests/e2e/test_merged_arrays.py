"""A Keap whose PATCH leaves what it does not list of an array: what is emptied here stays empty, and that is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World


@pytest.fixture
def keap_habits() -> kb.Habits:
    return kb.Habits(arrays="merge")


def test_what_cannot_be_taken_away_never_comes_back(world: World) -> None:
    ada = world.crm.state.contacts.add(
        {
            "FirstName": "Ada",
            "Email": "ada@example.org",
            "Email2": "a@x.org",
            "Phone": "+1 602 555 0100",
            "Country": "US",
        }
    )
    world.sync()
    world.crm.state.contacts.edit(ada, Email2=None, Phone=None, Email="new@example.org")
    told = []
    for _ in range(4):
        told += world.sync(lag=timedelta(0)).lines
    assert {"Email2", "Phone"} <= {
        field for line in told if line.outcome in {"failed", "held"} for field in line.fields
    }
    person = world.crm.state.contacts[ada]
    assert (person.get("Email2"), person.get("Phone"), person["Email"]) == (None, None, "new@example.org")
    [contact] = world.keap.state.contacts.values()
    held = {each["field"]: each["email"] for each in contact["email_addresses"]}
    assert held == {"EMAIL1": "new@example.org", "EMAIL2": "a@x.org"}, "nothing but what was emptied is left"
    before = len(world.writes)
    world.sync(lag=timedelta(0))
    assert len(world.writes) == before, "it is not written over and over"
