"""Columns that hold lists: arrays, JSON, sets, and texts with JSON in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from tiers import named, variants

import keapbridge as kb
from keapbridge.testing import KeapEmulator

SIZES = {"A": "A", "B": "B", "C": "C"}
SET = ("mariadb", "SET('A','B','C')", "A,B")
STRUCTURES = {
    "json": ("sqlite", "JSON", '["A","B"]'),
    "jsonb": ("postgresql", "JSONB", '["A","B"]'),
    "array": ("postgresql", "TEXT[]", "{A,B}"),
}
LISTS = {
    "text": (("sqlite", "TEXT", '["A","B"]'), None),
    "json text": (("mariadb", "JSON", '["A","B"]'), None),
    "set": (SET, None),
    "set with commas": (SET, ","),
    **{name: (column, None) for name, column in STRUCTURES.items()},
}
ID = {"sqlite": "INTEGER", "mariadb": "SERIAL", "postgresql": "SERIAL"}


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[sa.Engine]:
    name, type_, cell = request.param
    url = f"sqlite:///{tmp_path / 'crm.db'}" if name == "sqlite" else request.getfixturevalue(f"{name}_url")
    made = sa.create_engine(url)
    with made.begin() as c:
        c.exec_driver_sql(f"CREATE TABLE people (id {ID[name]} PRIMARY KEY, email VARCHAR(80), own {type_})")
        c.exec_driver_sql(f"INSERT INTO people (email, own) VALUES ('a@example.org', '{cell}')")
        c.exec_driver_sql("INSERT INTO people (email, own) VALUES ('b@example.org', NULL)")
    yield made
    made.dispose()


def cells(engine: sa.Engine) -> list[Any]:
    with engine.connect() as c:
        found = c.exec_driver_sql("SELECT own FROM people ORDER BY id").scalars().all()
    return [json.loads(cell) if isinstance(cell, str) and cell[:1] == "[" else cell for cell in found]


def empty_ones(engine: sa.Engine) -> int:
    with engine.connect() as c:
        return int(c.exec_driver_sql("SELECT COUNT(*) FROM people WHERE own IS NULL").scalar_one())


def as_list(cell: Any) -> Any:
    return cell.split(",") if isinstance(cell, str) else cell


@pytest.mark.parametrize(("engine", "separator"), named(LISTS, ["text", "json"]), indirect=["engine"])
def test_a_list_is_written_as_its_column_keeps_lists_and_an_empty_one_is_null(
    engine: sa.Engine, separator: str | None
) -> None:
    table = kb.SqlTable("people", id="id", columns={"Own": "own"})
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.SqlCustomcrm(engine, contacts=table) as crm,
    ):
        keap.contacts.create_custom_field(label="Own", type="LIST_BOX", options=list(SIZES))
        own = kb.choices("Own", SIZES, keap=kb.custom_field("Own"), separator=separator)
        mapper = kb.mapping.contacts.only("Email").with_lenses(own)
        with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", contacts=mapper) as session:
            assert session.sync().ok
            item = keap.contacts.model().field("Own").item
            made = server.state.contacts
            shown = [each["content"] for contact in made.values() for each in contact.get("custom_fields", ())]
            assert shown == [["A", "B"]]
            before = cells(engine)
            for id in made:
                keap.contacts.update(id, custom_fields=[item(["A", "C"])])
            run = session.sync()
            assert (run.ok, [as_list(cell) for cell in cells(engine)]) == (True, [["A", "C"], ["A", "C"]])
            writes = len(server.requests.writes)
            assert not list(session.sync(full=True).lines)
            assert session.undo(run.run_id).ok
            assert (cells(engine), empty_ones(engine)) == (before, 1)
            assert session.sync().ok
            assert len(server.requests.writes) == writes


@pytest.mark.parametrize("engine", variants(STRUCTURES.values(), [STRUCTURES["json"]]), indirect=True)
def test_what_is_a_structure_is_no_text_and_no_text_takes_its_place(engine: sa.Engine) -> None:
    table = kb.SqlTable("people", id="id", columns={"JobTitle": "own"})
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.SqlCustomcrm(engine, contacts=table) as crm,
        kb.SyncSession(
            customcrm=crm, keap=keap, store="sqlite://", contacts=kb.mapping.contacts.only("Email", "JobTitle")
        ) as session,
    ):
        [held] = [line for line in session.sync().lines if line.outcome == "held"]
        assert (held.fields, "not a text" in str(held.reason)) == (("JobTitle",), True)
        before = cells(engine)
        for contact in keap.contacts.list():
            assert not contact.job_title
            keap.contacts.update(contact.id, job_title="Chief")
        session.sync()
        assert cells(engine)[0] == before[0]
        assert cells(engine)[1] in (None, '"Chief"', "Chief")
