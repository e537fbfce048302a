"""What the two emulators share: a loopback server in a thread, and the recorder that plays the faults.

An emulator is an ASGI application (`.app`) wrapped in [`Recorder`][keapbridge.testing.Recorder]; as a context
manager it is also a real HTTP server on a free loopback port. Nothing here knows either system's protocol.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Self
from urllib.parse import parse_qsl

import attrs
import uvicorn

from keapbridge.testing._faults import Fault, Faults, Play

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_SECRET_HEADERS = frozenset({"authorization", "x-keap-api-key"})


@attrs.frozen
class Recorded:
    """One request a server saw, and how it was answered (`status` is 0 when the connection was cut).

    `query` joins the values of a repeated name with commas; `raw_query` is as it was sent.
    """

    method: str
    path: str
    query: dict[str, str]
    raw_query: str = attrs.field(repr=False)
    headers: dict[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    status: int
    response_body: bytes = attrs.field(repr=False)
    response_content_type: str = attrs.field(repr=False)

    @property
    def json(self) -> Any:
        """The decoded request body; `None` without one."""
        return json.loads(self.body) if self.body else None


class RequestLog:
    """The requests a server saw, oldest first; thread-safe, credentials masked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: list[Recorded] = []

    def add(self, item: Recorded) -> None:
        """Note a request; for the server."""
        with self._lock:
            self._items.append(item)

    def clear(self) -> None:
        """Forget all requests so far."""
        with self._lock:
            self._items.clear()

    def matching(self, method: str | None = None, path: str | None = None) -> list[Recorded]:
        """The requests with this method and this text in their path."""
        return [r for r in self if (method is None or r.method == method) and (path is None or path in r.path)]

    @property
    def writes(self) -> list[Recorded]:
        """Everything that was not a GET."""
        return [r for r in self if r.method != "GET"]

    def __iter__(self) -> Iterator[Recorded]:
        with self._lock:
            return iter(list(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Recorded:
        return self._items[index]

    def __repr__(self) -> str:
        return f"<RequestLog of {len(self)} requests>"


class _CutError(Exception):
    """Raised inside the server to make it drop the connection."""


class Recorder:
    """ASGI middleware that records every exchange (`masked` takes secrets out of it) and plays the planned faults.

    The `Date` of its answers is by its `clock`.
    """

    def __init__(
        self,
        app: AsgiApp,
        requests: RequestLog,
        faults: Faults,
        masked: Callable[[Recorded], Recorded] = lambda recorded: recorded,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._app = app
        self._requests = requests
        self._faults = faults
        self._masked = masked
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        play = self._faults.play(scope)
        fault = play.fault
        answer: list[Message] = []
        if fault is None or fault.when == "after":
            await self._app(scope, _replay(bytes(body)), _collect(answer))
        if play.needs_body and not any(m.get("body") for m in answer):
            play = Play()
            fault = None
        if play.kind is not None:
            self._faults.note(play.kind)
        if fault is not None or play.delay:
            await asyncio.sleep(play.delay if fault is None else fault.delay)
        if fault is not None:
            answer = _fault_answer(fault, answer)
        if play.halved:
            answer = _halved(answer)
        start, payload = _dated(answer[0], self._clock()), b"".join(m.get("body", b"") for m in answer[1:])
        cut = fault is not None and (fault.cut or fault.status == 0)
        self._requests.add(self._masked(_recorded(scope, bytes(body), start, payload, cut=cut)))
        if not cut:
            await send(start)
            await send({"type": "http.response.body", "body": payload})
            return
        if start["status"]:
            await send(start)
            await send({"type": "http.response.body", "body": payload[: len(payload) // 2], "more_body": True})
        _abort(send)
        raise _CutError("connection dropped on purpose")


def _abort(send: Send) -> None:
    """Break the connection below uvicorn, which would finish the answer otherwise; without a server there is none."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort() if transport.get_write_buffer_size() == 0 else transport.close()


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _collect(answer: list[Message]) -> Send:
    async def send(message: Message) -> None:
        answer.append(message)

    return send


def _fault_answer(fault: Fault, real: list[Message]) -> list[Message]:
    if fault.cut and real:
        return real
    headers = [(b"content-type", fault.content_type.encode()), (b"content-length", str(len(fault.body)).encode())]
    headers += [(k.lower().encode(), v.encode()) for k, v in fault.headers]
    return [
        {"type": "http.response.start", "status": fault.status, "headers": headers},
        {"type": "http.response.body", "body": fault.body},
    ]


def _halved(real: list[Message]) -> list[Message]:
    """The answer with half of its body, and headers that fit it."""
    payload = b"".join(m.get("body", b"") for m in real[1:])
    half = payload[: len(payload) // 2]
    headers = [(k, v) for k, v in real[0]["headers"] if k.lower() != b"content-length"]
    headers.append((b"content-length", str(len(half)).encode()))
    return [{**real[0], "headers": headers}, {"type": "http.response.body", "body": half}]


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _dated(start: Message, moment: datetime) -> Message:
    """The beginning of an answer with the time of day, as a server says it, unless a fault has said another one."""
    headers = list(start.get("headers", ()))
    if any(name.lower() == b"date" for name, _ in headers):
        return start
    return {**start, "headers": [(b"date", format_datetime(moment.astimezone(UTC), usegmt=True).encode()), *headers]}


def _recorded(scope: Scope, body: bytes, start: Message, payload: bytes, *, cut: bool) -> Recorded:
    headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
    answered = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in start.get("headers", ())}
    return Recorded(
        method=scope["method"],
        path=scope["path"],
        query=_joined(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
        raw_query=scope["query_string"].decode(),
        headers={k: "***" if k in _SECRET_HEADERS else v for k, v in headers.items()},
        body=body,
        status=0 if cut else start["status"],
        response_body=payload,
        response_content_type=answered.get("content-type", ""),
    )


class LoopbackServer:
    """Runs an ASGI application on a free port of 127.0.0.1, in a thread, until closed."""

    def __init__(self, app: AsgiApp) -> None:
        # asyncio sets TCP_NODELAY only where the protocol is named; without it small answers wait 40 ms.
        self._socket = socket.socket(proto=socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            log_config=None,  # the process's logging is not a server's to set up
            log_level="critical",
            loop="asyncio",
            ws="none",
            access_log=False,
            lifespan="off",
            # Longer than clients keep one: it would close a connection that one has just begun to use again.
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
            date_header=False,  # the recorder's: an emulator may have a clock of its own
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name=f"emulator-{self.port}", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        started = threading.Event()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the emulator's server did not start")
            started.wait(0.005)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._socket.close()
