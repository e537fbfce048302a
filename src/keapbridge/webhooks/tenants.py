"""The receiver for all tenants of a fleet: it keeps what is delivered, and lets others sync it.

A tenant's address has a secret part of its own. Nothing is done for a tenant before something is delivered for it: what
it costs to wait does not depend on how many there are.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

import attrs

from keapbridge._flow.drivers import AsyncDriver
from keapbridge._flow.effects import now
from keapbridge.model.tenant import Tenant
from keapbridge.store.inbox import Arrival, Delivery, Message
from keapbridge.webhooks.asgi import Body, Receive, Scope, Send, headers_of, keap_delivery, path_below, serve
from keapbridge.webhooks.deliveries import RefusedError, customcrm_arrivals, json_expected
from keapbridge.webhooks.signature import Secrets, signed_message, verifiers
from keapbridge.webhooks.threads import on_its_own
from keapbridge.webhooks.together import Together

if TYPE_CHECKING:
    from datetime import datetime

    from standardwebhooks.webhooks import Webhook

__all__ = ["Doors", "HasDoors", "SecretOf", "TenantsApp", "tenants_app"]

_log = logging.getLogger("keapbridge.webhooks")
_PATH = re.compile(r"/(keap|customcrm)/([A-Za-z0-9_-]{16,128})")
KNOWN_FOR = 60.0  # seconds for which an address, or a secret, is not asked for again
MOST_KNOWN = 10_000

SecretOf = Callable[[Tenant], Secrets]
"""The host's function: a tenant → the secret, or the secrets, that its Customcrm signs with."""

T = TypeVar("T")


class Doors(Protocol):
    """What a fleet does for the receiver. All of it may wait for the database, and for nothing else."""

    @property
    def delay(self) -> float:
        """Seconds from a delivery to its sync."""
        ...

    def tenants_of(self, tokens: Sequence[str]) -> Sequence[Tenant | None]:
        """Whose addresses have these secret parts."""
        ...

    def keep(self, deliveries: Sequence[Delivery]) -> Sequence[bool]:
        """Keep deliveries, durably; whether each is new."""
        ...

    def sync_soon(self, dues: Mapping[str, datetime]) -> object:
        """Let what was delivered be synced: tenants, and when the first of it is due."""
        ...


@runtime_checkable
class HasDoors(Protocol):
    """A fleet, as far as the receiver needs to know it."""

    def doors(self) -> Doors:
        """What it does for the receiver."""
        ...


@attrs.define
class _Lately(Generic[T]):
    """What was asked for lately, for a while."""

    _known: OrderedDict[str, tuple[float, T]] = attrs.field(factory=OrderedDict, init=False)

    def get(self, key: str, moment: float) -> T | None:
        found = self._known.get(key)
        return None if found is None or found[0] <= moment else found[1]

    def keep(self, key: str, value: T, moment: float) -> None:
        self._known[key] = moment + KNOWN_FOR, value
        self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def drop(self, key: str) -> None:
        self._known.pop(key, None)


