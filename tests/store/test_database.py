"""The database: its file is opened while other processes do, too; it is told how large its tables are."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine

from keapbridge.store import database

if TYPE_CHECKING:
    from conftest import World


class Busy:
    """A connection that cannot switch to the write-ahead log yet."""

    def __init__(self, times: int, code: int) -> None:
        self.times = times
        self.code = code
        self.asked = 0

    def execute(self, statement: str) -> None:
        assert statement == "PRAGMA journal_mode=WAL"
        self.asked += 1
        if self.asked <= self.times:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = self.code
            raise error


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY])
def test_a_database_that_another_process_closes_just_now_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(database, "POLL", 0.001)
    busy = Busy(3, code)
    database._write_ahead(busy)
    assert busy.asked == 4


def test_what_waiting_cannot_mend_is_an_error_at_once() -> None:
    broken = Busy(1, sqlite3.SQLITE_READONLY)
    with pytest.raises(sqlite3.OperationalError):
        database._write_ahead(broken)
    assert broken.asked == 1


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    monkeypatch.setattr(database, "POLL", 0.001)
    with pytest.raises(sqlite3.OperationalError):
        database._write_ahead(Busy(10_000, sqlite3.SQLITE_BUSY))


# --- how large its tables are -----------------------------------------------------------------------------------------


def _statistics(url: str) -> set[str]:
    """The tables that the planner of this database knows something of."""
    engine = create_engine(url)
    query = "SELECT DISTINCT tbl FROM sqlite_stat1"
    if engine.dialect.name == "postgresql":
        query = "SELECT relname FROM pg_class WHERE relname LIKE 'keapbridge%' AND reltuples > 0"
    with engine.connect() as connection:
        names = set(connection.exec_driver_sql(query.replace("%", "%%")).scalars())
    engine.dispose()
    return names


def _fill(world: World) -> None:
    world.crm.state.contacts.add_many({"FirstName": f"n{n}", "Email": f"n{n}@example.org"} for n in range(40))
    world.sync()
    world.assert_quiet()


def test_sqlite_knows_the_large_tables(world: World, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BULK", 100)
    _fill(world)
    assert {"keapbridge_links", "keapbridge_match_keys"} <= _statistics(store)


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
class TestPostgresql:
    @pytest.fixture
    def store(self, postgresql_url: str) -> str:
        return postgresql_url

    def test_it_knows_the_large_tables(self, world: World, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "BULK", 100)
        _fill(world)
        assert {"keapbridge_links", "keapbridge_match_keys"} <= _statistics(store)
