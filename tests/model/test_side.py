"""A side is what its name says, wherever a host names one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from keapbridge.model.records import Link
from keapbridge.model.side import Side


@pytest.mark.parametrize("side", Side, ids=lambda side: side.value)
def test_a_side_is_its_name(side: Side) -> None:
    assert Side.of(side.value, "there") is Side.of(side, "there") is side
    assert side == side.value
    assert {side: 1}[side.value] == {side.value: 1}[side] == 1
    assert (str(side), f"{side}", side.title) == (side.value, side.value, side.value.capitalize())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("Keap", "there: 'Keap' is no side; is 'keap' meant?"),
        ("custom crm", "there: 'custom crm' is no side; is 'customcrm' meant?"),
        ("kaep", "there: 'kaep' is no side; is 'keap' meant?"),
        ("Ada Berg", "there: a side is 'customcrm' or 'keap', not a text that is none"),
        ("", "there: a side is 'customcrm' or 'keap', not a text that is none"),
        (None, "there: a side is 'customcrm' or 'keap', not NoneType"),
        (True, "there: a side is 'customcrm' or 'keap', not bool"),
        (["keap"], "there: a side is 'customcrm' or 'keap', not list"),
    ],
)
def test_what_is_no_side_is_an_error_that_says_what_is(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        Side.of(given, "there")


def test_a_link_is_asked_for_a_side_by_name() -> None:
    link = Link("A7", "12", {"Name": "ours"}, {"Name": "theirs"})
    assert (link.id("customcrm"), link.id("keap"), link.id(Side.KEAP)) == ("A7", "12", "12")
    assert (link.base("customcrm"), link.base("keap")) == ({"Name": "ours"}, {"Name": "theirs"})
    with pytest.raises(ValueError, match="is 'keap' meant"):
        link.id("Keap")  # type: ignore[arg-type]
