"""A Keap that shows numbers as they are dialled in a record's own country: what it was given is nobody's edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb
from keapbridge.testing import KeapBehaviour

if TYPE_CHECKING:
    from conftest import World

NUMBER, ELSEWHERE = "+4722400016", "SE"  # of Norway, and of somebody who lives in Sweden
SWEDEN = {"field": "BILLING", "country_code": "SWE"}

pytestmark = [
    pytest.mark.parametrize("keap_behaviour", [KeapBehaviour(reformat_phones=True)], ids=["in national form"]),
    pytest.mark.parametrize("region", [None, "NO"]),
    pytest.mark.habits(phones="national"),
]


def _phones(world: World) -> tuple[Any, list[str]]:
    [ours], [theirs] = world.crm.state.contacts.values(), world.keap.state.contacts.values()
    return ours["Phone"], [phone["number"] for phone in theirs["phone_numbers"]]


def _country_later(world: World, who: str, **options: Any) -> tuple[str, str]:
    """A contact that has no country at first; answers both ids."""
    ours = world.crm.state.contacts.add({"FirstName": "Zoe", "LastName": "Zimmer", "Phone": NUMBER})
    assert world.sync(**options).ok
    [theirs] = world.keap.state.contacts
    assert _phones(world) == (NUMBER, ["22 40 00 16"])
    if who != "keap":
        world.crm.state.contacts.edit(ours, Country=ELSEWHERE)
    if who != "customcrm":
        world.keap.state.contacts.edit(theirs, addresses=[SWEDEN])
    assert world.sync(**options).ok
    return ours, theirs


@pytest.mark.parametrize("who", ["customcrm", "keap", "both"])
def test_a_country_that_comes_later_makes_no_edit_of_a_number(world: World, who: str, region: str | None) -> None:
    ours, theirs = _country_later(world, who, default_region=region)
    assert _phones(world)[0] == NUMBER
    world.keap.state.contacts.edit(theirs, family_name="Edited")
    assert world.sync(full=True, default_region=region).ok
    assert world.crm.state.contacts[ours]["LastName"] == "Edited"
    assert _phones(world) == (NUMBER, ["22 40 00 16"])
    world.assert_quiet(default_region=region)


def test_edits_of_the_number_still_flow_both_ways(world: World, region: str | None) -> None:
    ours, theirs = _country_later(world, "customcrm", default_region=region)
    world.keap.state.contacts.edit(theirs, phone_numbers=[{"field": "PHONE1", "number": "22 40 00 17"}])
    assert world.sync(default_region=region).ok
    assert _phones(world)[0] == "+4622400017"
    world.let_time_pass()
    world.crm.state.contacts.edit(ours, Phone="+4622400018")
    assert world.sync(default_region=region).ok
    number, [shown] = _phones(world)
    assert (number, "".join(filter(str.isdigit, shown))) == ("+4622400018", "022400018")
    world.assert_quiet(default_region=region)


def test_who_is_deleted_is_not_taken_for_edited(world: World, region: str | None) -> None:
    options: dict[str, Any] = {"default_region": region, "policy": kb.Policy(deletions="delete")}
    ours, _ = _country_later(world, "both", **options)
    world.crm.state.contacts.delete(ours)
    assert world.sync(full=True, **options).ok
    assert world.counts()["contacts"] == (0, 0)
