"""What lies between a system and the library: calls in process, lagging replicas, hands that change what passes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from in_process import InProcess

from histories.systems import System

__all__ = ["Wire"]


class Wire(httpx.BaseTransport):
    """The way to one system.

    Attributes:
        shown: changes what the system answers to reads and writes, as a whole.
        taken: changes what it is sent: method and body → the body that arrives.
        replica: a state that reads are answered from, until it is `None` again.
        writes: method and path of what was written.
    """

    def __init__(self, system: System, app: Any, loop: asyncio.Runner) -> None:
        self._system = system
        self._way = InProcess(app, loop)
        self.shown: Callable[[Any], Any] | None = None
        self.taken: Callable[[Any], Any] | None = None
        self.replica: Any = None
        self.writes: list[tuple[str, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            self.writes.append((request.method, request.url.path))
        if self.taken is not None and request.method in {"PATCH", "PUT", "POST"}:
            request = self._changed(request, self.taken)
        if request.method == "GET" and self.replica is not None:
            with self._as_it_was():
                response = self._way.handle_request(request)
        else:
            response = self._way.handle_request(request)
        if self.shown is None:
            return response
        content = response.read()
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        shown = json.dumps(self.shown(json.loads(content))).encode() if content else content
        return httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(shown))

    def _changed(self, request: httpx.Request, taken: Callable[[Any], Any]) -> httpx.Request:
        before = json.loads(request.read() or b"null")
        after = taken(before)
        url = request.url
        if isinstance(before, dict) and isinstance(after, dict):
            dropped = before.keys() - after.keys()  # Keap is told by name what shall change
            kept = [(n, v) for n, v in url.params.multi_items() if n != "update_mask" or v not in dropped]
            url = url.copy_with(params=kept)
        headers = {name: value for name, value in request.headers.items() if name != "content-length"}
        return httpx.Request(request.method, url, headers=headers, content=json.dumps(after).encode())

    @contextmanager
    def _as_it_was(self) -> Iterator[None]:
        now = self._system.backup()
        self._system.restore(self.replica)
        try:
            yield
        finally:
            self._system.restore(now)
