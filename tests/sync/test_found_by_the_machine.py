"""What the machine of `test_machine` found, as the shortest stories that show it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import attrs
import pytest
from fakes import Fault, Habits, Request, no_faults
from stopping import CountingDriver
from two_systems import CUSTOMCRM, DAY, KEAP, LARGER_MAPPERS, TwoSystems, policy_without_brakes
from wired import TwoWiredSystems
from wired.world import CONTACTS, HOST, POISON

import keapbridge as kb
from keapbridge._flow.effects import Blocking, Send
from keapbridge.errors import LinkStoreError
from keapbridge.sync import guard


@pytest.fixture
def two() -> Iterator[TwoSystems]:
    """Two empty systems."""
    systems = TwoSystems()
    yield systems
    systems.engine.dispose()


@pytest.fixture
def wired() -> Iterator[TwoWiredSystems]:
    """Two systems and real clients, as soon as they are built."""
    systems = TwoWiredSystems()
    yield systems
    systems.end()


def _people(two: TwoSystems, *names: str) -> list[str]:
    return [two.crm.contacts.add(kb.customcrm.Contact(first_name=n, email=f"{n.lower()}@example.org")) for n in names]


def _later(two: TwoSystems, time: timedelta = DAY) -> None:
    two.clock.pass_by(time)


def test_an_odd_record_whose_partner_was_deleted_does_not_stop_the_others(two: TwoSystems) -> None:
    ada, bob = _people(two, "Ada", "Bob")
    two.policy = policy_without_brakes(deletions="delete")
    two.session().sync()
    _later(two)
    two.crm.contacts.delete(ada)
    two.crm.contacts.delete(bob)
    odd, sound = two.keap.contacts
    two.keap.contacts.spoiled.add(odd)
    report = two.session().sync()
    assert list(two.keap.contacts) == [odd]
    assert report.count("deleted") == 1
    assert [line.keap_id for line in report.lines if "odd" in line.reason] == [odd]
    two.keap.contacts.spoiled.clear()
    assert two.session().sync(full=True).count("deleted") == 1
    assert sound not in two.keap.contacts
    assert len(two.keap.contacts) == 0


def test_a_record_that_is_not_named_is_an_error_of_the_call(two: TwoSystems) -> None:
    """Also where there are no such records."""
    two.objects = ("products",)
    session = two.session()
    for asked in (session.explain, session.history):
        with pytest.raises(TypeError, match="name the record"):
            asked("contacts")


def test_an_odd_record_that_a_list_does_not_show_is_there(two: TwoSystems) -> None:
    _people(two, "Ada", "Bob")
    two.session().sync()
    _later(two)
    [ada, _] = two.keap.contacts
    two.keap.contacts.spoiled.add(ada)
    plan = two.session().plan(full=True)
    assert plan.is_empty
    assert len(list(two.session().contacts.links())) == 2


def test_an_odd_record_is_not_made_again_from_a_plan_of_before(two: TwoSystems) -> None:
    ada, bob = _people(two, "Ada", "Bob")
    plan = two.session().plan()
    _later(two)
    two.crm.contacts.spoiled.add(ada)
    report = two.session().apply(plan)
    assert [record.given_name for record in two.keap.contacts.state.records.values()] == ["Bob"]
    assert [(line.outcome, line.customcrm_id) for line in report.lines] == [("skipped", ada), ("created", bob)]


@pytest.mark.parametrize("side", [CUSTOMCRM, KEAP], ids=lambda side: side.value)
def test_an_odd_record_among_ids_does_not_stop_the_others(two: TwoSystems, side: kb.Side) -> None:
    _people(two, "Ada", "Bob")
    two.session().sync()
    _later(two)
    odd, sound = two.table("contacts", side)
    two.table("contacts", side).spoiled.add(odd)
    name = "last_name" if side is CUSTOMCRM else "family_name"
    two.table("contacts", side).edit(sound, **{name: "Edited"})
    report = two.session().contacts.sync_ids(**{side.value: [odd, sound]})
    assert report.count("updated") == 1
    assert [line.outcome for line in report.lines if "odd" in line.reason] == ["skipped"]


def test_two_contacts_that_were_merged_into_one_move_one_link(two: TwoSystems) -> None:
    for name in ("Ada", "Bob"):
        two.crm.contacts.add(kb.customcrm.Contact(first_name=name, email="shared@example.org"))
    two.session().sync()
    _later(two)
    losers = list(two.keap.contacts)
    assert len(losers) == 2
    box = kb.keap.EmailAddress("shared@example.org", "EMAIL1")
    survivor = two.keap.contacts.add(kb.keap.Contact(given_name="Cyd", email_addresses=(box,)))
    for loser in losers:
        two.keap.merge(survivor, loser)
    report = two.session().sync(full=True)
    assert [link.keap_id for link in two.session().contacts.links()] == [survivor]
    assert (report.count("linked"), report.count("unlinked")) == (1, 1)
    assert len(two.crm.contacts) == 2
    assert two.session().plan(full=True).is_empty


def test_undoing_a_create_deletes_nothing_when_the_other_record_cannot_be_read(two: TwoSystems) -> None:
    [ada] = _people(two, "Ada")
    run = two.session().sync().run_id
    _later(two)
    two.crm.contacts.spoiled.add(ada)
    report = two.session().undo(run)
    assert [line.outcome for line in report.lines] == ["failed"]
    assert len(two.keap.contacts) == 1
    two.crm.contacts.spoiled.clear()
    assert two.session().undo(run).count("deleted") == 1
    assert len(two.keap.contacts) == 0
    assert two.session().plan(full=True).is_empty


def test_a_lost_create_is_found_when_the_custom_fields_were_forgotten_after_a_refused_one(two: TwoSystems) -> None:
    two.mappers = LARGER_MAPPERS
    bob = two.crm.contacts.add(kb.customcrm.Contact(first_name="Bob", email="bob@example.org", extra={"Shoes": "40"}))
    cy = two.crm.contacts.add(kb.customcrm.Contact(first_name="Cy", email="cy@example.org", job_title="Refused"))
    posts = iter([Fault.LOST_ANSWER])
    two.keap.faults = lambda request: (
        next(posts, None) if (request.method, request.path) == ("POST", "/contacts") else None
    )
    report = two.session().sync()
    assert [(line.outcome, line.customcrm_id) for line in report.lines] == [("failed", bob), ("failed", cy)]
    two.keap.faults = no_faults
    _later(two)
    report = two.session().sync()
    assert [(line.outcome, line.customcrm_id) for line in report.lines] == [("linked", bob), ("failed", cy)]
    assert [record.given_name for record in two.keap.contacts.state.records.values()] == ["Bob"]


@pytest.mark.parametrize("how", ["changes", "full", "ids"])
def test_what_lists_leave_out_and_single_reads_do_not_show_any_more_is_not_cleared(two: TwoSystems, how: str) -> None:
    """Those that were read do not show it, and nobody else could: they are enough to tell that it has vanished."""
    two.list_it_no_more("companies", how, many=4, cleared=False, hides=True, typed=None)
    for side, name in ((CUSTOMCRM, "description"), (KEAP, "notes")):
        table = two.table("companies", side)
        assert [getattr(table[id], name) for id in table] == ["Red"] * 4


@pytest.mark.parametrize("kind", ["database", "towns", "declared"])
def test_a_function_of_the_hosts_that_fails_for_an_example_holds_its_field_only(
    wired: TwoWiredSystems, kind: str
) -> None:
    """A database tells how its values are written by some of its rows, when a session is opened."""
    wired.build(kind, kb.Habits.assumed(), known=True, mapping="delicate")
    wired.add(CONTACTS, CUSTOMCRM, FirstName="Ada", Email="ada@example.org", JobTitle=POISON)
    wired.add(CONTACTS, CUSTOMCRM, FirstName="Bob", Email="bob@example.org", JobTitle="Clerk")
    HOST.fails = True
    report = wired.session().contacts.sync()
    assert [(line.outcome, line.fields) for line in report.lines if line.fields == ("JobTitle",)] == [
        ("held", ("JobTitle",))
    ]
    titles = {row["FirstName"]: row.get("JobTitle") for row in wired.rows(CONTACTS, KEAP).values()}
    assert titles == {"Ada": None, "Bob": "Clerk"}
    HOST.fails = False
    wired.pass_by(days=1)
    wired.session().contacts.sync(full=True)
    assert {row.get("JobTitle") for row in wired.rows(CONTACTS, KEAP).values()} == {POISON, "Clerk"}


def test_a_read_that_lags_behind_the_list_is_not_taken_for_what_the_list_leaves_out(wired: TwoWiredSystems) -> None:
    """Else the old value is taken for what the record holds now, and that somebody emptied it is never seen."""
    habits = attrs.evolve(kb.Habits.assumed(), list_lag="some", empty_shown="left_out")
    wired.build("emulator", habits, known=False, mapping="plain")
    people = ({"FirstName": "Ada", "LastName": name, "JobTitle": "Clerk"} for name in ("One", "Two", "Three"))
    for person in people:
        wired.add(CONTACTS, KEAP, **person)
    wired.watched(lambda: wired.session().sync(full=True))
    wired.lose_sight_of_a_property(side=KEAP, how="ids", many=1, edited=False, listed_only=True, back="emptied")
    wired.heal()
    assert all(row.get("JobTitle") != "Cook" for side in kb.Side for row in wired.rows(CONTACTS, side).values())


def test_what_somebody_holds_whom_lists_do_not_show_yet_comes_along_when_a_new_one_is_taken_for_them(
    wired: TwoWiredSystems,
) -> None:
    """Nobody has seen them; that the contact that was made has been edited since it was born tells of them."""
    habits = attrs.evolve(kb.Habits.assumed(), same_email="same", list_lag="some", since_lag="some")
    wired.build("emulator", habits, known=False, mapping="plain")
    ada = {"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org"}
    wired.add(CONTACTS, KEAP, **ada, Phone="+4722334455")
    wired.add(CONTACTS, CUSTOMCRM, **ada)
    wired.pass_by(seconds=30)
    wired.session().sync()
    wired.heal()
    [theirs] = wired.rows(CONTACTS, KEAP).values()
    [ours] = wired.rows(CONTACTS, CUSTOMCRM).values()
    assert ours["Phone"] == theirs["Phone"] == "+4722334455"


def test_where_nothing_is_approved_nothing_is_made_and_each_action_is_counted_once(wired: TwoWiredSystems) -> None:
    """No custom field, either, and no tag; what is looked at before its turn is not told twice."""
    wired.build("emulator", kb.Habits.assumed(), known=True, mapping="named")
    for name in ("Ada", "Bob"):
        id = wired.add(CONTACTS, CUSTOMCRM, FirstName=name, Email=f"{name}@example.org")
        wired.crm.edit(CONTACTS, id, {"Tags": name, "Shoes": "40"})
    before = wired.writes()
    session = wired.session()
    report = session.apply(session.plan(), only=[])
    assert (wired.writes(), report.count("not approved")) == (before, 2)
    plan = session.plan(full=True)
    [first, *_] = [row["action"] for row in plan.to_dicts() if row["what"].startswith("create")]
    report = session.apply(plan, only=[first])
    assert (report.count("created"), report.count("not approved")) == (1, 1)
    assert len(wired.keap.emulator.state.tags) == 1


def test_who_was_written_over_while_lists_lag_does_not_become_another_in_the_next_run(wired: TwoWiredSystems) -> None:
    """Two are new with one address, and a contact that has it, too; what is to be put back outlives the run."""
    habits = attrs.evolve(kb.Habits.assumed(), same_email="same", list_lag="some", empty_shown="left_out")
    wired.build("emulator", habits, known=False, mapping="plain")
    mail = {"LastName": "Old", "Email": "a@example.org"}
    wired.add(CONTACTS, KEAP, FirstName="Ada", JobTitle="Director", **mail)
    mine = {"Bob": "+4722334466", "Cy": "+4722334455"}
    for name, phone in mine.items():
        wired.add(CONTACTS, CUSTOMCRM, FirstName=name, Phone=phone, **mail)
    wired.pass_by(seconds=30)
    wired.session().sync()
    wired.pass_by(seconds=46)
    wired.session().sync()
    wired.heal()
    ours = {row["FirstName"]: row["Phone"] for row in wired.rows(CONTACTS, CUSTOMCRM).values()}
    assert ours.items() >= mine.items()


def _moved_to_arizona(two: TwoSystems) -> dict[kb.Side, str]:
    """A person of Arizona who is known to both systems."""
    two.objects = ("contacts",)
    ours = two.crm.contacts.add(kb.customcrm.Contact(first_name="Ada", email="ada@example.org"))
    two._type_in("contacts", CUSTOMCRM, ours, "Country", "USA")
    two._type_in("contacts", CUSTOMCRM, ours, "Region", "US-AZ")
    two.session().sync()
    _later(two)
    return {CUSTOMCRM: ours, KEAP: next(iter(two.keap.contacts))}


def _country_alone(two: TwoSystems, side: kb.Side, id: str) -> None:
    """Somebody moves a person to Norway, and leaves the region as it is."""
    record = two.table("contacts", side)[id]
    if side is CUSTOMCRM:
        two.crm.contacts.edit(id, country="NO")
    else:
        [home] = record.addresses
        two.keap.contacts.edit(id, addresses=(attrs.evolve(home, country_code="NOR"),))


def _both_places(two: TwoSystems, ids: dict[kb.Side, str]) -> list[tuple[object, object]]:
    held = [two.read("contacts", side, id) for side, id in ids.items()]
    return [(each["Country"], each["Region"]) for each in held]


@pytest.mark.parametrize(
    ("side", "how"),
    [(CUSTOMCRM, "sync"), (CUSTOMCRM, "one record")]  # in Keap a region goes with its country whoever moves it
    + [(KEAP, how) for how in ("sync", "one record", "a decision", "a decision in many")],
    ids=lambda each: each.value if isinstance(each, kb.Side) else each,
)
def test_a_region_that_went_with_its_country_comes_back_with_it(two: TwoSystems, side: kb.Side, how: str) -> None:
    """It cannot be read meanwhile where it was left, and what was cleared along was never compared with it."""
    ids = _moved_to_arizona(two)
    _country_alone(two, side, ids[side])
    two.policy = policy_without_brakes(conflicts="manual")
    if "decision" in how:
        two._type_in("contacts", side.other, ids[side.other], "Country", "SWE")
        two.session().sync()
        _later(two)
        [conflict] = two.session().conflicts()
        if how == "a decision":
            two.session().resolve(conflict, side)
        else:
            two.session().resolve_many([conflict], side)
    elif how == "one record":
        two.session().contacts.sync_ids(**{side.value: [ids[side]]})
    else:
        two.session().sync()
    places = dict(zip(ids, _both_places(two, ids), strict=True))
    assert {country for country, _ in places.values()} == {"NOR"}
    _later(two)
    two._type_in("contacts", side.other, ids[side.other], "Country", "USA")
    for _ in range(2):
        two.session().sync()
        _later(two)
    assert _both_places(two, ids) == [("USA", "US-AZ")] * 2
    assert two.session().plan(full=True).is_empty


@pytest.mark.parametrize("side", [CUSTOMCRM, KEAP], ids=lambda side: side.value)
def test_an_edited_region_is_not_cleared_along_with_a_country_of_the_other_side(two: TwoSystems, side: kb.Side) -> None:
    """The region beside the new country cannot be read: the two are in conflict all the same."""
    ids = _moved_to_arizona(two)
    two.policy = policy_without_brakes(conflicts="manual")
    _country_alone(two, side, ids[side])
    two._type_in("contacts", side.other, ids[side.other], "Region", "US-CA")
    two.session().sync()
    assert two.read("contacts", side.other, ids[side.other])["Region"] == "US-CA"
    [conflict] = two.session().conflicts()
    assert conflict.field == "Country"
    assert "Region was edited on the other side" in conflict.reason


@pytest.mark.parametrize("back", [CUSTOMCRM, KEAP], ids=lambda side: side.value)
def test_a_region_that_could_not_be_read_and_went_with_its_country_is_no_edit(two: TwoSystems, back: kb.Side) -> None:
    ids = _moved_to_arizona(two)
    _country_alone(two, KEAP, ids[KEAP])
    two.session().sync()  # neither can be read now
    _later(two)
    two.crm.contacts.edit(ids[CUSTOMCRM], country="SE")
    report = two.session().sync()
    assert [line.fields for line in report.lines if line.outcome == "updated"] == [("Country", "Region")]
    assert two.keap.contacts[ids[KEAP]].addresses[0].region_code is None
    _later(two)
    two._type_in("contacts", back, ids[back], "Country", "USA")
    for _ in range(2):
        two.session().sync()
        _later(two)
    assert _both_places(two, ids) == [("USA", "US-AZ")] * 2


@pytest.mark.parametrize("side", [CUSTOMCRM, KEAP], ids=lambda side: side.value)
def test_a_region_that_an_undo_takes_away_stays_on_the_other_side(two: TwoSystems, side: kb.Side) -> None:
    """In Keap it goes with the country that is put back: nobody has cleared it."""
    ids = _moved_to_arizona(two)
    for each, id in ids.items():
        two._type_in("contacts", each, id, "Region", None)
    two.session().sync()
    _later(two)
    two._type_in("contacts", side.other, ids[side.other], "Country", "NOR")
    run = two.session().sync()
    _later(two)
    two._type_in("contacts", side, ids[side], "Region", "NO-03")
    two.session().sync()
    _later(two)
    two.session().undo(run.run_id)
    for _ in range(2):
        _later(two)
        two.session().sync()
    held = dict(zip(ids, _both_places(two, ids), strict=True))
    assert held[side.other] == ("NOR", "NO-03")
    assert held[side] == ("USA", None if side is KEAP else "odd")


@pytest.mark.parametrize("how", ["changes", "full", "one record"])
@pytest.mark.parametrize("lost", [False, True])
def test_what_a_create_has_emptied_of_another_person_is_put_back(two: TwoSystems, lost: bool, how: str) -> None:
    """Keap takes a new contact for one with its e-mail address, whose address it replaces; the answer may be lost."""
    ids = _moved_to_arizona(two)
    two._type_in("contacts", CUSTOMCRM, ids[CUSTOMCRM], "Phone", "+12025550143")
    two.session().sync()
    before = [two.read("contacts", side, id) for side, id in ids.items()]
    _later(two)
    two.keap.habits = Habits(takes_for_another=True)
    home = {"email": "ada@example.org", "city": "Turku"}
    bob = two.crm.contacts.add(kb.customcrm.Contact(first_name="Bob", **home))
    two.keap.faults = lambda request: Fault.LOST_ANSWER if lost and request.method == "POST" else None
    two.session().sync()
    two.keap.faults = no_faults
    for _ in range(3):
        _later(two)
        if how == "one record":
            two.session().contacts.sync_ids(keap=[ids[KEAP]], customcrm=[ids[CUSTOMCRM], bob])
        else:
            two.session().sync(full=how == "full")
    assert [two.read("contacts", side, id) for side, id in ids.items()] == before
    assert two.crm.contacts[bob].city == "Turku"


class _Refusing(CountingDriver):
    """The store refuses some lines of the report, once."""

    refuses = 1

    def _counted(self, effect: Send | Blocking) -> object:
        if self.refuses and isinstance(effect, Blocking) and effect.label == "runs.add_lines":
            self.refuses -= 1
            raise LinkStoreError("the store does not work", refused=True)
        return super()._counted(effect)


def test_a_line_that_the_store_refuses_is_not_counted(two: TwoSystems) -> None:
    _people(two, "Ada", "Bob")
    two.crm.contacts.add(kb.customcrm.Contact(first_name="Cy", email="cy@example.org", job_title="Refused"))
    report = two.session(_Refusing(two.clock)).sync()
    told = sum(report.count(outcome) for outcome in {line.outcome for line in report.lines})
    assert (report.count("failed"), told) == (len(report.failures), len(list(report.lines)))
    _later(two)
    assert two.session().sync().count("failed") == 1, "who was refused is tried and told again"


def test_a_country_is_cleared_in_keap_though_its_region_cannot_be_read(two: TwoSystems) -> None:
    """Keap holds no region without a country: it goes along, and comes back with a country."""
    ids = _moved_to_arizona(two)
    two.crm.contacts.edit(ids[CUSTOMCRM], country=None)
    for _ in range(2):
        two.session().sync()
        _later(two)
    assert _both_places(two, ids) == [(None, "odd"), (None, None)]
    two._type_in("contacts", KEAP, ids[KEAP], "Country", "USA")
    for _ in range(2):
        two.session().sync()
        _later(two)
    assert _both_places(two, ids) == [("USA", "US-AZ")] * 2


def test_a_new_company_with_the_id_of_one_that_is_gone_is_another(two: TwoSystems) -> None:
    """Keap's answer to a create does not show when a company was made: it is read to tell them apart."""
    acme = two.crm.customers.add(kb.customcrm.Customer(name="Acme", city="Oslo", description="Red"))
    two.session().sync()
    _later(two)
    [id] = two.keap.companies
    two.keap.companies.delete(id)
    two.keap.companies.reuse(id)
    birch = two.crm.customers.add(kb.customcrm.Customer(name="Birch"))
    two.session().sync()
    held = two.crm.customers[acme]
    assert (held.name, held.city, held.description) == ("Acme", "Oslo", "Red")
    assert two.keap.companies[id].company_name == "Birch"
    assert [link for link in two.links() if link[0] == "companies"] == [("companies", birch, id)]


