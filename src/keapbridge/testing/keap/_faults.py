"""The faults of Keap's own that chance may draw: how it words its errors, expired tokens, and reads that lag behind."""

from __future__ import annotations

import random
import re

import msgspec

from keapbridge.testing._faults import Fault, FaultKind, Scope, Special
from keapbridge.testing.keap._behaviour import KeapBehaviour
from keapbridge.testing.keap._gateway import bearer, throttled_body
from keapbridge.testing.keap._messages import HIDDEN_WRITES
from keapbridge.testing.keap._oauth import KeapOAuthServer
from keapbridge.testing.keap._quota import Refusal
from keapbridge.testing.keap._state import KeapState

__all__ = ["answers", "specials"]

_READ = re.compile(r"/crm/rest/v2/(contacts|companies|products)(/[0-9]+)?")
_MOST_HIDDEN = 3


def answers(behaviour: KeapBehaviour) -> dict[FaultKind, Fault]:
    """What a fault of each kind answers: Keap's own words for a 429 and a 500, the gateway's for the others."""
    throttled = throttled_body(behaviour, Refusal("quota", 0, 1.0))
    headers = (("Retry-After", "1"),) if behaviour.retry_after else ()
    failed = {"code": 500, "message": "Internal Server Error", "status": "Internal Server Error", "details": []}
    return {
        "429": Fault(429, msgspec.json.encode(throttled), "application/json", headers),
        "500": Fault(500, msgspec.json.encode(failed), "application/json"),
        "502": _of_the_gateway(502, "Bad Gateway", "protocol.http.BadGateway"),
        "503": _of_the_gateway(503, "The Service is temporarily unavailable", "messaging.adaptors.ServiceUnavailable"),
        "504": _of_the_gateway(504, "Gateway Timeout", "messaging.adaptors.http.flow.GatewayTimeout"),
    }


def _of_the_gateway(status: int, words: str, code: str) -> Fault:
    body = {"fault": {"faultstring": words, "detail": {"errorcode": code}}}
    return Fault(status, msgspec.json.encode(body), "application/json")


def specials(state: KeapState, oauth: KeapOAuthServer) -> dict[FaultKind, Special]:
    """The kinds of faults that only Keap has."""

    def has_token(scope: Scope) -> bool:
        token = bearer(scope)
        return token is not None and oauth.is_good(token)

    def expire(scope: Scope, _: random.Random) -> None:
        token = bearer(scope)
        assert token is not None
        oauth.expire_token(token)

    def may_lag(scope: Scope) -> bool:
        return scope["method"] == "GET" and _READ.fullmatch(scope["path"]) is not None and state.has_news

    def lag(scope: Scope, chosen: random.Random) -> None:
        scope[HIDDEN_WRITES] = chosen.randint(1, _MOST_HIDDEN)

    return {
        "expired_token": Special(has_token, expire),
        "stale": Special(may_lag, lag, lambda: state.keep_journal(True), lambda: state.keep_journal(False)),
    }
