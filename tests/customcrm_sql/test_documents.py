"""A property that is one place of a column with JSON: nothing else of it is read or written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import keapbridge as kb
from keapbridge.customcrm.sql.documents import dug, split
from keapbridge.model.maybe import Unreadable

CHAIR = {"name": {"en_US": "Chair", "nl_BE": "Stoel"}, "price": "12.50", "tags": [1, 2], "active": True}
TYPES = {
    "sqlite": ("INTEGER", "JSON", "TEXT"),
    "postgresql": ("SERIAL", "JSONB", "JSON"),
    "mariadb": ("SERIAL", "JSON", "TEXT"),
}
WARES = kb.SqlTable(
    "wares",
    id="id",
    constants={"Currency": "USD"},
    columns={
        "Name": "doc->name->en_US",
        "Price": "doc->price",
        "Active": "doc->active",
        "Sku": "more->codes->own",
        "Description": "doc->a b ->c'",
    },
)


@pytest.fixture(params=["sqlite", *(pytest.param(n, marks=pytest.mark.thorough) for n in ("postgresql", "mariadb"))])
def engine(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[sa.Engine]:
    name = request.param
    made = sa.create_engine(
        f"sqlite:///{tmp_path / 'crm.db'}" if name == "sqlite" else request.getfixturevalue(f"{name}_url")
    )
    number, document, more = TYPES[name]
    with made.begin() as c:
        c.exec_driver_sql(f"CREATE TABLE wares (id {number} PRIMARY KEY, doc {document}, more {more})")
        c.execute(sa.text("INSERT INTO wares (doc) VALUES (:doc)"), {"doc": json.dumps(CHAIR)})
    yield made
    made.dispose()


def documents(engine: sa.Engine) -> list[Any]:
    with engine.connect() as c:
        rows = c.exec_driver_sql("SELECT doc, more FROM wares ORDER BY id").all()
    return [json.loads(cell) if isinstance(cell, str) else cell for row in rows for cell in row]


def test_only_its_place_is_written_as_it_was_written_there(engine: sa.Engine) -> None:
    with kb.SqlCustomcrm(engine, products=WARES) as crm:
        [found] = crm.list_changes("products", None, None).records
        assert (found["Name"], str(found["Price"]), found["Active"], found["Sku"]) == ("Chair", "12.50", True, None)
        changes = {"Name": 'Sofa "3"', "Price": Decimal("13.75"), "Active": False, "Sku": "S1", "Description": "ü"}
        written = crm.update("products", "1", changes, found["ETag"])
        assert {name: written[name] for name in changes} == changes | {"Price": "13.75"}
        sofa = {**CHAIR, "name": {"en_US": 'Sofa "3"', "nl_BE": "Stoel"}, "price": "13.75", "active": False}
        assert documents(engine) == [{**sofa, "a b": {"c'": "ü"}}, {"codes": {"own": "S1"}}]
        crm.update("products", "1", {"Name": "Chair", "Price": Decimal("12.50"), "Active": True, "Sku": None}, None)
        crm.update("products", "1", {"Description": None}, None)
        assert documents(engine) == [{**CHAIR, "a b": {}}, {"codes": {}}]


def test_a_new_row_has_the_places_that_are_given(engine: sa.Engine) -> None:
    with kb.SqlCustomcrm(engine, products=WARES) as crm:
        given = {"Name": "Desk", "Price": Decimal("9.5"), "Currency": "USD", "Description": None}
        made = crm.create("products", given, "key")
        assert (made["Name"], Decimal(made["Price"])) == ("Desk", Decimal("9.5"))
        assert documents(engine)[2:] == [{"name": {"en_US": "Desk"}, "price": 9.5}, None]


def test_what_is_no_such_document_is_held_and_never_written(tmp_path: Any) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    with engine.begin() as c:
        c.exec_driver_sql("CREATE TABLE wares (id INTEGER PRIMARY KEY, doc TEXT, more TEXT)")
        cells = [("no JSON", "[1]"), ('{"name": "Chair"}', None), ('{"name": {"en_US": [1]}}', "")]
        c.execute(sa.text("INSERT INTO wares (doc, more) VALUES (:a, :b)"), [{"a": a, "b": b} for a, b in cells])
    with kb.SqlCustomcrm(engine, products=WARES) as crm:
        records = crm.list_changes("products", None, None).records
        assert [type(record["Name"]) for record in records] == [Unreadable] * 3
        assert [type(record["Sku"]) for record in records] == [Unreadable, type(None), type(None)]
        for record in records:
            with pytest.raises(kb.StatusError, match=r"wares\.doc holds no JSON with such a place"):
                crm.update("products", record["Id"], {"Name": "Sofa"}, record["ETag"])
        crm.update("products", "3", {"Sku": "S1"}, None)
    with engine.connect() as c:
        assert c.exec_driver_sql("SELECT doc FROM wares").scalars().all() == [doc for doc, _ in cells]
    engine.dispose()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"Name": "doc->a", "Sku": "doc->a"}}, r"Name and Sku are both in wares\.doc"),
        ({"columns": {"Name": "doc->a", "Sku": "doc"}}, r"Name and Sku are both in wares\.doc"),
        ({"columns": {"Name": "doc->"}}, "a key is missing between the arrows"),
        ({"columns": {"Name": 'doc->a"b'}}, "no place with a quotation mark"),
        ({"columns": {"Name": "dok->a"}}, "no column dok; is 'doc' meant"),
        (
            {"lookups": [kb.SqlLookup("wares", name="o", local="id", columns={"Sku": "doc->a"})]},
            "not by places in JSON",
        ),
    ],
)
def test_places_that_cannot_be_are_refused(options: dict[str, Any], message: str, tmp_path: Any) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    with engine.begin() as c:
        c.exec_driver_sql("CREATE TABLE wares (id INTEGER PRIMARY KEY, doc TEXT)")
    with pytest.raises(kb.MappingError, match=message):
        kb.SqlCustomcrm(engine, products=kb.SqlTable("wares", id="id", **options))
    engine.dispose()


def test_a_place_is_found_by_its_keys() -> None:
    assert split("doc -> name->en_US") == ("doc", ("name", "en_US"))
    assert dug({"a": {"b": None}}, ("a", "b")) is None
    assert dug({"a": None}, ("a", "b", "c")) is None
    assert dug('{"a": 1.10}', ("a",)) == Decimal("1.10")
