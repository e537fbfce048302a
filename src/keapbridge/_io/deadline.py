"""The seconds of one exchange: no read or write of its connection waits beyond its end, and nobody else closes it.

A time-out of a connection is one without progress, and a byte now and then is progress.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any, Self

__all__ = ["Deadline", "watch"]

_LEAST = 0.001  # 0 would mean not to wait at all


class Deadline:
    """When an exchange must have ended, on a clock that nobody sets. A context manager: the exchange of this thread.

    Attributes:
        is_under_way: whether its thread is in it.
    """

    def __init__(self, seconds: float) -> None:
        self._begun = time.monotonic()
        self._end = self._begun + seconds
        self.is_under_way = False

    @property
    def passed(self) -> float:
        """The seconds that have passed."""
        return time.monotonic() - self._begun

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return time.monotonic() >= self._end

    def check(self) -> None:
        """Raise `TimeoutError` when it has passed."""
        if self.is_over:
            raise TimeoutError

    def within(self, timeout: float | None) -> float:
        """The seconds that may be waited for the connection.

        Raises:
            TimeoutError: when none are left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return max(_LEAST, left if timeout is None else min(left, timeout))

    def __enter__(self) -> Self:
        self._before = _present.set(self)
        self.is_under_way = True
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.is_under_way = False
        _present.reset(self._before)


_present: ContextVar[Deadline | None] = ContextVar("keapbridge_deadline", default=None)


def _within(timeout: float | None) -> float | None:
    present = _present.get()
    return timeout if present is None else present.within(timeout)


class _Stream:
    """A connection whose waits end with the exchange that uses it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._exchange: Deadline | None = None  # the last one that has used it

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        found: bytes = self._stream.read(max_bytes, _within(timeout))
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._exchange = _present.get()
        self._stream.write(buffer, _within(timeout))

    def start_tls(self, ssl_context: Any, server_hostname: Any = None, timeout: float | None = None) -> _Stream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _within(timeout)))

    def get_extra_info(self, info: str) -> Any:
        """What httpcore wants to know of it, such as whether there is something to read.

        Of a connection that it takes for idle that means that the other end has closed it, and then so does httpcore.
        But one thread may look while another one takes it into use: what can be read is its answer then, and it would
        be lost.
        """
        before = self._exchange
        found = self._stream.get_extra_info(info)
        if info != "is_readable" or before is None:
            return found
        return found and before is self._exchange and not before.is_under_way

    def __getattr__(self, name: str) -> Any:  # the rest waits for nothing
        return getattr(self._stream, name)


class _Backend:
    """What opens connections."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more: Any) -> _Stream:
        return _Stream(self._backend.connect_tcp(host, port, timeout=_within(timeout), **more))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def watch(client: Any) -> None:
    """Have all connections of a client of httpx end with the exchange that uses them.

    There is no public way to its sockets; a test holds the private one.
    """
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
        pool = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001
