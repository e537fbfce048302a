"""The main scenario on an event loop: over sockets, and into the emulators' ASGI applications without any."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event
from tiers import variants

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

if TYPE_CHECKING:
    from conftest import World

LONG = 60  # seconds, for what takes none
over = pytest.mark.parametrize("sockets", variants([True, False], quick=[False]), ids=["sockets", "asgi"])


@asynccontextmanager
async def _session(
    keap_server: KeapEmulator, crm_server: CustomcrmEmulator, store: str, *, sockets: bool, **options: Any
) -> AsyncIterator[kb.AsyncSyncSession]:
    keap_app, crm_app = (None, None) if sockets else (keap_server.app, crm_server.app)
    async with (
        kb.AsyncKeapClient(
            auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url, app=keap_app
        ) as keap,
        kb.AsyncCustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token), app=crm_app) as crm,
        kb.AsyncSyncSession(customcrm=crm, keap=keap, store=store, **options) as session,
    ):
        yield session


@over
def test_the_main_scenario_works_on_an_event_loop(world: World, store: str, sockets: bool) -> None:
    crm, keap = world.crm.state, world.keap.state
    crm.customers.add({"Name": "Engines", "City": "London", "Country": "GB"})
    crm.contacts.add({"FirstName": "Ada", "LastName": "L", "Email": "ada@example.org", "CustomerId": "C1"})
    crm.contacts.add({"FirstName": "Bob", "Email": "bob@example.org"})
    loom = keap.companies.add({"company_name": "Looms"})
    keap.contacts.add(
        {
            "given_name": "Ada",
            "family_name": "L",
            "email_addresses": [
                {"email": "ada@example.org", "field": "EMAIL1"},
                {"email": "third@example.org", "field": "EMAIL3"},
            ],
        }
    )
    kim = {"email": "kim@example.org", "field": "EMAIL1"}
    keap.contacts.add({"given_name": "Kim", "email_addresses": [kim], "company": {"id": loom}})
    keap.products.add({"name": "Widget", "sku": "W", "price": 1250, "short_description": "w"})
    crm.products.add({"Name": "Gadget", "Sku": "G", "Price": "3.5", "Currency": "USD"})

    async def scenario() -> None:
        async with _session(world.keap, world.crm, store, sockets=sockets) as session:
            plan = await session.plan()
            assert world.writes == []
            report = await session.apply(plan.id)
            assert report.ok, report.failures
            assert world.counts() == {"companies": (2, 2), "products": (2, 2), "contacts": (3, 3)}
            with pytest.raises(kb.StalePlanError):
                await session.apply(plan)
            world.forget_requests()
            for full in (False, True):
                assert (await session.plan(full=full)).is_empty
                await session.sync(full=full)
            assert world.writes == []
            crm.contacts.edit("A1", Email="new@example.org")
            keap.contacts.edit("1", job_title="Countess")
            assert (await session.contacts.sync()).count("updated") == 2
            links = {link.customcrm_id: link.keap_id for link in session.contacts.links()}
            assert links["A1"] == "1"

    asyncio.run(scenario())
    assert crm.contacts["A1"]["JobTitle"] == "Countess"
    slots = {e["field"]: e["email"] for e in keap.contacts["1"]["email_addresses"]}
    assert slots == {"EMAIL1": "new@example.org", "EMAIL3": "third@example.org"}
    assert sorted(w.method for w in world.writes) == ["PATCH", "PATCH"]
    assert keap.contacts["1"]["company"]["company_name"] == "Engines"
    world.assert_quiet()


def test_emulators_need_no_server_to_be_synced(tmp_path: Path) -> None:
    keap_server, crm_server = KeapEmulator(), CustomcrmEmulator()
    crm_server.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(50))

    async def scenario() -> kb.Report:
        store = f"sqlite:///{tmp_path / 'asgi.db'}"
        async with _session(keap_server, crm_server, store, sockets=False) as session:
            return await session.sync()

    assert asyncio.run(scenario()).count("created") == 50
    assert len(keap_server.state.contacts) == 50
    keap_server.close()
    crm_server.close()


@over
def test_two_sessions_sync_side_by_side_on_one_loop(tmp_path: Path, sockets: bool) -> None:
    async def one(name: str) -> int:
        with KeapEmulator() as keap_server, CustomcrmEmulator() as crm_server:
            crm_server.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(20))
            async with _session(
                keap_server, crm_server, f"sqlite:///{tmp_path / 'shared.db'}", sockets=sockets, name=name
            ) as session:
                report = await session.sync()
            assert len(keap_server.state.contacts) == 20
            return report.count("created")

    async def both() -> list[int]:
        return await asyncio.gather(one("a"), one("b"))

    assert asyncio.run(both()) == [20, 20]


def test_the_loop_is_not_blocked_by_the_store_or_the_network(world: World, store: str) -> None:
    """Every statement and every answer is held back until the loop has gone round once more."""
    world.crm.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(30))
    held: list[bool] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def hold(*_: Any) -> None:
            gone_round = threading.Event()
            loop.call_soon_threadsafe(gone_round.set)
            held.append(gone_round.wait(LONG))

        async with _session(world.keap, world.crm, store, sockets=True) as session:
            with _before_each_statement(hold), _before_each_answer(world, hold):
                assert (await session.sync()).count("created") == 30

    asyncio.run(scenario())
    assert len(held) > 30
    assert all(held)


@contextmanager
def _before_each_statement(hold: Callable[..., None]) -> Iterator[None]:
    event.listen(Engine, "before_cursor_execute", hold)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", hold)


@contextmanager
def _before_each_answer(world: World, hold: Callable[..., None]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for log in (world.keap.requests, world.crm.requests):
            patch.setattr(log, "add", lambda item, add=log.add: (hold(), add(item)))
        yield


def test_the_sync_session_works_inside_a_running_loop(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})

    async def notebook() -> kb.Report:
        return world.sync()

    assert asyncio.run(notebook()).count("created") == 1
    assert world.counts()["contacts"] == (1, 1)


def test_a_cancelled_sync_is_completed_by_the_next_one(world: World, store: str) -> None:
    world.crm.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(60))

    async def scenario() -> None:
        loop, some_are_there, answers = asyncio.get_running_loop(), asyncio.Event(), count(1)

        def tell() -> None:
            if next(answers) == 20:
                loop.call_soon_threadsafe(some_are_there.set)

        async with _session(world.keap, world.crm, store, sockets=True) as session:
            with _before_each_answer(world, tell):
                task = asyncio.create_task(session.sync())
                await some_are_there.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

    asyncio.run(scenario())
    world.sync()
    world.sync()
    assert world.counts()["contacts"] == (60, 60)
    assert len({c["given_name"] for c in world.keap.state.contacts.values()}) == 60
    world.assert_quiet()
