"""Custom fields of Keap: mapped by label or id, typed, and the unmapped ones of a record left alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tiers import variants

import keapbridge as kb
from keapbridge.testing import Fault, KeapBehaviour

if TYPE_CHECKING:
    from conftest import World

Json = dict[str, Any]
ADA = {"FirstName": "Ada", "Email": "ada@example.org"}

# type, options, the lens, Customcrm's values, and Keap's contents for them as this library writes them
TYPES: list[tuple[str, tuple[str, ...], Any, Any, Any, Any, Any]] = [
    ("TEXT", (), kb.text, "one", "two", "one", "two"),
    ("TEXT_AREA", (), kb.text, "one\nline", "two", "one\nline", "two"),
    ("NAME", (), kb.text, "Ada", "Augusta", "Ada", "Augusta"),
    ("WEBSITE", (), kb.text, "https://a.example", "https://b.example", "https://a.example", "https://b.example"),
    ("SOCIAL_SECURITY_NUMBER", (), kb.text, "000-11", "000-22", "000-11", "000-22"),
    ("STATE", (), kb.text, "AZ", "CA", "AZ", "CA"),
    ("DRILLDOWN", ("Norway", "Chile"), kb.text, "Norway", "Chile", "Norway", "Chile"),
    ("DROPDOWN", ("Small", "Large"), kb.text, "Small", "Large", "Small", "Large"),
    ("RADIO", ("Small", "Large"), kb.text, "Small", "Large", "Small", "Large"),
    ("EMAIL", (), kb.email, "a@example.org", "b@example.org", "a@example.org", "b@example.org"),
    ("PHONE_NUMBER", (), kb.phone, "+4722222222", "+4733333333 x7", "+4722222222", "+4733333333 x7"),
    ("DATE", (), kb.date, "2026-01-02", "2026-03-04", "2026-01-02", "2026-03-04"),
    ("DATE", (), kb.text, "2026-01-02", "2026-03-04", "2026-01-02", "2026-03-04"),
    (
        *("DATE_TIME", (), kb.date_time, "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678Z"),
        *("2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05.678Z"),
    ),
    ("YES_NO", (), kb.boolean, True, False, 1, 0),
    ("WHOLE_NUMBER", (), kb.integer, 38, 39, 38, 39),
    ("WHOLE_NUMBER", (), kb.text, "38", "39", 38, 39),
    ("YEAR", (), kb.integer, 2026, 1999, 2026, 1999),
    ("MONTH", (), kb.integer, 1, 12, 1, 12),
    ("DAY_OF_WEEK", (), kb.integer, 1, 7, 1, 7),
    ("USER", (), kb.text, "12", "13", "12", "13"),
    ("CURRENCY", (), kb.decimal, 12.5, 13, 12.5, 13),
    ("DECIMAL_NUMBER", (), kb.decimal, 0.1, 0.25, 0.1, 0.25),
    ("PERCENT", (), kb.decimal, 12.5, 99.99, 12.5, 99.99),
    ("LIST_BOX", ("Red", "Green", "Blue"), kb.choices, ["Green", "Red"], ["Blue"], ["Green", "Red"], ["Blue"]),
    ("USER_LIST_BOX", (), kb.choices, ["12", "7"], ["7"], ["12", "7"], ["7"]),
]
# The ways in which a value is kept in Keap that are the least like a text: a number that is a truth value, a list.
QUICK = ("YES_NO", "LIST_BOX")
every_type = pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case[0] in QUICK else pytest.mark.thorough) for case in TYPES],
    ids=lambda case: f"{case[0]}-{case[2].__name__}",
)


def mapped(object: str, *lenses: Any) -> dict[str, kb.mapping.Mapper]:
    return {object: getattr(kb.mapping, object).with_lenses(*lenses)}


def contents(world: World, object: str = "contacts", id: str = "1") -> Json:
    """What a record of Keap holds in its custom fields, by their labels."""
    table = getattr(world.keap.state, object)
    return {table.custom_fields[f["id"]]["label"]: f["content"] for f in table[id].get("custom_fields", ())}


def model_calls(world: World) -> list[str]:
    return [f"{r.method} {r.path.removeprefix('/crm/rest/v2')}" for r in world.keap.requests if "/model" in r.path]


def _sync(world: World, mapping: dict[str, kb.mapping.Mapper]) -> kb.Report:
    """One run of the synchronization that has the field."""
    with world.sessions(**mapping) as session:
        report: kb.Report = session.contacts.sync()
    return report


@every_type
def test_every_type_flows_both_ways(world: World, case: tuple[str, tuple[str, ...], Any, Any, Any, Any, Any]) -> None:
    type, options, lens, one, two, their_one, their_two = case
    field = world.keap.state.contacts.add_custom_field("Own field", type, options=options)
    other = world.keap.state.contacts.add_custom_field("Other")
    mapping = mapped("contacts", lens("Own", keap=kb.custom_field("own FIELD")))
    a = world.crm.state.contacts.add(ADA | {"Own": one})
    assert _sync(world, mapping).ok
    assert contents(world) == {"Own field": their_one}

    world.keap.state.contacts.edit(
        "1", custom_fields=[{"id": other, "content": "kept"}, {"id": field, "content": their_two}]
    )
    assert _sync(world, mapping).ok
    assert world.crm.state.contacts[a]["Own"] == two

    world.let_time_pass()
    world.crm.state.contacts.edit(a, Own=one)
    assert _sync(world, mapping).ok
    assert contents(world) == {"Other": "kept", "Own field": their_one}

    world.crm.state.contacts.edit(a, Own=None)
    assert _sync(world, mapping).ok
    assert contents(world) == {"Other": "kept"}
    world.assert_quiet(**mapping)


REPLACED_OR_MERGED = [KeapBehaviour(company_custom_fields=how) for how in ("replace", "merge")]


@pytest.mark.parametrize(
    "keap_behaviour",
    variants(REPLACED_OR_MERGED, quick=REPLACED_OR_MERGED[:1]),
    ids=lambda b: b.company_custom_fields,
)
@pytest.mark.parametrize("type", variants(["TEXT", "WHOLE_NUMBER", "LIST_BOX"], quick=["LIST_BOX"]))
def test_unmapped_custom_fields_of_a_company_stay_whatever_a_patch_means(world: World, type: str) -> None:
    table = world.keap.state.companies
    label, other = table.add_custom_field("Industry", type), table.add_custom_field("Rating")
    lens = {"TEXT": kb.text, "WHOLE_NUMBER": kb.integer, "LIST_BOX": kb.choices}[type]
    one, two = {"TEXT": ("Looms", "Engines"), "WHOLE_NUMBER": (1, 2), "LIST_BOX": (["a"], ["b"])}[type]
    mapping = mapped("companies", lens("Industry", keap=kb.custom_field(id=label)))
    given = [{"id": other, "content": "A+"}, {"id": label, "content": one}]
    id = table.add({"company_name": "Engines", "custom_fields": given})
    assert world.sync(**mapping).ok
    assert world.crm.state.customers["C1"]["Industry"] == one
    world.assert_quiet(**mapping)
    world.crm.state.customers.edit("C1", Industry=two)
    assert world.sync(**mapping).ok
    assert contents(world, "companies", id) == {"Rating": "A+", "Industry": two}
    world.assert_quiet(**mapping)
    world.crm.state.customers.edit("C1", Industry=None)
    assert world.sync(**mapping).ok
    assert contents(world, "companies", id) == {"Rating": "A+"}
    world.assert_quiet(**mapping)


def test_a_refused_write_that_is_repeated_in_parts_still_carries_the_unmapped_fields(world: World) -> None:
    table = world.keap.state.companies
    rating = table.add_custom_field("Rating")
    table.add_custom_field("Industry")
    mapping = mapped("companies", kb.text("Industry", keap=kb.custom_field("Industry")))
    id = table.add({"company_name": "Engines", "custom_fields": [{"id": rating, "content": "A+"}]})
    world.sync(**mapping)
    world.crm.state.customers.edit("C1", Name="Engines Ltd", Industry="Looms")
    # An answer to a company's PATCH does not show its custom fields.
    world.keap.faults.add(Fault(status=400), method="PATCH")
    assert world.sync(**mapping).ok
    assert table[id]["company_name"] == "Engines Ltd"
    assert contents(world, "companies", id) == {"Rating": "A+", "Industry": "Looms"}


def test_a_quiet_run_does_not_ask_for_the_model(world: World) -> None:
    world.keap.state.contacts.add_custom_field("Shoe size")
    mapping = mapped("contacts", kb.text("ShoeSize", keap=kb.custom_field("Shoe size")))
    world.crm.state.contacts.add(ADA | {"ShoeSize": "38"})
    world.sync(**mapping)
    assert model_calls(world) == ["GET /contacts/model"]
    world.sync(**mapping)
    world.forget_requests()
    world.sync(**mapping)
    assert model_calls(world) == []
    world.sync(full=True, **mapping)
    assert model_calls(world) == ["GET /contacts/model"]


def test_a_mapping_without_custom_fields_never_asks_for_the_model(world: World) -> None:
    world.crm.state.contacts.add(ADA)
    world.sync()
    world.sync(full=True)
    assert model_calls(world) == []


def test_an_option_that_keap_does_not_have_is_held_and_the_other_fields_flow(world: World) -> None:
    world.keap.state.contacts.add_custom_field("Size", "DROPDOWN", options=["Small", "Large"])
    mapping = mapped("contacts", kb.text("Size", keap=kb.custom_field("Size")))
    a = world.crm.state.contacts.add(ADA | {"Size": "Huge"})
    report = world.sync(**mapping)
    assert world.keap.state.contacts["1"]["given_name"] == "Ada"
    assert contents(world) == {}
    held = [line for line in report.lines if line.outcome == "held"]
    assert [line.fields for line in held] == [("Size",)]
    assert "'Size': Small, Large" in held[0].reason
    assert "Huge" not in held[0].reason
    world.let_time_pass()
    world.crm.state.contacts.edit(a, FirstName="Augusta", Size="Large")
    world.sync(**mapping)
    world.let_time_pass()
    world.crm.state.contacts.edit(a, FirstName="A.", Size="Tiny")
    world.sync(**mapping)
    assert world.keap.state.contacts["1"]["given_name"] == "A."
    assert contents(world) == {"Size": "Large"}


@pytest.mark.thorough
def test_a_choice_has_a_name_of_its_own_on_either_side(world: World) -> None:
    field = world.keap.state.contacts.add_custom_field("Size", "RADIO", options=["Small", "Large"])
    mapping = mapped("contacts", kb.choice("Size", {"S": "Small", "L": "Large"}, keap=kb.custom_field("Size")))
    a = world.crm.state.contacts.add(ADA | {"Size": "S"})
    world.sync(**mapping)
    assert contents(world) == {"Size": "Small"}
    world.keap.state.contacts.edit("1", custom_fields=[{"id": field, "content": "2"}])  # an option by its id
    world.sync(**mapping)
    assert world.crm.state.contacts[a]["Size"] == "L"
    world.assert_quiet(**mapping)


@pytest.mark.thorough
def test_options_in_one_text_of_customcrm(world: World) -> None:
    field = world.keap.state.contacts.add_custom_field("Colours", "LIST_BOX", options=["Red", "Green"])
    mapping = mapped("contacts", kb.choices("Colours", keap=kb.custom_field("Colours"), separator=";"))
    a = world.crm.state.contacts.add(ADA | {"Colours": "Red;Green ; Red"})
    world.sync(**mapping)
    assert contents(world) == {"Colours": ["Green", "Red"]}
    world.keap.state.contacts.edit("1", custom_fields=[{"id": field, "content": ["Red", "Green"]}])
    world.assert_quiet(**mapping)  # the order means nothing
    world.keap.state.contacts.edit("1", custom_fields=[{"id": field, "content": ["Red"]}])
    world.sync(**mapping)
    assert world.crm.state.contacts[a]["Colours"] == "Red"


@pytest.mark.thorough
def test_a_field_that_flows_to_keap_only_is_not_carried_back(world: World) -> None:
    field = world.keap.state.contacts.add_custom_field("Shoe size", "WHOLE_NUMBER")
    mapping = mapped("contacts", kb.text("ShoeSize", keap=kb.custom_field("Shoe size"), direction="to_keap"))
    a = world.crm.state.contacts.add(ADA | {"ShoeSize": "38"})
    world.sync(**mapping)
    world.keap.state.contacts.edit("1", custom_fields=[{"id": field, "content": 45}])
    world.sync(**mapping)
    assert world.crm.state.contacts[a]["ShoeSize"] == "38"
    assert contents(world) == {"Shoe size": 45}


# --- fields that are not there --------------------------------------------------------------------------------------


def test_a_label_that_keap_does_not_have_stops_the_run_and_says_what_there_is(world: World) -> None:
    world.keap.state.contacts.add_custom_field("Hat size")
    world.crm.state.contacts.add(ADA)
    world.crm.state.customers.add({"Name": "Engines"})
    with pytest.raises(kb.MappingError, match=r"'Shoe size'.*'Hat size' \(1\).*create=True"):
        world.sync(**mapped("contacts", kb.text("ShoeSize", keap=kb.custom_field("Shoe size"))))
    with pytest.raises(kb.MappingError, match=r"the id 77.*'Hat size' \(1\)"):
        world.sync(**mapped("contacts", kb.text("ShoeSize", keap=kb.custom_field(id="77"))))
    with pytest.raises(kb.MappingError, match="type TEXT, not YES_NO"):
        world.sync(**mapped("contacts", kb.boolean("HasHat", keap=kb.custom_field("Hat size", type="YES_NO"))))
    assert world.writes == []


def test_two_fields_with_one_label_are_told_apart_by_id_only(world: World) -> None:
    world.keap.state.contacts.add_custom_field("Size")
    second = world.keap.state.contacts.add_custom_field("SIZE ")
    world.crm.state.contacts.add(ADA | {"Size": "L"})
    with pytest.raises(kb.MappingError, match=r"\(1, 2\)"):
        world.sync(**mapped("contacts", kb.text("Size", keap=kb.custom_field("size"))))
    world.sync(**mapped("contacts", kb.text("Size", keap=kb.custom_field(id=second))))
    assert world.keap.state.contacts["1"]["custom_fields"] == [{"id": second, "content": "L"}]


def test_a_field_is_made_once_and_not_by_planning(world: World) -> None:
    size = kb.custom_field("Size", create=True, type="DROPDOWN", options=["S", "L"])
    mapping = mapped("contacts", kb.text("Size", keap=size))
    world.crm.state.contacts.add(ADA | {"Size": "L"})
    world.crm.state.contacts.add({"FirstName": "Bob", "Email": "bob@example.org", "Size": "XXL"})
    with world.sessions(**mapping) as session:
        plan = session.plan()
        assert session.plan().counts == plan.counts
        assert world.writes == []
        assert not world.keap.state.contacts.custom_fields
        report = session.apply(plan.id)
    assert report.count("held", "contacts") == 1
    [field] = world.keap.state.contacts.custom_fields.values()
    assert (field["label"], field["field_type"]) == ("Size", "DROPDOWN")
    assert [option["label"] for option in field["options"]] == ["S", "L"]
    assert {c["given_name"]: c.get("custom_fields", []) for c in world.keap.state.contacts.values()} == {
        "Ada": [{"id": field["id"], "content": "L"}],
        "Bob": [],
    }
    for full in (False, True):
        world.sync(full=full, **mapping)
    assert len(world.keap.state.contacts.custom_fields) == 1
    assert [call for call in model_calls(world) if call.startswith("POST")] == ["POST /contacts/model/customFields"]


@pytest.mark.parametrize("create", [False, True], ids=["", "and was made by a run"])
def test_a_field_that_was_deleted_in_keap_clears_nothing_and_stops_nothing_else(world: World, *, create: bool) -> None:
    if not create:
        world.keap.state.contacts.add_custom_field("Shoe size")
    named = kb.custom_field("Shoe size", type="TEXT", create=create)
    mapping = mapped("contacts", kb.text("ShoeSize", keap=named))
    a = world.crm.state.contacts.add(ADA | {"ShoeSize": "38"})
    world.sync(**mapping)
    [field] = world.keap.state.contacts.custom_fields
    world.keap.state.contacts.delete_custom_field(field)
    world.keap.state.contacts.edit("1", given_name="Augusta")
    world.crm.state.contacts.edit(a, JobTitle="Countess", ShoeSize="39")
    world.crm.state.customers.add({"Name": "Engines"})
    for _ in range(2):
        report = world.sync(**mapping)
        [line] = [line for line in report.lines if line.outcome == "held"]
        assert (line.fields, line.keap_id) == (("ShoeSize",), "*")
        assert "no custom field 'Shoe size'" in line.reason
    assert world.crm.state.contacts[a]["ShoeSize"] == "39"
    assert world.crm.state.contacts[a]["FirstName"] == "Augusta"
    assert world.keap.state.contacts["1"]["job_title"] == "Countess"
    assert len(world.keap.state.companies) == 1
    assert not world.keap.state.contacts.custom_fields, "what somebody has deleted is not made again by itself"
    world.keap.state.contacts.add_custom_field("Shoe size")
    assert world.sync(full=True, **mapping).ok
    assert world.crm.state.contacts[a]["ShoeSize"] == "39"
    [filled] = world.keap.state.contacts["1"]["custom_fields"]
    assert filled["content"] == "39"


@pytest.mark.parametrize("taken", variants([False, True], quick=[True]), ids=["", "and its old label is another's"])
def test_a_field_is_followed_by_its_id_when_its_label_is_another(world: World, *, taken: bool) -> None:
    table = world.keap.state.companies
    field = table.add_custom_field("Size")
    mapping = mapped("companies", kb.text("Size", keap=kb.custom_field("Size")))
    a = world.crm.state.customers.add({"Name": "Engines", "Size": "38"})
    world.sync(**mapping)
    table.custom_fields[field]["label"] = "Size (EU)"
    if taken:
        table.add_custom_field("Size")
    world.crm.state.customers.edit(a, Size="39")
    assert world.sync(full=True, **mapping).ok
    [company] = table.keys()
    assert table[company]["custom_fields"] == [{"id": field, "content": "39"}]
    table.edit(company, custom_fields=[{"id": field, "content": "40"}])
    assert world.sync(**mapping).ok
    assert world.crm.state.customers[a]["Size"] == "40"


@pytest.mark.parametrize("full", variants([False, True], quick=[False]))
def test_a_field_that_was_made_anew_is_filled_as_at_first_contact(world: World, *, full: bool) -> None:
    table, ours = world.keap.state.companies, world.crm.state.customers
    old = table.add_custom_field("Size")
    mapping = mapped("companies", kb.text("Size", keap=kb.custom_field("Size")))
    for name in ("Engines", "Looms"):
        ours.add({"Name": name, "Size": name[:2]})
    world.sync(**mapping)
    table.delete_custom_field(old)
    world.sync(**mapping)
    new = table.add_custom_field("Size")
    table.edit(min(table.keys()), notes="news")
    assert world.sync(full=full, **mapping).ok
    assert [record["Size"] for record in ours.values()] == ["En", "Lo"]
    assert {record["company_name"]: record["custom_fields"] for record in table.values()} == {
        "Engines": [{"id": new, "content": "En"}],
        "Looms": [{"id": new, "content": "Lo"}],
    }
    world.assert_quiet(**mapping)


def test_a_refused_write_makes_the_next_run_ask_for_the_model_again(world: World) -> None:
    table = world.keap.state.contacts
    old = table.add_custom_field("Shoe size")
    mapping = mapped("contacts", kb.text("ShoeSize", keap=kb.custom_field("Shoe size"), direction="to_keap"))
    a = world.crm.state.contacts.add(ADA | {"ShoeSize": "38"})
    world.sync(**mapping)
    table.delete_custom_field(old)
    new = table.add_custom_field("Shoe size")
    world.let_time_pass()
    world.crm.state.contacts.edit(a, ShoeSize="39", FirstName="Augusta")
    with world.sessions(**mapping) as session:
        assert session.contacts.sync_ids(customcrm=[a]).failures  # it looks at nothing of Keap that could tell
        session.contacts.retry(keap=["1"], customcrm=[a])
    assert table["1"]["given_name"] == "Augusta"
    assert world.sync(**mapping).ok
    assert table["1"]["custom_fields"] == [{"id": new, "content": "39"}]


def test_what_is_unreadable_in_a_custom_field_is_left_alone(world: World) -> None:
    field = world.keap.state.contacts.add_custom_field("Age")
    mapping = mapped("contacts", kb.integer("Age", keap=kb.custom_field("Age")))
    world.keap.state.contacts.add(
        {
            "given_name": "Ada",
            "email_addresses": [{"field": "EMAIL1", "email": "ada@example.org"}],
            "custom_fields": [{"id": field, "content": "old enough"}],
        }
    )
    report = world.sync(**mapping)
    assert [line.fields for line in report.lines if line.outcome == "held"] == [("Age",)]
    [contact] = world.crm.state.contacts.values()
    world.crm.state.contacts.edit(contact["Id"], Age=36)
    world.sync(**mapping)
    assert contents(world) == {"Age": "old enough"}


def test_a_record_that_waits_in_a_plan_is_written_as_the_field_is_when_it_is_applied(world: World) -> None:
    world.keap.state.contacts.add_custom_field("Shoe size", "WHOLE_NUMBER")
    mapping = mapped("contacts", kb.integer("ShoeSize", keap=kb.custom_field("Shoe size")))
    world.crm.state.contacts.add(ADA | {"ShoeSize": 38})
    with world.sessions(**mapping) as session:
        plan = session.plan()
    with world.sessions(**mapping) as session:
        session.apply(plan.id)
    assert contents(world) == {"Shoe size": 38}


def test_undo_takes_a_custom_field_back(world: World) -> None:
    world.keap.state.contacts.add_custom_field("Shoe size", "WHOLE_NUMBER")
    mapping = mapped("contacts", kb.integer("ShoeSize", keap=kb.custom_field("Shoe size")))
    a = world.crm.state.contacts.add(ADA | {"ShoeSize": 38})
    world.sync(**mapping)
    world.let_time_pass()
    world.crm.state.contacts.edit(a, ShoeSize=39)
    with world.sessions(**mapping) as session:
        run = session.sync().run_id
        assert contents(world) == {"Shoe size": 39}
        session.undo(run)
    assert contents(world) == {"Shoe size": 38}


@pytest.mark.thorough
def test_custom_fields_are_asked_for_and_carried_along_in_writes(world: World) -> None:
    table = world.keap.state.contacts
    mine, other = table.add_custom_field("Mine"), table.add_custom_field("Other")
    mapping = mapped("contacts", kb.text("Mine", keap=kb.custom_field("Mine")))
    a = world.crm.state.contacts.add(ADA | {"Mine": "x"})
    world.sync(**mapping)
    table.edit("1", custom_fields=[{"id": other, "content": "kept"}, {"id": mine, "content": "x"}])
    world.sync(**mapping)
    world.forget_requests()
    world.let_time_pass()
    world.crm.state.contacts.edit(a, Mine="y")
    world.sync(**mapping)
    [write] = world.keap.requests.writes
    assert json.loads(write.body) == {"custom_fields": [{"id": other, "content": "kept"}, {"id": mine, "content": "y"}]}


@pytest.mark.parametrize(
    "again", variants(["as it was", "with another label", "made anew"], quick=["with another label", "made anew"])
)
def test_a_field_that_comes_back_to_the_mapping_is_told_from_one_that_was_made_anew(world: World, again: str) -> None:
    table = world.keap.state.contacts
    id = table.add_custom_field("Shoe size")
    mapping = mapped("contacts", kb.text("ShoeSize", keap=kb.custom_field("Shoe size")))
    policy = kb.Policy(conflicts="keap")
    a = world.crm.state.contacts.add(ADA | {"ShoeSize": "42"})
    world.sync(policy=policy, **mapping)
    world.sync(policy=policy)
    if again == "with another label":
        table.custom_fields[id]["label"] = "Size of shoes"
        table.add_custom_field("Shoe size")  # which is another one
    elif again == "made anew":
        table.delete_custom_field(id)
        id = table.add_custom_field("Shoe size")
        table.edit("1", custom_fields=[{"id": id, "content": "42"}])
    world.let_time_pass()
    world.crm.state.contacts.edit(a, ShoeSize="43")
    world.sync(policy=policy, **mapping)
    # Of a field that was made anew nothing was known before, so that policy decides.
    wanted = "42" if again == "made anew" else "43"
    assert table["1"]["custom_fields"] == [{"id": id, "content": wanted}]
    assert world.crm.state.contacts[a]["ShoeSize"] == wanted
