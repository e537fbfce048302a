"""Opening the file of a store while other processes open and close it, too."""

from __future__ import annotations

import sqlite3

import pytest

from keapbridge.store import database


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
