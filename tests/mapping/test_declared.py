"""What is declared of a field: by names, before the records are known."""

from __future__ import annotations

from typing import Any

import pytest

import keapbridge as kb
from keapbridge.customcrm.records import Contact, Product
from keapbridge.errors import MappingError
from keapbridge.keap import records as keap
from keapbridge.mapping.declared import field
from keapbridge.mapping.kinds.money import Money
from keapbridge.mapping.kinds.references import Reference
from keapbridge.mapping.kinds.text import Text

OURS, THEIRS = kb.Side.CUSTOMCRM, kb.Side.KEAP


def test_a_declared_field_finds_its_places_in_the_records() -> None:
    lens = field("FirstName", Text(), keap="given_name", max_length=40).build(Contact, keap.Contact)
    assert lens.customcrm.get(Contact(first_name="Ada")) == "Ada"
    assert lens.keap.get(keap.Contact(given_name="Ada")) == "Ada"
    assert lens.limits == {THEIRS: 40}


def test_a_value_in_two_properties_is_called_by_the_first() -> None:
    lens = field("Price+Currency", Money(), keap="price").build(Product, keap.Product)
    assert lens.name == "Price"
    assert lens.customcrm.attributes == ("price", "currency")


@pytest.mark.parametrize(
    ("required", "sides"),
    [(True, {OURS, THEIRS}), (False, set()), (THEIRS, {THEIRS}), ([OURS], {OURS})],
)
def test_it_is_required_on_the_sides_that_are_named(required: Any, sides: set[kb.Side]) -> None:
    assert (
        field("FirstName", Text(), keap="given_name", required=required).build(Contact, keap.Contact).required == sides
    )


def test_a_custom_field_is_shown_with_its_type() -> None:
    shoe = kb.custom_field("Shoe size", type="WHOLE_NUMBER")
    assert field("ShoeSize", Text(), keap=shoe).build(Contact, keap.Contact).keap_type == "custom field (whole number)"


def test_what_lives_in_several_properties_fits_no_custom_field() -> None:
    declared = field("CustomerId", Reference("companies"), keap=kb.custom_field("Company"))
    with pytest.raises(MappingError, match="a custom field holds no reference"):
        declared.build(Contact, keap.Contact)


@pytest.mark.parametrize("kind", ["text", Text, None])
def test_what_is_no_kind_is_refused(kind: Any) -> None:
    with pytest.raises(MappingError):
        field("FirstName", kind, keap="given_name")
