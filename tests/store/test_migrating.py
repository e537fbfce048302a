"""What a host calls: a store is made on purpose, and the host's own Alembic leaves it alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table, create_engine
from sqlalchemy.pool import NullPool

import keapbridge as kb
from keapbridge.command import main
from keapbridge.store import schema


def test_a_store_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    assert main(["migrate", url]) == 0
    assert capsys.readouterr().out == f"a new store was made (schema {schema.HEAD})\n"
    again = kb.migrate(url)
    assert (again.before, str(again)) == (schema.HEAD, f"the store is up to date (schema {schema.HEAD})")
    assert main(["migrate", f"sqlite:///{tmp_path}"]) == 1


def test_the_autogenerate_of_a_host_does_not_drop_it(store: str) -> None:
    mine = MetaData()
    Table("orders", mine, Column("id", Integer, primary_key=True))
    engine = create_engine(store, poolclass=NullPool)
    with engine.connect() as connection:
        for options, drops in (({}, True), ({"include_name": kb.without_store}, False)):
            context = MigrationContext.configure(connection, opts=options)
            found = [change[0] for change in compare_metadata(context, mine)]
            assert "add_table" in found
            assert ("remove_table" in found) is drops
