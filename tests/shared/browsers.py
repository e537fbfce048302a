"""A console that is served on loopback, and a real browser that looks at it."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

__all__ = ["serve"]


class _Server(uvicorn.Server):
    """It is known when it has begun, and not guessed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.begun.set()


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Serve an application on a free port; its log is the one that pytest captures."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=True, lifespan="off", timeout_graceful_shutdown=1)
    server = _Server(config)
    logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="console")
    thread.start()
    try:
        server.begun.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
