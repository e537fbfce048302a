"""What a host accepts is checked: every name, every side, every type."""

from __future__ import annotations

from typing import Any

import pytest

from keapbridge.model.accepted import BRAKES, Accepted, person
from keapbridge.model.side import Side

FIELDS = {"companies": ["Name"], "contacts": ["JobTitle", "address.city"]}


def test_names_and_a_side_are_taken_together() -> None:
    both = Accepted.of(["first-creates", "contacts.JobTitle", {"restored": "keap"}], FIELDS)
    assert both == Accepted(frozenset({"first-creates"}), frozenset({("contacts", "JobTitle")}), Side.KEAP)
    assert Accepted.of({"contacts.address.city"}, FIELDS).fields == {("contacts", "address.city")}
    assert Accepted.of({"restored": Side.CUSTOMCRM}, FIELDS) == Accepted(restored=Side.CUSTOMCRM)
    assert Accepted.of(tuple(BRAKES), FIELDS).brakes == BRAKES.keys()
    assert Accepted.of(["near-misses"], FIELDS) == Accepted(near_misses=True)
    assert Accepted.of((), FIELDS) == Accepted.of({}, FIELDS) == Accepted()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["contacts.jobtitle"], "contacts has no field 'jobtitle'; is 'contacts.JobTitle' meant?"),
        (["JobTitel"], "there is no brake 'JobTitel'; is 'contacts.JobTitle' meant?"),
        (["first-create"], "there is no brake 'first-create'; is 'first-creates' meant?"),
        (["nothing like it"], "there is no brake 'nothing like it'; there are deletes, "),
        (["companies.JobTitle"], "companies has no field 'JobTitle'"),
        (["products.Name"], "'products' is not in this run, which is of companies, contacts"),
        ([""], "there is no brake ''"),
        (["contacts."], "contacts has no field ''|there is no brake 'contacts.'"),
        (["restored"], r"say whose values are right after a restore: \{'restored': 'customcrm'\}"),
        ({"restored": "Keap"}, "restored: 'Keap' is no side; is 'keap' meant?"),
        ({"restored": None}, "a side is 'customcrm' or 'keap', not NoneType"),
        ({"restored": ["keap"]}, "not list"),
        ({"first-creates": True}, "a mapping tells whose values are right after a restore"),
        ({1: "keap"}, "not 1"),
        ([{"restored": "keap"}, {"restored": "customcrm"}], "only one side's values"),
    ],
)
def test_what_there_is_not_is_an_error(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Accepted.of(given, FIELDS)


@pytest.mark.parametrize("given", ["contacts.JobTitle", b"x", None, 1, True, [None], [1], [("contacts", "JobTitle")]])
def test_what_is_no_list_of_names_is_an_error(given: Any) -> None:
    with pytest.raises(TypeError, match="accept takes"):
        Accepted.of(given, FIELDS)


def test_a_person_has_a_name_of_one_line() -> None:
    assert [person(by) for by in (None, "anna", " Anna Berg ", "Øyvind")] == [
        None,
        "anna",
        "Anna Berg",
        "Øyvind",
    ]


@pytest.mark.parametrize("by", ["", " ", "a\nb", "a\x00", "a" * 201, "\ud800", 7, True, b"anna", ["anna"]])
def test_what_is_no_name_is_an_error(by: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="by: the name of who decides, by='anna'"):
        person(by)
