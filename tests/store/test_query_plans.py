"""No statement of a sync reads a whole table of those that grow with the number of records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, Engine, event
from tiers import variants

from keapbridge.store import statements

if TYPE_CHECKING:
    import keapbridge as kb
    from conftest import World

GROWING = "links|observed|match_keys|seen_pages|actions|lines|journal|intents"
OF_A_RANK = re.compile(r"ix_keapbridge_match_keys \(bridge=\? AND object=\? AND rank=\? AND linked=\?\)$")
FIRST_ROW = re.compile(
    r"^SELECT \S+ FROM keapbridge_(match_keys|links) LIMIT \? OFFSET \?$"
)  # whether there is one at all


@contextmanager
def _statements(engine: Engine) -> Iterator[dict[str, Any]]:
    """What is executed meanwhile, by SQLAlchemy or without it, with the parameters of the first time."""
    found: dict[str, Any] = {}

    def note(_: Any, __: Any, statement: str, parameters: Any, ___: Any, many: bool) -> None:
        found.setdefault(" ".join(statement.split()), parameters[0] if many else parameters)

    def noted(connection: Connection, statement: str, values: Any = ()) -> Any:
        note(None, None, statement, values, None, many=False)
        return run(connection, statement, values)

    run = statements.run
    event.listen(engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statements, "run", noted)
        yield found
    event.remove(engine, "before_cursor_execute", note)


def _scans(engine: Engine, statements: dict[str, Any]) -> dict[str, list[str]]:
    """The statements that read a growing table from end to end, with what SQLite says about them."""
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        for statement, parameters in statements.items():
            if re.match("SELECT|INSERT|UPDATE|DELETE", statement) and not FIRST_ROW.match(statement):
                steps = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
                whole = [step for step in steps if re.match(rf"SCAN keapbridge_({GROWING})\b", step)]
                if statement.startswith("SELECT"):  # what is to go is found by its rank, all of it
                    whole += [step for step in steps if OF_A_RANK.search(step)]
                if whole:
                    found[statement] = steps
    return found


def _pretend_to_be_large(engine: Engine) -> None:
    """Let the planner take each table for 10,000 times as large as it is."""
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("ANALYZE")
        for row, stat in driver.execute("SELECT rowid, stat FROM sqlite_stat1").fetchall():
            numbers = [int(number) for number in stat.split()]
            large = " ".join(str(number * 10_000 if number > 1 else number) for number in numbers)
            driver.execute("UPDATE sqlite_stat1 SET stat = ? WHERE rowid = ?", (large, row))
        # As at first contact: the index of match keys is made when it is needed, and counted later.
        driver.execute("DELETE FROM sqlite_stat1 WHERE idx = 'ix_keapbridge_match_keys'")
        seen = "23680 1001 1001 1001 4 2 1"
        driver.execute("UPDATE sqlite_stat1 SET stat = ? WHERE tbl = 'keapbridge_match_keys'", (seen,))
        driver.execute("ANALYZE sqlite_master")  # reads the statistics again


def _sync_in_all_ways(world: World, session: kb.SyncSession) -> None:
    ours, theirs = world.crm.state.contacts, world.keap.state.contacts
    for n in range(60):
        ours.add({"FirstName": f"n{n}", "Email": f"n{n}@example.org", "Email2": f"m{n}@example.org"})
        theirs.add(
            {"given_name": f"n{n + 30}", "email_addresses": [{"email": f"n{n + 30}@example.org", "field": "EMAIL1"}]}
        )
    session.sync()
    ours.edit(next(iter(ours)), JobTitle="Countess")
    theirs.edit(next(iter(theirs)), job_title="Analyst")
    run = session.sync()
    theirs.delete(next(reversed(list(theirs))))
    session.contacts.sync(full=True)
    session.sync()
    session.undo(run.run_id)
    session.sync(full=True)


@pytest.mark.parametrize("analysed", variants([False, True], quick=[True]))
def test_no_statement_reads_a_whole_table(world: World, analysed: bool) -> None:
    with world.sessions() as session:
        engine = session._engine.bridge.store.database.engine
        with _statements(engine) as statements:
            _sync_in_all_ways(world, session)
        if analysed:
            _pretend_to_be_large(engine)
        assert len(statements) > 80
        assert _scans(engine, statements) == {}


def _passed_over(node: Mapping[str, Any]) -> int:
    """The rows that PostgreSQL has read for a step of a statement, and those below it, and had no use for."""
    own = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    return int(own * node["Actual Loops"]) + sum(map(_passed_over, node.get("Plans", ())))


@pytest.mark.thorough
def test_a_postgresql_without_statistics_does_not_compare_each_row_with_each(
    world: World, postgresql_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = 1_000  # fewer are read faster all at once
    for n in range(records):
        address = f"n{n}@example.org"
        world.crm.state.contacts.add({"FirstName": "N", "Email": address})
        world.keap.state.contacts.add({"given_name": "N", "email_addresses": [{"email": address, "field": "EMAIL1"}]})
    run, asked, most = statements.run, 0, 0

    def explained(connection: Connection, statement: str, values: Any = ()) -> Any:
        nonlocal asked, most
        if "NOT (EXISTS" in statement or " EXCEPT " in statement:
            # That executes it. What is inserted where it is missing is not inserted again.
            [[[told]]] = run(connection, f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values).fetchall()
            asked, most = asked + 1, max(most, _passed_over(told["Plan"]))
        return run(connection, statement, values)

    with world.sessions(store=postgresql_store) as session:
        with session._engine.bridge.store.database.engine.begin() as connection:
            for table in ("actions", "links", "observed", "seen_pages"):
                connection.exec_driver_sql(f"ALTER TABLE keapbridge_{table} SET (autovacuum_enabled = false)")
        monkeypatch.setattr(statements, "run", explained)
        assert session.contacts.sync().count("linked") == records
        assert session.contacts.sync(full=True).ok
    assert asked > 6
    assert most <= 2 * records
