"""Lead sources are made for what a plan writes; what is named later waits for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World

NAMED = kb.mapping.contacts.with_lenses(kb.lead_source("LeadSource", create=True))


def test_what_the_plan_names_is_made_and_what_was_named_since_by_the_next_run(world: World) -> None:
    person = world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "LeadSource": "Fair"})
    with world.sessions(contacts=NAMED) as session:
        session.sync()
        world.crm.state.contacts.edit(person, LeadSource="Radio")
        plan = session.plan()
        world.crm.state.contacts.edit(person, LeadSource="Television", JobTitle="Boss")
        session.apply(plan)
        names = [each["name"] for each in world.keap.state.lead_sources.values()]
        [contact] = world.keap.state.contacts.values()
        assert (names, contact["leadsource_id"]) == (["Fair", "Radio"], "3002")
        session.sync()
        [contact] = world.keap.state.contacts.values()
        held = world.keap.state.lead_sources[contact["leadsource_id"]]["name"]
        assert (held, contact["job_title"]) == ("Television", "Boss")
        assert world.crm.state.contacts[person]["LeadSource"] == "Television"
