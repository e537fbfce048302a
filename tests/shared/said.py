"""A REST API that is a function: what it is asked, and what it answers, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Flow, Send
from keapbridge._io.calls import Answer, Call
from keapbridge._io.refusals import refusal

__all__ = ["Api", "AsyncApi", "Said"]

T = TypeVar("T")
Said = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]


class _Told:
    """A function that answers calls, and the calls that it was asked.

    Attributes:
        asked: all calls so far.
    """

    def __init__(self, say: Callable[[str, str, dict[str, str], Any], Said]) -> None:
        super().__init__()
        self.say = say
        self.asked: list[Call[Any]] = []

    def answer(self, call: Call[Any]) -> Answer:
        self.asked.append(call)
        sent = json.loads(call.body) if call.body else None
        status, body, *more = self.say(call.method, call.path, {k: str(v) for k, v in call.query}, sent)
        headers = {"content-type": "application/json", **(more[0] if more else {})}
        answer = Answer(status, headers, b"" if body is None and status in {204, 304} else json.dumps(body).encode())
        if status >= 300 and status not in call.empty:
            raise refusal(call, f"http://crm.test{call.path}", answer)
        return answer


class Api(_Told, SyncDriver):
    """Performs calls by a function; it keeps them."""

    def perform(self, effect: Any) -> Any:
        return self.answer(effect.call) if isinstance(effect, Send) else super().perform(effect)

    def done(self, flow: Flow[T]) -> T:
        """What a flow returns."""
        return self.run(flow)


class AsyncApi(_Told, AsyncDriver):
    """`Api` on an event loop."""

    async def perform(self, effect: Any) -> Any:
        return self.answer(effect.call) if isinstance(effect, Send) else await super().perform(effect)

    def done(self, flow: Flow[T]) -> T:
        """What a flow returns."""
        return asyncio.run(self.run(flow))
