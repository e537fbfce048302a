"""What a system empties along with what is written to it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from keapbridge.decide.along import emptied_along
from keapbridge.model.records import Canonical

HELD: Mapping[str, Canonical] = {"A": "a", "B": "b", "C": "c", "D": None}


@pytest.mark.parametrize(
    ("shown", "sure", "may_be_edited"),
    [
        ({"A": "new", "B": "b", "C": "c", "D": None}, set(), set()),
        ({"A": "new", "B": None, "C": None, "D": None}, {"B", "C"}, {"B", "C"}),
        ({"A": "new", "B": None, "C": "c"}, {"B"}, set()),
        ({"A": "new", "B": None, "C": "d"}, {"B"}, set()),
        ({"A": "new", "B": None}, {"B"}, set()),
        ({"A": None}, set(), set()),
    ],
)
def test_only_what_was_there_and_was_not_sent_can_be_emptied(
    shown: Mapping[str, Canonical], sure: set[str], may_be_edited: set[str]
) -> None:
    assert emptied_along(HELD, shown, {"A"}, is_sure=True) == sure
    assert emptied_along(HELD, shown, {"A"}, is_sure=False) == may_be_edited
