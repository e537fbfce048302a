"""The laws of the default lenses: what is put is read back, nothing else is touched, spelling makes no difference."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import phonenumbers
import pycountry
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st
from laws import examples

import keapbridge as kb
from keapbridge.customcrm import records as customcrm
from keapbridge.errors import MappingError, UnfitError
from keapbridge.keap import records as keap
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping import companies, contacts, products
from keapbridge.mapping.custom import NamedField, custom_field, resolve
from keapbridge.mapping.geography import alpha2, countries, plain, regions
from keapbridge.mapping.kinds import Context, Kind
from keapbridge.mapping.kinds.choices import Boolean, Choice, Choices
from keapbridge.mapping.kinds.consent import OptOut
from keapbridge.mapping.kinds.money import Money
from keapbridge.mapping.kinds.numbers import Integer, Number
from keapbridge.mapping.kinds.phones import Fax, Phone
from keapbridge.mapping.kinds.places import Country, Region
from keapbridge.mapping.kinds.references import Reference
from keapbridge.mapping.kinds.text import Email, Text
from keapbridge.mapping.kinds.times import Date, DateTime
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

LAWS = examples(60, HealthCheck.data_too_large)
OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP
NOWHERE = Context()

# --- canonical values of every kind ---------------------------------------------------------------------------------

REGIONS_TO_CALL = ("NO", "US", "GB", "DE", "FR", "IT", "BR", "JP", "AU", "IN")
NUMBERS = tuple(phonenumbers.example_number(code) for code in REGIONS_TO_CALL)
COUNTRIES = tuple(sorted(country.alpha_3 for country in pycountry.countries))
DIVIDED = tuple(code for code in COUNTRIES if regions(alpha2(code) or ""))
CURRENCIES = {"USD": 2, "EUR": 2, "NOK": 2, "JPY": 0, "KWD": 3, "CLF": 4}
TABLE = {"S": "Small", "L": "Large", "XL": "Extra large"}
LINKED = {"C1": "11", "C2": "12", "C:3": "13"}


def understood(kind: Kind, raw: Any) -> Canonical:
    """What a kind makes of it; the example is dropped when that is nothing."""
    try:
        return kind.read(raw, OURS, None, NOWHERE)
    except UnfitError:
        assume(condition=False)
        raise AssertionError from None


# Letters of all the world, right-to-left ones and emoji as often as others, and no control characters.
LETTERS = st.one_of(
    st.characters(exclude_categories=("Cs", "Cc")),
    st.sampled_from("\n\t אבגשלום مرحبا\u200f\u202e👩\u200d👩\u200d👧🇳🇴e\u0301한ﬁß"),
)
TEXTS = st.one_of(
    st.text(LETTERS, max_size=120),
    st.builds(lambda unit, times: unit * (times // len(unit)), st.text(LETTERS, min_size=1), st.just(100_000)),
).map(lambda text: Text().read(text, OURS, None, NOWHERE))
EMAILS = st.one_of(
    st.sampled_from(("ada@example.org", "o'hara+x@sub.example.co.uk", "josé@bücher.example", "a_b-c@x-y.no")),
    st.emails(),
).map(lambda text: understood(Email(), text))
FAXES = st.sampled_from(NUMBERS).map(lambda n: phonenumbers.format_number(n, phonenumbers.PhoneNumberFormat.E164))
PHONES = st.builds(lambda number, ext: number + ext, FAXES, st.sampled_from(("", "", ";ext=1", ";ext=0423")))


@attrs.frozen
class World:
    """What reading depends on: the country of the record, the currency of the application, the links."""

    country: str
    region: str
    currency: str

    @property
    def context(self) -> Context:
        return Context(
            self.currency, None, {"companies": {theirs: ours for ours, theirs in LINKED.items()}}, {"companies": LINKED}
        )

    def scope(self, lens: Lens) -> Canonical:
        return self.country if lens.scope else None

    def values(self, lens: Lens) -> st.SearchStrategy[Canonical]:
        """Canonical values of a lens, also `None`."""
        match lens.kind:
            case Text():
                found: st.SearchStrategy[Canonical] = TEXTS
            case Email():
                found = EMAILS
            case Fax():
                found = FAXES
            case Phone():
                found = PHONES
            case Country():
                found = st.just(self.country)
            case Region():
                found = st.just(self.region)
            case Date():
                found = st.dates().map(date.isoformat)
            case Boolean():
                found = st.booleans()
            case Money():
                found = st.integers(0, 10**9).map(lambda units: amount(self.currency, units))
            case Reference():
                found = st.sampled_from(sorted(LINKED))
            case _:
                raise AssertionError(lens.kind)
        return st.one_of(found, found, found, st.none())


def amount(currency: str, units: int) -> str:
    return f"{currency} {Decimal(units).scaleb(-CURRENCIES[currency]):f}"


@st.composite
def worlds(draw: st.DrawFn) -> World:
    country = draw(st.sampled_from(DIVIDED))
    region = draw(st.sampled_from(sorted(set(regions(alpha2(country) or "").values()))))
    return World(country, region, draw(st.sampled_from(sorted(CURRENCIES))))


# --- records with surroundings --------------------------------------------------------------------------------------

EXTRA = st.dictionaries(
    st.sampled_from(("colour", "Ünknown", "id2")), st.sampled_from((1, "x\r\n ", None, [1], {"a": 1}))
)
SHORT = st.sampled_from((UNSET, None, "kept as it is "))


def slotted(cls: type, slots: tuple[str, ...], **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An array of items in some slots, in any order, or nothing known of it."""
    items = [st.builds(cls, field=st.just(slot), extra=EXTRA, **parts) for slot in slots]
    some = st.lists(st.one_of(*items), max_size=4, unique_by=lambda item: item.field)
    return st.one_of(some.map(tuple), some.map(tuple), st.just(UNSET))


