"""HTTP: a `Call` becomes a request, an answer becomes an `Answer` or an error.

The only module that imports httpx, and only when a client is made: it is a third of what importing everything costs.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from copy import copy
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

import attrs

from keapbridge._io.bodies import ENCODINGS, Body
from keapbridge._io.bounds import Bounds
from keapbridge._io.calls import Answer, Call
from keapbridge._io.circuit import Circuit
from keapbridge._io.deadline import Deadline, watch
from keapbridge._io.door import Door
from keapbridge._io.port import Credentials, Ear, Pace, Renewable
from keapbridge._io.refusals import refusal
from keapbridge._io.retries import RetryPolicy
from keapbridge._io.secret import Secret, cleared, kept
from keapbridge._version import __version__
from keapbridge.errors import NoAnswerError, TransportError
from keapbridge.model.given import checks, one_of, seconds

if TYPE_CHECKING:
    import ssl

__all__ = ["AsyncHttpPort", "HttpSettings", "SyncHttpPort"]

MAX_CONNECTIONS = 8  # more only cost: httpx's pool slows down well before Keap's limits are reached
IDLE = 3.0
"""Seconds that an idle connection is used again.

Many servers close theirs after five: a create that is sent just then gets no answer, and nobody knows whether it was
made.
"""


def _without_slash(url: str) -> str:
    return str(url).rstrip("/")


def _is_plain_url(_: object, __: object, value: str) -> None:
    example = "base_url='https://crm.example.com/api'"
    parts = urlsplit(value)
    if parts.username or parts.password:
        raise ValueError("base_url must not contain credentials: give them as auth=…")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError(f"base_url must be an http(s) URL, such as {example}, not {value!r}")


def _a_retry_policy(what: str, value: Any) -> RetryPolicy:
    return one_of(what, value, RetryPolicy, f"how patient it is, {what}=kb.RetryPolicy(…)")


def _bounds(what: str, value: Any) -> Bounds:
    return one_of(what, value, Bounds, f"what is taken at most, {what}=kb.Bounds(…)")


@attrs.frozen
class HttpSettings:
    """What a port needs to know.

    Attributes:
        base_url: without a slash at the end.
        credentials: who signs the calls; see `calling`.
        pace: what calls wait for before they are sent; `None`: for nothing.
        ear: who listens to all answers.
        timeout: seconds without progress before a request is given up.
        bounds: what is taken from the system at most.
        verify: the file of the certificates that the server's is checked by, or a context of TLS; `None`: usual ones.
        proxy: through which all is sent.
        asgi_app: send requests into this ASGI application instead of the network (async clients only).
    """

    base_url: str = attrs.field(converter=_without_slash, validator=_is_plain_url)
    credentials: Credentials | Renewable | None = attrs.field(default=None, repr=False)
    timeout: float = attrs.field(default=30.0, validator=checks(partial(seconds, least=0.001)))
    retry: RetryPolicy = attrs.field(factory=RetryPolicy, validator=checks(_a_retry_policy))
    asgi_app: Callable[..., Any] | None = attrs.field(default=None, repr=False)
    pace: Pace | None = attrs.field(default=None, repr=False)
    ear: Ear | None = attrs.field(default=None, kw_only=True, repr=False)
    bounds: Bounds = attrs.field(factory=Bounds, validator=checks(_bounds))
    verify: str | ssl.SSLContext | None = attrs.field(default=None, kw_only=True, repr=False)
    proxy: str | None = attrs.field(default=None, kw_only=True, repr=False)


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    # Shared: building one costs 40 ms, which every client would pay otherwise.
    import httpx

    return httpx.create_ssl_context()


def _uses_tls(settings: HttpSettings) -> bool:
    """Whether anything is sent over TLS: to the system itself, or to where its credentials are had."""
    addresses = (settings.base_url, getattr(settings.credentials, "token_url", ""))
    return any(address.startswith("https") for address in addresses)


def _context(settings: HttpSettings) -> ssl.SSLContext | bool:
    if not _uses_tls(settings):
        return False
    if settings.verify is None:
        return _ssl_context()
    import ssl

    return ssl.create_default_context(cafile=settings.verify) if isinstance(settings.verify, str) else settings.verify


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
    """Cut what httpx logs of our calls: the query of an address may hold an e-mail address, a name or a key."""
    if _exchanging.get() and isinstance(record.args, tuple):
        import httpx

        record.args = tuple(
            argument.copy_with(query=None) if isinstance(argument, httpx.URL) else argument for argument in record.args
        )
    return True


def _without_answers(record: logging.LogRecord) -> bool:
    """Cut what httpcore logs of our calls: the headers of an answer may hold a cookie, or echo a key."""
    if _exchanging.get() and isinstance(record.msg, str):
        record.msg = record.msg.partition(" return_value=")[0]
    return True


class _Http:
    """What the two ports share: everything but the exchange itself."""

    def __init__(self, settings: HttpSettings) -> None:
        import httpx

        self._take(settings, _Memory.blank(settings.retry))
        self.door = Door(settings.base_url)
        self._url = lru_cache(maxsize=16)(httpx.URL)  # it is read sign by sign, and all creates have the same
        logging.getLogger("httpx").addFilter(_without_queries)
        for name in ("http11", "http2", "connection", "proxy", "socks"):
            logging.getLogger(f"httpcore.{name}").addFilter(_without_answers)

    def _take(self, settings: HttpSettings, memory: _Memory) -> None:
        """What calls ask for, side by side."""
        self.settings, self.memory = settings, memory
        self.base_url, self.retry, self.bounds = settings.base_url, settings.retry, settings.bounds
        self.credentials, self.pace, self.ear = settings.credentials, settings.pace, settings.ear
        self.circuit = memory.circuit

    @property
    def last_headers(self) -> Mapping[str, str]:
        return self.memory.last_headers

    def elsewhere(self, base_url: str) -> Self:
        """The same connections to another address, without credentials, pace and ear."""
        return self._with(_Memory.blank(self.retry), base_url=base_url, credentials=None, pace=None, ear=None)

    def heard_by(self, ear: Ear) -> Self:
        """The same connections to the same system, with somebody who listens."""
        return self._with(self.memory, ear=ear)

    def paced(self, pace: Pace | None) -> Self:
        """The same connections to the same system, at another pace."""
        return self._with(self.memory, pace=pace)

    def _with(self, memory: _Memory, **changes: Any) -> Self:
        other = copy(self)
        other._take(attrs.evolve(self.settings, **changes), memory)  # noqa: SLF001 - of its own kind
        return other

    def _options(self) -> dict[str, Any]:
        import httpx

        return {
            "timeout": self.settings.timeout,
            "limits": httpx.Limits(
                max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=IDLE
            ),
            "verify": _context(self.settings),
            **({"proxy": self.settings.proxy} if self.settings.proxy else {}),
            "headers": {
                "User-Agent": f"keapbridge/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": ENCODINGS,
            },
            "follow_redirects": False,
        }

    def _request(self, call: Call[Any]) -> dict[str, Any]:
        headers = dict(cleared(call.headers))
        if call.body is not None:
            headers.setdefault("Content-Type", "application/json")
        # Encoded here, because httpx leaves characters bare that filter expressions need encoded.
        query = "&".join(f"{quote(k, safe='')}={quote(v, safe=',')}" for k, v in cleared(call.query))
        url = f"{self.settings.base_url}{call.path}" + (f"?{query}" if query else "")
        return {"method": call.method, "url": self._url(url), "headers": headers, "content": call.body}

    def _answer(
        self, call: Call[Any], status: int, headers: Mapping[str, str], body: Body, deadline: Deadline
    ) -> Answer:
        """An answer without what of it must not be kept."""
        answer = Answer(status, kept(headers, _secrets(call)), body.value(), deadline.passed)
        self.memory.last_headers = answer.headers
        return answer

    def _accepted(self, call: Call[Any], received: Answer | BaseException) -> Answer:
        """The answer, if it is one; raised here, where no frame knows what was received."""
        if isinstance(received, BaseException):
            raise received
        if received.status >= 300 and received.status not in call.empty:
            raise refusal(call, f"{self.settings.base_url}{call.path}", received, _secrets(call))
        return received

    def _failed(self, call: Call[Any], error: BaseException, deadline: Deadline) -> BaseException:
        """The error for an exchange that did not come to its end, without the frames of httpx.

        Their locals hold the credentials, and whoever reports an error with its locals would report them.
        """
        failure = error
        import httpx

        if isinstance(error, (httpx.HTTPError, httpx.InvalidURL, TransportError, TimeoutError)):
            if deadline.is_over:
                most = self.settings.bounds.call_seconds
                what = f"the answer was not whole after {most:g} seconds"
                failure = self.settings.bounds.reached("call_seconds", what)
            elif not isinstance(error, TransportError):
                failure = self._transport_error(call, error)
        elif isinstance(error, Exception):  # nobody foresaw it
            place = traceback.extract_tb(error.__traceback__)[-1]
            error.add_note(f"raised at {place.filename}:{place.lineno}, in {place.name}")
        failure.__cause__, failure.__context__ = _reason(error), None
        return failure.with_traceback(None)

    def _transport_error(self, call: Call[Any], error: Exception) -> TransportError:
        import httpx

        never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL))
        what = _words(error)
        kind = TransportError if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)) else NoAnswerError
        return kind(
            f"no answer about {call.subject or call.path}: {what}",
            method=call.method,
            url=f"{self.settings.base_url}{call.path}",
            sent=not never_sent,
        )


def _words(error: Exception) -> str:
    """Why there was no answer, in words: a host that is not known is another matter than one where nobody listens."""
    import socket

    what = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, socket.gaierror):
            return f"{what}: no such host is known, look at the address"
        if isinstance(seen, ConnectionRefusedError):
            return f"{what}: refused, for nothing listens at this address and port"
        if isinstance(seen, ConnectionResetError):
            return f"{what}: the connection was reset"
        if type(seen).__name__ == "SSLError" or type(seen).__name__ == "SSLCertVerificationError":
            return f"{what}: the certificate, or TLS itself, was not accepted"
        seen = seen.__cause__ or seen.__context__
    return what


def _secrets(call: Call[Any]) -> list[Secret]:
    """What signs a call, and what it sends of the kind."""
    return [*(value for _, value in (*call.headers, *call.query) if isinstance(value, Secret)), *call.secrets]


def _reason(error: BaseException) -> Exception | None:
    """What the operating system said, of all that led to an error, without its frames."""
    seen = error.__cause__ or error.__context__
    while seen is not None:
        if isinstance(seen, OSError):
            seen.__cause__ = seen.__context__ = None
            return seen.with_traceback(None)
        seen = seen.__cause__ or seen.__context__
    return None


class SyncHttpPort(_Http):
    """One system over HTTP, for threads. Safe to use from several at once."""

    def __init__(self, settings: HttpSettings) -> None:
        if settings.asgi_app is not None:
            raise ValueError("an ASGI application can only be called by the async clients")
        super().__init__(settings)
        import httpx

        self._client = httpx.Client(**self._options())
        watch(self._client)

    def exchange(self, call: Call[Any]) -> Answer:
        self.door.enter()
        try:
            received = self._receive(call)
        finally:
            if self.door.leave():
                self._client.close()
        return self._accepted(call, received)

    def _receive(self, call: Call[Any]) -> Answer | BaseException:
        token = _exchanging.set(True)
        deadline = Deadline(self.settings.bounds.call_seconds)
        try:
            with deadline, self._client.stream(**self._request(call)) as response:
                headers = dict(response.headers.items())  # by name each would be looked for among all
                body = Body(headers, self.settings.bounds)
                for chunk in response.iter_raw():
                    body.add(chunk)
                    deadline.check()
                return self._answer(call, response.status_code, headers, body, deadline)
        except BaseException as error:  # noqa: BLE001 - raised by the caller
            return self._failed(call, error, deadline)
        finally:
            _exchanging.reset(token)

    def close(self) -> None:
        if self.door.shut():
            self._client.close()


class AsyncHttpPort(_Http):
    """One system over HTTP, for one event loop."""

    def __init__(self, settings: HttpSettings) -> None:
        super().__init__(settings)
        import asyncio

        import httpx

        self._timeout = asyncio.timeout
        transport = httpx.ASGITransport(settings.asgi_app) if settings.asgi_app is not None else None
        self._client = httpx.AsyncClient(transport=transport, **self._options())

    async def exchange(self, call: Call[Any]) -> Answer:
        self.door.enter()
        try:
            received = await self._receive(call)
        finally:
            if self.door.leave():
                await self._client.aclose()
        return self._accepted(call, received)

    async def _receive(self, call: Call[Any]) -> Answer | BaseException:
        token = _exchanging.set(True)
        deadline = Deadline(self.settings.bounds.call_seconds)
        try:
            async with (
                self._timeout(self.settings.bounds.call_seconds),
                self._client.stream(**self._request(call)) as response,
            ):
                headers = dict(response.headers.items())  # by name each would be looked for among all
                body = Body(headers, self.settings.bounds)
                async for chunk in response.aiter_raw():
                    body.add(chunk)
                return self._answer(call, response.status_code, headers, body, deadline)
        except BaseException as error:  # noqa: BLE001 - raised by the caller
            return self._failed(call, error, deadline)
        finally:
            _exchanging.reset(token)

    async def aclose(self) -> None:
        if self.door.shut():
            await self._client.aclose()
