"""What fails for the moment only is tried again, as a whole and never after a commit that may have been one."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

import pytest
from kept import TOYS, begin_run, line, link, run
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, OperationalError

from keapbridge._flow.effects import Blocking, Flow, Sleep
from keapbridge.errors import LinkStoreError, SessionBusyError
from keapbridge.store import retries
from keapbridge.store.retries import PAUSES, PassingError, insistent, is_passing, retrying
from keapbridge.store.sql import LinkStore, open_store


class Work:
    """Fails so many times."""

    def __init__(self, times: int, error: type[Exception] = PassingError) -> None:
        self.times, self.error, self.asked = times, error, 0

    def __call__(self) -> int:
        self.asked += 1
        if self.asked <= self.times:
            raise self.error("a moment, please")
        return self.asked


def drive(flow: Flow[Any]) -> tuple[Any, list[float]]:
    """What comes of a flow, and the pauses it makes."""
    pauses: list[float] = []
    try:
        effect = next(flow)
        while True:
            if isinstance(effect, Sleep):
                assert effect.jitter
                pauses.append(effect.ceiling)
                effect = flow.send(None)
                continue
            assert isinstance(effect, Blocking)
            try:
                result = effect.work()
            except LinkStoreError as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(result)
    except StopIteration as end:
        return end.value, pauses


@pytest.mark.parametrize("times", [0, 1, len(PAUSES)])
def test_work_is_done_again_after_growing_pauses(times: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "keapbridge.store"):
        assert drive(retrying("work", Work(times))) == (times + 1, list(PAUSES[:times]))
    assert caplog.messages == ["work is done again: a moment, please"] * times


def test_what_does_not_pass_ends_as_an_error_of_the_store() -> None:
    work = Work(1_000)
    with pytest.raises(LinkStoreError, match="9 times") as failed:
        drive(retrying("work", work))
    assert type(failed.value) is LinkStoreError
    assert work.asked == len(PAUSES) + 1
    assert sum(PAUSES) < 30  # short, even at the longest


@pytest.mark.parametrize("error", [LinkStoreError, SessionBusyError])
def test_nothing_else_is_tried_again(error: type[Exception]) -> None:
    work = Work(1, error)
    flow = retrying("work", work)
    next(flow)
    with pytest.raises(error):
        flow.throw(error("no"))


# --- which errors pass ------------------------------------------------------------------------------------------------


def of_sqlite(code: int) -> DBAPIError:
    cause = sqlite3.OperationalError("database is locked")
    cause.sqlite_errorcode = code
    return OperationalError("SELECT 1", {}, cause)


def of_postgresql(state: str | None, *, lost: bool = False, kind: type[DBAPIError] = OperationalError) -> DBAPIError:
    cause: Any = Exception("terminating connection")
    cause.sqlstate = state
    return kind("SELECT 1", {}, cause, connection_invalidated=lost)


@pytest.mark.parametrize(
    ("error", "before", "at_commit"),
    [
        (of_sqlite(sqlite3.SQLITE_BUSY), True, True),
        (of_sqlite(sqlite3.SQLITE_LOCKED), True, True),
        (of_sqlite(sqlite3.SQLITE_FULL), False, False),
        (of_sqlite(sqlite3.SQLITE_CORRUPT), False, False),
        (of_postgresql("40P01"), True, True),  # a deadlock: it has been undone
        (of_postgresql("40001"), True, True),
        (of_postgresql("25P03", lost=True), True, True),  # it was idle for too long in its transaction
        (of_postgresql("57P01"), True, False),  # the server shuts down: was it committed?
        (of_postgresql("08006"), True, False),
        (of_postgresql(None, lost=True), True, False),
        (of_postgresql(None), True, False),  # no connection to be had
        (of_postgresql("53100"), False, False),  # the disk is full
        (of_postgresql("23505", kind=IntegrityError), False, False),
        (DisconnectionError("no database error"), False, False),
    ],
)
def test_an_error_passes_if_it_is_certain_that_nothing_was_committed(
    error: Exception, before: bool, at_commit: bool
) -> None:
    assert is_passing(error, committing=False, has_waited=False) is before
    assert is_passing(error, committing=True, has_waited=False) is at_commit


def test_who_has_waited_for_a_lock_does_not_wait_again() -> None:
    busy, recovering = of_sqlite(sqlite3.SQLITE_BUSY), of_sqlite(sqlite3.SQLITE_BUSY_RECOVERY)
    assert not is_passing(busy, committing=False, has_waited=True)
    assert is_passing(recovering, committing=False, has_waited=True)


# --- in place ---------------------------------------------------------------------------------------------------------


class Fails:
    """A DBAPI that fails before so many statements."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if self.left and statement.startswith("INSERT"):
            self.left -= 1
            cause = sqlite3.OperationalError("database table is locked")
            cause.sqlite_errorcode = sqlite3.SQLITE_LOCKED
            raise OperationalError(statement, {}, cause)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.001,) * 3)


@pytest.mark.usefixtures("quick")
def test_a_repository_tries_again_and_writes_once(toys: LinkStore) -> None:
    begin_run(toys)
    fails = Fails(3)
    event.listen(toys.database.engine, "before_cursor_execute", fails)
    run(toys.facts.set("colour", "green"))
    fails.left = 2
    link(toys, "a", "A")
    fails.left = 2
    run(toys.runs.add_lines("run", [line("a")]))
    event.remove(toys.database.engine, "before_cursor_execute", fails)
    assert run(toys.facts.get("colour")) == "green"
    assert run(toys.links.count(TOYS)) == 1
    assert len(list(toys.runs._all_lines("run"))) == 1


@pytest.mark.usefixtures("quick")
def test_a_method_outside_of_flows_tries_again() -> None:
    class Book:
        work = Work(3)

        @insistent
        def change(self, by: int) -> int:
            return by * self.work()

    assert Book().change(10) == 40


@pytest.mark.usefixtures("quick")
def test_a_transaction_says_whether_its_failure_passes(toys: LinkStore) -> None:
    fails = Fails(1)
    event.listen(toys.database.engine, "before_cursor_execute", fails)
    with pytest.raises(PassingError):
        _insert(toys)
    _insert(toys)
    event.remove(toys.database.engine, "before_cursor_execute", fails)


def _insert(store: LinkStore) -> None:
    with store.database.transaction() as c:
        c.exec_driver_sql("INSERT INTO keapbridge_facts VALUES ('toys', 'colour', 'green')")


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
def test_a_connection_that_the_server_has_ended_is_made_anew(postgresql_url: str) -> None:
    store, admin = open_store(postgresql_url, "toys"), create_engine(postgresql_url)
    ended = iter([True])

    def end(_: Any) -> None:
        if next(ended, False):
            with admin.begin() as other:
                other.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                    "AND datname = current_database()"
                )

    event.listen(store.database.engine, "begin", end)
    run(store.facts.set("colour", "green"))
    assert run(store.facts.get("colour")) == "green"
    assert next(ended, None) is None
    store.close()
    admin.dispose()