ADDRESS = dict.fromkeys(("line1", "line2", "locality", "postal_code", "zip_four"), SHORT)
PHONE = {"number": st.sampled_from(("+4722222222", "+47 22 22 22 22")), "type": SHORT, "extension": st.none()}
EMAIL = {"email": st.sampled_from(("ada@example.org", "Bob@Example.org")), "is_opt_in": st.booleans()}
OPEN = {"id": st.just("7"), "extra": EXTRA}
FIELDS_OF_THE_HOST = st.lists(st.builds(keap.CustomFieldValue, st.sampled_from("12"), st.integers()), max_size=2)

KEAP_CONTACTS = st.builds(
    keap.Contact,
    email_addresses=slotted(keap.EmailAddress, ("EMAIL1", "EMAIL2", "EMAIL3"), **EMAIL),
    phone_numbers=slotted(keap.PhoneNumber, ("PHONE1", "PHONE2", "PHONE5"), **PHONE),
    fax_numbers=slotted(keap.FaxNumber, ("FAX1", "FAX2"), number=PHONE["number"], type=SHORT),
    addresses=slotted(keap.Address, ("BILLING", "SHIPPING", "OTHER"), **ADDRESS),
    custom_fields=FIELDS_OF_THE_HOST,
    company=st.sampled_from((UNSET, None, keap.BasicCompany("11", "Acme"))),
    preferred_name=SHORT,
    spouse_name=SHORT,
    **OPEN,
)
KEAP_COMPANIES = st.builds(
    keap.Company,
    email_address=st.one_of(st.sampled_from((UNSET, None)), st.builds(keap.EmailAddress, extra=EXTRA, **EMAIL)),
    phone_number=st.one_of(st.sampled_from((UNSET, None)), st.builds(keap.PhoneNumber, extra=EXTRA, **PHONE)),
    address=st.one_of(st.sampled_from((UNSET, None)), st.builds(keap.Address, extra=EXTRA, **ADDRESS)),
    custom_fields=FIELDS_OF_THE_HOST,
    notes=SHORT,
    **OPEN,
)
KEAP_PRODUCTS = st.builds(
    keap.Product,
    price=st.sampled_from((UNSET, None, keap.Money(5, "USD"))),
    shippable=st.booleans(),
    name=SHORT,
    **OPEN,
)
RECORDS: dict[tuple[str, Side], st.SearchStrategy[Any]] = {
    ("contacts", THEIRS): KEAP_CONTACTS,
    ("companies", THEIRS): KEAP_COMPANIES,
    ("products", THEIRS): KEAP_PRODUCTS,
    ("contacts", OURS): st.builds(customcrm.Contact, last_name=SHORT, etag=SHORT, **OPEN),
    ("companies", OURS): st.builds(customcrm.Customer, description=SHORT, etag=SHORT, **OPEN),
    ("products", OURS): st.builds(customcrm.Product, sku=SHORT, currency=st.just("SEK"), **OPEN),
}
MAPPERS = (contacts, companies, products)


