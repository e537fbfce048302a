"""Requests to an ASGI application without a server, and what Keap and a Customcrm send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

JSON = {"content-type": "application/json"}
STAMP = "2026-01-02T03:04:05.678Z"


@attrs.frozen
class Answered:
    status: int
    headers: Mapping[str, str]


async def request(
    app: Any,
    path: str,
    body: bytes | list[bytes] = b"",
    headers: Mapping[str, str] = JSON,
    *,
    method: str = "POST",
    root_path: str = "",
) -> Answered:
    """One HTTP request, straight into the application; a list is a body that comes in parts."""
    parts = body if isinstance(body, list) else [body]
    messages = [{"type": "http.request", "body": p, "more_body": n < len(parts)} for n, p in enumerate(parts, 1)]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "root_path": root_path, "headers": encoded}
    await app(scope, receive, send)
    answered = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answered(sent[0]["status"], answered)


def delivery(event: str, /, *ids: int | str, stamp: str = STAMP, **changes: Any) -> bytes:
    """A delivery of Keap's."""
    kind = event.partition(".")[0]
    keys = [{"id": id, "apiUrl": "", "timestamp": stamp} for id in ids]
    return json.dumps({"event_key": event, "object_type": kind, "object_keys": keys, **changes}).encode()


def message(event: str, /, *ids: str, **changes: Any) -> bytes:
    """A message of a Customcrm's."""
    data = {"id": ids[0]} if len(ids) == 1 else {"ids": ids}
    return json.dumps({"type": event, "timestamp": STAMP, "data": data, **changes}).encode()
