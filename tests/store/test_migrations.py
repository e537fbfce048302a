"""A database that the migrations have made is the one that the schema describes, from whichever version it comes."""

from __future__ import annotations

import json
import logging
from inspect import signature
from itertools import pairwise
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from tiers import variants

from keapbridge.store import schema
from keapbridge.store.database import Database
from keapbridge.store.migrations import known_versions, upgrade, versions
from keapbridge.store.migrations.versions import SCRIPTS

VERSIONS = known_versions()
POSTGRESQL = [pytest.mark.thorough, pytest.mark.xdist_group("postgresql")]


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


# Nothing was released yet when these did more than to add.
REBUILT = {"0004", "0010", "0020", "0025", "0028"}


def _shape(connection: Connection) -> dict[str, tuple[object, ...]]:
    """What statements of the version that knows it rely on: columns and what they take, keys, what is unique."""
    look = inspect(connection)
    found: dict[str, tuple[object, ...]] = {}
    for table in look.get_table_names():
        found[f"{table}: key"] = tuple(look.get_pk_constraint(table)["constrained_columns"])
        unique = (tuple(i["column_names"]) for i in look.get_indexes(table) if i["unique"])
        found[f"{table}: unique"] = tuple(sorted(unique, key=str))
        for column in look.get_columns(table):
            found[f"{table}.{column['name']}"] = (str(column["type"]), column["nullable"], column["default"])
    return found


def _only_adds(before: dict[str, tuple[object, ...]], after: dict[str, tuple[object, ...]]) -> bool:
    """Whether whoever knows what was there before can go on: nothing of it has changed, and no more is asked for."""
    new_columns = {
        name: its
        for name, its in after.items()
        if name not in before and "." in name and f"{name.partition('.')[0]}: key" in before
    }
    return before.items() <= after.items() and all(
        nullable or default is not None for _, nullable, default in new_columns.values()
    )


@pytest.mark.parametrize("where", ["sqlite", pytest.param("postgresql", marks=POSTGRESQL)])
def test_upgrades_only_add_so_that_the_version_before_can_go_on(where: str, request: pytest.FixtureRequest) -> None:
    engine = create_engine("sqlite://" if where == "sqlite" else request.getfixturevalue("postgresql_url"))
    did_more: set[str] = set()
    with engine.begin() as connection:
        upgrade(connection, None, to=VERSIONS[0])
        for known, version in pairwise(VERSIONS):
            before = _shape(connection)
            upgrade(connection, known, to=version)
            if not _only_adds(before, _shape(connection)):
                did_more.add(version)
    engine.dispose()
    assert did_more == REBUILT


@pytest.mark.parametrize("where", ["sqlite", pytest.param("postgresql", marks=POSTGRESQL)])
def test_the_match_keys_of_links_stay_and_those_of_others_go(where: str, request: pytest.FixtureRequest) -> None:
    engine = create_engine("sqlite://" if where == "sqlite" else request.getfixturevalue("postgresql_url"))
    rows = [
        {"side": side, "id": id, "linked": linked, "key": f"key of {id}"}
        for side, id, linked in (
            *(("customcrm", "a", True), ("keap", "A", False), ("keap", "B", True)),  # A was linked after it had come
            *(("customcrm", "A", False), ("keap", "a", False), ("keap", "free", False)),
        )
    ]
    with engine.begin() as connection:
        upgrade(connection, None, to="0024")
        for ours, theirs in ("aA", "bB"):
            connection.execute(
                text(
                    "INSERT INTO keapbridge_links (bridge, object, customcrm_id, keap_id, customcrm_base, keap_base) "
                    f"VALUES ('default', 'contacts', '{ours}', '{theirs}', '{{}}', '{{}}')"
                )
            )
        connection.execute(
            text(
                "INSERT INTO keapbridge_match_keys "
                "(bridge, object, side, id, rank, slot, key, apart, stronger, linked) "
                "VALUES ('default', 'contacts', :side, :id, 0, 1, :key, '[]', '[]', :linked)"
            ),
            rows,
        )
        upgrade(connection, "0024", to="0025")
        kept = connection.execute(text("SELECT customcrm_id, side, key, slot FROM keapbridge_match_keys ORDER BY key"))
        assert kept.all() == [
            ("a", "keap", "key of A", 1),
            ("b", "keap", "key of B", 1),
            ("a", "customcrm", "key of a", 1),
        ]
    engine.dispose()


@pytest.mark.parametrize("where", ["sqlite", pytest.param("postgresql", marks=POSTGRESQL)])
def test_what_a_list_that_goes_on_has_seen_stays(where: str, request: pytest.FixtureRequest) -> None:
    url = "sqlite://" if where == "sqlite" else request.getfixturevalue("postgresql_url")
    engine = create_engine(url)
    place = ("default", "contacts", "keap")
    with engine.begin() as connection:
        upgrade(connection, None, to="0027")
        for id in ("1", 'say "2"', "3 ü"):
            connection.execute(
                text("INSERT INTO keapbridge_seen VALUES ('default', 'contacts', 'keap', :id)"), {"id": id}
            )
        upgrade(connection, "0027", to="0028")
        rows = connection.execute(schema.seen.select()).all()
    engine.dispose()
    assert {(row.bridge, row.object, row.side) for row in rows} == {place}
    assert sorted(id for row in rows for id in json.loads(row.ids)) == ["1", "3 ü", 'say "2"']
