"""What becomes of deliveries: both systems agree afterwards, whatever happens on the way."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from webhook_requests import delivery, message, request

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge.model.side import Side
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator
from keapbridge.webhooks import WebhookApp

Sessions = Callable[..., kb.SyncSession]
Sign = Callable[..., Mapping[str, str]]

ADA = {"given_name": "Ada", "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}]}


def run(app: WebhookApp, *bodies: bytes, rereads: bool = True) -> None:
    """Deliver from Keap, one after the other, and wait for the syncs."""

    async def scenario() -> None:
        async with app.lifespan():
            for body in bodies:
                assert (await request(app, app.keap_path, body)).status == 200
            await app.drain(rereads=rereads, wait=240)

    asyncio.run(scenario())


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


def edit(server: KeapEmulator, id: str, name: str) -> None:
    server.state.contacts.edit(id, given_name=name)


@pytest.fixture
def ada(keap_server: KeapEmulator, session: kb.SyncSession) -> str:
    """Keap's id of a contact that is linked."""
    id = keap_server.state.contacts.add(ADA)
    assert session.sync().ok
    return id


def first_names(crm_server: CustomcrmEmulator) -> list[str]:
    return sorted(contact["FirstName"] for contact in crm_server.state.contacts.values())


# --- both directions ------------------------------------------------------------------------------------------------


