"""Answers that say no although their status says yes. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from keapbridge._io.calls import Answer
from keapbridge._io.words import words_of
from keapbridge._scrub import scrub
from keapbridge.customcrm.endpoints.endpoint import Endpoint
from keapbridge.customcrm.paths import dig, has
from keapbridge.errors import StatusError

__all__ = ["refuse_in_body", "says_yes"]

LONGEST = 300


def refuse_in_body(endpoint: Endpoint[Any], operation: str, answer: Answer, body: Any) -> None:
    """Nothing, for an answer that says yes.

    Raises:
        StatusError: with status 422, for one that says no: by the flag that is declared for it, by `success: false`, or
            by `errors` with no `data` beside them.
    """
    if not isinstance(body, dict):
        return
    flag = _flag(endpoint, operation)
    no = body.get("success") is False if flag is None else _says_no(body, flag)
    if no or (body.get("errors") and isinstance(body["errors"], list) and body.get("data", UNKNOWN) in (None, UNKNOWN)):
        told = scrub(words_of(msgspec.json.encode(body), "application/json"))[:LONGEST]
        raise StatusError(f"refused, with status {answer.status}: {told}", status=422)


def says_yes(endpoint: Endpoint[Any], operation: str, body: Any) -> bool:
    """Whether an answer says by a flag that the call was done, so that what is not in it is not lost."""
    flag = _flag(endpoint, operation) or "success"
    return not flag.startswith("!") and has(body, flag.partition("=")[0]) and not _says_no(body, flag)


def _flag(endpoint: Endpoint[Any], operation: str) -> str | None:
    return endpoint.requests[operation].success or endpoint.schema.envelope.success


def _says_no(body: Any, flag: str) -> bool:
    """Whether a flag says that a call was not done; one that is not there says nothing."""
    path, equals, text = flag.removeprefix("!").partition("=")
    found = dig(body, path)
    if flag.startswith("!"):
        return bool(found)
    return has(body, path) and (str(found).casefold() != text.casefold() if equals else not found)


UNKNOWN = object()
