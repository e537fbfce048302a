"""Which records take part: conditions on mapped fields by what they mean, on others as they are."""

from __future__ import annotations

from typing import Any

import pytest
from lens_laws import NOWHERE, OURS, THEIRS

from keapbridge.customcrm import records as customcrm
from keapbridge.errors import MappingError
from keapbridge.keap import records as keap
from keapbridge.mapping import contacts
from keapbridge.mapping.filter import Filter
from keapbridge.mapping.place import Place
from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side


@pytest.mark.parametrize(
    ("condition", "record", "passes"),
    [
        ({"Country": "NO"}, customcrm.Contact(country="Norge"), True),
        ({"Country": ["NO", "SE"]}, customcrm.Contact(country="Sweden"), True),
        ({"Country": "NO"}, customcrm.Contact(country="Atlantis"), False),
        ({"Country": None}, customcrm.Contact(country="Atlantis"), False),
        ({"Country": None}, customcrm.Contact(country=None), True),
        ({"Own": True}, customcrm.Contact(extra={"Own": True}), True),
        ({"Own": True}, customcrm.Contact(extra={"Own": 1}), False),
        ({"Own": {"a", "b"}}, customcrm.Contact(extra={"Own": ["x", "b"]}), True),
        ({"Own": lambda own: own > 3}, customcrm.Contact(extra={"Own": 4}), True),
        ({"Own": "a", "FirstName": "Ada"}, customcrm.Contact(first_name="Bob", extra={"Own": "a"}), False),
        (lambda record: record.first_name == "Ada", customcrm.Contact(first_name="Ada"), True),
    ],
)
def test_a_record_takes_part_when_it_meets_all_conditions(condition: Any, record: Any, passes: bool) -> None:
    mapper = contacts.where(customcrm=condition)
    values, _ = mapper.read(OURS, record, NOWHERE)
    assert mapper.takes_part(OURS, record, values) is passes
    assert mapper.takes_part(THEIRS, keap.Contact(), {})


def test_a_filter_by_keaps_properties() -> None:
    mapper = contacts.where(keap={"tag_ids": "12", "given_name": "Ada"})
    for tags, passes in ((("7", "12"), True), (("7",), False), (UNSET, False)):
        record = keap.Contact(given_name="Ada", tag_ids=tags)
        values, _ = mapper.read(THEIRS, record, NOWHERE)
        assert mapper.takes_part(THEIRS, record, values) is passes


@pytest.mark.parametrize(
    "wrong",
    [{"keap": {"nothing": 1}}, {"customcrm": {"Country": "Atlantis"}}, {"keap": {}}, {"customcrm": {"Own": []}}],
)
def test_a_filter_that_nothing_can_meet_is_refused(wrong: Any) -> None:
    with pytest.raises(MappingError):
        contacts.where(**wrong)


def test_a_filter_can_be_told_from_another_one() -> None:
    one, same, other = (contacts.where(customcrm={"Own": value}).taking_part.fingerprint() for value in "aab")
    assert one == same != other
    assert contacts.taking_part.fingerprint() == ""


def test_a_filter_that_is_refused_is_told_with_its_mapper() -> None:
    with pytest.raises(MappingError, match=r"^contacts: where\(keap=…\): Keap's Contact has no property 'nothing'$"):
        contacts.where(keap={"nothing": 1})


def test_a_region_is_wanted_by_its_code_whatever_its_country() -> None:
    mapper = contacts.where(customcrm={"Region": "NO-03"})
    for region, passes in (("NO-03", True), ("Oslo", True), ("NO-46", False)):
        record = customcrm.Contact(country="NO", region=region)
        assert mapper.takes_part(OURS, record, mapper.read(OURS, record, NOWHERE)[0]) is passes


def test_a_filter_is_compiled_from_fields_and_places_alone() -> None:
    asked: list[tuple[Side, str]] = []

    def place_of(side: Side, name: str) -> Place:
        asked.append((side, name))
        return Place(name, (name,), in_extra=True)

    passes = Filter({OURS: {"FirstName": "Ada", "Own": 1}}).compile([contacts["FirstName"]], place_of)
    assert passes[OURS](customcrm.Contact(extra={"Own": 1}), {"FirstName": "Ada"})
    assert not passes[OURS](customcrm.Contact(extra={"Own": 2}), {"FirstName": "Ada"})
    assert passes[THEIRS](keap.Contact(), {})
    assert asked == [(OURS, "Own")]
