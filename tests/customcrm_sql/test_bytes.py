"""Cells that nobody edits keep their bytes, however they are written: after a run, an edit beside them, an undoing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import keapbridge as kb
from keapbridge.testing import KeapEmulator

pytestmark = pytest.mark.thorough

ODD = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "phone": st.sampled_from(
        ["+47 22 12 34 56", "22123456", "(22) 12-34-56", "0047 22123456", "22 12 34 56 ext 5", "ring Kim", " 22123456 "]
    ),
    "country": st.sampled_from(
        ["NO", "no", "NOR", "Norway", "Norge", "Noreg", "  Norway", "norge", "Atlantis", "Tyskland"]
    ),
    "region": st.sampled_from(["NO-03", "03", "Oslo", "oslo", "Somewhere"]),
    "zip_code": st.sampled_from(["0150", " 0150", "150", "N-0150"]),
    "birth_date": st.sampled_from(["1980-05-06", "1980-05-06 00:00:00", "06.05.1980", "0000-00-00", "1980"]),
    "website": st.sampled_from(["www.example.org", "HTTP://Example.org/", "https://example.org", "example.org/a?b=ü"]),
    "last_name": st.sampled_from(["O'Brien", "BERG", "berg ", "Be\u0301rg", "Bérg", "de  la Cruz", "x" * 60]),
    "city": ODD,
    "street_address1": ODD,
}
NAMES = (f"bridge{n}.db" for n in count())  # another store for every example
PRICES = st.sampled_from(["12.5", "12.50", "12", "19.990000000000002", "0012.00", "1e1", "12,50", "", "free"])
ACTIVE = st.sampled_from(["Y", "n", "yes", "0", "1", "true", "nein", "perhaps", ""])
MAYBE = {name: st.one_of(st.none(), st.just(""), cells) for name, cells in CELLS.items()}
PEOPLE = st.lists(st.fixed_dictionaries(MAYBE), min_size=4, max_size=8)
WARES = st.lists(st.fixed_dictionaries({"price": PRICES, "active": ACTIVE}), min_size=2, max_size=4)
TEXTS = ", ".join(f"{name} VARCHAR(80)" for name in CELLS)


@contextmanager
def made(url: str, people: list[dict[str, Any]], wares: list[dict[str, Any]]) -> Iterator[sa.Engine]:
    """A database with these rows, gone afterwards."""
    engine = sa.create_engine(url)
    with engine.begin() as c:
        for name in ("people", "wares"):
            c.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
        c.exec_driver_sql(
            f"CREATE TABLE people (id INTEGER PRIMARY KEY, first_name VARCHAR(80), email VARCHAR(80), {TEXTS})"
        )
        number = "NUMERIC" if engine.dialect.name == "sqlite" else "VARCHAR(40)"
        c.exec_driver_sql(
            f"CREATE TABLE wares (id INTEGER PRIMARY KEY, name VARCHAR(80), price {number}, active VARCHAR(9))"
        )
        names = ", ".join(CELLS)
        for n, row in enumerate(people):
            values = {**row, "id": n, "email": f"P{n}@Example.org"}
            marks = ", ".join(f":{name}" for name in CELLS)
            c.execute(sa.text(f"INSERT INTO people (id, email, {names}) VALUES (:id, :email, {marks})"), values)
        for n, row in enumerate(wares):
            c.execute(
                sa.text("INSERT INTO wares VALUES (:id, :name, :price, :active)"), {**row, "id": n, "name": f"W{n}"}
            )
    yield engine
    engine.dispose()


def cells(engine: sa.Engine) -> dict[tuple[str, int, str], Any]:
    """Every cell as the database has it, with its type where each has one of its own."""
    found: dict[tuple[str, int, str], Any] = {}
    with engine.connect() as c:
        for table in ("people", "wares"):
            for row in c.execute(sa.text(f"SELECT * FROM {table}")).mappings():
                found |= {(table, row["id"], name): (type(cell).__name__, cell) for name, cell in row.items()}
    return found


@pytest.mark.parametrize("server", ["sqlite", "postgresql", "mariadb"])
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(people=PEOPLE, wares=WARES)
def test_what_nobody_edits_keeps_its_bytes(
    server: str, people: Any, wares: Any, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}" if server == "sqlite" else request.getfixturevalue(f"{server}_url")
    tables = {
        "contacts": kb.SqlTable("people", id="id"),
        "products": kb.SqlTable("wares", id="id", constants={"Currency": "USD"}),
    }
    with (
        made(url, people, wares) as engine,
        kb.SqlCustomcrm(engine, **tables) as crm,
        KeapEmulator() as served,
        kb.KeapClient(auth=kb.KeapApiKey(served.api_key), base_url=served.base_url) as keap,
        kb.SyncSession(
            customcrm=crm,
            keap=keap,
            store=f"sqlite:///{tmp_path / next(NAMES)}",
            currency="USD",
            default_region="NO",
            lag=timedelta(0),
        ) as session,
    ):
        before = cells(engine)
        session.sync()
        assert cells(engine) == before
        for link in session.contacts.links():
            served.state.contacts.edit(link.keap_id, given_name="Edited")
        run = session.sync()
        changed = {key: cell for key, cell in cells(engine).items() if cell != before[key]}
        assert {(table, name) for table, _, name in changed} == {("people", "first_name")}
        assert set(changed.values()) == {("str", "Edited")}
        assert session.plan(full=True).is_empty
        session.undo(run.run_id)
        assert cells(engine) == before
