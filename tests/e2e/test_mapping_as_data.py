"""Mappings that hosts declare: many properties of their own, custom fields, filters, and what becomes of bad data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tiers import variants

import keapbridge as kb
from keapbridge.demo._invented import invent, load
from keapbridge.mapping import contacts, products
from keapbridge.testing import Fault

if TYPE_CHECKING:
    from conftest import World

Json = dict[str, Any]
OURS = contacts.where(customcrm={"Status": "active"})


def person(world: World, n: int = 1, **more: Any) -> str:
    return world.crm.state.contacts.add({"FirstName": f"Ada{n}", "LastName": "L", "Email": f"a{n}@example.org"} | more)


def keap_person(world: World, n: int = 1, **more: Any) -> str:
    email = {"email": f"k{n}@example.org", "field": "EMAIL1"}
    return world.keap.state.contacts.add({"given_name": f"Kim{n}", "email_addresses": [email]} | more)


def outcomes(report: kb.Report) -> list[tuple[str, str]]:
    return [(line.outcome, line.reason) for line in report.lines]


# --- filters --------------------------------------------------------------------------------------------------------


def test_what_is_outside_the_filter_is_given_no_counterpart_and_not_matched(world: World) -> None:
    person(world, 1, Status="active")
    person(world, 2, Status="archived")
    person(world, 3)
    same = {"email": "a2@example.org", "field": "EMAIL1"}
    world.keap.state.contacts.add({"given_name": "Ada2", "family_name": "L", "email_addresses": [same], "tag_ids": []})
    mapper = OURS.where(keap=lambda record: record.given_name != "Ada2")
    report = world.sync(contacts=mapper)
    assert [line.outcome for line in report.lines] == ["created"]
    assert world.counts()["contacts"] == (3, 2)
    world.assert_quiet(contacts=mapper)


@pytest.mark.parametrize("full", variants([False, True], quick=[False]), ids=["incremental", "full"])
@pytest.mark.parametrize("deletions", variants(["unlink", "delete"], quick=["delete"]))
def test_a_record_that_leaves_the_filter_is_parked_and_not_taken_for_deleted(
    world: World, full: bool, deletions: str
) -> None:
    options: Json = {"contacts": OURS, "policy": kb.Policy(deletions=deletions)}
    a = person(world, 1, Status="active")
    assert world.sync(**options).count("created") == 1
    world.let_time_pass()
    world.crm.state.contacts.edit(a, Status="archived", JobTitle="Countess")
    world.keap.state.contacts.edit("1", middle_name="King")
    for _ in range(2):
        report = world.sync(full=full, **options)
        assert outcomes(report) == [("skipped", "outside the filter of the mapping")]
    world.assert_quiet(**options)
    assert world.counts()["contacts"] == (1, 1)
    assert world.keap.state.contacts["1"].get("job_title") is None
    assert world.crm.state.contacts[a].get("MiddleName") is None

    world.crm.state.contacts.edit(a, Status="active")
    assert world.sync(full=full, **options).ok
    assert world.keap.state.contacts["1"]["job_title"] == "Countess"
    assert world.crm.state.contacts[a]["MiddleName"] == "King"
    world.assert_quiet(**options)


def test_a_record_whose_mapped_values_did_not_change_leaves_the_filter_all_the_same(world: World) -> None:
    a = person(world, 1, Status="active")
    world.sync(contacts=OURS)
    world.crm.state.contacts.edit(a, Status="archived")
    world.sync(contacts=OURS)
    world.keap.state.contacts.edit("1", middle_name="King")
    assert outcomes(world.sync(contacts=OURS)) == [("skipped", "outside the filter of the mapping")]
    assert world.crm.state.contacts[a].get("MiddleName") is None


@pytest.mark.habits(deleted="404")
def test_nothing_outside_the_filter_is_deleted_with_its_counterpart(world: World) -> None:
    a = person(world, 1, Status="active")
    options: Json = {"contacts": OURS, "policy": kb.Policy(deletions="delete")}
    world.sync(**options)
    world.crm.state.contacts.edit(a, Status="archived")
    world.sync(**options)
    world.keap.state.contacts.delete("1")
    report = world.sync(full=True, **options)
    assert [line.outcome for line in report.lines] == ["unlinked"]
    assert world.counts()["contacts"] == (1, 0)
    world.assert_quiet(**options)


def test_a_filter_that_changes_is_seen_by_the_next_run(world: World) -> None:
    person(world, 1, Status="active")
    person(world, 2, Status="new")
    world.sync(contacts=OURS)
    assert world.counts()["contacts"] == (2, 1)
    both = contacts.where(customcrm={"Status": ("active", "new")})
    assert world.sync(contacts=both).count("created") == 1
    assert world.sync(contacts=OURS).count("skipped") == 1  # the second one is parked
    assert world.counts()["contacts"] == (2, 2)


def test_a_record_that_leaves_the_filter_between_plan_and_apply_is_left_alone(world: World) -> None:
    a, b = person(world, 1, Status="active"), person(world, 2, Status="active")
    world.sync(contacts=OURS)
    world.let_time_pass()
    world.keap.state.contacts.edit("1", middle_name="King")
    world.keap.state.contacts.edit("2", middle_name="Queen")
    with world.sessions(contacts=OURS) as session:
        plan = session.plan()
        world.crm.state.contacts.edit(a, Status="archived")
        report = session.apply(plan)
    assert ("skipped", "outside the filter of the mapping") in outcomes(report)
    names = [world.crm.state.contacts[id].get("MiddleName") for id in (a, b)]
    assert sorted(map(str, names)) == ["None", "Queen"] or sorted(map(str, names)) == ["King", "None"]
    assert world.crm.state.contacts[a].get("MiddleName") is None


def test_a_constant_brings_what_the_sync_makes_within_the_filter(world: World) -> None:
    mapper = OURS.with_lenses(kb.constant("Status", "active"))
    keap_person(world)
    assert world.sync(contacts=mapper).ok
    assert world.crm.state.contacts["A1"]["Status"] == "active"
    world.assert_quiet(contacts=mapper)
    world.let_time_pass()
    world.keap.state.contacts.edit("1", given_name="Kai")
    assert world.sync(contacts=mapper).ok
    assert world.crm.state.contacts["A1"]["FirstName"] == "Kai"


def test_keaps_records_are_filtered_by_their_tags(world: World) -> None:
    keap_person(world, 1, tag_ids=["7", "12"])
    keap_person(world, 2, tag_ids=["7"])
    mapper = contacts.where(keap={"tag_ids": "12"})
    assert world.sync(contacts=mapper).count("created") == 1
    assert [c["FirstName"] for c in world.crm.state.contacts.values()] == ["Kim1"]


# --- what becomes of emptiness, of required values, of names and prices ---------------------------------------------


@pytest.mark.habits(empty_text="clears")  # else nothing can be emptied, where nothing else does
def test_an_emptied_value_is_kept_where_the_mapping_says_so(world: World) -> None:
    lens = kb.text("JobTitle", keap="job_title", on_empty="keep")
    options: Json = {"contacts": contacts.with_lenses(lens)}
    a = person(world, JobTitle="Countess", MiddleName="King")
    world.sync(**options)
    world.crm.state.contacts.edit(a, JobTitle=None, MiddleName=None)
    assert world.sync(**options).ok
    contact = world.keap.state.contacts["1"]
    assert (contact["job_title"], contact.get("middle_name")) == ("Countess", None)
    world.assert_quiet(**options)
    world.let_time_pass()
    world.keap.state.contacts.edit("1", job_title="Baroness")
    assert world.sync(**options).ok
    assert world.crm.state.contacts[a]["JobTitle"] == "Baroness"
    world.assert_quiet(**options)


def test_what_is_required_is_not_cleared(world: World) -> None:
    id = world.crm.state.customers.add({"Name": "Acme", "City": "Oslo"})
    world.sync()
    world.crm.state.customers.edit(id, Name="", City="Bergen")
    report = world.sync()
    assert outcomes(report) == [("updated", ""), ("held", "Keap needs it")]
    (company,) = world.keap.state.companies.values()
    assert (company["company_name"], company["address"]["locality"]) == ("Acme", "Bergen")
    world.assert_quiet()


def test_a_whole_name_goes_to_both_of_keaps_properties(world: World) -> None:
    mapper = contacts.without("FirstName", "LastName").with_lenses(kb.full_name("Name"))
    options: Json = {"contacts": mapper}
    a = world.crm.state.contacts.add({"Name": "Ludwig van  Beethoven", "Email": "l@example.org"})
    assert world.sync(**options).ok
    contact = world.keap.state.contacts["1"]
    assert (contact["given_name"], contact["family_name"]) == ("Ludwig", "van Beethoven")
    world.assert_quiet(**options)
    world.let_time_pass()
    world.keap.state.contacts.edit("1", given_name="Ludwig van", family_name="Beethoven")
    world.assert_quiet(**options)
    world.keap.state.contacts.edit("1", family_name="B.")
    assert world.sync(**options).ok
    assert world.crm.state.contacts[a]["Name"] == "Ludwig van B."
    world.assert_quiet(**options)


def test_prices_without_a_currency_of_their_own(world: World) -> None:
    own = {
        "products": products.without("Price").with_lenses(kb.money("Amount", always="USD", keap="price", required=True))
    }
    world.keap.state.products.add({"name": "Widget", "sku": "W", "price": 1250, "short_description": "w"})
    world.crm.state.products.add({"Name": "Gadget", "Sku": "G", "Amount": "3.5"})
    world.crm.state.products.add({"Name": "Odd", "Sku": "O", "Amount": "3.505"})
    report = world.sync(**own)
    held = [line.reason for line in report.lines if line.outcome == "skipped"]
    assert held == ["Keap needs Amount (Amount: more decimals than USD has)"]
    assert {p["Name"]: str(p["Amount"]) for p in world.crm.state.products.values()} == {
        "Widget": "12.50",
        "Gadget": "3.5",
        "Odd": "3.505",
    }
    assert sorted(p["price"]["amount"] for p in world.keap.state.products.values()) == [350, 1250]
    world.assert_quiet(**own)


# --- bad data -------------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Any, str]] = {
    "Email2": ("not an address", "not a valid e-mail address"),
    "Phone": ("call me", "not a possible phone number (without a country or a default region it needs a + prefix)"),
    "Country": ("Atlantis", "not a known country"),
    "ZipCode": ("1" * 16, "longer than 15 characters"),
    "JobTitle": ("a\x00b", "a control character (U+0000)"),
    "Title": ("a\x07b", "a control character (U+0007)"),
    "Website": ("https://" + "x" * 100, "longer than 100 characters"),
    "MiddleName": ("a\ud800b", "half of a surrogate pair, which is no character"),
}


def test_every_bad_value_is_held_with_its_reason_the_others_flow_and_nothing_is_cleared(world: World) -> None:
    """The half character comes as an answer of Customcrm, in JSON's escapes."""
    good = {
        "Email2": "b@example.org",
        "Phone": "+4722222222",
        "Country": "NO",
        "ZipCode": "0150",
        "JobTitle": "Countess",
        "Title": "Ms",
        "Website": "https://a.example",
        "MiddleName": "King",
    }
    a = person(world, **good)
    assert world.sync().ok  # one after the other, so that Keap's ids are known
    other = person(world, 2)
    assert world.sync().ok
    before = world.keap.state.contacts["1"]
    world.let_time_pass()
    world.crm.state.contacts.edit(
        a, Suffix="III", **{name: raw for name, (raw, _) in BAD.items() if name != "MiddleName"}
    )
    world.crm.state.contacts.edit(other, Suffix="IV")
    items = [world.crm.state.contacts[id] for id in (a, other)]
    items[0] = {**items[0], "MiddleName": BAD["MiddleName"][0]}
    listed = json.dumps({"Items": items}, default=str).encode()
    world.crm.faults.add(Fault(200, listed, "application/json"), method="GET", path="/contacts", times=1)
    report = world.sync()
    held = {line.fields[0]: line.reason for line in report.lines if line.outcome == "held"}
    assert held == {name: reason for name, (_, reason) in BAD.items()} | {k: v for k, v in held.items() if k not in BAD}
    after = world.keap.state.contacts["1"]
    changed = {name for name in after if after[name] != before.get(name)} - {"update_time"}
    assert changed == {"suffix"}
    assert world.keap.state.contacts["2"]["suffix"] == "IV"


