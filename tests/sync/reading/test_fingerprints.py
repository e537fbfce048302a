"""Records that come in the text they were read from before are not read again, and nothing is missed by that."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb
from keapbridge._io.calls import Page

if TYPE_CHECKING:
    from conftest import World

PLACE = {"Country": "US", "Region": "US-AZ", "City": "Chandler"}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records of pages that came unread were read, call by call."""
    numbers: list[int] = []
    original = Page.read

    def read(self: Page[Any]) -> Page[Any]:
        if self.unread is not None:
            numbers.append(len(self.unread.texts))
        return original(self)

    monkeypatch.setattr(Page, "read", read)
    return numbers


@pytest.fixture
def synced(world: World, read: list[int]) -> World:
    """A company and five contacts of it, in both systems."""
    company = world.crm.state.customers.add({"Name": "Initech", **PLACE})
    for n in range(5):
        contact = {"FirstName": f"Ada{n}", "Email": f"ada{n}@example.org", "CustomerId": company, **PLACE}
        world.crm.state.contacts.add(contact)
    world.sync()
    world.sync(full=True)  # what was made by the first run is seen in both lists now
    read.clear()
    return world


def test_a_complete_scan_reads_nothing_that_is_as_before(synced: World, read: list[int]) -> None:
    synced.assert_quiet()
    assert sum(read) == 0


def test_only_what_was_edited_is_read(synced: World, read: list[int]) -> None:
    synced.let_time_pass()
    id = next(iter(synced.keap.state.contacts))
    synced.keap.state.contacts.edit(id, job_title="Engineer")
    report = synced.sync(full=True)
    assert report.counts["contacts"]["updated in Customcrm"] == 1
    assert sum(read) == 1
    assert [c["JobTitle"] for c in synced.crm.state.contacts.values()].count("Engineer") == 1


def test_an_edit_that_was_taken_back_leaves_nothing_behind(synced: World) -> None:
    synced.let_time_pass()
    id, record = next(iter(synced.crm.state.contacts.items()))
    before = dict(record)
    synced.crm.state.contacts.edit(id, City="Phoenix")
    with synced.sessions() as session:
        plan = session.contacts.plan(full=True)
        assert plan.counts["contacts"] == {"update in Keap": 1}
        synced.crm.state.contacts.corrupt(id, **before)  # to the letter
        assert session.contacts.plan(full=True).is_empty
        assert session.contacts.plan().is_empty


def test_after_a_change_of_the_mapping_the_side_that_is_read_in_another_way_is_read(
    synced: World, read: list[int]
) -> None:
    for id in synced.keap.state.contacts:
        synced.keap.state.contacts.edit(id, spouse_name="Charles")
    synced.sync(full=True)
    read.clear()
    mapper = kb.mapping.contacts.with_lenses(kb.text("JobTitle", keap="spouse_name"))
    synced.sync(full=True, contacts=mapper)
    assert sum(read) == 10, "it has no past there any more, so that both sides are compared anew"
    assert [c["JobTitle"] for c in synced.crm.state.contacts.values()] == ["Charles"] * 5


def test_where_functions_of_the_host_read_all_is_read(synced: World, read: list[int]) -> None:
    mapper = kb.mapping.contacts.where(customcrm=lambda contact: contact.first_name != "Ada0")
    synced.sync(full=True, contacts=mapper)
    read.clear()
    synced.sync(full=True, contacts=mapper)
    assert sum(read) >= 5


def test_what_refers_to_a_record_is_read_again_when_that_is_unlinked(
    synced: World, read: list[int], store: str
) -> None:
    synced.let_time_pass()
    (company,) = synced.crm.state.customers
    synced.crm.state.customers.delete(company)
    synced.sync(full=True)
    read.clear()
    with synced.sessions() as session:
        told = [str(action) for action in session.plan(full=True).actions]
    assert sum(read) >= 5, "contacts refer to a company without a counterpart now"
    _forget_marks(store)
    with synced.sessions() as session:
        assert [str(action) for action in session.plan(full=True).actions] == told


def _forget_marks(store: str) -> None:
    with sqlite3.connect(store.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE keapbridge_links SET customcrm_mark = NULL, keap_mark = NULL")
    connection.close()
