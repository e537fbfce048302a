"""An answer that says no becomes an error: which one, and what the server said about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from keapbridge._io.effects import Answer, Call
from keapbridge._io.moments import retry_after
from keapbridge._io.scrub import scrub
from keapbridge._io.secret import Secret, hide
from keapbridge.errors import AuthError, ConflictError, NotFoundError, RateLimitedError, ServerError, StatusError

__all__ = ["refusal"]

_MAX_MESSAGE = 300
_CODE = re.compile(r"[a-z_]{1,40}")
_REQUEST_IDS = ("x-request-id", "x-correlation-id", "x-amzn-requestid")


def refusal(call: Call[Any], url: str, answer: Answer, secrets: Iterable[Secret] = ()) -> StatusError:
    """The error that an answer with a status of 300 or more means.

    Args:
        secrets: what signed the call; some servers repeat it.
    """
    status = answer.status
    explanation, code = _explanation(answer, secrets)
    message = f"{status} for {call.subject or call.path}" + (f": {explanation}" if explanation else "")
    request_id = next((answer.headers[name] for name in _REQUEST_IDS if name in answer.headers), None)
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
            error = RateLimitedError(message, **where, retry_after=retry_after(answer.headers))
        case _ if status >= 500:
            error = ServerError(message, **where)
        case _:
            error = StatusError(message, **where)
    error.headers = answer.headers
    error.code = code
    return error


def _explanation(answer: Answer, secrets: Iterable[Secret]) -> tuple[str, str | None]:
    """The server's own words and name for an error, from whichever of the known bodies, without personal data."""
    try:
        body = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        kind = answer.headers.get("content-type", "").split(";")[0]
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
    return scrub(hide(text, secrets))[:_MAX_MESSAGE], code if isinstance(code, str) and _CODE.fullmatch(code) else None
