"""A call on its way: wait for its turn, sign it, send it, learn from the answer, try again where that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import attrs

from keapbridge._io import retries
from keapbridge._io.bounds import Listing
from keapbridge._io.circuit import is_outage
from keapbridge._io.effects import Answer, Call, Flow, Malformed, Page, Send, Sleep, Unread, now
from keapbridge._io.port import InQuery, Port, Renewable
from keapbridge._io.secret import Secret
from keapbridge.errors import ApiError, AuthError, RateLimitedError, StatusError

__all__ = ["fetch", "send"]

T = TypeVar("T")


def send(port: Port, call: Call[T]) -> Flow[T]:
    """Send a call, again after failures that allow it, and read its answer."""
    attempt = 1
    after = ""  # what the last attempt failed for
    while True:
        signature: Mapping[str, Secret] = {}
        try:
            yield from _wait(port)
            signature = yield from _sign(port)
            answer: Answer = yield Send(port, _signed(port, call, signature), attempt, after)
            result = call.decode(answer)
        except ApiError as error:
            _locate(error, port, call)
            meant = yield from _learn(port, error)
            after = type(meant).__name__ if meant.status is None else str(meant.status)
            pause = retries.decide(meant, attempt, repeatable=call.repeatable, policy=port.retry, bounds=port.bounds)
            if pause is None and (attempt >= port.retry.attempts or not (yield from _renewed(port, error, signature))):
                if meant is error:
                    raise
                raise meant from error
        else:
            port.circuit.succeeded()
            if port.pace is not None and port.pace.listens:
                port.pace.answered(answer.headers, (yield from now()))
            return result
        if pause is not None:
            yield Sleep(
                pause.seconds, jitter=pause.jitter, why=f"{call.method} {call.shown} is sent again after {after}"
            )
        attempt += 1


def fetch(port: Port, call: Call[Page[T]]) -> Flow[Page[T]]:
    """Send a call for the first page of a list; each page knows how to fetch the next one.

    Raises:
        ShapeError: when the list leads back to a page that was read already.
        BoundError: when it has more pages than the port takes.
    """
    return (yield from _page(port, call, Listing(port.bounds), 1))


def _page(port: Port, call: Call[Page[T]], listing: Listing, number: int) -> Flow[Page[T]]:
    page = yield from send(port, call)
    for item in page.malformed:
        _locate(item.error, port, call)
    if page.unread is not None:
        page = attrs.evolve(page, unread=_located(page.unread, port, call))
    following = page.following
    if following is None:
        return page
    try:
        listing.onward(number, page.token)
    except ApiError as error:
        _locate(error, port, call)
        raise
    return attrs.evolve(page, next=lambda: _page(port, following, listing, number + 1))


def _located(unread: Unread[T], port: Port, call: Call[Any]) -> Unread[T]:
    """Records whose errors know of the call when they are read."""

    def decode(texts: Sequence[Any], positions: Sequence[int]) -> tuple[tuple[T, ...], tuple[Malformed, ...]]:
        records, malformed = unread.decode(texts, positions)
        for item in malformed:
            _locate(item.error, port, call)
        return records, malformed

    return attrs.evolve(unread, decode=decode)


def _wait(port: Port) -> Flow[None]:
    if not port.circuit.is_quiet:
        port.circuit.check((yield from now()))
    if port.pace is not None:
        yield from port.pace.turn()


def _sign(port: Port) -> Flow[Mapping[str, Secret]]:
    credentials = port.credentials
    if credentials is None:
        return {}
    if isinstance(credentials, Renewable):
        return (yield from credentials.sign(port))
    return {name: Secret.of(value) for name, value in credentials.headers().items()}


def _signed(port: Port, call: Call[T], signature: Mapping[str, Secret]) -> Call[T]:
    if isinstance(port.credentials, InQuery) and (parameters := port.credentials.parameters()):
        # In place of those that the address of a next page may have.
        kept = (pair for pair in call.query if pair[0] not in parameters)
        added = ((name, Secret.of(value)) for name, value in parameters.items())
        call = attrs.evolve(call, query=(*kept, *added))
    return attrs.evolve(call, headers=(*signature.items(), *call.headers)) if signature else call


def _renewed(port: Port, error: ApiError, signature: Mapping[str, Secret]) -> Flow[bool]:
    """Whether a call that was refused for its signature may be sent with another one."""
    if not isinstance(error, AuthError) or error.status != 401 or not isinstance(port.credentials, Renewable):
        return False
    return (yield from port.credentials.renew(port, signature)) if signature else False


def _learn(port: Port, error: ApiError) -> Flow[ApiError]:
    """Note a failure where it says something about the system; answers the error that it means."""
    if is_outage(error):
        port.circuit.failed(error, (yield from now()))
    elif isinstance(error, StatusError) and error.status is not None:
        port.circuit.succeeded()
    if not isinstance(error, RateLimitedError) or error.status is None:
        return error
    moment = yield from now()
    meant = error if port.pace is None else port.pace.refused(error, moment)
    if isinstance(meant, RateLimitedError) and retries.is_too_long(meant, port.retry, port.bounds):
        _come_back(meant, port, moment)
    return meant


def _come_back(error: RateLimitedError, port: Port, moment: datetime) -> None:
    """Say that a refusal asks for a longer wait than the port takes, and when it is over."""
    assert error.retry_after is not None  # it is too long
    error.retry_at = moment + timedelta(seconds=error.retry_after)
    asked = f"it asks to wait {error.retry_after:g} s, until {error.retry_at:%Y-%m-%d %H:%M:%S} UTC"
    how = f"RetryPolicy(cap=…) ({port.retry.cap:g} s now) and Bounds(wait_seconds=…) ({port.bounds.wait_seconds:g} s)"
    error.args = (f"{error}; {asked}; how long a client waits is set by {how}",)


def _locate(error: ApiError, port: Port, call: Call[Any]) -> None:
    """Errors from reading an answer, or from not sending at all, do not know yet which call they are about."""
    if not error.method:
        error.method, error.url = call.method, f"{port.base_url}{call.path}"
        error.args = (f"{call.subject or call.path}: {error} ({error.method} {error.url})",)
