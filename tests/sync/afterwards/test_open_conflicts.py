"""Which conflicts are open, in parts, and by which token a page names one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World

MANUAL = kb.Policy(conflicts="manual")


def _parked(world: World) -> str:
    """A contact whose last name waits for a decision; answers its id in Customcrm."""
    ours = world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org"})
    world.sync()
    [theirs] = world.keap.state.contacts
    world.crm.state.contacts.edit(ours, LastName="Dahl")
    world.keap.state.contacts.edit(theirs, family_name="Dale")
    assert world.sync(policy=MANUAL).count("conflict") == 1
    world.forget_requests()
    return ours


def _names(world: World) -> tuple[Any, Any]:
    [ours], [theirs] = world.crm.state.contacts.values(), world.keap.state.contacts.values()
    return ours["LastName"], theirs.get("family_name")


def test_a_conflict_is_decided_by_its_token_as_it_was_seen(world: World) -> None:
    ours = _parked(world)
    with world.sessions(policy=MANUAL) as session:
        [conflict] = session.conflicts()
        assert (conflict.customcrm_base, conflict.keap_base) == ("Lovelace", "Lovelace")
        assert conflict.customcrm_updated_at is not None
        assert session.resolve(conflict.token, "keap").ok
    assert _names(world) == ("Dale", "Dale")
    with world.sessions(policy=MANUAL) as session:
        world.crm.state.contacts.edit(ours, LastName="Holm")
        with pytest.raises(kb.StalePlanError, match=r"has changed; look again|decided it meanwhile"):
            session.resolve(conflict.token, "customcrm")


def test_who_decides_second_is_told_what_the_first_did_and_changes_nothing(world: World) -> None:
    _parked(world)
    with world.sessions(policy=MANUAL) as session, world.sessions(policy=MANUAL) as another:
        [conflict], [seen] = session.conflicts(), another.conflicts()
        report = session.resolve(conflict, "keap", by="anna")
        before = world.snapshot()
        for late in (seen, seen.token, seen):
            with pytest.raises(kb.StalePlanError, match="somebody has decided it meanwhile") as told:
                another.resolve(late, "customcrm", by="bob")
            assert "anna" not in str(told.value), "it may be logged"
            assert (told.value.by, told.value.run_id) == ("anna", report.run_id)
            assert [(entry.by, dict(entry.after)) for entry in told.value.meanwhile] == [("anna", {"LastName": "Dale"})]
    assert world.snapshot() == before


def test_conflicts_come_in_parts_that_keep_a_pair_together(world: World) -> None:
    for n in range(7):
        world.crm.state.contacts.add({"FirstName": f"P{n}", "LastName": "Berg", "Email": f"p{n}@example.org"})
    world.sync(policy=MANUAL)
    world.let_time_pass()
    for ours in world.crm.state.contacts:
        world.crm.state.contacts.edit(ours, LastName="Dahl", FirstName="A")
    for theirs in world.keap.state.contacts:
        world.keap.state.contacts.edit(theirs, family_name="Dale", given_name="B")
    world.sync(policy=MANUAL)
    with world.sessions(policy=MANUAL) as session:
        every = session.conflicts()
        assert len(every) == 14
        for limit in (1, 2, 3, 5, 50):
            parts, after = [], None
            while not parts or after is not None:
                parts.append(session.conflicts(after=after, limit=limit))
                after = parts[-1].next
            assert [conflict for part in parts for conflict in part] == every
            assert all(len(part) <= max(2, limit) for part in parts)
        one = every[0]
        assert session.contacts.conflicts(customcrm=one.customcrm_id) == every[:2]
        assert session.conflicts(keap=one.keap_id) == every[:2]
        assert session.waiting(most=4)[2].more == {"conflicts"}


def test_a_part_ends_before_a_pair_that_is_too_much_for_what_is_left_of_it(world: World) -> None:
    world.keap.state.products.add({"name": "Pot", "sku": "P1", "price": 100, "short_description": "A pot"})
    contact = world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "Berg", "Email": "ada@example.org"})
    world.sync(policy=MANUAL)
    world.let_time_pass()
    for ours in world.crm.state.products:
        world.crm.state.products.edit(ours, Name="Pan")
    world.crm.state.contacts.edit(contact, LastName="Dahl", FirstName="A")
    for theirs in world.keap.state.products:
        world.keap.state.products.edit(theirs, name="Jar")
    for theirs in world.keap.state.contacts:
        world.keap.state.contacts.edit(theirs, family_name="Dale", given_name="B")
    world.sync(policy=MANUAL)
    with world.sessions(policy=MANUAL) as session:
        part = session.conflicts(limit=2)
        assert [each.object for each in part] == ["products"]
        rest = session.conflicts(limit=2, after=part.next)
        assert [(each.object, each.field) for each in rest] == [("contacts", "FirstName"), ("contacts", "LastName")]
        assert not session.conflicts(after=rest.next)
