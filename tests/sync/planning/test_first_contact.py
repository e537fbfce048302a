"""First contact: who is linked with whom, what flows, and what is left alone and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tiers import variants
from toys import TOYS
from toys import World as Toys

import keapbridge as kb
from keapbridge.store.sql.alike import Alike

if TYPE_CHECKING:
    from conftest import World

Json = dict[str, Any]


def _email(address: str, slot: str = "EMAIL1") -> Json:
    return {"email_addresses": [{"email": address, "field": slot}]}


def _links(world: World, object: str = "contacts") -> set[tuple[str, str]]:
    with world.sessions() as session:
        return {(link.customcrm_id, link.keap_id) for link in getattr(session, object).links()}


def _skipped(report: kb.Report) -> dict[str, str]:
    """Reason by id of what was left alone."""
    return {line.customcrm_id or line.keap_id or "?": line.reason for line in report.lines if line.outcome == "skipped"}


def test_records_of_one_side_only_are_created_on_the_other(world: World) -> None:
    world.crm.state.customers.add({"Name": "Engines"})
    world.keap.state.companies.add({"company_name": "Looms"})
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.keap.state.contacts.add({"given_name": "Kim", **_email("kim@example.org")})
    world.keap.state.products.add({"name": "Widget", "sku": "W", "price": 1250, "short_description": "w"})
    world.crm.state.products.add({"Name": "Gadget", "Sku": "G", "Price": "3.5", "Currency": "USD"})
    report = world.sync()
    assert report.ok
    assert world.counts() == {"companies": (2, 2), "products": (2, 2), "contacts": (2, 2)}
    assert {c["Name"] for c in world.crm.state.customers.values()} == {"Engines", "Looms"}
    assert {c["company_name"] for c in world.keap.state.companies.values()} == {"Engines", "Looms"}
    gadget = next(p for p in world.keap.state.products.values() if p["name"] == "Gadget")
    assert (gadget["price"]["amount"], gadget["short_description"]) == (350, "Gadget")
    widget = next(p for p in world.crm.state.products.values() if p["Name"] == "Widget")
    assert (float(widget["Price"]), widget["Currency"]) == (12.5, "USD")
    world.assert_quiet()


def test_a_plan_says_which_records_are_given_a_constant_those_among_them_that_get_a_counterpart(world: World) -> None:
    for n, status in enumerate(["lead", "lead", "active"]):
        world.crm.state.contacts.add({"FirstName": f"Ada{n}", "Email": f"ada{n}@example.org", "Status": status})
    world.keap.state.contacts.add({"given_name": "Ada0", **_email("ada0@example.org")})
    world.keap.state.contacts.add({"given_name": "Kim", "job_title": "Boss", **_email("kim@example.org")})
    constants = kb.constant("Status", "active"), kb.constant("Origin", "CRM", keap="job_title")
    options: Json = {"contacts": kb.mapping.contacts.without("JobTitle").with_lenses(*constants)}
    with world.sessions(**options) as session:
        plan = session.plan()
        planned = plan.counts["contacts"]
        actions = [str(action) for action in plan.actions]
        assert any(a.startswith("create in Keap") and "Status in Customcrm: 'lead' → 'active'" in a for a in actions)
        report = session.apply(plan)
    assert planned["update in Customcrm"] == report.counts["contacts"]["updated in Customcrm"] == 2
    assert planned["update in Keap"] == report.counts["contacts"]["updated in Keap"] == 2
    assert {c["Status"] for c in world.crm.state.contacts.values()} == {"active"}
    assert {c["job_title"] for c in world.keap.state.contacts.values()} == {"CRM"}
    world.assert_quiet(**options)


def test_contacts_with_one_email_address_are_linked_whatever_its_case(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "Ada@Example.org"})
    world.keap.state.contacts.add({"given_name": "Ada", **_email("ada@example.ORG")})
    assert world.sync().count("linked", "contacts") == 1
    assert world.counts()["contacts"] == (1, 1)
    world.assert_quiet()


def test_pairs_that_are_the_same_are_planned_as_if_they_had_been_merged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd: dict[str, tuple[Json, Json]] = {
        "same": ({}, {}),
        "other": ({"JobTitle": "Countess"}, {"job_title": "Analyst"}),
        "one": ({"JobTitle": "Countess"}, {}),
        "unreadable": ({"Phone": "nonsense"}, {"phone_numbers": [{"number": "nonsense", "field": "PHONE1"}]}),
        "several": ({"Email2": "z@example.org"}, {}),
    }
    for name, (ours, theirs) in odd.items():
        world.crm.state.contacts.add({"FirstName": name, "Email": f"{name}@example.org", **ours})
        world.keap.state.contacts.add({"given_name": name, **_email(f"{name}@example.org"), **theirs})

    def planned() -> set[str]:
        with world.sessions() as session:
            return set(map(str, session.contacts.plan().actions))

    found = planned()
    assert sum(action.startswith("link") for action in found) == len(odd)
    monkeypatch.setattr(Alike, "those", lambda *_: iter_of(set()))
    assert planned() == found


def iter_of(value: Any) -> Any:
    """A flow that answers this."""
    yield from ()
    return value


def test_a_value_beats_an_empty_one_and_nothing_is_cleared(world: World) -> None:
    world.crm.state.contacts.add(
        {"FirstName": "Ada", "Email": "ada@example.org", "JobTitle": "Countess", "City": "London", "Country": "GB"}
    )
    world.keap.state.contacts.add(
        {
            "given_name": "Ada",
            "family_name": "Lovelace",
            "website": "https://ada.example.org",
            "email_addresses": [
                {"email": "ada@example.org", "field": "EMAIL1"},
                {"email": "ada2@example.org", "field": "EMAIL2"},
                {"email": "ada3@example.org", "field": "EMAIL3"},
            ],
        }
    )
    assert world.sync().ok
    [ours], [theirs] = world.crm.state.contacts.values(), world.keap.state.contacts.values()
    assert (ours["LastName"], ours["Website"]) == ("Lovelace", "https://ada.example.org")
    assert (ours["JobTitle"], ours["City"], ours["Email2"]) == ("Countess", "London", "ada2@example.org")
    assert (theirs["job_title"], theirs["family_name"]) == ("Countess", "Lovelace")
    [address] = theirs["addresses"]
    assert (address["locality"], address["country_code"]) == ("London", "GBR")
    assert [e["field"] for e in theirs["email_addresses"]] == ["EMAIL1", "EMAIL2", "EMAIL3"]
    world.assert_quiet()


def test_two_different_values_are_decided_by_policy_and_listed(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "JobTitle": "Countess"})
    world.keap.state.contacts.add({"given_name": "Ada", "job_title": "Analyst", **_email("ada@example.org")})
    report = world.sync(policy=kb.Policy(conflicts="customcrm"))
    assert [c["job_title"] for c in world.keap.state.contacts.values()] == ["Countess"]
    [line] = [line for line in report.lines if line.fields == ("JobTitle",)]
    assert "customcrm" in line.reason


def test_two_different_values_wait_when_people_decide(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "JobTitle": "Countess"})
    world.keap.state.contacts.add({"given_name": "Ada", "job_title": "Analyst", **_email("ada@example.org")})
    report = world.sync(policy=kb.Policy(conflicts="manual"))
    assert (report.count("linked"), report.count("conflict")) == (1, 1)
    assert [c["job_title"] for c in world.keap.state.contacts.values()] == ["Analyst"]
    assert [c["JobTitle"] for c in world.crm.state.contacts.values()] == ["Countess"]
    assert world.writes == []


# --- who is who -----------------------------------------------------------------------------------------------------


def test_two_people_who_share_an_address_are_told_apart_by_their_names(world: World) -> None:
    for first, last in (("Ada", "Lovelace"), ("William", "King")):
        world.crm.state.contacts.add({"FirstName": first, "LastName": last, "Email": "home@example.org"})
    for first, last in (("William", "King"), ("Ada", "Lovelace")):
        world.keap.state.contacts.add({"given_name": first, "family_name": last, **_email("home@example.org")})
    assert world.sync().count("linked", "contacts") == 2
    assert _links(world) == {("A1", "2"), ("A2", "1")}
    assert world.writes == []
    world.assert_quiet()


def test_a_shared_address_and_quite_different_names_are_reported_not_guessed(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "Lovelace", "Email": "home@example.org"})
    world.keap.state.contacts.add({"given_name": "William", "family_name": "King", **_email("home@example.org")})
    before = world.snapshot()
    report = world.sync()
    assert world.snapshot() == before
    assert world.writes == []
    assert "Keap 1" in _skipped(report)["A1"]
    assert "Customcrm A1" in _skipped(report)["1"]
    assert _links(world) == set()


@pytest.mark.parametrize("crowded", kb.Side, ids=lambda side: f"twins-in-{side.value}")
def test_a_record_that_could_be_two_is_reported_with_its_candidates(world: World, crowded: kb.Side) -> None:
    ours = {"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org"}
    theirs = {"given_name": "Ada", "family_name": "Lovelace", **_email("ada@example.org")}
    world.crm.state.contacts.add_many([ours] * (2 if crowded is kb.Side.CUSTOMCRM else 1))
    world.keap.state.contacts.add_many([theirs] * (2 if crowded is kb.Side.KEAP else 1))
    before = world.snapshot()
    report = world.sync()
    assert world.snapshot() == before
    assert world.writes == []
    assert _links(world) == set()
    lonely = "A1" if crowded is kb.Side.KEAP else "1"
    reason = _skipped(report)[lonely]
    assert "more than one" in reason
    twins = ["Keap 1", "Keap 2"] if crowded is kb.Side.KEAP else ["Customcrm A1", "Customcrm A2"]
    assert all(twin in reason for twin in twins)
    assert len(_skipped(report)) == 3


def test_duplicates_within_one_system_are_reported_and_never_multiplied(world: World) -> None:
    world.crm.state.contacts.add_many([{"FirstName": "Ada", "LastName": "L", "Email": "ada@example.org"}] * 3)
    world.keap.state.contacts.add_many([{"given_name": "Kim", "family_name": "K", **_email("kim@example.org")}] * 2)
    world.crm.state.customers.add_many([{"Name": "Engines", "ZipCode": "1"}] * 2)
    world.crm.state.products.add_many([{"Name": "W", "Sku": "W", "Price": "1", "Currency": "USD"}] * 2)
    before = world.snapshot()
    for _ in range(2):
        report = world.sync()
        assert world.snapshot() == before
        assert report.count("skipped", "contacts") == 5
        assert report.count("skipped", "companies") == 2
    assert world.writes == []


def test_a_second_record_of_a_linked_one_is_reported_and_not_created(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org"})
    world.sync()
    world.keap.state.contacts.add({"given_name": "Ada", "family_name": "Lovelace", **_email("ada@example.org")})
    world.forget_requests()
    report = world.sync()
    assert world.writes == []
    assert "linked already" in _skipped(report)["2"]
    assert world.counts()["contacts"] == (1, 2)


def test_a_pair_that_becomes_unambiguous_is_linked_later(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org"})
    twins = [{"given_name": "Ada", "family_name": "Lovelace", **_email("ada@example.org")}] * 2
    world.keap.state.contacts.add_many(twins)
    world.sync()
    world.keap.state.contacts.edit("2", given_name="Byron", family_name="King")
    assert world.sync().ok
    assert ("A1", "1") in _links(world)
    assert len(world.keap.state.contacts) == 2


def test_people_without_an_address_are_linked_by_name_and_phone(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Bob", "LastName": "Ross", "Phone": "(602) 555-0101", "Country": "US"})
    world.keap.state.contacts.add(
        {
            "given_name": "bob",
            "family_name": "ross",
            "phone_numbers": [{"number": "+1 602-555-0101", "field": "PHONE1"}],
        }
    )
    ours_wins = kb.Policy(conflicts="customcrm")
    report = world.sync(policy=ours_wins)
    assert report.count("linked", "contacts") == 1
    assert world.counts()["contacts"] == (1, 1)
    assert [c["given_name"] for c in world.keap.state.contacts.values()] == ["Bob"]
    world.assert_quiet(policy=ours_wins)


def test_products_are_linked_by_sku_and_else_by_name_and_price(world: World) -> None:
    world.crm.state.products.add_many(
        [
            {"Name": "Widget, large", "Sku": "W-1", "Price": "12.50", "Currency": "USD"},
            {"Name": "Gadget", "Price": "3", "Currency": "USD"},
            {"Name": "Loom", "Price": "4", "Currency": "USD"},
        ]
    )
    world.keap.state.products.add_many(
        [
            {"name": "Gadget", "price": 300, "short_description": "g"},
            {"name": "Widget", "sku": "w-1", "price": 1250, "short_description": "w"},
            {"name": "Loom", "price": 499, "short_description": "l"},
        ]
    )
    world.sync()
    assert {("P1", "900002"), ("P2", "900001")} <= _links(world, "products")
    assert ("P3", "900003") not in _links(world, "products")


def test_companies_of_one_name_in_different_towns_stay_apart(world: World) -> None:
    world.crm.state.customers.add_many([{"Name": "Acme", "ZipCode": "1"}, {"Name": "Acme", "ZipCode": "2"}])
    world.keap.state.companies.add_many(
        [{"company_name": "acme", "address": {"field": "BILLING", "postal_code": code}} for code in ("2", "1")]
    )
    assert world.sync().count("linked", "companies") == 2
    assert _links(world, "companies") == {("C1", "500002"), ("C2", "500001")}


# --- references -----------------------------------------------------------------------------------------------------


def test_a_contact_goes_to_its_company_that_is_created_in_the_same_run(world: World) -> None:
    world.crm.state.customers.add({"Name": "Engines"})
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "CustomerId": "C1"})
    loom = world.keap.state.companies.add({"company_name": "Looms"})
    world.keap.state.contacts.add({"given_name": "Kim", **_email("kim@example.org"), "company": {"id": loom}})
    assert world.sync().ok
    ada = next(c for c in world.keap.state.contacts.values() if c["given_name"] == "Ada")
    assert ada["company"]["company_name"] == "Engines"
    kim = next(c for c in world.crm.state.contacts.values() if c["FirstName"] == "Kim")
    assert world.crm.state.customers[kim["CustomerId"]]["Name"] == "Looms"
    world.assert_quiet()


def test_a_contact_of_a_company_that_is_linked_in_the_same_run_goes_to_it(world: World) -> None:
    world.crm.state.customers.add({"Name": "Engines"})
    company = world.keap.state.companies.add({"company_name": "Engines"})
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "CustomerId": "C1"})
    assert world.sync().ok
    assert [c["company"]["id"] for c in world.keap.state.contacts.values()] == [company]


def test_a_linked_contact_moves_to_a_company_that_is_created_in_the_same_run(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.crm.state.contacts.add({"FirstName": "Kim", "Email": "kim@example.org"})
    world.sync()
    world.crm.state.customers.add({"Name": "Engines"})
    world.crm.state.contacts.edit("A1", CustomerId="C1")
    loom = world.keap.state.companies.add({"company_name": "Looms"})
    [kim] = [c["id"] for c in world.keap.state.contacts.values() if c["given_name"] == "Kim"]
    world.keap.state.contacts.edit(kim, company={"id": loom})
    assert world.sync().ok
    ada = next(c for c in world.keap.state.contacts.values() if c["given_name"] == "Ada")
    assert ada["company"]["company_name"] == "Engines"
    assert world.crm.state.customers[world.crm.state.contacts["A2"]["CustomerId"]]["Name"] == "Looms"
    world.assert_quiet()


def test_a_contact_whose_company_is_left_alone_is_synced_without_it(world: World) -> None:
    world.crm.state.customers.add_many([{"Name": "Twins", "ZipCode": "1"}] * 2)
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "CustomerId": "C1"})
    world.sync()
    [ada] = world.keap.state.contacts.values()
    assert ada["given_name"] == "Ada"
    assert not ada.get("company")
    world.crm.state.customers.edit("C2", Name="Other", ZipCode="2")
    world.sync()
    world.sync()
    [ada] = world.keap.state.contacts.values()
    assert ada["company"]["company_name"] == "Twins"
    world.assert_quiet()


def test_contacts_alone_can_be_synced_before_their_companies(world: World) -> None:
    world.crm.state.customers.add({"Name": "Engines"})
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "CustomerId": "C1"})
    with world.sessions() as session:
        session.contacts.sync()
        assert len(world.keap.state.contacts) == 1
        assert len(world.keap.state.companies) == 0
        session.sync()
    [ada] = world.keap.state.contacts.values()
    assert ada["company"]["company_name"] == "Engines"
    world.assert_quiet()


# --- what cannot be created -----------------------------------------------------------------------------------------


def test_a_record_that_the_other_side_cannot_take_is_skipped_with_the_reason(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Nobody"})
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.keap.state.products.add({"name": "Dollar", "price": 100, "short_description": "d"})
    world.crm.state.products.add({"Name": "Euro", "Price": "3.50", "Currency": "EUR"})
    world.crm.state.products.add({"Name": "Free"})
    report = world.sync()
    skipped = _skipped(report)
    assert "at least one of" in skipped["A1"]
    assert "EUR" in skipped["P1"]
    assert "P2" in skipped
    assert world.counts() == {"companies": (0, 0), "products": (3, 1), "contacts": (2, 1)}
    world.assert_quiet()


def test_too_long_a_name_is_cut_in_keap_and_whole_in_customcrm(world: World) -> None:
    long_name = "Wolfeschlegelsteinhausenbergerdorff-Lovelace the first"
    world.crm.state.contacts.add({"FirstName": "Ada", "LastName": long_name, "Email": "ada@example.org"})
    assert world.sync().ok
    assert [c["family_name"] for c in world.keap.state.contacts.values()] == [long_name[:40].rstrip()]
    world.assert_quiet()
    assert [c["LastName"] for c in world.crm.state.contacts.values()] == [long_name]
    world.crm.state.contacts.edit("A1", LastName="Short")
    world.sync()
    assert [c["family_name"] for c in world.keap.state.contacts.values()] == ["Short"]


@pytest.mark.parametrize("edited", variants(kb.Side, quick=[kb.Side.KEAP]), ids=lambda side: side.value)
@pytest.mark.parametrize("runs", variants([1, 3], quick=[1]))
def test_what_was_empty_when_a_company_was_made_flows_later(world: World, edited: kb.Side, runs: int) -> None:
    """Keap's answer to a create shows no more than was sent: that the rest is empty there is seen later only."""
    ours = world.crm.state.customers.add({"Name": "Engines"})
    for _ in range(runs):
        assert world.sync(full=runs > 1).ok
        world.let_time_pass()
    [theirs] = world.keap.state.companies
    if edited is kb.Side.CUSTOMCRM:
        world.crm.state.customers.edit(ours, Description="Difference engines")
    else:
        world.keap.state.companies.edit(theirs, notes="Difference engines")
    assert world.sync().count("updated") == 1
    assert world.crm.state.customers[ours]["Description"] == "Difference engines"
    assert world.keap.state.companies[theirs]["notes"] == "Difference engines"
    world.assert_quiet()


