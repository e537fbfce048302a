"""What a job does with a host's functions that fail, hang or give something else, and how long the turn of one is.

The registry is in memory, the queue is a list, and no system is called but by the syncs that succeed.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import attrs
import pytest

import keapbridge as kb
from keapbridge.decide.shares import Stretch
from keapbridge.fleet.jobs import Jobs
from keapbridge.fleet.open_sessions import OpenSessions
from keapbridge.fleet.queue import priority_of
from keapbridge.model.side import Side
from keapbridge.model.tenant import Lane, Standing, Tenant
from keapbridge.store.database import Database
from keapbridge.store.inbox import Arrival, Delivery, put_all
from keapbridge.store.opening import memory_engine
from keapbridge.store.tenants import Claim, SqlTenants
from keapbridge.testing import CustomcrmEmulator, KeapEmulator
from keapbridge.webhooks import worker
from keapbridge.webhooks.worker import Pauses

MOMENT = timedelta(milliseconds=1)
LONG = timedelta(minutes=10)
HOUR = timedelta(hours=1)


@attrs.define
class House:
    """A fleet of one process; `open` is the host's function, by tenant."""

    crm: CustomcrmEmulator
    keap: KeapEmulator
    database: Database = attrs.field(factory=lambda: Database(memory_engine()))
    open: dict[str, Callable[..., Any]] = attrs.field(factory=dict)
    queue: dict[int, Claim] = attrs.field(factory=dict)
    closed: list[str] = attrs.field(factory=list)
    kept: OpenSessions = attrs.field(init=False)
    deadline: timedelta = LONG

    def __attrs_post_init__(self) -> None:
        self.kept = self.keeping(LONG)

    @property
    def rows(self) -> SqlTenants:
        return SqlTenants(self.database)

    def keeping(self, patience: timedelta, most: int = 200) -> OpenSessions:
        store = cast("str", self.database.engine)
        return OpenSessions(
            lambda tenant, store: self.open.get(tenant.name, self.session)(tenant, store),
            store,
            self.database,
            most,
            patience,
        )

    @contextmanager
    def session(self, tenant: Tenant, store: Any) -> Iterator[kb.SyncSession]:
        with (
            kb.KeapClient(auth=kb.KeapApiKey(self.keap.api_key), base_url=self.keap.base_url) as keap,
            kb.CustomcrmClient(self.crm.base_url, auth=kb.BearerToken(self.crm.token)) as crm,
            kb.SyncSession(customcrm=crm, keap=keap, store=store, name=tenant.name) as session,
        ):
            yield session
        self.closed.append(tenant.name)

    def add(self, *names: str) -> None:
        for name in names:
            self.rows.add(Tenant(name), name, lambda now: {"sync_at": now})

    def _defer(self, _: object, claims: Sequence[Claim]) -> list[int]:
        numbers = [len(self.queue) + place for place, _ in enumerate(claims, 1)]
        self.queue |= dict(zip(numbers, claims, strict=True))
        return numbers

    def dispatch(self, lane: Lane = Lane.SYNC) -> list[int]:
        """Put what is due into the queue; the numbers of the jobs."""
        before = set(self.queue)
        self.rows.claim(lane, 100, self._defer)
        return sorted(set(self.queue) - before)

    def jobs(self, grace: timedelta = LONG) -> Jobs:
        pauses = Pauses(0.0, None, 10.0, 900.0)
        return Jobs(self.rows, self.kept, Stretch, deadline=self.deadline, pauses=pauses, receiver=None, grace=grace)

    async def work(self, *numbers: int, grace: timedelta = LONG) -> None:
        jobs = self.jobs(grace)
        await asyncio.gather(*(jobs.run(self.queue[n].name, self.queue[n].lane, n, False) for n in numbers))

    def run(self, *numbers: int, grace: timedelta = LONG) -> None:
        async def all_of_them() -> None:
            await self.work(*numbers, grace=grace)
            await self.kept.close()

        asyncio.run(all_of_them())

    def __getitem__(self, name: str) -> Standing:
        found = self.rows.find(name)
        assert found is not None
        return found


