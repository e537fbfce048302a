"""Paths into JSON: there and back."""

from __future__ import annotations

from typing import Any

import pytest

from keapbridge.customcrm.paths import dig, has, put, take
from keapbridge.customcrm.paths import steps as of
from keapbridge.model.maybe import UNSET, Unreadable

BODY: dict[str, Any] = {
    "name": {"given": "Ada"},
    "emails": [{"type": "home", "value": "h@x.org"}, {"type": "work", "value": "w@x.org", "primary": True}],
    "@odata.nextLink": "next",
    "owner": [5, "Acme"],
    "none": None,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("name.given", "Ada"),
        ("emails[0].value", "h@x.org"),
        ("emails[type=work].value", "w@x.org"),
        ("emails[primary=true].value", "w@x.org"),
        ("emails[type=fax].value", None),
        ("emails[9].value", None),
        ("@odata\\.nextLink", "next"),
        ("owner[0]", 5),
        ("none.deeper", None),
        ("name[0]", None),
    ],
)
def test_what_is_at_a_path(path: str, found: Any) -> None:
    assert dig(BODY, path) == found
    assert has(BODY, path) is (found is not None)


def test_null_is_there() -> None:
    assert has(BODY, "none")
    assert dig([{"id": 1}], "[0].id") == 1


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[0]b", "emails.0.value", "a[=x]"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match=r"is no path|names no element"):
        of(path)


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("name.given", {"name": {"given": 1}}),
        ("emails[type=work].value", {"emails": [{"type": "work", "value": 1}]}),
        ("emails[1].value", {"emails": [{}, {"value": 1}]}),
        ("a\\.b", {"a.b": 1}),
    ],
)
def test_what_is_written_is_found_and_can_be_taken_out(path: str, made: Any) -> None:
    body: dict[str, Any] = {}
    put(body, path, 1)
    assert body == made
    assert take(body, path) == 1
    assert take({}, path) is UNSET


def test_other_elements_stay_when_one_is_written() -> None:
    body = {"emails": [{"type": "home", "value": "h"}, {"type": "work", "value": "w", "id": 7}]}
    put(body, "emails[type=work].value", "new")
    put(body, "emails[type=fax].value", "f")
    assert body["emails"] == [
        {"type": "home", "value": "h"},
        {"type": "work", "value": "new", "id": 7},
        {"type": "fax", "value": "f"},
    ]


def test_something_else_in_the_place_of_an_object_cannot_be_read() -> None:
    assert isinstance(take({"name": "Ada"}, "name.given"), Unreadable)
    assert isinstance(take({"emails": "x"}, "emails[0].value"), Unreadable)