class TenantsApp:
    """An ASGI application that receives the webhooks of all tenants; made by `asgi_app(fleet)`.

    `fleet.tenants["acme"].keap_path` and `.customcrm_path` are the addresses below the place where it is mounted. It
    needs no lifespan. What it has kept is synced by the workers of the fleet.
    """

    def __init__(self, doors: Doors, secret_of: SecretOf | None, max_body: int) -> None:
        self._doors = doors
        self._secret_of = secret_of
        self._max_body = max_body
        self._driver = AsyncDriver()
        self._tenants: _Lately[Tenant] = _Lately()
        self._webhooks: _Lately[tuple[Webhook, ...]] = _Lately()
        self._found = Together(doors.tenants_of)
        self._kept = Together(doors.keep)
        self._told: dict[str, datetime] = {}  # tenants, and when the first is due that was delivered for them
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """For an application that mounts this one beside others; it does nothing but wait for the last delivery."""
        yield
        await self.aclose()

    async def aclose(self) -> None:
        """Hand over what was delivered last."""
        task, self._task = self._task, None
        if task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({task})

    def __repr__(self) -> str:
        return "<TenantsApp>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                while (await receive())["type"] == "lifespan.startup":
                    await send({"type": "lifespan.startup.complete"})
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
            case "http":
                await serve(self._answer, scope, receive, send, self._max_body)
            case "websocket":
                await send({"type": "websocket.close", "code": 1000})
            case other:
                raise NotImplementedError(f"ASGI scope {other!r}")

    async def _answer(self, scope: Scope, body: Body) -> tuple[int, dict[str, str]]:
        found = _PATH.fullmatch(path_below(scope))
        tenant = None if found is None else await self._tenant(found[2])
        if found is None or tenant is None or (found[1] == "customcrm" and self._secret_of is None):
            raise RefusedError(404, "no such address")
        if scope["method"] != "POST":
            raise RefusedError(405, "the method is not POST")
        headers = headers_of(scope)
        body.expect(headers.get("content-length", ""))
        if found[1] == "keap":
            echo, arrivals = await keap_delivery(headers, body)
            if arrivals:
                await self._keep(tenant, arrivals, None)
            return 200, echo
        content = await body.read()
        message = await self._signed(tenant, headers, content)
        json_expected(headers.get("content-type", ""))
        if not await self._keep(tenant, customcrm_arrivals(content, message.id), message):
            raise RefusedError(409, "the same message was delivered before")
        return 200, {}

    async def _tenant(self, token: str) -> Tenant | None:
        moment = asyncio.get_running_loop().time()
        tenant = self._tenants.get(token, moment)
        if tenant is None:
            tenant = await asyncio.wrap_future(self._found.submit(token))
            if tenant is not None:
                self._tenants.keep(token, tenant, moment)
        return tenant

    async def _signed(self, tenant: Tenant, headers: Mapping[str, str], content: bytes) -> Message:
        """The message; with a secret that is asked for once more if it does not fit, for it may be a new one."""
        moment = asyncio.get_running_loop().time()
        known = self._webhooks.get(tenant.name, moment)
        if known is not None:
            try:
                return signed_message(known, headers, content)
            except RefusedError:
                self._webhooks.drop(tenant.name)
        known = await asyncio.wrap_future(on_its_own(self._verifiers, tenant=tenant))
        self._webhooks.keep(tenant.name, known, moment)
        return signed_message(known, headers, content)

    def _verifiers(self, tenant: Tenant) -> tuple[Webhook, ...]:
        if self._secret_of is None:
            raise RefusedError(404, "no such address")
        try:
            return verifiers(self._secret_of(tenant))
        except Exception as error:
            _log.exception("the host's function failed that gives the secret of the Customcrm of %s", tenant.name)
            raise RefusedError(401, "the secret is not known") from error

    async def _keep(self, tenant: Tenant, arrivals: Sequence[Arrival], message: Message | None) -> bool:
        received = await self._driver.run(now())
        due = received + timedelta(seconds=self._doors.delay)
        delivery = Delivery(tenant.name, arrivals, received, due, message)
        taken = await asyncio.wrap_future(self._kept.submit(delivery, delivery.size))
        # Also of one that was kept before: its receiver may have died before it came to this.
        self._told.setdefault(tenant.name, due)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._hand_over(), name="keapbridge-tenants")
        return taken

    async def _hand_over(self) -> None:
        """Let it be synced as soon as it is due: once for all that came meanwhile. If that fails, the workers look."""
        while self._told:
            told, self._told = self._told, {}
            await asyncio.sleep(self._doors.delay + 0.01)
            try:
                await asyncio.wrap_future(on_its_own(self._doors.sync_soon, dues=told))
            except Exception as error:  # noqa: BLE001 - it is kept, and the workers look every few seconds
                _log.warning("webhooks: what was delivered could not be handed over yet: %s", type(error).__name__)


def tenants_app(fleet: HasDoors, secret: Secrets | SecretOf | None, max_body: int) -> TenantsApp:
    """The receiver for all tenants.

    Args:
        secret: for all of them, or what gives each one's.

    Raises:
        ImportError: when there is a secret, without the `webhooks` extra.
        ValueError: when a secret cannot be used.
    """
    if secret is None:
        return TenantsApp(fleet.doors(), None, max_body)
    if callable(secret):
        return TenantsApp(fleet.doors(), secret, max_body)
    verifiers(secret)
    one = secret
    return TenantsApp(fleet.doors(), lambda _: one, max_body)
