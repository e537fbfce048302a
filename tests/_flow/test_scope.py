"""Where a flow is: its path, its gates, and what an error that leaves it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Effect, Flow, Halt, Send, Sleep, blocking, gather, within
from keapbridge._flow.scope import trace
from keapbridge._io.calls import Call

Drive = Callable[[Flow[Any]], Any]
CALL: Call[Any] = Call("GET", "/", lambda answer: answer)
both = pytest.mark.parametrize(
    "drive", [lambda f: SyncDriver().run(f), lambda f: asyncio.run(AsyncDriver().run(f))], ids=["threads", "loop"]
)


def _leaf(work: Callable[[], Any]) -> Flow[Any]:
    return (yield from blocking("work", work))


def _branch(work: Callable[[], Any]) -> Flow[Any]:
    return (yield from gather([within(_leaf(work), place=("record", "12"))] * 1, 2))


def _root(work: Callable[[], Any]) -> Flow[Any]:
    return (yield from within(_branch(work), place=("run", "abc")))


@both
def test_the_path_of_flows_is_known_wherever_they_run(drive: Drive) -> None:
    [path] = drive(_root(trace))
    names = [line.partition(" ")[0] for line in path]
    assert names == ["_root", "within", "_branch", "gather", "within", "_leaf", "blocking"]
    assert all("test_scope.py" in line or "effects.py" in line for line in path)


@both
def test_an_error_that_leaves_a_flow_says_where_it_was(drive: Drive) -> None:
    def fails() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError) as caught:
        drive(_root(fails))
    assert caught.value.__notes__ == ["keapbridge: in run abc, record 12"]


class Counting:
    """A gate that is shut after so many effects."""

    def __init__(self, passes: int) -> None:
        self.passes = passes

    def admit(self, _: Effect) -> Flow[None]:
        yield from blocking("look", int)
        self.passes -= 1
        if self.passes < 0:
            raise Halt(TimeoutError("shut"))


class Line:
    """A port."""

    def __init__(self) -> None:
        self.sent = 0

    def exchange(self, _: Any) -> Any:
        self.sent += 1
        return asyncio.sleep(0) if self.on_loop else None

    on_loop = False


@both
def test_every_call_and_wait_passes_the_gate_first(drive: Drive) -> None:
    line, gate = Line(), Counting(5)

    def steps() -> Flow[None]:
        line.on_loop = _on_a_loop()
        yield Send(line, CALL)
        yield Sleep(0)
        yield from blocking("the store", int)
        yield from blocking("a call", int, outward=True)
        yield from gather([within(calls())], 2)

    def calls() -> Flow[None]:
        while True:
            yield Send(line, CALL)

    with pytest.raises(TimeoutError, match="shut"):
        drive(within(steps(), gate=gate))
    assert line.sent == 3, "the store passes no gate; flows that are gathered do"


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@both
def test_a_halt_is_nothing_that_expects_errors_can_hold_up(drive: Drive) -> None:
    def stubborn() -> Flow[None]:
        while True:
            try:
                yield Sleep(0)
            except Exception:  # noqa: BLE001 - as a bulkhead would
                continue

    with pytest.raises(TimeoutError):
        drive(within(stubborn(), gate=Counting(3)))
