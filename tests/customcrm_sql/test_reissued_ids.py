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
from keapbridge.model.kept_in_store import NUMBER_OF_FORGOTTEN
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


STAMPS = "created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')), updated_at TEXT DEFAULT CURRENT_TIMESTAMP"


@pytest.mark.parametrize("route", ["changes", "full", "ids"])
@pytest.mark.parametrize("made_in", list(kb.Side))
@pytest.mark.parametrize("is_linked_anew", [False, True])
def test_whose_company_s_id_is_given_to_another_company_stays_with_it_in_keap(
    tmp_path: Path, made_in: kb.Side, route: str, is_linked_anew: bool
) -> None:
    """The database has emptied the reference of the person, and has another company by that number."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=ON"))
    with engine.begin() as c:
        c.exec_driver_sql(f"CREATE TABLE customers (id INTEGER PRIMARY KEY, Name TEXT, {STAMPS})")
        refers = "CustomerId INTEGER REFERENCES customers (id) ON DELETE SET NULL"
        c.exec_driver_sql(f"CREATE TABLE contacts (id INTEGER PRIMARY KEY, Email TEXT, {refers}, {STAMPS})")
        c.exec_driver_sql("INSERT INTO customers (Name) VALUES ('Bolt'), ('Acme')")
        c.exec_driver_sql("INSERT INTO contacts (Email, CustomerId) VALUES ('a@e.org', 2), ('b@e.org', 1)")
    tables = {
        name: kb.SqlTable(name, id="id", modified="updated_at", created="created_at")
        for name in ("contacts", "customers")
    }
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.SqlCustomcrm(engine, **tables) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", lag=timedelta(0)) as session,
    ):
        assert session.sync().ok
        [ada] = [id for id, each in server.state.contacts.items() if each["company"]["company_name"] == "Acme"]
        with engine.begin() as c:
            c.exec_driver_sql("DELETE FROM customers WHERE id = 2")
            if made_in is kb.Side.CUSTOMCRM:
                c.exec_driver_sql("INSERT INTO customers (Name) VALUES ('Zenith')")
        if made_in is kb.Side.KEAP:
            server.state.companies.add({"company_name": "Zenith"})
        for _ in range(2):
            session.companies.sync(full=True)
            if is_linked_anew:
                session.companies.retry(keap=[server.state.contacts[ada]["company"]["id"]])
        with engine.begin() as c:
            assert c.exec_driver_sql("SELECT Name FROM customers WHERE id = 2").scalar() == "Zenith"
            c.exec_driver_sql("UPDATE contacts SET updated_at = CURRENT_TIMESTAMP WHERE id = 1")
        for _ in range(2):
            if route == "ids":
                session.contacts.sync_ids(customcrm=["1"], keap=[ada])
            else:
                session.sync(full=route == "full")
            assert server.state.contacts[ada]["company"]["company_name"] == "Acme"
        with engine.begin() as c:
            its = "SELECT Name FROM customers JOIN contacts ON customers.id = CustomerId WHERE contacts.id = 1"
            assert c.exec_driver_sql(its).scalar() == ("Acme" if is_linked_anew else None)
    engine.dispose()


# --- a record whose counterpart was deleted in Keap -----------------------------------------------------------------

SPELT = {  # by object: the columns with what is known of somebody, and what somebody else is known by
    "contacts": {"first_name": ("Cy", "Dee"), "email": ("cy@example.org", "dee@example.org")},
    "companies": {"name": ("Cy", "Dee"), "phone": ("+4722334455", "+4722334466")},
}


@attrs.frozen
class Left:
    """A table with a row whose counterpart has been deleted in Keap."""

    object: str
    engine: sa.Engine
    server: KeapEmulator
    session: kb.SyncSession
    births: bool

    def run(self, sql: str, *values: Any) -> None:
        with self.engine.begin() as c:
            c.exec_driver_sql(sql, values)

    def row(self, of: int, **others: str) -> None:
        """Another row under the id of the deleted one: of the same (0) or of somebody else (1)."""
        self.run("DELETE FROM them WHERE id = 1")
        own = {column: both[of] for column, both in SPELT[self.object].items()} | others
        names = ", ".join(["id", *own])
        self.run(f"INSERT INTO them ({names}) VALUES (1{', ?' * len(own)})", *own.values())

    def known(self) -> list[str]:
        field = "given_name" if self.object == "contacts" else "company_name"
        return [record[field] for _, record in getattr(self.server.state, self.object).items()]


@pytest.fixture(params=[(object, births) for object in SPELT for births in (False, True)], ids=str)
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Left]:
    object, births = request.param
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    columns = ", ".join(f"{column} TEXT" for column in (*SPELT[object], "website"))
    with engine.begin() as c:
        c.exec_driver_sql(f"CREATE TABLE them (id INTEGER PRIMARY KEY, {columns}, {STAMPS})")
    table = kb.SqlTable("them", id="id", modified="updated_at", created="created_at" if births else None)
    given: dict[str, Any] = {OF_CUSTOMCRM[object]: table}
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.SqlCustomcrm(engine, **given) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", lag=timedelta(0)) as session,
    ):
        left = Left(object, engine, server, session, births)
        left.row(0)
        session.sync()
        [gone] = getattr(server.state, object)
        getattr(server.state, object).delete(gone)
        assert session.sync(full=True).count("unlinked") == 1
        yield left
    engine.dispose()


@pytest.mark.parametrize("between", ["nothing", "changes", "full"])
def test_who_gets_the_id_of_a_deleted_record_is_made_in_keap(left: Left, between: str) -> None:
    left.run("DELETE FROM them")
    if between != "nothing":
        left.session.sync(full=between == "full")
    left.row(1)
    assert left.session.sync().count("created") == 1
    assert left.known() == ["Dee"]
    assert left.session.plan(full=True).is_empty


@pytest.mark.parametrize("between", ["nothing", "full"])
def test_who_was_deleted_in_keap_stays_so_when_the_table_is_filled_anew(left: Left, between: str) -> None:
    """With new births, and edited."""
    left.run("DELETE FROM them")
    if between == "full":
        left.session.sync(full=True)
    left.row(0, website="https://example.org")
    for full in (False, True):
        assert [line.reason for line in left.session.sync(full=full).lines] == ["deleted in Keap"]
        assert left.known() == []


def test_who_was_deleted_in_keap_stays_so_however_much_of_them_is_edited(left: Left) -> None:
    """Little by little: each time they are known by what they were known by last."""
    for column, (_, other) in SPELT[left.object].items():
        left.run(f"UPDATE them SET {column} = ?, updated_at = datetime('now', '+1 minute')", other)
        for full in (False, True):
            assert [line.reason for line in left.session.sync(full=full).lines] == ["deleted in Keap"]
            assert left.known() == []


@pytest.mark.parametrize("full", [False, True], ids=["changes", "full"])
def test_who_gets_the_id_of_a_forgotten_person_is_told_of_and_takes_part_when_it_is_wanted(
    left: Left, full: bool
) -> None:
    left.run("UPDATE them SET website = 'https://example.org', updated_at = datetime('now', '+1 minute')")
    left.session.forget(left.object, customcrm="1")
    assert list(left.session.sync(full=True).lines) == [], "of the forgotten one nothing is told"
    left.run("DELETE FROM them")
    left.row(1)
    for _ in range(2):
        told = [line.reason for line in left.session.sync(full=full).lines]
        assert told == ([NUMBER_OF_FORGOTTEN] if left.births else [])
        assert left.known() == []
    getattr(left.session, left.object).retry(customcrm=["1"])
    left.session.sync(full=True)
    assert left.known() == ["Dee"]