@pytest.fixture
def house(crm_server: CustomcrmEmulator, keap_server: KeapEmulator) -> House:
    return House(crm_server, keap_server)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hangs, hangs until the test is over."""
    made = threading.Event()
    yield made
    made.set()


def raising(error: BaseException) -> Callable[..., Any]:
    def open_session(tenant: Tenant, store: str) -> Any:
        raise error

    return open_session


def raising_later(error: BaseException) -> Callable[..., Any]:
    async def open_session(tenant: Tenant, store: str) -> Any:
        raise error

    return open_session


ERRORS = [
    KeyError("no such secret"),
    StopIteration(),  # of next() over a vault that has nothing
    SystemExit(3),
    asyncio.CancelledError(),
    kb.AuthError("refused"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_opening_raises_fails_its_tenant_alone(house: House, error: BaseException) -> None:
    house.add("acme", "globex")
    house.open["acme"] = raising(error)
    house.run(*house.dispatch())
    assert [house[name].outcome for name in ("acme", "globex")] == ["failed", "complete"]
    assert (house["acme"].in_row, house["acme"].jobs[Lane.SYNC]) == (1, None)
    assert (house["acme"].due[Lane.SYNC] or house.rows.now()) > house.rows.now(), "it backs off"


@pytest.mark.parametrize("error", [KeyError("no such secret"), SystemExit(3)], ids=lambda error: type(error).__name__)
def test_whatever_an_asynchronous_one_raises_does_the_same(house: House, error: BaseException) -> None:
    house.add("acme", "globex")
    house.open["acme"] = raising_later(error)
    house.run(*house.dispatch())
    assert [house[name].outcome for name in ("acme", "globex")] == ["failed", "complete"]


@pytest.mark.parametrize("given", [None, 7, "a session", object(), [], lambda: None])
def test_what_is_no_session_fails_its_tenant_alone_and_says_what_to_return(house: House, given: Any) -> None:
    house.add("acme", "globex")
    house.open["acme"] = lambda *_: given
    house.run(*house.dispatch())
    assert [house[name].outcome for name in ("acme", "globex")] == ["failed", "complete"]
    assert "it returns a kb.SyncSession" in house["acme"].why


def test_opening_that_hangs_fails_its_tenant_alone_and_is_called_once(house: House, gate: threading.Event) -> None:
    called: list[str] = []

    def hangs(tenant: Tenant, store: str) -> Any:
        called.append(tenant.name)
        gate.wait()
        return house.session(tenant, store)

    house.add("acme", "globex")
    house.kept, house.open["acme"] = house.keeping(MOMENT), hangs

    async def twice() -> None:
        [acme] = [n for n in house.dispatch() if house.queue[n].name == "acme"]
        await house.work(acme)
        assert house["acme"].why == "open(tenant, store) has given no session within 0.001 s"
        house.rows.change("acme", lambda found, now: (found.tenant, {"sync_at": now}))
        await house.work(*house.dispatch())
        assert (house["acme"].in_row, called) == (2, ["acme"]), "no second thread hangs for it"
        gate.set()
        house.kept._patience = LONG.total_seconds()
        async with house.kept.of(Tenant("acme")):
            pass  # what has come late is kept for the next job
        house.rows.change("acme", lambda found, now: (found.tenant, {"sync_at": now}))
        await house.work(*house.dispatch())
        assert (house["acme"].outcome, called) == ("complete", ["acme"])
        await house.kept.close()

    asyncio.run(twice())


def test_who_is_told_to_stop_waits_for_no_session_and_is_due_at_once(house: House, gate: threading.Event) -> None:
    begun = threading.Event()

    def hangs(tenant: Tenant, store: str) -> Any:
        begun.set()
        gate.wait()

    house.add("acme")
    house.open["acme"] = hangs

    async def stopped() -> None:
        [number] = house.dispatch()
        jobs = house.jobs()
        job = asyncio.ensure_future(jobs.run("acme", Lane.SYNC, number, False))
        await asyncio.get_running_loop().run_in_executor(None, begun.wait)
        jobs.stop()
        await job

    asyncio.run(stopped())
    assert house["acme"].outcome == "stopped"
    assert len(house.dispatch()) == 1


def test_a_job_that_hangs_in_the_hosts_functions_gives_its_place_to_others(
    house: House, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.add("acme")
    house.deadline = MOMENT
    monkeypatch.setattr(kb.SyncSession, "sync", lambda *_, **__: gate.wait())

    async def work() -> None:
        async with house.kept.of(Tenant("acme")):
            pass  # it is open already
        await house.work(*house.dispatch(), grace=MOMENT)

    asyncio.run(work())
    assert (house["acme"].outcome, house["acme"].in_row) == ("failed", 1)
    assert house["acme"].why == "it did not end when it was told to"
    assert len(house.kept) == 0, "the next job has a session of its own"


def test_a_process_that_ends_does_not_wait_for_what_hangs() -> None:
    """It would wait for ever: its supervisor would have to kill it."""
    script = (
        "import asyncio, threading\n"
        "from keapbridge.fleet.open_sessions import called\n"
        "async def work():\n"
        "    task = asyncio.ensure_future(called(threading.Event().wait))\n"
        "    await asyncio.wait({task}, timeout=0.01)\n"
        "asyncio.run(work())\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_closing_that_fails_or_hangs_changes_nothing_of_what_was_done(
    house: House, gate: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    @contextmanager
    def fails(tenant: Tenant, store: str) -> Iterator[kb.SyncSession]:
        with house.session(tenant, store) as session:
            yield session
        raise KeyError("the vault is gone")

    @contextmanager
    def hangs(tenant: Tenant, store: str) -> Iterator[kb.SyncSession]:
        with house.session(tenant, store) as session:
            yield session
        gate.wait()

    house.add("acme", "globex", "initech")
    house.open |= {"acme": fails, "globex": hangs}

    async def one_after_the_other() -> None:
        numbers = house.dispatch()
        for number in numbers:
            house.kept = house.keeping(LONG, most=1)
            await house.work(number)
            if house.queue[number].name == "globex":
                house.kept._patience = 0.001  # the others are not hurried
            await house.kept.close()

    asyncio.run(one_after_the_other())
    assert {house[name].outcome for name in ("acme", "globex", "initech")} == {"complete"}
    assert caplog.text.count("was not closed as it should be") == 2


def test_closing_the_session_of_one_tenant_fails_no_other(house: House) -> None:
    @contextmanager
    def fails(tenant: Tenant, store: str) -> Iterator[kb.SyncSession]:
        with house.session(tenant, store) as session:
            yield session
        raise KeyError("the vault is gone")

    house.add("acme", "globex")
    house.kept, house.open["acme"] = house.keeping(LONG, most=1), fails

    async def one_after_the_other() -> None:
        for number in sorted(house.dispatch(), key=lambda n: house.queue[n].name):
            await house.work(number)  # that of acme is closed when globex has one
        await house.kept.close()

    asyncio.run(one_after_the_other())
    assert [house[name].outcome for name in ("acme", "globex")] == ["complete"] * 2


def test_a_tenant_that_rests_keeps_what_is_delivered_until_it_goes_on(house: House) -> None:
    house.add("acme")
    id = int(house.keap.state.contacts.add({"given_name": "Ada"}))
    house.rows.change("acme", lambda found, _: (attrs.evolve(found.tenant, paused=True), {}))
    flooded(house, "acme", range(id, id + 1))
    assert (house.dispatch(), house.dispatch(Lane.HOOKS)) == ([], [])
    assert house.rows.waiting(["acme"]) == {"acme": 1}
    house.rows.change("acme", lambda found, _: (attrs.evolve(found.tenant, paused=False), {}))
    house.run(*house.dispatch(Lane.HOOKS))
    assert house.rows.waiting(["acme"]) == {}
    assert len(house.crm.state.snapshot()["contacts"]) == 1


def test_a_job_of_a_tenant_that_was_paused_removed_or_added_again_meanwhile_does_nothing(house: House) -> None:
    house.add("paused", "removed", "again")
    numbers = house.dispatch()
    house.rows.change("paused", lambda found, _: (attrs.evolve(found.tenant, paused=True), {}))
    for name in ("removed", "again"):
        house.rows.remove(name)
    house.add("again")
    for name in ("paused", "removed", "again"):
        house.open[name] = raising(AssertionError("no session is opened"))
    house.run(*numbers)
    assert [house[name].outcome for name in ("paused", "again")] == ["", ""]
    assert [house.queue[number].name for number in house.dispatch()] == ["again"]


def test_a_fleet_without_tenants_has_nothing_to_do(house: House) -> None:
    assert [house.dispatch(lane) for lane in Lane] == [[], [], []]
    assert house.rows.notice_clock() == house.rows.notice_deliveries() == house.rows.page() == []


# --- whose turn it is -------------------------------------------------------------------------------------------------


def flooded(house: House, name: str, ids: range) -> None:
    now = house.rows.now()
    arrivals = [Arrival("contacts", Side.KEAP, str(id), "contact.edit", "m") for id in ids]
    put_all(house.database, [Delivery(name, arrivals, now - HOUR, now - HOUR)])
    house.rows.deliver({name: now - HOUR})


def test_a_job_syncs_one_batch_of_a_flood_and_lines_up_behind_all_that_is_due(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BATCH", 3)
    house.add("acme")
    ids = [int(house.keap.state.contacts.add({"given_name": f"Ada {number}"})) for number in range(7)]
    flooded(house, "acme", range(ids[0], ids[0] + 7))
    left: list[int] = []
    for _ in range(3):
        begun = house.rows.now()
        house.run(*house.dispatch(Lane.HOOKS))
        left.append(house.rows.waiting(["acme"]).get("acme", 0))
        due = house["acme"].due[Lane.HOOKS]
        assert due is None or due >= begun, "what was delivered an hour ago does not go before others again"
    assert left == [4, 1, 0]
    assert house["acme"].due[Lane.HOOKS] is None
    assert len(house.crm.state.snapshot()["contacts"]) == 7


@pytest.mark.parametrize("whose", ["acme", "globex"])
def test_a_flood_delays_a_sync_by_its_patience_and_by_one_turn_of_each(whose: str) -> None:
    """One place for all, played in virtual time: deliveries for three tenants never end, a turn takes seven seconds."""
    turn = timedelta(seconds=7)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    sync = Claim(whose, Lane.SYNC, start, False)
    waiting = [Claim(name, Lane.HOOKS, start - HOUR, False) for name in ("acme", "initech", "umbrella")]
    clock, waits = start, [sync, *waiting]
    while (now := min(waits, key=lambda claim: -priority_of(claim))) is not sync:
        clock += turn
        waits.remove(now)
        waits.append(attrs.evolve(now, due=clock))  # as it is noted at the end of its job
    assert timedelta(seconds=60) <= clock - start <= timedelta(seconds=60) + 3 * turn


def test_priorities_are_numbers_that_the_queue_can_keep() -> None:
    for year in (1, 1970, 2026, 9999):
        for lane in Lane:
            assert -(2**31) < priority_of(Claim("acme", lane, datetime(year, 1, 1, tzinfo=UTC), False)) < 2**31
