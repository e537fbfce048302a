"""What hosts declare beside the default mappings, and how that is refused which cannot be meant."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, OURS, THEIRS, assert_laws, built

import keapbridge as kb
from keapbridge.customcrm import records as customcrm
from keapbridge.errors import MappingError
from keapbridge.keap import records as keap
from keapbridge.mapping import companies, contacts, products
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.lens import Lens
from keapbridge.model.side import Side

NOWHERE = Context(keap_currency="USD")
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters=","), max_size=9)
NAMES = st.one_of(
    WORDS, st.lists(WORDS, max_size=5).map(" ".join), st.sampled_from(("van Beethoven", "אבגד", "👩\u200d👧"))
)


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
    assert_laws(lens, side, blank(lens, side), raw, NOWHERE)


def test_an_amount_has_either_a_property_with_its_currency_or_always_the_same_one() -> None:
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


def test_a_constant_is_there_without_being_read_and_nothing_is_written_to_it() -> None:
    to_keap, to_customcrm = built(kb.constant("Origin", "CRM", keap="spouse_name")), built(kb.constant("Status", 5))
    assert to_keap.get(OURS, customcrm.Contact(), None, NOWHERE) == "CRM"
    assert to_customcrm.get(THEIRS, keap.Contact(), None, NOWHERE) == 5
    record = customcrm.Contact(first_name="Ada")
    assert to_keap.put(OURS, record, "other", NOWHERE) is record
    with pytest.raises(MappingError):
        kb.constant("X", 1.5)  # type: ignore[arg-type]


def test_options_are_checked_when_they_are_given() -> None:
    for wrong in ({"on_empty": "drop"}, {"direction": "up"}, {"policy": "oldest"}):
        with pytest.raises(MappingError):
            contacts.with_lenses(kb.email("E", keap="email_addresses.EMAIL3", **wrong))  # type: ignore[arg-type]
    with pytest.raises(MappingError):
        kb.text("X", keap="prefix", on_too_long="cut")  # type: ignore[arg-type]
    assert built(kb.integer("N", keap="spouse_name", required=True)).required == frozenset(Side)
    assert built(kb.integer("N", keap="spouse_name", required=THEIRS)).required == {THEIRS}


def test_what_is_given_as_a_kind_must_be_one() -> None:
    for wrong in (str, type(contacts["FirstName"].kind), None):
        with pytest.raises(MappingError, match="kind takes an object of a class derived from"):
            kb.field("X", wrong, keap="prefix")  # type: ignore[arg-type]


def test_a_value_in_several_properties_is_called_by_the_first() -> None:
    lens = built(kb.field("Net+NetCurrency", products["Price"].kind, keap="price"), products.without("Price"))
    assert (lens.name, lens.customcrm.path) == ("Net", "Net+NetCurrency")
