"""Rows: what is nested is laid flat, and nothing is lost on the way to JSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

import keapbridge as kb
from keapbridge.keap.records import Contact, EmailAddress
from keapbridge.model.report import Line
from keapbridge.tables.values import as_json, cells, row_of, text_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_record_is_what_it_shows() -> None:
    ada = Contact(
        id="12", given_name="Ada", middle_name=None, birth_date=date(1990, 2, 3), update_time=NOON, tag_ids=("1", "2"),
        email_addresses=(EmailAddress(email="ada@example.com", field="EMAIL1"),),
    )  # fmt: skip
    row = row_of(ada)
    assert row == {
        "id": "12",
        "given_name": "Ada",
        "middle_name": None,
        "birth_date": date(1990, 2, 3),
        "update_time": NOON,
        "tag_ids": ["1", "2"],
        "email_addresses": [{"email": "ada@example.com", "field": "EMAIL1"}],
    }
    assert json.loads(json.dumps(as_json(row)))["update_time"] == "2026-05-01T12:00:00+00:00"
    flat = cells(row)
    assert flat["email_addresses.1.email"] == "ada@example.com"
    assert flat["tag_ids"] == "1, 2"


def test_a_line_is_a_row_with_its_side_as_a_text() -> None:
    assert row_of(Line("contacts", "created", kb.Side.KEAP, "A", "12", ("City",)))["side"] == "keap"


@pytest.mark.parametrize("wrong", ["text", 3, None, ["a"], object()])
def test_what_has_no_columns_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="a table is made of"):
        row_of(wrong)


@pytest.mark.parametrize(
    ("cell", "text"), [(None, ""), (True, "yes"), (False, "no"), (NOON, "2026-05-01 12:00:00+00:00"), (1.5, "1.5")]
)
def test_cells_read_as_people_write_them(cell: object, text: str) -> None:
    assert text_of(cell) == text  # type: ignore[arg-type]
