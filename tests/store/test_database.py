"""The database: told how large its tables are, and changed as a whole or not at all."""

from __future__ import annotations

import threading
import traceback
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, create_engine, select

from keapbridge.errors import LinkStoreError, SessionBusyError
from keapbridge.store import database, schema
from keapbridge.store.database import Database, Fence
from keapbridge.store.opening import memory_engine
from keapbridge.store.statements import Statements

if TYPE_CHECKING:
    from conftest import World


# --- how large its tables are -----------------------------------------------------------------------------------------


def _statistics(url: str) -> set[str]:
    """The tables that the planner of this database knows something of."""
    engine = create_engine(url)
    with engine.connect() as connection:
        names = set(connection.exec_driver_sql("SELECT DISTINCT tbl FROM sqlite_stat1").scalars())
    engine.dispose()
    return names


def _fill(world: World) -> None:
    world.crm.state.contacts.add_many({"FirstName": f"n{n}", "Email": f"n{n}@example.org"} for n in range(40))
    world.sync()
    world.assert_quiet()


def test_sqlite_knows_the_large_tables(world: World, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BULK", 100)
    _fill(world)
    assert {"keapbridge_links", "keapbridge_match_keys"} <= _statistics(store)


# --- transactions ---------------------------------------------------------------------------------------------------


def _fact(value: str) -> dict[str, str]:
    return {"bridge": "toys", "name": "colour", "value": value}


def _facts(database: Database) -> list[str]:
    with database.transaction() as connection:
        return list(connection.execute(select(schema.facts.c.value)).scalars())


def _write(database: Database, durable: bool, *statements: str) -> None:
    with database.transaction(durable=durable) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.mark.thorough
def test_each_statement_has_a_name_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is compiled once would be taken for another of the same name."""
    prepared, known = Statements.prepared, dict[Any, str]()

    def anew(self: Statements, key: Any, statement: Any) -> Any:
        self._known.pop(key, None)
        found = prepared(self, key, statement)
        assert known.setdefault(key, found[0]) == found[0], key
        return found

    monkeypatch.setattr(Statements, "prepared", anew)
    _fill(world)
    world.keap.state.contacts.edit("1", job_title="Countess")
    world.crm.state.contacts.delete("A2")
    assert world.sync().ok
    assert len(known) > 40


@pytest.mark.parametrize("durable", [False, True])
def test_a_transaction_is_all_or_nothing(engine: Engine, durable: bool) -> None:
    database = Database(engine)
    _write(database, durable, "INSERT INTO keapbridge_facts VALUES ('toys', 'colour', 'green')")
    with pytest.raises(LinkStoreError):
        _write(database, durable, "UPDATE keapbridge_facts SET value = 'red'", "no such statement")
    assert _facts(database) == ["green"]


def test_rows_are_replaced_by_their_keys_and_appended_without(engine: Engine) -> None:
    database = Database(engine)
    with database.transaction() as connection:
        database.upsert(connection, schema.facts, [_fact("green"), _fact("red")])
    with pytest.raises(LinkStoreError), database.transaction() as connection:
        database.append(connection, schema.facts, [_fact("blue")])
    assert _facts(database) == ["red"]


def test_many_rows_at_once_are_as_if_each_were_written_alone(engine: Engine) -> None:
    database = Database(engine)
    new: dict[str, Any] = {"object": "toys", "side": "keap", "id": "A", "reason": "no", "tries": 1, "next_try_at": None}
    rows = [{**new, "bridge": f"b{n}", "tries": n, "next_try_at": "noon" if n % 2 else None} for n in range(5)]
    with database.transaction() as connection:
        database.append(connection, schema.failures, rows[:2])
        database.upsert(connection, schema.failures, [{**row, "reason": "again"} for row in rows[1:4]])
        database.add_missing(connection, schema.failures, rows)
        found = connection.execute(select(schema.failures).order_by(schema.failures.c.bridge)).mappings().all()
    reasons = ["no", "again", "again", "again", "no"]
    assert [dict(row) for row in found] == [
        {**row, "reason": reason} for row, reason in zip(rows, reasons, strict=True)
    ]


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
def test_a_text_that_is_too_long_is_refused_and_not_cut_also_among_many(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    rows = [_fact("green"), {**_fact("red"), "name": "n" * 5000}]
    with pytest.raises(LinkStoreError) as failed, database.transaction() as connection:
        database.append(connection, schema.facts, rows)
    assert failed.value.refused
    assert _facts(database) == []
    database.close()


def test_an_error_shows_no_value_of_the_statement(engine: Engine) -> None:
    database = Database(engine)
    with pytest.raises(LinkStoreError) as failed, database.transaction() as connection:
        database.append(connection, schema.facts, [_fact("Ada Lovelace")] * 2)
    assert "Lovelace" not in "".join(traceback.format_exception(failed.value))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL takes no such row
def test_a_row_that_is_broken_is_an_error_of_the_store_that_shows_nothing_of_it(engine: Engine) -> None:
    database = Database(engine)
    broken = "CAST(X'ff4c6f76656c616365' AS TEXT)"  # SQLite notices when the row is fetched
    _write(database, False, f"INSERT INTO keapbridge_facts VALUES ('toys', 'colour', {broken})")
    for read in (
        lambda: _facts(database),
        lambda: _of_statement(database, "value of a fact", select(schema.facts.c.value)),
    ):
        with pytest.raises(LinkStoreError, match="Could not decode") as failed:
            read()
        assert "ovelace" not in "".join(traceback.format_exception(failed.value))


def _of_statement(database: Database, name: str, statement: Any) -> list[Any]:
    with database.transaction() as connection:
        return database.execute(connection, name, lambda: statement, {}).all()  # type: ignore[return-value]


@pytest.mark.parametrize("holder", ["one", "two", None])
def test_behind_a_fence_only_the_holder_writes(engine: Engine, holder: str | None) -> None:
    database = Database(engine)
    with database.transaction() as connection:
        database.append(
            connection, schema.leases, [{"bridge": "toys", "holder": holder, "expires_at": "2026-01-02T03:04:05+00:00"}]
        )
        database.append(connection, schema.leases, [{"bridge": "others", "holder": "one", "expires_at": ""}])
    busy = nullcontext() if holder == "one" else pytest.raises(SessionBusyError)
    with busy, database.transaction(fence=Fence("toys", "one")) as connection:
        database.append(connection, schema.facts, [_fact("green")])
    assert _facts(database) == (["green"] if holder == "one" else [])


def test_a_list_of_any_length_is_one_parameter(engine: Engine) -> None:
    database = Database(engine)
    texts = [f"{n} 'é\"" for n in range(50_000)]
    with database.transaction() as connection:
        assert list(connection.execute(database.each("texts"), {"texts": texts}).scalars()) == texts


def test_the_engine_of_the_host_stays_open(engine: Engine) -> None:
    database = Database(engine)
    with database.transaction() as connection:
        database.append(connection, schema.facts, [_fact("green")])
    database.close()  # would end a store in memory
    assert _facts(Database(engine)) == ["green"]


def test_stores_over_one_connection_take_turns_also_when_they_are_opened() -> None:
    engine, failed = memory_engine(), []

    def open_another() -> None:
        try:
            Database(engine).close()
        except LinkStoreError as error:
            failed.append(error)

    first = Database(engine)
    with first.transaction():
        other = threading.Thread(target=open_another)
        other.start()
        other.join(0.1)  # it waits; one that did not would have failed by now
        assert other.is_alive()
    other.join()
    assert failed == []
    engine.dispose()
