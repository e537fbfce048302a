"""A row is found again by the id that a list shows of it, whatever its column holds."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import keapbridge as kb
from keapbridge.customcrm.sql.keys import Key

UUID = str(uuid.UUID(int=7))


@pytest.mark.parametrize(
    ("type_", "raw", "text"),
    [
        (sa.Integer(), -5, "-5"),
        (sa.BigInteger(), 2**63 - 1, "9223372036854775807"),
        (sa.Numeric(20, 0), Decimal(12), "12"),
        (sa.Float(), 2.5, "2.5"),
        (sa.Float(), 2, "2"),
        (sa.String(), " Ada,7 ", " Ada,7 "),
        (sa.LargeBinary(), b"\x00\xff", "00ff"),
        (sa.BINARY(16), uuid.UUID(int=7).bytes, UUID.replace("-", "")),
        (sa.Uuid(as_uuid=False), UUID, UUID),
    ],
)
def test_an_id_is_the_same_after_it_was_a_text(type_: Any, raw: Any, text: str) -> None:
    one, two = Key((sa.Column("a", type_),)), Key((sa.Column("a", type_), sa.Column("b", sa.Integer())))
    assert (one.text((raw,)), one.raw(text)) == (text, (raw,))
    assert two.raw(two.text((raw, 3))) == (raw, 3)


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (sa.Integer(), "x"),
        (sa.Integer(), "9223372036854775808"),
        (sa.Integer(), "٣"),
        (sa.Numeric(), "x"),
        (sa.Float(), "x"),
        (sa.LargeBinary(), "x"),
        (sa.Uuid(), "x"),
    ],
)
def test_what_no_row_can_be_called_by_is_none(type_: Any, text: str) -> None:
    assert Key((sa.Column("a", type_),)).raw(text) is None


def test_rows_with_bytes_as_ids_are_made_and_refer_to_each_other() -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.begin() as c:
        c.exec_driver_sql("CREATE TABLE firm (id BLOB PRIMARY KEY NOT NULL, name TEXT)")
        c.exec_driver_sql(
            "CREATE TABLE folk (id BLOB PRIMARY KEY NOT NULL, first_name TEXT, firm BLOB REFERENCES firm)"
        )
    folk = kb.SqlTable("folk", id="id", columns={"CustomerId": "firm"})
    with kb.SqlCustomcrm(engine, contacts=folk, customers=kb.SqlTable("firm", id="id")) as crm:
        firm = crm.create("customers", {"Name": "Acme"}, "a")
        made = crm.create("contacts", {"FirstName": "Ada", "CustomerId": firm["Id"]}, "b")
        assert made["CustomerId"] == firm["Id"]
        assert crm.get_many("contacts", [made["Id"]]) == [made]
        assert crm.create("contacts", {"FirstName": "Ada", "CustomerId": firm["Id"]}, "b") == made
    with engine.begin() as c:
        assert c.exec_driver_sql("SELECT typeof(id), length(id), firm IN (SELECT id FROM firm) FROM folk").all() == [
            ("blob", 16, 1)
        ]
    engine.dispose()
