"""A database is looked at, and what is printed can be pasted; nothing is written."""

from __future__ import annotations

import sqlite3
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

import keapbridge as kb
from keapbridge.command import main
from keapbridge.customcrm.sql.toml import table_from
from keapbridge.mapping.toml import mapper_from

SCHEMA = """
    CREATE TABLE kunden (
        kd_nr VARCHAR(8) PRIMARY KEY, firma TEXT NOT NULL, ort TEXT, land TEXT, geaendert TIMESTAMP
    );
    CREATE TABLE personen (
        id INTEGER PRIMARY KEY, vorname TEXT, nachname TEXT, titel TEXT, email TEXT, telefon TEXT, geburtsdatum TEXT,
        land TEXT, kd_nr TEXT REFERENCES kunden ON DELETE CASCADE, geaendert TIMESTAMP
    );
    CREATE TABLE artikel (id INTEGER PRIMARY KEY, bezeichnung TEXT NOT NULL, artikelnummer TEXT, preis NUMERIC);
    INSERT INTO kunden VALUES ('K1', 'Beispiel GmbH', 'Bonn', 'Deutschland', '2026-01-02 10:00:00');
    INSERT INTO artikel VALUES (1, 'Stuhl', 'S-1', 12.5), (2, 'Tisch', 'T-1', 19.999);
"""
PEOPLE = [
    (
        1,
        "Eva",
        "Muster",
        "Einkauf",
        "eva@example.org",
        "0228 123456",
        "1980-01-31",
        "Deutschland",
        "K1",
        "2026-01-02 10:00:00",
    ),
    (2, "Jan", "Probe", "Berater", "jan@example.org", "12", "31.01.1980", "Deutschland", "K1", None),
    (3, "Ida", "Test", "Leiterin", "ida@example.org", "+49 30 1234567", "", "Atlantis", None, "2026-01-02 10:00:00"),
    (4, "Ida", "Probe", "Vertrieb", "ida@example.org", None, None, None, None, "2026-01-02 10:00:00"),
]


@pytest.fixture
def crm(tmp_path: Path) -> Path:
    path = tmp_path / "crm.db"
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA)
        database.executemany(f"INSERT INTO personen VALUES ({', '.join('?' * 10)})", PEOPLE)
    database.close()
    return path


def ran(source: str) -> Any:
    """What a program that was printed calls `crm`."""
    names: dict[str, Any] = {}
    exec(source, names)
    return names["crm"]


def test_the_proposal_names_tables_and_columns_and_runs_as_printed(crm: Path) -> None:
    before = crm.read_bytes()
    proposal = kb.inspect_database(f"sqlite:///{crm}")
    contacts, customers, products = (proposal.tables[name] for name in ("contacts", "customers", "products"))
    assert (contacts.name, contacts.id, contacts.modified) == ("personen", "id", "geaendert")
    assert contacts.columns == {
        "FirstName": "vorname",
        "LastName": "nachname",
        "JobTitle": "titel",
        "Email": "email",
        "Phone": "telefon",
        "BirthDate": "geburtsdatum",
        "CustomerId": "kd_nr",
        "Country": "land",
    }
    assert dict(customers.columns) == {"Name": "firma", "City": "ort", "Country": "land"}
    assert dict(products.columns) == {"Name": "bezeichnung", "Sku": "artikelnummer", "Price": "preis"}
    with ran(proposal.as_python()) as opened:
        [first, *_] = opened.get_many("contacts", ["1"])
        assert (first["FirstName"], first["JobTitle"], first["CustomerId"]) == ("Eva", "Einkauf", "K1")
        assert len(opened.create("customers", {"Name": "Neu"}, "0123-4567-89ab")["Id"]) == 8
    assert before != crm.read_bytes()  # by that create alone
    assert str(kb.inspect_database(f"sqlite:///{crm}").as_python()) == proposal.as_python()