@attrs.frozen
class Scene:
    mapper: Mapper
    side: Side
    lens: Lens
    world: World
    record: Any
    value: Canonical

    def get(self, record: Any) -> Any:
        return self.lens.get(self.side, record, self.world.scope(self.lens), self.world.context)

    def put(self, record: Any, value: Canonical) -> Any:
        return self.lens.put(self.side, record, value, self.world.context)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A record, one of its lenses, and a value that fits there."""
    mapper, side, world = draw(st.sampled_from(MAPPERS)), draw(st.sampled_from(Side)), draw(worlds())
    lens = draw(st.sampled_from(mapper.lenses))
    record = draw(RECORDS[mapper.name, side])
    return Scene(mapper, side, lens, world, record, fitting(lens, side, draw(world.values(lens)), world))


def fitting(lens: Lens, side: Side, value: Canonical, world: World) -> Canonical:
    try:
        return lens.fit(side, value, world.context)
    except UnfitError:
        assume(condition=False)
        raise AssertionError from None


# --- what a record holds, by path -----------------------------------------------------------------------------------

ABOUT_THE_ITEM = ("is_opt_in", "email_opt_status", "opt_in_reason", "type", "number_e164", "extra")


def content(record: Any) -> dict[str, Any]:
    """Everything that is known and not empty, by its path; what is in a slot, by its slot."""
    return {path: value for path, value in _walk("", record) if value is not UNSET and value is not None}


def _walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            if field.name != "field":
                yield from _walk(f"{path}.{field.name}", getattr(value, field.name))
    elif isinstance(value, tuple) and all(hasattr(item, "field") for item in value):
        for item in value:
            yield from _walk(f"{path}.{item.field}", item)
    elif path.endswith("extra"):
        for name, part in value.items():
            yield f"{path}.{name}", repr(part)
    else:
        yield path, value


def outside(scene: Scene, record: Any) -> dict[str, Any]:
    """All that a record holds beside the value of the lens."""
    place = scene.lens.place(scene.side)
    holder = "".join(f".{part}" for part in place.container)
    own = {f"{holder}.{name}" for name in place.attributes}
    kept = {path: value for path, value in content(record).items() if path not in own}
    if place.container and scene.value is None and f"{holder}.extra" not in "".join(kept):
        # An e-mail address that is gone takes along what was said about it.
        about = tuple(f"{holder}.{name}" for name in ABOUT_THE_ITEM)
        kept = {path: value for path, value in kept.items() if not path.startswith(about)}
    return kept


def slots(record: Any) -> dict[str, list[str]]:
    """The order of the items in every array."""
    values = {f.name: getattr(record, f.name) for f in attrs.fields(type(record))}
    return {
        name: [item.field for item in value]
        for name, value in values.items()
        if isinstance(value, tuple) and all(hasattr(item, "field") for item in value)
    }


# --- get and put ----------------------------------------------------------------------------------------------------


@LAWS
@given(scenes())
def test_what_is_put_is_read_back(scene: Scene) -> None:
    found = scene.get(scene.put(scene.record, scene.value))
    assert (type(found), found) == (type(scene.value), scene.value)


@LAWS
@given(scenes())
def test_what_is_put_touches_nothing_else(scene: Scene) -> None:
    after = scene.put(scene.record, scene.value)
    assert type(after) is type(scene.record)
    assert outside(scene, after) == outside(scene, scene.record)
    for name, order in slots(scene.record).items():
        mine = scene.lens.place(scene.side).container[1:]
        assert [slot for slot in slots(after)[name] if slot not in mine] == [slot for slot in order if slot not in mine]


@LAWS
@given(scenes())
def test_putting_what_was_got_changes_nothing(scene: Scene) -> None:
    once = scene.put(scene.record, scene.value)
    again = scene.put(once, scene.get(once))
    assert content(again) == content(once)
    assert slots(again) == slots(once)


@LAWS
@given(scenes())
def test_putting_back_what_another_wrote_means_the_same(scene: Scene) -> None:
    """Whatever spelling the record had."""
    try:
        found = scene.get(scene.record)
    except UnfitError:
        return
    if found is not UNSET:
        again = scene.put(scene.record, found)
        assert scene.get(again) == found
        assert outside(attrs.evolve(scene, value=found), again) == outside(
            attrs.evolve(scene, value=found), scene.record
        )


@LAWS
@given(scenes(), st.data())
def test_the_last_put_counts(scene: Scene, data: st.DataObject) -> None:
    other = fitting(scene.lens, scene.side, data.draw(scene.world.values(scene.lens)), scene.world)
    assume(scene.value is not None and other is not None)
    assert content(scene.put(scene.put(scene.record, other), scene.value)) == content(
        scene.put(scene.record, scene.value)
    )


@LAWS
@given(scenes(), st.data())
def test_fitting_twice_is_fitting_once(scene: Scene, data: st.DataObject) -> None:
    value = data.draw(scene.world.values(scene.lens))
    once = fitting(scene.lens, scene.side, value, scene.world)
    assert scene.lens.fit(scene.side, once, scene.world.context) == once
    assert (once is None) == (value is None)
    limit = scene.lens.limits.get(scene.side)
    if isinstance(once, str) and limit is not None:
        assert len(once) <= limit
        assert str(value).startswith(once)


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
    fresh, unreadable = scene.mapper.read(scene.side, scene.mapper.draft(scene.side, values, context), context)
    assert unreadable == {}
    assert {name: fresh[name] for name in values} == values


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("mapper", MAPPERS, ids=lambda mapper: mapper.name)
def test_a_record_of_which_nothing_was_read_has_no_values(mapper: Mapper, side: Side) -> None:
    bare = (mapper.customcrm_type if side is OURS else mapper.keap_type)()
    assert mapper.read(side, bare, NOWHERE) == ({}, {})


# --- spelling -------------------------------------------------------------------------------------------------------


def read(kind: Kind, raw: Any, side: Side = OURS, scope: Canonical = None, context: Context = NOWHERE) -> Canonical:
    return kind.read(raw, side, scope, context)


@LAWS
@given(TEXTS.filter(bool), st.sampled_from(("", " ", "\n\t", "\u2003")), st.sampled_from(("NFC", "NFD")))
def test_a_text_is_the_same_with_space_around_it_and_decomposed(text: str, space: str, form: Any) -> None:
    raw = space + unicodedata.normalize(form, text).replace("\n", "\r\n") + space
    assert read(Text(), raw) == text == read(Text(), text)


@LAWS
@given(EMAILS, st.sampled_from((str.upper, str.title, str.lower)), st.sampled_from(("", " ", "\n")))
def test_an_address_is_the_same_in_capitals(email: str, case: Any, space: str) -> None:
    assert read(Email(), email) == email
    if email.isascii():
        assert read(Email(), space + case(email) + space) == email


@LAWS
@given(
    st.sampled_from(tuple(zip(REGIONS_TO_CALL, NUMBERS, strict=True))),
    st.sampled_from(("", "7", "0423")),
    st.sampled_from(Side),
)
def test_a_number_is_the_same_in_every_notation(example: tuple[str, Any], extension: str, side: Side) -> None:
    code, number = example
    formats = phonenumbers.PhoneNumberFormat
    scope = pycountry.countries.get(alpha_2=code).alpha_3
    expected = phonenumbers.format_number(number, formats.E164) + (f";ext={extension}" if extension else "")
    for notation in (formats.E164, formats.INTERNATIONAL, formats.NATIONAL, formats.RFC3966):
        text = phonenumbers.format_number(number, notation)
        raws: list[Any] = [(text, extension or None), f"{text} x{extension}" if extension else f" {text} "]
        for raw in raws:
            assert read(Phone(), raw, side, scope) == expected
            assert read(Phone(), raw, side, None, Context(default_region=code)) == expected
            if notation != formats.NATIONAL:
                assert read(Phone(), raw, side, "FRA") == expected
            if not extension:
                assert read(Fax(), raw, side, scope) == expected


def test_every_country_is_known_by_its_names_and_codes() -> None:
    for country in pycountry.countries:
        for attribute in ("alpha_2", "alpha_3", "name", "common_name", "official_name"):
            name = getattr(country, attribute, None)
            if name:
                for text in (name, name.upper(), f" {name.lower()}."):
                    assert read(Country(), text) == country.alpha_3
                    assert read(Country(), (None, text), THEIRS) == country.alpha_3
    assert set(countries().values()) <= set(COUNTRIES)


def test_every_region_is_known_by_its_codes_within_its_country() -> None:
    for code in DIVIDED:
        for region in pycountry.subdivisions.get(country_code=alpha2(code)):
            short = region.code.partition("-")[2]
            for text in (region.code, region.code.lower(), short, (None, region.code), (region.code, "anything")):
                assert read(Region(), text, OURS, code) == region.code
            # Some countries have two regions of one name: then it is one of the two.
            named = read(Region(), region.name, OURS, code)
            assert plain(pycountry.subdivisions.get(code=named).name) == plain(region.name)


@LAWS
@given(st.dates())
def test_a_date_is_the_same_with_a_time_behind_it(day: date) -> None:
    for raw in (day, day.isoformat(), f"{day.isoformat()}T00:00:00Z", f"{day.isoformat()} 10:00"):
        assert read(Date(), raw) == day.isoformat()


@LAWS
@given(st.sampled_from(sorted(CURRENCIES)), st.integers(-(10**12), 10**12))
def test_an_amount_is_the_same_however_many_zeros_it_has(currency: str, units: int) -> None:
    major = Decimal(units).scaleb(-CURRENCIES[currency])
    expected = amount(currency, units)
    context = Context(keap_currency=currency)
    for raw in (major, str(major), major.normalize(), Decimal(f"{major:f}" + ("" if major % 1 == 0 else "0"))):
        assert read(Money(), (raw, currency.lower())) == expected
    assert read(Money(), (units, currency), THEIRS) == read(Money(), (units, None), THEIRS, None, context) == expected
    if units < 0:
        with pytest.raises(UnfitError, match="negative"):
            Money().fit(expected, THEIRS, None, context)
    else:
        assert Money().fit(expected, THEIRS, None, context) == expected
    with pytest.raises(UnfitError):
        Money().fit(expected, THEIRS, None, Context(keap_currency="XXX"))


@pytest.mark.parametrize(
    "kind",
    [
        *(Text(), Email(), Phone(), Fax(), Country(), Region(), Date(), DateTime(), Money(), Reference("companies")),
        *(Integer(), Number(), Choice(TABLE), Choices(), Choices(TABLE, separator=",")),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_nothing_is_empty_in_every_kind(kind: Kind, side: Side) -> None:
    assert read(kind, None, side) is None
    assert kind.fit(None, side, 3, NOWHERE) is None
    assert kind.write(None, side, NOWHERE) is None
    if not isinstance(kind, Money):
        assert read(kind, "", side) is None


@LAWS
@given(st.sampled_from(Side), st.sampled_from(sorted(LINKED)))
def test_a_reference_is_followed_both_ways(side: Side, ours: str) -> None:
    context = World("NOR", "NO-03", "NOK").context
    kind = Reference("companies")
    assert read(kind, kind.write(ours, side, context), side, None, context) == ours
    assert read(kind, "99", THEIRS, None, context) == "keap:99"
    assert read(kind, "0", THEIRS, None, context) is None
    with pytest.raises(UnfitError):
        kind.fit("C9", THEIRS, None, context)


def test_a_text_with_a_stray_carriage_return_is_canonical_once_read() -> None:
    once = read(Text(), "a\r\r\nb")
    assert read(Text(), once) == once


def test_minus_nothing_is_nothing() -> None:
    assert read(Money(), (Decimal("-0.00"), "USD")) == "USD 0.00"


# --- kinds that the default mappings do not use ---------------------------------------------------------------------

MOMENTS = st.datetimes().map(lambda t: t.isoformat(timespec="milliseconds") + "Z")
ITEMS_OF_A_LIST = st.lists(st.sampled_from(("Red", "Green", "blue green", "Ünder", "1")), min_size=1)
# a kind, what Customcrm may hold, and the type of a custom field for it
OTHERS: tuple[tuple[Kind, st.SearchStrategy[Any], str], ...] = (
    (Integer(), st.integers(-(10**15), 10**15), "WHOLE_NUMBER"),
    (Number(), st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False), "DECIMAL_NUMBER"),
    (DateTime(), MOMENTS, "DATE_TIME"),
    (Date(), st.dates(), "DATE"),
    (Boolean(), st.booleans(), "YES_NO"),
    (Choice(TABLE), st.sampled_from(sorted(TABLE)), "DROPDOWN"),
    (Choice({1: True, 0: False}), st.sampled_from((0, 1)), "YES_NO"),
    (Choices(), ITEMS_OF_A_LIST, "LIST_BOX"),
    (Choices(TABLE), st.lists(st.sampled_from(sorted(TABLE)), min_size=1), "LIST_BOX"),
    (Text(), st.text(LETTERS, max_size=50), "TEXT"),
    (Email(), EMAILS, "EMAIL"),
    (Phone(), PHONES, "PHONE_NUMBER"),
)
OWN = custom_field("Own")


@attrs.frozen
class CustomScene:
    lens: Lens
    context: Context
    record: Any
    value: Canonical
    other: Canonical


@st.composite
def custom_scenes(draw: st.DrawFn) -> CustomScene:
    """A record with custom fields, mapped and unmapped, and a value for the mapped one."""
    kind, raws, type = draw(st.sampled_from(OTHERS))
    options = tuple(TABLE.values()) if type == "DROPDOWN" else ()
    model = Model((CustomField("1", "Other"), CustomField("2", "own", type, options)))
    context = Context(custom_fields={OWN: resolve(OWN, model)})
    direction: Any = draw(st.sampled_from(("both", "to_keap")))
    lens = attrs.evolve(kb.text("Own", keap=OWN, direction=direction).build(customcrm.Contact, keap.Contact), kind=kind)
    items = draw(
        st.lists(
            st.builds(keap.CustomFieldValue, st.sampled_from("134"), st.sampled_from((1, "x", ["y"], None))),
            unique_by=lambda item: item.id,
        )
    )
    record = draw(st.sampled_from((keap.Contact, keap.Company)))(id="7", custom_fields=items)
    value, other = (read(kind, draw(st.one_of(raws, raws, st.none()))) for _ in range(2))
    return CustomScene(lens, context, record, value, other)


@LAWS
@given(custom_scenes(), st.sampled_from(Side))
def test_a_value_of_every_kind_fits_and_is_read_back(scene: CustomScene, side: Side) -> None:
    lens, context = scene.lens, scene.context
    assert lens.fit(side, scene.value, context) == scene.value
    record = scene.record if side is THEIRS else customcrm.Contact(extra={"Other": 1})
    once = lens.put(side, record, scene.value, context)
    found = lens.get(side, once, None, context)
    assert (found, type(found)) == (scene.value, type(scene.value))
    assert lens.put(side, once, found, context) == once
    if side is THEIRS:
        assert [item for item in once.custom_fields if item.id != "2"] == list(scene.record.custom_fields)
        assert attrs.evolve(once, custom_fields=scene.record.custom_fields) == scene.record
    else:
        assert once.extra["Other"] == 1


@LAWS
@given(custom_scenes())
def test_the_last_put_into_a_custom_field_counts(scene: CustomScene) -> None:
    lens, context = scene.lens, scene.context
    assume(scene.value is not None)
    twice = lens.put(THEIRS, lens.put(THEIRS, scene.record, scene.other, context), scene.value, context)
    assert twice == lens.put(THEIRS, scene.record, scene.value, context)


@LAWS
@given(st.sampled_from(OTHERS), st.data())
def test_what_is_canonical_stays_so(case: tuple[Kind, st.SearchStrategy[Any], str], data: st.DataObject) -> None:
    kind, raws, _ = case
    once = read(kind, data.draw(raws))
    assert read(kind, once) == once
    assert read(kind, kind.write(once, OURS, NOWHERE)) == once
    assert read(kind, kind.write(once, THEIRS, NOWHERE), THEIRS) == once


@LAWS
@given(ITEMS_OF_A_LIST, st.randoms(use_true_random=False))
def test_the_order_of_a_list_means_nothing(items: list[str], random: Any) -> None:
    shuffled = [*items, *items]
    random.shuffle(shuffled)
    assert read(Choices(), shuffled) == read(Choices(), items) == read(Choices(separator=";"), " ; ".join(shuffled))


@pytest.mark.parametrize(
    ("kind", "raw", "canonical"),
    [
        (Integer(), " 038 ", 38),
        (Integer(), 38.0, 38),
        (Number(), "12.500", "12.5"),
        (Number(), 0.1, "0.1"),
        (Number(), "1E+2", "100"),
        (Number(), "-0.00", "0"),
        (DateTime(), "2026-01-02T03:04:05.000+02:00", "2026-01-02T01:04:05Z"),
        (DateTime(), date(2026, 1, 2), "2026-01-02T00:00:00Z"),
        (Choice(TABLE), " S ", "S"),
        (Choices(TABLE), ["XL", "S", "S"], '["S", "XL"]'),
    ],
)
def test_one_meaning_has_one_canonical_form(kind: Kind, raw: Any, canonical: Canonical) -> None:
    assert read(kind, raw) == canonical


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        *((Integer(), raw) for raw in (True, "38.5", "many", 1.5, "1e999999999")),
        *((Number(), raw) for raw in (True, "NaN", "Infinity", "12,5", [])),
        *((DateTime(), raw) for raw in ("soon", "2026-13-01", 5)),
        *((Choice(TABLE), raw) for raw in ("M", "s", True)),
        (Choice({1: "one"}), True),
        *((Choices(TABLE), raw) for raw in (["S", "M"], 5, [1])),
        (OptOut(), "yes"),
    ],
)
def test_what_is_not_understood_is_said_and_not_guessed(kind: Kind, raw: Any) -> None:
    with pytest.raises(UnfitError):
        read(kind, raw)


def test_a_table_of_choices_goes_both_ways() -> None:
    for table in ({"S": "Small", "M": "Small"}, {"S": "Small", " S": "Large"}):
        with pytest.raises(MappingError, match="twice"):
            kb.choice("Size", table, keap="prefix")
    assert read(Choice(TABLE), "Small", THEIRS) == "S"
    with pytest.raises(UnfitError):
        Choices(separator=",").fit('["a,b"]', OURS, None, NOWHERE)


# --- custom fields in a mapping -------------------------------------------------------------------------------------


def test_a_custom_field_is_named_once_and_in_one_way() -> None:
    for wrong in (
        {},
        {"label": "A", "id": "1"},
        {"label": " "},
        {"label": "A", "create": True},
        {"id": "1", "create": True, "type": "TEXT"},
        {"label": "A", "options": ["x"]},
    ):
        with pytest.raises(MappingError):
            custom_field(**wrong)  # type: ignore[arg-type]
    twice = kb.text("A", keap=custom_field("A")), kb.text("B", keap=custom_field("A"))
    with pytest.raises(MappingError, match="twice"):
        contacts.with_lenses(*twice)
    with pytest.raises(MappingError, match="no custom fields"):
        products.with_lenses(kb.text("A", keap=custom_field("A")))
    with pytest.raises(MappingError, match="custom_field"):
        contacts.with_lenses(kb.text("A", keap="custom_fields"))


def test_a_custom_field_that_is_not_known_yet_holds_its_field() -> None:
    mapper = contacts.with_lenses(kb.text("Own", keap=OWN))
    record = keap.Contact(given_name="Ada", custom_fields=())
    values, unreadable = mapper.read(THEIRS, record, NOWHERE)
    assert values == {"FirstName": "Ada"}
    assert unreadable == {"Own": "Keap's custom field 'Own' is not known yet"}
    wanted: NamedField = custom_field("New", create=True, type="TEXT")
    lens = contacts.with_lenses(kb.text("New", keap=wanted))["New"]
    context = Context(custom_fields={wanted: resolve(wanted, Model())})
    assert lens.get(THEIRS, record, None, context) is None
    assert lens.fit(THEIRS, "x", context) == "x"
    with pytest.raises(UnfitError, match="yet to be made"):
        lens.put(THEIRS, record, "x", context)


def test_a_custom_field_is_shown_with_its_label_and_its_type() -> None:
    mapper = contacts.only("Email").with_lenses(
        kb.text("ShoeSize", keap=custom_field("Shoe size")),
        kb.boolean("HasHat", keap=custom_field("Has hat", type="YES_NO")),
    )
    assert mapper.property_table("md").splitlines()[-2:] == [
        "| ShoeSize | custom_fields.Shoe size | custom field (string) |",
        "| HasHat | custom_fields.Has hat | custom field (yes no) |",
    ]


# --- regions, and lenses as values ----------------------------------------------------------------------------------


def test_a_region_does_not_flow_where_its_country_does_not() -> None:
    country, region = "addresses.BILLING.country_code", "addresses.BILLING.region_code"
    one_way = kb.country("Country", keap=country, direction="to_keap")
    for direction in ("both", "to_customcrm"):
        with pytest.raises(MappingError, match="Region flows to Customcrm and Country does not"):
            contacts.with_lenses(one_way, kb.region("Region", keap=region, scope="Country", direction=direction))  # type: ignore[arg-type]
    contacts.with_lenses(one_way, kb.region("Region", keap=region, scope="Country", direction="to_keap"))
    contacts.with_lenses(kb.region("Region", keap=region, scope="Country", direction="to_keap"))


def test_lenses_that_are_equal_are_one_in_a_set() -> None:
    own = kb.choice("Size", TABLE, keap=custom_field("Size"), direction="to_keap")
    for mapper in (*MAPPERS, contacts.with_lenses(own)):
        assert len({*mapper.lenses, *(attrs.evolve(lens) for lens in mapper.lenses)}) == len(mapper.lenses)
