"""A name that there is not is answered with the one that is spelt most like it."""

from __future__ import annotations

import pytest

from keapbridge.model.meant import is_meant, nearest, slip_of

KNOWN = ["FirstName", "LastName", "Email", "MobilePhone"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Emial", "Email"),
        ("email", "Email"),
        ("last_name", "LastName"),
        ("first name", "FirstName"),
        ("LASTNAME", "LastName"),
        ("LastNmae", "LastName"),
        ("mobile-phone", "MobilePhone"),
        ("ShoeSize", None),
        ("", None),
        ("__", None),
        (None, None),
        (12, None),
        ("Email" * 100_000, None),
    ],
)
def test_the_nearest_name(name: object, meant: str | None) -> None:
    assert nearest(name, KNOWN) == meant
    assert is_meant(name, KNOWN) == ("" if meant is None else f"; is {meant!r} meant?")


def test_a_spelling_stands_for_a_name_and_the_first_of_two_counts() -> None:
    assert nearest("family_nmae", {"LastName": "LastName", "family_name": "LastName"}) == "LastName"
    assert nearest("Last Name", {"LastName": "1", "last_name": "2"}) == "1"
    assert nearest("LastName", []) is None


def test_a_slip_of_the_pen_is_nearly_the_same_and_no_other_number() -> None:
    assert slip_of("Emial", KNOWN) == "Email"
    assert slip_of("first_name", KNOWN) == "FirstName"
    assert slip_of("Mobile", KNOWN) is None
    assert slip_of("Email2", KNOWN) is None
    assert slip_of("Email", KNOWN) is None