def test_inspecting_writes_nothing(crm: Path) -> None:
    before = crm.read_bytes(), sorted(crm.parent.iterdir())
    kb.inspect_database(f"sqlite:///{crm}")
    engine = sa.create_engine(f"sqlite:///{crm}")
    kb.inspect_database(engine)
    assert (crm.read_bytes(), sorted(crm.parent.iterdir())) == before
    with engine.begin() as connection:  # the host's own connections can still write
        connection.exec_driver_sql("DELETE FROM artikel")
    engine.dispose()


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(kb.TransportError):
        kb.inspect_database(f"sqlite:///{tmp_path / 'none.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_database_in_memory_is_looked_at_where_it_is() -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE contacts (id INTEGER PRIMARY KEY, first_name TEXT, email TEXT)")
    assert kb.inspect_database(engine).tables["contacts"].name == "contacts"
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO contacts (first_name) VALUES ('Ada')")
    engine.dispose()


def test_what_will_be_held_is_counted_by_the_kinds_themselves(crm: Path) -> None:
    found = [str(finding) for finding in kb.inspect_database(f"sqlite:///{crm}").findings]
    assert any("contacts.Phone: 1 of 3 will be held: not a possible phone number" in each for each in found)
    assert any("contacts.BirthDate: 1 of 2 will be held: not a date" in each for each in found)
    assert any("contacts.Country: 1 of 3 will be held: not a known country" in each for each in found)
    assert any("products.Price: 1 of 2 will be held: more decimals than USD has" in each for each in found)
    assert any("is empty in 1 of 4 rows" in each for each in found)
    assert any("a deletion changes or deletes rows elsewhere: personen.kd_nr" in each for each in found)


def test_no_value_of_a_record_is_printed(crm: Path) -> None:
    proposal = kb.inspect_database(f"sqlite:///{crm}")
    shown = f"{proposal}{proposal!r}{proposal._repr_html_()}{proposal.as_toml()}{proposal.schema!r}"
    assert not [
        value for row in PEOPLE for value in row if isinstance(value, str) and len(value) > 5 and value in shown
    ]


def test_toml_is_read_again_as_the_same_tables(crm: Path) -> None:
    proposal = kb.inspect_database(f"sqlite:///{crm}")
    held = tomllib.loads(proposal.as_toml())["customcrm"]
    assert held.pop("database") == f"sqlite:///{crm}"
    assert table_from(kb.SqlTable, held["contacts"]) == proposal.tables["contacts"]
    assert table_from(kb.SqlTable, held["products"]) == proposal.tables["products"]


