"""Records of several tables: what belongs to them is joined, what they refer to is looked up, in schemas of others."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

import keapbridge as kb

# As film shops have it: a customer has an address, that is in a city, and that in a country.
SHOP = """
CREATE TABLE country (country_id INTEGER PRIMARY KEY, country VARCHAR(50) NOT NULL);
CREATE TABLE city (city_id INTEGER PRIMARY KEY, city VARCHAR(50) NOT NULL,
    country_id INTEGER NOT NULL REFERENCES country);
CREATE TABLE address (address_id INTEGER PRIMARY KEY, address VARCHAR(50) NOT NULL, district VARCHAR(20) NOT NULL,
    city_id INTEGER NOT NULL REFERENCES city, phone VARCHAR(20) NOT NULL);
CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, store_id INTEGER NOT NULL, first_name VARCHAR(45) NOT NULL,
    email VARCHAR(50), address_id INTEGER NOT NULL REFERENCES address, last_update VARCHAR(30));
INSERT INTO country VALUES (1, 'Norway'), (2, 'Sweden');
INSERT INTO city VALUES (1, 'Oslo', 1), (2, 'Malmo', 2), (3, 'Sandvika', 1), (4, 'Sandvika', 2);
INSERT INTO address VALUES (1, 'Storgata 1', '', 1, ''), (2, 'Lillegata 2', '', 1, '');
INSERT INTO customer VALUES (1, 1, 'Ada', 'ada@example.org', 1, NULL), (2, 1, 'Bo', 'bo@example.org', 2, NULL),
    (3, 1, 'Cy', 'cy@example.org', 2, NULL)
"""


def shop(missing: Any = "hold") -> kb.SqlTable:
    return kb.SqlTable(
        "customer",
        id="customer_id",
        modified="last_update",
        on_create={"store_id": 1},
        joins=[
            kb.SqlJoin(
                "address",
                local="address_id",
                insert="before",
                columns={"StreetAddress1": "address"},
                moves_modified=True,
                on_create={"city_id": 1},
            )
        ],
        lookups=[
            kb.SqlLookup(
                "country", through="city", local="country_id", columns={"Country": "country"}, missing=missing
            ),
            kb.SqlLookup("city", through="address", local="city_id", columns={"City": "city"}, missing=missing),
        ],
    )


@pytest.fixture
def opened(tmp_path: Any) -> Iterator[Callable[..., tuple[kb.SqlCustomcrm, Callable[[str], list[Any]]]]]:
    engines: list[sa.Engine] = []

    def open_(ddl: str, **tables: kb.SqlTable) -> tuple[kb.SqlCustomcrm, Callable[[str], list[Any]]]:
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
        engines.append(engine)
        with engine.begin() as connection:
            for statement in filter(str.strip, ddl.split(";")):
                connection.exec_driver_sql(statement)

        def sql(query: str) -> list[Any]:
            with engine.begin() as connection:
                found = connection.exec_driver_sql(query)
                return list(found.all()) if found.returns_rows else []

        return kb.SqlCustomcrm(engine, **tables), sql

    yield open_
    for engine in engines:
        engine.dispose()


def test_a_lookup_sets_the_reference_and_leaves_its_rows_as_they_are(opened: Any) -> None:
    crm, sql = opened(SHOP, contacts=shop())
    before = sql("SELECT * FROM city"), sql("SELECT * FROM country")
    [ada] = crm.get_many("contacts", ["1"])
    assert (ada["City"], ada["Country"], ada["StreetAddress1"]) == ("Oslo", "Norway", "Storgata 1")
    moved = crm.update("contacts", "1", {"City": "MALMO", "Country": "Sweden"}, ada["ETag"])
    assert (moved["City"], moved["Country"]) == ("Malmo", "Sweden")
    # Of two cities of one name, that which is in the country.
    assert crm.update("contacts", "1", {"City": "Sandvika"}, None)["Country"] == "Sweden"
    assert sql("SELECT city_id FROM address WHERE address_id = 1") == [(4,)]
    for odd in ({"City": "Bergen"}, {"Country": "Atlantis"}):
        with pytest.raises(kb.StatusError, match="city has no row with this City and Country") as caught:
            crm.update("contacts", "1", odd, None)
        assert caught.value.status == 422
    assert (sql("SELECT * FROM city"), sql("SELECT * FROM country")) == before


def test_a_lookup_that_creates_makes_the_rows_that_are_missing_once(opened: Any) -> None:
    crm, sql = opened(SHOP, contacts=shop("create"))
    new = {"FirstName": "Di", "StreetAddress1": "Gate 3", "City": "Turku", "Country": "Finland"}
    for key in ("a", "b"):
        made = crm.create("contacts", new, key)
        assert {name: made[name] for name in new} == new
    assert sql("SELECT city, country_id FROM city WHERE city_id > 4") == [("Turku", 3)]
    assert sql("SELECT country FROM country WHERE country_id > 2") == [("Finland",)]
    assert sql("SELECT store_id, address_id FROM customer WHERE customer_id > 3") == [(1, 3), (1, 4)]


def test_a_row_that_is_made_before_another_is_made_first_and_one_that_others_share_is_not_changed(opened: Any) -> None:
    crm, sql = opened(SHOP, contacts=shop())
    made = crm.create("contacts", {"FirstName": "Di"}, "k")
    assert sql("SELECT address, city_id FROM address WHERE address_id = 3") == [("", 1)]
    assert made["City"] == "Oslo"
    with pytest.raises(kb.StatusError, match="several rows of customer share one of address"):
        crm.update("contacts", "2", {"StreetAddress1": "Nygata 9"}, None)
    crm.delete("contacts", made["Id"], None)
    crm.delete("contacts", "2", None)
    assert sql("SELECT address_id FROM address") == [(1,), (2,)]
    crm.delete("contacts", "3", None)
    assert sql("SELECT address_id FROM address") == [(1,)]


# As some CRMs have it: e-mail addresses are in a table of their own, and a relation tells whose they are.
RELATED = """
CREATE TABLE contacts (id CHAR(36) PRIMARY KEY, first_name VARCHAR(100), date_modified DATETIME,
    deleted BOOL DEFAULT 0);
