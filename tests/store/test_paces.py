"""The book of paces in a database: a row a key, changed by one at a time. What processes share: `keap/test_pace.py`."""

from __future__ import annotations

import attrs
import pytest
from sqlalchemy import Engine

from keapbridge.keap.turns import Entry, Turn
from keapbridge.store.database import Database
from keapbridge.store.paces import SqlPaceBook


@pytest.fixture
def book(engine: Engine) -> SqlPaceBook:
    return SqlPaceBook(Database(engine))


def _read(book: SqlPaceBook, key: str) -> Entry:
    return book.change(key, lambda entry: (entry, entry))


def test_an_entry_comes_back_as_it_was_left(book: SqlPaceBook, engine: Engine) -> None:
    entry = Entry((Turn(0.1, "a"), Turn(1.0, "b")), 20_000, 7, 3, 5, 1.5, 240, 30_000)
    assert book.change("key", lambda before: (entry, before)) == Entry()
    assert _read(SqlPaceBook(Database(engine)), "key") == entry
    assert _read(book, "another") == Entry()


def test_what_fails_changes_nothing(book: SqlPaceBook) -> None:
    book.change("key", lambda entry: (attrs.evolve(entry, used=1), None))

    def fail(entry: Entry) -> tuple[Entry, None]:
        raise RuntimeError("on the way")

    for key in ("key", "another"):
        with pytest.raises(RuntimeError):
            book.change(key, fail)
    assert _read(book, "key").used == 1
    assert _read(book, "another") == Entry()
