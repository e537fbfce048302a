"""Stores in memory: two bridges in one database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from keapbridge.store.opening import memory_engine
from keapbridge.store.sql import LinkStore, open_store


@pytest.fixture
def engine(template: Path) -> Iterator[Engine]:
    engine = memory_engine()
    with engine.connect() as connection, closing(sqlite3.connect(template)) as source:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        source.backup(driver)
    yield engine
    engine.dispose()


@pytest.fixture
def toys(engine: Engine) -> LinkStore:
    return open_store(engine, "toys")


@pytest.fixture
def others(engine: Engine) -> LinkStore:
    """Another bridge in the database of `toys`."""
    return open_store(engine, "others")
