"""The emulators without sockets: requests go straight into their ASGI applications; and twins of them."""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from typing import Any

import httpx

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator
from keapbridge.testing._server import _CutError as ConnectionCutError

__all__ = ["InProcess", "ServedCustomcrm", "ServedKeap", "connect", "straight_into", "twins", "without_sockets"]


class ServedKeap(KeapEmulator):
    """A Keap that is served over HTTP as soon as somebody asks for its address."""

    _ended = False

    @property
    def _origin(self) -> str:
        if self._server is None and not self._ended:
            self.__enter__()
        return super()._origin

    @property
    def unserved_url(self) -> str:
        """An address for clients that need none."""
        return "http://keap.invalid/crm/rest"

    def close(self) -> None:
        self._ended = True
        super().close()


class ServedCustomcrm(CustomcrmEmulator):
    """The same of a Customcrm."""

    @property
    def base_url(self) -> str:
        if self._server is None and not self._closed:
            self.__enter__()
        return super().base_url

    @property
    def unserved_url(self) -> str:
        """An address for clients that need none."""
        return "http://customcrm.invalid/api"


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
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


async def _pass(app: Any, request: httpx.Request, body: bytes, messages: list[Any]) -> None:
    """Send a request into an application; what it answers is added to the messages."""

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(_scope(request), receive, send)


def _response(messages: list[Any], stream: Callable[[bytes], Any] = httpx.ByteStream) -> httpx.Response:
    content = b"".join(message.get("body", b"") for message in messages[1:])
    return httpx.Response(messages[0]["status"], headers=messages[0]["headers"], stream=stream(content))


async def _answer(app: Any, request: httpx.Request, body: bytes) -> httpx.Response:
    messages: list[Any] = []
    await _pass(app, request, body, messages)
    return _response(messages)


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


class _Half(httpx.SyncByteStream):
    """Half an answer, and then the end of the connection."""

    def __init__(self, half: bytes) -> None:
        self._half = half

    def __iter__(self) -> Iterator[bytes]:
        yield self._half
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


class AtOnce(httpx.BaseTransport):
    """Sends requests into an emulator that waits for nothing, one at a time, from as many threads as there are.

    Without an event loop: whatever the emulator asks for is there. Connections that it cuts end as they do on a wire.
    """

    def __init__(self, app: Any) -> None:
        self._app, self._lock = app, threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        messages: list[Any] = []
        work = _pass(self._app, request, request.read(), messages)
        try:
            with self._lock:
                _to_its_end(work)
        except ConnectionCutError:
            if messages:
                return _response(messages, _Half)
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.") from None
        return _response(messages)


def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    try:
        while work.send(None) is None:
            pass
    except StopIteration:
        return
    raise RuntimeError("the emulator waits for something: a test of that asks for `sockets`")


def straight_into(client: Any, transport: httpx.BaseTransport) -> None:
    """Let a client of the library make its calls with this transport."""
    client._port._client.close()
    client._port._client = httpx.Client(transport=transport, trust_env=False)


def without_sockets(client: kb.KeapClient | kb.CustomcrmClient, server: KeapEmulator | CustomcrmEmulator) -> None:
    """Let a client for threads make its calls to an emulator that is not served."""
    client._port._client._transport = AtOnce(server.app)


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
    theirs = KeapEmulator(behaviour=keap.behaviour, tenant=keap.tenant, **given)
    ours = CustomcrmEmulator(**given)
    ledger, other = ours._ledger, crm._ledger
    ledger._connection.deserialize(other._connection.serialize())
    ledger._issued = dict(other._issued)
    ledger._last_write, ledger._last_request = other._last_write, other._last_request
    theirs.state._db.deserialize(keap.state._db.serialize())
    theirs.state._last_write = keap.state._last_write
    for name in ("contacts", "companies", "products"):
        getattr(theirs.state, name)._last_id = getattr(keap.state, name)._last_id
    return theirs, ours
