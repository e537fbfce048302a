"""What requests carry, and the shapes that Keap answers in."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from keapbridge.testing.keap._checks import InvalidError
from keapbridge.testing.keap._documents import Document

__all__ = [
    "HIDDEN_WRITES",
    "RefusedError",
    "body_of",
    "http_error",
    "invalid",
    "json_answer",
    "label_of",
    "named",
    "refusal",
    "typed_body",
]

# In the scope of a request: how many of the last writes it does not see.
HIDDEN_WRITES = "keapbridge.hidden_writes"


class RefusedError(Exception):
    """A request that is answered with an error of Keap's shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def json_answer(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _error(request: Request, status: int, message: str) -> Response:
    resource = request.url.path.removeprefix("/crm/rest/v2/")
    content = {
        "code": status,
        "message": message,
        "status": HTTPStatus(status).phrase,
        "details": [{"domain": resource.split("/")[0].split(":")[0], "resource": resource}],
    }
    return json_answer(content, status)


# Not plain functions, which Starlette calls on another thread.


async def refusal(request: Request, error: Any) -> Response:
    return _error(request, error.status, str(error))


async def invalid(request: Request, error: Any) -> Response:
    return _error(request, 400, str(error))


async def http_error(request: Request, error: Any) -> Response:
    answer = _error(request, error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


async def body_of(request: Request) -> Any:
    try:
        return msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, RecursionError):
        raise InvalidError("the body is not valid JSON") from None


async def typed_body(request: Request, allowed: Collection[str], required: Collection[str]) -> Document:
    body = await body_of(request)
    if not isinstance(body, dict):
        raise InvalidError("the body must be a JSON object")
    if unknown := body.keys() - set(allowed):
        raise InvalidError(f"{min(unknown)} is not a known property")
    if missing := [name for name in required if body.get(name) is None]:
        raise InvalidError(f"{', '.join(missing)} must be given")
    return body


def named(request: Request, parameter: str, known: Collection[str], *, strict: bool = True) -> frozenset[str] | None:
    """The names of a parameter that is repeated or comma-separated; `None` without any."""
    given = [n.strip() for text in request.query_params.getlist(parameter) for n in text.split(",")]
    names = frozenset(n for n in given if n)
    unknown = names - set(known)
    if unknown and strict:
        raise InvalidError(f"{parameter}: {min(unknown)} is not a known property")
    return names - unknown or None


def label_of(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidError(f"{path} must be a text")
    return value
