"""The gateway in front of Keap's API: it knows who calls, counts the calls, and answers itself what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.responses import Response

from keapbridge.testing._server import AsgiApp, Message, Receive, Scope, Send
from keapbridge.testing.keap._behaviour import KeapBehaviour
from keapbridge.testing.keap._quota import Caller, Meter, Refusal

INVALID_TOKEN = {
    "fault": {"faultstring": "Invalid access token", "detail": {"errorcode": "oauth.v2.InvalidAccessToken"}},
}
# `code` is a string here, and nowhere else.
QUOTA_EXCEEDED = {"code": "429", "message": "Quota Exceeded", "status": "Request Throttled", "details": None}


def bearer(scope: Scope) -> str | None:
    """The token of `Authorization: Bearer …`."""
    for name, value in scope["headers"]:
        scheme, _, token = value.decode("latin-1").partition(" ")
        if name.lower() == b"authorization" and scheme.lower() == "bearer":
            return str(token.strip())
    return None


class Gateway:
    """Refuses who is unknown or calls too often, and says in the headers of every answer what was used.

    Args:
        app: What lies behind.
        meter: Counts the calls.
        api_key: The key that is accepted, in a header of its own or as a bearer token.
        is_token: Whether this is an access token that is good now.
        behaviour: How a throttled call is answered.
    """

    def __init__(
        self, app: AsgiApp, meter: Meter, api_key: str, is_token: Callable[[str], bool], behaviour: KeapBehaviour
    ) -> None:
        self._app = app
        self._meter = meter
        self._api_key = api_key
        self._is_token = is_token
        self._behaviour = behaviour

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = self._caller(scope)
        answered: AsgiApp
        if caller is None:
            headers, answered = self._meter.look("oauth" if bearer(scope) else "key"), _json(INVALID_TOKEN, 401)
        else:
            refusal, headers = self._meter.rule(caller)
            answered = self._app if refusal is None else self._throttled(refusal)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in headers.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await answered(scope, receive, answer)

    def _caller(self, scope: Scope) -> Caller | None:
        if any(n.lower() == b"x-keap-api-key" and v.decode("latin-1") == self._api_key for n, v in scope["headers"]):
            return "key"
        token = bearer(scope)
        if token is None:
            return None
        if token == self._api_key:
            return "key"
        return "oauth" if self._is_token(token) else None

    def _throttled(self, refusal: Refusal) -> Response:
        answer = _json(throttled_body(self._behaviour, refusal), 429)
        if self._behaviour.retry_after:
            answer.headers["Retry-After"] = str(math.ceil(refusal.wait))
        return answer


def throttled_body(behaviour: KeapBehaviour, refusal: Refusal) -> dict[str, Any]:
    """The body of a 429, in whichever of its two shapes."""
    if behaviour.throttled_body == "keap":
        return QUOTA_EXCEEDED
    if refusal.kind == "spike":
        words, code = f"Spike arrest violation. Allowed rate : {refusal.limit}ps", "SpikeArrestViolation"
    else:
        words, code = "Rate limit quota violation. Quota limit exceeded.", "QuotaViolation"
    return {"fault": {"faultstring": words, "detail": {"errorcode": f"policies.ratelimit.{code}"}}}


def _json(content: Any, status: int) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
