"""A system that fails with every answer that would show certain records."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["refusing"]


@contextmanager
def refusing(server: Any, *texts: str, status: int = 500, paths: Collection[str] = ()) -> Iterator[None]:
    """Answer with an error, for as long as this lasts, what would show one of these texts to a GET.

    Args:
        server: an emulator, or a CRM of another style.
        paths: ends of the paths that fail; all by default.
    """
    recorder = server.app
    inner = recorder._app

    async def app(scope: Any, receive: Any, send: Any) -> None:
        said: list[Any] = []

        async def hear(message: Any) -> None:
            said.append(message)

        await inner(scope, receive, hear)
        body = b"".join(message.get("body", b"") for message in said)
        meant = scope["method"] == "GET" and (not paths or scope["path"].endswith(tuple(paths)))
        if meant and any(text.encode() in body for text in texts):
            said = [
                {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]},
                {"type": "http.response.body", "body": b"oops"},
            ]
        for message in said:
            await send(message)

    recorder._app = app
    try:
        yield
    finally:
        recorder._app = inner
