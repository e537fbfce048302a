"""The demo says only what is so, and fails when something is not; what its data has found out about the engine."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb
from keapbridge import demo
from keapbridge.demo import _claims as claims
from keapbridge.demo import _edits as edits
from keapbridge.demo._invented import invent
from keapbridge.model.records import Link
from keapbridge.model.report import Line

if TYPE_CHECKING:
    from conftest import World

SMALL = {"seed": 4, "customers": 30, "contacts": 90, "products": 30}
C, K = kb.Side.CUSTOMCRM, kb.Side.KEAP

# --- the show -------------------------------------------------------------------------------------------------------


HEADINGS = (
    "Two systems that have never met",
    "The plan: nothing is written yet",
    "The first sync",
    "Users edit in both systems",
    "The second sync",
    "The third plan, for which everything is read again",
    "Requests that the systems saw",
)
REASONS = (
    "a price in EUR: the Keap application sells in USD",
    "duplicate within Customcrm",
    "not a valid e-mail address",
)


@pytest.mark.thorough  # `.ci/run` runs it as a newcomer does
def test_the_demo_shows_every_act_and_proves_what_it_says() -> None:
    lines: list[str] = []
    code = demo.run(lines.append, **SMALL)
    text = "\n".join(lines)
    assert code == 0, text
    assert "NOT SO" not in text
    assert text.count("✓") > 15
    assert [line for line in text.splitlines() if line in HEADINGS] == list(HEADINGS)
    assert [edit.told for edit in edits.EDITS if edit.told not in text] == []
    assert [reason for reason in REASONS if reason not in text] == []


def _a_write_nobody_asked_for(customcrm: Any, keap: Any) -> None:
    keap.state.contacts.edit(next(iter(keap.state.contacts)), job_title="Impostor")


def _a_lost_record(customcrm: Any, keap: Any) -> None:
    keap.state.companies.delete(next(reversed(list(keap.state.companies))))


def _a_lost_value(customcrm: Any, keap: Any) -> None:
    for id, contact in keap.state.contacts.items():
        if any(item["field"] == "EMAIL3" for item in contact["email_addresses"]):
            kept = [item for item in contact["email_addresses"] if item["field"] != "EMAIL3"]
            keap.state.contacts.edit(id, email_addresses=kept)
            return


@pytest.mark.thorough
def test_what_is_not_so_fails_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    sync, make = kb.SyncSession.sync, edits.make
    systems: list[Any] = []

    def make_and_remember(planned: Any, *both: Any) -> None:
        systems.extend(both)
        make(planned, *both)

    def sync_and_tamper(session: kb.SyncSession) -> kb.Report:
        report = sync(session)
        for tamper in (_a_write_nobody_asked_for, _a_lost_record, _a_lost_value):
            tamper(*systems)
        return report

    monkeypatch.setattr(edits, "make", make_and_remember)
    monkeypatch.setattr(kb.SyncSession, "sync", sync_and_tamper)
    lines: list[str] = []
    assert demo.run(lines.append, seed=5, customers=12, contacts=40, products=12) == 1
    untrue = [line for line in lines if line.startswith("  ✗ NOT SO")]
    for words in ("exactly as they were", "linked pairs agree", "byte for byte"):
        assert any(words in line for line in untrue), words
    assert "of the things shown above are not so" in "\n".join(lines)


def test_an_error_fails_the_demo_and_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise kb.LinkStoreError("the disk is full")

    monkeypatch.setattr(kb.SyncSession, "apply", fail)
    lines: list[str] = []
    assert demo.run(lines.append, seed=4, customers=5, contacts=5, products=5) == 1
    assert "  ✗ it stopped: LinkStoreError: the disk is full" in lines


def test_without_its_extra_the_demo_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name))
    lines: list[str] = []
    assert demo.run(lines.append) == 2
    assert lines == ["The demo needs uvicorn: pip install 'keapbridge[demo]'"]


# --- its data -------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_data() -> None:
    numbers = {"customers": 40, "contacts": 120, "products": 40}
    assert invent(1, **numbers) == invent(1, **numbers)
    assert invent(1, **numbers) != invent(2, **numbers)


def test_the_data_is_as_messy_as_it_says() -> None:
    invented = invent(demo.SEED, customers=200, contacts=1000, products=150)
    people = [r.properties for r in invented.records["contacts", C]]
    both = {r.thing for r in invented.records["contacts", C]} & {r.thing for r in invented.records["contacts", K]}
    assert 200 < len(both) < 400
    assert len(people) > len({r.thing for r in invented.records["contacts", C]})  # duplicates
    assert any(p["Email"] is None for p in people)
    assert any(p["FirstName"] and len(p["FirstName"]) > 40 for p in people)
    assert sum(1 for p in people if p["LastName"] and not p["LastName"].isascii()) > 50
    assert {r.properties["Currency"] for r in invented.records["products", C]} >= {"USD", "EUR", "JPY", "KWD"}
    slots = {i["field"] for r in invented.records["contacts", K] for i in r.properties["phone_numbers"] or ()}
    assert slots == {"PHONE1", "PHONE2", "PHONE3", "PHONE4", "PHONE5"}


# --- its claims -----------------------------------------------------------------------------------------------------

OURS = {"Id": "C1", "Name": "Acme", "City": "Oslo", "CreditLimit": 5}
THEIRS = {"id": "7", "company_name": "Acme", "address": {"field": "BILLING", "locality": "Oslo", "zip_four": "1"}}
BOTH: claims.Documents = {
    **{(object, side): {} for object in demo.MAPPERS for side in kb.Side},
    ("companies", C): {"C1": OURS},
    ("companies", K): {"7": THEIRS},
}
LINKS: claims.Links = {"companies": [Link("C1", "7")], "products": [], "contacts": []}


def _with(side: kb.Side, **changes: Any) -> claims.Documents:
    id, document = ("C1", OURS) if side is C else ("7", THEIRS)
    return {**BOTH, ("companies", side): {id: {**document, **changes}}}


def test_records_that_agree_agree() -> None:
    assert not claims.agree(BOTH, LINKS, [], {}, demo.MAPPERS, "USD").against


def test_a_difference_is_found_unless_the_report_names_it() -> None:
    other = _with(C, City="Bergen")
    assert claims.agree(other, LINKS, [], {}, demo.MAPPERS, "USD").against == (
        "companies C1 ↔ 7: City is 'Bergen' in Customcrm, 'Oslo' in Keap",
    )
    line = Line("companies", "skipped", K, None, "7", (), "City: too far away")
    assert not claims.agree(other, LINKS, [line], {}, demo.MAPPERS, "USD").against


def test_a_value_that_nobody_can_read_is_a_difference() -> None:
    assert claims.agree(_with(C, Email="n/a"), LINKS, [], {}, demo.MAPPERS, "USD").against


def test_a_change_of_what_is_not_mapped_is_found() -> None:
    assert not claims.unmapped_kept(BOTH, _with(C, City="Bergen"), demo.MAPPERS).against
    assert claims.unmapped_kept(BOTH, _with(C, CreditLimit=6), demo.MAPPERS).against
    assert claims.unmapped_kept(BOTH, _with(K, address={"field": "BILLING", "locality": "Oslo"}), demo.MAPPERS).against


def test_a_record_that_is_neither_linked_nor_reported_is_found() -> None:
    assert not claims.accounted_for(BOTH, LINKS, []).against
    alone = {**BOTH, ("companies", K): {"7": THEIRS, "8": THEIRS}}
    assert claims.accounted_for(alone, LINKS, []).against == ("companies: Keap 8 is neither linked nor reported",)
    assert not claims.accounted_for(alone, LINKS, [Line("companies", "skipped", K, None, "8")]).against


def test_a_wrong_link_is_found() -> None:
    things = {**{key: {} for key in BOTH}, ("companies", C): {"C1": "company 1"}, ("companies", K): {"7": "company 2"}}
    assert claims.recognised(things, LINKS, []).against == (
        "companies C1 ↔ 7 are linked, and are company 1 and company 2",
    )
    same = {**things, ("companies", K): {"7": "company 1"}}
    assert not claims.recognised(same, LINKS, []).against
    assert claims.recognised(same, {**LINKS, "companies": []}, []).against


# --- what its data has found out about the engine -------------------------------------------------------------------

LONG_AGO = "2020-01-01T00:00:00.000Z"


def _mail(address: str, slot: str = "EMAIL1") -> list[dict[str, str]]:
    return [{"field": slot, "email": address}]


def test_a_country_that_arrives_leaves_nothing_for_a_second_sync(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "A", "Email": "a@example.org", "MobilePhone": "06 39 98 12 34"})
    world.keap.state.contacts.add(
        {
            "given_name": "A",
            "email_addresses": _mail("a@example.org"),
            "addresses": [{"field": "BILLING", "country_code": "FRA", "locality": "Paris"}],
        }
    )
    world.sync()
    world.assert_quiet()


def test_a_phone_without_a_country_is_not_guessed(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "A", "Email": "a@example.org", "Country": "UA"})
    world.keap.state.contacts.add(
        {
            "given_name": "A",
            "email_addresses": _mail("a@example.org"),
            "phone_numbers": [{"field": "PHONE1", "number": "044 000 7670"}],
        }
    )
    world.sync()
    assert world.crm.state.contacts["A1"]["Phone"] in {None, "+380440007670"}


def test_two_people_with_one_mailbox_are_not_one(world: World) -> None:
    world.crm.state.contacts.add({"LastName": "Shevchenko", "Email": "x@example.org"})
    world.keap.state.contacts.add(
        {"given_name": "Kenji", "family_name": "Suzuki", "email_addresses": _mail("x@example.org")}
    )
    world.sync()
    assert world.crm.state.contacts["A1"]["FirstName"] is None
    assert world.keap.state.contacts["1"]["family_name"] == "Suzuki"


def test_somebody_who_could_be_either_of_two_is_left_alone(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Linnéa", "LastName": "Öberg", "Email": "m@example.org"})
    world.crm.state.contacts.add({"LastName": "Öberg", "Email": "m@example.org"})
    world.keap.state.contacts.add(
        {"given_name": "Göran", "family_name": "Öberg", "email_addresses": _mail("m@example.org")}
    )
    world.sync()
    world.assert_quiet()


def test_somebody_who_moves_abroad_takes_their_other_edits_along(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "A", "Email": "x@example.org", "Country": "US", "Region": "AZ"})
    world.sync()
    world.crm.state.contacts.edit("A1", Country="CA", City="Toronto", JobTitle="CEO")
    world.sync()
    assert world.keap.state.contacts["1"].get("job_title") == "CEO"
    world.assert_quiet()


def test_a_mistake_that_keap_holds_does_not_stop_other_fields(world: World) -> None:
    name = {"FirstName": "A", "LastName": "B", "Phone": "+1 602 555 0101"}
    world.crm.state.contacts.add({**name, "Email2": "b@example.org", "BirthDate": "1970-01-01"})
    world.keap.state.contacts.add(
        {
            "given_name": "A",
            "family_name": "B",
            "phone_numbers": [{"field": "PHONE1", "number": "+16025550101"}],
            "email_addresses": _mail("invalid@"),
        }
    )
    world.sync()
    assert world.keap.state.contacts["1"].get("birth_date") == "1970-01-01"


def test_somebody_whose_name_keap_has_cut_is_recognised(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "C", "LastName": "D" * 50, "Phone": "+1 602 555 0101"})
    world.keap.state.contacts.add(
        {
            "given_name": "C",
            "family_name": "D" * 40,
            "phone_numbers": [{"field": "PHONE1", "number": "+16025550101"}],
        }
    )
    world.sync()
    assert world.counts()["contacts"] == (1, 1)


def test_a_price_in_another_currency_is_left_alone(world: World) -> None:
    world.crm.state.products.add({"Name": "P", "Sku": "S", "Price": "10.00", "Currency": "EUR"})
    world.let_time_pass()
    world.keap.state.products.add({"name": "P", "sku": "S", "price": 1100, "short_description": "P"})
    world.sync()
    assert world.crm.state.products["P1"]["Currency"] == "EUR"


@pytest.mark.parametrize(("number", "country"), [("0081 90-0000-0072", "JP"), ("555-0101", "US")])
def test_half_a_phone_number_is_not_completed(world: World, number: str, country: str) -> None:
    world.crm.state.contacts.add({"FirstName": "A", "Email": "a@example.org", "Phone": number, "Country": country})
    world.sync()
    assert world.keap.state.contacts["1"]["phone_numbers"] == []


def test_what_a_new_company_cannot_take_is_reported(world: World) -> None:
    world.crm.state.customers.add({"Name": "X", "ZipCode": "leave it at the back door"})
    assert ("held", ("ZipCode",)) in {(line.outcome, line.fields) for line in world.sync().lines}


def test_nothing_is_reported_twice(world: World) -> None:
    world.crm.state.customers.add({"Name": "X", "ZipCode": "1000", "Country": "中国"})
    world.keap.state.companies.add(
        {
            "company_name": "X",
            "address": {"field": "BILLING", "country_code": "CHN", "region_code": "CN-BJ", "postal_code": "1000"},
        }
    )
    lines = list(world.sync().lines)
    assert len(lines) == len(set(lines)), "\n".join(map(str, lines))


def test_our_own_write_does_not_decide_what_is_newest(world: World) -> None:
    world.keap.state.contacts.add(
        {
            "given_name": "A",
            "email_addresses": _mail("m@example.org"),
            "addresses": [{"field": "BILLING", "postal_code": "1000", "country_code": "NOR"}],
            "update_time": LONG_AGO,
        }
    )
    long = "leave it at the back door"
    world.crm.state.contacts.add({"FirstName": "A", "LastName": "B", "Email": "m@example.org", "ZipCode": long})
    world.sync()
    world.sync()
    assert world.crm.state.contacts["A1"]["ZipCode"] == long
