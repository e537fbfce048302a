"""An answer that says no becomes an error: which one, and what the server said about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from keapbridge._io.calls import Answer, Call
from keapbridge._io.secret import Secret, hide
from keapbridge._io.told_times import retry_after
from keapbridge._io.words import words_of
from keapbridge._scrub import scrub
from keapbridge.errors import AuthError, ConflictError, NotFoundError, RateLimitedError, ServerError, StatusError

__all__ = ["refusal"]

_MAX_MESSAGE = 300
_MAX_READ = 2000
_CODE = re.compile(r"[a-z_]{1,40}")
_COMES_LATER = frozenset({*range(400, 500)} - {401, 404, 410, 412})  # which say something of the record or the caller
_REQUEST_IDS = ("x-request-id", "x-correlation-id", "x-amzn-requestid")


def refusal(call: Call[Any], url: str, answer: Answer, secrets: Iterable[Secret] = ()) -> StatusError:
    """The error that an answer with a status of 300 or more means.

    Args:
        secrets: what signed the call; some servers repeat it.
    """
    status, secrets = answer.status, tuple(secrets)
    explanation, code = _explanation(answer, secrets)
    if status < 400 and status != 304:
        explanation = _moved(url, answer, secrets)
    message = f"{status} for {call.subject or call.path}" + (f": {explanation}" if explanation else "")
    request_id = next((answer.headers[name] for name in _REQUEST_IDS if name in answer.headers), None)
    where: dict[str, Any] = {"method": call.method, "url": url, "status": status, "request_id": request_id}
    error: StatusError
    match status:
        case _ if status in call.gone:
            error = NotFoundError(message, **where)
        case _ if status in _COMES_LATER and retry_after(answer.headers) is not None:
            error = RateLimitedError(message, **where, retry_after=retry_after(answer.headers))
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
    error.said = explanation
    return error


def _explanation(answer: Answer, secrets: Iterable[Secret]) -> tuple[str, str | None]:
    """The server's own words and name for an error, without personal data."""
    words = words_of(answer.body, answer.headers.get("content-type", ""))
    text = scrub(hide(words, secrets)[:_MAX_READ])
    shortened = text if len(text) <= _MAX_MESSAGE else f"{text[: _MAX_MESSAGE - 1].rstrip()}…"
    code = _Code.of(answer.body)
    return shortened, code if code is not None and _CODE.fullmatch(code) else None


class _Code(msgspec.Struct):
    """What OAuth calls an error by."""

    error: Any = None

    @classmethod
    def of(cls, body: bytes) -> str | None:
        """The name; `None` where there is none."""
        try:
            found = msgspec.json.decode(body, type=cls).error
        except (msgspec.DecodeError, RecursionError):
            return None
        return found if isinstance(found, str) else None


def _moved(url: str, answer: Answer, secrets: Iterable[Secret]) -> str:
    """Where a redirect goes to, without its query, and what to do about it."""
    try:
        there = urlsplit(urljoin(url, answer.headers.get("location", "")))
        host = f"[{there.hostname}]" if ":" in (there.hostname or "") else there.hostname or ""
        port = f":{there.port}" if there.port else ""
    except ValueError:
        return "it redirects to what is no address"
    if "location" not in answer.headers:
        return "it redirects, and does not say where to"
    shown = hide(f"{there.scheme}://{host}{port}{there.path}", secrets)[:_MAX_MESSAGE]
    here = urlsplit(url)
    if (there.hostname, there.path) != (here.hostname, here.path) and re.search(
        "log-?in|sign-?in|auth", there.path, re.IGNORECASE
    ):
        return f"it redirects to {shown}, where people log in: check the credentials and the address of the API"
    return f"it redirects to {shown}: give the client the address that answers itself, redirects are not followed"
