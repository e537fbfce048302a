"""The ports against servers that misbehave: each answers a call with what a test says, byte by byte."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, cycle
from typing import Any

import pytest

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._io.calling import send
from keapbridge._io.calls import Answer, Call
from keapbridge._io.http import AsyncHttpPort, HttpSettings, SyncHttpPort
from keapbridge._io.retries import RetryPolicy

KEY = "planted-key-0815"
CALL: Call[bytes] = Call("POST", "/x", lambda answer: answer.body, body=b"{}", subject="x", repeatable=False)
ONCE = RetryPolicy(attempts=1)
Exchange = Callable[[HttpSettings], Answer]


@contextmanager
def _server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request and then does what it is told with the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    if connection.recv(65536):
                        answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _dripping(head: bytes, endless: bytes) -> Callable[[socket.socket], None]:
    """Says a text and then another one again and again, a byte now and then, until nobody listens any more."""

    def drip(connection: socket.socket) -> None:
        for byte in chain(head, cycle(endless)):
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    return drip


def _saying(head: str, body: bytes = b"") -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(
        f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    )


def _in_thread(settings: HttpSettings) -> Answer:
    port = SyncHttpPort(settings)
    try:
        return SyncDriver().run(_whole(port))
    finally:
        port.close()


def _whole(port: Any) -> Any:
    call: Any = CALL
    return send(
        port, Call(call.method, call.path, lambda answer: answer, body=call.body, subject="x", repeatable=False)
    )


def _in_loop(settings: HttpSettings) -> Answer:
    from keapbridge._flow.drivers import AsyncDriver

    async def run() -> Answer:
        port = AsyncHttpPort(settings)
        try:
            answer: Answer = await AsyncDriver().run(_whole(port))
            return answer
        finally:
            await port.aclose()

    return asyncio.run(run())


exchanges = pytest.mark.parametrize("exchange", [_in_thread, _in_loop])


@exchanges
@pytest.mark.parametrize(
    ("head", "endless"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
    ids=["head", "body", "chunks"],
)
def test_a_server_that_drips_without_an_end_is_given_up_after_the_seconds_of_a_call(
    exchange: Exchange, head: bytes, endless: bytes
) -> None:
    dripping = _dripping(head, endless)
    with _server(dripping) as url, pytest.raises(kb.BoundError, match=r"Bounds\(call_seconds=…\)") as caught:
        exchange(HttpSettings(url, retry=ONCE, bounds=kb.Bounds(call_seconds=0.15)))
    assert (caught.value.bound, caught.value.sent, caught.value.method) == ("call_seconds", True, "POST")


@exchanges
def test_a_small_answer_that_becomes_a_large_one_is_not_read(exchange: Exchange) -> None:
    bomb = _saying("200 OK\r\nContent-Encoding: gzip", gzip.compress(bytes(5_000_000)))
    with _server(bomb) as url, pytest.raises(kb.BoundError) as caught:
        exchange(HttpSettings(url, bounds=kb.Bounds(answer_bytes=100_000)))
    assert (caught.value.bound, caught.value.method) == ("answer_bytes", "POST")


@exchanges
def test_an_answer_within_the_bounds_is_read(exchange: Exchange) -> None:
    said = _saying("200 OK\r\nContent-Encoding: gzip\r\nSet-Cookie: a=b\r\nX-Kind: c", gzip.compress(b"{}"))
    with _server(said) as url:
        answer = exchange(HttpSettings(url, bounds=kb.Bounds(answer_bytes=2)))
    assert answer.body == b"{}"
    assert answer.headers["x-kind"] == "c"
    assert "set-cookie" not in answer.headers


def _locals(error: BaseException) -> str:
    """What a reporter of errors shows: every frame with its locals, of an error and all that led to it."""
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    todo: list[BaseException | None] = [error]
    while todo:
        found = todo.pop()
        if found is not None:
            todo += [found.__cause__, found.__context__]
            frames = traceback.walk_tb(found.__traceback__)
            shown += (
                repr(found)
                + repr(vars(found))
                + "".join(repr(f.f_locals) for f, _ in frames if f.f_code.co_filename != __file__)
            )
    return shown


SIGNED = [
    kb.KeapApiKey(KEY),
    kb.BearerToken(KEY),
    kb.ApiKey(KEY, query="key"),
    kb.BasicAuth("ada", KEY),
]


@exchanges
@pytest.mark.parametrize("credentials", SIGNED, ids=lambda c: f"{type(c).__name__}")
@pytest.mark.parametrize(
    "answer",
    [
        lambda connection: connection.close(),
        _saying(f"401 No\r\nX-Echo: key {KEY}\r\nSet-Cookie: k={KEY}", f'{{"message": "not {KEY}"}}'.encode()),
        _saying("200 OK\r\nContent-Encoding: br", b"x"),
        _dripping(b"HTTP/1.1 200 OK\r\n", b"a"),
        lambda connection: connection.sendall(b"nonsense\r\n\r\n"),
    ],
    ids=["cut", "echo", "encoding", "drip", "nonsense"],
)
def test_no_error_of_a_call_knows_the_key(
    exchange: Exchange, answer: Any, credentials: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with _server(answer) as url, pytest.raises(kb.ApiError) as caught:
        exchange(HttpSettings(url, credentials, retry=ONCE, bounds=kb.Bounds(call_seconds=0.1)))
    shown = _locals(caught.value) + caplog.text
    encoded = next(iter(credentials.headers().values()), kb.Secret(KEY)).reveal()
    assert KEY not in shown
    assert encoded not in shown


def test_a_header_that_cannot_be_sent_shows_nothing_either() -> None:
    class Own:
        def headers(self) -> dict[str, str]:
            return {"X-Key": KEY + "\n"}

    with _server(_saying("200 OK")) as url, pytest.raises(kb.TransportError) as caught:
        _in_thread(HttpSettings(url, Own(), retry=ONCE))
    assert KEY not in _locals(caught.value)


def test_what_the_system_said_is_the_cause() -> None:
    with pytest.raises(kb.TransportError) as caught:
        _in_thread(HttpSettings("http://127.0.0.1:9", retry=ONCE))
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert not caught.value.sent


def test_a_host_that_is_not_known_is_told_from_one_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(base_url: str) -> str:
        with (
            kb.CustomcrmClient(base_url, retry=kb.RetryPolicy(attempts=1)) as crm,
            pytest.raises(kb.NoAnswerError) as no,
        ):
            crm.contacts.get("1")
        return str(no.value)

    with socket.socket() as silent:  # bound, so that nobody else listens there either
        silent.bind(("127.0.0.1", 0))
        assert "refused, for nothing listens at this address" in said(f"http://127.0.0.1:{silent.getsockname()[1]}")

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "no such host is known" in said("http://crm.invalid")
