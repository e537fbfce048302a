"""After bulk loads the database is told how large its tables are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine

from keapbridge.store import database

if TYPE_CHECKING:
    from conftest import World


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
