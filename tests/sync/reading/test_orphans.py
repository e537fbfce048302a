"""The records that empty references named are looked for where they were; a failure proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import keapbridge as kb
from keapbridge.testing import Fault

if TYPE_CHECKING:
    from conftest import World

ALWAYS = 1_000


def people(world: World, number: int) -> tuple[list[str], list[str]]:
    """Linked contacts, each of a company of its own: their ids in Customcrm and in Keap."""
    companies = [world.crm.state.customers.add({"Name": f"Firm {n}"}) for n in range(number)]
    for n, company in enumerate(companies):
        world.crm.state.contacts.add({"FirstName": f"P{n}", "Email": f"p{n}@example.org", "CustomerId": company})
    assert world.sync().ok
    world.let_time_pass()
    world.forget_requests()
    return list(world.crm.state.contacts), list(world.keap.state.contacts)


def test_what_cannot_be_looked_up_is_held_and_flows_once_it_can(world: World) -> None:
    [ours], [theirs] = people(world, 1)
    company = world.crm.state.contacts[ours]["CustomerId"]
    world.keap.state.contacts.edit(theirs, company=None, job_title="Poet")
    world.keap.faults.add(Fault(status=400), method="GET", path="/companies", times=ALWAYS)
    with world.sessions() as session:
        report = session.contacts.sync()
        assert [line.fields for line in report.lines if line.outcome == "held"] == [("CustomerId",)]
        assert world.crm.state.contacts[ours]["CustomerId"] == company
        assert world.crm.state.contacts[ours]["JobTitle"] == "Poet"
        world.keap.faults.clear()
        assert session.contacts.sync().ok
    assert world.crm.state.contacts[ours].get("CustomerId") is None
    world.assert_quiet()


@pytest.mark.parametrize("side", list(kb.Side))
def test_many_are_looked_up_together_and_once(world: World, side: kb.Side) -> None:
    ours, theirs = people(world, 12)  # of whom one keeps hers: else nobody would show any
    for id in ours[1:] if side is kb.Side.CUSTOMCRM else ():
        world.crm.state.contacts.edit(id, CustomerId=None)
    for id in theirs[1:] if side is kb.Side.KEAP else ():
        world.keap.state.contacts.edit(id, company=None)
    with world.sessions() as session:
        assert session.contacts.sync().ok
    reads = {
        kb.Side.KEAP: world.keap.requests.matching("GET", "/companies"),
        kb.Side.CUSTOMCRM: world.crm.requests.matching("GET", "/customers"),
    }
    assert len(reads[side]) == 1
    assert reads[side.other] == []
    assert sum(bool(contact.get("CustomerId")) for contact in world.crm.state.contacts.values()) == 1
    assert sum(bool(contact.get("company")) for contact in world.keap.state.contacts.values()) == 1


def test_nothing_is_looked_up_while_no_reference_is_emptied(world: World) -> None:
    ours, theirs = people(world, 3)
    companies = list(world.crm.state.customers)
    world.crm.state.contacts.edit(ours[0], CustomerId=companies[1])
    world.keap.state.contacts.edit(theirs[2], job_title="Poet")
    with world.sessions() as session:
        assert session.contacts.sync().ok
    asked = [*world.keap.requests.matching("GET", "/companies"), *world.crm.requests.matching("GET", "/customers")]
    assert asked == []
