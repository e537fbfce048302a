"""Amounts, constants and what a side requires."""

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
from keapbridge.mapping import products
from keapbridge.mapping.kinds import Context
from keapbridge.model.side import Side

NOWHERE = Context(keap_currency="USD")
PRICE = built(kb.money("Amount", always="USD", keap="price"), products.without("Price"))


@LAWS
@given(st.integers(0, 10**9), st.sampled_from(Side))
def test_what_fits_is_read_back_and_nothing_else_is_touched(units: int, side: Side) -> None:
    blank: Any = customcrm.Product(sku="S", extra={"Own": 1}) if side is OURS else keap.Product(sku="S")
    assert_laws(PRICE, side, blank, Decimal(units) / 100, NOWHERE)


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


def test_a_constant_is_there_without_being_read_and_nothing_is_written_to_it() -> None:
    to_keap, to_customcrm = built(kb.constant("Origin", "CRM", keap="spouse_name")), built(kb.constant("Status", 5))
    assert to_keap.get(OURS, customcrm.Contact(), None, NOWHERE) == "CRM"
    assert to_customcrm.get(THEIRS, keap.Contact(), None, NOWHERE) == 5
    record = customcrm.Contact(first_name="Ada")
    assert to_keap.put(OURS, record, "other", NOWHERE) is record
    with pytest.raises(MappingError):
        kb.constant("X", 1.5)  # type: ignore[arg-type]


def test_a_side_may_require_a_value() -> None:
    assert built(kb.integer("N", keap="spouse_name", required=True)).required == frozenset(Side)
    assert built(kb.integer("N", keap="spouse_name", required=THEIRS)).required == {THEIRS}
