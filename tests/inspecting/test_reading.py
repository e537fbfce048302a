"""What looks at a database can only read it, and what takes too long there ends by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from tiers import variants

import keapbridge as kb
from keapbridge.inspecting.reading import opened, read_schema

ENGINES = ("sqlite", "postgresql", "mariadb")
SQL = """
    CREATE TABLE firms (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
    CREATE TABLE people (
        id INTEGER PRIMARY KEY, first_name VARCHAR(40), email VARCHAR(80) UNIQUE, firm INTEGER NOT NULL,
        kind VARCHAR(8) CHECK (kind IN ('a', 'b')), paid NUMERIC(8, 2) DEFAULT 0, born DATE, seen TIMESTAMP NULL,
        FOREIGN KEY (firm) REFERENCES firms (id) ON DELETE CASCADE
    );
    INSERT INTO firms VALUES (1, 'Acorn');
"""


@pytest.fixture(params=variants(ENGINES, ["sqlite"]))
def url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    made = f"sqlite:///{tmp_path / 'crm.db'}"
    made = made if request.param == "sqlite" else request.getfixturevalue(f"{request.param}_url")
    engine = sa.create_engine(made)
    with engine.begin() as connection:
        for statement in filter(str.strip, SQL.split(";\n")):
            connection.exec_driver_sql(statement)
    engine.dispose()
    return made


@pytest.mark.parametrize("own", [False, True], ids=["by its URL", "over the host's engine"])
def test_its_connections_cannot_write(url: str, own: bool) -> None:
    host = sa.create_engine(url)
    with opened(host if own else url) as engine, pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO firms VALUES (2, 'Birch')")
    with host.begin() as connection:  # whose own connections still can
        connection.exec_driver_sql("INSERT INTO firms VALUES (3, 'Cedar')")
        assert connection.exec_driver_sql("SELECT count(*) FROM firms").scalar() == 2
    host.dispose()


def test_the_same_is_read_of_each_database(url: str) -> None:
    with opened(url) as engine:
        schema = read_schema(engine)
    people = schema.find("people")
    assert people is not None
    families = {column.name: column.family for column in people.columns}
    assert families == {
        "id": "integer",
        "first_name": "text",
        "email": "text",
        "firm": "integer",
        "kind": "text",
        "paid": "number",
        "born": "date",
        "seen": "time",
    }
    assert (people.key, people.single_keys) == (("id",), ("id", "email"))
    assert (people["first_name"].length, people["kind"].choices) == (40, ("a", "b"))
    assert [column.name for column in people.columns if column.must_be_given] == [
        *([] if schema.dialect == "sqlite" else ["id"]),
        "firm",
    ]
    [(other, key)] = schema.referring(schema.find("firms") or people)
    assert (other.name, key.columns, key.remote, key.on_delete) == ("people", ("firm",), ("id",), "CASCADE")
    assert schema.offset in {None, 0}


READS = re.compile(r"\s*(SELECT|WITH|PRAGMA|SHOW|SET|EXPLAIN|select)\b")


@contextmanager
def asked() -> Iterator[list[str]]:
    """What every engine asks of its database meanwhile."""
    found: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        found.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_it_only_reads_and_no_more_of_a_larger_table(url: str) -> None:
    host = sa.create_engine(url)
    heard: list[list[str]] = []
    sizes: list[set[int]] = []
    for first, last in ((1, 300), (301, 3000)):
        rows = [{"id": n, "name": f"A{n}", "email": f"a{n}@example.org"} for n in range(first, last + 1)]
        insert = "INSERT INTO people (id, first_name, email, firm, kind) VALUES (:id, :name, :email, 1, 'a')"
        with host.begin() as connection:
            connection.execute(sa.text(insert), rows)
        before = _content(host)
        with asked() as statements:
            proposal = kb.inspect_database(url, sample=100)
        assert _content(host) == before
        assert proposal.tables["contacts"].name == "people"
        heard.append(statements)
        sizes.append({len(table.rows) for table in proposal.schema.tables})
    assert heard[0] == heard[1]
    assert sizes[0] == sizes[1] == {1, 100}
    assert [statement for statement in heard[0] if not READS.match(statement)] == []
    # Of the rows themselves it asks for a limited number, or for those that it has the ids of.
    of_rows = [statement for statement in heard[0] if re.search(r"FROM [`\"]?people\b", statement)]
    assert [statement for statement in of_rows if " LIMIT " not in statement and " IN (" not in statement] == []
    host.dispose()


def _content(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        tables = (connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY id").all() for name in ("firms", "people"))
        return [row for rows in tables for row in rows]


def test_a_driver_that_is_missing_and_a_server_that_is_not_there_are_told() -> None:
    with pytest.raises(kb.TransportError, match="cannot open the database"):
        kb.inspect_database("postgresql+psycopg2://nobody@127.0.0.1:1/none")