CREATE TABLE email_addresses (id CHAR(36) PRIMARY KEY, email_address VARCHAR(255), email_address_caps VARCHAR(255));
CREATE TABLE email_rel (id CHAR(36) PRIMARY KEY, email_address_id CHAR(36) NOT NULL, bean_id CHAR(36) NOT NULL,
    bean_module VARCHAR(100), primary_address BOOL DEFAULT 0, deleted BOOL DEFAULT 0);
INSERT INTO contacts VALUES ('c1', 'Ada', '2026-01-02 03:04:05', 0);
INSERT INTO email_addresses VALUES ('e1', 'ada@example.org', 'ADA@EXAMPLE.ORG');
INSERT INTO email_rel VALUES ('r1', 'e1', 'c1', 'Contacts', 1, 0), ('r2', 'e1', 'c1', 'Leads', 1, 0)
"""


def related() -> kb.SqlTable:
    return kb.SqlTable(
        "contacts",
        id="id",
        modified="date_modified",
        deleted="deleted",
        joins=[
            kb.SqlJoin(
                "email_rel",
                remote="bean_id",
                where={"bean_module": "Contacts", "primary_address": 1, "deleted": 0},
                moves_modified=True,
            )
        ],
        lookups=[
            kb.SqlLookup(
                "email_addresses",
                through="email_rel",
                local="email_address_id",
                columns={"Email": "email_address"},
                missing="create",
                on_create={"email_address_caps": lambda row: row["email_address"].upper()},
            )
        ],
    )


def capitals(row: Mapping[str, Any]) -> str:
    return (row["email_address"] or "").upper()


def test_a_copy_beside_an_address_goes_with_it_and_is_left_alone_otherwise(opened: Any) -> None:
    rel, mail = (
        kb.SqlJoin("email_rel", remote="bean_id", where={"bean_module": "Contacts"}),
        kb.SqlJoin(
            "email_addresses",
            through="email_rel",
            local="email_address_id",
            insert="before",
            columns={"Email": "email_address"},
            on_write={"email_address_caps": capitals},
        ),
    )
    crm, sql = opened(RELATED, contacts=kb.SqlTable("contacts", id="id", joins=[rel, mail]))
    sql("DELETE FROM email_rel WHERE id = 'r2'")
    sql("UPDATE email_addresses SET email_address_caps = 'By hand'")
    crm.update("contacts", "c1", {"FirstName": "Adah"}, None)
    assert sql("SELECT email_address_caps FROM email_addresses") == [("By hand",)]
    crm.update("contacts", "c1", {"Email": "ada@example.com"}, None)
    crm.create("contacts", {"FirstName": "Bo", "Email": "bo@example.org"}, "k")
    assert sql("SELECT email_address_caps FROM email_addresses ORDER BY 1") == [
        ("ADA@EXAMPLE.COM",),
        ("BO@EXAMPLE.ORG",),
    ]


def test_an_address_over_a_relation_is_another_row_when_it_changes_for_others_may_have_it(opened: Any) -> None:
    crm, sql = opened(RELATED, contacts=related())
    assert crm.capabilities.changes_since
    assert crm.get_many("contacts", ["c1"])[0]["Email"] == "ada@example.org"
    crm.update("contacts", "c1", {"Email": "ada@example.com"}, None)
    assert sql("SELECT email_address, email_address_caps FROM email_addresses ORDER BY id <> 'e1'") == [
        ("ada@example.org", "ADA@EXAMPLE.ORG"),
        ("ada@example.com", "ADA@EXAMPLE.COM"),
    ]
    assert sql("SELECT email_address_id FROM email_rel WHERE id = 'r2'") == [("e1",)]
    made = crm.create("contacts", {"FirstName": "Bo", "Email": "ADA@example.org"}, "k")
    assert made["Email"] == "ada@example.org"
    assert crm.create("contacts", {"FirstName": "Bo", "Email": "ADA@example.org"}, "k") == made
    assert sql("SELECT count(*) FROM email_rel WHERE bean_module = 'Contacts'") == [(2,)]
    assert "Email" not in crm.required("contacts")


# As others have it: what all kinds of records have in common is in one table, which is written first.
ENTITY = """
CREATE TABLE entity_seq (id INTEGER);
CREATE TABLE entity (crmid INTEGER PRIMARY KEY, setype VARCHAR(30) NOT NULL, createdtime DATETIME,
    modifiedtime DATETIME NOT NULL, deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE details (contactid INTEGER PRIMARY KEY, firstname VARCHAR(40), email VARCHAR(100));
CREATE TABLE places (addressid INTEGER PRIMARY KEY, mailingcity VARCHAR(40));
INSERT INTO entity_seq VALUES (7);
INSERT INTO entity VALUES (5, 'Contacts', NULL, '2026-03-01 10:00:00', 0),
    (6, 'Contacts', NULL, '2026-03-02 10:00:00', 1),
    (7, 'Leads', NULL, '2026-03-03 10:00:00', 0);
INSERT INTO details VALUES (5, 'Ada', 'ada@example.org'), (6, 'Bo', 'bo@example.org');
INSERT INTO places VALUES (5, 'Oslo'), (6, NULL)
"""


def next_id(_: str, connection: sa.Connection) -> int:
    connection.exec_driver_sql("UPDATE entity_seq SET id = id + 1")
    return int(connection.exec_driver_sql("SELECT id FROM entity_seq").scalar_one())


def entity() -> kb.SqlTable:
    return kb.SqlTable(
        "details",
        id="contactid",
        columns={"FirstName": "firstname"},
        modified="entity.modifiedtime",
        deleted="entity.deleted",
        new_id=next_id,
        joins=[
            kb.SqlJoin("entity", local="contactid", insert="before", where={"setype": "Contacts"}),
            kb.SqlJoin("places", columns={"City": "mailingcity"}, always=True, moves_modified=True),
        ],
    )


def test_times_and_marks_of_a_joined_table_are_those_of_the_record(opened: Any) -> None:
    crm, sql = opened(ENTITY, contacts=entity())
    page = crm.list_changes("contacts", datetime(2026, 3, 1, tzinfo=UTC), None)
    assert [record["Id"] for record in page.records] == ["5"]
    assert page.deleted == ["6"]
    assert page.records[0]["UpdatedAt"] == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert [record["Id"] for record in crm.list_changes("contacts", None, None).records] == ["5"]
    assert not crm.list_changes("contacts", datetime(2026, 3, 2, 11, tzinfo=UTC), None).records

    moved = crm.update("contacts", "5", {"City": "Bergen"}, page.records[0]["ETag"])
    assert moved["UpdatedAt"] > page.records[0]["UpdatedAt"]
    made = crm.create("contacts", {"FirstName": "Di"}, "k")
    assert made["Id"] == "8"
    assert sql("SELECT setype, deleted FROM entity WHERE crmid = 8") == [("Contacts", 0)]
    assert sql("SELECT * FROM places WHERE addressid = 8") == [(8, None)]
    assert not crm.capabilities.idempotent_creates
    crm.delete("contacts", "8", made["ETag"])
    assert sql("SELECT deleted FROM entity WHERE crmid = 8") == [(1,)]
    assert not crm.get_many("contacts", ["8"])


def test_some_rows_of_a_table_are_records_and_the_others_are_none_of_ours(opened: Any) -> None:
    ddl = """
    CREATE TABLE party (id INTEGER PRIMARY KEY, kind VARCHAR(9), first_name TEXT, status TEXT NOT NULL, at TEXT);
    INSERT INTO party VALUES (1, 'person', 'Ada', 'old', '2026-01-01'), (2, 'firm', 'Acme', 'old', '2026-01-01')
    """
    table = kb.SqlTable("party", id="id", modified="at", where={"kind": "person"}, on_create={"status": "new"})
    crm, sql = opened(ddl, contacts=table)
    assert [record["Id"] for record in crm.list_changes("contacts", None, None).records] == ["1"]
    with pytest.raises(kb.NotFoundError):
        crm.update("contacts", "2", {"FirstName": "X"}, None)
    crm.create("contacts", {"FirstName": "Bo"}, "k")
    assert sql("SELECT kind, first_name, status FROM party WHERE id <> 2") == [
        ("person", "Ada", "old"),
        ("person", "Bo", "new"),
    ]
    sql("UPDATE party SET kind = 'ghost', at = '2099-01-01 00:00:00' WHERE id = 1")
    assert crm.list_changes("contacts", datetime(2026, 2, 1, tzinfo=UTC), None).deleted == ["1"]


def test_a_key_of_several_columns_tells_rows_apart(opened: Any) -> None:
    ddl = """
    CREATE TABLE lines (order_id INTEGER, line VARCHAR(9), name TEXT, price NUMERIC, at TEXT,
        PRIMARY KEY (order_id, line));
    INSERT INTO lines VALUES (1, 'a,b', 'Chair', 1, '2026-01-01 10:00:00'),
        (1, 'c', 'Table', 2, '2026-01-01 10:00:00'),
        (2, 'c', 'Lamp', 3, '2026-01-02 10:00:00')
    """
    table = kb.SqlTable("lines", id=("order_id", "line"), modified="at", constants={"Currency": "USD"})
    crm, sql = opened(ddl, products=table)
    crm._page_size = 1
    for since in (None, datetime(2026, 1, 1, tzinfo=UTC)):
        found, cursor = [], None
        while not found or cursor is not None:
            page = crm.list_changes("products", since, cursor)
            found += [(record["Id"], record["Name"]) for record in page.records]
            cursor = page.cursor
        assert sorted(found) == [("1,a%2Cb", "Chair"), ("1,c", "Table"), ("2,c", "Lamp")]
    crm.update("products", "1,c", {"Name": "Desk"}, None)
    crm.delete("products", "1,a%2Cb", None)
    assert sql("SELECT order_id, line, name FROM lines") == [(1, "c", "Desk"), (2, "c", "Lamp")]
    assert not crm.get_many("products", ["1", "x,c", "1,2,3"])
    assert crm.required("products") == {"lines.order_id"}


def test_what_hangs_on_nothing_is_refused_by_name(opened: Any) -> None:
    crm, _ = opened(SHOP, contacts=shop())
    cases: list[tuple[dict[str, Any], str]] = [
        (
            {"joins": [kb.SqlJoin("address", local="adress_id")]},
            "customer has no column adress_id; is 'address_id' meant",
        ),
        (
            {"lookups": [kb.SqlLookup("city", through="adress", local="city_id", columns={"City": "city"})]},
            "city hangs on 'adress', and there is no such join",
        ),
        ({"joins": [kb.SqlJoin("customer", local="customer_id")]}, "two tables are called customer"),
        ({"modified": "adress.phone"}, "there is no join adress"),
        ({"where": {"stor": 1}}, "customer has no column stor"),
        ({"on_create": {"stor": 1}}, "customer has no column stor"),
    ]
    for table, message in cases:
        with pytest.raises(kb.MappingError, match=message):
            kb.SqlCustomcrm(crm._engine, contacts=kb.SqlTable("customer", id="customer_id", **table))


def test_a_number_that_is_the_key_of_its_table_is_given_once_and_never_changed(opened: Any) -> None:
    ddl = "CREATE TABLE wares (sku VARCHAR(20) PRIMARY KEY, name TEXT, price NUMERIC)"
    crm, sql = opened(ddl, products=kb.SqlTable("wares", id="sku", columns={"Sku": "sku"}))
    made = crm.create("products", {"Name": "Mug", "Sku": "M1"}, "k")
    assert (made["Id"], made["Sku"]) == ("M1", "M1")
    assert crm.unwritable("products", [("M1", {"Sku": "M2"}), ("M1", {"Name": "Cup"}), (None, {"Sku": "M2"})]) == [
        {"Sku": "wares.sku is the id of its row, which does not change"},
        {},
        {},
    ]
    with pytest.raises(kb.StatusError, match="no row of wares without Sku, which is its id"):
        crm.create("products", {"Name": "Cup"}, "l")
    with pytest.raises(kb.StatusError, match="another row has that value"):
        crm.create("products", {"Name": "Cup", "Sku": "M1"}, "k")
    assert sql("SELECT sku, name FROM wares") == [("M1", "Mug")]


FIELDS = {"FirstName": "x"}


@pytest.mark.parametrize(
    ("ddl", "options", "message"),
    [
        (
            "CREATE TABLE folk (id INTEGER PRIMARY KEY, kind TEXT); INSERT INTO folk VALUES (1, 'a')",
            {"where": {"kind": "a"}, "columns": {"FirstName": "kind"}},
            "would leave this record out",
        ),
        (
            """CREATE TABLE folk (id INTEGER PRIMARY KEY, raw TEXT, first_name TEXT GENERATED ALWAYS AS (upper(raw)));
            INSERT INTO folk (raw) VALUES ('a')""",
            {},
            r"folk\.first_name is computed by the database",
        ),
        (
            """CREATE TABLE folk (id INTEGER PRIMARY KEY, first_name TEXT); INSERT INTO folk VALUES (1, 'a');
            CREATE TRIGGER t BEFORE UPDATE ON folk BEGIN SELECT RAISE(IGNORE) /*;*/ END""",
            {},
            "nothing was written to folk: a trigger",
        ),
    ],
)
def test_a_write_that_the_database_does_otherwise_is_refused_whole(
    ddl: str, options: dict[str, Any], message: str, tmp_path: Any
) -> None:
    with closing(sqlite3.connect(tmp_path / "crm.db")) as database:
        database.executescript(ddl.replace("/*;*/", ";"))
    with kb.SqlCustomcrm(f"sqlite:///{tmp_path / 'crm.db'}", contacts=kb.SqlTable("folk", id="id", **options)) as crm:
        [before] = crm.get_many("contacts", ["1"])
        with pytest.raises(kb.StatusError, match=message) as refused:
            crm.update("contacts", "1", FIELDS, before["ETag"])
        assert refused.value.status == 422
        assert crm.get_many("contacts", ["1"]) == [before]


def test_texts_that_a_collation_calls_the_same_are_one_reference(opened: Any) -> None:
    ddl = """CREATE TABLE folk (id VARCHAR(40) COLLATE NOCASE PRIMARY KEY, first_name TEXT);
    CREATE TABLE place (folk VARCHAR(40) COLLATE NOCASE, city TEXT);
    INSERT INTO folk VALUES ('ABC', 'Ada'); INSERT INTO place VALUES ('abc', 'Oslo')"""
    joins = [kb.SqlJoin("place", remote="folk", columns={"City": "city"})]
    crm, sql = opened(ddl, contacts=kb.SqlTable("folk", id="id", joins=joins))
    assert crm.get_many("contacts", ["ABC"])[0]["City"] == "Oslo"
    crm.update("contacts", "ABC", {"City": "Moss"}, None)
    assert sql("SELECT * FROM place") == [("abc", "Moss")]


def test_a_deletion_that_takes_other_rows_of_a_joined_table_along_is_refused(opened: Any) -> None:
    ddl = """CREATE TABLE folk (id INTEGER PRIMARY KEY, first_name TEXT);
    CREATE TABLE place (folk INTEGER REFERENCES folk ON DELETE CASCADE, kind TEXT, city TEXT);
    INSERT INTO folk VALUES (1, 'Ada'), (2, 'Bo');
    INSERT INTO place VALUES (1, 'home', 'Oslo'), (1, 'work', 'Moss'), (2, 'home', 'Oslo')"""
    joins = [kb.SqlJoin("place", remote="folk", where={"kind": "home"}, columns={"City": "city"})]
    crm, sql = opened(ddl, contacts=kb.SqlTable("folk", id="id", joins=joins))
    with pytest.raises(kb.StatusError, match="1 row of place would be deleted with it"):
        crm.delete("contacts", "1", None)
    crm.delete("contacts", "2", None)
    assert sql("SELECT id, kind FROM folk JOIN place ON folk = id") == [(1, "home"), (1, "work")]
