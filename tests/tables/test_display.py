"""Lists and records in a notebook: the first rows, the columns that hold most, nothing taken for markup."""

from __future__ import annotations

import pytest

from keapbridge.keap.records import Contact, EmailAddress
from keapbridge.model.report import Line
from keapbridge.tables import Rows
from keapbridge.tables.display import COLUMNS, ROWS, show_rows

EVIL = "<script>"


def test_a_list_shows_its_first_rows() -> None:
    lines = Rows(Line("contacts", "failed", None, f"A{n}", None, (), EVIL) for n in range(ROWS + 5))
    html = lines._repr_html_()
    assert f"<h4>{ROWS + 5} Line</h4>" in html
    assert html.count("<tr>") == ROWS + 1
    assert "the first 20 of them: to_dicts() has them all" in html
    assert EVIL not in html
    assert "&lt;script&gt;" in html


def test_an_empty_list_says_so() -> None:
    assert "<h4>0 rows</h4>" in Rows[Line]()._repr_html_()


def test_columns_that_hold_most_are_shown() -> None:
    wide = {f"c{n}": None for n in range(30)} | {"name": "Ada"}
    html = show_rows([wide], 1, "rows")
    assert html.count("<th>") == COLUMNS
    assert "<th>name</th>" in html
    assert "21 more columns" in html


def test_a_record_is_a_card() -> None:
    html = Contact(id="12", given_name=EVIL, email_addresses=[EmailAddress("ada@example.org", "EMAIL1")])._repr_html_()
    assert "<h4>Contact</h4>" in html
    assert "email_addresses.1.email" in html
    assert EVIL not in html


@pytest.mark.parametrize("record", [Contact(), Contact(extra={f"p{n}": n for n in range(500)})])
def test_a_card_is_bounded(record: Contact) -> None:
    assert len(record._repr_html_()) < 20_000
