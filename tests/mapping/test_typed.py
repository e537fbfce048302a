"""Kinds that write what a property of Keap's does not take are refused where they are declared."""

from __future__ import annotations

from typing import Any

import pytest

import keapbridge as kb


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        (kb.text("Ships", keap="shippable"), "shippable is yes or no"),
        (kb.integer("Ships", keap="taxable"), "taxable is yes or no"),
        (kb.choice("Ships", {"yes": "YES", "no": "NO"}, keap="active"), "active is yes or no"),
        (kb.text("Mass", keap="weight"), "weight is a number"),
        (kb.boolean("Mass", keap="weight"), "weight is a number"),
        (kb.constant("Mass", "heavy", keap="weight"), "weight is a number"),
    ],
)
def test_a_kind_that_a_property_does_not_take_is_refused(declared: Any, what: str) -> None:
    with pytest.raises(kb.MappingError, match=what):
        kb.mapping.products.with_lenses(declared)


def test_so_it_is_of_dates_and_what_flows_to_customcrm_alone_may_be_anything() -> None:
    with pytest.raises(kb.MappingError, match="birth_date is a date"):
        kb.mapping.contacts.with_lenses(kb.text("Born", keap="birth_date"))
    kb.mapping.products.with_lenses(kb.text("Ships", keap="shippable", direction="to_customcrm"))


@pytest.mark.parametrize(
    "declared",
    [
        kb.boolean("Ships", keap="shippable"),
        kb.choice("Ships", {"yes": True, "no": False}, keap="shippable"),
        kb.constant("Ships", True, keap="shippable"),
        kb.decimal("Mass", keap="weight"),
        kb.integer("Mass", keap="weight"),
        kb.integer("Notes", keap="delivery_description"),
    ],
)
def test_what_fits_is_not(declared: Any) -> None:
    kb.mapping.products.with_lenses(declared)
