"""To and fro: six writes in turn between two values are it, and nothing less is. Pure and quick."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.to_and_fro import Written, goes_to_and_fro
from keapbridge.model.change import Change
from keapbridge.model.side import Side

LAWS = examples(100)
KEAP, CRM = Side.KEAP, Side.CUSTOMCRM
THERE, BACK = Written(KEAP, "Berg", "BERG"), Written(CRM, "BERG", "Berg")
AGAIN = Change("LastName", KEAP, "Berg", "BERG")
SIX = [THERE, BACK] * 3


def test_the_seventh_write_in_turn_is_one_too_many() -> None:
    assert goes_to_and_fro(SIX, AGAIN, 6)
    assert goes_to_and_fro([Written(CRM, None, "Berg"), *SIX], AGAIN, 6), "what was before does not matter"
    assert not goes_to_and_fro(SIX[1:], AGAIN, 6)
    assert goes_to_and_fro(SIX[2:], AGAIN, 4)
    assert not goes_to_and_fro([], AGAIN, 0)


@pytest.mark.parametrize(
    "change",
    [
        Change("LastName", KEAP, "Berg", "Wu"),  # a marriage
        Change("LastName", KEAP, "Wu", "BERG"),
        Change("LastName", KEAP, "Berg", None),
        Change("LastName", CRM, "BERG", "Berg"),  # not their turn
    ],
)
def test_another_change_goes_on(change: Change) -> None:
    assert not goes_to_and_fro(SIX, change, 6)


@pytest.mark.parametrize(
    "writes",
    [
        [THERE] * 6,  # one side switches something on and off
        [THERE, BACK, THERE, BACK, Written(KEAP, "Berg", "Wu"), BACK],
        [THERE, BACK, THERE, THERE, BACK, BACK],
        [THERE, BACK, Written(KEAP, "Berg", "Be"), BACK, THERE, BACK],
    ],
)
def test_what_is_not_in_turn_goes_on(writes: list[Written]) -> None:
    assert not goes_to_and_fro(writes, AGAIN, 6)


def test_a_value_as_the_other_side_stores_it_is_the_same() -> None:
    stored = [Written(KEAP, "Berg", "BER"), BACK] * 3
    assert goes_to_and_fro(stored, AGAIN, 6)


@LAWS
@given(st.lists(st.sampled_from((THERE, BACK)), max_size=9), st.sampled_from((2, 4, 6)))
def test_only_what_alternates_to_the_end_is_to_and_fro(writes: list[Written], turns: int) -> None:
    assert goes_to_and_fro(writes, AGAIN, turns) is (writes[-turns:] == [THERE, BACK] * (turns // 2))
