"""Schemas of others: inspected, connected from what is printed, synced both ways over HTTP, and put back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from real_schemas import CASES, RealSchema

import keapbridge as kb
from keapbridge.testing import KeapEmulator

pytestmark = pytest.mark.thorough

MOST_EDITS = 5  # lines of what is printed
Rows = dict[tuple[str, str, Any], Any]  # (table, column, key) → cell


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> RealSchema:
    return CASES[request.param]


@pytest.fixture
def url(case: RealSchema, request: pytest.FixtureRequest, tmp_path: Any) -> str:
    """A database with this schema, on the engine where it lives."""
    if case.engine == "sqlite":
        made = f"sqlite:///{tmp_path / 'crm.db'}"
    else:
        made = request.getfixturevalue(f"{case.engine}_url")
    _run(made, case.sql)
    return made


def _cells(url: str, but: frozenset[str]) -> Rows:
    """All cells of a database but for those that every write moves."""
    engine = sa.create_engine(url)
    look = sa.inspect(engine)
    found: Rows = {}
    with engine.connect() as connection:
        for table in look.get_table_names():
            if table.endswith("_seq"):
                continue  # the numbers of rows that are made
            keys = look.get_pk_constraint(table)["constrained_columns"]
            every = sa.select(sa.text("*")).select_from(sa.table(table))
            for row in connection.execute(every).mappings():
                key = tuple(row[name] for name in keys)
                found |= {(table, name, key): repr(cell) for name, cell in row.items() if name not in but}
    engine.dispose()
    return found


def _run(url: str, statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in filter(str.strip, statements.split(";\n")):
            connection.exec_driver_sql(statement)
    engine.dispose()


def _edited(case: RealSchema, printed: str) -> str:
    """What is printed, with the changes that a person makes to it: few."""
    source = printed
    for old, new in case.edits:
        assert old in source
        source = source.replace(old, new, 1)
    lines = difflib.unified_diff(printed.splitlines(), source.splitlines(), n=0, lineterm="")
    added = [line for line in lines if line.startswith("+") and not line.startswith("+++")]
    assert len(added) <= MOST_EDITS
    return source


def _held(record: Mapping[str, Any], path: str) -> Any:
    found: Any = record
    for part in path.split("."):
        found = found[int(part)] if part.isdigit() else found[part]
    return found


def _changed(before: Rows, after: Rows) -> set[tuple[str, str]]:
    return {key[:2] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_a_schema_of_others_is_connected_from_what_is_printed(case: RealSchema, url: str, store: str) -> None:
    untouched = _cells(url, frozenset())
    proposal = kb.inspect_database(url, default_region=case.default_region, currency="USD")
    assert _cells(url, frozenset()) == untouched
    told = "\n".join(map(str, proposal.findings))
    assert [words for words in case.told if words not in told] == []
    names: dict[str, Any] = {}
    exec(_edited(case, proposal.as_python()), names)
    options = {name: names[name] for name in ("contacts", "companies", "products") if name in names}
    with (
        names["crm"] as crm,
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.SyncSession(
            customcrm=crm,
            keap=keap,
            store=store,
            currency="USD",
            lag=timedelta(0),
            default_region=case.default_region,
            **options,
        ) as session,
    ):

        def quiet() -> None:
            plan = session.plan(full=True)
            assert plan.is_empty, "\n".join(map(str, plan.actions))

        def kept(name: str) -> list[dict[str, Any]]:
            return list(server.state.snapshot()[name].values())

        # The first run brings all of it to Keap, and writes nothing here.
        first = session.sync()
        assert [str(line) for line in first.lines if line.outcome in {"failed", "conflict"}] == []
        assert {name: len(kept(name)) for name in case.records} == case.records
        assert _cells(url, frozenset()) == untouched
        quiet()

        # An edit in Keap changes one cell, and an undoing puts it back.
        name, table, column, key, id, value = case.theirs
        if case.changes:
            [link] = [link for link in getattr(session, name).links() if link.customcrm_id == str(id)]
            getattr(server.state, name).edit(link.keap_id, **case.changes)
            run = session.sync()
            assert _changed(untouched, _cells(url, case.stamps) | _stamps(untouched, case.stamps)) == {(table, column)}
            assert _cell(url, table, column, key, id) == value
            quiet()
            session.undo(run.run_id)
            assert _cells(url, case.stamps) == {k: v for k, v in untouched.items() if k[1] not in case.stamps}
            quiet()

        # An edit here reaches Keap.
        statement, held = case.ours
        _run(url, statement)
        session.sync()
        path, _, value = held.partition("=")
        assert value in {
            str(_held(record, path)) for object in case.records for record in kept(object) if _has(record, path)
        }
        quiet()

        if case.one_way:
            _assert_only_read(case, url, session, server)
            return

        _assert_new_ones_are_made_once(case, url, session, server)


def _assert_new_ones_are_made_once(case: RealSchema, url: str, session: kb.SyncSession, server: KeapEmulator) -> None:
    def kept() -> list[dict[str, Any]]:
        return list(server.state.snapshot()["contacts"].values())

    def assert_quiet() -> None:
        assert session.plan(full=True).is_empty

    there = case.records["contacts"]
    # One that is new here is made in Keap.
    _run(url, case.made)
    session.sync()
    assert len(kept()) == there + 1
    assert [each["given_name"].title() for each in kept() if each["family_name"].title() == "Nova"] == ["Ida"]
    assert_quiet()

    # One that is new in Keap is made here once, in all its tables, and an undoing takes it away again.
    before = _cells(url, case.stamps)
    server.state.contacts.add({"given_name": "Nia", "family_name": "Newe", "email_addresses": [NEW]})
    run = session.sync()
    after = _cells(url, case.stamps)
    assert sorted(table for table, _ in _rows(after) - _rows(before)) == sorted(case.makes)
    assert {k: v for k, v in after.items() if k in before} == before
    assert_quiet()
    session.undo(run.run_id)
    left = _cells(url, case.stamps)
    assert {k: v for k, v in left.items() if k in before} == before
    assert len(kept()) == there + 2


def _rows(cells: Rows) -> set[tuple[str, Any]]:
    return {(table, key) for table, _, key in cells}


def _assert_only_read(case: RealSchema, url: str, session: kb.SyncSession, server: KeapEmulator) -> None:
    """What is only read is not written, whatever happens in Keap."""
    before = _cells(url, frozenset())
    server.state.contacts.edit(next(iter(session.contacts.links())).keap_id, **case.one_way)
    server.state.contacts.add({"given_name": "Nia", "email_addresses": [NEW]})
    session.sync(full=True)
    assert _cells(url, frozenset()) == before


NEW = {"email": "nia@example.org", "field": "EMAIL1"}


def _stamps(cells: Rows, stamps: frozenset[str]) -> Rows:
    return {key: value for key, value in cells.items() if key[1] in stamps}


def _cell(url: str, table: str, column: str, key: str, id: Any) -> Any:
    engine = sa.create_engine(url)
    query = sa.select(sa.column(column)).select_from(sa.table(table)).where(sa.column(key) == id)
    with engine.connect() as connection:
        found = connection.execute(query).scalar()
    engine.dispose()
    return found


def _has(record: Mapping[str, Any], path: str) -> bool:
    try:
        return _held(record, path) is not None
    except (KeyError, IndexError, TypeError):
        return False