def test_the_command_prints_the_proposal(crm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", f"sqlite:///{crm}", "--currency", "EUR"]) == 0
    printed = capsys.readouterr().out
    assert 'constants={"Currency": "EUR"}' in printed
    assert "companies: kunden (1 rows read)" in printed
    assert main(["inspect", f"sqlite:///{crm}", "--toml"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["customcrm"]["contacts"]["name"] == "personen"
    assert main(["inspect", f"sqlite:///{crm}", "--json"]) == 0
    assert '"python": "import keapbridge as kb' in capsys.readouterr().out


def test_a_password_is_not_shown_and_stands_in_the_environment() -> None:
    from keapbridge.inspecting.printing import as_python, as_toml, target

    url = target(sa.make_url("postgresql+psycopg://crm:secret@db.example.com/crm"))
    tables = {"contacts": kb.SqlTable("people", id="id")}
    assert 'os.environ["CRM_DATABASE"]' in as_python(url, tables)
    assert 'env = "CRM_DATABASE"' in as_toml(url, tables)


def test_people_and_companies_of_one_table_are_told_apart_and_whole_names_are_mapped(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE partner (id INTEGER PRIMARY KEY, name TEXT, is_company BOOLEAN, email TEXT, phone TEXT,
                parent_id INTEGER REFERENCES partner);
            INSERT INTO partner VALUES (1, 'Acorn Ltd', 1, 'info@example.org', '+4722123456', NULL),
                (2, 'Mia Oak', 0, 'mia@example.org', NULL, 1), (3, 'Tom Elm', 0, 'tom@example.org', NULL, 1);
        """)
    database.close()
    proposal = kb.inspect_database(f"sqlite:///{path}")
    contacts, customers = proposal.tables["contacts"], proposal.tables["customers"]
    assert (contacts.where, customers.where) == ({"is_company": False}, {"is_company": True})
    assert contacts.columns["FullName"] == "name"
    assert contacts.columns["CustomerId"] == "parent_id"
    held = {field.name: field.filled for field in proposal.profiles["contacts"].fields}
    assert (held["FullName"], held["Email"], held["CustomerId"]) == (2, 2, 2)
    assert 'kb.mapping.contacts.without("FirstName", "LastName")' in proposal.as_python()
    ran(proposal.as_python()).close()
    mapping = tomllib.loads(proposal.as_toml())["mapping"]["contacts"]
    whole = kb.mapping.contacts.without("FirstName", "LastName").with_lenses(kb.full_name("FullName"))
    assert mapper_from(mapping, "", "contacts") == whole
    one_way = attrs.evolve(
        proposal, mappings={name: attrs.evolve(each, one_way=True) for name, each in proposal.mappings.items()}
    )
    mapping = tomllib.loads(one_way.as_toml())["mapping"]
    assert mapper_from(mapping["contacts"], "", "contacts") == whole.one_way("to_keap")
    assert mapper_from(mapping["companies"], "", "companies") == kb.mapping.companies.one_way("to_keap")


@pytest.mark.thorough
def test_a_million_rows_take_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "large.db"
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE contacts (
                id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, updated_at TEXT
            );
            CREATE VIEW customers AS SELECT last_name AS name, max(email) AS email, max(id % 97) AS phone
                FROM contacts, (SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) GROUP BY last_name;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
                INSERT INTO contacts SELECT i, 'Ada', 'Berg', 'a@example.org', '2026-01-02 10:00:00' FROM n;
        """)
    database.close()
    proposal = kb.inspect_database(f"sqlite:///{path}")
    assert proposal.tables["contacts"].name == "contacts"
    unread = {table.name: table.unread for table in proposal.schema.tables}
    assert unread["contacts"] == ""
    assert "too long" in unread["customers"]


COMPANIES_BY_NAME = """
    CREATE TABLE people (
        id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, company TEXT, updated_at TIMESTAMP
    );
    INSERT INTO people VALUES (1, 'Ada', 'Berg', 'ada@example.org', 'Acme', '2026-01-02 10:00:00');
    CREATE TABLE articles (id INTEGER PRIMARY KEY, name TEXT, sku TEXT, price TEXT);
    INSERT INTO articles VALUES (1, 'Chair', 'C-1', '1.012,50'), (2, 'Table', 'T-1', '99,90'), (3, 'Lamp', 'L-1', '20');
"""


def test_names_of_companies_and_numbers_as_people_write_them_bring_their_mapping(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    with sqlite3.connect(path) as database:
        database.executescript(COMPANIES_BY_NAME)
    database.close()
    proposal = kb.inspect_database(f"sqlite:///{path}", currency="EUR")
    assert not [str(each) for each in proposal.findings if "held" in each.what]
    contacts = kb.mapping.contacts.without("CustomerId").with_lenses(kb.company_name("CompanyName", create=True))
    money = kb.money("PriceText", always="EUR", decimal=",", keap="price", required="keap")
    products = kb.mapping.products.without("Price").with_lenses(money)
    names: dict[str, Any] = {}
    exec(proposal.as_python(), names)
    names["crm"].close()
    assert (names["contacts"], names["products"]) == (contacts, products)
    told = tomllib.loads(proposal.as_toml())["mapping"]
    assert mapper_from(told["contacts"], "", "contacts") == contacts
    assert mapper_from(told["products"], "", "products") == products
    assert any("Keap's companies are found by it" in each.advice for each in proposal.findings)
