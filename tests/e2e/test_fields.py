"""One field at a time: what is edited on one side is written to the other, and nothing else is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tiers import variants

import keapbridge as kb
from keapbridge import mapping

if TYPE_CHECKING:
    from conftest import World

Json = dict[str, Any]


@attrs.frozen
class Field:
    """A mapped field: its value on either side before, and after an edit.

    Attributes:
        customcrm: Customcrm's properties and their values.
        keap: where Keap has it: a property, or a path into it whose middle part is a slot.
    """

    object: str
    name: str
    customcrm: tuple[Json, Json]
    keap: str
    keap_values: tuple[Any, Any]

    @property
    def root(self) -> str:
        return self.keap.split(".")[0]

    def __str__(self) -> str:
        return f"{self.object}-{self.name}"


def _field(object: str, name: str, before: Any, after: Any, keap: str, *keap_values: Any) -> Field:
    return Field(object, name, ({name: before}, {name: after}), keap, keap_values or (before, after))


def _address(object: str, container: str) -> list[Field]:
    return [
        _field(object, "Country", "US", "CA", f"{container}.country_code", "USA", "CAN"),
        _field(object, "Region", "US-AZ", "US-CA", f"{container}.region_code"),
        _field(object, "StreetAddress1", "1 Main St", "2 Side St", f"{container}.line1"),
        _field(object, "StreetAddress2", "Flat 1", "Flat 2", f"{container}.line2"),
        _field(object, "City", "Tempe", "Mesa", f"{container}.locality"),
        _field(object, "ZipCode", "85281", "85201", f"{container}.postal_code"),
    ]


FIELDS = [
    _field("contacts", "FirstName", "Ada", "Augusta", "given_name"),
    _field("contacts", "MiddleName", "M.", "N.", "middle_name"),
    _field("contacts", "LastName", "Lovelace", "King", "family_name"),
    _field("contacts", "Title", "Ms", "Lady", "prefix"),
    _field("contacts", "Suffix", "PhD", "OBE", "suffix"),
    _field("contacts", "Email", "ada@example.org", "lovelace@example.org", "email_addresses.EMAIL1.email"),
    _field("contacts", "Email2", "ada2@example.org", "ada22@example.org", "email_addresses.EMAIL2.email"),
    *_address("contacts", "addresses.BILLING"),
    _field("contacts", "Phone", "+16025550101", "+16025550199", "phone_numbers.PHONE1.number"),
    _field("contacts", "MobilePhone", "+16025550102", "+16025550198", "phone_numbers.PHONE2.number"),
    _field("contacts", "Fax", "+16025550103", "+16025550197", "fax_numbers.FAX1.number"),
    _field("contacts", "JobTitle", "Countess", "Analyst", "job_title"),
    _field("contacts", "Website", "https://a.example.org", "https://b.example.org", "website"),
    _field("contacts", "BirthDate", "1815-12-10", "1815-12-11", "birth_date"),
    _field("contacts", "CustomerId", "C1", "C2", "company.id", "500001", "500002"),
    _field("companies", "Name", "Engines", "Engines Ltd", "company_name"),
    _field("companies", "Description", "One\nTwo", "Three", "notes"),
    *_address("companies", "address"),
    _field("companies", "Email", "office@example.org", "desk@example.org", "email_address.email"),
    _field("companies", "Phone", "+16025550111", "+16025550189", "phone_number.number"),
    _field("companies", "Fax", "+16025550112", "+16025550188", "fax_number.number"),
    _field("companies", "Website", "https://c.example.org", "https://d.example.org", "website"),
    _field("products", "Name", "Widget", "Wodget", "name"),
    _field("products", "Sku", "W-1", "W-2", "sku"),
    _field("products", "Description", "A widget", "A better widget", "description"),
    _field("products", "ShortDescription", "widget", "better", "short_description"),
    Field(
        "products",
        "Price",
        ({"Price": "12.50", "Currency": "USD"}, {"Price": "13.75", "Currency": "USD"}),
        "price.amount",
        (1250, 1375),
    ),
    _field("products", "Active", True, False, "active"),
]
TABLES = {"contacts": "contacts", "companies": "customers", "products": "products"}
every_object = pytest.mark.parametrize(
    "object", variants(TABLES, quick=["contacts"])
)  # it has nearly all kinds of fields
each_object = pytest.mark.parametrize("object", variants(TABLES, quick=["products"]))  # it has fewest
COMPANY_1, COMPANY_2, PRODUCT = "500001", "500002", "900001"
IDS = {"contacts": ("A1", "1"), "companies": ("C1", COMPANY_1), "products": ("P1", PRODUCT)}


def _ours(object: str) -> Json:
    return {name: value for f in FIELDS if f.object == object for name, value in f.customcrm[0].items()}


def _settle(world: World) -> str:
    """One linked record of each kind on both sides, every mapped field filled, with much in Keap that is not mapped."""
    shoe_size = world.keap.state.contacts.add_custom_field("Shoe size", "WHOLE_NUMBER")
    industry = world.keap.state.companies.add_custom_field("Industry")
    world.crm.state.customers.add_many([_ours("companies") | {"Mood": "calm"}, {"Name": "Looms"}])
    world.crm.state.products.add(_ours("products") | {"Colour": "red"})
    world.crm.state.contacts.add(_ours("contacts") | {"ShoeSize": 38, "Tags": ["a", {"b": 1}]})
    world.keap.state.companies.add_many(
        [
            {
                "company_name": "Engines",
                "notes": "One\nTwo",
                "website": "https://c.example.org",
                "custom_fields": [{"id": industry, "content": "Computing"}],
                "address": {
                    "field": "BILLING",
                    "line1": "1 Main St",
                    "line2": "Flat 1",
                    "locality": "Tempe",
                    "postal_code": "85281",
                    "country_code": "USA",
                    "region_code": "US-AZ",
                },
                "email_address": {"email": "office@example.org", "field": "EMAIL1"},
                "phone_number": {"number": "+16025550111", "field": "PHONE1", "type": "Work"},
                "fax_number": {"number": "+16025550112", "field": "FAX1", "type": "Work"},
            },
            {"company_name": "Looms"},
        ]
    )
    world.keap.state.products.add(
        {
            "name": "Widget",
            "sku": "W-1",
            "description": "A widget",
            "short_description": "widget",
            "price": 1250,
            "active": True,
            "weight": 2.5,
            "taxable": True,
            "inventory": {"inventory_limit": 3, "inventory_count": 7},
        }
    )
    world.keap.state.contacts.add(
        {
            "given_name": "Ada",
            "middle_name": "M.",
            "family_name": "Lovelace",
            "preferred_name": "Addie",
            "prefix": "Ms",
            "suffix": "PhD",
            "job_title": "Countess",
            "website": "https://a.example.org",
            "birth_date": "1815-12-10",
            "anniversary_date": "1835-07-08",
            "spouse_name": "William",
            "company": {"id": COMPANY_1},
            "time_zone": "Europe/London",
            "leadsource_id": "7",
            "tag_ids": ["3", "4"],
            "utm_parameters": [{"id": 1, "utmSource": "letter", "firstTouch": True, "lastTouch": True}],
            "custom_fields": [{"id": shoe_size, "content": 38}],
            "social_accounts": [{"type": "LINKED_IN", "name": "ada"}],
            "email_addresses": [
                {"email": "ada3@example.org", "field": "EMAIL3"},
                {"email": "ada@example.org", "field": "EMAIL1", "email_opt_status": "SINGLE_OPT_IN"},
                {"email": "ada2@example.org", "field": "EMAIL2"},
            ],
            "phone_numbers": [
                {"number": "+16025550101", "field": "PHONE1", "type": "Work"},
                {"number": "+16025550102", "field": "PHONE2", "type": "Mobile"},
                {"number": "602-555-0133", "field": "PHONE3", "type": "Home", "extension": "12"},
                {"number": "ask Byron", "field": "PHONE4"},
                {"number": "+442079460000", "field": "PHONE5", "type": "Other"},
            ],
            "fax_numbers": [
                {"number": "+16025550103", "field": "FAX1", "type": "Work"},
                {"number": "0207 946", "field": "FAX2", "type": "Home"},
            ],
            "addresses": [
                {"field": "OTHER", "line1": "Ockham Park", "country_code": "GBR"},
                {
                    "field": "BILLING",
                    "line1": "1 Main St",
                    "line2": "Flat 1",
                    "locality": "Tempe",
                    "postal_code": "85281",
                    "country_code": "USA",
                    "region_code": "US-AZ",
                },
                {"field": "SHIPPING", "line1": "12 St James's Square", "postal_code": "SW1Y", "country_code": "GBR"},
            ],
        }
    )
    report = world.sync()
    assert report.ok, report.failures
    assert report.count("linked") == 4
    assert world.writes == []
    return shoe_size


def _with(document: Json, path: str, value: Any) -> Json:
    """The document with another value at a path."""
    changed = copy.deepcopy(document)
    *containers, leaf = path.split(".")
    holder: Any = changed
    for part in containers:
        holder = holder[part] if isinstance(holder, dict) else next(i for i in holder if i["field"] == part)
    holder[leaf] = value
    return changed


def _settled_form(document: Json) -> Json:
    """Without what a system works out by itself from what is stored."""
    derived = {"update_time", "number_e164", "country", "region", "company_name", "formatted_amount"}
    # What is known of an address goes with the address; see the test of consent below.
    derived |= {"UpdatedAt", "ETag", "is_opt_in", "email_opt_status"}

    def stripped(value: Any, *, top: bool = False) -> Any:
        if isinstance(value, dict):
            names = derived - ({"company_name"} if top else set())
            # A long name without a code is somebody's, not the system's.
            names -= {"country"} if "country_code" not in value else set()
            # The other names of a postal code are written along with it where Keap shows them; see the random habits.
            names |= {"zip_code", "zip_four"} if "postal_code" in value else set()
            return {k: stripped(v) for k, v in value.items() if k not in names}
        return [stripped(v) for v in value] if isinstance(value, list) else value

    return stripped(document, top=True)  # type: ignore[no-any-return]


def _sync(world: World, object: str) -> kb.Report:
    """One run of the synchronization whose records are edited."""
    with world.sessions() as session:
        report: kb.Report = getattr(session, object).sync()
    return report


@pytest.mark.parametrize("mapper", [mapping.contacts, mapping.companies, mapping.products], ids=lambda m: m.name)
def test_every_mapped_field_is_in_the_table(mapper: mapping.Mapper) -> None:
    assert {lens.name for lens in mapper.lenses} == {f.name for f in FIELDS if f.object == mapper.name}


@pytest.mark.habits(phones="kept")
@every_object
def test_an_edit_in_customcrm_becomes_one_patch_of_that_field_in_keap(world: World, object: str) -> None:
    _settle(world)
    ours, theirs = IDS[object]
    for field in _edited_alone(object):
        getattr(world.crm.state, TABLES[object]).edit(ours, **field.customcrm[1])
        before = world.snapshot()
        world.forget_requests()
        report = _sync(world, object)
        assert report.ok, field.name
        [write] = world.writes
        assert (write.method, write.path) == ("PATCH", f"/crm/rest/v2/{object}/{theirs}")
        assert write.query["update_mask"] == field.root
        assert list(write.json) == [field.root]
        after = world.snapshot()
        expected = _with(before["keap"][object][theirs], field.keap, field.keap_values[1])
        assert _settled_form(after["keap"][object][theirs]) == _settled_form(expected), field.name
        _assert_the_rest_is_as_before(before, after, "keap", object, theirs)
        [line] = [line for line in report.lines if line.outcome == "updated"]
        assert (line.fields, line.customcrm_id, line.keap_id) == ((field.name,), ours, theirs)
    world.assert_quiet()


@each_object
def test_an_edit_in_keap_becomes_one_patch_of_that_field_in_customcrm(world: World, object: str) -> None:
    _settle(world)
    ours, theirs = IDS[object]
    table = getattr(world.keap.state, object)
    for field in _edited_alone(object):
        changed = _with(table[theirs], field.keap, field.keap_values[1])
        if field.name == "Region":
            for item in (*changed.get("addresses", ()), changed.get("address", {})):
                item.pop("region", None)
        table.edit(theirs, **{field.root: changed[field.root]})
        before = world.snapshot()
        world.forget_requests()
        report = _sync(world, object)
        assert report.ok, field.name
        [write] = world.writes
        assert (write.method, write.path) == ("PATCH", f"/api/{TABLES[object]}/{ours}")
        # An amount means nothing without its currency: the two are one field.
        assert write.json.keys() == field.customcrm[1].keys(), field.name
        after = world.snapshot()
        expected = before["customcrm"][TABLES[object]][ours] | field.customcrm[1]
        assert _settled_form(after["customcrm"][TABLES[object]][ours]) == _settled_form(expected), field.name
        _assert_the_rest_is_as_before(before, after, "customcrm", TABLES[object], ours)
    world.assert_quiet()


def _edited_alone(object: str) -> list[Field]:
    # A region belongs to its country: the country alone does not change.
    return [f for f in FIELDS if f.object == object and f.name != "Country"]


def _assert_the_rest_is_as_before(before: Json, after: Json, side: str, object: str, id: str) -> None:
    for snapshot in (before, after):
        snapshot[side][object].pop(id)
        for contact in snapshot["keap"]["contacts"].values():
            contact["company"].pop("company_name", None)
    assert after == before


# --- a country takes its region along -------------------------------------------------------------------------------


def _home(document: Json) -> Json:
    """The address of a company, or that of a contact which is mapped."""
    found: Json = document.get("address") or next(a for a in document["addresses"] if a["field"] == "BILLING")
    return found


@pytest.mark.parametrize("object", variants(["contacts", "companies"], quick=["contacts"]))
def test_a_new_country_in_customcrm_reaches_keap_with_its_new_region(world: World, object: str) -> None:
    _settle(world)
    ours, theirs = IDS[object]
    getattr(world.crm.state, TABLES[object]).edit(ours, Country="CA", Region="CA-ON")
    world.forget_requests()
    assert world.sync().ok
    [write] = world.writes
    assert write.query["update_mask"] in {"addresses", "address"}
    document = getattr(world.keap.state, object)[theirs]
    address = _home(document)
    assert (address["country_code"], address["region_code"]) == ("CAN", "CA-ON")
    assert (address["country"], address["region"]) == ("Canada", "Ontario")
    assert address["line1"] == "1 Main St"
    world.assert_quiet()


@pytest.mark.parametrize("object", variants(["contacts", "companies"], quick=["companies"]))
def test_a_new_country_in_keap_reaches_customcrm_with_its_new_region(world: World, object: str) -> None:
    _settle(world)
    _, theirs = IDS[object]
    document = getattr(world.keap.state, object)[theirs]
    address = _home(document)
    for name in ("country", "region"):
        address.pop(name)
    address |= {"country_code": "CAN", "region_code": "CA-ON"}
    root = "address" if "address" in document else "addresses"
    getattr(world.keap.state, object).edit(theirs, **{root: document[root]})
    world.forget_requests()
    assert world.sync().ok
    [write] = world.writes
    assert write.json == {"Country": "CA", "Region": "CA-ON"}
    world.assert_quiet()


@pytest.mark.parametrize("object", variants(["contacts", "companies"], quick=["contacts"]))
def test_a_region_that_keap_has_cleared_with_its_country_comes_back_with_it(world: World, object: str) -> None:
    """Beside the new country it cannot be read in Customcrm, where it is left as it is."""
    _settle(world)
    ours, theirs = IDS[object]
    table = getattr(world.keap.state, object)

    getattr(world.crm.state, TABLES[object]).edit(ours, Country="CA")
    world.sync()
    assert (_home(table[theirs])["country_code"], _home(table[theirs]).get("region_code")) == ("CAN", None)
    assert getattr(world.crm.state, TABLES[object])[ours]["Region"] == "US-AZ"
    document = table[theirs]
    address = _home(document)
    address.pop("country")
    address["country_code"] = "USA"
    root = "address" if "address" in document else "addresses"
    table.edit(theirs, **{root: document[root]})
    world.sync()
    held = getattr(world.crm.state, TABLES[object])[ours]
    assert (held["Country"], held["Region"]) == ("US", "US-AZ")
    assert (_home(table[theirs])["country_code"], _home(table[theirs])["region_code"]) == ("USA", "US-AZ")
    world.assert_quiet()


# --- clearing -------------------------------------------------------------------------------------------------------


def _can_be_empty(object: str) -> list[Field]:
    needed = {"Country", "Name", "Price", "ShortDescription", "Active"}
    return [f for f in FIELDS if f.object == object and f.name not in needed]


@pytest.mark.habits(empty_text="clears", empty_date="clears", empty_object="clears", empty_link="clears")
@each_object
def test_a_field_emptied_in_customcrm_is_empty_in_keap(world: World, object: str) -> None:
    _settle(world)
    ours, theirs = IDS[object]
    table = getattr(world.keap.state, object)
    for field in _can_be_empty(object):
        before = table[theirs]
        getattr(world.crm.state, TABLES[object]).edit(ours, **dict.fromkeys(field.customcrm[0]))
        world.forget_requests()
        report = _sync(world, object)
        assert report.ok, report.failures
        [write] = world.writes
        assert list(write.json) == [field.root]
        after = table[theirs]
        assert _without(_settled_form(after), field.keap) == _without(_settled_form(before), field.keap), field.name
        assert _at(after, field.keap) in {None, ""}, field.name
    world.assert_quiet()


@each_object
def test_a_field_emptied_in_keap_is_empty_in_customcrm(world: World, object: str) -> None:
    _settle(world)
    _, theirs = IDS[object]
    table = getattr(world.keap.state, object)
    for field in _can_be_empty(object):
        document = _without(table[theirs], field.keap, derived=("region",) if field.name == "Region" else ())
        table.edit(theirs, **{field.root: document.get(field.root)})
        world.forget_requests()
        report = _sync(world, object)
        assert report.ok, report.failures
        [write] = world.writes
        assert write.json == dict.fromkeys(field.customcrm[0])
    world.assert_quiet()


def _at(document: Json, path: str) -> Any:
    value: Any = document
    for part in path.split("."):
        if isinstance(value, list):
            value = next((i for i in value if i["field"] == part), None)
        else:
            value = (value or {}).get(part)
    return value


def _without(document: Json, path: str, derived: tuple[str, ...] = ()) -> Json:
    """The document without what is at the path, and without the item when nothing is left of it."""
    changed = copy.deepcopy(document)
    root, *rest = path.split(".")
    if not rest:
        changed.pop(root, None)
    elif root in {"addresses", "address"}:
        items = changed[root] if root == "addresses" else [changed[root]]
        for item in items:
            if root == "address" or item["field"] == rest[0]:
                for name in (rest[-1], *derived):
                    item.pop(name, None)
    elif isinstance(changed.get(root), list):
        changed[root] = [i for i in changed[root] if i["field"] != rest[0]]
    else:
        changed.pop(root, None)
    return changed


@pytest.mark.parametrize(
    ("object", "properties"),
    [("products", {"Name": None}), ("products", {"ShortDescription": None}), ("companies", {"Name": None})],
)
def test_what_keap_requires_is_not_cleared_but_reported(world: World, object: str, properties: Json) -> None:
    _settle(world)
    ours, theirs = IDS[object]
    before = getattr(world.keap.state, object)[theirs]
    getattr(world.crm.state, TABLES[object]).edit(ours, **properties)
    world.forget_requests()
    report = world.sync()
    assert getattr(world.keap.state, object)[theirs] == before
    assert [(line.outcome, line.fields, line.reason) for line in report.lines] == [
        ("held", tuple(properties), "Keap needs it")
    ]
    assert world.keap.requests.writes == []


# --- what is not mapped ---------------------------------------------------------------------------------------------


def test_an_edit_of_what_is_not_mapped_in_keap_writes_nothing(world: World) -> None:
    _settle(world)
    world.keap.state.contacts.edit("1", preferred_name="A.", spouse_name=None, tag_ids=["9"], custom_fields=[])
    world.assert_quiet()


def test_an_edit_of_what_is_not_mapped_in_customcrm_writes_nothing(world: World) -> None:
    _settle(world)
    world.crm.state.contacts.edit("A1", ShoeSize=39, Tags=None)
    world.assert_quiet()


def test_another_slot_edited_in_keap_writes_nothing(world: World) -> None:
    _settle(world)
    emails = world.keap.state.contacts["1"]["email_addresses"]
    emails[0]["email"] = "third@example.org"
    world.keap.state.contacts.edit("1", email_addresses=emails)
    world.assert_quiet()


def test_unknown_properties_of_items_are_as_before_when_their_neighbour_is_written(
    world: World, broken_answers: None
) -> None:
    _settle(world)
    emails = world.keap.state.contacts["1"]["email_addresses"]
    emails[0]["verified_by"] = "letter"
    world.keap.state.contacts.edit("1", email_addresses=emails)
    world.crm.state.contacts.edit("A1", Email="new@example.org")
    world.sync()
    by_slot = {e["field"]: e for e in world.keap.state.contacts["1"]["email_addresses"]}
    assert by_slot["EMAIL3"] == emails[0]
    assert by_slot["EMAIL1"]["email"] == "new@example.org"


def test_consent_is_not_touched_when_addresses_are_written(world: World) -> None:
    _settle(world)
    world.keap.state.set_email_status("ada3@example.org", "LIST_UNSUBSCRIBE")
    world.crm.state.contacts.edit("A1", Email2="new2@example.org")
    assert world.sync().ok
    by_slot = {e["field"]: e for e in world.keap.state.contacts["1"]["email_addresses"]}
    assert by_slot["EMAIL1"]["email_opt_status"] == "SINGLE_OPT_IN"
    assert by_slot["EMAIL3"]["email_opt_status"] == "LIST_UNSUBSCRIBE"
    assert by_slot["EMAIL2"]["email_opt_status"] == "NON_MARKETABLE"
    assert all(b"opt_in_reason" not in w.body for w in world.writes)
