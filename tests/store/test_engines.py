"""Engines of a store: one for the sessions of a process on PostgreSQL, and a write-ahead log to wait for on SQLite."""

from __future__ import annotations

import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kept import TOYS, begin_run, key, line, link, run, seen, stage
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.pool import NullPool

import keapbridge as kb
from keapbridge.store import engines
from keapbridge.store.database import Database
from keapbridge.store.retries import PassingError
from keapbridge.store.sql import open_store

if TYPE_CHECKING:
    from conftest import World

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
        _wait_for_no_connection(postgresql_url)

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
        run(opened.facts.set("colour", "green"))
        _end_connections(postgresql_url)
        assert run(opened.facts.get("colour")) == "green"
        opened.close()

    def test_a_quiet_run_says_little_and_leaves_nothing_in_a_connection(
        self, world: World, postgresql_url: str, tmp_path: Path
    ) -> None:
        for n in range(3):
            world.crm.state.contacts.add({"FirstName": f"n{n}", "Email": f"n{n}@example.org"})
        with world.sessions(store=postgresql_url) as session, (tmp_path / "said").open("w+b") as said:
            session.sync()
            for _ in range(6):  # drivers begin to prepare what comes often
                session.sync()
            engine = session._engine.bridge.store.database.engine
            engine.dispose()
            event.listen(engine, "connect", lambda driver, _: driver.pgconn.trace(said.fileno()))
            session.sync()
            said.seek(0)
            told = [line.split(b"\t")[3:5] for line in said.read().splitlines() if b"\tF\t" in line]
            kept = _look(engine, "SELECT name FROM pg_prepared_statements")
            kept += _look(engine, "SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
            kept += _look(
                engine, "SELECT name FROM pg_settings WHERE source = 'session' AND name <> 'transaction_isolation'"
            )
        assert kept == []
        begun = [words for words in told if words[0] == b"Query" and b"BEGIN" in words[1]]
        asked = [words for words in told if words[0] in {b"Query", b"Bind"}]
        # With what begins and ends transactions, and heartbeats of the lease where the machine is slow.
        assert 0 < len(begun) < 10, begun
        assert len(asked) < 50, len(asked)

    def test_a_connection_that_was_idle_for_too_long_is_made_anew(self, postgresql_url: str) -> None:
        opened = open_store(postgresql_url, "toys")
        run(opened.facts.set("colour", "green"))
        name = postgresql_url.rpartition("/")[2]
        _admin(postgresql_url, f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '100ms'")
        _admin(postgresql_url, f"ALTER DATABASE {name} SET idle_session_timeout = '300ms'")
        _end_connections(postgresql_url)
        assert run(opened.facts.get("colour")) == "green"
        _wait_for_no_connection(postgresql_url)
        run(opened.facts.set("colour", "blue"))
        with pytest.raises(PassingError):
            _take_a_rest(opened.database, postgresql_url)
        assert run(opened.facts.get("colour")) == "blue"
        opened.close()

    @pytest.mark.parametrize("isolation", ["READ COMMITTED", "SERIALIZABLE"])
    def test_bridges_that_are_at_work_at_once_never_lock_each_other_out(
        self, postgresql_url: str, isolation: Any
    ) -> None:
        kb.migrate(postgresql_url)
        engine = create_engine(postgresql_url, isolation_level=isolation)

        def work(name: str) -> int:
            store = open_store(engine, name)
            run(store.lease.acquire(name, timedelta(minutes=3)))
            for n in range(12):
                for side in kb.Side:
                    stage(store, seen(side, f"{side.value}{n}"), "new", key(f"{n}"), complete=True)
                begin_run(store, f"{name}{n}", f"{name} plan {n}")
                link(store, f"customcrm{n}", f"keap{n}")
                run(store.runs.add_lines(f"{name}{n}", [line("a")]))
            return run(store.links.count(TOYS))

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(work, ["one", "two", "three", "four"])) == [12] * 4
        engine.dispose()
        assert _admin(postgresql_url, "SELECT deadlocks FROM pg_stat_database WHERE datname = :name") == 0

    def test_a_session_of_the_version_before_opens_while_others_of_it_are_open(self, postgresql_store: str) -> None:
        first = Database(postgresql_store)
        with first.transaction() as c:  # by a later version, in another process
            c.exec_driver_sql("UPDATE keapbridge_version SET version_num = '9999'")
        Database(postgresql_store).close()
        first.close()
        with pytest.raises(kb.LinkStoreError, match="made by a newer keapbridge"):
            Database(postgresql_store)


def _take_a_rest(database: Database, url: str) -> None:
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE keapbridge_facts SET value = 'lost'")
        _wait_for_no_connection(url)


def _look(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def _admin(url: str, statement: str) -> Any:
    admin = create_engine(url.rpartition("/")[0] + "/postgres", isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        found = connection.execute(text(statement), {"name": url.rpartition("/")[2]} if ":name" in statement else {})
        return found.scalar() if found.returns_rows else None


def _connections(url: str) -> int:
    return int(_admin(url, "SELECT count(*) FROM pg_stat_activity WHERE datname = :name"))


def _wait_for_no_connection(url: str) -> None:
    """The server ends a connection some time after its client has."""
    for _ in range(600):
        if _connections(url) == 0:
            return
        time.sleep(0.05)
    pytest.fail(f"{_connections(url)} connections are left")


def _end_connections(url: str) -> None:
    _admin(url, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name")
