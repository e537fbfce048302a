"""Opening a store: what could not work or be relied on is an error that says why and repeats no password."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool, StaticPool

from keapbridge.errors import LinkStoreError
from keapbridge.store import schema
from keapbridge.store.database import Database

PASSWORD = "correct-horse"


@contextmanager
def refused(*words: str) -> Iterator[None]:
    with pytest.raises(LinkStoreError) as failed:
        yield
    assert str(failed.value).startswith("cannot open the link store: ")
    for word in words:
        assert word in str(failed.value)
    assert PASSWORD not in str(failed.value)
    assert PASSWORD not in repr(failed.value.__cause__)


@pytest.mark.parametrize(
    ("target", "word"),
    [
        ("bridge.db", "no SQLAlchemy URL"),
        (f"postgresql://u:{PASSWORD}@[::1/d", "cannot open"),
        ("nonsense://", "does not know"),
        (f"mysql://u:{PASSWORD}@h/d", "not on mysql"),
        (f"postgresql+asyncpg://u:{PASSWORD}@h/d", "asynchronous"),
        ("sqlite+aiosqlite:///bridge.db", "asynchronous"),
        ("sqlite:///", "names no file"),
        ("sqlite:///no/such/folder/bridge.db", "no folder"),
        (None, "not None"),
    ],
)
def test_a_target_that_cannot_be_a_store_is_told(target: Any, word: str) -> None:
    with refused(word):
        Database(target)


def test_neither_a_folder_nor_another_file_is_a_store(tmp_path: Path) -> None:
    with refused("is a folder"):
        Database(f"sqlite:///{tmp_path}")
    (tmp_path / "photo.db").write_bytes(b"not a database" * 100)
    with refused("not a database"):
        Database(f"sqlite:///{tmp_path / 'photo.db'}")


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "bridge.db").touch()
    Database(f"sqlite:///{tmp_path / 'bridge.db'}").close()
    assert (tmp_path / "bridge.db").stat().st_size > 0


def test_a_relative_path_stays_where_it_was_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database("sqlite:///bridge.db")
    monkeypatch.chdir("/")
    database.engine.dispose()
    with database.transaction() as connection:
        connection.exec_driver_sql("SELECT 1")
    database.close()


# --- the tables that are there ----------------------------------------------------------------------------------------


def _changed(store: str, statement: str) -> None:
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE keapbridge_version SET version_num = '9999'", ["newer keapbridge", "9999", schema.HEAD]),
        ("UPDATE keapbridge_version SET version_num = 'abc'", ["not known", "abc"]),
        ("INSERT INTO keapbridge_version VALUES ('0001')", ["not known", "0001"]),
        ("DELETE FROM keapbridge_version", ["keapbridge_version", "backup"]),
        ("DROP TABLE keapbridge_version", ["keapbridge_version", "backup"]),
    ],
)
def test_tables_of_a_version_that_is_not_known_are_left_alone(store: str, statement: str, words: list[str]) -> None:
    _changed(store, statement)
    before = Path(store.removeprefix("sqlite:///")).read_bytes()
    with refused(*words):
        Database(store)
    assert Path(store.removeprefix("sqlite:///")).read_bytes() == before


# --- engines of the host ----------------------------------------------------------------------------------------------


def _own(store: str, **options: Any) -> Engine:
    return create_engine(store, poolclass=NullPool, **options)


def _explicit(store: str) -> Engine:
    """Transactions are begun by statements, as SQLAlchemy's documentation shows it for SQLite."""
    engine = _own(store)
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _bytes(store: str) -> Engine:
    engine = _own(store)
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "text_factory", bytes))
    return engine


def _write(database: Database, *statements: str) -> None:
    with database.transaction() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_an_engine_that_begins_transactions_will_do(store: str) -> None:
    for engine in (_own(store), _explicit(store), _own(store, isolation_level="SERIALIZABLE")):
        database = Database(engine)
        with pytest.raises(LinkStoreError):
            _write(database, "INSERT INTO keapbridge_facts VALUES ('toys', 'colour', 'green')", "no such statement")
        with database.transaction() as connection:
            assert connection.execute(schema.facts.select()).all() == []


def test_an_engine_that_could_do_half_a_change_is_refused(store: str) -> None:
    with refused("AUTOCOMMIT"):
        Database(_own(store, isolation_level="AUTOCOMMIT"))
    with refused("AUTOCOMMIT"):
        Database(_own(store).execution_options(isolation_level="AUTOCOMMIT"))
    with refused("AUTOCOMMIT"):
        Database(_own(store, connect_args={"isolation_level": None}))


def test_a_database_for_each_thread_is_refused() -> None:
    with refused("StaticPool"):
        Database(create_engine("sqlite://"))
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Database(engine)
    engine.dispose()


def test_an_engine_that_reads_or_names_things_otherwise_is_refused(store: str) -> None:
    with refused("text_factory"):
        Database(_bytes(store))
    with refused("schema_translate_map"):
        Database(_own(store).execution_options(schema_translate_map={None: "x"}))


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
def test_on_postgresql_an_engine_that_could_do_half_a_change_is_refused(postgresql_url: str) -> None:
    for engine in (
        create_engine(postgresql_url, isolation_level="AUTOCOMMIT"),
        create_engine(postgresql_url).execution_options(isolation_level="AUTOCOMMIT"),
    ):
        with refused("AUTOCOMMIT"):
            Database(engine)
        engine.dispose()
    engine = create_engine(postgresql_url)
    Database(engine)
    engine.dispose()
