"""A REST API that is a function: what it is asked, and what it answers, without a socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from keapbridge._io.drivers import SyncDriver
from keapbridge._io.effects import Answer, Call, Send
from keapbridge._io.refusals import refusal

__all__ = ["Api", "Said"]

Said = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]


class Api(SyncDriver):
    """Performs calls by a function; it keeps them.

    Attributes:
        asked: all calls so far.
    """

    def __init__(self, say: Callable[[str, str, dict[str, str], Any], Said]) -> None:
        super().__init__()
        self.say = say
        self.asked: list[Call[Any]] = []

    def perform(self, effect: Any) -> Any:
        if not isinstance(effect, Send):
            return super().perform(effect)
        call = effect.call
        self.asked.append(call)
        sent = json.loads(call.body) if call.body else None
        status, body, *more = self.say(call.method, call.path, {k: str(v) for k, v in call.query}, sent)
        headers = {"content-type": "application/json", **(more[0] if more else {})}
        answer = Answer(status, headers, b"" if body is None and status == 204 else json.dumps(body).encode())
        if status >= 300:
            raise refusal(call, f"http://crm.test{call.path}", answer)
        return answer
