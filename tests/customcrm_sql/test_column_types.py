"""Columns of every type: what nobody edits keeps its bytes, and what was edited is put back to the bytes it had."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
from tiers import variants

import keapbridge as kb
from keapbridge.testing import KeapEmulator

ENGINES = ("sqlite", "postgresql", "mariadb")


@attrs.frozen
class Typed:
    """A column of a type.

    Attributes:
        ddl: the type by database; one that has no such type has no such column.
        literals: cells as SQL.
        declared: the field that it is, of a name.
        edits: what Keap holds instead, in two texts.
        field: the type of the custom field.
    """

    ddl: Mapping[str, str]
    literals: tuple[str, ...]
    declared: Any
    edits: tuple[Any, Any]
    field: str = "TEXT"


def every(ddl: str) -> dict[str, str]:
    return dict.fromkeys(ENGINES, ddl)


def yes_or_no(name: str, **options: Any) -> Any:
    """Texts that say yes or no."""
    return kb.choice(name, {"Y": True, "n": False}, **options)


NUMBERS = ("0", "12", "-7", "NULL")
COLUMNS = {
    "Whole": Typed(every("INTEGER"), NUMBERS, kb.integer, (41, 42), "WHOLE_NUMBER"),
    "Small": Typed(every("SMALLINT"), NUMBERS, kb.integer, (41, 42), "WHOLE_NUMBER"),
    "Large": Typed(every("BIGINT"), ("9007199254740993", "NULL"), kb.integer, (41, 42), "WHOLE_NUMBER"),
    "Amount": Typed(every("NUMERIC(12, 2)"), ("12.50", "0.00", "NULL"), kb.decimal, (1.25, 1.75), "DECIMAL_NUMBER"),
    "Exact": Typed(every("NUMERIC(30, 10)"), ("1.2500000000", "NULL"), kb.decimal, (1.25, 1.75), "DECIMAL_NUMBER"),
    "Floating": Typed(every("DOUBLE PRECISION"), ("0.1", "1e10", "NULL"), kb.decimal, (1.25, 1.75), "DECIMAL_NUMBER"),
    "Rough": Typed(every("REAL"), ("0.5", "3.25", "NULL"), kb.decimal, (1.25, 1.75), "DECIMAL_NUMBER"),
    "Told": Typed(every("BOOLEAN"), ("TRUE", "FALSE", "NULL"), kb.boolean, ("Yes", "No"), "YES_NO"),
    "Letter": Typed(every("CHAR(1)"), ("'Y'", "'n'", "NULL"), yes_or_no, ("Yes", "No"), "YES_NO"),
    "Bit": Typed({"mariadb": "BIT(1)"}, ("b'1'", "b'0'", "NULL"), kb.boolean, ("Yes", "No"), "YES_NO"),
    "Flag": Typed({"mariadb": "TINYINT(1)"}, ("1", "0", "NULL"), kb.boolean, ("Yes", "No"), "YES_NO"),
    "Padded": Typed(every("CHAR(12)"), ("'Oslo'", "'Bergen  '", "''", "NULL"), kb.text, ("One", "Two")),
    "Short": Typed(every("VARCHAR(12)"), ("'Oslo'", "' Oslo '", "''", "NULL"), kb.text, ("One", "Two")),
    "Long": Typed(every("TEXT"), ("'Line 1\r\nLine 2'", "'Åse'", "NULL"), kb.text, ("One", "Two")),
    "Latin": Typed({"mariadb": "VARCHAR(12) CHARACTER SET latin1"}, ("'Åse'", "'Bø'", "NULL"), kb.text, ("Øst", "Æra")),
    "OneOf": Typed({"mariadb": "ENUM('One', 'Two', 'Three')"}, ("'Three'", "NULL"), kb.text, ("One", "Two")),
    "Several": Typed({"mariadb": "SET('One', 'Two')"}, ("'One,Two'", "NULL"), kb.text, ("One", "Two")),
    "Named": Typed({"postgresql": "sizes"}, ("'Three'", "NULL"), kb.text, ("One", "Two")),
    "Day": Typed(every("DATE"), ("'1980-05-06'", "NULL"), kb.date, ("1990-01-02", "1990-01-03"), "DATE"),
    "DayAsText": Typed(
        every("VARCHAR(19)"), ("'1980-05-06 00:00:00'", "NULL"), kb.date, ("1990-01-02", "1990-01-03"), "DATE"
    ),
    "Moment": Typed(
        {"sqlite": "TIMESTAMP", "postgresql": "TIMESTAMP", "mariadb": "DATETIME(6)"},
        ("'1980-05-06 07:08:09.123000'", "'1980-05-06 00:00:00'", "NULL"),
        kb.date_time,
        ("1990-01-02T03:04:05.000Z", "1990-01-02T03:04:06.000Z"),
        "DATE_TIME",
    ),
    "Zoned": Typed(
        {"postgresql": "TIMESTAMPTZ"},
        ("'1980-05-06 07:08:09+02'", "NULL"),
        kb.date_time,
        ("1990-01-02T03:04:05.000Z", "1990-01-02T03:04:06.000Z"),
        "DATE_TIME",
    ),
    "Uuid": Typed(
        {"postgresql": "UUID", "mariadb": "UUID"},
        ("'0f0e0d0c-0b0a-4908-8706-050403020100'", "NULL"),
        kb.text,
        ("1f0e0d0c-0b0a-4908-8706-050403020100", "2f0e0d0c-0b0a-4908-8706-050403020100"),
    ),
    "Year": Typed({"mariadb": "YEAR"}, ("1999", "NULL"), kb.integer, (2001, 2002), "WHOLE_NUMBER"),
    "Bytes": Typed(
        {"sqlite": "BLOB", "postgresql": "BYTEA", "mariadb": "BLOB"}, ("'abc'", "NULL"), kb.text, ("One", "Two")
    ),
    "Json": Typed({"postgresql": "JSONB", "mariadb": "JSON"}, ("'{\"a\": 1}'", "NULL"), kb.text, ("One", "Two")),
    "Odd": Typed({"postgresql": "INTERVAL", "mariadb": "TIME"}, ("'10:20:30'", "NULL"), kb.text, ("One", "Two")),
}
UNKNOWN = {"Bytes", "Json", "Odd", "Several"}  # what a text of Keap may not be able to take the place of
ID = {
    "sqlite": "INTEGER PRIMARY KEY",
    "postgresql": "INTEGER PRIMARY KEY",
    "mariadb": "INTEGER PRIMARY KEY",
}


@pytest.fixture(params=variants(ENGINES, ["sqlite"]))
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest, tmp_path: Any) -> str:
    found = f"sqlite:///{tmp_path / 'crm.db'}" if server == "sqlite" else request.getfixturevalue(f"{server}_url")
    here = {name: column for name, column in COLUMNS.items() if server in column.ddl}
    columns = ", ".join(f"c_{name} {column.ddl[server]}" for name, column in here.items())
    engine = sa.create_engine(found)
    with engine.begin() as connection:
        if server == "postgresql":
            connection.exec_driver_sql("CREATE TYPE sizes AS ENUM ('One', 'Two', 'Three')")
        connection.exec_driver_sql(
            f"CREATE TABLE people (id {ID[server]}, first_name VARCHAR(40), email VARCHAR(80), {columns})"
        )
        for n in range(4):
            cells = ", ".join(column.literals[n % len(column.literals)] for column in here.values())
            connection.exec_driver_sql(
                f"INSERT INTO people VALUES ({n}, 'P', 'p{n}@example.org', {cells})".replace("%", "%%")
            )
    engine.dispose()
    return str(found)


def cells(url: str) -> dict[tuple[int, str], Any]:
    """Each cell with its type; on SQLite that of the cell itself."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM people ORDER BY id")).mappings().all()
    engine.dispose()
    return {
        (row["id"], name.lower()): (type(cell).__name__, bytes(cell) if isinstance(cell, memoryview) else cell)
        for row in rows
        for name, cell in row.items()
    }


