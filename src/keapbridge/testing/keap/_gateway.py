"""The gateway in front of Keap's API: it knows who calls, counts the calls, and answers itself what it refuses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from starlette.responses import Response

from keapbridge.testing._server import AsgiApp, Message, Receive, Scope, Send
from keapbridge.testing.keap._behaviour import KeapBehaviour
from keapbridge.testing.keap._oauth import KeapOAuthServer
from keapbridge.testing.keap._quota import Caller, Meter, Refusal

Unknown = Literal["nobody", "key", "token", "expired"]
"""Who is not let in: who says nothing, or gives a key, a token or an expired token."""
_REFUSED: Final[Mapping[Unknown, tuple[str, str]]] = {
    "nobody": ("Invalid access token", "oauth.v2.InvalidAccessToken"),
    "key": ("Invalid ApiKey", "oauth.v2.InvalidApiKey"),
    "token": ("Invalid Access Token", "keymanagement.service.invalid_access_token"),
    "expired": ("Access Token expired", "keymanagement.service.access_token_expired"),
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
        oauth: Tells which access tokens are good now.
        behaviour: How a throttled call is answered.
    """

    def __init__(
        self, app: AsgiApp, meter: Meter, api_key: str, oauth: KeapOAuthServer, behaviour: KeapBehaviour
    ) -> None:
        self._app = app
        self._meter = meter
        self._api_key = api_key
        self._oauth = oauth
        self._behaviour = behaviour

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller, unknown = self._caller(scope)
        answered: AsgiApp
        if unknown is not None:
            words, code = _REFUSED[unknown]
            refused = {"fault": {"faultstring": words, "detail": {"errorcode": code}}}
            headers, answered = self._meter.look(caller), _json(refused, 401)
        else:
            refusal, headers = self._meter.rule(caller)
            answered = self._app if refusal is None else self._throttled(refusal)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in headers.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await answered(scope, receive, answer)

    def _caller(self, scope: Scope) -> tuple[Caller, Unknown | None]:
        """Who calls, and why that is not let in."""
        keys = [v.decode("latin-1") for n, v in scope["headers"] if n.lower() == b"x-keap-api-key" and v]
        token = bearer(scope)
        if self._api_key in (*keys, token):
            return "key", None
        if token is None:
            return "key", "key" if keys else "nobody"
        if self._oauth.is_good(token):
            return "oauth", None
        return "oauth", "expired" if self._oauth.has_expired(token) else "token"

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