def test_a_run_ends_when_one_write_after_the_other_fails_as_nobody_has_foreseen(
    two: TwoSystems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "IN_A_ROW", 3)
    people = _people(two, "Ada", "Bob", "Cy", "Dee")
    two.session().sync()
    _later(two)
    for id in people:
        two.crm.contacts.edit(id, city="Turku")

    def odd(request: Request) -> None:
        if request.method == "PATCH":
            raise KeyError("city")

    two.keap.faults = odd
    with pytest.raises(kb.SyncError, match="3 records in a row failed"):
        two.session().sync()
    two.keap.faults = no_faults
    _later(two)
    two.session().sync()
    assert {two.read("contacts", KEAP, id)["City"] for id in two.keap.contacts} == {"Turku"}


@pytest.mark.parametrize("is_noticed", [False, True])
def test_a_company_with_the_id_of_one_that_was_deleted_in_customcrm_and_then_in_keap_is_another(
    two: TwoSystems, is_noticed: bool
) -> None:
    acme = two.crm.customers.add(kb.customcrm.Customer(name="Acme", phone="+47 22 33 44 55"))
    two.session().sync()
    _later(two)
    [id] = two.keap.companies
    two.crm.customers.delete(acme)
    for _ in range(2):
        two.session().sync(full=True)
        _later(two)
    assert [link for link in two.links() if link[0] == "companies"] == []
    two.keap.companies.delete(id)
    if is_noticed:
        two.session().sync(full=True)
    _later(two)
    two.keap.companies.reuse(id)
    assert two.keap.companies.add(kb.keap.Company(company_name="Birch", phone_number=None)) == id
    two.session().sync()
    assert [two.crm.customers[each].name for each in two.crm.customers] == ["Birch"]
    _later(two)
    two.session().sync(full=True)
    assert [two.crm.customers[each].name for each in two.crm.customers] == ["Birch"]
    assert len([link for link in two.links() if link[0] == "companies"]) == 1