def test_a_change_in_keap_reaches_the_customcrm(
    app: WebhookApp, ada: str, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    edit(keap_server, ada, "Augusta")
    run(app, delivery("contact.edit", ada))
    assert first_names(crm_server) == ["Augusta"]


def test_whom_keap_was_told_to_forget_is_forgotten_here_too(
    app: WebhookApp, ada: str, session: kb.SyncSession, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    edit(keap_server, ada, "Augusta")
    run(app, delivery("contact.edit", ada), delivery("contact.redact", ada))
    assert list(session.contacts.links()) == []
    assert not any(session.forget("contacts", keap=ada).erased.values())
    assert session.sync().count("created") == 0
    assert len(crm_server.state.contacts) == len(keap_server.state.contacts) == 1


def test_who_cannot_be_forgotten_yet_is_tried_again_and_lets_nobody_wait(
    app: WebhookApp, ada: str, keap_server: KeapEmulator, session: kb.SyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = keap_server.state.contacts.add({"given_name": "Bob"})
    linked: list[int] = []
    forget = kb.SyncSession.forget

    def not_yet(self: kb.SyncSession, *given: Any, **named: Any) -> kb.Forgotten:
        linked.append(len(list(session.contacts.links())))
        if len(linked) == 1:
            raise kb.UncertainError("it is not known yet", retry_at=datetime.now(UTC))
        return forget(self, *given, **named)

    monkeypatch.setattr(kb.SyncSession, "forget", not_yet)
    run(app, delivery("contact.redact", ada), delivery("contact.add", bob))
    assert [link.keap_id for link in session.contacts.links()] == [bob]
    assert linked[-1] == 2, "the other one was synced meanwhile"


def test_a_change_in_the_customcrm_reaches_keap(
    app: WebhookApp, ada: str, keap_server: KeapEmulator, crm_server: CustomcrmEmulator, sign: Sign
) -> None:
    [ours] = crm_server.state.contacts
    crm_server.state.contacts.edit(ours, FirstName="Augusta")
    body = message("contact.updated", ours)

    async def scenario() -> None:
        async with app.lifespan():
            assert (await request(app, "/customcrm", body, sign(body))).status == 200
            await app.drain()

    asyncio.run(scenario())
    assert keap_server.state.contacts[ada]["given_name"] == "Augusta"


def test_companies_and_products_flow_too(
    app: WebhookApp, session: kb.SyncSession, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    company = keap_server.state.companies.add({"company_name": "Acme"})
    product = keap_server.state.products.add({"name": "Widget", "short_description": "A widget", "price": 1250})
    run(app, delivery("product.add", product), delivery("company.add", company))
    assert [c["Name"] for c in crm_server.state.customers.values()] == ["Acme"]
    assert [p["Name"] for p in crm_server.state.products.values()] == ["Widget"]


def test_a_record_that_is_on_both_sides_already_is_linked_and_not_made_twice(
    app: WebhookApp, session: kb.SyncSession, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    crm_server.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    id = keap_server.state.contacts.add(ADA)
    run(app, delivery("contact.add", id))
    assert len(crm_server.state.contacts) == 1
    assert [link.keap_id for link in session.contacts.links()] == [id]


def test_a_deletion_is_looked_up_and_then_treated_as_the_policy_says(
    sessions: Sessions, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    session = sessions(policy=kb.Policy(deletions="delete"))
    ada, grace = keap_server.state.contacts.add_many([ADA, {"given_name": "Grace", "email_addresses": []}])
    session.sync()
    keap_server.state.contacts.delete(ada)
    app = kb.webhooks.asgi_app(session, delay=0, reread_after=None)
    # Of Grace it is not true: she is still there.
    run(app, delivery("contact.delete", ada, grace))
    assert first_names(crm_server) == ["Grace"]
    assert [link.keap_id for link in session.contacts.links()] == [grace]


def test_a_deletion_is_found_whatever_event_tells_of_the_record(
    app: WebhookApp, ada: str, session: kb.SyncSession, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    keap_server.state.contacts.delete(ada)
    run(app, delivery("contact.edit", ada))
    assert list(session.contacts.links()) == []
    assert first_names(crm_server) == ["Ada"]


# --- few calls ------------------------------------------------------------------------------------------------------


def test_ten_changes_of_a_record_are_one_sync(
    session: kb.SyncSession, ada: str, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    app = kb.webhooks.asgi_app(session, delay=0, reread_after=None)
    keap_server.requests.clear()
    crm_server.requests.clear()
    bodies = []
    for n in range(10):
        edit(keap_server, ada, f"Ada {n}")
        bodies.append(delivery("contact.edit", ada, stamp=f"2026-01-02T03:04:0{n}Z"))

    async def scenario() -> None:
        for body in bodies:  # all of them come before the first is looked at
            assert (await request(app, app.keap_path, body)).status == 200
        async with app.lifespan():
            await app.drain(rereads=True)

    asyncio.run(scenario())
    assert first_names(crm_server) == ["Ada 9"]
    assert len(crm_server.requests.writes) == 1
    assert len(keap_server.requests.matching("GET")) <= 2


def test_a_record_is_looked_at_once_more_because_keap_may_show_old_data(
    session: kb.SyncSession, ada: str, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    app = kb.webhooks.asgi_app(session, delay=0, reread_after=3600)

    async def scenario() -> None:
        async with app.lifespan():
            await request(app, app.keap_path, delivery("contact.edit", ada))
            await app.drain()
            # As if Keap had shown only now what the delivery was about.
            edit(keap_server, ada, "Augusta")
            with session._engine.bridge.store.database.transaction() as c:
                c.exec_driver_sql("UPDATE keapbridge_inbox SET due_at = received_at")
            app._wake()
            await app.drain(rereads=True)

    asyncio.run(scenario())
    assert first_names(crm_server) == ["Augusta"]


def test_a_second_look_is_left_out_when_something_newer_was_delivered(
    session: kb.SyncSession, ada: str, keap_server: KeapEmulator
) -> None:
    app = kb.webhooks.asgi_app(session, delay=0, reread_after=3600)

    async def scenario() -> None:
        async with app.lifespan():
            for second in range(3):
                await request(app, app.keap_path, delivery("contact.edit", ada, stamp=f"2026-01-02T03:04:0{second}Z"))
                await app.drain()

    asyncio.run(scenario())
    assert (app.status().waiting, app.status().rereads) == (0, 1)


def test_nothing_is_looked_at_again_when_that_is_not_wanted(session: kb.SyncSession, ada: str) -> None:
    app = kb.webhooks.asgi_app(session, delay=0, reread_after=None)
    run(app, delivery("contact.edit", ada))
    assert app.status().rereads == 0


# --- failures -------------------------------------------------------------------------------------------------------


def test_what_cannot_be_synced_now_is_synced_later(
    app: WebhookApp,
    ada: str,
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    edit(keap_server, ada, "Augusta")
    keap_server.faults.add(Fault(status=500, body=b"ada@example.org"), path="/contacts", times=7)
    run(app, delivery("contact.edit", ada))
    assert first_names(crm_server) == ["Augusta"]
    warnings = [
        r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and r.name == "keapbridge.webhooks"
    ]
    assert warnings == ["webhooks: 1 contacts could not be synced, tried again: ServerError 500"] * 2


@pytest.mark.usefixtures("broken_answers")
def test_a_record_that_cannot_be_read_stops_no_other(
    session: kb.SyncSession, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    people = [
        {"given_name": f"Ada {n}", "email_addresses": [{"email": f"a{n}@example.org", "field": "EMAIL1"}]}
        for n in range(5)
    ]
    ids = keap_server.state.contacts.add_many(people)
    session.sync()
    keap_server.state.contacts.corrupt(ids[2], given_name=["a", "list"])
    for id in ids:
        if id != ids[2]:
            edit(keap_server, id, f"Augusta {id}")
    app = kb.webhooks.asgi_app(session, delay=0, reread_after=None, retry=0.01, retry_cap=0.02)

    async def scenario() -> None:
        async with app.lifespan():
            await request(app, app.keap_path, delivery("contact.edit", *ids))
            await app.drain()

    asyncio.run(scenario())
    assert first_names(crm_server) == sorted([*(f"Augusta {id}" for id in ids if id != ids[2]), "Ada 2"])
    keap_server.state.contacts.corrupt(ids[2], given_name="Grace")
    session.sync(full=True)  # nobody tells of a record that mends itself
    assert first_names(crm_server) == sorted([*(f"Augusta {id}" for id in ids if id != ids[2]), "Grace"])


def test_a_write_that_failed_is_tried_again_by_itself(
    app: WebhookApp, ada: str, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    edit(keap_server, ada, "Augusta")
    crm_server.faults.add(Fault(status=500), method="PATCH", times=3)
    run(app, delivery("contact.edit", ada))
    assert first_names(crm_server) == ["Augusta"]


def test_a_busy_session_is_waited_for(
    app: WebhookApp, ada: str, session: kb.SyncSession, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    edit(keap_server, ada, "Augusta")
    lease, driver = session._engine.bridge.store.lease, SyncDriver()
    assert driver.run(lease.acquire("somebody", timedelta(minutes=3))) is None

    async def scenario() -> None:
        async with app.lifespan():
            await request(app, app.keap_path, delivery("contact.edit", ada))
            with pytest.raises(TimeoutError, match="1 records still wait"):
                await app.drain(wait=0.2)
            driver.run(lease.release("somebody"))
            await app.drain()

    asyncio.run(scenario())
    assert first_names(crm_server) == ["Augusta"]
    assert app.status().failing == 0


def test_a_brake_holds_and_what_was_delivered_stays(
    sessions: Sessions, keap_server: KeapEmulator, crm_server: CustomcrmEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    session = sessions(policy=kb.Policy(deletions="delete", max_deletes=0))
    id = keap_server.state.contacts.add(ADA)
    session.sync()
    keap_server.state.contacts.delete(id)
    app = kb.webhooks.asgi_app(session, delay=0, reread_after=None, retry=0.01, retry_cap=0.02)

    async def scenario() -> None:
        async with app.lifespan():
            await request(app, app.keap_path, delivery("contact.delete", id))
            await until(lambda: (app.status().waiting, app.status().failing) == (1, 1))

    asyncio.run(scenario())
    assert first_names(crm_server) == ["Ada"]
    assert "BrakeError" in caplog.text


# --- starting, stopping, dying --------------------------------------------------------------------------------------


def test_without_a_lifespan_the_worker_starts_at_the_first_request(
    app: WebhookApp, ada: str, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    async def scenario() -> None:
        edit(keap_server, ada, "Augusta")
        assert not app.status().running
        await request(app, app.keap_path, delivery("contact.edit", ada))
        assert app.status().running
        await app.drain()
        await app.aclose()
        assert not app.status().running

    asyncio.run(scenario())
    assert first_names(crm_server) == ["Augusta"]


def test_a_closed_receiver_keeps_what_comes_for_the_next_one(
    app: WebhookApp, ada: str, session: kb.SyncSession, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    async def scenario() -> None:
        await app.aclose()
        edit(keap_server, ada, "Augusta")
        assert (await request(app, app.keap_path, delivery("contact.edit", ada))).status == 200
        assert not app.status().running

    asyncio.run(scenario())
    assert app.pending == 1
    run(kb.webhooks.asgi_app(session, delay=0, reread_after=0))
    assert first_names(crm_server) == ["Augusta"]


def test_draining_works_without_a_worker(
    app: WebhookApp, ada: str, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    async def scenario() -> None:
        await app.aclose()
        edit(keap_server, ada, "Augusta")
        await request(app, app.keap_path, delivery("contact.edit", ada))
        await app.drain(rereads=True)

    asyncio.run(scenario())
    assert first_names(crm_server) == ["Augusta"]


def test_the_status_tells_of_the_oldest_that_waits(app: WebhookApp, ada: str) -> None:
    async def scenario() -> None:
        await app.aclose()
        await request(app, app.keap_path, delivery("contact.edit", ada, "999"))

    before = datetime.now(UTC)
    asyncio.run(scenario())
    status = app.status()
    assert (status.waiting, status.failing, status.rereads, status.running) == (2, 0, 0, False)
    assert status.oldest is not None
    assert before <= status.oldest <= datetime.now(UTC)


HOST = """
import asyncio, sys
import uvicorn
import keapbridge as kb

keap_url, keap_key, crm_url, crm_token, store = sys.argv[1:]
keap = kb.KeapClient(auth=kb.KeapApiKey(keap_key), base_url=keap_url)
crm = kb.CustomcrmClient(crm_url, auth=kb.BearerToken(crm_token))
session = kb.SyncSession(customcrm=crm, keap=keap, store=store)
app = kb.webhooks.asgi_app(session, delay=0)
# Without its lifespan nothing is done: killed in time, however slow the machine is.
config = uvicorn.Config(app, port=0, log_level="critical", access_log=False, lifespan="off")
server = uvicorn.Server(config)


async def serve():
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}{app.keap_path}", flush=True)
    await task


asyncio.run(serve())
"""


def test_a_host_that_is_killed_after_it_acknowledged_has_lost_nothing(
    tmp_path: Path,
    ada: str,
    session: kb.SyncSession,
    store: str,
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
) -> None:
    from keapbridge.testing._courier import post

    script = tmp_path / "host.py"
    script.write_text(HOST)
    arguments = [keap_server.base_url, keap_server.api_key, crm_server.base_url, crm_server.token, store]
    host = subprocess.Popen([sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert host.stdout is not None
        url = host.stdout.readline().strip()
        edit(keap_server, ada, "Augusta")
        answered = post(url, {"content-type": "application/json"}, delivery("contact.edit", ada), 10)
    finally:
        host.send_signal(signal.SIGKILL)
        host.wait()
        if host.stdout is not None:
            host.stdout.close()
    assert answered.status == 200
    assert first_names(crm_server) == ["Ada"]
    run(kb.webhooks.asgi_app(session, delay=0, reread_after=0))
    assert first_names(crm_server) == ["Augusta"]


def test_two_receivers_share_an_inbox(
    sessions: Sessions, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    people = [
        {"given_name": f"Ada {n}", "email_addresses": [{"email": f"a{n}@example.org", "field": "EMAIL1"}]}
        for n in range(15)
    ]
    ids = keap_server.state.contacts.add_many(people)
    one, other = (kb.webhooks.asgi_app(sessions(), delay=0, reread_after=0.02, retry=0.02) for _ in range(2))
    assert one.keap_path == other.keap_path

    async def scenario() -> None:
        async with one.lifespan(), other.lifespan():
            for id in ids:
                for app in (one, other):
                    assert (await request(app, app.keap_path, delivery("contact.add", id))).status == 200
            await one.drain(rereads=True)

    asyncio.run(scenario())
    assert first_names(crm_server) == sorted(person["given_name"] for person in people)
    assert one.status().failing == 0


# --- many -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [50, pytest.param(10_000, marks=pytest.mark.slow)])
def test_of_many_deliveries_none_is_lost(
    number: int,
    sessions: Sessions,
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
    rng: random.Random,
) -> None:
    """Duplicates, any order, failures of both systems, and a host that ends in the middle and starts again."""
    contacts = max(50, number // 20)
    session = sessions()
    ids = keap_server.state.contacts.add_many(
        {"given_name": f"Ada {n}", "email_addresses": [{"email": f"ada{n}@example.org", "field": "EMAIL1"}]}
        for n in range(contacts)
    )
    session.sync()
    expected = {id: f"Ada {n}" for n, id in enumerate(ids)}
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    underway: list[bytes] = []
    delivered = 0

    def change(n: int) -> None:
        nonlocal moment
        # Some records change before the restart only: no later delivery makes up for one that it lost.
        third = len(ids) // 3
        id = rng.choice(ids[:-third] if n < number // 2 else ids[third:])
        moment += timedelta(milliseconds=rng.randrange(1, 2000))
        expected[id] = f"Augusta {n}"
        edit(keap_server, id, expected[id])
        underway.append(delivery("contact.edit", id, stamp=moment.isoformat(timespec="milliseconds")))

    def arriving(count: int) -> list[bytes]:
        """Some of what is underway, in any order; a fifth of it comes again some day."""
        rng.shuffle(underway)
        some, underway[:] = underway[:count], underway[count:]
        underway.extend(body for body in some if rng.random() < 0.2)
        return some

    async def send(app: WebhookApp, count: int) -> None:
        nonlocal delivered
        answers = await asyncio.gather(*(request(app, app.keap_path, body) for body in arriving(count)))
        assert {answer.status for answer in answers} == {200}
        delivered += len(answers)

    async def deliver(app: WebhookApp, numbers: range) -> None:
        for n in numbers:
            change(n)
            if n % 20 == 19:
                await send(app, 18)
        # The host ends here, in whatever it is doing.

    async def finish(app: WebhookApp, numbers: range) -> None:
        async with app.lifespan():
            await deliver(app, numbers)
            while underway:
                await send(app, 20)
            await app.drain(rereads=True, wait=100)

    keap_server.faults.add(Fault(status=503), path="/contacts", skip=3, times=4)
    crm_server.faults.add(Fault(status=503), path="/contacts", skip=5, times=4)
    quick: dict[str, Any] = {"delay": 0.02, "reread_after": 0.05, "retry": 0.02, "retry_cap": 0.2}
    first = kb.webhooks.asgi_app(session, **quick)
    asyncio.run(deliver(first, range(number // 2)))
    assert first.status().waiting, "the restart finds something to do"
    session.close()
    asyncio.run(finish(kb.webhooks.asgi_app(sessions(), **quick), range(number // 2, number)))

    links = {link.keap_id: link.customcrm_id for link in sessions().contacts.links()}
    assert {id: crm_server.state.contacts[links[id]]["FirstName"] for id in ids} == expected
    assert len(crm_server.state.contacts) == contacts
    assert delivered > number
    print(f"{delivered} deliveries about {contacts} contacts")  # noqa: T201


def test_what_is_done_is_forgotten_after_a_day_and_not_before(app: WebhookApp, ada: str) -> None:
    run(app, delivery("contact.edit", ada))
    inbox = app._inbox
    now = datetime.now(UTC)
    for before, left in ((now - timedelta(days=1), 1), (now + timedelta(seconds=1), 0)):
        inbox.prune(before)
        with inbox.store.database.transaction() as c:
            assert c.exec_driver_sql("SELECT count(*) FROM keapbridge_inbox").scalar() == left


def test_what_came_in_during_a_sync_is_not_settled_by_it(app: WebhookApp, ada: str) -> None:
    from keapbridge.store.inbox import Arrival

    inbox, now = app._inbox, datetime.now(UTC)
    before, after = (Arrival("contacts", Side.KEAP, ada, "contact.edit", mark) for mark in ("1", "2"))
    inbox.put([before], now, now)
    taken = inbox.due("contacts", now, 10)
    inbox.put([after], now, now)
    inbox.finish("contacts", taken, now + timedelta(hours=1))
    assert (inbox.counts().waiting, inbox.counts().again) == (1, 0)
    inbox.finish("contacts", inbox.due("contacts", now, 10), now + timedelta(hours=1))
    assert (inbox.counts().waiting, inbox.counts().again) == (0, 1)


def test_what_a_stopped_sync_has_not_come_to_stays_in_the_inbox(
    session: kb.SyncSession, keap_server: KeapEmulator, crm_server: CustomcrmEmulator, ada: str
) -> None:
    edit(keap_server, ada, "Augusta")
    sync_ids, ended = session.contacts.sync_ids, list[bool]()

    def stopped_once(**ids: Any) -> kb.Report:
        report = sync_ids(**ids, deadline=None if ended else timedelta(microseconds=1))
        ended.append(report.complete)
        return report

    session.contacts.sync_ids = stopped_once  # type: ignore[method-assign, assignment]
    app = kb.webhooks.asgi_app(session, delay=0, reread_after=None, retry=0.02)
    run(app, delivery("contact.edit", int(ada)))
    assert ended[:2] == [False, True]
    [contact] = crm_server.state.snapshot()["contacts"].values()
    assert contact["FirstName"] == "Augusta"
