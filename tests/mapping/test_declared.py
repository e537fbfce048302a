"""What is declared of a field: by names, before the records are known."""

from __future__ import annotations

from typing import Any

import pytest
from lens_laws import built

import keapbridge as kb
from keapbridge.customcrm.records import Contact, Product
from keapbridge.errors import MappingError
from keapbridge.keap import records as keap
from keapbridge.mapping import contacts, products
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


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: kb.text("A", keap="given_nam"), "Keap's Contact has no property 'given_nam'; is 'given_name' meant?"),
        (
            lambda: kb.text("A", keap="addresses.BILING.line1"),
            "'addresses.BILING.line1' does not name a value of Keap's Contact; is 'addresses.BILLING.line1' meant?",
        ),
        (
            lambda: kb.text("A", keap="addresses.BILLING.lin1"),
            "'addresses.BILLING.lin1' does not name a value of Keap's Contact; is 'addresses.BILLING.line1' meant?",
        ),
        (
            lambda: kb.email("A", keap="email_addresses.EMIAL3"),
            "'email_addresses.EMIAL3' does not name a value of Keap's Contact; is 'email_addresses.EMAIL3' meant?",
        ),
        (lambda: kb.text("A", keap="prefix", direction="to_kaep"), "not 'to_kaep'; is 'to_keap' meant?"),  # type: ignore[arg-type]
        (lambda: kb.text("A", keap="prefix", policy="newst"), "not 'newst'; is 'newest' meant?"),  # type: ignore[arg-type]
        (lambda: kb.text("A", keap="prefix", on_empty="claer"), "not 'claer'; is 'clear' meant?"),  # type: ignore[arg-type]
        (
            lambda: kb.text("A", keap=kb.custom_field("A", type="WHOLENUMBER")),  # type: ignore[arg-type]
            "Keap has no type 'WHOLENUMBER'; is 'WHOLE_NUMBER' meant?",
        ),
        (lambda: kb.phone("A", keap="phone_numbers.PHONE5", scope="Contry"), "mapped before it; is 'Country' meant?"),
    ],
    ids=range(9),
)
def test_a_slip_in_a_declaration_is_told_with_what_is_meant(declare: Any, said: str) -> None:
    with pytest.raises(kb.MappingError) as caught:
        kb.mapping.contacts.without("Title").with_lenses(declare())
    assert said in str(caught.value)


def test_a_slip_in_the_name_of_a_field_is_told_with_what_is_meant() -> None:
    for slip in (
        lambda: kb.mapping.contacts.without("Emial"),
        lambda: kb.mapping.contacts.only("Emial"),
        lambda: kb.mapping.contacts["email"],
        lambda: kb.mapping.contacts.matched_by(kb.mapping.MatchKey(("Emial",))),
    ):
        with pytest.raises(kb.MappingError, match=r"; is 'Email' meant\?$"):
            slip()
    with pytest.raises(kb.MappingError, match=r"'newst' is not one of .*; is 'newest' meant\?"):
        kb.Policy(conflicts={"Email": "newst"})  # type: ignore[dict-item]
    with pytest.raises(kb.MappingError, match=r"goes by side: customcrm and keap; is 'keap' meant\?"):
        kb.Policy(deletions={"Keap": "delete"})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("option", "value", "right"),
    [("direction", "keap", "to_keap"), ("policy", "newer", "newest"), ("on_empty", "nothing", "keep")],
)
def test_an_option_with_a_value_that_there_is_not_is_refused_where_it_is_declared(
    option: str, value: str, right: str
) -> None:
    given: Any = {option: value}
    with pytest.raises(MappingError, match=f"A: {option} must be one of .*{right}.*not {value!r}"):
        kb.text("A", keap="prefix", **given)


def test_what_is_given_as_a_kind_must_be_one() -> None:
    for wrong in (str, type(contacts["FirstName"].kind), None):
        with pytest.raises(MappingError, match="kind takes an object of a class derived from"):
            kb.field("X", wrong, keap="prefix")  # type: ignore[arg-type]


def test_a_value_in_several_properties_is_called_by_the_first() -> None:
    lens = built(kb.field("Net+NetCurrency", products["Price"].kind, keap="price"), products.without("Price"))
    assert (lens.name, lens.customcrm.path) == ("Net", "Net+NetCurrency")
