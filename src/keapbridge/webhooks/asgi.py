"""A request as an ASGI server gives it: read no further than allowed, answered with a status and headers alone.

What is refused is logged in one line that says what was wrong and nothing of what was sent.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from keapbridge.errors import LinkStoreError
from keapbridge.store.inbox import Arrival
from keapbridge.webhooks.deliveries import RefusedError, hook_secret, json_expected, keap_arrivals

__all__ = [
    "AsgiMessage",
    "Body",
    "DisconnectedError",
    "Receive",
    "Scope",
    "Send",
    "headers_of",
    "keap_delivery",
    "path_below",
    "serve",
]

Scope = MutableMapping[str, Any]
AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]

_log = logging.getLogger("keapbridge.webhooks")
_HOOK_SECRET = "x-hook-secret"  # noqa: S105 - the name of a header


class DisconnectedError(Exception):
    """The sender went away; there is nobody to answer to."""


class Body:
    """The body of a request, read no further than allowed."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self.size = 0

    def expect(self, content_length: str) -> None:
        """Refuse at once what says that it is too large."""
        if content_length and (not content_length.isascii() or not content_length.isdigit()):
            raise RefusedError(400, "content-length is no number")
        if content_length and int(content_length[:20]) > self._most:
            raise RefusedError(413, f"the body is larger than {self._most} bytes")

    async def read(self) -> bytes:
        parts: list[bytes] = []
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise DisconnectedError
            part = message.get("body", b"")
            self.size += len(part)
            if self.size > self._most:
                raise RefusedError(413, f"the body is larger than {self._most} bytes")
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)


Answer = Callable[[Scope, Body], Awaitable[tuple[int, dict[str, str]]]]


async def serve(answer: Answer, scope: Scope, receive: Receive, send: Send, most: int) -> None:
    """Answer a request.

    Args:
        most: bytes of its body.
    """
    body = Body(receive, most)
    try:
        status, headers = await answer(scope, body)
    except DisconnectedError:
        return
    except RefusedError as refused:
        _log.warning("webhook refused: %s (%d bytes read)", refused, body.size)
        status, headers = refused.status, {"allow": "POST"} if refused.status == 405 else {}
    except LinkStoreError:
        _log.warning("webhook not taken: the link store failed (%d bytes read)", body.size)
        status, headers = 503, {"retry-after": "60"}
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    encoded.append((b"content-length", b"0"))
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": b""})


async def keap_delivery(headers: Mapping[str, str], body: Body) -> tuple[dict[str, str], tuple[Arrival, ...]]:
    """What Keap has sent: the headers of the answer, and the records that it tells of; none with a verification."""
    given = headers.get(_HOOK_SECRET)
    echo = {} if given is None else {_HOOK_SECRET: hook_secret(given.encode("latin-1")).decode()}
    content = await body.read()
    try:
        json_expected(headers.get("content-type", ""))
        return echo, keap_arrivals(content)
    except RefusedError:
        if given is None:
            raise
        return echo, ()  # a verification, which says nothing of records


def path_below(scope: Scope) -> str:
    """The path below the place where this application is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    # Older servers and frameworks leave the root out of the path.
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers in lower case; one that is given twice counts as both, joined, and so fits nothing."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
