"""A request as a page sees it: who is here, which session it is about, what was sent, and how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import attrs
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from keapbridge.console.desk import Desk, Desks
from keapbridge.console.rendering import render
from keapbridge.console.user import User
from keapbridge.model.side import Side

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Form", "UrlFor", "Visit", "missing", "read_form", "read_segment", "segment"]

MOST_BYTES = 2 * 1024 * 1024  # of a form
MOST_FIELDS = 20_000

UrlFor = Callable[..., "str | None"]
"""The host's function: a side, an object and an id (and of a fleet a tenant) → where that record is to be seen."""


def missing(what: str) -> HTTPException:
    """Nothing is there; what was asked for is not repeated."""
    return HTTPException(404, f"There is no {what} here (any more).")


def segment(part: object) -> str:
    """A part of a path that may hold anything: `~2F` for a slash. `read_segment` reads it again.

    Servers and proxies take `%2F` for a slash, refuse it, or read it twice; and dots alone would lead upwards.
    """
    quoted = quote(str(part), safe="").replace("~", "~7E").replace("%", "~")
    return quoted if quoted.strip(".") else quoted.replace(".", "~2E")


def read_segment(given: str) -> str:
    """What `segment` has made a part of a path of."""
    return unquote(given.replace("~", "%"))


@attrs.frozen
class Form:
    """What a form has sent."""

    fields: Mapping[str, Sequence[str]] = attrs.field(factory=dict, repr=False)

    def all(self, name: str) -> Sequence[str]:
        return self.fields.get(name, ())

    def one(self, name: str, default: str = "") -> str:
        """The value of a field; of several the last one."""
        values = self.all(name)
        return values[-1] if values else default


async def read_form(request: Request) -> Form:
    """Read a form, no further than allowed.

    Raises:
        HTTPException: for what is none, or too large.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise HTTPException(415, "This takes a form.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "This form is too large.")
    fields: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS):
            fields.setdefault(name, []).append(value)
    except ValueError:
        raise HTTPException(400, "This form cannot be read.") from None
    return Form(fields)


@attrs.frozen
class Visit:
    """A request.

    Attributes:
        home: where the console is mounted, without a slash at the end.
        base: where the pages of its session begin; the same, but for a tenant of a fleet.
        token: for the forms of the page that answers it.
        form: what was sent with it.
    """

    request: Request = attrs.field(repr=False)
    user: User
    title: str
    home: str
    base: str
    token: str = attrs.field(repr=False)
    form: Form
    its_desk: Desk | None = None
    desks: Desks | None = None
    tenant: str | None = None
    its_url_for: UrlFor | None = None

    @property
    def desk(self) -> Desk:
        """The session that the page is about."""
        assert self.its_desk is not None  # the routes of sessions have one
        return self.its_desk

    @property
    def path(self) -> Mapping[str, str]:
        """The variable parts of the address."""
        return {name: read_segment(part) for name, part in self.request.path_params.items()}

    def query(self, name: str, default: str = "") -> str:
        """A part of the address behind the question mark."""
        return self.request.query_params.get(name, default)

    def url(self, *parts: object, **query: object) -> str:
        """The address of a page of this session."""
        path = "/".join([self.base, *map(segment, parts)]) if parts else f"{self.base}/"
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return f"{path}?{urlencode(given)}" if given else path

    def of_tenant(self, name: str) -> str:
        """The address of the overview of a tenant."""
        return f"{self.home}/tenants/{segment(name)}/"

    def outside(self, side: Side, object: str, id: str) -> str | None:
        """Where a record is to be seen in its own system, as the host tells."""
        if self.its_url_for is None:
            return None
        found = self.its_url_for(side, object, id, *([] if self.tenant is None else [self.tenant]))
        return found if found and urlsplit(found).scheme in {"https", "http"} else None

    def show(self, template: str, title: str, shown: Any, *, status: int = 200) -> Response:
        """A page: a template lays out a value."""
        return HTMLResponse(render(template, visit=self, title=title, shown=shown), status)

    def go(self, *parts: object, **query: object) -> Response:
        """On to another page of this session, after something was done."""
        return RedirectResponse(self.url(*parts, **query), 303)
