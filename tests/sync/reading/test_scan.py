"""Quiescence: a second run writes nothing, also where a system stores what it is given in its own form."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from stopping import Clock, CountingDriver
from tiers import named, variants

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge.testing import CustomcrmBehaviour, KeapBehaviour

if TYPE_CHECKING:
    from toys import World as Toys

    from conftest import World

Json = dict[str, Any]

ODD = {
    "keap-cuts": (KeapBehaviour(truncate_silently=True), CustomcrmBehaviour()),
    "keap-folds-case": (KeapBehaviour(case_fold_emails=True), CustomcrmBehaviour()),
    "keap-reformats-phones": (KeapBehaviour(reformat_phones=True), CustomcrmBehaviour()),
    "keap-loses-milliseconds": (KeapBehaviour(lose_milliseconds=True), CustomcrmBehaviour()),
    "keap-answers-everything": (KeapBehaviour(company_writes_answer_everything=True), CustomcrmBehaviour()),
    "keap-ignores-null": (KeapBehaviour(null_clears=False), CustomcrmBehaviour()),
    "crm-trims": (KeapBehaviour(), CustomcrmBehaviour(trim_strings=True)),
    "crm-folds-case": (KeapBehaviour(), CustomcrmBehaviour(case_fold_emails=True)),
    "crm-cuts": (
        KeapBehaviour(),
        CustomcrmBehaviour(
            trim_strings=True,
            max_lengths={
                "FirstName": 5,
                "LastName": 8,
                "Name": 10,
                "Description": 12,
                "City": 6,
                "JobTitle": 7,
                "StreetAddress1": 9,
                "ShortDescription": 4,
            },
        ),
    ),
    "all": (
        KeapBehaviour(True, "merge", True, True, True, True, True),
        CustomcrmBehaviour(trim_strings=True, case_fold_emails=True, max_lengths={"LastName": 8, "Name": 10}),
    ),
}
odd = pytest.mark.parametrize(("keap_behaviour", "crm_behaviour"), named(ODD, quick=("all",)))

NAMES = ["Ada", "Zoë", "Łukasz", "Wolfeschlegelsteinhausenbergerdorff the elder of that name", "王秀英", "O'Brien "]
# Country, region, phone. Numbers abroad have a test of their own below.
PLACES = [
    ("US", "Arizona", "(602) 555-0101"),
    ("US", None, "+1 212 555 0199 x 12"),
    ("GB", None, "+44 20 7946 0018"),
    ("DE", "BE", "030 123456"),
    ("France", None, "01 23 45 67 89"),
    ("Canada", "CA-ON", "416 555 0123"),
    (None, None, "call me"),
    ("Atlantis", "Nowhere", None),
]


def _load(world: World, rng: random.Random) -> None:
    """Messy records: some in both systems, some in one. Customcrm's are the newer ones."""
    for n in range(6, 18):
        name = rng.choice(NAMES)
        company = world.keap.state.companies.add(
            {
                "company_name": f"{n} {name} & Daughters",
                "phone_number": {"number": "+49 30 123456", "field": "PHONE1"},
                "address": {"field": "BILLING", "locality": "Springfield of the many", "country_code": "DEU"},
                "notes": "a note",
            }
        )
        world.keap.state.contacts.add(
            {
                "given_name": name,
                "family_name": f"{rng.choice(NAMES)}{n}",
                "email_addresses": [
                    {"email": f"person{n}@example.org", "field": "EMAIL1"},
                    {"email": f"Second{n}@Example.org", "field": rng.choice(["EMAIL2", "EMAIL3"])},
                ],
                "phone_numbers": [{"number": "+1 602 555 0107", "field": "PHONE1", "extension": "7"}],
                "addresses": [{"field": "BILLING", "line1": "y" * 70, "locality": "Springfield of the many"}],
                "company": {"id": company},
            }
        )
        world.keap.state.products.add(
            {"name": f"Widget {n}", "sku": f"w{n}", "price": rng.randrange(5000), "short_description": "short, really"}
        )
    world.let_time_pass()
    for n in range(12):
        name, (country, region, phone) = rng.choice(NAMES), rng.choice(PLACES)
        world.crm.state.customers.add(
            {
                "Name": f"{n} {name} & Sons",
                "Description": "line one\r\nline two  ",
                "Phone": phone,
                "Country": country,
                "Region": region,
                "City": " Springfield ",
                "Email": f"Office{n}@Example.org",
            }
        )
        world.crm.state.contacts.add(
            {
                "FirstName": name,
                "LastName": f" {rng.choice(NAMES)}{n}",
                "Email": f"Person{n}@Example.ORG",
                "Phone": phone,
                "MobilePhone": phone,
                "Country": country,
                "Region": region,
                "StreetAddress1": "x" * rng.choice([5, 90]),
                "JobTitle": "Director of everything",
                "BirthDate": rng.choice([None, "1815-12-10"]),
                "CustomerId": f"C{n + 1}",
            }
        )
        world.crm.state.products.add(
            {
                "Name": f"Widget {n}",
                "Sku": f"W{n}",
                "Price": rng.choice(["1", "12.5", "12.50", "0", "1.999"]),
                # Those that are in Keap, too, are sold in its currency; for others see the test below.
                "Currency": rng.choice(["USD", "usd", "EUR"]) if n < 6 else "USD",
                "Description": "<b>x</b> " * 30,
            }
        )


