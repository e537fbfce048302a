"""A mapper reads and changes whole records, whatever they hold; and one that makes no sense is refused."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from laws import examples
from lens_laws import LAWS, MAPPERS, NOWHERE, OURS, THEIRS, Scene, fitting, scenes

import keapbridge as kb
from keapbridge.errors import MappingError, UnfitError
from keapbridge.keap import records as keap
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping import companies, contacts, products
from keapbridge.mapping.custom import resolve
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.match_keys import MatchKey
from keapbridge.mapping.needs import fill_required
from keapbridge.mapping.place import Place
from keapbridge.model.records import Canonical, Snapshot
from keapbridge.model.side import Side
from keapbridge.sync.synchronization import digest

# --- whatever a record holds ------------------------------------------------------------------------------------------

MANY = examples(60, HealthCheck.data_too_large)


def fussy(value: Any) -> Any:
    """A host's function that does not take everything."""
    if len(value) > 3:
        raise LookupError(value)
    return value


TYPES = ("TEXT", "WHOLE_NUMBER", "DATE", "DATE_TIME", "YES_NO", "LIST_BOX", "DECIMAL_NUMBER", "DROPDOWN", "MONTH")
FIELDS = {type: kb.custom_field(type) for type in TYPES}
LENSES = (kb.text, kb.integer, kb.date, kb.date_time, kb.boolean, kb.choices, kb.decimal, kb.email, kb.phone)
WIDE = (
    contacts.without("FirstName", "LastName", "Fax", "Website")
    .with_lenses(
        *(lens(f"Own{n}", keap=field) for n, (lens, field) in enumerate(zip(LENSES, FIELDS.values(), strict=True))),
        *kb.address("SHIPPING", prefix="Shipping"),
        kb.full_name("Name"),
        kb.url("Website", keap="website", max_length=100),
        kb.fax("Fax2", keap="fax_numbers.FAX2"),
        kb.lens(fussy, fussy, customcrm="Made", keap="preferred_name"),
        kb.choice("Size", {"S": "Small"}, keap="spouse_name"),
        kb.opt_out("OptOut", keap="email_addresses.EMAIL2"),
    )
    .where(customcrm={"Size": "S", "Colour": "red"}, keap={"tag_ids": "1"})
)
PRICED = products.without("Price").with_lenses(kb.money("Amount", always="USD", keap="price"))
CONTEXT = Context(
    "USD",
    "NO",
    {"companies": {"11": "C1"}},
    {"companies": {"C1": "11"}},
    {field: resolve(field, Model((CustomField("9", type, type),))) for type, field in FIELDS.items()},
)
NASTY_TEXTS = st.one_of(
    st.text(st.characters(), max_size=40),  # lone surrogates and control characters, too
    st.sampled_from(
        (
            *("\x00", "a\x00b", "\ud800", "x\udfffy", "\u202eabc", "\x85", " ", "\r\r\n", "\ufeff", "\ufffe", "a\x0bc"),
            *("[" * 100_000, "(" * 100_000, "1" * 5_000, "é" * 100_000, "a@" * 50_000, "+" + "1" * 300, "1e999999999"),
            *("NaN", "Infinity", "-0", "٣", "2026-02-30", "0000-00-00", "9999-12-31T23:59:60Z", "2026-W01-1"),
            *("0001-01-01T00:00:00+14:00", "a@b\ud800.com", "@", "http://[::1", "http://\x00", "//", "javascript:x"),
            *("\U0001f469\u200d\U0001f467", "مرحبا", "ﷺ" * 100, "0047" * 9, "+47 \ud83d", "US-\ud800", "12.505"),
        )
    ),
)
NASTY: st.SearchStrategy[Any] = st.one_of(
    NASTY_TEXTS,
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from((2**63, -(2**70), 10**40, 10**4000)),
    st.floats(),
    st.decimals(),
    st.sampled_from(
        (date(1, 1, 1), datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), b"x", {}, [[]])
    ),
    st.lists(st.one_of(NASTY_TEXTS, st.integers(), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def put(place: Place, record: Any, raw: Any) -> Any:
    """A record that holds something in a place, as a system could have answered it."""
    wide = tuple(raw for _ in place.attributes)
    return place.put(record, wide if len(wide) > 1 else (raw,) if isinstance(raw, tuple) else raw)


@st.composite
def messes(draw: st.DrawFn) -> tuple[Mapper, Side, Any]:
    """A record with something nasty in some of its mapped places."""
    mapper = draw(st.sampled_from((contacts, companies, products, WIDE, PRICED)))
    side = draw(st.sampled_from(Side))
    record = (mapper.customcrm_type if side is OURS else mapper.keap_type)()
    for lens in draw(st.lists(st.sampled_from(mapper.lenses), min_size=1, max_size=6)):
        place = lens.place(side)
        place = place.of("9") if place.custom is not None and side is THEIRS else place
        record = put(place, record, draw(NASTY))
    return mapper, side, record


@MANY
@given(messes())
def test_a_record_is_read_whatever_it_holds_and_what_was_read_can_be_written(mess: tuple[Mapper, Side, Any]) -> None:
    mapper, side, record = mess
    values, unreadable = mapper.read(side, record, CONTEXT)  # raises nothing
    assert not values.keys() & unreadable.keys()
    assert all(reason and reason.isprintable() for reason in unreadable.values())
    digest(Snapshot(values, unreadable))
    mapper.match_keys(values, {})
    mapper.takes_part(side, record, values)
    for name, value in values.items():
        lens = mapper[name]
        for target in Side:
            try:
                fitting = lens.fit(target, value, CONTEXT)
            except UnfitError:
                continue
            assert (fitting is None) == (value is None)
            assert lens.fit(target, fitting, CONTEXT) == fitting
            if lens.flows_to(target):
                blank = (mapper.customcrm_type if target is OURS else mapper.keap_type)()
                assert_carried(mapper.changed(target, blank, {name: fitting}, CONTEXT)[1])


def assert_carried(changes: dict[str, Any]) -> None:
    """It is JSON that every reader of JSON takes, with numbers that do not lose digits."""

    def plain(value: Any) -> Any:
        return attrs.asdict(value, recurse=False) if attrs.has(type(value)) else str(value)

    text = msgspec.json.encode({k: v for k, v in changes.items() if v is not kb.UNSET}, enc_hook=plain)
    msgspec.json.decode(text)
    json.loads(text, parse_constant=pytest.fail)
    text.decode()


# --- several fields at once -------------------------------------------------------------------------------------------


@st.composite
def drafts(draw: st.DrawFn) -> tuple[Scene, dict[str, Canonical]]:
    """A record and values of several fields for it; a country and its region together."""
    scene = draw(scenes())
    names = set(draw(st.lists(st.sampled_from([lens.name for lens in scene.mapper.lenses]), min_size=1)))
    if names & {"Country", "Region"}:
        names |= {"Country", "Region"}
    values = {
        lens.name: fitting(lens, scene.side, draw(scene.world.values(lens)), scene.world)
        for lens in scene.mapper.lenses
        if lens.name in names
    }
    if "Region" in values:
        values["Country"] = scene.world.country
    return scene, values


@LAWS
@given(drafts())
def test_several_values_are_read_back_and_only_their_attributes_are_written(
    draft: tuple[Scene, dict[str, Canonical]],
) -> None:
    scene, values = draft
    context = scene.world.context
    record, changes = scene.mapper.changed(scene.side, scene.record, values, context)
    found, _ = scene.mapper.read(scene.side, record, context)
    assert {name: found.get(name, "missing") for name in values} == values
    assert changes.keys() == {root for name in values for root in scene.mapper[name].place(scene.side).roots}
    assert attrs.evolve(scene.record, **changes) == record
    fresh, unreadable = scene.mapper.read(scene.side, scene.mapper.new_record(scene.side, values, context), context)
    assert unreadable == {}
    assert {name: fresh[name] for name in values} == values


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("mapper", MAPPERS, ids=lambda mapper: mapper.name)
def test_a_record_of_which_nothing_was_read_has_no_values(mapper: Mapper, side: Side) -> None:
    bare = (mapper.customcrm_type if side is OURS else mapper.keap_type)()
    assert mapper.read(side, bare, NOWHERE) == ({}, {})


def test_a_reference_is_told_with_its_synchronization_and_followed_once_its_record_is_linked() -> None:
    assert contacts.references == {"CustomerId": "companies"}
    record = keap.Contact(company=keap.BasicCompany("11"))
    assert contacts.keap_references([record, keap.Contact()]) == {"companies": {"11"}}
    linked = Context(to_customcrm={"companies": {"11": "C1"}})
    assert contacts.followed({"CustomerId": "keap:11", "FirstName": "keap:11"}, linked) == {"CustomerId": "C1"}
    assert contacts.followed({"CustomerId": "keap:12"}, linked) == {}


def test_how_records_are_read_is_told_unless_code_of_the_host_has_a_part_in_it() -> None:
    one, same = (contacts.with_lenses(kb.text("Own", keap="spouse_name")) for _ in range(2))
    assert one.reading(OURS) == same.reading(OURS) != contacts.reading(OURS)
    by_functions = kb.lens(str.lower, str.upper, customcrm="Loud", keap="spouse_name")
    assert contacts.with_lenses(by_functions).reading(OURS) is None
    assert contacts.where(customcrm=bool).reading(OURS) is None


# --- what makes no sense ----------------------------------------------------------------------------------------------


def test_a_mapper_names_what_it_does_not_have() -> None:
    for wrong in (
        lambda: contacts["Nickname"],
        lambda: contacts.only("Nickname"),
        lambda: contacts.matched_by(MatchKey(("Nickname",))),
        lambda: contacts.with_lenses(kb.phone("Pager", keap="phone_numbers.PHONE3", scope="Nickname")),
    ):
        with pytest.raises(MappingError, match="Nickname"):
            wrong()


# --- values that mean the same stay as they are -----------------------------------------------------------------------


def _person(side: Side, country: str | None, phone: str) -> Any:
    if side is OURS:
        return kb.customcrm.Contact(country=country, phone=phone)
    address = (kb.keap.Address(field="BILLING", country_code=country),)
    return kb.keap.Contact(addresses=address, phone_numbers=(kb.keap.PhoneNumber(field="PHONE1", number=phone),))


@pytest.mark.parametrize("side", list(Side), ids=lambda side: side.title)
@pytest.mark.parametrize(
    ("phone", "country", "rewritten"),
    [
        ("(602) 555-0143", "DEU", True),
        ("(602) 555-0143", None, True),
        ("(602) 555-0143", "CAN", False),
        ("+1 602 555 0143", "DEU", False),
    ],
)
def test_a_national_number_keeps_its_meaning_when_its_country_is_written(
    side: Side, phone: str, country: str | None, *, rewritten: bool
) -> None:
    codes = {"USA": "US"} if side is OURS else {}
    record = _person(side, codes.get("USA", "USA"), phone)
    changed, written = contacts.changed(side, record, {"Country": country}, CONTEXT)
    root = "phone" if side is OURS else "phone_numbers"
    assert (root in written) is rewritten
    held = contacts["Phone"].place(side).get(changed)
    number = held[0] if isinstance(held, tuple) else held
    assert number == ("+16025550143" if rewritten else phone)


def test_a_text_that_is_read_by_another_country_is_no_other_text() -> None:
    known = {"Country": "USA", "Phone": "+16025550143", "Fax": "+16025550144"}
    now = {"Country": "DEU", "Phone": "+496025550143", "Fax": "+496025559999"}
    assert contacts.same_texts(THEIRS, known, now, CONTEXT) == {"Phone": "+16025550143"}
    assert contacts.same_texts(THEIRS, known, {**now, "Country": "USA"}, CONTEXT) == {}
    trunk = {"Country": "DEU", "Phone": "+491711234567"}
    assert contacts.same_texts(OURS, trunk, {"Country": "AUT", "Phone": "+431711234567"}, CONTEXT) == {
        "Phone": "+491711234567"
    }


def test_an_address_is_given_the_country_of_its_region() -> None:
    context = Context(default_region="US")
    old = kb.keap.Contact(addresses=(kb.keap.Address(field="BILLING", locality="Anaheim", region="CA"),))
    values, unreadable = contacts.read(THEIRS, old, context)
    assert (values["Country"], values["Region"], unreadable) == (None, "US-CA", {})
    changed, _ = contacts.changed(THEIRS, old, {"City": "Fresno"}, context)
    assert contacts.written_along(THEIRS, old, changed, {"City"}, context) == {"Country": (None, "USA")}
    made = contacts.new_record(THEIRS, {"Region": "US-AZ"}, Context())
    assert made.addresses[0].country_code == "USA"
    odd = kb.customcrm.Contact(country="Atlantis", region="CA")
    assert contacts.read(OURS, odd, context)[1].keys() == {"Country", "Region"}


# --- what a system has no place for -----------------------------------------------------------------------------------


def test_what_has_no_place_in_customcrm_is_still_required_and_filled() -> None:
    narrow = attrs.evolve(products.without("ShortDescription", "Price"), homeless=(products["ShortDescription"],))
    made = narrow.new_record(THEIRS, fill_required(narrow, THEIRS, {"Name": "Kite"}), CONTEXT)
    assert made.short_description == "Kite"
    priceless = attrs.evolve(products.without("Price"), homeless=(products["Price"],))
    with pytest.raises(UnfitError, match="Keap needs Price, and Customcrm has no place for it"):
        fill_required(priceless, THEIRS, {"Name": "Kite", "ShortDescription": "Kite"})
    demanding = attrs.evolve(products, needed={OURS: ("goods.stock",)})
    with pytest.raises(UnfitError, match=r"Customcrm needs goods\.stock"):
        fill_required(demanding, OURS, {"Name": "Kite"})
    nothing = companies.without("Name")
    with pytest.raises(UnfitError, match="Customcrm has no place for anything that it holds"):
        fill_required(nothing, OURS, {"City": None})


@pytest.mark.parametrize("direction", ["to_keap", "to_customcrm"])
def test_a_mapping_flows_one_way_and_leaves_out_what_only_flows_back(direction: Any) -> None:
    back = "to_customcrm" if direction == "to_keap" else "to_keap"
    mapper = contacts.with_lenses(kb.text("Own", keap=kb.custom_field("Own"), direction=back)).one_way(direction)
    assert {lens.direction for lens in mapper.lenses} == {direction}
    assert [lens.name for lens in mapper.lenses] == [lens.name for lens in contacts.lenses]
    with pytest.raises(MappingError, match="is 'to_keap' meant"):
        contacts.one_way("to_kaep")  # type: ignore[arg-type]
