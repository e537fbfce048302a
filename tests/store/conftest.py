"""Stores in memory, and two bridges in one database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from keapbridge.store.opening import memory_engine
from keapbridge.store.sql import LinkStore, open_store


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
