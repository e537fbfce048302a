"""A connection that is in use is not taken for one that the other end has closed, whoever looks at it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpcore

from keapbridge._io.deadline import Deadline, _Stream

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Wire:
    """What is behind a connection: there is always something to read; `on_look` happens while somebody looks."""

    def __init__(self) -> None:
        self.on_look: Callable[[], object] = lambda: None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return ANSWER

    def write(self, buffer: bytes, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            self.on_look()
        return info == "is_readable"


def _used_once() -> tuple[Wire, _Stream, httpcore.HTTP11Connection]:
    wire = Wire()
    stream = _Stream(wire)
    connection = httpcore.HTTP11Connection(httpcore.Origin(b"http", b"x", 80), stream)  # type: ignore[arg-type]
    with Deadline(60):
        response = connection.handle_request(httpcore.Request("GET", "http://x/", headers={"Host": "x"}))
        assert response.read() == b"ok"
        response.close()
    assert connection.is_idle()
    return wire, stream, connection


def test_an_idle_connection_with_something_to_read_was_closed_by_the_other_end() -> None:
    _, _, connection = _used_once()
    assert connection.has_expired()


def test_one_that_an_exchange_takes_into_use_while_another_thread_looks_is_not() -> None:
    wire, stream, connection = _used_once()
    exchange = Deadline(60)

    def take() -> None:
        exchange.__enter__()
        stream.write(b"GET / HTTP/1.1\r\n")

    wire.on_look = take
    assert not connection.has_expired()
    assert not connection.has_expired(), "nor as long as it is in use"
    wire.on_look = lambda: None
    exchange.__exit__()
    assert connection.has_expired()


def test_nor_one_that_was_in_use_for_a_moment_while_another_thread_looked() -> None:
    wire, stream, connection = _used_once()

    def use() -> None:
        with Deadline(60):
            stream.write(b"GET / HTTP/1.1\r\n")

    wire.on_look = use
    assert not connection.has_expired()
