"""A store is made and upgraded by one at a time; whoever may not do it is told what to run."""

from __future__ import annotations

import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.pool import NullPool

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge.store import schema
from keapbridge.store.database import Database
from keapbridge.store.migrations import known_versions, upgrade
from keapbridge.store.sql import open_store

ROOT = Path(__file__).parents[2]
MANY = 6
LEFT_OUT = "ix_keapbridge_match_keys"


def _version(target: str) -> list[str]:
    engine = create_engine(target, poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT version_num FROM keapbridge_version").scalars())


def _old(target: str, version: str = "0014") -> None:
    engine = create_engine(target, poolclass=NullPool)
    with engine.begin() as connection:
        upgrade(connection, None, to=version)


def _open_at_once(*targets: Any) -> list[BaseException | None]:
    """Open all of these at the same moment, each on a thread."""
    met: list[BaseException | None] = []
    gate = threading.Barrier(len(targets))

    def open_one(target: Any) -> None:
        gate.wait()
        try:
            Database(target).close()
        except BaseException as error:  # noqa: BLE001 - it is what the test looks at
            met.append(error)
        else:
            met.append(None)

    threads = [threading.Thread(target=open_one, args=(target,), daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return met


@pytest.mark.parametrize("old", [False, True])
def test_threads_that_open_a_file_at_once_all_succeed(tmp_path: Path, old: bool) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    if old:
        _old(url)
    engines = [create_engine(url, poolclass=NullPool) for _ in range(2)]  # of a host's, that begin late
    assert _open_at_once(*[url] * 4, *engines) == [None] * MANY
    assert _version(url) == [schema.HEAD]


def test_an_upgrade_that_fails_is_undone_as_a_whole_also_with_an_engine_of_the_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    _old(url, "0001")
    before = _tables(url)
    from keapbridge.store.migrations.versions import v0015_complete

    monkeypatch.setattr(v0015_complete, "upgrade", lambda op: op.execute("no such statement"))
    for target in (url, create_engine(url, poolclass=NullPool)):
        with pytest.raises(kb.LinkStoreError, match=r"no such statement|syntax error"):
            Database(target)
        assert (_tables(url), _version(url)) == (before, ["0001"])


def _without(url: str, index: str) -> str:
    """A store whose restore was cut off before its indexes were made."""
    Database(url).close()
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP INDEX {index}")
    return url


def _indexes(url: str) -> set[str]:
    engine = create_engine(url, poolclass=NullPool)
    look = inspect(engine)
    return {str(index["name"]) for table in schema.metadata.tables for index in look.get_indexes(table)}


INDEXES = {index.name for table in schema.metadata.sorted_tables for index in table.indexes}


@pytest.mark.parametrize("index", ["ux_keapbridge_links_keap", "ix_keapbridge_actions_kind"])
def test_an_index_that_is_lost_is_made_again_when_the_store_opens(tmp_path: Path, index: str) -> None:
    url = _without(f"sqlite:///{tmp_path / 'bridge.db'}", index)
    assert _indexes(url) == INDEXES - {index}
    Database(url).close()
    assert _indexes(url) == INDEXES


def test_what_is_left_out_on_purpose_while_many_records_come_is_not_made_between(tmp_path: Path) -> None:
    url = _without(f"sqlite:///{tmp_path / 'bridge.db'}", LEFT_OUT)
    store = open_store(url, "default")
    assert _indexes(url) == INDEXES - {LEFT_OUT}
    SyncDriver().run(store.match_keys.index())
    store.close()
    assert _indexes(url) == INDEXES


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
def test_on_postgresql_any_index_is_made_again_by_a_role_that_may(
    postgresql_url: str, rows_only: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = LEFT_OUT
    _without(postgresql_url, name)
    Database(rows_only).close()
    assert f"the store lacks {name}, and this role cannot make it" in caplog.text
    assert "keapbridge migrate" in caplog.text
    assert _indexes(postgresql_url) == INDEXES - {name}
    Database(postgresql_url).close()
    assert _indexes(postgresql_url) == INDEXES

    in_schema = f"{postgresql_url}?schema=bridge"
    Database(in_schema).close()
    engine = create_engine(postgresql_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP INDEX bridge.{name}")
    Database(in_schema).close()
    look = inspect(engine)
    assert name in {index["name"] for index in look.get_indexes("keapbridge_match_keys", schema="bridge")}


def _tables(url: str) -> set[str]:
    engine = create_engine(url, poolclass=NullPool)
    return set(inspect(engine).get_table_names())


@pytest.mark.thorough
def test_it_is_made_and_upgraded_by_a_package_in_a_zip(tmp_path: Path) -> None:
    package = ROOT / "src" / "keapbridge"
    with zipfile.ZipFile(tmp_path / "library.zip", "w") as archive:
        for path in package.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                archive.write(path, path.relative_to(package.parent))
    script = (
        "import keapbridge as kb\n"
        "assert '.zip' in kb.__file__\n"
        "for _ in range(2): print(kb.migrate('sqlite:///bridge.db').after)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "library.zip")},
    )
    assert told.stdout.split() == [schema.HEAD] * 2


# --- on PostgreSQL ----------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
class TestPostgresql:
    @pytest.mark.parametrize("old", [False, True])
    @pytest.mark.parametrize("isolation", ["READ COMMITTED", "SERIALIZABLE"])
    def test_threads_that_open_it_at_once_all_succeed(self, postgresql_url: str, old: bool, isolation: str) -> None:
        if old:
            _old(postgresql_url)
        own: list[Engine] = [
            create_engine(postgresql_url, poolclass=NullPool, isolation_level=isolation) for _ in range(4)
        ]
        assert _open_at_once(*own, postgresql_url, postgresql_url) == [None] * MANY
        assert _version(postgresql_url) == [schema.HEAD]

    def test_processes_that_open_it_at_once_all_succeed(self, postgresql_url: str) -> None:
        script = f"from keapbridge.store.database import Database; input(); Database({postgresql_url!r}).close()"
        openers = [
            subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(8)
        ]
        told = [opener.communicate("\n", timeout=120)[1] for opener in openers]
        assert told == [""] * 8
        assert _version(postgresql_url) == [schema.HEAD]

    def test_a_role_that_may_not_is_told_what_to_run(self, postgresql_url: str, rows_only: str) -> None:
        with pytest.raises(kb.LinkStoreError, match=r"no store in the database yet.*keapbridge migrate"):
            Database(rows_only)
        _old(postgresql_url)
        with pytest.raises(kb.LinkStoreError, match=rf"schema 0014.*needs {schema.HEAD}.*keapbridge migrate"):
            Database(rows_only)
        migrated = kb.migrate(postgresql_url)
        assert (migrated.before, migrated.after) == ("0014", schema.HEAD)
        Database(rows_only).close()

    def test_a_role_that_may_not_even_read_is_told_what_it_lacks(self, postgresql_url: str, rows_only: str) -> None:
        kb.migrate(postgresql_url)
        admin = create_engine(postgresql_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with admin.connect() as connection:
            connection.exec_driver_sql("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM keapbridge_rows")
        with pytest.raises(kb.LinkStoreError, match=r"may not read its tables.*SELECT, INSERT, UPDATE, DELETE"):
            Database(rows_only)

    def test_a_schema_of_its_own_has_all_tables(self, postgresql_url: str) -> None:
        url = f"{postgresql_url}?schema=a+bridge"
        assert kb.migrate(url).before is None
        assert kb.migrate(url).before == schema.HEAD
        own = create_engine(postgresql_url, poolclass=NullPool)
        Database(own.execution_options(schema_translate_map={None: "a bridge"})).close()
        found = inspect(own)
        assert found.get_table_names() == []
        assert {*schema.metadata.tables, schema.versions.name} == set(found.get_table_names(schema="a bridge"))
        assert known_versions()[-1] == schema.HEAD
