"""The check between two systems of one's own: whatever kind of Customcrm it is, and however the pair is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import keapbridge as kb
from keapbridge import qa
from keapbridge.qa.pairs import open_pair
from keapbridge.testing import KeapEmulator


@pytest.fixture
def keap() -> Iterator[kb.KeapClient]:
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as client,
    ):
        yield client


@pytest.fixture
def database(tmp_path: Path) -> Iterator[kb.SqlCustomcrm]:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, changed TEXT)"
        )
    engine.dispose()
    with kb.SqlCustomcrm(url, contacts=kb.SqlTable("people", id="id", modified="changed")) as crm:
        yield crm


def test_a_database_is_checked_as_far_as_it_takes_part(keap: kb.KeapClient, database: kb.SqlCustomcrm) -> None:
    said: list[str] = []
    assert qa.run(said.append, pair=lambda: (database, keap)) == 0, said
    assert said[-1] == "6 passed, 0 failed"
    assert all(line.startswith("✓ contacts: ") for line in said[:-1])
    assert database.list_changes("contacts", None, None).records == []  # it deletes what it has made
    assert list(keap.contacts.list()) == []


def test_a_pair_is_a_tuple_a_manager_or_a_function(keap: kb.KeapClient, database: kb.SqlCustomcrm) -> None:
    @contextmanager
    def manager() -> Iterator[tuple[Any, Any]]:
        yield database, keap

    for given in ((database, keap), manager(), manager, lambda: (database, keap)):
        with open_pair(given) as pair:
            assert pair == (database, keap)


def test_what_is_no_pair_is_told(keap: kb.KeapClient, database: kb.SqlCustomcrm) -> None:
    async def later() -> None: ...

    wrong: list[tuple[Callable[[], Any], str]] = [
        (lambda: 5, "gives an int"),
        (lambda: (keap, database), "gives Keap first"),
        (lambda: (database, database), "the second one must be a KeapClient"),
        (lambda: (5, keap), "the first one must be a CustomcrmClient"),
        (later, "is asynchronous"),
    ]
    for make, said in wrong:
        with pytest.raises(ValueError, match=said), open_pair(make):
            pass
