"""Texts that people have written: numbers in their own notation, names of companies; both ways, and put back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import keapbridge as kb
from keapbridge.testing import KeapEmulator


@contextmanager
def opened(path: Path, ddl: str, tables: dict[str, kb.SqlTable], **mappings: Any) -> Iterator[tuple[Any, ...]]:
    """The database, the session and Keap."""
    with (
        closing(sqlite3.connect(path / "crm.db", isolation_level=None)) as database,
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
    ):
        database.executescript(ddl)
        with (
            kb.SqlCustomcrm(f"sqlite:///{path / 'crm.db'}", **tables) as crm,  # type: ignore[arg-type]
            kb.SyncSession(
                customcrm=crm, keap=keap, store="sqlite://", currency="USD", lag=timedelta(0), **mappings
            ) as session,
        ):
            yield database, session, server.state


def rows(database: sqlite3.Connection, table: str) -> list[Any]:
    return database.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()


WARES = """
    CREATE TABLE wares (id INTEGER PRIMARY KEY, name TEXT, price TEXT, weight TEXT);
    INSERT INTO wares (name, price) VALUES ('Chair', '1.012,5'), ('Table', '99,90'), ('Lamp', '$20'), ('Rug', '12.50');
"""


def test_prices_as_people_write_them_flow_both_ways(tmp_path: Path) -> None:
    money = kb.money("PriceText", always="USD", decimal=",", keap="price", required="keap")
    mapper = kb.mapping.products.without("Price").with_lenses(money)
    tables = {"products": kb.SqlTable("wares", id="id", columns={"PriceText": "price"})}
    with opened(tmp_path, WARES, tables, products=mapper) as (database, session, keap):
        before = rows(database, "wares")
        report = session.sync()
        assert {each["name"]: each["price"]["amount"] for each in keap.products.values()} == {
            "Chair": 101250,
            "Table": 9990,
        }
        assert sorted(line.outcome for line in report.lines) == ["created", "created", "skipped", "skipped"]
        assert rows(database, "wares") == before
        assert session.plan(full=True).is_empty
        by_name = {each["name"]: id for id, each in keap.products.items()}
        keap.products.edit(by_name["Chair"], price={"amount": 234510, "currency_code": "USD"})
        keap.products.edit(by_name["Table"], price={"amount": 120000, "currency_code": "USD"})
        keap.products.add(
            {"name": "Bed", "short_description": "x", "price": {"amount": 100000, "currency_code": "USD"}}
        )
        run = session.sync()
        # Each as it was written before, or else as the column writes what tells: in groups.
        assert [row[2] for row in rows(database, "wares")] == ["2.345,10", "1.200,00", "$20", "12.50", "1.000,00"]
        assert session.plan(full=True).is_empty
        session.undo(run.run_id)
        assert rows(database, "wares") == before


PEOPLE = """
    CREATE TABLE people (id INTEGER PRIMARY KEY, first_name TEXT, email TEXT, firm TEXT);
    INSERT INTO people (first_name, email, firm) VALUES
        ('Ada', 'ada@example.org', 'ACME  Ltd'), ('Ben', 'ben@example.org', 'Zenith'), ('Cy', 'cy@example.org', '');
"""


def test_the_name_of_a_company_in_the_row_of_a_contact_flows_both_ways(tmp_path: Path) -> None:
    by_name = kb.mapping.contacts.without("CustomerId").with_lenses(kb.company_name("Company", create=True))
    tables = {"contacts": kb.SqlTable("people", id="id", columns={"Company": "firm"})}
    with opened(tmp_path, PEOPLE, tables, contacts=by_name) as (database, session, keap):
        acme = keap.companies.add({"company_name": "Acme Ltd"})
        before = rows(database, "people")
        assert session.sync().ok
        names = {id: each["company_name"] for id, each in keap.companies.items()}
        assert sorted(names.values()) == ["Acme Ltd", "Zenith"]
        assert rows(database, "people") == before
        assert session.plan(full=True).is_empty
        people = {each["given_name"]: id for id, each in keap.contacts.items()}
        keap.contacts.edit(people["Cy"], company={"id": acme})
        run = session.sync()
        assert [row[3] for row in rows(database, "people")] == ["ACME  Ltd", "Zenith", "Acme Ltd"]
        assert session.plan(full=True).is_empty
        session.undo(run.run_id)
        assert rows(database, "people") == before


COUNTIES = """
    CREATE TABLE people (id INTEGER PRIMARY KEY, first_name TEXT, email TEXT, region TEXT, city TEXT, country TEXT);
    INSERT INTO people (first_name, email, region, city, country) VALUES
        ('Ada', 'ada@example.org', 'Merseyside', 'Liverpool', 'UK'), ('Ben', 'ben@example.org', 'kent', NULL, 'UK');
"""


def test_a_county_that_no_standard_has_is_held_and_stays_as_it_is(tmp_path: Path) -> None:
    tables = {"contacts": kb.SqlTable("people", id="id")}
    with opened(tmp_path, COUNTIES, tables) as (database, session, keap):
        before = rows(database, "people")
        assert [(line.customcrm_id, line.fields) for line in session.sync().lines if line.outcome == "held"] == [
            ("1", ("Region",))
        ]
        [ada, ben] = sorted(keap.contacts.values(), key=lambda each: each["given_name"])
        assert (ada["addresses"][0].get("region_code"), ben["addresses"][0]["region_code"]) == (None, "GB-KEN")
        keap.contacts.edit(ada["id"], addresses=[ada["addresses"][0] | {"locality": "Bootle", "region_code": "GB-LND"}])
        run = session.sync()
        # Nobody knows whether London is another county than the one here: it waits, and nothing is written over.
        assert [row[3:5] for row in rows(database, "people")] == [("Merseyside", "Bootle"), ("kent", None)]
        session.undo(run.run_id)
        assert rows(database, "people") == before


def test_a_county_is_carried_as_a_text_where_the_mapping_says_so(tmp_path: Path) -> None:
    mapper = kb.mapping.contacts.with_lenses(kb.text("Region", keap="addresses.BILLING.region"))
    tables = {"contacts": kb.SqlTable("people", id="id")}
    with opened(tmp_path, COUNTIES, tables, contacts=mapper) as (database, session, keap):
        before = rows(database, "people")
        assert session.sync().ok
        held = sorted(each["addresses"][0]["region"].casefold() for each in keap.contacts.values())
        assert held == ["kent", "merseyside"]
        assert rows(database, "people") == before
        assert session.plan(full=True).is_empty
        [ada] = [each for each in keap.contacts.values() if each["given_name"] == "Ada"]
        keap.contacts.edit(ada["id"], addresses=[ada["addresses"][0] | {"region": "Lancs"}])
        session.sync()
        assert [row[3] for row in rows(database, "people")] == ["Lancs", "kent"]
        assert session.plan(full=True).is_empty
