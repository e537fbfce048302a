"""What the holder of a lease need not read again: what it writes itself is known, and the next lease knows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from kept import KEAP, TOYS, link, seen, stage
from sqlalchemy import Engine, event

from keapbridge._flow.drivers import SyncDriver
from keapbridge.model.kept_in_store import Failure, Intent
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore, open_store

if TYPE_CHECKING:
    from conftest import World

TERM = timedelta(minutes=1)
MOST = 25  # statements of a quiet sync, those that look at the lease among them

run = SyncDriver().run


@contextmanager
def _statements(engine: Engine) -> Iterator[list[str]]:
    """What psycopg is given: most of it does not come by SQLAlchemy."""
    import psycopg

    told: list[str] = []

    class Telling(psycopg.Cursor[Any]):
        def execute(self, query: Any, *more: Any, **options: Any) -> Telling:
            told.append(str(query))
            return super().execute(query, *more, **options)

        def executemany(self, query: Any, *more: Any, **options: Any) -> None:
            told.append(str(query))
            super().executemany(query, *more, **options)

    def let_tell(connection: psycopg.Connection, *_: object) -> None:
        connection.cursor_factory = Telling

    def leave(connection: psycopg.Connection, *_: object) -> None:
        connection.cursor_factory = psycopg.Cursor

    event.listen(engine, "checkout", let_tell)
    event.listen(engine, "checkin", leave)
    yield told
    event.remove(engine, "checkout", let_tell)
    event.remove(engine, "checkin", leave)


def test_facts_are_read_once_in_a_lease_and_all_at_once_in_the_next(
    toys: LinkStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read = toys.facts._read
    monkeypatch.setattr(toys.facts, "_read", lambda name: asked.append(name) or read(name))
    run(toys.facts.set("colour", "green"))
    run(toys.lease.acquire("one", TERM))
    assert [run(toys.facts.get(name)) for name in ("colour", "shape", "colour", "shape")] == ["green", None] * 2
    run(toys.facts.set("shape", "round"))
    run(toys.facts.keep("colour", lambda: "blue"))
    assert [run(toys.facts.get(name)) for name in ("colour", "shape")] == ["blue", "round"]
    assert asked == ["colour", "shape"]
    run(toys.lease.release("one"))

    elsewhere = open_store(engine, "toys")
    run(elsewhere.facts.set("colour", "red"))
    run(toys.lease.acquire("two", TERM))
    assert [run(toys.facts.get(name)) for name in ("colour", "shape")] == ["red", "round"]
    assert asked == ["colour", "shape"]  # these were read along with the lease
    run(toys.lease.release("two"))
    run(elsewhere.facts.set("colour", "white"))
    assert run(toys.facts.get("colour")) == "white"


def test_intents_of_a_run_are_seen_by_itself_and_by_the_next(toys: LinkStore) -> None:
    moment = datetime.now(UTC)
    intent = Intent("1", "toys", Side.KEAP, "A1", {"name": "x"}, moment)
    run(toys.lease.acquire("one", TERM))
    assert run(toys.intents.open("toys")) == []
    run(toys.intents.intend([intent]))
    assert [each.id for each in run(toys.intents.open("toys"))] == ["1"]
    assert run(toys.intents.open("makers")) == []
    run(toys.lease.release("one"))
    run(toys.lease.acquire("two", TERM))
    assert [each.id for each in run(toys.intents.open("toys"))] == ["1"]
    run(toys.intents.drop("1"))
    assert run(toys.intents.open("toys")) == []


def test_what_is_staged_in_a_run_is_open_to_itself_and_to_the_next(
    toys: LinkStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read = toys.staging._open_of
    monkeypatch.setattr(toys.staging, "_open_of", lambda name: asked.append(name) or read(name))
    run(toys.lease.acquire("one", TERM))
    assert [run(toys.staging.is_anything_open(name)) for name in (TOYS, "makers", TOYS)] == [(False, False)] * 3
    assert asked == [TOYS, "makers"]
    stage(toys, seen(KEAP, "A"))
    assert run(toys.staging.is_anything_open(TOYS)) == (True, False)
    run(toys.lease.release("one"))
    run(toys.lease.acquire("two", TERM))
    del asked[:]
    assert [run(toys.staging.is_anything_open(name)) for name in ("makers", TOYS)] == [(False, False), (True, False)]
    assert asked == [TOYS]


def test_what_is_missing_in_a_run_is_open_to_itself(toys: LinkStore) -> None:
    link(toys, "a", "A")
    run(toys.lease.acquire("one", TERM))
    assert run(toys.staging.is_anything_open(TOYS)) == (False, False)
    run(toys.missing.note_deleted(TOYS, KEAP, ["A"]))
    assert run(toys.staging.is_anything_open(TOYS)) == (False, True)
    run(toys.missing.drop(TOYS, KEAP, ["A"]))
    assert run(toys.staging.is_anything_open(TOYS)) == (False, False)
    run(toys.staging.begin_scan(TOYS, KEAP))
    run(toys.staging.end_scan(TOYS, KEAP))
    assert run(toys.staging.is_anything_open(TOYS)) == (False, True)


def test_what_fails_in_a_run_is_known_to_it_and_what_failed_before_to_the_next(toys: LinkStore) -> None:
    ids = {KEAP: ["A", "B"]}
    first, second = (Failure(TOYS, KEAP, id, "odd", 1, None) for id in "AB")
    for holder, failure in (("one", first), ("two", second)):
        run(toys.lease.acquire(holder, TERM))
        run(toys.staging.is_anything_open(TOYS))  # so that the next lease reads it along
        run(toys.failures.note(failure))
        found = run(toys.failures.of_both(TOYS, ids))[KEAP]
        assert found == ({"A": first} if holder == "one" else {"A": first, "B": second})
        run(toys.lease.release(holder))
    run(toys.lease.acquire("three", TERM))
    assert run(toys.failures.of_both(TOYS, ids)) == {KEAP: {"A": first, "B": second}}
    for id in "AB":
        assert run(toys.failures.clear(TOYS, KEAP, id))
    run(toys.lease.release("three"))
    run(toys.lease.acquire("four", TERM))
    assert run(toys.failures.of_both(TOYS, ids)) == {}, "none is looked for where there are none"


def test_a_record_that_is_left_by_its_counterpart_in_a_run_is_open_to_itself(toys: LinkStore) -> None:
    link(toys, "a", "A")
    run(toys.lease.acquire("one", TERM))
    assert run(toys.staging.is_anything_open(TOYS)) == (False, False)
    run(toys.links.keep_apart(TOYS, seen(KEAP, "B"), "told apart"))
    assert run(toys.staging.is_anything_open(TOYS)) == (True, False)


def test_a_lease_whose_answer_was_lost_is_given_once_more(toys: LinkStore) -> None:
    assert run(toys.lease.acquire("one", TERM)) is None
    assert run(toys.lease.acquire("one", TERM)) is None
    held = run(toys.lease.acquire("two", TERM))
    assert held is not None
    assert held.holder == "one"


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
class TestPostgresql:
    @pytest.fixture
    def store(self, postgresql_url: str) -> str:
        return postgresql_url

    def test_a_quiet_sync_in_a_kept_session_takes_few_statements(self, world: World) -> None:
        for n in range(5):
            world.crm.state.contacts.add({"FirstName": f"n{n}", "Email": f"n{n}@example.org"})
        with world.sessions() as session:
            for _ in range(3):
                session.sync()
            world.forget_requests()
            with _statements(session._engine.bridge.store.database.engine) as told:
                assert session.sync().ok
            assert world.writes == []
            assert len(world.keap.requests) == 3
            assert 10 < len(told) <= MOST, "\n".join(told)
            world.crm.state.contacts.edit("A1", JobTitle="Countess")
            assert session.sync().count("updated") == 1
