"""The application: which pages there are, who may see them, and what becomes of what they raise."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import cache, partial
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from keapbridge._clock import utc_now
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import new_id
from keapbridge.console.desk import Desk, Desks, HasDesks, SomeDesks, session_of
from keapbridge.console.pages import FLEET, SESSION, Page
from keapbridge.console.rendering import render
from keapbridge.console.security import HEADERS, Tokens, is_embedded, is_of_this_site
from keapbridge.console.threads import on_a_thread
from keapbridge.console.user import Authorize, User, user_of
from keapbridge.console.visit import Form, UrlFor, Visit, missing, read_form, read_segment, segment
from keapbridge.console.works import Works
from keapbridge.errors import ApiError, KeapbridgeError, StalePlanError, TryLaterError
from keapbridge.model.given import keywords, optional, span, text, wrong

__all__ = ["ConsoleApp", "asgi_app"]

_log = logging.getLogger("keapbridge.console")
FILES: Mapping[str, str] = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
BROWSER = "keapbridge-console"  # the cookie that tells browsers apart
HOME = "keapbridge.console.home"

Answer = Callable[[Request], Awaitable[Response]]


@keywords({"auth": "authorize", "fleet": "session"})
def asgi_app(
    session: object,
    *,
    authorize: Authorize | None = None,
    url_for: UrlFor | None = None,
    title: str = "keapbridge",
    full_every: timedelta | None = None,
) -> ConsoleApp:
    """Make the console, for a session or a fleet: an ASGI application, to be mounted under any path.

    Args:
        session: a `SyncSession`, an `AsyncSyncSession` (of the event loop that serves the application), or a `Fleet`.
            It must stay open while the application runs.
        authorize: your function, asked for every request: `authorize(request)` gives a `kb.console.User` for whoever
            may see the pages, and `None` for everybody else. It may be asynchronous. The request is one of Starlette's;
            what a framework has found out before is in `request.scope`.
        url_for: your function, where people can open records: `url_for(side, object, id)` gives the address at which
            the system shows it, or `None`. Of a fleet it is called with the tenant's name behind these.
        title: what stands at the top of every page.
        full_every: how often you have everything read, `session.sync(full=True)`: the overview tells when that is due.
            The tenants of a fleet say it themselves.

    Raises:
        TypeError: without `authorize`, and for what is no session and no fleet.
    """
    if authorize is None or not callable(authorize):
        raise TypeError(
            "asgi_app: who may see the pages? They show personal data, and change both systems: "
            "asgi_app(session, authorize=your_function), which gives kb.console.User(name, can_decide=…) or None"
        )
    if url_for is not None and not callable(url_for):
        raise wrong("url_for", "a function of yours, such as url_for=lambda side, object, id: …", url_for)
    desk = session_of(session)
    if desk is None and not isinstance(session, HasDesks):
        raise wrong(
            "session", "a kb.SyncSession, a kb.AsyncSyncSession or a Fleet, such as asgi_app(session, …)", session
        )
    of = Desk(desk, full_every=optional(span)("full_every", full_every)) if desk is not None else None
    desks = session.desks() if of is None and isinstance(session, HasDesks) else None
    return ConsoleApp(of, desks, authorize, url_for, text("title", title, example="Acme sync"))


class ConsoleApp:
    """An ASGI application that shows the pages; made by `asgi_app`.

    It needs no lifespan. With one it closes at its end the sessions that it has opened for the tenants of a fleet. A
    framework does not pass that on to an application that is mounted in it: give `lifespan` to the outer one.
    """

    def __init__(
        self, desk: Desk | None, desks: Desks | None, authorize: Authorize, url_for: UrlFor | None, title: str
    ) -> None:
        self._desk = desk
        self._desks = desks
        self._authorize = authorize
        self._url_for = url_for
        self._title = title
        self._tokens: Tokens | None = None
        self._works: dict[str, Works] = {}
        routes: list[BaseRoute] = [Route("/static/{name}", _static, methods=["GET"])]
        if desk is not None:
            routes += self._routes(SESSION)
        else:
            routes += [*self._routes(FLEET), Mount("/tenants/{tenant}", routes=self._routes(SESSION))]
        self._app = Starlette(routes=routes, exception_handlers={HTTPException: _refused}, lifespan=self.lifespan)

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """`FastAPI(lifespan=console.lifespan)`, for an application that mounts this one."""
        try:
            yield
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close the sessions that were opened for the tenants of a fleet. A later request opens them anew."""
        if self._desks is not None:
            await self._desks.close()

    def __repr__(self) -> str:
        return f"<ConsoleApp for {'a fleet' if self._desk is None else repr(self._desk.name)}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] == "http":
            scope[HOME] = scope.get("root_path", "").rstrip("/")
        await self._app(scope, receive, _with_headers(send))

    def _routes(self, pages: Mapping[str, Page]) -> list[BaseRoute]:
        return [Route(path, self._answering(page), methods=list(page.methods)) for path, page in pages.items()]

    def _answering(self, page: Page) -> Answer:
        async def answer(request: Request) -> Response:
            user = await self._user(request)
            if user is None:
                raise HTTPException(403, "You may not see this page.")
            browser = request.cookies.get(BROWSER, "")
            moment = utc_now()
            tokens = await self._known_tokens()
            form = Form()
            if is_embedded(request.headers):
                raise HTTPException(403, "This was loaded by another site.")
            if request.method == "POST":
                form = await read_form(request)
                if not is_of_this_site(request.headers):
                    raise HTTPException(403, "This was sent by another site.")
                if not browser or not tokens.holds(form.one("token"), user.name, browser, moment):
                    raise HTTPException(403, "This page was too old, or not yours. Go back, load it again, and repeat.")
                if page.decides and not user.can_decide:
                    raise HTTPException(403, "You may look at everything here, and decide nothing.")
            is_new = not browser
            browser = browser or SyncDriver().run(new_id())
            desks = self._desks_of(user)
            async with self._desk_of(request, desks) as (desk, tenant):
                home = request.scope[HOME]
                base = home if tenant is None else f"{home}/tenants/{segment(tenant)}"
                token = tokens.make(user.name, browser, moment)
                visit = Visit(request, user, self._title, home, base, token, form, desk, desks, tenant, self._url_for)
                response = await _answered(page, visit)
            if is_new:
                is_secure = request.url.scheme == "https"
                response.set_cookie(
                    BROWSER, browser, path=f"{home}/", secure=is_secure, httponly=True, samesite="strict"
                )
            return response

        return answer

    async def _user(self, request: Request) -> User | None:
        try:
            return await user_of(self._authorize, request)
        except HTTPException:
            raise
        except Exception as error:
            _log.exception("the host's function failed that tells who may see the console")
            raise HTTPException(500, "Who you are could not be found out.") from error

    async def _known_tokens(self) -> Tokens:
        if self._tokens is None:
            candidate = SyncDriver().run(new_id())
            if self._desk is not None:
                key = await self._desk.secret(candidate)
            else:
                assert self._desks is not None
                key = await on_a_thread(self._desks.secret, candidate)
            self._tokens = Tokens(key)
        return self._tokens

    def _desks_of(self, user: User) -> Desks | None:
        """The fleet as they see it."""
        return self._desks if self._desks is None or user.tenants is None else SomeDesks(self._desks, user.tenants)

    @asynccontextmanager
    async def _desk_of(self, request: Request, desks: Desks | None) -> AsyncIterator[tuple[Desk | None, str | None]]:
        given = request.path_params.get("tenant")
        if given is None or desks is None:
            yield self._desk, None
            return
        tenant = read_segment(given)
        async with AsyncExitStack() as stack:
            try:
                session = await stack.enter_async_context(desks.of(tenant))
            except LookupError:
                raise missing("tenant") from None
            works = self._works.setdefault(tenant, Works())
            yield Desk(session, works, lambda: desks.of(tenant), full_at=partial(desks.full_at, tenant)), tenant