@odd
def test_a_second_run_writes_nothing(world: World, rng: random.Random) -> None:
    _load(world, rng)
    report = world.sync()
    assert report.ok, report.failures
    world.assert_quiet()


@odd
def test_edits_flow_and_are_quiet_afterwards(world: World, rng: random.Random) -> None:
    _load(world, rng)
    world.sync()
    counts = world.counts()
    for id in list(world.crm.state.contacts)[:6]:
        email = f"New.{id}@Example.org"
        world.crm.state.contacts.edit(id, JobTitle=f" Chief of {id} and much more than that ", Email=email)
    for id in list(world.keap.state.contacts)[-6:]:
        phones = [{"number": "(212) 555-0142", "field": "PHONE1"}, {"number": "+1 602 555 0108", "field": "PHONE2"}]
        world.keap.state.contacts.edit(id, phone_numbers=phones, given_name="Maximiliane ")
    for id in list(world.crm.state.customers)[:6]:
        world.crm.state.customers.edit(id, Phone="020 7946 0099", Country="GB", Region=None, Description=None)
    world.let_time_pass()
    for id in list(world.keap.state.companies)[-6:]:
        world.keap.state.companies.edit(id, notes="another note, longer than before", website="https://example.org")
    for id in list(world.keap.state.products)[:6]:
        world.keap.state.products.edit(id, price=777, short_description="a new and much longer description")
    report = world.sync()
    assert report.ok, report.failures
    assert world.counts() == counts
    world.assert_quiet()


@odd
def test_what_one_side_cut_or_changed_does_not_come_back(world: World) -> None:
    """The side that was edited keeps what was typed there, whatever the other side made of it."""
    typed = {
        "FirstName": "Maximiliane Wilhelmine Friederike von und zu Hohen",
        "JobTitle": "Director of everything",
        "City": "Springfield of the many",
        "Phone": "(602) 555-0101",
        "Country": "US",
        "Email": "Max@Example.org",
    }
    world.crm.state.contacts.add(typed)
    stored = world.crm.state.contacts["A1"]
    world.sync()
    world.sync(full=True)
    world.keap.state.contacts.edit("1", family_name="Hohenstaufen")
    world.sync()
    world.assert_quiet()
    kept = world.crm.state.contacts["A1"]
    assert {name: kept[name] for name in typed} == {name: stored[name] for name in typed}


@pytest.mark.parametrize("keap_behaviour", [KeapBehaviour(reformat_phones=True)])
@pytest.mark.parametrize(
    "object",
    variants(["contacts", "companies"], quick=["contacts"]),
)
def test_a_number_abroad_that_keap_stores_in_its_national_form_does_not_come_back_as_another(
    world: World, object: str
) -> None:
    table = world.crm.state.contacts if object == "contacts" else world.crm.state.customers
    name = "FirstName" if object == "contacts" else "Name"
    table.add({name: "Ada", "Country": "DE", "Phone": "+44 20 7946 0018"})
    world.sync()
    world.sync()
    [record] = table.values()
    assert record["Phone"] == "+44 20 7946 0018"
    table.edit(record["Id"], Phone="+44 20 7946 0099")
    world.sync()
    world.assert_quiet()
    assert table[record["Id"]]["Phone"] == "+44 20 7946 0099"


def test_a_value_that_keap_cannot_take_does_not_lose_against_it_in_the_next_run(world: World) -> None:
    world.keap.state.products.add({"name": "Widget", "sku": "W", "price": 347, "short_description": "w"})
    world.let_time_pass()
    world.crm.state.products.add(
        {"Name": "Widget", "Sku": "W", "Price": "12.50", "Currency": "EUR", "Description": "A widget"}
    )
    world.sync()
    assert [p["description"] for p in world.keap.state.products.values()] == ["A widget"]
    world.sync()
    world.sync(full=True)
    [ours], [theirs] = world.crm.state.products.values(), world.keap.state.products.values()
    assert (ours["Price"], ours["Currency"]) == ("12.50", "EUR")
    assert theirs["price"]["amount"] == 347


@pytest.mark.parametrize("full", [False, True])
def test_nothing_is_written_when_nothing_is_there(world: World, full: bool) -> None:
    assert world.sync(full=full).ok
    assert world.writes == []


