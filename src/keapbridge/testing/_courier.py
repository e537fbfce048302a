"""What carries the emulators' webhooks: a thread that does each thing when it is due, and a POST to loopback.

It is started by the first thing to do and ends when its emulator is closed. No other hosts are ever called.
"""

from __future__ import annotations

import heapq
import http.client
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import attrs

__all__ = ["Answered", "Courier", "Delivery", "check_address", "post"]

Job = Callable[[], None]


@attrs.frozen
class Delivery:
    """One attempt to deliver a webhook.

    Attributes:
        event: such as `contact.edit`, or `verification`.
        ids: the records it is about.
        attempt: 1 for the first.
        status: how the receiver answered; 0 when it did not.
        body: what was sent.
    """

    event: str
    ids: tuple[str, ...]
    attempt: int
    status: int
    body: bytes = attrs.field(repr=False)

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it."""
        return 200 <= self.status < 400


@attrs.frozen
class Answered:
    """How a receiver answered; headers in lower case."""

    status: int
    headers: Mapping[str, str]


class Courier:
    """Does things later, one after the other, on a thread of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._working = False
        self._closed = False

    def later(self, seconds: float, job: Job) -> None:
        """Do this in so many seconds; nothing once closed."""
        with self._condition:
            if self._closed:
                return
            heapq.heappush(self._jobs, (time.monotonic() + seconds, next(self._numbers), job))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def flush(self, timeout: float) -> None:
        """Wait until nothing is left to do.

        Raises:
            TimeoutError: when it takes longer.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: self._closed or not (self._jobs or self._working), timeout):
                raise TimeoutError(f"{len(self._jobs)} deliveries still wait after {timeout:g} s")

    def close(self) -> None:
        """Drop what is left to do, and end the thread."""
        with self._condition:
            self._closed = True
            self._jobs.clear()
            self._condition.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _work(self) -> None:
        while True:
            with self._condition:
                self._working = False
                self._condition.notify_all()
                while not self._closed and (not self._jobs or self._jobs[0][0] > time.monotonic()):
                    self._condition.wait(self._jobs[0][0] - time.monotonic() if self._jobs else None)
                if self._closed:
                    return
                *_, job = heapq.heappop(self._jobs)
                self._working = True
            try:
                job()
            except BaseException:
                with self._condition:
                    # Nobody shall wait for what will never be done.
                    self._closed = True
                    self._condition.notify_all()
                raise


def check_address(url: str) -> None:
    """Only this machine is ever called.

    Raises:
        ValueError: for the address of another one, or one that is not `http://`.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ValueError("this emulator sends to http:// addresses on loopback only")


def post(url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answered:
    """POST to an address on loopback; the status is 0 when there is no answer."""
    check_address(url)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, dict(headers))
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return Answered(0, {})
    finally:
        connection.close()
    return Answered(answer.status, {name.lower(): value for name, value in answer.getheaders()})
