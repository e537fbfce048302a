"""A fleet with its queue on a real PostgreSQL: what is due is done, once, and what fails holds up nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

import keapbridge as kb
from keapbridge.fleet import Fleet, Quota, Tenant
from keapbridge.fleet.jobs import Jobs
from keapbridge.keap.hooks import EVENTS
from keapbridge.model.side import Side
from keapbridge.store import schema
from keapbridge.store.database import Database
from keapbridge.store.inbox import Arrival, inbox_of
from keapbridge.testing._server import LoopbackServer
from keapbridge.webhooks import worker

pytest.importorskip("procrastinate")
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("postgresql")]


@pytest.fixture
def fleet(postgresql_store: str, host: Any) -> Any:
    with Fleet(postgresql_store, open=host.open) as made:
        yield made


def due_now(fleet: Fleet) -> None:
    with fleet.database.transaction() as c:
        long_ago = "2026-01-01T00:00:00+00:00"
        c.execute(text("UPDATE keapbridge_tenants SET sync_at = :at, watch_at = :at"), {"at": long_ago})


def jobs(fleet: Fleet) -> list[Any]:
    with fleet.database.transaction() as c:
        return list(c.execute(text("SELECT task_name, status FROM procrastinate_jobs ORDER BY id")))


def test_what_is_due_is_synced_and_is_due_again_in_time(fleet: Fleet, host: Any) -> None:
    for name in ("acme", "globex"):
        host.add(name)
        host.edit(name, f"ada@{name}.example.org")
        fleet.tenants.add(Tenant(name))
    assert [each.state for each in fleet.status()] == ["idle", "idle"]
    due_now(fleet)
    assert [each.state for each in fleet.status()] == ["due", "due"]
    assert fleet.run_once(concurrency=2) == 2
    assert [host.in_keap(name) for name in ("acme", "globex")] == [["ada@acme.example.org"], ["ada@globex.example.org"]]
    status = fleet.status()
    assert [(each.outcome, each.state, each.in_row) for each in status] == [("complete", "idle", 0)] * 2
    assert all(each.due_at is not None and status.at < each.due_at <= status.at + 1.25 * each.every for each in status)
    assert status["acme"].quota_left is not None
    assert jobs(fleet) == []
    assert fleet.run_once() == 0
    assert host.opened == ["acme", "globex"] or sorted(host.opened) == ["acme", "globex"]


def test_a_failing_tenant_backs_off_and_holds_up_nobody(fleet: Fleet, host: Any) -> None:
    for name in ("acme", "globex", "initech"):
        host.add(name)
        host.edit(name, "ada@example.org")
        fleet.tenants.add(Tenant(name))
    host.broken["acme"] = KeyError("no such secret")
    host.broken["initech"] = kb.AuthError("refused")
    due_now(fleet)
    fleet.run_once(concurrency=1)
    status = fleet.status()
    assert [each.outcome for each in status] == ["failed", "complete", "failed"]
    assert status["acme"].why == "KeyError"
    assert status["acme"].in_row == 1
    assert all(each.due_at is not None and each.due_at > status.at for each in status)
    host.broken.clear()
    due_now(fleet)
    fleet.run_once()
    assert [(each.outcome, each.in_row) for each in fleet.status()] == [("complete", 0)] * 3
    assert jobs(fleet) == []


def test_a_session_of_another_tenant_is_refused(postgresql_store: str, host: Any) -> None:
    host.add("acme")
    acme = Tenant("acme")
    with Fleet(postgresql_store, open=lambda _, store: host.open(acme, store)) as fleet:
        fleet.tenants.add(Tenant("globex"))
        due_now(fleet)
        fleet.run_once()
        assert fleet.status()["globex"].outcome == "failed"
    assert host.systems["acme"][1].state.snapshot()["contacts"] == {}


def test_a_job_whose_worker_died_is_done_again(fleet: Fleet, host: Any) -> None:
    host.add("acme")
    host.edit("acme", "ada@example.org")
    fleet.tenants.add(Tenant("acme"))
    due_now(fleet)
    assert fleet.dispatch() == 1
    assert fleet.dispatch() == 0
    with fleet.database.transaction() as c:  # fetched by a worker that was killed
        c.execute(text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')"))
        c.execute(text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = w.id FROM procrastinate_workers w"))
    assert fleet.status()["acme"].state == "waiting"
    assert fleet.run_once() == 1
    assert fleet.status()["acme"].outcome == "complete"
    assert host.in_keap("acme") == ["ada@example.org"]
    assert jobs(fleet) == []


def test_a_worker_goes_on_over_the_tables_of_a_later_version(fleet: Fleet, host: Any) -> None:
    """A rolling upgrade: every table has a column more, and the worker opens its sessions after that."""
    for name in ("acme", "globex"):
        host.add(name)
        host.edit(name, "ada@example.org")
        fleet.tenants.add(Tenant(name))
    due_now(fleet)
    assert fleet.dispatch() == 2
    with fleet.database.transaction() as c:
        for table in schema.metadata.sorted_tables:
            c.execute(text(f"ALTER TABLE {table.name} ADD COLUMN later TEXT"))
        c.execute(text("CREATE TABLE keapbridge_later (bridge TEXT)"))
        c.execute(text("UPDATE keapbridge_version SET version_num = '9999'"))
    fleet.run_once()
    host.edit("acme", "grace@example.org")
    fleet.tenants["globex"].sync_soon(full=True)
    due_now(fleet)
    fleet.run_once()
    assert host.in_keap("acme") == ["ada@example.org", "grace@example.org"]
    assert [(each.outcome, each.in_row) for each in fleet.status()] == [("complete", 0)] * 2
    fleet.tenants["acme"].remove()
    with pytest.raises(kb.LinkStoreError, match="newer keapbridge"):
        Database(create_engine(fleet.database.engine.url, poolclass=NullPool))


def test_whoever_works_once_takes_all_turns_of_what_was_delivered(
    fleet: Fleet, host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BATCH", 2)
    crm, _ = host.add("acme")
    emails = [f"n{number}@example.org" for number in range(5)]
    for email in emails:
        host.edit("acme", email)
    fleet.tenants.add(Tenant("acme"))
    inbox, moment = inbox_of(fleet.database, "acme"), datetime(2026, 1, 1, tzinfo=UTC)
    arrivals = [
        Arrival("contacts", Side.CUSTOMCRM, id, "contact.updated", "m") for id in crm.state.snapshot()["contacts"]
    ]
    inbox.put(arrivals, moment, moment)
    fleet.run_once()
    assert host.in_keap("acme") == emails
    assert fleet.status()["acme"].deliveries == 0


TASKS = ["sync", "full", "hooks", "watch"]
MOMENTS = ["when it opens", "when it has done its work"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("task", TASKS)
def test_a_restart_of_the_database_in_any_task_loses_nothing(
    postgresql_store: str, host: Any, monkeypatch: pytest.MonkeyPatch, task: str, moment: str
) -> None:
    """All connections are cut in the middle of a job; the worker that had it is gone then."""
    crm, keap = host.add("acme")
    cut: list[str] = []

    def cut_once() -> None:
        if not cut:
            cut.append(moment)
            cut_all(postgresql_store)

    @contextmanager
    def opening(tenant: Any, store: str) -> Iterator[kb.SyncSession]:
        with host.open(tenant, store) as session:
            if is_at_work and moment == MOMENTS[0]:
                cut_once()
            yield session

    async def work(self: Jobs, *args: Any) -> Any:
        done = await real(self, *args)
        if is_at_work and moment == MOMENTS[1]:
            cut_once()
        return done

    real, is_at_work = Jobs._work, False
    monkeypatch.setattr(Jobs, "_work", work)
    receiver = LoopbackServer(mounted := Mounted())
    with receiver, Fleet(postgresql_store, open=opening, receiver=f"http://127.0.0.1:{receiver.port}") as fleet:
        mounted.app = kb.webhooks.asgi_app(fleet)
        fleet.tenants.add(Tenant("acme"))
        due_now(fleet)
        fleet.run_once()
        host.edit("acme", "ada@example.org")
        [ada] = crm.state.snapshot()["contacts"]
        only(fleet, task, ada)
        is_at_work = True
        with suppress(Exception):  # procrastinate's worker may end with its connections
            fleet.run_once()
        assert cut == [moment]
        for _ in range(2):  # the second one is that of a worker that has met nothing
            with fleet.database.transaction() as c:
                c.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"))
            fleet.run_once()
        found = fleet._rows.find("acme")
        assert found is not None
        assert not any(found.jobs.values())
        assert jobs(fleet) == []
        if task != "watch":
            assert host.in_keap("acme") == ["ada@example.org"]
        assert len(keap.hooks.subscriptions) == len(EVENTS)


def only(fleet: Fleet, task: str, id: str) -> None:
    """Let one task of acme be due, and no other."""
    never, now = "2999-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"
    at = {"sync": "sync_at", "full": "sync_at", "hooks": "hooks_at", "watch": "watch_at"}[task]
    with fleet.database.transaction() as c:
        c.execute(text("UPDATE keapbridge_tenants SET sync_at = :n, watch_at = :n, full_at = :n"), {"n": never})
        c.execute(text(f"UPDATE keapbridge_tenants SET {at} = :now"), {"now": now})
        if task == "full":
            c.execute(text("UPDATE keapbridge_tenants SET full_at = :now"), {"now": now})
    if task == "hooks":
        inbox = inbox_of(fleet.database, "acme")
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        inbox.put([Arrival("contacts", Side.CUSTOMCRM, id, "contact.updated", "m")], moment, moment)


def cut_all(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as c:
        mine = "datname = current_database() AND pid <> pg_backend_pid()"
        c.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")


def test_tenants_are_handled_by_name(fleet: Fleet) -> None:
    acme = fleet.tenants.add(Tenant("acme", {"key": "vault:acme"}))
    with pytest.raises(ValueError, match="there is a tenant 'acme' already"):
        fleet.tenants.add(Tenant("acme"))
    with pytest.raises(LookupError, match="is 'acme' meant"):
        fleet.tenants["acmee"]
    acme.pause()
    assert acme.tenant.paused
    assert fleet.status()["acme"].state == "paused"
    acme.resume()
    assert fleet.status()["acme"].state == "due"
    acme.change(every=timedelta(minutes=1), settings={"key": "vault:other"})
    assert acme.tenant == Tenant("acme", {"key": "vault:other"}, every=timedelta(minutes=1))
    with pytest.raises(ValueError, match="keeps its name"):
        acme.change(name="other")
    assert ("acme" in fleet.tenants, list(fleet.tenants), len(fleet.tenants)) == (True, [acme.tenant], 1)
    acme.remove()
    assert ("acme" in fleet.tenants, len(fleet.tenants)) == (False, 0)
    with pytest.raises(LookupError, match="no tenant 'acme' any more"):
        acme.pause()


def test_a_shared_quota_stretches_every_and_status_says_so(postgresql_store: str, host: Any) -> None:
    with Fleet(postgresql_store, open=host.open, quota=Quota(day=3000, minute=None)) as fleet:
        for number in range(10):
            fleet.tenants.add(Tenant(f"t{number}", every=timedelta(minutes=1)))
        status = fleet.status()
        assert "is stretched to 0:18:00 for a weight of 1" in str(status)
        assert status["t1"].every == timedelta(minutes=18)


class Mounted:
    """Where the receiver is reached, before there is one: a fleet is told its address when it is made."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(params=["owner", "rows only"])
