"""A database's error is told in words that a person can act on, and none of them is a value."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.customcrm.sql.refusals import words_of_database


class DataError(Exception):
    """As drivers of PostgreSQL have it."""

    def __init__(self, sqlstate: Any, said: str = "") -> None:
        super().__init__(said)
        self.sqlstate = sqlstate


CHECKED = "a value that a CHECK does not allow"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DataError("22001", "value too long: Ada Berg"), "a text is too long for its column (DataError)"),
        (DataError("42501", "permission denied"), "the user of the connection may not do that (DataError)"),
        (DataError("99999", "Ada Berg"), "DataError"),
        (DataError(None, "Ada Berg"), "DataError"),
        (DataError(7), "DataError"),
        (OSError(1406, "Data too long for column: Ada Berg"), "a text is too long for its column (OSError)"),
        (ValueError(True), "ValueError"),
        (
            OSError(1062, "Duplicate entry 'ada@example.org' for key 'people.email'"),
            "another row has that value, which is unique (people.email, OSError)",
        ),
        (OSError(4025, "CONSTRAINT `people.age` failed for `crm`.`people`"), f"{CHECKED} (people.age, OSError)"),
        (
            OSError(1364, "Field 'born' doesn't have a default value"),
            "a column that is never empty would be (born, OSError)",
        ),
        (sqlite3.IntegrityError("CHECK constraint failed: age > 3"), f"{CHECKED} (IntegrityError)"),
        (sqlite3.IntegrityError("CHECK constraint failed: of_age"), f"{CHECKED} (of_age, IntegrityError)"),
        (
            sqlite3.IntegrityError("NOT NULL constraint failed: people.born"),
            "a column that is never empty would be (people.born, IntegrityError)",
        ),
        (sqlite3.OperationalError("attempt to write a readonly database"), "it is read-only (OperationalError)"),
        (sqlite3.OperationalError("database is locked"), "it is locked by another program (OperationalError)"),
        (
            DataError(None, "connection to server failed: Connection refused"),
            "nothing answers at its address (DataError)",
        ),
        (DataError(None, "could not translate host name"), "its host is not known (DataError)"),
        (None, "NoneType"),
    ],
)
def test_what_is_known_of_an_error_is_said(error: Exception | None, words: str) -> None:
    assert words_of_database(error) == words


def test_who_may_only_read_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)")
    crm = kb.SqlCustomcrm(f"sqlite:///file:{path}?mode=ro&uri=true", contacts=kb.SqlTable("people", id="id"))
    with pytest.raises(kb.ApiError, match=r"it is read-only \(people, OperationalError\)"):
        crm.create("contacts", {"Email": "ada@example.org"}, "key")
