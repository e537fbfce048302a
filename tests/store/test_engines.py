"""Engines of a store: one for the sessions of a process on PostgreSQL, and a write-ahead log to wait for on SQLite."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from keapbridge._io.drivers import SyncDriver
from keapbridge.store import engines
from keapbridge.store.database import Database
from keapbridge.store.sql import open_store

# --- the write-ahead log ----------------------------------------------------------------------------------------------


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
    monkeypatch.setattr(engines, "POLL", 0.001)
    busy = Busy(3, code)
    engines._write_ahead(busy)
    assert busy.asked == 4


def test_what_waiting_cannot_mend_is_an_error_at_once() -> None:
    broken = Busy(1, sqlite3.SQLITE_READONLY)
    with pytest.raises(sqlite3.OperationalError):
        engines._write_ahead(broken)
    assert broken.asked == 1


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "PATIENCE", 0.01)
    monkeypatch.setattr(engines, "POLL", 0.001)
    with pytest.raises(sqlite3.OperationalError):
        engines._write_ahead(Busy(10_000, sqlite3.SQLITE_BUSY))


# --- on PostgreSQL ----------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
class TestPostgresql:
    def test_the_sessions_of_a_process_share_their_connections(self, postgresql_url: str) -> None:
        opened = [Database(postgresql_url) for _ in range(40)]
        opened[0].close()
        opened[0].close()
        for database in opened[1:]:
            with database.transaction() as connection:
                connection.exec_driver_sql("SELECT 1")
        assert _connections(postgresql_url) == 1
        for database in opened:
            database.close()
        assert _connections(postgresql_url) == 0

    def test_a_child_makes_connections_of_its_own(self, postgresql_url: str) -> None:
        database = Database(postgresql_url)

        def pid() -> int:
            with database.transaction() as connection:
                return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

        before = pid()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.write(writing, str(pid()).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as told:
            its = int(told.read())
        os.waitpid(child, 0)
        assert its != before == pid()
        database.close()

    def test_a_restart_of_the_database_is_not_noticed_by_the_next_transaction(self, postgresql_url: str) -> None:
        opened = open_store(postgresql_url, "toys")
        run = SyncDriver().run
        run(opened.facts.set("colour", "green"))
        _end_connections(postgresql_url)
        assert run(opened.facts.get("colour")) == "green"
        opened.close()


def _admin(url: str, statement: str) -> Any:
    admin = create_engine(url.rpartition("/")[0] + "/postgres", isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        return connection.execute(text(statement), {"name": url.rpartition("/")[2]}).scalar()


def _connections(url: str) -> int:
    return int(_admin(url, "SELECT count(*) FROM pg_stat_activity WHERE datname = :name"))


def _end_connections(url: str) -> None:
    _admin(url, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name")
