"""Answers that say no although their status says yes. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from keapbridge._io.effects import Answer
from keapbridge._io.scrub import scrub
from keapbridge._io.words import words_of
from keapbridge.customcrm.endpoints.endpoint import Endpoint
from keapbridge.customcrm.paths import dig, has
from keapbridge.errors import StatusError

__all__ = ["refuse_in_body"]

LONGEST = 300


def refuse_in_body(endpoint: Endpoint[Any], answer: Answer, body: Any, subject: str) -> None:
    """Nothing, for an answer that says yes.

    Raises:
        StatusError: with status 422, for one that says no: by the flag that is declared for it, by `success: false`, or
            by `errors` with no `data` beside them.
    """
    if not isinstance(body, dict):
        return
    flag = endpoint.schema.envelope.success
    no = has(body, flag) and not dig(body, flag) if flag is not None else body.get("success") is False
    if no or (body.get("errors") and isinstance(body["errors"], list) and body.get("data", UNKNOWN) in (None, UNKNOWN)):
        told = scrub(words_of(msgspec.json.encode(body), "application/json"))[:LONGEST]
        raise StatusError(f"refused, with status {answer.status}: {told}", status=422)


UNKNOWN = object()
