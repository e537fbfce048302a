"""What a column takes limits its field: what is too long is cut or held, and what is not on its list is held."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import keapbridge as kb
from keapbridge.customcrm.sql.capacities import values_of_check
from keapbridge.model.capacity import Capacity

POSTGRESQL = [pytest.mark.thorough, pytest.mark.xdist_group("postgresql")]


@pytest.mark.parametrize(
    ("check", "found"),
    [
        ("kind IN ('a', 'B')", ("kind", {"a", "b"})),
        ("(\"kind\" in ('it''s'))", ("kind", {"it's"})),
        ("`kind` in ('a','b')", ("kind", {"a", "b"})),
        ("kind = ANY (ARRAY['a'::text, 'b'::text])", ("kind", {"a", "b"})),
        (
            "((kind)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
            ("kind", {"a", "b"}),
        ),
        ("kind IN ('a', 'b') OR other > 3", None),
        ("kind NOT IN ('a')", None),
        ("length(kind) < 5", None),
        ("price > 0", None),
    ],
)
def test_a_check_that_lists_all_values_is_understood_and_no_other(check: str, found: Any) -> None:
    assert values_of_check(check) == (None if found is None else (found[0], frozenset(found[1])))


@pytest.mark.parametrize(
    ("capacity", "raw", "refused"),
    [
        (Capacity("p", length=3), "abcd", "longer than the 3 characters of p"),
        (Capacity("p", length=3), "abc", None),
        (Capacity("p", digits=(5, 2)), Decimal("999.99"), None),
        (Capacity("p", digits=(5, 2)), Decimal(1000), "more digits than p has"),
        (Capacity("p", digits=(5, 2)), "1.234", "more than the 2 decimals of p"),
        (Capacity("p", least=-128, most=127), 128, "out of the range of p"),
        (Capacity("p", values=frozenset({"a"})), "A", None),
        (Capacity("p", values=frozenset({"a"})), "b", "none of the values that p takes"),
        (Capacity("p", never_empty=True), None, "p is never empty"),
        (Capacity("p", never_empty=True), "", None),
        (Capacity("p", digits=(5, 2)), "text", None),
        (Capacity("p", stored=int), "text", "p takes no such value"),
        (Capacity("p", stored=int), "12", None),
        (Capacity("p", length=3, stored=str), Decimal("1.25"), "longer than the 3 characters of p"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(capacity: Capacity, raw: Any, refused: str | None) -> None:
    assert capacity.refusal(raw) == refused


def test_a_field_is_held_where_its_column_does_not_take_the_value_and_the_rest_is_made(
    tmp_path: Path, keap: kb.KeapClient
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE lands (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        connection.exec_driver_sql("INSERT INTO lands VALUES (1, 'Norway'), (2, 'Sweden')")
        columns = "email TEXT, title TEXT CHECK (title IN ('Dr', 'Prof')), land INTEGER"
        connection.exec_driver_sql(f"CREATE TABLE p (id INTEGER PRIMARY KEY, {columns})")
    table = kb.SqlTable("p", id="id", lookups=[kb.SqlLookup("lands", local="land", columns={"Country": "name"})])
    for n, (title, country) in enumerate((("Dr", "SWE"), ("King", "DEU"))):
        address = kb.keap.Address(country_code=country, field="BILLING")
        mail = kb.keap.EmailAddress(f"p{n}@example.org", "EMAIL1")
        keap.contacts.create(kb.keap.Contact(prefix=title, email_addresses=(mail,), addresses=(address,)))
    with kb.SqlCustomcrm(engine, contacts=table) as crm:
        with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://") as session:
            held = {line.fields for line in session.sync().lines if line.outcome == "held"}
            assert held == {("Country",), ("Title",)}
            assert not [line for line in session.sync().lines if line.outcome != "held"]
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT email, title, land FROM p ORDER BY email").all()
            assert rows == [("p0@example.org", "Dr", 2), ("p1@example.org", None, None)]
            assert connection.exec_driver_sql("SELECT count(*) FROM lands").scalar() == 2
    engine.dispose()


@pytest.mark.parametrize("target", ["sqlite", pytest.param("postgresql", marks=POSTGRESQL)])
def test_a_price_that_its_column_would_cut_is_held_and_not_cut(
    target: str, tmp_path: Path, keap: kb.KeapClient, request: pytest.FixtureRequest
) -> None:
    """Whole numbers only, or few characters; the rest of the product is written, and is made."""
    engine = sa.create_engine(
        f"sqlite:///{tmp_path / 'crm.db'}" if target == "sqlite" else request.getfixturevalue("postgresql_url")
    )
    price = "INTEGER" if target == "sqlite" else "VARCHAR(4)"
    with engine.begin() as c:
        c.exec_driver_sql(
            f"CREATE TABLE wares (id INTEGER PRIMARY KEY, name TEXT, short_description TEXT, price {price})"
        )
        c.exec_driver_sql("INSERT INTO wares VALUES (1, 'Pen', 'A pen', 3)")
    table = kb.SqlTable("wares", id="id", new_id=lambda _: 2, constants={"Currency": "USD"})
    with (
        kb.SqlCustomcrm(engine, products=table) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", currency="USD") as session,
    ):
        session.sync()
        [pen] = keap.products.list()
        keap.products.update(pen.id, name="Pencil", price=kb.keap.Money(1275, "USD"))
        keap.products.create(kb.keap.Product(name="Cap", short_description="A cap", price=kb.keap.Money(199950, "USD")))
        for full in (False, True):
            report = session.sync(full=full)
            assert [line.fields for line in report.lines if line.outcome == "held"] == [("Price",), ("Price",)]
            assert not report.count("failed")
            with engine.connect() as c:
                rows = c.exec_driver_sql("SELECT name, price FROM wares ORDER BY id").all()
            assert [(name, price and int(price)) for name, price in rows] == [("Pencil", 3), ("Cap", None)]
        assert sorted(each.price.amount for each in keap.products.list()) == [1275, 199950]
    engine.dispose()


@pytest.mark.parametrize(
    ("column", "takes"), [("INTEGER", None), ("DATE", "1977-07-07"), ("TEXT", "1977-07-07"), ("DECIMAL(9, 2)", None)]
)
def test_who_has_a_date_that_the_column_cannot_hold_arrives_without_it(
    column: str, takes: str | None, tmp_path: Path, keap: kb.KeapClient
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    with engine.begin() as c:
        c.exec_driver_sql(f"CREATE TABLE p (id INTEGER PRIMARY KEY, first_name TEXT, email TEXT, birth_date {column})")
    for name, born in (("Ada", "1977-07-07"), ("Bo", None)):
        mail = kb.keap.EmailAddress(f"{name}@example.org", "EMAIL1")
        keap.contacts.create(kb.keap.Contact(given_name=name, birth_date=born, email_addresses=(mail,)))
    with (
        kb.SqlCustomcrm(engine, contacts=kb.SqlTable("p", id="id")) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://") as session,
    ):
        session.sync()
        with engine.connect() as c:
            rows = c.exec_driver_sql("SELECT first_name, birth_date FROM p ORDER BY first_name").all()
        assert [tuple(row) for row in rows] == [("Ada", takes), ("Bo", None)]
        [bo] = [each for each in keap.contacts.list() if each.given_name == "Bo"]
        keap.contacts.update(bo.id, given_name="Bob", birth_date="1966-06-06")
        assert not session.sync(full=True).count("failed")
        with engine.connect() as c:
            assert c.exec_driver_sql("SELECT count(*) FROM p WHERE first_name = 'Bob'").scalar() == 1
    engine.dispose()