def test_runs_without_changes_read_one_page_a_side(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.sync()
    world.forget_requests()
    world.sync()
    assert len(world.keap.requests) == 3
    assert len(world.crm.requests) == 3


@pytest.mark.parametrize("full", variants([False, True], quick=[False]))
def test_a_plan_writes_nothing(world: World, full: bool, rng: random.Random) -> None:
    _load(world, rng)
    before = world.snapshot()
    with world.sessions() as session:
        plan = session.plan(full=full)
    assert not plan.is_empty
    assert world.writes == []
    assert world.snapshot() == before
    assert sum(1 for _ in plan.actions) > 0


def test_three_synchronizations_one_by_one_do_what_one_sync_does(world: World, rng: random.Random) -> None:
    _load(world, rng)
    with world.sessions() as session:
        for part in (session.companies, session.products, session.contacts):
            assert part.sync().ok
    world.assert_quiet()


def test_what_was_edited_to_the_same_on_both_sides_counts_as_unchanged(world: World) -> None:
    world.crm.state.contacts.add_many({"FirstName": f"n{n}", "Email": f"n{n}@example.org"} for n in range(5))
    world.sync()
    world.sync(full=True)
    world.let_time_pass()
    for id, record in list(world.crm.state.contacts.items()):
        if record["FirstName"] in {"n1", "n2"}:
            world.crm.state.contacts.edit(id, JobTitle="Countess")
    for id, record in world.keap.state.contacts.items():
        if record["given_name"] in {"n1", "n2"}:
            world.keap.state.contacts.edit(id, job_title="Countess")
    with world.sessions() as session:
        plan = session.contacts.plan(full=True)
    assert plan.is_empty
    assert plan.unchanged["contacts"] == 5


@pytest.mark.parametrize(
    "wrong_by",
    variants([timedelta(days=-365), timedelta(hours=1), timedelta(days=365)], quick=[timedelta(days=365)]),
    ids=str,
)
def test_what_changes_after_runs_under_a_wrong_clock_is_not_lost(toys: Toys, wrong_by: timedelta) -> None:
    toys.linked_toy()
    toys.driver = CountingDriver(Clock(datetime.now(UTC) + wrong_by))
    toys.toys.put(name="Kite", colour="blue")
    assert toys.sync().ok
    toys.driver = SyncDriver()
    toys.toys.put(name="Ball", colour="green")
    assert toys.sync().ok
    assert {gadget.title for gadget in toys.gadgets.records.values()} == {"Top", "Kite", "Ball"}
    toys.toys.put(name="Drum", colour="red")
    before = len(toys.calls())
    assert toys.sync().ok
    assert len(toys.gadgets.records) == 4
    assert len(toys.calls()) == before + 1


@pytest.mark.parametrize("box", ["toys", "gadgets"])
def test_a_system_that_stamps_behind_its_clock_loses_no_edit(
    toys: Toys, monkeypatch: pytest.MonkeyPatch, box: str
) -> None:
    behind: Any = getattr(toys, box)
    stamp = behind._now
    monkeypatch.setattr(behind, "_now", lambda: stamp() - timedelta(minutes=10))
    ours, theirs = toys.linked_toy()
    toys.sync()
    for colour in ("blue", "green", "black"):
        behind.put(id=ours if box == "toys" else theirs, colour=colour)
        assert toys.sync().ok
        assert toys.toys.records[ours].colour == toys.gadgets.records[theirs].colour == colour


@pytest.mark.parametrize("box", ["toys", "gadgets"])
def test_a_record_stamped_in_the_future_hides_no_edit_that_comes_later(toys: Toys, box: str) -> None:
    ours, theirs = toys.linked_toy()
    ahead: Any = getattr(toys, box)
    id = ours if box == "toys" else theirs
    ahead.records[id] = attrs.evolve(ahead.records[id], updated_at=datetime.now(UTC) + timedelta(days=900))
    toys.sync()
    toys.sync()
    ahead.put(id=id, colour="blue")
    assert toys.sync().ok
    assert toys.toys.records[ours].colour == toys.gadgets.records[theirs].colour == "blue"


def test_a_cursor_of_the_future_is_not_believed(toys: Toys) -> None:
    ours, theirs = toys.linked_toy()
    toys.driver = CountingDriver(Clock(datetime.now(UTC) + timedelta(days=2)))
    for box in (toys.toys, toys.gadgets):
        for id, record in box.records.items():
            box.records[id] = attrs.evolve(record, updated_at=datetime.now(UTC) + timedelta(days=1))
    assert toys.sync().ok  # which believes that it is tomorrow
    toys.driver = SyncDriver()
    toys.toys.put(id=ours, colour="blue")
    assert toys.sync().ok
    assert toys.gadgets.records[theirs].colour == "blue"
    assert toys.run(toys.store.cursors.get("toys", kb.Side.CUSTOMCRM)).since < datetime.now(UTC)


def test_records_that_come_in_a_known_text_move_the_cursor(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.sync()
    world.sync()
    with world.sessions() as session:
        store = session._engine.bridge.store
        held = dict.fromkeys(kb.Side)
        for side in kb.Side:
            held[side] = SyncDriver().run(store.cursors.get("contacts", side)).since
            with store.database.transaction() as connection:
                connection.exec_driver_sql(
                    "DELETE FROM keapbridge_cursors WHERE object = 'contacts' AND side = ?", (side.value,)
                )
        session.sync()
        for side in kb.Side:
            again = SyncDriver().run(store.cursors.get("contacts", side))
            assert again is not None
            assert abs(again.since - held[side]) < timedelta(seconds=30)