def test_an_application_without_products_is_told_its_currency_or_asks_for_it_once(world: World) -> None:
    for number in range(3):
        world.crm.state.products.add(
            {"Name": f"Widget {number}", "Sku": f"W{number}", "Price": "1.00", "Currency": "USD"}
        )
    report = world.sync()
    assert report.count("skipped", "products") == 4
    [asked] = [line.reason for line in report.lines if line.keap_id == "*"]
    assert 'currency="USD"' in asked
    assert world.sync(currency="USD").count("created", "products") == 3
    assert [product["price"]["amount"] for product in world.keap.state.products.values()] == [100, 100, 100]
    world.assert_quiet()


@pytest.mark.parametrize("code", ["usd", "US", "ZZZ", "dollars", 840])
def test_what_is_no_currency_is_refused(sessions: Any, code: Any) -> None:
    with pytest.raises(ValueError, match=r"ISO 4217"):
        sessions(currency=code)


@pytest.mark.parametrize("side", list(kb.Side))
def test_what_can_never_be_made_is_told_once_for_all(toys: Toys, side: kb.Side) -> None:
    toys.remap("toys", attrs.evolve(TOYS, needed={side: ("serial",)}))
    box = toys.gadgets if side is kb.Side.CUSTOMCRM else toys.toys
    name = "title" if side is kb.Side.CUSTOMCRM else "name"
    first = box.put(**{name: "toy 0"})
    reason = f"{side.title} needs serial, and nothing is mapped to it"
    [line] = toys.sync().lines
    assert (line.customcrm_id or line.keap_id, line.reason) == (first, reason)
    for n in range(1, 9):
        box.put(**{name: f"toy {n}"})
    for full in (False, True):
        [line] = toys.sync(full=full).lines
        assert (line.outcome, line.customcrm_id or line.keap_id) == ("skipped", "*")
        assert line.reason.startswith(f"{reason}: no record of {side.other.title} is made there ({first}, ")
        assert line.reason.endswith(" and 3 more)")
    assert not toys.calls()
