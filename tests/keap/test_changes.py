"""What type checkers let an update name is what a record has and may be written to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args, get_type_hints

import pytest

import keapbridge as kb
from keapbridge.keap import changes, endpoints
from keapbridge.model.maybe import Maybe


@pytest.mark.parametrize(
    ("endpoint", "named"),
    [
        (endpoints.CONTACTS, changes.ContactChanges),
        (endpoints.COMPANIES, changes.CompanyChanges),
        (endpoints.PRODUCTS, changes.ProductChanges),
    ],
    ids=lambda it: getattr(it, "name", ""),
)
def test_an_update_may_name_what_can_be_written(endpoint: endpoints.Endpoint[Any], named: Any) -> None:
    has, may = get_type_hints(endpoint.codec.cls), get_type_hints(named)
    assert may.keys() == endpoint.writable
    for name in may:
        items = get_args(get_args(has[name])[0])[0] if name in endpoint.codec.arrays else None
        assert may[name] == (has[name] if items is None else Maybe[Iterable[items]])


def test_a_record_that_was_answered_is_no_class_of_its_own() -> None:
    """It is for type checkers only: whatever takes a record takes both."""
    assert kb.keap.SavedContact is kb.keap.Contact
    assert kb.keap.SavedCompany is kb.keap.Company
    assert kb.keap.SavedProduct is kb.keap.Product
