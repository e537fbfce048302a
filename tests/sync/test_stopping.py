"""Stopping: a run ends at its next call when its session is told so, or when its time is up; what was sent is kept."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from threads import leaving_no_thread
from tiers import variants

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Blocking, Effect, Send
from keapbridge.sync.stopping import Stopping

if TYPE_CHECKING:
    from conftest import World

RECORDS = 40


@pytest.fixture
def full(world: World) -> World:
    for n in range(RECORDS):
        world.crm.state.contacts.add({"FirstName": f"A{n}", "LastName": "L", "City": "Oslo"})
    return world


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises `KeyboardInterrupt`, also where the tests were started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def meanwhile(session: Any, number: int, then: Callable[[], Any]) -> Iterator[None]:
    """Something happens, once, when so many creates have been sent."""
    driver, sent, lock = session._driver, [0], threading.Lock()
    perform = driver.perform

    def watched(effect: Effect) -> Any:
        if isinstance(effect, Send) and effect.call.method == "POST":
            with lock:
                sent[0] += 1
                due = sent[0] == number
            if due:
                then()
        return perform(effect)

    driver.perform = watched
    yield
    driver.perform = perform


def made(world: World) -> int:
    return len(world.keap.state.contacts)


def open_intents(session: kb.SyncSession) -> int:
    return len(SyncDriver().run(session._engine.bridge.store.intents.open("contacts")))


def assert_done_by_the_next(world: World, session: kb.SyncSession) -> None:
    """It finds no writer at work, and in the end there is one of each."""
    assert session.sync().ok
    names = sorted(contact["given_name"] for contact in world.keap.state.contacts.values())
    assert names == sorted(f"A{n}" for n in range(RECORDS))
    world.assert_quiet()


def test_a_run_that_is_told_to_stop_returns_what_it_has_done(full: World) -> None:
    session = full.sessions()
    with meanwhile(session, 5, session.stop):
        report = session.sync()
    assert not report.complete
    assert "stopped before its end" in str(report)
    assert report.count("created") == made(full) < RECORDS
    assert open_intents(session) == 0, "what was never sent need not be looked for"
    assert_done_by_the_next(full, session)


@pytest.mark.usefixtures("interruptible")
def test_a_run_that_is_interrupted_ends_before_its_caller_learns_of_it(full: World) -> None:
    session = full.sessions()
    with (
        leaving_no_thread(),
        meanwhile(session, 5, lambda: os.kill(os.getpid(), signal.SIGINT)),
        pytest.raises(KeyboardInterrupt),
    ):
        session.sync()
    before = made(full)
    assert before < RECORDS
    assert open_intents(session) <= 1, "only what was broken off on the thread of the caller"
    assert_done_by_the_next(full, session)


def test_so_does_one_that_a_signal_handler_ends(full: World) -> None:
    def handler(*_: Any) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, handler)
    session = full.sessions()
    try:
        with (
            meanwhile(session, 5, lambda: os.kill(os.getpid(), signal.SIGTERM)),
            pytest.raises(SystemExit, match="143"),
        ):
            session.sync()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert made(full) < RECORDS
    assert_done_by_the_next(full, session)


def test_an_undoing_right_after_it_takes_back_what_was_made(full: World) -> None:
    session = full.sessions()
    with meanwhile(session, 5, session.stop):
        report = session.sync()
    assert session.undo(report.run_id).count("deleted") == report.count("created")
    assert made(full) == 0


def test_a_client_that_is_closed_while_it_is_used_ends_the_run(full: World) -> None:
    crm = kb.CustomcrmClient(full.crm.base_url, auth=kb.BearerToken(full.crm.token))
    keap = kb.KeapClient(auth=kb.KeapApiKey(full.keap.api_key), base_url=full.keap.base_url)
    with crm, kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://") as session:
        with meanwhile(session, 5, keap.close):
            report = session.sync()
        assert not report.complete
        assert not report.failures, "calls on their way are waited for"
        assert report.count("created") == made(full) < RECORDS
        assert open_intents(session) == 0
    with pytest.raises(kb.StoppedError, match="was closed"):
        keap.contacts.get("1")


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///{}/closed.db"], ids=["memory", "file"])
def test_a_session_that_is_closed_while_it_is_used_closes_its_store_when_the_run_has_ended(
    full: World, address: str, tmp_path: Path
) -> None:
    with full.sessions(store=address.format(tmp_path)) as session:
        with meanwhile(session, 5, session.close):
            report = session.sync()
        assert not report.complete
        assert report.count("created") == made(full) < RECORDS
        with pytest.raises(kb.SyncError, match="is closed"):
            session.sync()
    if address == "sqlite://":
        with pytest.raises(kb.LinkStoreError, match="in memory, and is gone"):
            list(report.lines)
    else:
        assert {line.outcome for line in report.lines} == {"created"}
        assert [path.name for path in tmp_path.glob("closed.db*")] == ["closed.db"], "a connection is open still"
        with full.sessions(store=address.format(tmp_path)) as other:
            assert_done_by_the_next(full, other)


def test_what_is_stopped_before_it_has_a_plan_has_a_report_too(full: World) -> None:
    session = full.sessions()
    driver = session._driver
    perform = driver.perform

    def watched(effect: Effect) -> Any:
        if isinstance(effect, Send):
            session.stop()
        return perform(effect)

    driver.perform = watched
    report = session.sync()
    assert (report.complete, report.counts, list(report.lines)) == (False, {}, [])
    with pytest.raises(kb.StoppedError, match="told to stop") as stopped:
        session.plan()
    assert isinstance(stopped.value, kb.TryLaterError)
    assert stopped.value.retry_at is not None
    driver.perform = perform
    assert_done_by_the_next(full, session)


def test_planning_that_calls_nobody_is_stopped_as_well(full: World) -> None:
    session = full.sessions()
    session.sync()
    full.crm.state.customers.add({"Name": "Bolt"})
    driver, perform, asked = session._driver, session._driver.perform, []

    def watched(effect: Effect) -> Any:
        if isinstance(effect, Blocking) and effect.label in {"links.pairs", "match_keys.groups", "match_keys.unlinked"}:
            asked.append(effect.label)
            session.stop()
        return perform(effect)

    driver.perform = watched  # type: ignore[method-assign]
    with pytest.raises(kb.StoppedError, match="told to stop"):
        session.companies.plan(full=True)
    assert len(asked) == 1


@pytest.mark.parametrize("label", variants(["same_key", "remove"], quick=["remove"]))
def test_ending_links_is_stopped_as_well(full: World, label: str) -> None:
    """In the middle of planning what follows, and of removing."""
    assert full.sync().ok
    for id in list(full.keap.state.contacts):
        full.keap.state.contacts.delete(id)
    with full.sessions(policy=kb.Policy(max_deletes=None, max_delete_share=None)) as session:
        driver: Any = session._driver
        perform, seen = driver.perform, [0]

        def watched(effect: Effect) -> Any:
            if isinstance(effect, Blocking) and label in effect.label:
                seen[0] += 1
                if seen[0] == 3:
                    session.stop()
            return perform(effect)

        driver.perform = watched
        report = session.sync(full=True)
        assert not report.complete
        assert seen[0] < 12
        assert report.count("unlinked") == (3 if label == "remove" else 0)
        driver.perform = perform
        report = session.sync(full=True)
    assert report.complete
    assert report.count("unlinked") == RECORDS - (3 if label == "remove" else 0)
    assert len(full.crm.state.contacts) == RECORDS


def test_a_run_whose_time_is_up_returns_what_it_has_done(full: World) -> None:
    session = full.sessions()
    assert session.sync(deadline=timedelta(microseconds=1)).complete is False
    with pytest.raises(kb.StoppedError, match="time of the run is up"):
        session.plan(deadline=timedelta(microseconds=1))
    assert session.sync(deadline=timedelta(hours=1)).complete
    with pytest.raises(ValueError, match="deadline must be more"):
        session.sync(deadline=timedelta(0))
    assert_done_by_the_next(full, session)


def test_who_waits_for_another_runner_can_be_stopped(world: World) -> None:
    session = world.sessions()
    SyncDriver().run(session._engine.bridge.store.lease.acquire("another", timedelta(minutes=1)))
    with pytest.raises(kb.StoppedError):
        session.sync(wait=60, deadline=timedelta(microseconds=1))


def test_a_session_of_an_event_loop_stops_as_well(full: World) -> None:
    async def scenario() -> kb.Report:
        crm = kb.AsyncCustomcrmClient(full.crm.base_url, auth=kb.BearerToken(full.crm.token))
        keap = kb.AsyncKeapClient(auth=kb.KeapApiKey(full.keap.api_key), base_url=full.keap.base_url)
        async with crm, keap, kb.AsyncSyncSession(customcrm=crm, keap=keap, store="sqlite://") as session:
            with meanwhile(session, 5, session.stop):
                return await session.sync()

    report = asyncio.run(scenario())
    assert not report.complete
    assert report.count("created") == made(full) < RECORDS


def test_a_task_that_is_cancelled_leaves_no_lease(full: World) -> None:
    async def scenario() -> kb.Report:
        crm = kb.AsyncCustomcrmClient(full.crm.base_url, auth=kb.BearerToken(full.crm.token))
        keap = kb.AsyncKeapClient(auth=kb.KeapApiKey(full.keap.api_key), base_url=full.keap.base_url)
        async with crm, keap, kb.AsyncSyncSession(customcrm=crm, keap=keap, store="sqlite://") as session:
            task = asyncio.create_task(session.sync())
            with meanwhile(session, 5, task.cancel), pytest.raises(asyncio.CancelledError):
                await task
            before = made(full)
            assert before < RECORDS
            return await session.sync()

    assert asyncio.run(scenario()).complete


def test_only_runs_under_way_are_told() -> None:
    stopping = Stopping()
    before = object()
    assert stopping.has_been_told(before)
    gate = stopping.gate()
    assert not stopping.has_been_told(gate.told)
    stopping.stop()
    assert stopping.has_been_told(gate.told)
    assert not stopping.has_been_told(stopping.gate().told)
