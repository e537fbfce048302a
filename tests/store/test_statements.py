"""What is found without SQLAlchemy is read like SQLAlchemy's results."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import bindparam, create_engine, select, update

from keapbridge.store import schema as t
from keapbridge.store.database import Database
from keapbridge.store.statements import Found


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as made:
        made.execute("CREATE TABLE pets (name TEXT, legs INTEGER)")
        made.executemany("INSERT INTO pets VALUES (?, ?)", [("Cat", 4), ("Wren", 2)])
        yield made


def found(connection: sqlite3.Connection, statement: str, *values: Any) -> Found:
    return Found(connection.execute(statement, values))


def test_rows_have_places_and_names(connection: sqlite3.Connection) -> None:
    rows = found(connection, "SELECT name, legs FROM pets ORDER BY name").all()
    assert [tuple(row) for row in rows] == [("Cat", 4), ("Wren", 2)]
    assert [(row.name, row.legs) for row in rows] == [("Cat", 4), ("Wren", 2)]


def test_rows_come_without_names_where_these_are_not_needed(connection: sqlite3.Connection) -> None:
    rows = list(found(connection, "SELECT name, legs FROM pets ORDER BY name").tuples())
    assert (rows, {type(row) for row in rows}) == ([("Cat", 4), ("Wren", 2)], {tuple})


def test_columns_of_one_name_are_told_apart_by_their_places(connection: sqlite3.Connection) -> None:
    [row] = found(connection, "SELECT name, name FROM pets WHERE legs = 4")
    assert (row.name, row[1]) == ("Cat", "Cat")


def test_the_first_and_the_only_one(connection: sqlite3.Connection) -> None:
    one, none = "SELECT legs FROM pets WHERE name = 'Cat'", "SELECT legs FROM pets WHERE name = 'Ant'"
    assert (found(connection, one).first(), found(connection, none).first()) == ((4,), None)
    assert (found(connection, one).scalar(), found(connection, none).scalar()) == (4, None)
    assert found(connection, one).one() == (4,)
    assert list(found(connection, "SELECT legs FROM pets ORDER BY legs").scalars()) == [2, 4]


@pytest.mark.parametrize("statement", ["SELECT 1 WHERE 0", "SELECT legs FROM pets"])
def test_not_one_is_an_error(connection: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(ValueError, match="values to unpack"):
        found(connection, statement).one()


def test_what_was_changed_is_counted(connection: sqlite3.Connection) -> None:
    changed = found(connection, "UPDATE pets SET legs = 0")
    assert (changed.rowcount, changed.all(), changed.scalar()) == (2, [], None)


@pytest.mark.parametrize("kind", ["one's own", "the host's"])
def test_a_prepared_statement_is_part_of_its_transaction(tmp_path: Any, kind: str) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    database = Database(url if kind == "one's own" else create_engine(url))
    this = t.leases.c.bridge == bindparam("its_bridge")
    its = {"its_bridge": "a", "holder": "me"}

    def holder() -> Any:
        with database.transaction() as c:
            query = select(t.leases.c.holder).where(this)
            return database.execute(c, "a test's holder", lambda: query, {"its_bridge": "a"}).scalar()

    with database.transaction() as c:
        database.append(c, t.leases, [{"bridge": "a", "holder": None, "expires_at": ""}])
    change = update(t.leases).where(this).values(holder=bindparam("holder"))
    with pytest.raises(ZeroDivisionError), database.transaction() as c:  # noqa: PT012 - it is what is rolled back
        assert database.execute(c, "a test takes", lambda: change, its).rowcount == 1
        raise ZeroDivisionError
    assert holder() is None
    with database.transaction() as c:
        database.execute(c, "a test takes", lambda: change, its)
    assert holder() == "me"
    database.close()
