"""What a page shows: a record without news is left out, one that cannot be understood is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World


def test_touching_a_record_without_a_change_writes_nothing(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.sync()
    world.crm.state.contacts.edit("A1")
    world.crm.state.contacts.edit("A1", Email=" ADA@example.org ")
    world.assert_quiet()


def test_another_spelling_of_the_same_value_is_no_edit(world: World) -> None:
    world.crm.state.contacts.add(
        {"FirstName": "Ada", "Email": "ada@example.org", "Phone": "+1 602 555 0101", "Country": "US", "Region": "AZ"}
    )
    world.sync()
    phones = [{"number": "602.555.0101", "field": "PHONE1"}]
    world.keap.state.contacts.edit("1", phone_numbers=phones)
    world.crm.state.contacts.edit("A1", Country="United States", Region="Arizona")
    world.assert_quiet()


def test_default_region_reads_numbers_without_a_prefix(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "Phone": "(602) 555-0101"})
    assert world.sync(default_region="US").ok
    [ada] = world.keap.state.contacts.values()
    assert [p["number_e164"] for p in ada["phone_numbers"]] == ["+16025550101"]
    world.assert_quiet(default_region="US")


def test_a_number_nobody_can_read_is_left_alone_and_reported(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "Phone": "call me"})
    report = world.sync()
    assert report.ok
    [ada] = world.keap.state.contacts.values()
    assert ada["phone_numbers"] == []
    assert any("Phone" in str(line) for line in report.lines)
    assert isinstance(report, kb.Report)
    world.assert_quiet()
    assert world.crm.state.contacts["A1"]["Phone"] == "call me"
