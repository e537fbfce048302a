"""The emulators without sockets: requests go straight into their ASGI applications; and twins of them."""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import httpx

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

__all__ = ["InProcess", "connect", "straight_into", "twins"]


async def _answer(app: Any, request: httpx.Request, body: bytes) -> httpx.Response:
    messages: list[Any] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "root_path": "",
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": (request.url.host, 80),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in messages[1:])
    return httpx.Response(messages[0]["status"], headers=messages[0]["headers"], stream=httpx.ByteStream(content))


class _Loop:
    """An event loop for applications, which have one thread at a time; made when it is needed, as it has sockets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
        with self._lock:  # not an `asyncio.Runner`, which would handle signals
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                atexit.register(self._loop.close)
            return self._loop.run_until_complete(work)


_LOOP = _Loop()


class InProcess(httpx.BaseTransport):
    """Sends requests into an application, on one thread."""

    def __init__(self, app: Any, loop: asyncio.Runner) -> None:
        self._app, self._loop = app, loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._loop.run(_answer(self._app, request, request.read()))


class Threaded(httpx.BaseTransport):
    """Sends requests into an application, from as many threads as there are.

    Args:
        way: seconds that a request needs to get there, and its answer to come back.
    """

    def __init__(self, app: Any, way: float = 0.0) -> None:
        self._app, self._way = app, way

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        time.sleep(self._way)
        response = _LOOP.run(_answer(self._app, request, body))
        time.sleep(self._way)
        return response


class OnLoop(httpx.AsyncBaseTransport):
    """The same for an event loop. What has arrived is done, even when nobody waits for the answer any more."""

    def __init__(self, app: Any, way: float = 0.0) -> None:
        self._app, self._way = app, way

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        await asyncio.sleep(self._way)
        response = await asyncio.shield(_answer(self._app, request, body))
        await asyncio.sleep(self._way)
        return response


def straight_into(client: Any, transport: httpx.BaseTransport) -> None:
    """Let a client of the library make its calls with this transport."""
    client._port._client.close()
    client._port._client = httpx.Client(transport=transport, trust_env=False)


def connect(client: Any, app: Any, way: float = 0.0) -> None:
    """Let a client for threads, or for an event loop, make its calls to an application."""
    if isinstance(client, (kb.AsyncCustomcrmClient, kb.AsyncKeapClient)):
        client._port._client = httpx.AsyncClient(transport=OnLoop(app, way), trust_env=False)
    else:
        straight_into(client, Threaded(app, way))


def twins(
    keap: KeapEmulator, crm: CustomcrmEmulator, clock: Callable[[], datetime] | None = None
) -> tuple[KeapEmulator, CustomcrmEmulator]:
    """Both systems once more, as they are now: what happens to the one leaves the other alone."""
    given: dict[str, Any] = {} if clock is None else {"clock": clock}
    theirs, ours = KeapEmulator(behaviour=keap.behaviour, **given), CustomcrmEmulator(**given)
    ledger, other = ours._ledger, crm._ledger
    ledger._connection.deserialize(other._connection.serialize())
    ledger._issued = dict(other._issued)
    ledger._last_write, ledger._last_request = other._last_write, other._last_request
    theirs.state._db.deserialize(keap.state._db.serialize())
    theirs.state._last_write = keap.state._last_write
    for name in ("contacts", "companies", "products"):
        getattr(theirs.state, name)._last_id = getattr(keap.state, name)._last_id
    return theirs, ours
