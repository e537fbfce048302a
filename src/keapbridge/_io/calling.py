"""A call on its way: wait for its turn, sign it, send it, learn from the answer, try again where that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import attrs

from keapbridge._io import retries
from keapbridge._io.circuit import is_outage
from keapbridge._io.effects import Answer, Call, Flow, Malformed, Page, Send, Sleep, Unread, now
from keapbridge._io.port import InQuery, Port, Renewable
from keapbridge.errors import ApiError, AuthError, RateLimitedError, StatusError

__all__ = ["fetch", "send"]

T = TypeVar("T")


def send(port: Port, call: Call[T]) -> Flow[T]:
    """Send a call, again after failures that allow it, and read its answer."""
    attempt = 1
    while True:
        signature: Mapping[str, str] = {}
        try:
            yield from _wait(port)
            signature = yield from _sign(port)
            answer: Answer = yield Send(port, _signed(port, call, signature))
            result = call.decode(answer)
        except ApiError as error:
            _locate(error, port, call)
            meant = yield from _learn(port, error)
            pause = retries.decide(meant, attempt, repeatable=call.repeatable, policy=port.retry)
            if pause is None and (attempt >= port.retry.attempts or not (yield from _renewed(port, error, signature))):
                if meant is error:
                    raise
                raise meant from error
        else:
            port.circuit.succeeded()
            if port.pace is not None:
                port.pace.answered(answer.headers, (yield from now()))
            return result
        if pause is not None:
            yield Sleep(pause.seconds, jitter=pause.jitter)
        attempt += 1


def fetch(port: Port, call: Call[Page[T]]) -> Flow[Page[T]]:
    """Send a call for a page; the page knows how to fetch the next one."""
    page = yield from send(port, call)
    for item in page.malformed:
        _locate(item.error, port, call)
    if page.unread is not None:
        page = attrs.evolve(page, unread=_located(page.unread, port, call))
    following = page.following
    return page if following is None else attrs.evolve(page, next=lambda: fetch(port, following))


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


def _sign(port: Port) -> Flow[Mapping[str, str]]:
    credentials = port.credentials
    if credentials is None:
        return {}
    if isinstance(credentials, Renewable):
        return (yield from credentials.sign(port))
    return credentials.headers()


def _signed(port: Port, call: Call[T], signature: Mapping[str, str]) -> Call[T]:
    if isinstance(port.credentials, InQuery) and (parameters := port.credentials.parameters()):
        # In place of those that the address of a next page may have.
        kept = (pair for pair in call.query if pair[0] not in parameters)
        call = attrs.evolve(call, query=(*kept, *parameters.items()))
    return attrs.evolve(call, headers=(*signature.items(), *call.headers)) if signature else call


def _renewed(port: Port, error: ApiError, signature: Mapping[str, str]) -> Flow[bool]:
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
    if isinstance(error, RateLimitedError) and error.status is not None and port.pace is not None:
        return port.pace.refused(error, (yield from now()))
    return error


def _locate(error: ApiError, port: Port, call: Call[Any]) -> None:
    """Errors from reading an answer, or from not sending at all, do not know yet which call they are about."""
    if not error.method:
        error.method, error.url = call.method, f"{port.base_url}{call.path}"
        error.args = (f"{call.subject or call.path}: {error} ({error.method} {error.url})",)
