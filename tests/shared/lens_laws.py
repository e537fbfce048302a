"""Records, values and contexts for the laws of lenses, mappers and kinds, and the laws themselves as an assertion."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import phonenumbers
import pycountry
from hypothesis import HealthCheck, assume
from hypothesis import strategies as st
from laws import examples

from keapbridge.customcrm import records as customcrm
from keapbridge.errors import UnfitError
from keapbridge.keap import records as keap
from keapbridge.mapping import companies, contacts, products
from keapbridge.mapping.geography import alpha2, regions
from keapbridge.mapping.kinds import Context, Kind
from keapbridge.mapping.kinds.choices import Boolean, Choice, Choices
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


def read(kind: Kind, raw: Any, side: Side = OURS, scope: Canonical = None, context: Context = NOWHERE) -> Canonical:
    return kind.read(raw, side, scope, context)


def built(declared: Any, mapper: Any = contacts) -> Lens:
    return mapper.with_lenses(declared).lenses[-1]


# --- canonical values of every kind -----------------------------------------------------------------------------------

REGIONS_TO_CALL = ("NO", "US", "GB", "DE", "FR", "IT", "BR", "JP", "AU", "IN")
NUMBERS = tuple(phonenumbers.example_number(code) for code in REGIONS_TO_CALL)
COUNTRIES = tuple(sorted(country.alpha_3 for country in pycountry.countries))
DIVIDED = tuple(sorted(c.alpha_3 for c in pycountry.countries if pycountry.subdivisions.get(country_code=c.alpha_2)))
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
        of_kind: dict[type[Kind], st.SearchStrategy[Canonical]] = {
            Text: TEXTS,
            Email: EMAILS,
            Fax: FAXES,
            Phone: PHONES,
            Country: st.just(self.country),
            Region: st.just(self.region),
            Date: st.dates().map(date.isoformat),
            Boolean: st.booleans(),
            Money: st.integers(0, 10**9).map(lambda units: amount(self.currency, units)),
            Reference: st.sampled_from(sorted(LINKED)),
        }
        found = of_kind[type(lens.kind)]
        return st.one_of(found, found, found, st.none())


def amount(currency: str, units: int) -> str:
    return f"{currency} {Decimal(units).scaleb(-CURRENCIES[currency]):f}"


@st.composite
def worlds(draw: st.DrawFn) -> World:
    country = draw(st.sampled_from(DIVIDED))
    region = draw(st.sampled_from(sorted(set(regions(alpha2(country) or "").values()))))
    return World(country, region, draw(st.sampled_from(sorted(CURRENCIES))))


# --- what Customcrm may hold in the kinds that the default mappings do not use ----------------------------------------

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


# --- records with surroundings ----------------------------------------------------------------------------------------

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


# --- what a record holds, by path -------------------------------------------------------------------------------------

CONSENT = ("is_opt_in", "email_opt_status", "opt_in_reason")
ABOUT_THE_ITEM = (*CONSENT, "type", "number_e164", "extra")


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
    names = ("postal_code", "zip_code", "zip_four") if "postal_code" in place.attributes else place.attributes
    own = {f"{holder}.{name}" for name in names}
    kept = {path: value for path, value in content(record).items() if path not in own}
    if place.container and scene.value is None and f"{holder}.extra" not in "".join(kept):
        # An e-mail address that is gone takes along what was said about it.
        about = tuple(f"{holder}.{name}" for name in ABOUT_THE_ITEM)
        kept = {path: value for path, value in kept.items() if not path.startswith(about)}
    if "email" in place.attributes and place.get(scene.record) != scene.value:
        # What was said of an e-mail address is not said of another one.
        consent = {f"{holder}.{name}" for name in CONSENT}
        kept = {path: value for path, value in kept.items() if path not in consent}
    return kept


def slots(record: Any) -> dict[str, list[str]]:
    """The order of the items in every array."""
    values = {f.name: getattr(record, f.name) for f in attrs.fields(type(record))}
    return {
        name: [item.field for item in value]
        for name, value in values.items()
        if isinstance(value, tuple) and all(hasattr(item, "field") for item in value)
    }


# --- the laws, for a lens of any kind ---------------------------------------------------------------------------------


def assert_laws(lens: Lens, side: Side, record: Any, raw: Any, context: Context) -> None:
    """What Customcrm may hold in a field fits a side, is read back there, and nothing else of its record is touched.

    An example of which the kind makes nothing, or which does not fit, is dropped.
    """
    try:
        value = lens.kind.read(raw, OURS, None, context)
        fits = lens.fit(side, value, context)
    except UnfitError:
        assume(condition=False)
        return
    assert lens.fit(side, fits, context) == fits
    once = lens.put(side, record, fits, context)
    found = lens.get(side, once, None, context)
    assert (found, type(found)) == (fits, type(fits))
    assert lens.put(side, once, found, context) == once
    place = lens.place(side)
    if place.in_extra:
        own = dict.fromkeys(place.attributes)
        assert {k: v for k, v in once.extra.items() if k not in own} == dict(record.extra)
        assert attrs.evolve(once, extra=record.extra) == record
    else:
        undone: Any = {root: getattr(record, root) for root in place.roots}
        assert attrs.evolve(once, **undone) == record
