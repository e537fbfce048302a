"""The receiver: a plain ASGI application. It takes a delivery, keeps it durably, acknowledges it, and has it synced.

Nothing here needs a web framework. What is refused is logged in one line that says what was wrong and nothing of what
was sent.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import attrs

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import blocking, new_id, now
from keapbridge.errors import SessionBusyError, StoppedError
from keapbridge.model.given import keywords, optional, seconds, whole, wrong
from keapbridge.store.inbox import Arrival, Delivery, Message, SqlInbox, put_all
from keapbridge.sync.aio import AsyncSyncSession
from keapbridge.sync.session import SyncSession
from keapbridge.webhooks.asgi import Body, Receive, Scope, Send, headers_of, keap_delivery, path_below, serve
from keapbridge.webhooks.deliveries import RefusedError, customcrm_arrivals, json_expected
from keapbridge.webhooks.signature import Secrets, signed_message, verifiers
from keapbridge.webhooks.tenants import HasDoors, SecretOf, TenantsApp, tenants_app
from keapbridge.webhooks.threads import for_inboxes, on_its_own
from keapbridge.webhooks.together import Together
from keapbridge.webhooks.worker import Pauses, Syncs, Worker

if TYPE_CHECKING:
    from standardwebhooks.webhooks import Webhook

__all__ = ["WebhookApp", "WebhookStatus", "asgi_app"]

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")


@attrs.frozen
class WebhookStatus:
    """How it goes.

    Attributes:
        waiting: records that were delivered and are not synced yet.
        failing: those of them, and of the ones below, that have failed so far; they are tried again.
        rereads: records that are synced and will be looked at once more.
        oldest: when the oldest delivery that waits was received (UTC).
        running: whether the worker is at work here.
    """

    waiting: int
    failing: int
    rereads: int
    oldest: datetime | None
    running: bool


@overload
def asgi_app(
    session: SyncSession | AsyncSyncSession,
    *,
    customcrm_secret: Secrets | None = None,
    token: str | None = None,
    max_body: int = 1024 * 1024,
    delay: float = 2.0,
    reread_after: float | None = 60.0,
    retry: float = 10.0,
    retry_cap: float = 900.0,
) -> WebhookApp: ...
@overload
def asgi_app(
    session: HasDoors, *, customcrm_secret: Secrets | SecretOf | None = None, max_body: int = 1024 * 1024
) -> TenantsApp: ...
@keywords({"secret": "customcrm_secret"})
def asgi_app(
    session: SyncSession | AsyncSyncSession | HasDoors,
    *,
    customcrm_secret: Secrets | SecretOf | None = None,
    token: str | None = None,
    max_body: int = 1024 * 1024,
    delay: float = 2.0,
    reread_after: float | None = 60.0,
    retry: float = 10.0,
    retry_cap: float = 900.0,
) -> WebhookApp | TenantsApp:
    """Make the receiver of webhooks, for a session or a fleet: an ASGI application, to be mounted or served alone.

    A delivery is kept in the session's store before it is acknowledged, and synced after. Nothing is lost when the
    process ends in between: the next one goes on.

    - `app.keap_path` (`/keap/` and an unguessable token) takes deliveries of Keap's REST hooks and answers their
      verification. `keap.hooks.ensure` subscribes it.
    - `app.customcrm_path` (`/customcrm`) takes signed webhooks of the Customcrm, when there is a secret for them.

    With a fleet each tenant has addresses of its own, `fleet.tenants["acme"].keap_path` and `.customcrm_path`; what was
    kept is synced by the workers of the fleet, which has the pauses.

    Args:
        session: what syncs. It must stay open while the application runs. An `AsyncSyncSession` must belong to the
            event loop that serves the application. Or a `Fleet`.
        customcrm_secret: the secret that the Customcrm signs with, after the Standard Webhooks specification
            (`whsec_…`, or bytes): best 24 to 64 random bytes. With several, each is accepted (the `webhooks` extra).
            For a fleet also a function that is called with a tenant, and gives its secret or secrets.
        token: the secret part of the address for Keap, whose deliveries are not signed: 16 to 128 letters, digits,
            `-` and `_`. Without one, it is made once and kept in the store, so that all processes have the same.
        max_body: the most bytes of a request's body.
        delay: seconds from a delivery to its sync; what comes in meanwhile about the same record is synced with it.
        reread_after: seconds after which a record of Keap's is looked at once more, because Keap may still show what it
            held before. A change that Keap tells with the same time as an earlier one is found only by that: keep it
            above a second, or give `None` to do without.
        retry: seconds before what failed is tried again; doubled with each failure.
        retry_cap: the longest pause, in seconds, between failures. What fails stays until it succeeds.

    Raises:
        ImportError: when there is a `customcrm_secret`, without the `webhooks` extra.
        TypeError: when it is no session and no fleet.
        ValueError: when a secret, the token or a number cannot be used.
    """
    if isinstance(session, HasDoors):
        if (token, delay, reread_after, retry, retry_cap) != (None, 2.0, 60.0, 10.0, 900.0):
            raise ValueError(
                "a fleet has the pauses, as Fleet(..., delay=2.0), and its tenants their tokens: asgi_app(fleet) takes "
                "customcrm_secret and max_body"
            )
        return tenants_app(session, customcrm_secret, whole("max_body", max_body, least=1, example=1024 * 1024))
    if not isinstance(session, (SyncSession, AsyncSyncSession)):
        raise wrong("session", "a kb.SyncSession, a kb.AsyncSyncSession or a Fleet, such as asgi_app(session)", session)
    if callable(customcrm_secret):
        raise wrong("customcrm_secret", "a secret or several, such as customcrm_secret='whsec_…'", customcrm_secret)
    if token is not None and not (isinstance(token, str) and _TOKEN.fullmatch(token)):
        raise ValueError("token takes 16 to 128 letters, digits, - and _, such as token=secrets.token_urlsafe(32)")
    whole("max_body", max_body, least=1, example=1024 * 1024)
    delay, retry, retry_cap = seconds("delay", delay), seconds("retry", retry), seconds("retry_cap", retry_cap)
    reread_after = optional(seconds)("reread_after", reread_after)
    if retry == 0 or retry_cap < retry:
        raise ValueError("retry takes seconds, such as retry=10, and retry_cap no fewer, such as retry_cap=900")
    store = session._engine.bridge.store  # noqa: SLF001 - a room of the same house: the inbox is in the session's store
    inbox = SqlInbox(store)
    if token is None:
        token = inbox.token(SyncDriver().run(new_id()))
    signatures = () if customcrm_secret is None else verifiers(customcrm_secret)
    pauses = Pauses(delay, reread_after, retry, retry_cap)
    return WebhookApp(inbox, syncs_of(session), token, signatures, max_body, pauses)


def syncs_of(session: SyncSession | AsyncSyncSession) -> Syncs:
    """What a session does for a worker."""

    async def changed(name: str) -> object:
        target = getattr(session, name)
        return await _called(target.sync)

    async def ids(name: str, keap: Sequence[str], customcrm: Sequence[str]) -> object:
        target = getattr(session, name)
        return await _called(target.sync_ids, keap=keap, customcrm=customcrm)

    async def forget(name: str, keap: str) -> object:
        return await _called(session.forget, name=name, keap=keap)

    async def _called(method: Callable[..., Any], **arguments: Any) -> object:
        if isinstance(session, AsyncSyncSession):
            return await method(**arguments)
        # Syncs of slow systems must not hold the threads that the host and other receivers need.
        return await asyncio.wrap_future(on_its_own(method, **arguments))

    return Syncs(changed, ids, forget)


class WebhookApp:
    """An ASGI application that receives webhooks; made by `asgi_app`.

    Its worker starts with the server's lifespan. A framework does not pass that on to an application that is mounted in
    it: there it starts at the first request, unless `lifespan` is given to the outer application.

    Attributes:
        keap_path: where Keap's hooks go, below the place where the application is mounted. Keep it secret.
        customcrm_path: where the Customcrm's webhooks go; `None` when there is no secret for them.
    """

    def __init__(
        self, inbox: SqlInbox, syncs: Syncs, token: str, signatures: tuple[Webhook, ...], max_body: int, pauses: Pauses
    ) -> None:
        self._inbox = inbox
        self._syncs = syncs
        self._signatures = signatures
        self._max_body = max_body
        self._pace = pauses
        self._driver = AsyncDriver(pool=for_inboxes())
        self._kept = Together(partial(put_all, inbox.store.database))
        self._worker: Worker | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self.keap_path = f"/keap/{token}"
        self.customcrm_path = "/customcrm" if signatures else None

    # --- for the host

    def status(self) -> WebhookStatus:
        """How much there is to do. It reads the store on the calling thread."""
        counts = self._inbox.counts()
        return WebhookStatus(counts.waiting, counts.failing, counts.again, counts.oldest, self._is_running())

    @property
    def pending(self) -> int:
        """How many records were delivered and are not synced yet. It reads the store on the calling thread."""
        return self._inbox.counts().waiting

    async def drain(self, *, rereads: bool = False, wait: float = 30.0) -> None:
        """Wait until everything that was delivered is synced; for tests, and before a host is taken down.

        It works itself where no worker is running. Call it from any event loop; with an `AsyncSyncSession` and no
        worker, from the session's.

        Args:
            rereads: wait for the second looks, too.
            wait: seconds to wait for it. The delays of `asgi_app` are not cut short.

        Raises:
            TimeoutError: when something still waits then.
        """
        try:
            async with asyncio.timeout(wait):
                while True:
                    counts = await self._driver.run(blocking("count", self._inbox.counts))
                    if not counts.waiting and not (rereads and counts.again):
                        return
                    if self._is_running():
                        await asyncio.sleep(0.01)
                    else:
                        await asyncio.sleep(min(0.05, await self._work_here()))
        except TimeoutError:
            raise TimeoutError(f"{self.pending} records still wait after {wait:g} s") from None

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """The worker runs inside: `FastAPI(lifespan=webhooks.lifespan)` for an application that mounts this one."""
        self._closed = False
        self._start()
        try:
            yield
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Stop the worker, after the records that it is syncing now. What waits stays in the inbox.

        Requests are still kept and acknowledged, for the next process to sync.
        """
        self._closed = True
        worker, task, loop = self._worker, self._task, self._loop
        if worker is None or task is None or loop is None or not self._is_running():
            return
        loop.call_soon_threadsafe(worker.stop)
        if loop is asyncio.get_running_loop():
            await asyncio.wait({task})
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_ended(task), loop))

    def __repr__(self) -> str:
        return f"<WebhookApp for {self._inbox.store.bridge!r}>"

    # --- the worker

    def _is_running(self) -> bool:
        task, loop = self._task, self._loop
        return task is not None and not task.done() and loop is not None and loop.is_running()

    def _make_worker(self) -> Worker:
        return Worker(self._inbox, self._inbox.store, self._syncs, self._pace)

    async def _work_here(self) -> float:
        try:
            return await self._make_worker().work_once()
        except (SessionBusyError, StoppedError):
            return self._pace.busy

    def _start(self) -> None:
        """Start the worker in the running event loop, unless it runs already."""
        if self._closed or self._is_running():
            return
        self._loop = asyncio.get_running_loop()
        self._worker = self._make_worker()
        self._task = self._loop.create_task(self._worker.run(), name="keapbridge-webhooks")

    def _wake(self) -> None:
        worker, loop = self._worker, self._loop
        if worker is not None and loop is not None and loop.is_running():
            loop.call_soon_threadsafe(worker.wake)

    # --- ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await self._serve_lifespan(receive, send)
            case "http":
                await self._serve(scope, receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1000})
            case other:
                raise NotImplementedError(f"ASGI scope {other!r}")

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._closed = False
                self._start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._start()
        await serve(self._answer, scope, receive, send, self._max_body)

    async def _answer(self, scope: Scope, body: Body) -> tuple[int, dict[str, str]]:
        path = path_below(scope)
        if hmac.compare_digest(path.encode(errors="replace"), self.keap_path.encode()):
            take = self._take_keap
        elif path == self.customcrm_path:
            take = self._take_customcrm
        else:
            raise RefusedError(404, "no such address")
        if scope["method"] != "POST":
            raise RefusedError(405, "the method is not POST")
        headers = headers_of(scope)
        body.expect(headers.get("content-length", ""))
        return await take(headers, body)

    async def _take_keap(self, headers: Mapping[str, str], body: Body) -> tuple[int, dict[str, str]]:
        echo, arrivals = await keap_delivery(headers, body)
        if arrivals:
            await self._keep(arrivals, None)
        return 200, echo

    async def _take_customcrm(self, headers: Mapping[str, str], body: Body) -> tuple[int, dict[str, str]]:
        content = await body.read()
        message = signed_message(self._signatures, headers, content)
        json_expected(headers.get("content-type", ""))
        arrivals = customcrm_arrivals(content, message.id)
        if not await self._keep(arrivals, message):
            raise RefusedError(409, "the same message was delivered before")
        return 200, {}

    async def _keep(self, arrivals: Sequence[Arrival], message: Message | None) -> bool:
        """Keep a delivery, durably, before it is acknowledged."""
        received = await self._driver.run(now())
        due = received + timedelta(seconds=self._pace.delay)
        delivery = Delivery(self._inbox.store.bridge, arrivals, received, due, message)
        taken = await asyncio.wrap_future(self._kept.submit(delivery, delivery.size))
        if taken:
            self._wake()
        return taken


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait({task})
