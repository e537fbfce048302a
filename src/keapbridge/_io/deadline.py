"""The seconds of one exchange: no read or write of its connection waits beyond its end.

A time-out of a connection is one without progress, and a byte now and then is progress.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any, Self

__all__ = ["Deadline", "watch"]

_LEAST = 0.001  # 0 would mean not to wait at all


class Deadline:
    """When an exchange must have ended, on a clock that nobody sets. A context manager: the exchange of this thread."""

    def __init__(self, seconds: float) -> None:
        self._begun = time.monotonic()
        self._end = self._begun + seconds

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
        return self

    def __exit__(self, *exc_info: object) -> None:
        _present.reset(self._before)


_present: ContextVar[Deadline | None] = ContextVar("keapbridge_deadline", default=None)


def _within(timeout: float | None) -> float | None:
    present = _present.get()
    return timeout if present is None else present.within(timeout)


class _Stream:
    """A connection whose waits end with the exchange that uses it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        found: bytes = self._stream.read(max_bytes, _within(timeout))
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _within(timeout))

    def start_tls(self, ssl_context: Any, server_hostname: Any = None, timeout: float | None = None) -> _Stream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _within(timeout)))

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
