"""Amounts with their currency: major units on one side, the smallest unit on the other."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import CURRENCIES, LAWS, NOWHERE, OURS, THEIRS, amount, read

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Asked, Context
from keapbridge.mapping.kinds.money import Money, exponent
from keapbridge.testing.keap import _checks as emulator


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


@pytest.mark.parametrize("raw", ["19.990000000000002", "19.989999999999995", 19.990000000000002])
def test_what_is_but_noise_of_binary_floats_is_rounded(raw: object) -> None:
    assert read(Money(), (raw, "USD")) == "USD 19.99"


@pytest.mark.parametrize("raw", ["19.995", "19.9900001", "19.99000000000000201", "12345678901234.567"])
def test_what_somebody_has_written_is_not_rounded(raw: str) -> None:
    with pytest.raises(UnfitError):
        read(Money(), (raw, "USD"))


def test_minus_nothing_is_nothing() -> None:
    assert read(Money(), (Decimal("-0.00"), "USD")) == "USD 0.00"


def test_a_price_in_another_currency_than_always_is_held() -> None:
    assert Money("EUR").read("12.5", OURS, None, NOWHERE) == "EUR 12.50"
    assert Money("EUR").currency == "EUR"
    with pytest.raises(UnfitError, match="where all are in EUR"):
        Money("EUR").read((1250, "USD"), THEIRS, None, NOWHERE)


def test_amounts_in_two_currencies_do_not_take_each_others_place() -> None:
    assert Money().incomparable("USD 1.00", "EUR 1.00") == "prices in EUR and USD"
    assert Money().incomparable("USD 1.00", "USD 2.00") is Money().incomparable(None, "USD 1.00") is None


def test_the_decimals_of_a_currency_are_those_that_the_emulator_writes_down_for_itself() -> None:
    for currency, decimals in {**emulator._DECIMALS, **CURRENCIES}.items():
        assert exponent(currency) == decimals


@pytest.mark.parametrize(("currency", "major"), [("USD", "10.00"), ("JPY", "1000"), ("KWD", "1.000")])
def test_a_sample_counts_its_decimals_by_hand_and_means_the_same_on_both_sides(currency: str, major: str) -> None:
    sample = Money().sample(Asked(currency=currency))
    assert sample is not None
    assert read(Money(), sample.customcrm) == f"{currency} {major}" == read(Money(), sample.keap, THEIRS)
