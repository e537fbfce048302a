"""Calls of the library's clients that go straight into an ASGI application: no sockets, no threads, no waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

__all__ = ["InProcess", "straight_into"]


class InProcess(httpx.BaseTransport):
    """Sends requests into an ASGI application, without sockets."""

    def __init__(self, app: Any, loop: asyncio.Runner) -> None:
        self._app = app
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        messages: list[Any] = []
        body = request.read()
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

        self._loop.run(self._app(scope, receive, send))
        content = b"".join(message.get("body", b"") for message in messages[1:])
        return httpx.Response(messages[0]["status"], headers=messages[0]["headers"], stream=httpx.ByteStream(content))


def straight_into(client: Any, transport: httpx.BaseTransport) -> None:
    """Let a client of the library make its calls with this transport."""
    client._port._client.close()
    client._port._client = httpx.Client(transport=transport, trust_env=False)
