"""The endpoints of e-mail addresses: whether they may be written to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from keapbridge.testing.keap._checks import InvalidError
from keapbridge.testing.keap._consents import MARKETABLE
from keapbridge.testing.keap._messages import RefusedError, json_answer, label_of, typed_body
from keapbridge.testing.keap._state import KeapState

__all__ = ["change_email_status", "email_status"]

Endpoint = Callable[[Request], Awaitable[Response]]


def _status_answer(state: KeapState, email: str) -> Response:
    first_seen = state.first_seen(email)
    if first_seen is None:
        raise RefusedError(404, "There is no such email address")
    consent = state.consent(email)
    return json_answer(
        {
            "email": email,
            "status": consent.status,
            "opted_in": consent.status in MARKETABLE,
            "create_time": first_seen,
        }
    )


def email_status(state: KeapState) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        with state.lock:
            return _status_answer(state, request.path_params["email"])

    return endpoint


def change_email_status(state: KeapState) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        body = await typed_body(request, ("opted_in", "reason"), ("opted_in", "reason"))
        if not isinstance(body["opted_in"], bool):
            raise InvalidError("opted_in must be true or false")
        reason, email = label_of(body["reason"], "reason"), request.path_params["email"]
        with state.lock:
            if state.first_seen(email) is not None:
                (state.ask_opt_in if body["opted_in"] else state.opt_out)(email, reason)
            return _status_answer(state, email)

    return endpoint
