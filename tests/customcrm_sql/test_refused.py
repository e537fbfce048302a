"""What would destroy data, or miss edits, is refused when a database is opened, with what to write instead."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import keapbridge as kb

Files = Callable[[str], str]


@pytest.fixture
def file(tmp_path: Path) -> Files:
    def make(ddl: str) -> str:
        with closing(sqlite3.connect(tmp_path / "crm.db")) as database:
            database.executescript(ddl)
        return f"sqlite:///{tmp_path / 'crm.db'}"

    return make


LINES = "CREATE TABLE lines (order_id INTEGER, line_no INTEGER, name TEXT, note TEXT, at TEXT"
KEY = ", PRIMARY KEY (order_id, line_no));"
LOCAL = """CREATE TRIGGER t AFTER UPDATE ON lines BEGIN
    UPDATE lines SET at = datetime('now', 'localtime') WHERE order_id = new.order_id; END"""


@pytest.mark.parametrize(
    ("ddl", "table", "message"),
    [
        (
            LINES + KEY,
            {"id": "order_id"},
            r"several rows of lines may have one order_id: its key is id=\('order_id', ",
        ),
        (
            LINES + "); INSERT INTO lines (order_id) VALUES (1), (1)",
            {"id": "order_id"},
            "several rows of lines have one",
        ),
        (
            LINES + KEY,
            {"columns": {"Name": "name", "Sku": "name"}},
            "Name and Sku are both in lines.name: one has",
        ),
        (LINES + KEY, {"columns": {"Name": "note"}, "key": "note"}, r"Name is in lines\.note, which key= names, too"),
        (LINES + KEY, {"columns": {"Name": "at"}, "created": "at"}, r"Name is in lines\.at, which created= names, too"),
        (LINES + KEY, {"columns": {"Name": "at"}, "modified": "at"}, r"in lines\.at, which modified= names, too"),
        (LINES + KEY, {"columns": {"Name": "note"}, "deleted": "note"}, r"in lines\.note, which deleted= names, too"),
        (LINES + KEY, {"columns": {"Name": "note"}, "on_write": {"note": ""}}, r"in lines\.note, which on_write= sets"),
        (
            f"{LINES}{KEY} INSERT INTO lines (order_id, line_no, note) VALUES (1, 1, 'active')",
            {"deleted": "note"},
            r"lines\.note holds texts that are neither yes, nor no, nor a time",
        ),
        (f"{LINES}, mark VARCHAR(9){KEY}", {"key": "mark"}, r"lines\.mark is too short for a key of 32 characters"),
        (
            f"{LINES}{KEY} CREATE TABLE notes (line INTEGER, body TEXT);",
            {
                "joins": [
                    kb.SqlJoin("notes", name=name, local="line_no", remote="line", columns={name: "body"})
                    for name in ("Name", "Sku")
                ]
            },
            r"Name and Sku are both in notes\.body, by two joins",
        ),
        (
            "CREATE TABLE lines (order_id INTEGER, line_no INTEGER PRIMARY KEY, name TEXT);",
            {
                "id": "line_no",
                "columns": {"Name": "name"},
                "joins": [kb.SqlJoin("lines", name="again", remote="line_no", columns={"Sku": "name"})],
            },
            r"Name and Sku are both in lines\.name, by two joins",
        ),
        (LINES + KEY, {"columns": {"Name": "nmae"}}, "lines has no column nmae; is 'name' meant"),
        (
            LINES
            + KEY
            + "CREATE TRIGGER t AFTER UPDATE ON lines BEGIN UPDATE lines SET at = datetime('now', 'localtime'); END",
            {"modified": "at"},
            r"lines\.at has no time zone, and that of the database is that of its machine",
        ),
    ],
)
def test_what_destroys_data_is_refused(file: Files, ddl: str, table: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"id": ("order_id", "line_no")} | table
    with pytest.raises(kb.MappingError, match=message):
        kb.SqlCustomcrm(file(ddl), products=kb.SqlTable("lines", **given))


def test_doubles_that_come_later_end_a_complete_run(file: Files) -> None:
    url = file(LINES + "); INSERT INTO lines (order_id, name) VALUES (1, 'a'), (2, 'b')")
    with kb.SqlCustomcrm(url, products=kb.SqlTable("lines", id="order_id")) as crm:
        [found] = crm.findings("products")
        assert (found.severity, "UNIQUE" in found.advice) == ("warning", True)
        assert len(crm.list_changes("products", None, None).records) == 2
        file("INSERT INTO lines (order_id, name) VALUES (2, 'c')")
        with pytest.raises(kb.MappingError, match="two rows have the same id"):
            crm.list_changes("products", None, None)


def test_rows_without_an_id_are_told_of_and_take_no_part(file: Files) -> None:
    rows = "('a', 'A'), (NULL, 'B'), ('', 'C'), ('  ', 'D'), (NULL, 'E')"
    url = file(f"CREATE TABLE p (code TEXT UNIQUE, name TEXT, price TEXT); INSERT INTO p (code, name) VALUES {rows}")
    with kb.SqlCustomcrm(url, products=kb.SqlTable("p", id="code")) as crm:
        assert [found.what for found in crm.findings("products")] == ["rows of p without code take no part"]
        page = crm.list_changes("products", None, None)
        assert [record["Name"] for record in page.records if record["Id"].strip()] == ["A"]
    url = file("DELETE FROM p WHERE code IS NULL")
    with kb.SqlCustomcrm(url, products=kb.SqlTable("p", id="code")) as crm:
        assert list(crm.findings("products")) == []


def test_days_are_read_from_the_day_before_and_decide_nothing(file: Files) -> None:
    url = file(
        "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT, day DATE);"
        "INSERT INTO p VALUES (1, 'a', '2026-01-31'), (2, 'b', '2026-01-29')"
    )
    with kb.SqlCustomcrm(url, products=kb.SqlTable("p", id="id", modified="day")) as crm:
        page = crm.list_changes("products", datetime(2026, 1, 31, 15, 0, tzinfo=UTC), None)
        assert [(record["Id"], record["UpdatedAt"]) for record in page.records] == [("1", None)]
        assert ["days" in found.what for found in crm.findings("products")] == [True]


@pytest.mark.parametrize(
    ("at", "since", "listed"),
    [
        ("2026-07-01 10:00:00", datetime(2026, 7, 1, 8, 0, tzinfo=UTC), True),
        ("2026-07-01 10:00:00", datetime(2026, 7, 1, 10, 1, tzinfo=UTC), False),
        # Clocks are put back at 01:00 UTC: half past two comes twice, and the second one is not missed.
        ("2026-10-25 02:10:00", datetime(2026, 10, 25, 0, 50, tzinfo=UTC), True),
    ],
)
def test_times_are_of_the_time_zone_that_is_declared(file: Files, at: str, since: datetime, listed: bool) -> None:
    rows = f"INSERT INTO p VALUES (1, 'a', '{at}')"
    url = file(f"CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT, at DATETIME); {rows}")
    with kb.SqlCustomcrm(url, products=kb.SqlTable("p", id="id", modified="at", time_zone="Europe/Oslo")) as crm:
        assert bool(crm.list_changes("products", since, None).records) is listed
        assert crm.get_many("products", ["1"])[0]["UpdatedAt"] == datetime.fromisoformat(f"{at}+02:00")
        crm.update("products", "1", {"Name": "b"}, None)
        age = datetime.now(UTC) - crm.get_many("products", ["1"])[0]["UpdatedAt"]
        assert abs(age.total_seconds()) < 60


CASCADES = """
CREATE TABLE p (id INTEGER PRIMARY KEY, first_name TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, person INTEGER REFERENCES p ON DELETE {harm});
INSERT INTO p VALUES (1, 'Ada'), (2, 'Bo');
INSERT INTO orders VALUES (1, 1), (2, 1);
"""


@pytest.mark.parametrize("harm", ["CASCADE", "SET NULL"])
def test_a_deletion_that_takes_rows_of_others_along_is_refused_unless_declared(file: Files, harm: str) -> None:
    url = file(CASCADES.format(harm=harm))
    with kb.SqlCustomcrm(url, contacts=kb.SqlTable("p", id="id")) as crm:
        crm.delete("contacts", "2", None)
        with pytest.raises(kb.StatusError, match=r"contacts 1: 2 rows of orders would .*cascades=\['orders'\]"):
            crm.delete("contacts", "1", None)
    with kb.SqlCustomcrm(url, contacts=kb.SqlTable("p", id="id", cascades=["orders"])) as crm:
        crm.delete("contacts", "1", None)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        assert database.execute("SELECT count(person) FROM orders").fetchall() == [(0,)]


def test_a_sqlite_file_is_held_to_its_foreign_keys_where_no_row_breaks_them(file: Files) -> None:
    url = file(
        "CREATE TABLE firms (id INTEGER PRIMARY KEY); CREATE TABLE p (id INTEGER PRIMARY KEY, first_name TEXT, "
        "customer_id INTEGER REFERENCES firms); INSERT INTO p VALUES (1, 'Ada', NULL)"
    )
    with kb.SqlCustomcrm(url, contacts=kb.SqlTable("p", id="id")) as crm, pytest.raises(kb.StatusError) as caught:
        crm.update("contacts", "1", {"CustomerId": "7"}, None)
    assert caught.value.status == 422
    file("UPDATE p SET customer_id = 9")
    with kb.SqlCustomcrm(url, contacts=kb.SqlTable("p", id="id")) as crm:
        assert ["break foreign keys" in found.what for found in crm.findings("contacts")] == [True]
        crm.update("contacts", "1", {"CustomerId": "7"}, None)


def test_one_table_is_for_two_kinds_of_records_only_where_each_row_is_of_one(file: Files) -> None:
    url = file("CREATE TABLE party (id INTEGER PRIMARY KEY, kind TEXT, name TEXT, email TEXT)")

    def opened(contacts: dict[str, Any], customers: dict[str, Any]) -> None:
        people, firms = kb.SqlTable("party", id="id", where=contacts), kb.SqlTable("party", id="id", where=customers)
        kb.SqlCustomcrm(url, contacts=people, customers=firms).close()

    for ours, theirs in (
        ({}, {}),
        ({"kind": "person"}, {}),
        ({"kind": ["person", "both"]}, {"kind": ["firm", "both"]}),
    ):
        with pytest.raises(kb.MappingError, match="contacts and customers are both in party"):
            opened(ours, theirs)
    opened({"kind": "person"}, {"kind": ["firm", "club"]})
