"""What a write has changed is put back as it was, letter by letter, whatever was written."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, MAPPERS, RECORDS, Scene, fitting, scenes, worlds

import keapbridge as kb
from keapbridge.keap import records as keap
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.raw import raw_changes, raw_values
from keapbridge.mapping.taking_back import made_anew, raw_of, taken_back
from keapbridge.mapping.writing import put_values, written_along
from keapbridge.model.raw import RawChange
from keapbridge.model.side import Side

KEAP = Side.KEAP


def _known(record: Any, written: Any) -> dict[Any, Any]:
    """What a record shows there, letter by letter; what is not shown is empty."""
    return {path: repr(value) for path, value in raw_values(record, written).items() if value is not None}


@st.composite
def _writes(draw: st.DrawFn) -> Scene:
    """A record, and a value for one of its lenses, which the other lenses may have in any spelling."""
    mapper, side, world = draw(st.sampled_from(MAPPERS)), draw(st.sampled_from(Side)), draw(worlds())
    lens = draw(st.sampled_from([lens for lens in mapper.lenses if lens.kind.refers_to is None]))
    record = draw(RECORDS[mapper.name, side])
    return Scene(mapper, side, lens, world, record, fitting(lens, side, draw(world.values(lens)), world))


@LAWS
@given(_writes())
def test_what_was_written_and_is_put_back_leaves_no_trace(scene: Scene) -> None:
    mapper, side, context = scene.mapper, scene.side, scene.world.context
    fields = [scene.lens.name]
    sent, written = put_values(mapper, side, scene.record, {scene.lens.name: scene.value}, context)
    changes = raw_changes(scene.record, sent, written, sent)
    assert changes is not None
    again, _ = taken_back(mapper, side, sent, changes, fields, context)
    along = written_along(mapper, side, scene.record, sent, fields, context)
    again, _ = taken_back(mapper, side, again, changes, along, context)
    assert _known(again, written) == _known(scene.record, written)
    untouched = {f.name for f in attrs.fields(type(again))} - written.keys()
    assert all(getattr(again, name) == getattr(scene.record, name) for name in untouched)


@LAWS
@given(scenes())
def test_a_record_that_went_is_made_anew_with_all_it_held(scene: Scene) -> None:
    mapper, side, context = scene.mapper, scene.side, scene.world.context
    changes = raw_of(mapper, side, scene.record)
    made = made_anew(mapper, side, {}, changes, context)
    own = {field: {} for field in ("company", "customer_id", "custom_fields", "extra")}  # of others, or not mapped
    roots = {root: None for lens in mapper.lenses for root in lens.place(side).roots if root not in own}
    assert _known(made, roots) == _known(scene.record, roots)


PHONES = (
    keap.PhoneNumber("(555) 010-2222", "PHONE1", "Work", "12"),
    keap.PhoneNumber("+1 555 010 3333", "PHONE2", "Home"),
)


def _cleared(record: keap.Contact, field: str) -> tuple[keap.Contact, tuple[RawChange, ...]]:
    sent, written = put_values(kb.mapping.contacts, KEAP, record, {field: None}, Context())
    changes = raw_changes(record, sent, written, sent)
    assert changes is not None
    return sent, changes


def test_a_phone_number_that_was_cleared_comes_back_with_its_type_its_extension_and_in_its_turn() -> None:
    record = keap.Contact(id="1", phone_numbers=PHONES)
    sent, changes = _cleared(record, "Phone")
    assert sent.phone_numbers == PHONES[1:]
    again, written = taken_back(kb.mapping.contacts, KEAP, sent, changes, ["Phone"], Context())
    assert again.phone_numbers == written["phone_numbers"] == PHONES


def test_what_somebody_put_into_the_same_item_since_stays() -> None:
    record = keap.Contact(id="1", addresses=(keap.Address(locality="Oslo ", field="BILLING"),))
    sent, written = put_values(
        kb.mapping.contacts, KEAP, record, {"City": "Bergen", "StreetAddress1": "Way 1"}, Context()
    )
    changes = raw_changes(record, sent, written, sent)
    edited = attrs.evolve(sent, addresses=(attrs.evolve(sent.addresses[0], line1="Lane 2", line2="Yard"),))
    again, _ = taken_back(kb.mapping.contacts, KEAP, edited, changes or (), ["City"], Context())
    assert again.addresses == (keap.Address(line1="Lane 2", line2="Yard", locality="Oslo ", field="BILLING"),)


def test_an_object_that_was_not_there_goes_unless_there_is_something_else_in_it() -> None:
    bare = keap.Company(id="1", address=None)
    sent, written = put_values(kb.mapping.companies, KEAP, bare, {"City": "Oslo"}, Context())
    changes = raw_changes(bare, sent, written, sent) or ()
    assert taken_back(kb.mapping.companies, KEAP, sent, changes, ["City"], Context())[0] == bare
    edited = attrs.evolve(sent, address=attrs.evolve(sent.address, line2="Yard"))
    again, _ = taken_back(kb.mapping.companies, KEAP, edited, changes, ["City"], Context())
    assert again.address == keap.Address(line2="Yard")


def test_a_country_that_was_written_along_where_no_address_was_shown_goes_with_what_it_was_written_for() -> None:
    mapper, context = kb.mapping.contacts, Context(default_region="AF")
    record = keap.Contact(id="7")
    sent, written = put_values(mapper, KEAP, record, {"Region": "AF-BAL"}, context)
    assert [(address.country_code, address.region_code) for address in sent.addresses] == [("AFG", "AF-BAL")]
    assert written_along(mapper, KEAP, record, sent, ["Region"], context) == {"Country": (None, "AFG")}
    changes = raw_changes(record, sent, written, sent) or ()
    again, _ = taken_back(mapper, KEAP, sent, changes, ["Region"], context)
    again, _ = taken_back(mapper, KEAP, again, changes, ["Country"], context)
    assert not again.addresses


def test_what_is_understood_only_since_a_country_was_written_was_not_written_along() -> None:
    mapper, context = kb.mapping.contacts, Context()
    record = keap.Contact(id="7", phone_numbers=(keap.PhoneNumber("030 23125334", field="PHONE1"),))
    assert "Phone" in mapper.read(KEAP, record, context)[1]
    sent, _ = put_values(mapper, KEAP, record, {"Country": "DEU"}, context)
    assert mapper.read(KEAP, sent, context)[0]["Phone"] == "+493023125334"
    assert written_along(mapper, KEAP, record, sent, ["Country"], context) == {}
