"""The receiver for all tenants: each delivery is kept for its tenant alone, and handed over once for many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from webhook_requests import JSON, Answered, delivery, message, request

import keapbridge as kb
from keapbridge.fleet.doors import FleetDoors
from keapbridge.model.tenant import Lane, Tenant
from keapbridge.store.database import Database
from keapbridge.store.inbox import inbox_of
from keapbridge.store.opening import memory_engine
from keapbridge.store.tenants import Claim, SqlTenants
from keapbridge.testing._webhooks import new_secret
from keapbridge.webhooks.tenants import TenantsApp

Sign = Callable[..., Mapping[str, str]]
TOKENS = {"acme": "a" * 32, "globex": "b" * 32}


@attrs.define
class Hosts:
    """A fleet as the receiver knows it, whose queue is a list."""

    delay: float = 0.0
    rows: SqlTenants = attrs.field(factory=lambda: SqlTenants(Database(memory_engine())))
    deferred: list[list[Claim]] = attrs.field(factory=list)
    secrets: dict[str, str] = attrs.field(factory=lambda: {name: new_secret() for name in TOKENS})
    asked: list[str] = attrs.field(factory=list)

    def doors(self) -> FleetDoors:
        doors: Any = FleetDoors(self.rows, self.rows.database, self.defer, self.delay)  # type: ignore[arg-type]
        return doors  # type: ignore[no-any-return]

    def defer(self, _: object, claims: Sequence[Claim]) -> list[int]:
        self.deferred.append(list(claims))
        return [len(self.deferred)] * len(claims)

    def secret_of(self, tenant: Tenant) -> str:
        self.asked.append(tenant.name)
        return self.secrets[tenant.name]

    def waiting(self) -> dict[str, int]:
        return dict(self.rows.waiting(list(TOKENS)))


@pytest.fixture
def hosts() -> Hosts:
    made = Hosts()
    for name, token in TOKENS.items():
        made.rows.add(Tenant(name), token, lambda _: {})
    return made


@pytest.fixture
def app(hosts: Hosts) -> TenantsApp:
    return kb.webhooks.asgi_app(hosts, customcrm_secret=hosts.secret_of)


def post(app: TenantsApp, *requests: tuple[str, bytes, Mapping[str, str]]) -> list[Answered]:
    async def all_of_them() -> list[Answered]:
        try:
            return [await request(app, *each) for each in requests]  # type: ignore[arg-type]
        finally:
            await app.aclose()

    return asyncio.run(all_of_them())


def test_each_delivery_is_kept_for_its_tenant_and_handed_over_once_for_all(app: TenantsApp, hosts: Hosts) -> None:
    acme, globex = (f"/keap/{TOKENS[name]}" for name in ("acme", "globex"))
    sent = [(acme, delivery("contact.edit", id), JSON) for id in (12, 13, 14)]
    answered = post(app, *sent, (globex, delivery("contact.edit", 12), JSON))
    assert [each.status for each in answered] == [200] * 4
    assert hosts.waiting() == {"acme": 3, "globex": 1}
    claimed = [claim for claims in hosts.deferred for claim in claims]
    assert sorted((claim.name, claim.lane) for claim in claimed) == [("acme", Lane.HOOKS), ("globex", Lane.HOOKS)]


def test_a_verification_is_answered_and_nothing_is_done(app: TenantsApp, hosts: Hosts) -> None:
    [answered] = post(app, (f"/keap/{TOKENS['acme']}", b"", {"X-Hook-Secret": "abc"}))
    assert (answered.status, answered.headers["x-hook-secret"]) == (200, "abc")
    assert (hosts.waiting(), hosts.deferred) == ({}, [])


@pytest.mark.parametrize(
    "path", ["/", "/keap/", f"/keap/{'c' * 32}", f"/keap/{TOKENS['acme']}/", f"/other/{TOKENS['acme']}", "/keap/acme"]
)
def test_no_other_address_is_there(app: TenantsApp, hosts: Hosts, path: str) -> None:
    assert post(app, (path, delivery("contact.edit", 12), JSON))[0].status == 404
    assert hosts.waiting() == {}


def test_without_a_secret_there_is_no_address_for_a_customcrm(hosts: Hosts, sign: Sign) -> None:
    body = message("contact.updated", "A7")
    plain = kb.webhooks.asgi_app(hosts)
    assert post(plain, (f"/customcrm/{TOKENS['acme']}", body, {**JSON, **sign(body)}))[0].status == 404


def test_a_message_is_taken_with_the_secret_of_its_tenant_alone(app: TenantsApp, hosts: Hosts, sign: Sign) -> None:
    body = message("contact.updated", "A7")
    signed = {**JSON, **sign(body, secret=hosts.secrets["acme"])}
    acme, globex = (f"/customcrm/{TOKENS[name]}" for name in ("acme", "globex"))
    answered = post(app, (acme, body, signed), (globex, body, signed), (acme, body, signed))
    assert [each.status for each in answered] == [200, 401, 409]
    assert hosts.waiting() == {"acme": 1}


def test_a_new_secret_of_a_tenant_is_found(app: TenantsApp, hosts: Hosts, sign: Sign) -> None:
    body, path = message("contact.updated", "A7"), f"/customcrm/{TOKENS['acme']}"
    first = {**JSON, **sign(body, secret=hosts.secrets["acme"])}
    hosts.secrets["acme"], old = new_secret(), hosts.secrets["acme"]
    second = {**JSON, **sign(body, "msg_2", secret=hosts.secrets["acme"])}
    hosts.secrets["acme"], new = old, hosts.secrets["acme"]

    async def all_of_them() -> list[int]:
        found = [(await request(app, path, body, first)).status]
        hosts.secrets["acme"] = new
        found.append((await request(app, path, body, second)).status)
        await app.aclose()
        return found

    assert asyncio.run(all_of_them()) == [200, 200]
    assert hosts.asked == ["acme", "acme"]


def test_a_host_that_cannot_give_a_secret_refuses_its_tenant_alone(app: TenantsApp, hosts: Hosts, sign: Sign) -> None:
    del hosts.secrets["globex"]
    body = message("contact.updated", "A7")
    signed = {**JSON, **sign(body, secret=hosts.secrets["acme"])}
    paths = [f"/customcrm/{TOKENS[name]}" for name in ("globex", "acme")]
    assert [each.status for each in post(app, *((path, body, signed) for path in paths))] == [401, 200]


def test_a_message_whose_receiver_died_before_it_was_noted_is_due_when_it_comes_again(
    app: TenantsApp, hosts: Hosts, sign: Sign
) -> None:
    body = message("contact.updated", "A7")
    signed = {**JSON, **sign(body, secret=hosts.secrets["acme"])}
    post(app, (f"/customcrm/{TOKENS['acme']}", body, signed))
    hosts.rows.end("acme", Lane.HOOKS, 1, lambda _, __: _none())
    with hosts.rows.database.transaction() as c:
        c.exec_driver_sql("UPDATE keapbridge_tenants SET hooks_at = NULL")
    assert post(app, (f"/customcrm/{TOKENS['acme']}", body, signed))[0].status == 409
    found = hosts.rows.find("acme")
    assert found is not None
    assert found.due[Lane.HOOKS] is not None


def _none() -> Any:
    from keapbridge.store.tenants import Change

    return Change(None)


def test_what_a_fleet_has_is_not_given_to_its_receiver(hosts: Hosts) -> None:
    with pytest.raises(ValueError, match="a fleet has the pauses"):
        kb.webhooks.asgi_app(hosts, delay=1.0)  # type: ignore[call-overload]


def test_the_inbox_of_a_tenant_is_that_of_its_session(hosts: Hosts) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    post(kb.webhooks.asgi_app(hosts), (f"/keap/{TOKENS['acme']}", delivery("contact.edit", 12), JSON))
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert [each.id for each in inbox_of(hosts.rows.database, "acme").due("contacts", later, 10)] == ["12"]
    assert moment < later
