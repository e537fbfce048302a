"""Consent: a sync says nothing about it unless the mapping does, and never loosens it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tiers import variants

import keapbridge as kb
from keapbridge.testing import Fault

if TYPE_CHECKING:
    from conftest import World

Json = dict[str, Any]
REASON = "Signed up on our site"
ADA = {"FirstName": "Ada", "Email": "ada@example.org"}
EMAIL1 = "email_addresses.EMAIL1"
SAYING_WHY: Json = {"contacts": kb.mapping.contacts.with_lenses(kb.email("Email", keap=EMAIL1, opt_in_reason=REASON))}
TELLING: Json = {"contacts": kb.mapping.contacts.with_lenses(kb.opt_out("EmailOptOut", keap=EMAIL1))}


def sent(world: World) -> list[Json]:
    """The e-mail addresses in everything that was written to Keap."""
    bodies = [json.loads(r.body) for r in world.keap.requests.writes if r.body]
    single = [body["email_address"] for body in bodies if body.get("email_address")]
    return [item for body in bodies for item in body.get("email_addresses", ())] + single


def status(world: World, email: str) -> str:
    return world.keap.state.consent(email).status


def test_nothing_is_said_of_consent_that_the_mapping_does_not_say(world: World) -> None:
    a = world.crm.state.contacts.add(ADA | {"Email2": "second@example.org"})
    world.crm.state.customers.add({"Name": "Engines", "Email": "office@example.org"})
    world.sync()
    world.keap.state.set_email_status("ada@example.org", "DOUBLE_OPT_IN")
    world.let_time_pass()
    world.crm.state.contacts.edit(a, Email="new@example.org")
    world.crm.state.customers.edit("C1", Email="desk@example.org")
    world.sync()
    assert len(sent(world)) == 6
    for item in sent(world):
        assert item.keys() <= {"email", "field"}
    assert status(world, "new@example.org") == "NON_MARKETABLE"


def test_a_reason_comes_with_an_address_that_is_new_and_never_again(world: World) -> None:
    a = world.crm.state.contacts.add(ADA | {"Email2": "second@example.org"})
    world.sync(**SAYING_WHY)
    assert sent(world) == [
        {"email": "ada@example.org", "field": "EMAIL1", "opt_in_reason": REASON},
        {"email": "second@example.org", "field": "EMAIL2"},
    ]
    assert status(world, "ada@example.org") == "SINGLE_OPT_IN"
    world.assert_quiet(**SAYING_WHY)
    world.forget_requests()
    world.crm.state.contacts.edit(a, Email2="third@example.org", FirstName="Augusta")
    world.sync(**SAYING_WHY)
    assert sent(world) == [
        {"email": "ada@example.org", "field": "EMAIL1"},
        {"email": "third@example.org", "field": "EMAIL2"},
    ]
    world.forget_requests()
    world.let_time_pass()
    world.crm.state.contacts.edit(a, Email="new@example.org")
    world.sync(**SAYING_WHY)
    assert {"email": "new@example.org", "field": "EMAIL1", "opt_in_reason": REASON} in sent(world)
    assert status(world, "new@example.org") == "SINGLE_OPT_IN"
    world.assert_quiet(**SAYING_WHY)


def test_a_company_has_a_reason_too(world: World) -> None:
    lens = kb.email("Email", keap="email_address", opt_in_reason=REASON)
    mapping: Json = {"companies": kb.mapping.companies.with_lenses(lens)}
    world.crm.state.customers.add({"Name": "Engines", "Email": "office@example.org"})
    world.sync(**mapping)
    assert [item["opt_in_reason"] for item in sent(world)] == [REASON]
    world.assert_quiet(**mapping)


def test_an_address_that_is_opted_out_with_another_company_is_not_opted_in(world: World) -> None:
    world.keap.state.companies.add({"company_name": "Other", "email_address": {"email": "shared@example.org"}})
    world.keap.state.set_email_status("shared@example.org", "MANUAL")
    lens = kb.email("Email", keap="email_address", opt_in_reason=REASON)
    world.crm.state.customers.add({"Name": "Engines", "Email": "shared@example.org"})
    world.sync(companies=kb.mapping.companies.with_lenses(lens))
    assert {"email": "shared@example.org"} in sent(world)
    assert status(world, "shared@example.org") == "MANUAL"


@pytest.mark.parametrize(
    "refused", variants(["MANUAL", "LIST_UNSUBSCRIBE", "LOCKDOWN", "HARD_BOUNCE"], quick=["LIST_UNSUBSCRIBE"])
)
def test_an_address_that_is_opted_out_elsewhere_is_not_opted_in(world: World, refused: str) -> None:
    world.keap.state.contacts.add(
        {"given_name": "Other", "email_addresses": [{"field": "EMAIL1", "email": "shared@example.org"}]}
    )
    a = world.crm.state.contacts.add(ADA)
    world.sync(**SAYING_WHY)
    world.keap.state.set_email_status("shared@example.org", refused)
    world.forget_requests()
    world.let_time_pass()
    world.crm.state.contacts.edit(a, Email="shared@example.org")
    world.sync(**SAYING_WHY)
    assert sent(world) == [{"email": "shared@example.org", "field": "EMAIL1"}]
    assert status(world, "shared@example.org") == refused


def test_who_has_opted_out_is_not_opted_in_with_another_address(world: World) -> None:
    a = world.crm.state.contacts.add(ADA)
    world.sync(**SAYING_WHY)
    world.keap.state.set_email_status("ada@example.org", "MANUAL")
    world.forget_requests()
    world.let_time_pass()
    world.crm.state.contacts.edit(a, Email="new@example.org")
    world.sync(**SAYING_WHY)
    assert sent(world) == [{"email": "new@example.org", "field": "EMAIL1"}]
    assert status(world, "new@example.org") == "NON_MARKETABLE"
    assert status(world, "ada@example.org") == "MANUAL"


def test_in_doubt_an_address_comes_without_a_reason(world: World) -> None:
    a = world.crm.state.contacts.add(ADA)
    world.sync(**SAYING_WHY)
    world.forget_requests()
    world.let_time_pass()
    world.crm.state.contacts.edit(a, Email="a*b@example.org")  # no filter finds just this one
    world.sync(**SAYING_WHY)
    assert sent(world) == [{"email": "a*b@example.org", "field": "EMAIL1"}]


@pytest.mark.parametrize(
    "mapping", variants([SAYING_WHY, {}, TELLING], quick=[TELLING]), ids=["reason", "default", "opt-out"]
)
def test_a_sync_after_an_unsubscribe_leaves_it(world: World, mapping: Json) -> None:
    a = world.crm.state.contacts.add(ADA)
    world.sync(**mapping)
    world.keap.state.set_email_status("ada@example.org", "LIST_UNSUBSCRIBE")
    world.let_time_pass()
    world.crm.state.contacts.edit(a, FirstName="Augusta", Email2="two@example.org", EmailOptOut=False)
    world.sync(**mapping)
    assert status(world, "ada@example.org") == "LIST_UNSUBSCRIBE"
    assert world.keap.state.contacts["1"]["given_name"] == "Augusta"


# --- an opt-out in Keap ---------------------------------------------------------------------------------------------


def test_an_opt_out_in_keap_reaches_customcrm(world: World) -> None:
    a = world.crm.state.contacts.add(ADA)
    nobody = world.crm.state.contacts.add({"FirstName": "Bob", "Phone": "+4722222222"})
    world.sync(**TELLING)
    assert world.crm.state.contacts[a]["EmailOptOut"] is False
    assert "EmailOptOut" not in world.crm.state.contacts[nobody]
    world.keap.state.set_email_status("ada@example.org", "LIST_UNSUBSCRIBE")
    world.sync(full=True, **TELLING)
    assert world.crm.state.contacts[a]["EmailOptOut"] is True
    world.assert_quiet(**TELLING)
    assert all(item.keys() <= {"email", "field"} for item in sent(world))


def test_a_new_record_in_keap_whose_address_is_opted_out_already_tells_it(world: World) -> None:
    world.keap.state.set_email_status("ada@example.org", "LIST_UNSUBSCRIBE")
    a = world.crm.state.contacts.add(ADA)
    world.sync(**TELLING)
    assert world.crm.state.contacts[a]["EmailOptOut"] is True
    world.assert_quiet(**TELLING)


def test_a_record_that_comes_from_keap_brings_its_opt_out(world: World) -> None:
    world.keap.state.contacts.add(
        {"given_name": "Ada", "email_addresses": [{"field": "EMAIL1", "email": "ada@example.org"}]}
    )
    world.keap.state.set_email_status("ada@example.org", "SPAM")
    world.sync(**TELLING)
    [contact] = world.crm.state.contacts.values()
    assert contact["EmailOptOut"] is True
    world.assert_quiet(**TELLING)


def test_an_opt_out_in_customcrm_is_never_taken_back(world: World) -> None:
    a = world.crm.state.contacts.add(ADA | {"EmailOptOut": True})
    world.keap.state.contacts.add(
        {"given_name": "Ada", "email_addresses": [{"field": "EMAIL1", "email": "ada@example.org"}]}
    )
    for there in ("SINGLE_OPT_IN", "MANUAL", "DOUBLE_OPT_IN", "NON_MARKETABLE"):
        world.keap.state.set_email_status("ada@example.org", there)
        world.sync(full=True, **TELLING)
        assert world.crm.state.contacts[a]["EmailOptOut"] is True
        assert status(world, "ada@example.org") == there
    world.keap.state.contacts.edit(
        "1", email_addresses=[], given_name="Ada L.", phone_numbers=[{"field": "PHONE1", "number": "+4722222222"}]
    )
    world.sync(**TELLING)
    assert world.crm.state.contacts[a]["EmailOptOut"] is True
    assert world.crm.state.contacts[a]["FirstName"] == "Ada L."
    world.assert_quiet(**TELLING)


def test_a_failing_look_up_means_no_reason(world: World) -> None:
    a = world.crm.state.contacts.add(ADA)
    world.sync(**SAYING_WHY)
    world.forget_requests()
    world.let_time_pass()
    world.crm.state.contacts.edit(a, Email="new@example.org")
    with world.sessions(**SAYING_WHY) as session:
        plan = session.plan()
        # The record itself is read again first, and then the look-up fails.
        world.keap.faults.add(Fault(status=400), method="GET", path="/contacts", skip=1)
        session.apply(plan)
    assert sent(world) == [{"email": "new@example.org", "field": "EMAIL1"}]


# --- what cannot be declared ----------------------------------------------------------------------------------------


def test_consent_of_keap_cannot_be_written() -> None:
    contacts = kb.mapping.contacts
    with pytest.raises(kb.MappingError, match="only be read"):
        kb.opt_out("EmailOptOut", keap=EMAIL1, direction="both")
    for part in ("email_opt_status", "is_opt_in"):
        with pytest.raises(kb.MappingError, match="only be read"):
            contacts.with_lenses(kb.text("Status", keap=f"{EMAIL1}.{part}"))
    with pytest.raises(kb.MappingError, match="opt-in reason is no field"):
        contacts.with_lenses(kb.text("Reason", keap=f"{EMAIL1}.opt_in_reason", direction="to_keap"))
    with pytest.raises(kb.MappingError, match="opt-in reason"):
        contacts.with_lenses(kb.email("Email", keap=EMAIL1, direction="to_customcrm", opt_in_reason=REASON))
    with pytest.raises(kb.MappingError, match="opt_in_reason takes a text"):
        contacts.with_lenses(kb.email("Email", keap=EMAIL1, opt_in_reason=" "))