async def _answered(page: Page, visit: Visit) -> Response:
    """What a page answers, or why it cannot, in words."""
    try:
        return await page.answer(visit)
    except HTTPException as error:
        return await _refused(visit.request, error)
    except StalePlanError as error:
        return _told(visit, 409, "This has moved on", error)
    except TryLaterError as error:
        return _told(visit, 503, "Not at the moment", error)
    except ApiError as error:
        return _told(visit, 502, "One of the two systems does not answer as it should", error)
    except (KeapbridgeError, ValueError, TypeError, LookupError) as error:
        return _told(visit, 422, "This cannot be done", error)


def _told(visit: Visit, status: int, title: str, error: Exception) -> Response:
    return visit.show(
        "told.html", title, {"why": str(error), "retry_at": getattr(error, "retry_at", None)}, status=status
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = {403: "Not for you", 404: "Nothing here", 405: "Not like this"}.get(
        error.status_code, "This cannot be done"
    )
    home = request.scope.get(HOME, "")
    is_seen = error.status_code != 403  # else there is nothing to be seen for them
    page = render("refused.html", title=title, why=error.detail, home=home, is_seen=is_seen)
    return HTMLResponse(page, error.status_code, error.headers)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in FILES:
        return PlainTextResponse("no such file", 404)
    return Response(_content(name), media_type=FILES[name], headers={"cache-control": "public, max-age=3600"})


@cache
def _content(name: str) -> bytes:
    """A file, wherever the package is: it may be in a zip."""
    return files("keapbridge.console").joinpath("static", name).read_bytes()


def _with_headers(send: Send) -> Send:
    """With what every answer has: also those of errors."""

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message.get("headers", [])}
            ours = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in given]
            message = {**message, "headers": [*message.get("headers", []), *ours]}
        await send(message)

    return sending