# --- the demo's data in a host's own clothes ------------------------------------------------------------------------

# property, kind, type of Keap's custom field, a value, and another
TEXTS = tuple((f"Note{n}", kb.text, "TEXT", f"one {n}", f"two {n}") for n in range(12))
OWN: tuple[tuple[str, Any, str, Any, Any], ...] = (
    *TEXTS,
    *((f"Count{n}", kb.integer, "WHOLE_NUMBER", n, n + 100) for n in range(5)),
    *((f"Share{n}", kb.decimal, "DECIMAL_NUMBER", n + 0.5, n + 0.25) for n in range(3)),
    *((f"Day{n}", kb.date, "DATE", f"2026-01-0{n + 1}", f"2026-02-0{n + 1}") for n in range(3)),
    *(
        (f"Seen{n}", kb.date_time, "DATE_TIME", f"2026-01-0{n + 1}T10:00:00Z", f"2026-03-0{n + 1}T10:00:00Z")
        for n in range(2)
    ),
    *((f"Is{n}", kb.boolean, "YES_NO", True, False) for n in range(3)),
    *((f"List{n}", kb.choices, "LIST_BOX", ["a", "b"], ["c"]) for n in range(2)),
)


@pytest.mark.thorough
def test_the_demos_data_with_thirty_properties_custom_fields_and_a_filter_goes_round(world: World) -> None:
    assert len(OWN) == 30
    things = load(invent(7, customers=8, contacts=40, products=5), world.crm, world.keap)
    for name, _, type, _, _ in OWN:
        world.keap.state.contacts.add_custom_field(f"Own {name}", type)
    own = [kind(name, keap=kb.custom_field(f"Own {name}")) for name, kind, _, _, _ in OWN]
    mapper = contacts.with_lenses(*own, kb.constant("Stage", "live")).where(customcrm={"Stage": ["live", "new"]})
    options: Json = {"contacts": mapper}
    table = world.crm.state.contacts
    outside = sorted(table)[::3]
    for id in sorted(table):
        table.edit(id, Stage="retired" if id in outside else "new", **{name: one for name, _, _, one, _ in OWN})
    before = {id: table[id] for id in outside}

    world.sync(**options)
    with world.sessions(**options) as session:
        links = {link.customcrm_id: link.keap_id for link in session.contacts.links()}
    assert links
    assert not set(links) & set(outside)
    assert len(links) == len(set(links.values()))
    ours = [id for id in links if id in things["contacts", kb.Side.CUSTOMCRM]]
    assert ours
    for id in ours:
        assert held(world, links[id]) == {f"Own {name}": in_keap(kind, one) for name, kind, _, one, _ in OWN}
    world.assert_quiet(**options)

    edited, emptied = ours[0], ours[1]
    world.let_time_pass()
    ids = {field["label"]: id for id, field in world.keap.state.contacts.custom_fields.items()}
    contents = [{"id": ids[f"Own {name}"], "content": in_keap(kind, two)} for name, kind, _, _, two in OWN]
    mine = [
        f
        for f in world.keap.state.contacts[links[edited]]["custom_fields"]
        if f["id"] not in {c["id"] for c in contents}
    ]
    world.keap.state.contacts.edit(links[edited], custom_fields=[*mine, *contents])
    table.edit(emptied, **{name: None for name, *_ in OWN})
    world.sync(**options)
    assert {name: same(table[edited][name]) for name, *_ in OWN} == {name: same(two) for name, _, _, _, two in OWN}
    assert held(world, links[emptied]) == {}
    assert {id: table[id] for id in outside} == before
    world.assert_quiet(**options)


def in_keap(kind: Any, value: Any) -> Any:
    if kind is kb.date_time:
        return value.replace("Z", ".000Z")
    return int(value) if kind is kb.boolean else value


def same(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def held(world: World, id: str) -> Json:
    """What a contact of Keap holds in the custom fields of the host."""
    table = world.keap.state.contacts
    labels = {field["id"]: table.custom_fields[field["id"]]["label"] for field in table[id].get("custom_fields", ())}
    return {labels[f["id"]]: f["content"] for f in table[id].get("custom_fields", ()) if labels[f["id"]][:4] == "Own "}
