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
from lens_laws import MAPPERS, NOWHERE, OURS, THEIRS

import keapbridge as kb
from keapbridge.errors import MappingError, UnfitError
from keapbridge.keap import records as keap
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping import companies, contacts, products
from keapbridge.mapping.custom import resolve
from keapbridge.mapping.kinds import Context, phones
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.match_keys import MatchKey
from keapbridge.mapping.place import Place
from keapbridge.mapping.writing import put_values
from keapbridge.model.records import Snapshot
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


ORDINARY = st.sampled_from(
    (
        *(
            "Ada",
            "Jørgen",
            " Ada",
            "Ada  Maria",
            "a\tb",
            "O&#039;Brien",
            "Smith &amp; Sons",
            "Smith & Sons",
            "85001-1234",
        ),
        *("ada@example.org", "Ada@Example.org", "a" * 64 + "@example.org", "NO", "USA", "Norway", "2001-02-03"),
        *(
            "(480) 123-4567",
            "1 480 123 4567",
            "030/1234567",
            "22 22 22 22",
            "+47 22 22 22 22",
            "+4722222222",
            "+47 22 x12",
        ),
        *("https://example.org", "https://example.org/", "HTTPS://Example.org/A?b#c", "example.org", "06 1234567"),
    )
)


@st.composite
def messes(draw: st.DrawFn, *, ordinary: bool = False) -> tuple[Mapper, Side, Any]:
    """A record with something nasty in some of its mapped places."""
    mapper = draw(st.sampled_from((contacts, companies, products, WIDE, PRICED)))
    side = draw(st.sampled_from(Side))
    record = (mapper.customcrm_type if side is OURS else mapper.keap_type)()
    for lens in draw(st.lists(st.sampled_from(mapper.lenses), min_size=1, max_size=6)):
        place = lens.place(side)
        place = place.of("9") if place.custom is not None and side is THEIRS else place
        record = put(place, record, draw(ORDINARY if ordinary and draw(st.booleans()) else NASTY))
    return mapper, side, record


@MANY
@given(messes(ordinary=True))
def test_what_is_read_quickly_is_read_the_same_with_patience(mess: tuple[Mapper, Side, Any]) -> None:
    mapper, side, record = mess
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phones, "_plain_number", lambda *_: None)
        for kind in {type(lens.kind) for lens in mapper.lenses}:
            patch.setattr(kind, "plain", None)
        patient = attrs.evolve(mapper)
        expected = patient.read(side, record, CONTEXT)
        aliases = patient.matching.aliases(side, record, expected[0], CONTEXT)
    found = mapper.read(side, record, CONTEXT)
    assert found == expected
    assert mapper.matching.aliases(side, record, found[0], CONTEXT) == aliases


@MANY
@given(messes())
def test_a_record_is_read_whatever_it_holds_and_what_was_read_can_be_written(mess: tuple[Mapper, Side, Any]) -> None:
    mapper, side, record = mess
    values, unreadable = mapper.read(side, record, CONTEXT)  # raises nothing
    assert not values.keys() & unreadable.keys()
    assert all(reason and reason.isprintable() for reason in unreadable.values())
    digest(Snapshot(values, unreadable))
    mapper.matching.keys_of(values, {})
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
                assert_carried(put_values(mapper, target, blank, {name: fitting}, CONTEXT)[1])


def assert_carried(changes: dict[str, Any]) -> None:
    """It is JSON that every reader of JSON takes, with numbers that do not lose digits."""

    def plain(value: Any) -> Any:
        return attrs.asdict(value, recurse=False) if attrs.has(type(value)) else str(value)

    text = msgspec.json.encode({k: v for k, v in changes.items() if v is not kb.UNSET}, enc_hook=plain)
    msgspec.json.decode(text)
    json.loads(text, parse_constant=pytest.fail)
    text.decode()


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


@pytest.mark.parametrize("direction", ["to_keap", "to_customcrm"])
def test_a_mapping_flows_one_way_and_leaves_out_what_only_flows_back(direction: Any) -> None:
    back = "to_customcrm" if direction == "to_keap" else "to_keap"
    mapper = contacts.with_lenses(kb.text("Own", keap=kb.custom_field("Own"), direction=back)).one_way(direction)
    assert {lens.direction for lens in mapper.lenses} == {direction}
    assert [lens.name for lens in mapper.lenses] == [lens.name for lens in contacts.lenses]
    with pytest.raises(MappingError, match="is 'to_keap' meant"):
        contacts.one_way("to_kaep")  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", ["a\ud800", "\udfff", "a\x00b", "a\u202eb"])
def test_a_reason_that_quotes_what_no_store_can_keep_can_be_kept(odd: str) -> None:
    mapper = kb.mapping.contacts.with_lenses(kb.tags("Labels"), kb.lead_source("Source"))
    values, unreadable = mapper.read(Side.KEAP, keap.Contact(tag_ids=(odd,), leadsource_id=odd), CONTEXT)
    assert unreadable.keys() >= {"Labels", "Source"}
    assert all(reason.isprintable() for reason in unreadable.values())
    digest(Snapshot(values, unreadable))
