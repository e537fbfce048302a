"""Yes or no, one of a few values, lists of texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import ITEMS_OF_A_LIST, LAWS, NOWHERE, OURS, TABLE, THEIRS, read

import keapbridge as kb
from keapbridge.errors import MappingError, UnfitError
from keapbridge.mapping.kinds import Kind
from keapbridge.mapping.kinds.choices import Boolean, Choice, Choices
from keapbridge.mapping.notation import spelt


def test_a_table_of_choices_goes_both_ways() -> None:
    for table in ({"S": "Small", "M": "Small"}, {"S": "Small", " S": "Large"}):
        with pytest.raises(MappingError, match="twice"):
            kb.choice("Size", table, keap="prefix")
    assert read(Choice(TABLE), "Small", THEIRS) == "S"
    with pytest.raises(UnfitError):
        Choices(separator=",").fit('["a,b"]', OURS, None, NOWHERE)


@LAWS
@given(ITEMS_OF_A_LIST, st.randoms(use_true_random=False))
def test_the_order_of_a_list_means_nothing(items: list[str], random: Any) -> None:
    shuffled = [*items, *items]
    random.shuffle(shuffled)
    assert read(Choices(), shuffled) == read(Choices(), items) == read(Choices(separator=";"), " ; ".join(shuffled))


def test_the_order_of_a_list_can_mean_something() -> None:
    kind = Choices(ordered=True)
    assert kind.read(["b", "a", "b"], OURS, None, NOWHERE) == '["b", "a"]'
    assert kind.write('["b", "a"]', THEIRS, NOWHERE) == ("b", "a")


def test_a_choice_is_read_by_its_table() -> None:
    assert read(Choice(TABLE), " S ") == "S"
    assert read(Choices(TABLE), ["XL", "S", "S"]) == '["S", "XL"]'


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        *((Choice(TABLE), raw) for raw in ("M", "s", True)),
        (Choice({1: "one"}), True),
        *((Choices(TABLE), raw) for raw in (["S", "M"], 5, [1])),
        *((Boolean(), raw) for raw in ("yes", "1", 2, 0.5)),
    ],
)
def test_what_is_not_in_the_table_is_said_and_not_guessed(kind: Kind, raw: Any) -> None:
    with pytest.raises(UnfitError):
        read(kind, raw)


def test_yes_and_no_may_be_numbers_in_customcrm_and_stay_such_there() -> None:
    assert [read(Boolean(), raw) for raw in (1, 0, Decimal(1), True)] == [True, False, True, True]
    with pytest.raises(UnfitError):
        Boolean().read(1, THEIRS, None, NOWHERE)
    for present, written in ((1, 0), (True, False), (None, False)):
        there = None if present is None else (present, True)
        found = spelt(Boolean(), False, None, there, None, NOWHERE)
        assert (found, type(found)) == (written, type(written))
