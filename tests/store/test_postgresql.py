"""The store on a real PostgreSQL: what it must do, it does there as on SQLite."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge.keap.turns import Entry, Granted, take_turn
from keapbridge.model.side import Side
from keapbridge.store import schema
from keapbridge.store.database import Database
from keapbridge.store.inbox import Arrival, Message, SqlInbox
from keapbridge.store.paces import SqlPaceBook
from keapbridge.store.sql import open_store

if TYPE_CHECKING:
    from conftest import World

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("postgresql")]  # one server is enough

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["owner", "rows only", "schema"])
def store(request: pytest.FixtureRequest, postgresql_url: str) -> str:
    """The sessions of the test use this database, with a role that may do everything or next to nothing."""
    if request.param == "rows only":
        rows_only: str = request.getfixturevalue("rows_only")
        kb.migrate(postgresql_url)
        return rows_only
    return postgresql_url if request.param == "owner" else f"{postgresql_url}?schema=bridge"


def test_the_migrated_database_is_as_the_schema_says(postgresql_url: str) -> None:
    Database(postgresql_url).close()
    engine = create_engine(postgresql_url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    engine.dispose()
    assert [d for d in differences if "keapbridge_version" not in str(d)] == []


def test_a_host_may_publish_all_tables(postgresql_url: str) -> None:
    """As what streams changes to other systems has it: a table without a key must not be changed then."""
    for url in (postgresql_url, f"{postgresql_url}?schema=bridge"):
        Database(url).close()
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE PUBLICATION everything FOR ALL TABLES")
        for schema_name in ("public", "bridge"):
            for table in schema.metadata.tables:
                connection.exec_driver_sql(f"DELETE FROM {schema_name}.{table}")
    engine.dispose()


def test_two_systems_are_synced_edited_in_conflict_and_undone(world: World) -> None:
    names = [f"R{n}" for n in range(30)]
    for name in names[::2]:
        world.crm.state.contacts.add({"FirstName": name, "Email": f"{name}@example.org", "LastName": "Å" * 50})
    for name in names[1::2]:
        email = {"email": f"{name}@example.org".lower(), "field": "EMAIL1"}
        world.keap.state.contacts.add({"given_name": name, "email_addresses": [email]})
    world.crm.state.customers.add({"Name": "Acme", "City": "Oslo"})
    world.keap.state.companies.add({"company_name": "Acme", "address": {"locality": "Bergen"}})
    manual = kb.Policy(conflicts="manual", deletions="delete")
    report = world.sync(policy=manual)
    assert report.ok
    assert (report.count("created"), report.count("linked")) == (30, 1)
    world.assert_quiet(policy=manual)

    world.let_time_pass()
    world.crm.state.contacts.edit("A1", JobTitle="Countess")
    edited = world.sync(policy=manual)
    assert edited.count("updated") == 1
    with world.sessions(policy=manual) as session:
        (conflict,) = session.conflicts()
        session.resolve(conflict, Side.KEAP)
        assert session.explain("contacts", customcrm="A1").link is not None
        assert session.undo(edited.run_id).ok
        assert session.failures() == []
    assert world.crm.state.customers[next(iter(world.crm.state.customers))]["City"] == "Bergen"
    assert not any(r.get("job_title") for r in world.keap.state.snapshot()["contacts"].values())

    world.crm.state.contacts.delete("A1")
    world.sync(full=True, policy=manual)
    assert world.counts()["contacts"] == (29, 29)
    with world.sessions(policy=manual) as session:
        assert session.forget("contacts", customcrm="A2").erased["links"] == 1
        assert session.contacts.sync_ids(customcrm=["A3"]).ok
        assert session.audit() is not None


def test_what_cannot_be_matched_for_certain_is_not_guessed(world: World) -> None:
    for _ in range(2):
        world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.keap.state.contacts.add(
        {"given_name": "Ada", "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}]}
    )
    assert world.sync().count("skipped") == 3
    assert world.counts()["contacts"] == (2, 1)


def test_one_runner_holds_the_lease(postgresql_url: str) -> None:
    one, two = open_store(postgresql_url, "acme"), open_store(postgresql_url, "acme")
    run, term = SyncDriver().run, timedelta(minutes=3)
    assert run(one.lease.acquire("one", term)) is None
    busy = run(two.lease.acquire("two", term))
    assert busy is not None
    assert busy.holder == "one"
    assert abs(busy.until - datetime.now(UTC) - term) < timedelta(minutes=1)
    run(one.lease.renew("one", 2 * term))
    assert run(two.lease.acquire("two", term)).until - busy.until >= term
    run(one.lease.release("one"))
    assert run(two.lease.acquire("two", term)) is None
    one.close()
    two.close()


def test_tokens_are_kept_and_renewed_by_one(postgresql_url: str) -> None:
    tokens = kb.keap.OAuthTokens.lasting("access", "refresh", timedelta(hours=24), NOON)
    one, two = kb.SqlTokenStore(postgresql_url), kb.SqlTokenStore(postgresql_url)
    one.save(tokens)
    assert two.load() == tokens
    assert one.lock("one", NOON)
    assert not two.lock("two", NOON)
    one.unlock("one")
    assert two.lock("two", NOON)
    one.close()
    two.close()


def test_the_book_of_paces_is_shared(postgresql_url: str) -> None:
    databases = [Database(postgresql_url) for _ in range(2)]
    pacing, moment = kb.Pacing(per_second=1), NOON.timestamp()
    waits = []
    for database in databases:
        verdict = SqlPaceBook(database).change("key", lambda entry: take_turn(entry, pacing, "a", moment))
        assert isinstance(verdict, Granted)
        waits.append(verdict.at - moment)
    assert waits == pytest.approx([0.0, 1.05])
    assert SqlPaceBook(databases[0]).change("other", lambda entry: (entry, entry)) == Entry()
    for database in databases:
        database.close()


def test_the_inbox_takes_a_delivery_once(postgresql_url: str) -> None:
    opened = open_store(postgresql_url, "acme")
    inbox = SqlInbox(opened)
    arrival = Arrival("contacts", Side.CUSTOMCRM, "A1", "contact.updated", "message-1")
    message = Message("message-1", int(NOON.timestamp()))
    assert inbox.put([arrival], NOON, NOON, message)
    assert not inbox.put([arrival], NOON, NOON, message)
    opened.close()