def role(request: pytest.FixtureRequest, postgresql_url: str) -> str:
    """Whose fleet it is; the tables are the owner's."""
    rows_only: str = request.getfixturevalue("rows_only")
    kb.migrate(postgresql_url, queue=True)
    return postgresql_url if request.param == "owner" else rows_only


def test_a_tenant_lives_from_its_first_sync_to_its_removal(role: str, host: Any) -> None:
    """What Keap tells of comes by its hooks alone, for which nobody but the fleet has subscribed."""
    crm, keap = host.add("acme")
    host.edit("acme", "ada@example.org")
    mounted = Mounted()
    with (
        LoopbackServer(mounted) as server,
        Fleet(role, open=host.open, receiver=f"http://127.0.0.1:{server.port}", delay=0.0) as fleet,
    ):
        mounted.app = kb.webhooks.asgi_app(fleet)
        acme = fleet.tenants.add(Tenant("acme", every=timedelta(days=1)))
        due_now(fleet)
        fleet.run_once()
        assert host.in_keap("acme") == ["ada@example.org"]

        [ada] = keap.state.snapshot()["contacts"]
        keap.state.contacts.edit(ada, job_title="Countess")
        deadline = time.monotonic() + 60.0
        while [each.get("JobTitle") for each in crm.state.snapshot()["contacts"].values()] != ["Countess"]:
            assert time.monotonic() < deadline, "nothing was delivered"
            fleet.run_once()

        acme.pause()
        host.edit("acme", "grace@example.org")
        due_now(fleet)
        assert fleet.run_once() == 0
        acme.change(every=timedelta(minutes=1), weight=2.0)
        acme.resume()
        fleet.run_once()
        assert host.in_keap("acme") == ["ada@example.org", "grace@example.org"]
        asyncio.run(pruned(fleet))
        acme.remove()
        assert len(fleet.tenants) == 0


async def pruned(fleet: Fleet) -> None:
    async with fleet.app.open_async():
        await fleet.prune()
