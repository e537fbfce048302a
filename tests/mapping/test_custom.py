"""Custom fields of Keap in a mapping: named by label or id, found in the model, shown with their type."""

from __future__ import annotations

from typing import Any

import pytest
from lens_laws import NOWHERE, THEIRS

import keapbridge as kb
from keapbridge.errors import MappingError, UnfitError
from keapbridge.keap import records as keap
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping import contacts, products
from keapbridge.mapping.custom import NamedField, custom_field, resolve
from keapbridge.mapping.kinds import Context


def test_a_custom_field_is_named_once_and_in_one_way() -> None:
    for wrong in (
        {},
        {"label": "A", "id": "1"},
        {"label": " "},
        {"label": "A", "create": True},
        {"id": "1", "create": True, "type": "TEXT"},
        {"label": "A", "options": ["x"]},
    ):
        with pytest.raises(MappingError):
            custom_field(**wrong)  # type: ignore[arg-type]
    twice = kb.text("A", keap=custom_field("A")), kb.text("B", keap=custom_field("A"))
    with pytest.raises(MappingError, match="twice"):
        contacts.with_lenses(*twice)
    with pytest.raises(MappingError, match="no custom fields"):
        products.with_lenses(kb.text("A", keap=custom_field("A")))
    with pytest.raises(MappingError, match="custom_field"):
        contacts.with_lenses(kb.text("A", keap="custom_fields"))


def test_a_custom_field_that_is_not_known_yet_holds_its_field() -> None:
    mapper = contacts.with_lenses(kb.text("Own", keap=custom_field("Own")))
    record = keap.Contact(given_name="Ada", custom_fields=())
    values, unreadable = mapper.read(THEIRS, record, NOWHERE)
    assert values == {"FirstName": "Ada"}
    assert unreadable == {"Own": "Keap's custom field 'Own' is not known yet"}
    wanted: NamedField = custom_field("New", create=True, type="TEXT")
    lens = contacts.with_lenses(kb.text("New", keap=wanted))["New"]
    context = Context(custom_fields={wanted: resolve(wanted, Model())})
    assert lens.get(THEIRS, record, None, context) is None
    assert lens.fit(THEIRS, "x", context) == "x"
    with pytest.raises(UnfitError, match="yet to be made"):
        lens.put(THEIRS, record, "x", context)


def test_a_custom_field_is_shown_with_its_label_and_its_type() -> None:
    mapper = contacts.only("Email").with_lenses(
        kb.text("ShoeSize", keap=custom_field("Shoe size")),
        kb.boolean("HasHat", keap=custom_field("Has hat", type="YES_NO")),
    )
    assert mapper.property_table("md").splitlines()[-2:] == [
        "| ShoeSize | custom_fields.Shoe size | custom field (string) |",
        "| HasHat | custom_fields.Has hat | custom field (yes no) |",
    ]


def test_a_field_is_found_by_its_label_or_its_id_and_has_the_type_that_is_wanted() -> None:
    model = Model((CustomField("1", "Shoe size", "WHOLE_NUMBER"), CustomField("2", "Hat")))
    assert resolve(custom_field("shoe SIZE"), model).id == resolve(custom_field(id="1"), model).id == "1"
    with pytest.raises(MappingError, match="of type WHOLE_NUMBER, not TEXT"):
        resolve(custom_field("Shoe size", type="TEXT"), model)
    with pytest.raises(MappingError, match="no custom field 'Glove'"):
        resolve(custom_field("Glove"), model)


@pytest.mark.parametrize(
    "declare",
    [
        lambda field: kb.field("Country", contacts["Country"].kind, keap=field),
        lambda field: kb.field("CustomerId", contacts["CustomerId"].kind, keap=field),
        lambda field: kb.field("Price", products["Price"].kind, keap=field),
    ],
)
def test_what_lives_in_several_properties_has_no_room_in_a_custom_field(declare: Any) -> None:
    with pytest.raises(MappingError, match="a custom field holds no"):
        contacts.with_lenses(declare(custom_field("Own")))
