"""A database that gives the id of a deleted row to the next one, as SQLite does without AUTOINCREMENT."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

import keapbridge as kb
from keapbridge.testing import KeapEmulator

TABLES = {
    "contacts": ("people", "first_name TEXT, email TEXT", "first_name, email"),
    "companies": ("firms", "name TEXT, description TEXT", "name, description"),
    "products": ("wares", "name TEXT, short_description TEXT, price NUMERIC", "name, short_description, price"),
}
OF_CUSTOMCRM = {"contacts": "contacts", "companies": "customers", "products": "products"}


@attrs.frozen
class Scene:
    """Three linked records of an object, of which the newest has been deleted in Customcrm; another is new in Keap."""

    object: str
    engine: sa.Engine
    server: KeapEmulator
    session: kb.SyncSession
    gone: str

    def rows(self) -> list[Any]:
        table, _, names = TABLES[self.object]
        with self.engine.connect() as c:
            return [row[0] for row in c.exec_driver_sql(f"SELECT {names} FROM {table} ORDER BY id").all()]

    @property
    def state(self) -> Any:
        return getattr(self.server.state, self.object)


def in_keap(object: str, name: str) -> dict[str, Any]:
    match object:
        case "contacts":
            address = f"{name.casefold()}@example.org"
            return {"given_name": name, "email_addresses": [{"email": address, "field": "EMAIL1"}]}
        case "companies":
            return {"company_name": name, "notes": name}
        case _:
            return {"name": name, "short_description": name, "price": 100}


@pytest.fixture(params=list(TABLES))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    object = request.param
    table, columns, names = TABLES[object]
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    with engine.begin() as c:
        c.exec_driver_sql(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {columns})")
        for n, name in enumerate(("Ada", "Bo", "Cy")):
            price = f", {n + 1}" if object == "products" else ""
            own = f"{name.casefold()}@example.org" if object == "contacts" else name
            c.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ('{name}', '{own}'{price})")
    fixed = {"Currency": "USD"} if object == "products" else {}
    given: dict[str, Any] = {OF_CUSTOMCRM[object]: kb.SqlTable(table, id="id", constants=fixed)}
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.SqlCustomcrm(engine, **given) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", lag=timedelta(0), currency="USD") as session,
    ):
        assert session.sync().ok
        synchronization = getattr(session, object)
        [gone] = [link.keap_id for link in synchronization.links() if link.customcrm_id == "3"]
        with engine.begin() as c:
            c.exec_driver_sql(f"DELETE FROM {table} WHERE id = 3")
        yield Scene(object, engine, server, session, gone)
    engine.dispose()


@pytest.mark.parametrize("full", [False, True], ids=["changes", "full"])
@pytest.mark.parametrize("on_both_sides", [False, True], ids=["kept in Keap", "deleted in Keap"])
def test_a_new_record_under_the_id_of_a_deleted_one_is_nobody_else(
    scene: Scene, full: bool, on_both_sides: bool
) -> None:
    if on_both_sides:
        scene.state.delete(scene.gone)
    new = scene.state.add(in_keap(scene.object, "Dee"))
    kept = {id: dict(record) for id, record in scene.state.items()}
    run = scene.session.sync(full=full)
    assert (run.ok, run.count("created")) == (True, 1)
    assert scene.rows() == ["Ada", "Bo", "Dee"]
    links = {link.customcrm_id: link.keap_id for link in getattr(scene.session, scene.object).links()}
    assert links["3"] == new
    for again in (False, True):
        scene.session.sync(full=again)
        assert scene.rows() == ["Ada", "Bo", "Dee"]
    assert {id: dict(record) for id, record in scene.state.items()} == kept
    assert scene.session.undo(run.run_id).count("deleted") == 1
    assert scene.rows() == ["Ada", "Bo"]