@pytest.mark.parametrize("time_zone", [None, "Asia/Kolkata"])
def test_columns_of_every_type_keep_what_nobody_edits_and_get_back_what_was_edited(
    time_zone: str | None, server: str, url: str
) -> None:
    here = {name: column for name, column in COLUMNS.items() if server in column.ddl}
    fields = [
        column.declared(name, keap=kb.custom_field(name, create=True, type=column.field))
        for name, column in here.items()
    ]
    mapper = kb.mapping.contacts.with_lenses(*fields)
    given = {name: f"c_{name}" if server != "postgresql" else f"c_{name.lower()}" for name in here}
    table = kb.SqlTable("people", id="id", columns=given, time_zone=time_zone)
    before = cells(url)
    with (
        kb.SqlCustomcrm(url, contacts=table) as crm,
        KeapEmulator() as served,
        kb.KeapClient(auth=kb.KeapApiKey(served.api_key), base_url=served.base_url) as keap,
        kb.SyncSession(
            customcrm=crm, keap=keap, store="sqlite://", lag=timedelta(0), contacts=mapper, policy=kb.Policy()
        ) as session,
    ):
        first = session.sync()
        unfit = {name for line in first.lines if line.outcome in {"failed", "held"} for name in line.fields}
        assert unfit <= UNKNOWN
        assert cells(url) == before
        assert session.plan(full=True).is_empty
        theirs = {link.customcrm_id: link.keap_id for link in session.contacts.links()}
        assert len(theirs) == 4

        model = keap.contacts.model()
        ids = {name: model[name].id for name in here}
        shown = [item for each in served.state.contacts.values() for item in each["custom_fields"]]
        moments = {item["content"] for item in shown if item["id"] == ids["Moment"]}
        there = {"1980-05-06T07:08:09.123Z", "1980-05-06T00:00:00.000Z"}
        assert moments == (there if time_zone is None else {"1980-05-06T01:38:09.123Z", "1980-05-05T18:30:00.000Z"})

        # An edit beside them.
        for id in theirs.values():
            served.state.contacts.edit(id, given_name="Edited")
        run = session.sync()
        assert {key for key, cell in cells(url).items() if cell != before[key]} == {(n, "first_name") for n in range(4)}
        session.undo(run.run_id)
        assert cells(url) == before

        # An edit of each, by which every cell with something else in it is written.
        for n, id in theirs.items():
            contents = [
                {"id": ids[name], "content": column.edits[int(n) % 2]}
                for name, column in here.items()
                if name not in UNKNOWN
            ]
            kept = served.state.contacts[id].get("custom_fields", ())
            mine = {item["id"] for item in contents}
            others = [item for item in kept if item["id"] not in mine]
            served.state.contacts.edit(id, custom_fields=[*others, *contents])
        run = session.sync()
        stuck = [line for line in run.lines if line.outcome in {"failed", "held"}]
        assert [str(line) for line in stuck if not UNKNOWN.issuperset(line.fields)] == []
        after = cells(url)
        written = {name for (_, name) in (key for key in before if after[key] != before[key])}
        assert written >= {f"c_{name.lower()}" for name in here if name not in UNKNOWN}
        assert session.plan(full=True).is_empty
        session.undo(run.run_id)
        assert {key: cell for key, cell in cells(url).items() if cell != before[key]} == {}
