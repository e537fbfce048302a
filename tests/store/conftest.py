"""Stores in memory, two bridges in one database; and a role of PostgreSQL that owns nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from keapbridge.store.opening import memory_engine
from keapbridge.store.sql import LinkStore, open_store

ROLE = "keapbridge_rows"


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.thorough, pytest.mark.xdist_group("postgresql")])]
)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """What the store does on one database it does on the other."""
    engine = (
        memory_engine() if request.param == "sqlite" else create_engine(request.getfixturevalue("postgresql_store"))
    )
    yield engine
    engine.dispose()


@pytest.fixture
def toys(engine: Engine) -> LinkStore:
    return open_store(engine, "toys")


@pytest.fixture
def others(engine: Engine) -> LinkStore:
    """Another bridge in the database of `toys`."""
    return open_store(engine, "others")


@pytest.fixture
def rows_only(postgresql_url: str) -> Iterator[str]:
    """The address of a role that may read and write rows, of tables that are there now or later."""
    admin = create_engine(postgresql_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {ROLE} LOGIN")
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        for what in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE ON SEQUENCES"):
            connection.exec_driver_sql(f"ALTER DEFAULT PRIVILEGES GRANT {what} TO {ROLE}")
    yield postgresql_url.replace("keapbridge@", f"{ROLE}@")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {ROLE}")
        connection.exec_driver_sql(f"DROP ROLE {ROLE}")
