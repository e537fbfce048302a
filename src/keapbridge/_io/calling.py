"""A call on its way: wait for its turn, sign it, send it, learn from the answer, try again where that is right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import attrs

from keapbridge._flow.effects import Flow, Send, Sleep, now
from keapbridge._io import retries
from keapbridge._io.calls import Answer, Call
from keapbridge._io.circuit import is_outage
from keapbridge._io.port import InQuery, Port, Renewable
from keapbridge._io.secret import Secret
from keapbridge.errors import ApiError, AuthError, RateLimitedError, StatusError

__all__ = ["locate", "send"]

T = TypeVar("T")


def send(port: Port, call: Call[T], *, once: bool = False) -> Flow[T]:
    """Send a call, again after failures that allow it, and read its answer.

    A call that knows what to ask for instead is not sent again as it was; each of those asks for less, so it ends.

    Args:
        once: not again where less is asked for instead; such a failure says nothing about the system's health.
    """
    attempt = 1
    after = ""  # what the last attempt failed for
    renewed = False
    while True:
        signature: Mapping[str, Secret] = {}
        try:
            yield from _wait(port)
            signature = yield from _sign(port)
            answer: Answer = yield Send(port, _signed(port, call, signature), attempt, after)
            yield from _heard(port, answer)
            result = call.decode(answer)
        except ApiError as error:
            locate(error, port, call)
            yield from _heard(port, error)
            if once and retries.is_too_much(error):
                raise
            milder = None if call.instead is None else call.instead(error)
            meant = yield from _learn(port, error)
            if milder is not None:
                call = milder
                continue
            after = type(meant).__name__ if meant.status is None else str(meant.status)
            pause = retries.decide(meant, attempt, repeatable=call.repeatable, policy=port.retry, bounds=port.bounds)
            if pause is None:
                # Once: whoever refuses what was had a moment ago refuses the next one, too.
                renewed = (
                    not renewed and attempt < port.retry.attempts and (yield from _renewed(port, error, signature))
                )
                if not renewed:
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


def _wait(port: Port) -> Flow[None]:
    if not port.circuit.is_quiet:
        port.circuit.check((yield from now()))
    if port.pace is not None:
        yield from port.pace.turn()


def _heard(port: Port, answer: Answer | ApiError) -> Flow[None]:
    if port.ear is not None and answer.headers:
        yield from port.ear(answer.headers)


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


def locate(error: ApiError, port: Port, call: Call[Any]) -> None:
    """Errors from reading an answer, or from not sending at all, do not know yet which call they are about."""
    if not error.method:
        error.method, error.url = call.method, f"{port.base_url}{call.path}"
        error.args = (f"{call.subject or call.path}: {error} ({error.method} {error.url})",)
