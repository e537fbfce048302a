"""Flows without any driver: the effects they yield are looked at one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from keapbridge._flow.effects import Blocking, Flow, Gather, NewId, Now, Send, Sleep, blocking, gather, new_id
from keapbridge._flow.effects import now as now_flow
from keapbridge._io.bounds import Bounds
from keapbridge._io.calling import send
from keapbridge._io.calls import Answer, Call, Page
from keapbridge._io.circuit import Circuit
from keapbridge._io.listing import fetch
from keapbridge._io.retries import RetryPolicy
from keapbridge.errors import (
    AuthError,
    NotFoundError,
    QuotaExhaustedError,
    RateLimitedError,
    ServerError,
    ShapeError,
    TransportError,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@attrs.frozen
class Port:
    base_url: str = "https://crm.example.org"
    retry: RetryPolicy = attrs.field(factory=lambda: RetryPolicy(attempts=3, base=1.0, cap=10.0))
    credentials: Any = None
    pace: Any = None
    ear: Any = None
    circuit: Circuit = attrs.field(factory=lambda: Circuit(12, timedelta(seconds=30)))
    bounds: Bounds = attrs.field(factory=Bounds)


def _call(*, repeatable: bool = True, decode: Any = lambda answer: answer.body) -> Call[Any]:
    return Call("GET", "/x", decode, repeatable=repeatable)


def _pauses(flow: Flow[Any], error: Exception) -> list[Sleep]:
    """The pauses of a flow whose calls all fail with this error, which it raises in the end."""
    pauses = []
    effect = next(flow)
    try:
        while True:
            if isinstance(effect, Sleep):
                pauses.append(effect)
                effect = flow.send(None)
            elif isinstance(effect, Now):
                effect = flow.send(NOON)
            else:
                assert isinstance(effect, Send)
                effect = flow.throw(error)
    except type(error):
        return pauses


def _ended(flow: Flow[Any], value: Any) -> Any:
    with pytest.raises(StopIteration) as caught:
        flow.send(value)
    return caught.value.value


def test_a_call_that_is_answered_is_decoded() -> None:
    port, call = Port(), _call(decode=lambda answer: answer.status)
    flow = send(port, call)
    assert next(flow) == Send(port, call)
    assert _ended(flow, Answer(200, {}, b"")) == 200


@pytest.mark.parametrize(
    "error", [ServerError("x", status=500), TransportError("x"), ShapeError("no JSON"), ServerError("x", status=503)]
)
def test_a_call_that_may_be_repeated_is_after_pauses_that_double(error: Exception) -> None:
    assert _pauses(send(Port(), _call()), error) == [Sleep(1.0, jitter=True), Sleep(2.0, jitter=True)]


@pytest.mark.parametrize(
    "error", [ServerError("x", status=500), TransportError("x"), ShapeError("no JSON"), AuthError("x", status=401)]
)
def test_a_call_that_may_not_be_repeated_is_not_when_its_outcome_is_unknown(error: Exception) -> None:
    assert _pauses(send(Port(), _call(repeatable=False)), error) == []


@pytest.mark.parametrize("error", [TransportError("x", sent=False), RateLimitedError("x", status=429)])
def test_what_surely_had_no_effect_is_always_repeated(error: Exception) -> None:
    assert len(_pauses(send(Port(), _call(repeatable=False)), error)) == 2


@pytest.mark.parametrize(
    "error",
    [
        AuthError("x", status=401),
        NotFoundError("x", status=404),
        ShapeError("x", paths=["$.id"]),
        ServerError("x", status=501),
        QuotaExhaustedError("x", status=429),
    ],
)
def test_what_will_not_get_better_is_not_repeated(error: Exception) -> None:
    assert _pauses(send(Port(), _call()), error) == []


def test_retry_after_is_waited_for_to_the_second() -> None:
    error = RateLimitedError("x", status=429, retry_after=7.0)
    assert _pauses(send(Port(), _call()), error) == [Sleep(7.0), Sleep(7.0)]


def test_retry_after_beyond_the_cap_is_raised_at_once() -> None:
    assert _pauses(send(Port(), _call()), RateLimitedError("x", status=429, retry_after=11.0)) == []


def test_pauses_are_capped() -> None:
    port = Port(retry=RetryPolicy(attempts=8, base=1.0, cap=5.0))
    ceilings = [pause.ceiling for pause in _pauses(send(port, _call()), ServerError("x", status=500))]
    assert ceilings == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0]


def test_an_answer_that_cannot_be_decoded_counts_as_a_failed_attempt() -> None:
    def decode(answer: Answer) -> bytes:
        if not answer.body:
            raise ShapeError("no JSON")
        return answer.body

    flow = send(Port(), _call(decode=decode))
    next(flow)
    assert isinstance(flow.send(Answer(200, {}, b"")), Now)  # the circuit breaker notes when it failed
    assert isinstance(flow.send(NOON), Sleep)
    assert isinstance(flow.send(None), Send)
    assert _ended(flow, Answer(200, {}, b"{}")) == b"{}"


def test_a_page_fetches_the_next_one_only_when_it_is_asked_to() -> None:
    port = Port()
    last = _call(decode=lambda _: Page(("b",)))
    first = _call(decode=lambda _: Page(("a",), following=last))
    flow = fetch(port, first)
    next(flow)
    page = _ended(flow, Answer(200, {}, b""))
    assert page.items == ("a",)
    following = page.next()
    assert next(following) == Send(port, last)
    assert _ended(following, Answer(200, {}, b"")) == Page(("b",))


def test_the_small_flows_yield_one_effect_each() -> None:
    work = blocking("add", lambda a, b: a + b, 1, b=2)
    effect = next(work)
    assert isinstance(effect, Blocking)
    assert (effect.label, effect.work()) == ("add", 3)
    assert _ended(work, 3) == 3
    assert next(now_flow()) == Now()
    assert next(new_id()) == NewId()
    effect = next(gather([], 4))
    assert isinstance(effect, Gather)
    assert effect.limit == 4


def test_a_call_and_an_answer_show_no_content() -> None:
    call = Call("POST", "/x", lambda a: a, query=(("email", "ada@example.org"),), headers=(("X", "s"),), body=b"secret")
    assert "ada@" not in repr(call)
    assert "secret" not in repr(call) + repr(Answer(200, {}, b"secret"))
