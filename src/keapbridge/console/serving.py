"""Serving the console to the person at this machine: on loopback, to whoever has the link that is shown once."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import new_id
from keapbridge.console.app import asgi_app
from keapbridge.console.user import User
from keapbridge.errors import ConfigurationError

__all__ = ["Local", "local", "run", "serve"]

HOST = "127.0.0.1"
NAMES = ("127.0.0.1", "localhost")


@attrs.frozen
class Local:
    """The console for one person at this machine: an ASGI application.

    Behind a proxy every client looks as if it were of this machine: so the name that is asked for must be of it, too.

    Attributes:
        token: what the link has, and then a cookie.
        link: where it begins.
    """

    app: ASGIApp = attrs.field(repr=False)
    token: str = attrs.field(repr=False)
    port: int

    @property
    def link(self) -> str:
        return f"http://{HOST}:{self.port}/open/{self.token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = self._answer(Request(scope))
        await (self.app if answer is None else answer)(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        """What is answered without asking the console."""
        if request.headers.get("host", "").lower() not in {f"{name}:{self.port}" for name in NAMES}:
            return PlainTextResponse("The console answers to its own name alone.", 421)
        path = request.scope["path"]
        if not path.startswith("/open/"):
            return None
        if not hmac.compare_digest(path.removeprefix("/open/").encode(), self.token.encode()):
            return PlainTextResponse("This link is not of this console.", 403)
        response = RedirectResponse("/", 303, headers={"cache-control": "no-store", "referrer-policy": "no-referrer"})
        response.set_cookie(_cookie(self.port), self.token, httponly=True, samesite="strict")
        return response


def _cookie(port: int) -> str:
    """The name of the cookie: browsers do not tell the ports of a machine apart."""
    return f"keapbridge-console-{port}"


def local(session: object, name: str, port: int, full_every: timedelta | None = None) -> Local:
    """The console of a session, or a fleet.

    Args:
        name: of the person at this machine, as it stands in the history of what they decide.
        port: on which it is served.
        full_every: how often everything is read, where that is known.
    """
    token: str = SyncDriver().run(new_id())

    async def authorize(request: Request) -> User | None:
        given = request.cookies.get(_cookie(port), "")
        return User(name, can_decide=True) if hmac.compare_digest(given.encode(), token.encode()) else None

    return Local(asgi_app(session, authorize=authorize, full_every=full_every), token, port)


async def serve(
    session: object, name: str, port: int, told: Callable[[str], object], full_every: timedelta | None = None
) -> None:
    """Serve the console until somebody ends it.

    Args:
        port: 0 for any that is free.
        told: is called with the link.
        full_every: how often everything is read, where that is known.

    Raises:
        ConfigurationError: when the port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise ConfigurationError(f"port {port} of this machine is taken: --port takes another one") from error
        app: Any = local(session, name, listening.getsockname()[1], full_every)
        # The link is in no log: nobody else may learn it.
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
        told(app.link)
        await server.serve(sockets=[listening])


def run(session: object, name: str, port: int, told: Callable[[str], object]) -> None:
    """The same, in an event loop of its own."""
    asyncio.run(serve(session, name, port, told))
