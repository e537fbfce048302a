"""A record with a wrong place, read field by field."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from keapbridge._io.calls import Answer
from keapbridge._json.codec import Codec, open_list
from keapbridge._json.quick import texts_of
from keapbridge.customcrm import records as customcrm
from keapbridge.errors import ShapeError
from keapbridge.keap import records as keap
from keapbridge.model.maybe import UNSET, Unreadable

CONTACTS = Codec(keap.Contact).by_fields()
PRODUCTS = Codec(customcrm.Product, customcrm.wire_name).by_fields()


def _one(data: dict[str, Any], codec: Codec[Any] = CONTACTS) -> Any:
    """As a page has it, between two others."""
    id = codec.wire_names["id"]
    page = msgspec.json.encode([{id: "1"}, {id: "2", **data}, {id: "3"}])
    records, malformed = codec.read_many(texts_of(page))
    assert malformed == ()
    assert [record.id for record in records] == ["1", "2", "3"]
    return records[1]


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("given_name", 7, "not a text ($.given_name)"),
        ("given_name", ["Ada"], "not a text ($.given_name)"),
        ("birth_date", "soon", "not a date ($.birth_date)"),
        ("birth_date", "1980-05-01 or so", "not a date ($.birth_date)"),
        ("birth_date", True, "not a date ($.birth_date)"),
        ("update_time", "yesterday", "not a moment ($.update_time)"),
        ("company", "Engines", "not an object ($.company)"),
        ("company", [], "not an object ($.company)"),
        ("email_addresses", {"field": "EMAIL1"}, "not a list ($.email_addresses)"),
        ("email_addresses", [7], "not a list ($.email_addresses)"),
        ("email_addresses", "", "not a list ($.email_addresses)"),
        ("tag_ids", [{}], "not a list ($.tag_ids)"),
    ],
)
def test_what_cannot_be_understood_is_unreadable_and_all_else_is_there(name: str, raw: Any, reason: str) -> None:
    record = _one({"job_title": "Countess", name: raw})
    assert getattr(record, name) == Unreadable(reason, raw)
    assert record.job_title == "Countess"
    assert record.spouse_name is UNSET  # it is not there
    assert CONTACTS.dump(record, {name}) == {name: raw}
    with pytest.raises(ShapeError):
        Codec(keap.Contact).load({"id": "2", name: raw})  # for a host of its own
    assert "Ada" not in repr(record)


def test_a_record_that_comes_out_of_no_json_has_no_paths() -> None:
    rows = Codec(keap.Contact).by_fields(root="")
    record = rows.load({"id": "1", "birth_date": "soon", "email_addresses": [{"email": 7}]})
    assert record.birth_date == Unreadable("not a date", "soon")
    assert record.email_addresses[0].email == Unreadable("not a text", 7)
    records, malformed = rows.load_many([{"given_name": "Ada"}, 7, {"id": ".."}, {"id": "1"}])
    assert [record.id for record in records] == ["1"]
    assert [str(item.error) for item in malformed] == [
        "a record without an id",
        "not a record, but int",
        "a record whose id none can have",
    ]


def test_of_an_object_only_the_part_is_unreadable() -> None:
    items = [{"field": "EMAIL1", "email": 7, "mood": 1}, {"field": "EMAIL2", "email": "ada@example.org"}]
    first, second = _one({"email_addresses": items}).email_addresses
    assert first.email.reason == "not a text ($.email_addresses[0].email)"
    assert (first.field, first.extra) == ("EMAIL1", {"mood": 1})
    assert second.email == "ada@example.org"
    company = _one({"company": {"id": 11, "company_name": []}}).company
    assert (company.id, company.company_name.raw) == ("11", [])


@pytest.mark.parametrize("blank", ["", " "])
def test_no_text_is_no_value_where_a_text_is_none(blank: str) -> None:
    assert _one({"birth_date": blank}).birth_date is None
    product = _one({"Price": blank, "Active": blank, "Name": blank, "UpdatedAt": blank}, PRODUCTS)
    assert (product.price, product.active, product.updated_at, product.name) == (None, None, None, blank)
    assert Codec(keap.Contact).load({"id": "1", "birth_date": blank}).birth_date is None


def test_spellings_that_are_understood_are_no_wrong_places() -> None:
    assert _one({"birth_date": "1980-05-01 00:00:00", "given_name": 7}).birth_date == date(1980, 5, 1)
    assert _one({"Price": 12.5, "Name": 7}, PRODUCTS).price == Decimal("12.5")


@pytest.mark.parametrize("item", [7, [], {"given_name": "Ada"}, {"id": ""}, {"id": "..", "given_name": 7}])
def test_what_is_no_object_or_has_no_id_is_still_refused(item: Any) -> None:
    records, [malformed] = CONTACTS.read_many([{"id": "1"}, item])
    assert [record.id for record in records] == ["1"]
    assert "$[1]" in str(malformed.error)


@pytest.mark.parametrize(("name", "reason"), [("birth_date", "not a date"), ("update_time", "not a moment")])
def test_half_a_surrogate_pair_is_no_value_of_any_type(name: str, reason: str) -> None:
    page = b'[{"id": "1"}, {"id": "2", "given_name": "a\\ud800", "%s": "\\udfff"}]' % name.encode()
    items, _ = open_list(Answer(200, {}, page), None)
    (_, two), malformed = CONTACTS.read_many(items)
    assert malformed == ()
    assert getattr(two, name).reason == f"{reason} ($.{name})"
    assert two.given_name == "a\ud800"  # what that means is told where it is mapped
