"""What a new record must have is filled in or asked for."""

from __future__ import annotations

import attrs
import pytest
from lens_laws import THEIRS

from keapbridge.errors import UnfitError
from keapbridge.mapping import companies, contacts, products
from keapbridge.mapping.needs import as_given, fill_required, never


def test_a_new_record_has_what_keap_asks_for() -> None:
    for mapper, values in ((companies, {}), (products, {"Name": "Widget"}), (contacts, {"FirstName": "Ada"})):
        with pytest.raises(UnfitError, match="Keap needs"):
            fill_required(mapper, THEIRS, values)
    filled = fill_required(products, THEIRS, {"Name": "Widget", "Price": "USD 1.00"})
    assert filled["ShortDescription"] == "Widget"
    assert as_given(products, THEIRS, filled)["ShortDescription"] is None
    assert fill_required(contacts, THEIRS, {"Email": "ada@example.org"}) == {"Email": "ada@example.org"}


def test_what_nothing_can_be_made_of_is_told_before_any_record() -> None:
    assert never(products, THEIRS) is None
    beside = attrs.evolve(products, needed={THEIRS: ("sku", "kind")})
    assert never(beside, THEIRS) == "Keap needs sku, kind, and nothing is mapped to it"
    with pytest.raises(UnfitError, match="Keap needs sku, kind"):
        fill_required(beside, THEIRS, {"Name": "Widget", "Price": "USD 1.00"})
