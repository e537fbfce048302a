"""HTTP: a `Call` becomes a request, an answer becomes an `Answer` or an error.

The only module that imports httpx, and only when a client is made: it is a third of what importing everything costs.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from copy import copy
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

import attrs
import msgspec

from keapbridge._io.circuit import Circuit
from keapbridge._io.effects import Answer, Call
from keapbridge._io.port import Credentials, Pace, Renewable
from keapbridge._io.retries import RetryPolicy
from keapbridge._io.scrub import scrub
from keapbridge._version import __version__
from keapbridge.errors import (
    ApiError,
    AuthError,
    ConflictError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    StatusError,
    TransportError,
)

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["AsyncHttpPort", "HttpSettings", "SyncHttpPort"]

MAX_CONNECTIONS = 8  # more only cost: httpx's pool slows down well before Keap's limits are reached
IDLE = 3.0
"""Seconds that an idle connection is used again.

Many servers close theirs after five: a create that is sent just then gets no answer, and nobody knows whether it was
made.
"""
_MAX_MESSAGE = 300
_CODE = re.compile(r"[a-z_]{1,40}")


def _without_slash(url: str) -> str:
    return str(url).rstrip("/")


def _is_plain_url(_: object, __: object, value: str) -> None:
    parts = urlsplit(value)
    if parts.username or parts.password:
        raise ValueError("base_url must not contain credentials: give them as auth=…")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError(f"base_url must be an http(s) URL, not {value!r}")


@attrs.frozen
class HttpSettings:
    """What a port needs to know.

    Attributes:
        base_url: without a slash at the end.
        credentials: who signs the calls; see `calling`.
        pace: what calls wait for before they are sent; `None`: for nothing.
        timeout: seconds without progress before a request is given up.
        asgi_app: send requests into this ASGI application instead of the network (async clients only).
    """

    base_url: str = attrs.field(converter=_without_slash, validator=_is_plain_url)
    credentials: Credentials | Renewable | None = attrs.field(default=None, repr=False)
    timeout: float = 30.0
    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    asgi_app: Callable[..., Any] | None = attrs.field(default=None, repr=False)
    pace: Pace | None = attrs.field(default=None, repr=False)


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    # Shared: building one costs 40 ms, which every client would pay otherwise.
    import httpx

    return httpx.create_ssl_context()


def _uses_tls(settings: HttpSettings) -> bool:
    """Whether anything is sent over TLS: to the system itself, or to where its credentials are had."""
    addresses = (settings.base_url, getattr(settings.credentials, "token_url", ""))
    return any(address.startswith("https") for address in addresses)


@attrs.define
class _Memory:
    """What is known of a system, shared by all ports that lead to it."""

    circuit: Circuit
    last_headers: Mapping[str, str] = attrs.field(factory=dict)

    @classmethod
    def blank(cls, retry: RetryPolicy) -> _Memory:
        return cls(Circuit(retry.patience, retry.rest))


_exchanging: ContextVar[bool] = ContextVar("keapbridge_exchanging", default=False)


def _without_queries(record: logging.LogRecord) -> bool:
    """Cut what httpx logs of our calls: the query of an address may hold an e-mail address or a name."""
    if _exchanging.get() and isinstance(record.args, tuple):
        import httpx

        record.args = tuple(
            argument.copy_with(query=None) if isinstance(argument, httpx.URL) else argument for argument in record.args
        )
    return True


class _Http:
    """What the two ports share: everything but the exchange itself."""

    def __init__(self, settings: HttpSettings) -> None:
        self.settings = settings
        self.memory = _Memory.blank(settings.retry)
        logging.getLogger("httpx").addFilter(_without_queries)

    @property
    def circuit(self) -> Circuit:
        return self.memory.circuit

    @property
    def last_headers(self) -> Mapping[str, str]:
        return self.memory.last_headers

    @property
    def base_url(self) -> str:
        return self.settings.base_url

    @property
    def retry(self) -> RetryPolicy:
        return self.settings.retry

    @property
    def credentials(self) -> Credentials | Renewable | None:
        return self.settings.credentials

    @property
    def pace(self) -> Pace | None:
        return self.settings.pace

    def elsewhere(self, base_url: str) -> Self:
        """The same connections to another address, without credentials and pace."""
        other = copy(self)
        other.settings = attrs.evolve(self.settings, base_url=base_url, credentials=None, pace=None)
        other.memory = _Memory.blank(self.retry)
        return other

    def paced(self, pace: Pace | None) -> Self:
        """The same connections to the same system, at another pace."""
        other = copy(self)
        other.settings = attrs.evolve(self.settings, pace=pace)
        return other

    def _options(self) -> dict[str, Any]:
        import httpx

        return {
            "timeout": self.settings.timeout,
            "limits": httpx.Limits(
                max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=IDLE
            ),
            "verify": _ssl_context() if _uses_tls(self.settings) else False,
            "headers": {"User-Agent": f"keapbridge/{__version__}", "Accept": "application/json"},
            "follow_redirects": False,
        }

    def _request(self, call: Call[Any]) -> dict[str, Any]:
        headers = dict(call.headers)
        if call.body is not None:
            headers.setdefault("Content-Type", "application/json")
        # Encoded here, because httpx leaves characters bare that filter expressions need encoded.
        query = "&".join(f"{quote(k, safe='')}={quote(v, safe=',')}" for k, v in call.query)
        url = f"{self.settings.base_url}{call.path}" + (f"?{query}" if query else "")
        return {"method": call.method, "url": url, "headers": headers, "content": call.body}

    def _answer(self, call: Call[Any], response: httpx.Response) -> Answer:
        headers = dict(response.headers)
        self.memory.last_headers = headers
        if response.status_code >= 300:
            raise _status_error(call, f"{self.settings.base_url}{call.path}", response)
        return Answer(response.status_code, headers, response.content)

    def _cause(self, error: Exception) -> Exception | None:
        import httpx

        return None if isinstance(error, httpx.LocalProtocolError) else error  # it shows the header that is wrong

    def _transport_error(self, call: Call[Any], error: httpx.HTTPError | httpx.InvalidURL) -> TransportError:
        import httpx

        never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL))
        what = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
        return TransportError(
            f"no answer about {call.subject or call.path}: {what}",
            method=call.method,
            url=f"{self.settings.base_url}{call.path}",
            sent=not never_sent,
        )


class SyncHttpPort(_Http):
    """One system over HTTP, for threads. Safe to use from several at once."""

    def __init__(self, settings: HttpSettings) -> None:
        if settings.asgi_app is not None:
            raise ValueError("an ASGI application can only be called by the async clients")
        super().__init__(settings)
        import httpx

        self._failures = (httpx.HTTPError, httpx.InvalidURL)
        self._client = httpx.Client(**self._options())

    def exchange(self, call: Call[Any]) -> Answer:
        token = _exchanging.set(True)
        try:
            response = self._client.request(**self._request(call))
        except self._failures as error:
            raise self._transport_error(call, error) from self._cause(error)
        finally:
            _exchanging.reset(token)
        return self._answer(call, response)

    def close(self) -> None:
        self._client.close()


class AsyncHttpPort(_Http):
    """One system over HTTP, for one event loop."""

    def __init__(self, settings: HttpSettings) -> None:
        super().__init__(settings)
        import httpx

        self._failures = (httpx.HTTPError, httpx.InvalidURL)
        transport = httpx.ASGITransport(settings.asgi_app) if settings.asgi_app is not None else None
        self._client = httpx.AsyncClient(transport=transport, **self._options())

    async def exchange(self, call: Call[Any]) -> Answer:
        token = _exchanging.set(True)
        try:
            response = await self._client.request(**self._request(call))
        except self._failures as error:
            raise self._transport_error(call, error) from self._cause(error)
        finally:
            _exchanging.reset(token)
        return self._answer(call, response)

    async def aclose(self) -> None:
        await self._client.aclose()


def _status_error(call: Call[Any], url: str, response: httpx.Response) -> ApiError:
    status = response.status_code
    explanation, code = _explanation(response)
    message = f"{status} for {call.subject or call.path}" + (f": {explanation}" if explanation else "")
    request_id = next(
        (
            response.headers[h]
            for h in ("x-request-id", "x-correlation-id", "x-amzn-requestid")
            if h in response.headers
        ),
        None,
    )
    where: dict[str, Any] = {"method": call.method, "url": url, "status": status, "request_id": request_id}
    error: StatusError
    match status:
        case 401 | 403:
            error = AuthError(f"{message.rstrip('.')}: check the credentials", **where)
        case 404 | 410:
            error = NotFoundError(message, **where)
        case 409 | 412:
            error = ConflictError(message, **where)
        case 429:
            error = RateLimitedError(message, **where, retry_after=_retry_after(response))
        case _ if status >= 500:
            error = ServerError(message, **where)
        case _:
            error = StatusError(message, **where)
    error.headers = dict(response.headers)
    error.code = code
    return error


def _explanation(response: httpx.Response) -> tuple[str, str | None]:
    """The server's own words and name for an error, from whichever of the known bodies, without personal data."""
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        kind = response.headers.get("content-type", "").split(";")[0]
        return f"not explained ({kind or 'no'} body)", None
    if not isinstance(body, dict):
        return "", None
    fault = body.get("fault")
    candidates = [body.get("detail"), body.get("message"), body.get("title"), body.get("error_description")]
    if isinstance(fault, dict):
        candidates.insert(0, fault.get("faultstring"))
    text = next((c for c in candidates if isinstance(c, str) and c), "")
    errors = body.get("errors")
    if isinstance(errors, list):
        parts = [f"{e.get('field')}: {e.get('message')}" for e in errors if isinstance(e, dict)]
        text = "; ".join([text.rstrip("."), *parts])
    code = body.get("error")
    return scrub(text)[:_MAX_MESSAGE], code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:  # a moment, by the server's own clock
        return max(
            0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(response.headers["date"])).total_seconds()
        )
    except (KeyError, ValueError, TypeError):
        return None
