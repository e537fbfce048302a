"""Stores in memory: two bridges in one database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from keapbridge.store.opening import memory_engine
from keapbridge.store.sql import LinkStore, open_store


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = memory_engine()
    yield engine
    engine.dispose()


@pytest.fixture
def toys(engine: Engine) -> LinkStore:
    return open_store(engine, "toys")


@pytest.fixture
def others(engine: Engine) -> LinkStore:
    """Another bridge in the database of `toys`."""
    return open_store(engine, "others")
