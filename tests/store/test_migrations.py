"""A database that the migrations have made is the one that the schema describes, from whichever version it comes."""

from __future__ import annotations

import logging
from inspect import signature
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from tiers import variants

from keapbridge.store import schema
from keapbridge.store.database import Database
from keapbridge.store.migrations import known_versions, upgrade, versions
from keapbridge.store.migrations.versions import SCRIPTS

VERSIONS = known_versions()


def test_every_script_is_named_and_takes_the_operations() -> None:
    folder = Path(versions.__file__).parent
    assert [script.__name__.rpartition(".")[2] for script in SCRIPTS] == sorted(p.stem for p in folder.glob("v*.py"))
    assert [f"{number:04}" for number in range(1, len(SCRIPTS) + 1)] == VERSIONS
    assert {tuple(signature(script.upgrade).parameters) for script in SCRIPTS} == {("op",)}


def test_the_last_version_is_the_one_that_is_expected() -> None:
    assert VERSIONS[-1] == schema.HEAD


@pytest.mark.parametrize("first", variants([None, *VERSIONS], quick=(None, VERSIONS[0])))
def test_the_migrated_database_is_as_the_schema_says(
    first: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    engine = create_engine(url)
    if first is not None:
        with engine.begin() as connection:
            upgrade(connection, None, to=first)
    with caplog.at_level(logging.INFO, "keapbridge.store"):
        Database(url).close()
    said = f"the store was brought from schema {first} to {schema.HEAD}" if first else "a new store was made"
    assert [r.getMessage() for r in caplog.records if r.name == "keapbridge.store"] == [said] * (first != schema.HEAD)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    engine.dispose()
    # Alembic keeps its own table, which is no part of the schema.
    assert [d for d in differences if "keapbridge_version" not in str(d)] == []
