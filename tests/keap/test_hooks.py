"""Keap's REST hooks: the client against the emulator, and the emulator against a receiver of the test's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from threads import leaving_no_thread

import keapbridge as kb
from keapbridge._io.calls import Answer
from keapbridge.keap import hook_endpoints
from keapbridge.keap.hooks import EVENTS
from keapbridge.testing import Fault, HookBehaviour, KeapEmulator
from keapbridge.testing._server import LoopbackServer

pytestmark = pytest.mark.usefixtures("sockets")  # Keap calls the receiver while it is called

PATH = "/keap/a-token-that-nobody-guesses"


class Receiver:
    """A receiver that answers as told; `bodies` are the deliveries it took."""

    def __init__(self) -> None:
        self.statuses: list[int] = []  # for the next deliveries; 200 after them
        self.echoes = True
        self.secrets: list[str] = []
        self.bodies: list[Any] = []
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = dict(scope["headers"])
        secret = headers.get(b"x-hook-secret")
        answered = []
        if secret is not None:
            self.secrets.append(secret.decode())
            answered = [(b"x-hook-secret", secret)] if self.echoes else []
            status = 200
        else:
            status = self.statuses.pop(0) if self.statuses else 200
            if status < 400:
                self.bodies.append(json.loads(body))
        await send({"type": "http.response.start", "status": status, "headers": answered})
        await send({"type": "http.response.body", "body": b""})

    @property
    def ids(self) -> list[int]:
        return [key["id"] for body in self.bodies for key in body["object_keys"]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with LoopbackServer(made) as server:
        made.url = f"http://127.0.0.1:{server.port}{PATH}"
        yield made


@pytest.fixture
def verified(keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver) -> kb.keap.Hook:
    """A subscription to new contacts that delivers."""
    hook = keap.hooks.subscribe("contact.add", receiver.url)
    keap_server.hooks.flush()
    return keap.hooks.get(hook.key)


def _behave(server: KeapEmulator, **changes: Any) -> None:
    server.hooks.behaviour = attrs.evolve(server.hooks.behaviour, **changes)


# --- the client -----------------------------------------------------------------------------------------------------


def test_a_subscription_is_verified_soon_after_it_was_made(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    hook = keap.hooks.subscribe("contact.edit", receiver.url)
    assert (hook.event_key, hook.hook_url) == ("contact.edit", receiver.url)
    keap_server.hooks.flush()
    assert keap.hooks.get(hook.key).is_verified
    assert [each.key for each in keap.hooks.list()] == [hook.key]
    assert len(receiver.secrets) == 1


def test_a_receiver_that_does_not_answer_with_the_secret_stays_unverified(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    receiver.echoes = False
    hook = keap.hooks.subscribe("contact.edit", receiver.url)
    keap_server.hooks.flush()
    assert keap.hooks.get(hook.key).status == "Unverified"
    # It can send the secret back later instead.
    assert keap.hooks.delayed_verify(hook.key, receiver.secrets[-1]).is_verified


def test_a_delayed_verification_needs_the_secret(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    receiver.echoes = False
    hook = keap.hooks.subscribe("contact.edit", receiver.url)
    keap_server.hooks.flush()
    with pytest.raises(kb.StatusError) as refused:
        keap.hooks.delayed_verify(hook.key, "another")
    assert refused.value.status == 400


def test_a_silent_subscription_is_revived_by_asking_again(
    keap: kb.KeapClient, keap_server: KeapEmulator, verified: kb.keap.Hook
) -> None:
    keap_server.hooks.deactivate(verified.key)
    assert keap.hooks.get(verified.key).status == "Inactive"
    keap.hooks.verify(verified.key)
    keap_server.hooks.flush()
    assert keap.hooks.get(verified.key).is_verified


def test_a_subscription_can_be_given_another_event_and_is_verified_anew(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver, verified: kb.keap.Hook
) -> None:
    updated = keap.hooks.update(verified.key, event_key="product.add")
    assert (updated.key, updated.event_key, updated.hook_url) == (verified.key, "product.add", receiver.url)
    keap_server.hooks.flush()
    assert keap.hooks.get(verified.key).is_verified
    assert len(receiver.secrets) == 2


def test_a_subscription_ends(keap: kb.KeapClient, verified: kb.keap.Hook) -> None:
    keap.hooks.delete(verified.key)
    assert keap.hooks.list() == ()
    for call in (keap.hooks.get, keap.hooks.verify, keap.hooks.delete):
        with pytest.raises(kb.NotFoundError):
            call(verified.key)


def test_the_events_of_the_three_objects_can_be_subscribed_to(keap: kb.KeapClient) -> None:
    assert set(EVENTS) <= set(keap.hooks.event_keys())


def test_an_event_that_keap_does_not_know_is_refused(keap: kb.KeapClient, receiver: Receiver) -> None:
    with pytest.raises(kb.StatusError):
        keap.hooks.subscribe("contact.sneeze", receiver.url)


def test_an_address_that_is_no_url_never_reaches_keap(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    with pytest.raises(ValueError, match="http"):
        keap.hooks.subscribe("contact.edit", "bridge.example.com/keap")
    assert len(keap_server.requests) == 0


def test_the_emulator_calls_no_other_machine(keap: kb.KeapClient) -> None:
    with pytest.raises(kb.StatusError, match="loopback"):
        keap.hooks.subscribe("contact.edit", "https://bridge.example.com/keap")


def test_no_representation_shows_the_secret_address() -> None:
    hook = kb.keap.Hook("1", "contact.edit", "https://user:pw@bridge.example.com/keap/s3cret?x=s3cret", "Verified")
    assert "https://bridge.example.com/…" in repr(hook)
    assert "s3cret" not in repr(hook) + repr(kb.keap.HookReport((hook,))) + str(kb.keap.HookReport((hook,)))
    assert "pw" not in repr(hook)


def test_a_subscription_whose_outcome_is_unknown_is_not_repeated(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    keap_server.faults.add(Fault(status=503, when="after"), method="POST", path="/hooks")
    with pytest.raises(kb.ServerError):
        keap.hooks.subscribe("contact.edit", receiver.url)
    assert len(keap.hooks.list()) == 1


def test_a_list_of_another_shape_names_the_place() -> None:
    answer = Answer(200, {}, b'[{"key": "1", "eventKey": "contact.add", "hookUrl": "http://x", "status": 3}]')
    with pytest.raises(kb.ShapeError) as wrong:
        hook_endpoints.list_hooks().decode(answer)
    assert wrong.value.paths == ("$[0].status",)


def test_the_async_client_does_the_same(keap_server: KeapEmulator, receiver: Receiver) -> None:
    async def scenario() -> kb.keap.HookReport:
        async with kb.AsyncKeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap:
            hook = await keap.hooks.subscribe("contact.add", receiver.url)
            assert (await keap.hooks.get(hook.key)).event_key == "contact.add"
            assert [each.key for each in await keap.hooks.list()] == [hook.key]
            assert "contact.add" in await keap.hooks.event_keys()
            await keap.hooks.update(hook.key, event_key="contact.edit")
            await keap.hooks.verify(hook.key)
            await keap.hooks.delete(hook.key)
            return await keap.hooks.ensure(receiver.url, ["contact.add"], wait=60)

    report = asyncio.run(scenario())
    assert (report.ok, report.subscribed) == (True, ("contact.add",))


# --- keeping hooks subscribed ---------------------------------------------------------------------------------------


def test_everything_is_subscribed_and_a_second_time_nothing_is_done(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    report = keap.hooks.ensure(receiver.url, wait=60)
    assert report.ok
    assert report.subscribed == EVENTS
    keap_server.requests.clear()
    again = keap.hooks.ensure(receiver.url, wait=60)
    assert (again.ok, again.subscribed, again.revived, again.removed) == (True, (), (), ())
    assert keap_server.requests.writes == []
    assert str(again) == f"{len(EVENTS)} of {len(EVENTS)} hooks are verified"


def test_what_fell_silent_is_revived(keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver) -> None:
    keap.hooks.ensure(receiver.url, wait=60)
    silent = keap.hooks.list()[3]
    keap_server.hooks.deactivate(silent.key)
    report = keap.hooks.ensure(receiver.url, wait=60)
    assert (report.revived, report.subscribed) == ((silent.event_key,), ())
    assert all(hook.is_verified for hook in keap.hooks.list())


def test_what_cannot_be_revived_is_made_anew(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    keap.hooks.ensure(receiver.url, ["contact.add"], wait=60)
    [silent] = keap.hooks.list()
    keap_server.hooks.deactivate(silent.key)
    keap_server.faults.add(Fault(status=404), path=f"/hooks/{silent.key}/verify")
    report = keap.hooks.ensure(receiver.url, ["contact.add"], wait=60)
    assert (report.ok, report.subscribed) == (True, ("contact.add",))
    assert report.hooks[0].key != silent.key


def test_one_that_stays_inactive_is_replaced(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    keap.hooks.ensure(receiver.url, ["contact.add"], wait=60)
    [silent] = keap.hooks.list()
    keap_server.hooks.deactivate(silent.key)
    answer = json.dumps({**keap_server.hooks.subscriptions[0]}).encode()
    keap_server.faults.add(Fault(200, answer, "application/json"), path=f"/hooks/{silent.key}/verify")
    report = keap.hooks.ensure(receiver.url, ["contact.add"], wait=0.5)
    assert report.subscribed == ("contact.add",)
    keap_server.hooks.flush()
    [new] = keap.hooks.list()
    assert (new.key != silent.key, new.is_verified) == (True, True)


def test_surplus_subscriptions_are_removed_and_a_verified_one_is_kept(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    for _ in range(3):
        keap.hooks.subscribe("contact.add", receiver.url)
    keap_server.hooks.flush()
    keap_server.hooks.deactivate("1")
    keap_server.hooks.deactivate("3")
    report = keap.hooks.ensure(receiver.url, ["contact.add"], wait=60)
    assert report.removed == ("contact.add", "contact.add")
    assert [(hook.key, hook.status) for hook in keap.hooks.list()] == [("2", "Verified")]


def test_subscriptions_of_others_are_left_alone(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    other, event = f"{receiver.url}-of-somebody-else", "invoice.add"
    keap.hooks.subscribe("contact.add", other)
    keap.hooks.subscribe(event, receiver.url)
    keap_server.hooks.flush()
    keap.hooks.ensure(receiver.url, ["contact.add"], wait=60)
    assert [(h.event_key, h.hook_url) for h in keap.hooks.list()] == [
        ("contact.add", other),
        (event, receiver.url),
        ("contact.add", receiver.url),
    ]


def test_a_former_address_is_given_up_when_the_new_one_is_verified(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    old = f"{receiver.url}-before"
    keap.hooks.ensure(old, ["contact.add"], wait=60)
    receiver.echoes = False
    report = keap.hooks.ensure(receiver.url, ["contact.add"], replaces=[old], wait=0.05)
    assert report.unverified == ("contact.add",)
    assert {hook.hook_url for hook in keap.hooks.list()} == {old, receiver.url}
    receiver.echoes = True
    report = keap.hooks.ensure(receiver.url, ["contact.add"], replaces=[old], wait=60)
    assert (report.revived, report.removed) == (("contact.add",), ("contact.add",))
    assert {hook.hook_url for hook in keap.hooks.list()} == {receiver.url}


def test_events_that_this_keap_does_not_know_are_reported(keap: kb.KeapClient, receiver: Receiver) -> None:
    report = keap.hooks.ensure(receiver.url, ["contact.add", "contact.sneeze"], wait=60)
    assert (report.ok, report.unavailable) == (True, ("contact.sneeze",))


# --- the emulator's deliveries --------------------------------------------------------------------------------------


def test_changes_are_delivered_together(keap_server: KeapEmulator, receiver: Receiver, verified: kb.keap.Hook) -> None:
    ids = keap_server.state.contacts.add_many({"given_name": f"Ada {n}"} for n in range(3))
    keap_server.state.contacts.add({"given_name": "Grace"})
    keap_server.hooks.flush()
    assert receiver.ids == [*map(int, ids), int(ids[-1]) + 1]
    assert {body["event_key"] for body in receiver.bodies} == {"contact.add"}
    assert {body["object_type"] for body in receiver.bodies} == {"contact"}
    assert [d.status for d in keap_server.hooks.deliveries if d.event == "contact.add"] == [200]


def test_a_delivery_has_at_most_so_many_ids(
    keap_server: KeapEmulator, receiver: Receiver, verified: kb.keap.Hook
) -> None:
    keap_server.state.contacts.add_many({"given_name": f"Ada {n}"} for n in range(2001))
    keap_server.hooks.flush()
    assert sorted(len(body["object_keys"]) for body in receiver.bodies) == [1, 1000, 1000]


@pytest.mark.parametrize("kind", ["contact", "company", "product"])
def test_writes_over_the_api_are_delivered(
    kind: str, keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    keap.hooks.ensure(receiver.url, [f"{kind}.{what}" for what in ("add", "edit", "delete")], wait=60)
    clients: dict[str, tuple[Any, Any, dict[str, str]]] = {
        "contact": (
            keap.contacts,
            kb.keap.Contact(given_name="Ada", email_addresses=[kb.keap.EmailAddress("ada@example.org", "EMAIL1")]),
            {"given_name": "Augusta"},
        ),
        "company": (keap.companies, kb.keap.Company(company_name="Acme"), {"company_name": "Globex"}),
        "product": (
            keap.products,
            kb.keap.Product(name="Widget", short_description="A widget", price=kb.keap.Money(1250)),
            {"name": "Gadget"},
        ),
    }
    client, record, changes = clients[kind]
    id = client.create(record).id
    keap_server.hooks.flush()
    client.update(id, **changes)
    keap_server.hooks.flush()
    client.delete(id)
    keap_server.hooks.flush()
    assert [body["event_key"] for body in receiver.bodies] == [f"{kind}.{what}" for what in ("add", "edit", "delete")]
    assert receiver.ids == [int(id)] * 3


def test_no_event_tells_of_the_loser_of_a_merge(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver
) -> None:
    keap.hooks.ensure(receiver.url, ["contact.edit", "contact.delete"], wait=60)
    winner, loser = keap_server.state.contacts.add_many([{"given_name": "Ada"}, {"family_name": "Lovelace"}])
    keap_server.state.contacts.merge(winner, loser)
    keap_server.hooks.flush()
    assert [(body["event_key"], body["object_keys"][0]["id"]) for body in receiver.bodies] == [
        ("contact.edit", int(winner))
    ]


def test_a_failed_delivery_is_tried_four_times_and_then_the_hook_is_silent(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver, verified: kb.keap.Hook
) -> None:
    _behave(keap_server, time_scale=0.0001)
    receiver.statuses = [500, 503, 404, 400, 500]
    keap_server.state.contacts.add({"given_name": "Ada"})
    keap_server.hooks.flush()
    attempts = [d for d in keap_server.hooks.deliveries if d.event == "contact.add"]
    assert [(d.attempt, d.status) for d in attempts] == [(1, 500), (2, 503), (3, 404), (4, 400)]
    assert keap.hooks.get(verified.key).status == "Inactive"
    keap_server.state.contacts.add({"given_name": "Grace"})
    keap_server.hooks.flush()
    assert receiver.bodies == []


def test_a_delivery_that_fails_once_arrives_later(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver, verified: kb.keap.Hook
) -> None:
    receiver.statuses = [500]
    id = keap_server.state.contacts.add({"given_name": "Ada"})
    keap_server.hooks.flush()
    assert receiver.ids == [int(id)]
    assert keap.hooks.get(verified.key).is_verified


def test_a_receiver_that_is_gone_is_given_up_at_once(
    keap: kb.KeapClient, keap_server: KeapEmulator, receiver: Receiver, verified: kb.keap.Hook
) -> None:
    receiver.statuses = [410]
    keap_server.state.contacts.add({"given_name": "Ada"})
    keap_server.hooks.flush()
    assert keap.hooks.get(verified.key).status == "Inactive"
    assert len([d for d in keap_server.hooks.deliveries if d.event == "contact.add"]) == 1


def test_a_receiver_that_is_not_there_counts_as_a_failure(keap_server: KeapEmulator, keap: kb.KeapClient) -> None:
    hook = keap.hooks.subscribe("contact.add", "http://127.0.0.1:9/keap")
    keap_server.hooks.flush()
    assert [d.status for d in keap_server.hooks.deliveries] == [0]
    assert keap.hooks.get(hook.key).status == "Unverified"


def test_deliveries_come_twice_and_out_of_order_as_told(
    keap_server: KeapEmulator, receiver: Receiver, verified: kb.keap.Hook
) -> None:
    _behave(keap_server, duplicates=0.5, reordered=0.5, most_ids=1)
    ids = keap_server.state.contacts.add_many({"given_name": f"Ada {n}"} for n in range(60))
    keap_server.hooks.flush()
    assert set(receiver.ids) == set(map(int, ids))
    assert len(receiver.ids) > len(ids)
    assert list(dict.fromkeys(receiver.ids)) != list(map(int, ids))


def test_nothing_is_noted_and_no_thread_runs_while_nobody_is_subscribed() -> None:
    with KeapEmulator() as server, leaving_no_thread("keap-hooks"):
        server.state.contacts.add({"given_name": "Ada"})
        assert server.state.changed is None


def test_the_thread_of_deliveries_ends_with_the_emulator(receiver: Receiver) -> None:
    with KeapEmulator(hook_behaviour=HookBehaviour(time_scale=10, verify_before_answering=True)) as server:
        with kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap:
            assert keap.hooks.subscribe("contact.add", receiver.url).is_verified
        server.state.contacts.add({"given_name": "Ada"})
        courier = server.hooks._courier._thread
        assert courier is not None
        with pytest.raises(TimeoutError):
            server.hooks.flush(0.01)
    assert not courier.is_alive()
    assert receiver.bodies == []
