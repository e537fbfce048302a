"""Link stores that open sooner: what each of them would do again is done once in a process of tests."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, Engine, make_url

from keapbridge.store import engines, migrations
from keapbridge.store.database import Database
from keapbridge.store.files import file_of
from keapbridge.store.schema import HEAD, versions

__all__ = ["compiled_once", "share_statements", "store", "template"]


def share_statements(engine: Engine, first: Engine) -> None:
    """Let an engine use the statements that another one has compiled; a cached statement belongs to one dialect."""
    engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache


def _connection(engine: Engine) -> sqlite3.Connection:
    return engine.raw_connection().driver_connection  # type: ignore[return-value]


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """All SQLite engines of the library share compiled statements, and new stores have the tables that one was given.

    Migrations take twenty times as long. They are made in full by each process for its first store.
    """
    create, upgrade = engines.create, migrations.upgrade
    first = create(make_url("sqlite://"))
    Database(first)  # tells the dialect what it needs to know, and makes the tables
    tables = _connection(first).serialize()
    own = "SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY rowid"  # not SQLite's own
    made = [sql for (sql,) in _connection(first).execute(own)]

    def create_and_share(url: URL) -> Engine:
        engine = create(url)
        if engine.dialect.name == "sqlite":
            share_statements(engine, first)
            if file_of(url) is None:
                _connection(engine).deserialize(tables)
        return engine

    def upgrade_or_copy(connection: Connection, known: str | None, *, to: str | None = None) -> None:
        if known is not None or to is not None or connection.dialect.name != "sqlite":
            upgrade(connection, known, to=to)
            return
        for sql in made:
            connection.exec_driver_sql(sql)
        connection.execute(versions.insert().values(version_num=HEAD))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "create", create_and_share)
        patch.setattr(migrations, "upgrade", upgrade_or_copy)
        yield
    first.dispose()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, compiled_once: None) -> Path:
    """A store without content, migrated."""
    path = tmp_path_factory.mktemp("store") / "template.db"
    Database(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(tmp_path: Path, template: Path) -> str:
    """The address of a link store of the test's own."""
    return f"sqlite:///{shutil.copy(template, tmp_path / 'bridge.db')}"
