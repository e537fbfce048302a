"""The laws of the kinds that only hosts declare, and what they declare with them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from laws import examples

import keapbridge as kb
from keapbridge.customcrm import records as customcrm
from keapbridge.dataflow.checklist import checklist
from keapbridge.errors import MappingError, UnfitError
from keapbridge.keap import records as keap
from keapbridge.keap.fields import CustomField
from keapbridge.mapping import companies, contacts, products
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.kinds.choices import Choices
from keapbridge.mapping.kinds.made import Made
from keapbridge.mapping.kinds.money import Money
from keapbridge.mapping.kinds.text import FullName, Url
from keapbridge.mapping.lens import Lens
from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side

LAWS = examples(80)
OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP
NOWHERE = Context(keap_currency="USD")
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters=","), max_size=9)
NAMES = st.one_of(
    WORDS, st.lists(WORDS, max_size=5).map(" ".join), st.sampled_from(("van Beethoven", "אבגד", "👩\u200d👧"))
)


def built(declared: Any, mapper: Any = contacts) -> Lens:
    return mapper.with_lenses(declared).lenses[-1]


def cut(text: str) -> str:
    return text[:3]


URL, SMALL = built(kb.url("Site", keap="spouse_name", max_length=100)), contacts.without("FirstName", "LastName")
NAME = built(kb.full_name("Name", max_length=200), SMALL)
TURNED = built(kb.full_name("Name", order="family, given", max_length=200), SMALL)
SWAP = built(kb.lens(str.swapcase, str.swapcase, customcrm="Swap", keap="spouse_name"))
CUT = built(kb.lens(str, cut, customcrm="Cut", keap="spouse_name", losses="all but three letters"))
PRICE = built(kb.money("Amount", always="USD", keap="price"), products.without("Price"))
PATHS = st.text("abc/?#=%é", max_size=12)
CASES: tuple[tuple[Lens, st.SearchStrategy[Any]], ...] = (
    (
        URL,
        st.builds(
            "{}://{}.example.org{}".format,
            st.sampled_from(("http", "HTTPS")),
            st.sampled_from(("a", "Ü", "x-y")),
            PATHS.map("/{}".format),
        ),
    ),
    (NAME, NAMES),
    (TURNED, st.builds("{}, {}".format, NAMES, NAMES)),
    (SWAP, st.text("aBcDéÉ1 ", max_size=20)),
    (CUT, st.text("abc ", max_size=20)),
    (PRICE, st.integers(0, 10**9).map(lambda units: Decimal(units) / 100)),
)
cases = st.sampled_from(CASES).flatmap(lambda case: st.tuples(st.just(case[0]), case[1]))


def blank(lens: Lens, side: Side) -> Any:
    """A record in which something else is known, too."""
    if lens is PRICE:
        return customcrm.Product(sku="S", extra={"Own": 1}) if side is OURS else keap.Product(sku="S")
    if side is OURS:
        return customcrm.Contact(suffix="S", extra={"Own": 1})
    return keap.Contact(suffix="S", preferred_name="P", given_name=None, family_name=None, spouse_name=None)


@LAWS
@given(cases, st.sampled_from(Side))
def test_what_fits_is_read_back_and_nothing_else_is_touched(case: tuple[Lens, Any], side: Side) -> None:
    lens, raw = case
    try:
        value = lens.kind.read(raw, OURS, None, NOWHERE)
        fitting = lens.fit(side, value, NOWHERE)
    except UnfitError:
        assume(condition=False)
        return
    assert lens.kind.read(value if lens is not PRICE else raw, OURS, None, NOWHERE) == value
    assert lens.fit(side, fitting, NOWHERE) == fitting
    record = blank(lens, side)
    once = lens.put(side, record, fitting, NOWHERE)
    assert lens.get(side, once, None, NOWHERE) == fitting
    assert lens.put(side, once, fitting, NOWHERE) == once
    place = lens.place(side)
    own = dict.fromkeys(place.attributes)
    if place.in_extra:
        assert {k: v for k, v in once.extra.items() if k not in own} == dict(record.extra)
        assert attrs.evolve(once, extra=record.extra) == record
    else:
        undone: Any = {root: getattr(record, root) for root in place.roots}
        assert attrs.evolve(once, **undone) == record


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("EXAMPLE.org", "https://example.org"),
        (" http://Example.ORG/ ", "http://example.org"),
        ("https://Example.org/Path?Q#F", "https://example.org/Path?Q#F"),
        ("example.org:8080/x", "https://example.org:8080/x"),
        ("//example.org", "https://example.org"),
        ("https://User@Example.org", "https://User@example.org"),
        ("https://BÜCHER.example", "https://bücher.example"),
    ],
)
def test_one_page_has_one_address(raw: str, canonical: str) -> None:
    assert Url().read(raw, OURS, None, NOWHERE) == canonical
    assert Url().read(canonical, THEIRS, None, NOWHERE) == canonical


@pytest.mark.parametrize(
    "raw",
    [
        "n/a",
        "mailto:a@b.no",
        "javascript:alert(1)",
        "https://",
        "https://a b.no",
        "localhost",
        "https://a.no:x",
        "-a.no",
        5,
    ],
)
def test_what_is_no_address_of_a_page_is_held(raw: Any) -> None:
    with pytest.raises(UnfitError):
        Url().read(raw, OURS, None, NOWHERE)


@pytest.mark.parametrize(
    ("whole", "given", "family"),
    [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ("Ludwig  van Beethoven", "Ludwig", "van Beethoven"),
        ("Ada King Lovelace", "Ada King", "Lovelace"),
        ("Madonna", "Madonna", None),
        ("van Gogh", "van", "Gogh"),
    ],
)
def test_a_whole_name_is_split_before_its_family_name(whole: str, given: str, family: str | None) -> None:
    kind = FullName()
    value = kind.read(whole, OURS, None, NOWHERE)
    assert kind.write(value, THEIRS, NOWHERE) == (given, family)
    assert kind.read((given, family), THEIRS, None, NOWHERE) == value


def test_keaps_own_split_of_a_name_stays_while_the_name_is_the_same() -> None:
    record = keap.Contact(given_name="Ludwig van", family_name="Beethoven")
    assert NAME.put(THEIRS, record, "Ludwig van Beethoven", NOWHERE) is record


def test_a_name_of_which_a_part_is_too_long_is_held() -> None:
    with pytest.raises(UnfitError, match="longer than 40"):
        FullName().fit(f"Ada {'L' * 41}", THEIRS, None, NOWHERE)


def test_a_function_that_loses_more_than_it_says_holds_its_value() -> None:
    with pytest.raises(UnfitError, match="no loss is declared"):
        Made(str, cut).fit("abcd", THEIRS, None, NOWHERE)
    assert Made(str, cut, loses=True).fit("abcd", THEIRS, None, NOWHERE) == "abc"
    with pytest.raises(UnfitError, match="each time"):
        Made(str, lambda text: text + "x", loses=True).fit("a", THEIRS, None, NOWHERE)


def test_a_function_that_fails_is_named_and_the_value_is_not() -> None:
    with pytest.raises(UnfitError) as raised:
        Made(int, str).read("secret", THEIRS, None, NOWHERE)
    assert "ValueError" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_function_has_the_same_name_in_every_process() -> None:
    assert "0x" not in repr(Made(cut, cut))


def test_the_order_of_a_list_can_mean_something() -> None:
    kind = Choices(ordered=True)
    assert kind.read(["b", "a", "b"], OURS, None, NOWHERE) == '["b", "a"]'
    assert kind.write('["b", "a"]', THEIRS, NOWHERE) == ("b", "a")


def test_a_price_in_another_currency_than_always_is_held() -> None:
    assert Money("EUR").read("12.5", OURS, None, NOWHERE) == "EUR 12.50"
    with pytest.raises(UnfitError, match="where all are in EUR"):
        Money("EUR").read((1250, "USD"), THEIRS, None, NOWHERE)
    for wrong in ({}, {"currency": "C", "always": "EUR"}, {"always": "euro"}):
        with pytest.raises(MappingError):
            kb.money("Amount", keap="price", **wrong)


def test_an_amount_and_its_currency_may_both_be_properties_of_the_host() -> None:
    lens = built(kb.money("Net", currency="NetCurrency", keap="price"), products.without("Price"))
    record = customcrm.Product(extra={"Net": "12.5", "NetCurrency": "usd"})
    assert lens.get(OURS, record, None, NOWHERE) == "USD 12.50"
    again = lens.put(OURS, record, "USD 3.00", NOWHERE)
    assert again.extra == {"Net": Decimal("3.00"), "NetCurrency": "USD"}
    with pytest.raises(MappingError, match="or none"):
        products.without("Price").with_lenses(kb.money("Price", currency="Own", keap="price"))


def test_an_address_is_a_block() -> None:
    mapper = contacts.with_lenses(*kb.address("SHIPPING", prefix="Ship", names={"ZipCode": "Code", "City": None}))
    new = {lens.customcrm.path: lens.keap.path for lens in mapper.lenses if "SHIPPING" in lens.keap.path}
    leaves = {
        "ShipCountry": "country_code",
        "ShipRegion": "region_code",
        "ShipStreetAddress1": "line1",
        "ShipStreetAddress2": "line2",
        "Code": "postal_code",
    }
    assert new == {name: f"addresses.SHIPPING.{leaf}" for name, leaf in leaves.items()}
    assert mapper["ShipRegion"].scope == "ShipCountry"
    assert companies.with_lenses(*kb.address("address")) == companies
    for wrong in ({"Street": "S"}, {"Country": None}):
        with pytest.raises(MappingError):
            kb.address("OTHER", names=wrong)
    with pytest.raises(MappingError):
        contacts.with_lenses(*kb.address("HOME"))


def test_a_property_that_two_lenses_would_write_is_refused() -> None:
    with pytest.raises(MappingError, match="given_name is mapped twice"):
        contacts.without("LastName").with_lenses(kb.full_name("Name"))
    with pytest.raises(MappingError, match="itself can be joined"):
        contacts.with_lenses(kb.text("X", keap="given_name+email_addresses.EMAIL1"))


def test_a_constant_is_there_without_being_read_and_nothing_is_written_to_it() -> None:
    to_keap, to_customcrm = built(kb.constant("Origin", "CRM", keap="spouse_name")), built(kb.constant("Status", 5))
    assert to_keap.get(OURS, customcrm.Contact(), None, NOWHERE) == "CRM"
    assert to_customcrm.get(THEIRS, keap.Contact(), None, NOWHERE) == 5
    record = customcrm.Contact(first_name="Ada")
    assert to_keap.put(OURS, record, "other", NOWHERE) is record
    assert [line.to for line in checklist(contacts.with_lenses(kb.constant("S", "x")))][-1] is OURS
    with pytest.raises(MappingError):
        kb.constant("X", 1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [0, 0.0, False, "0", "x", ["x"]])
def test_a_custom_field_that_holds_nothing_at_all_is_emptied_too(content: Any) -> None:
    named = kb.custom_field("Own")
    lens = built(kb.text("Own", keap=named))
    context = Context(custom_fields={named: CustomField("1", "Own")})
    record = keap.Contact(custom_fields=[keap.CustomFieldValue("1", content)])
    assert [item.content for item in lens.put(THEIRS, record, None, context).custom_fields] in ([""], [])


def test_options_are_checked_when_they_are_given() -> None:
    for wrong in ({"on_empty": "drop"}, {"direction": "up"}, {"policy": "oldest"}):
        with pytest.raises(MappingError):
            contacts.with_lenses(kb.email("E", keap="email_addresses.EMAIL3", **wrong))  # type: ignore[arg-type]
    with pytest.raises(MappingError):
        kb.text("X", keap="prefix", on_too_long="cut")  # type: ignore[arg-type]
    assert built(kb.integer("N", keap="spouse_name", required=True)).required == frozenset(Side)
    assert built(kb.integer("N", keap="spouse_name", required=THEIRS)).required == {THEIRS}


# --- filters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "record", "passes"),
    [
        ({"Country": "NO"}, customcrm.Contact(country="Norge"), True),
        ({"Country": ["NO", "SE"]}, customcrm.Contact(country="Sweden"), True),
        ({"Country": "NO"}, customcrm.Contact(country="Atlantis"), False),
        ({"Country": None}, customcrm.Contact(country="Atlantis"), False),
        ({"Country": None}, customcrm.Contact(country=None), True),
        ({"Own": True}, customcrm.Contact(extra={"Own": True}), True),
        ({"Own": True}, customcrm.Contact(extra={"Own": 1}), False),
        ({"Own": {"a", "b"}}, customcrm.Contact(extra={"Own": ["x", "b"]}), True),
        ({"Own": lambda own: own > 3}, customcrm.Contact(extra={"Own": 4}), True),
        ({"Own": "a", "FirstName": "Ada"}, customcrm.Contact(first_name="Bob", extra={"Own": "a"}), False),
        (lambda record: record.first_name == "Ada", customcrm.Contact(first_name="Ada"), True),
    ],
)
def test_a_record_takes_part_when_it_meets_all_conditions(condition: Any, record: Any, passes: bool) -> None:
    mapper = contacts.where(customcrm=condition)
    values, _ = mapper.read(OURS, record, NOWHERE)
    assert mapper.takes_part(OURS, record, values) is passes
    assert mapper.takes_part(THEIRS, keap.Contact(), {})


def test_a_filter_by_keaps_properties() -> None:
    mapper = contacts.where(keap={"tag_ids": "12", "given_name": "Ada"})
    for tags, passes in ((("7", "12"), True), (("7",), False), (UNSET, False)):
        record = keap.Contact(given_name="Ada", tag_ids=tags)
        values, _ = mapper.read(THEIRS, record, NOWHERE)
        assert mapper.takes_part(THEIRS, record, values) is passes


@pytest.mark.parametrize(
    "wrong",
    [{"keap": {"nothing": 1}}, {"customcrm": {"Country": "Atlantis"}}, {"keap": {}}, {"customcrm": {"Own": []}}],
)
def test_a_filter_that_nothing_can_meet_is_refused(wrong: Any) -> None:
    with pytest.raises(MappingError):
        contacts.where(**wrong)


def test_a_filter_can_be_told_from_another_one() -> None:
    one, same, other = (contacts.where(customcrm={"Own": value}).taking_part.fingerprint() for value in "aab")
    assert one == same != other
    assert contacts.taking_part.fingerprint() == ""
