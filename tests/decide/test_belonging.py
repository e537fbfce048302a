"""What a few linked records tell of the system that they are read from."""

from __future__ import annotations

from typing import Any

import pytest

from keapbridge.decide.belonging import Recognised, holds_what_is_known, recognise

ADA = {"FirstName": "Ada", "Email": "ada@example.org", "Phone": None, "City": "London"}
ZOE = {"FirstName": "Zoe", "Email": "zoe@example.org", "Phone": "+1", "City": "London"}


@pytest.mark.parametrize(
    ("base", "held", "answer"),
    [
        (ADA, ADA, True),
        (ADA, {**ADA, "City": "Paris", "Phone": "+47"}, True),  # edited meanwhile; what was empty tells nothing
        (ADA, ZOE, False),
        (ADA, None, False),
        (ADA, {}, False),
        ({"City": None}, ADA, None),
        ({}, None, None),
    ],
)
def test_a_record_holds_what_is_known_of_it(base: Any, held: Any, answer: bool | None) -> None:
    assert holds_what_is_known(base, held) is answer


def test_more_than_half_of_the_records_must() -> None:
    assert recognise([(ADA, ADA), (ZOE, None), ({}, ADA)]) == Recognised(1, 2)
    assert not Recognised(1, 2).is_same
    assert Recognised(2, 3).is_same
    assert not Recognised(0, 0).is_same  # nothing tells that it is the same
