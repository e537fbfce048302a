"""Numbers as people write them are read and written in the notation that is declared, and never mistaken for others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import keapbridge as kb
from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.kinds.figures import number_in, style_in, written_in
from keapbridge.mapping.kinds.money import Money
from keapbridge.mapping.kinds.numbers import Integer, Number
from keapbridge.mapping.notation import learnt, spelt
from keapbridge.model.side import Side

OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP
STYLES = ["1234,56", "1.234,56", "1 234,56", "1'234,56", "1\u00a0234,56", "1234.56", "1,234.56"]


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2), st.sampled_from(STYLES))
def test_what_is_written_in_a_style_is_read_again_and_is_of_that_style(number: Decimal, style: str) -> None:
    mark = style[-3]
    text = written_in(number, mark, style)
    assert number_in(text, mark) == number
    assert style_in(text, mark) == (style if abs(number) >= 1000 else None)


@pytest.mark.parametrize(
    "text", ["12.50", "1.2345", "12.345.67", "1.234 567", "$19", "19,-", "", ",5", "1,", "1e3", "٣"]
)
def test_what_is_not_written_so_is_no_number(text: str) -> None:
    assert number_in(text, ",") is None


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (Money("EUR", decimal=","), "1.234,5", "EUR 1234.50"),
        (Money("EUR", decimal="."), "1,234.5", "EUR 1234.50"),
        (Money(decimal=","), ("19,99", "EUR"), "EUR 19.99"),
        (Money("EUR", decimal=","), Decimal("19.99"), "EUR 19.99"),
        (Number(decimal=","), "1.234", "1234"),
        (Number(), "1.234", "1.234"),
        (Number(decimal=","), 1.5, "1.5"),
        (Integer(decimal=","), "1.234", 1234),
        (Number(decimal=","), " ", None),
    ],
)
def test_a_text_is_read_in_its_notation_and_a_number_as_it_is(kind: Any, raw: Any, value: Any) -> None:
    assert kind.read(raw, OURS, None, Context()) == value


def test_only_customcrm_has_a_notation() -> None:
    assert Number(decimal=",").read("1.234", THEIRS, None, Context()) == "1.234"
    assert Number(decimal=",").write("1.5", THEIRS, Context()) == 1.5
    for kind in (Money("EUR"), Number()):
        with pytest.raises(UnfitError):
            kind.read("19,99", OURS, None, Context())
    with pytest.raises(kb.MappingError, match=r"Price\+Currency: decimal= is for texts.* such as 'PriceText'"):
        kb.mapping.products.with_lenses(kb.money("Price", currency="Currency", decimal=",", keap="price"))
    with pytest.raises(kb.MappingError, match=r"decimal must be '\.' or ',', not ';'"):
        kb.decimal("Size", keap=kb.custom_field("Size"), decimal=";")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "like", "present", "value", "written"),
    [
        (Money("EUR", decimal=","), ["1.234,50", "19,00"], None, "EUR 9876.50", "9.876,50"),
        (Money("EUR", decimal=","), ["1.234,50"], "1234,50", "EUR 9876.50", "9876,50"),
        (Money("EUR", decimal=","), ["1.234,50"], "19,00", "EUR 9876.50", "9.876,50"),
        (Money("EUR", decimal=","), [], None, "EUR 9876.50", "9876,50"),
        (Money("EUR", decimal=","), [], Decimal("1.5"), "EUR 9876.50", Decimal("9876.50")),
        (Money(decimal=","), [("1 234,50", "EUR")], None, "EUR 9876.50", ("9 876,50", "EUR")),
        (Money("EUR"), ["19.00"], "19.00", "EUR 9876.50", Decimal("9876.50")),
        (Number(decimal=","), ["1'234"], None, "12345.5", "12'345,5"),
        (Integer(decimal=","), ["1.234"], None, 98765, "98.765"),
    ],
)
def test_it_is_written_as_it_was_or_as_its_column_writes_others(
    kind: Any, like: list[Any], present: Any, value: Any, written: Any
) -> None:
    def read(raw: Any) -> Any:
        return raw, kind.read(raw, OURS, None, Context())

    there = None if present is None else read(present)
    assert spelt(kind, value, learnt(kind, [read(raw) for raw in like]), there, None, Context()) == written
