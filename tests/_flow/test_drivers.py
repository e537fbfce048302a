"""The two drivers: they perform the same effects with the same outcomes, one on threads and one on an event loop."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import attrs
import pytest

from keapbridge._flow import scope as scopes
from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Effect, Flow, Sleep, blocking, finish, gather, new_id, now, within
from keapbridge.errors import NotFoundError

LONG = 60  # seconds, for what takes none
Drive = Callable[[Flow[Any]], Any]


def _sync(flow: Flow[Any]) -> Any:
    return SyncDriver().run(flow)


def _async(flow: Flow[Any]) -> Any:
    return asyncio.run(AsyncDriver().run(flow))


both = pytest.mark.parametrize("drive", [_sync, _async], ids=["threads", "loop"])


def _value(value: Any) -> Flow[Any]:
    return (yield from blocking("make a value", lambda: value))


def _failing(error: BaseException) -> Flow[Any]:
    def fail() -> None:
        raise error

    return (yield from blocking("fail", fail))


@both
def test_a_flow_returns_its_value(drive: Drive) -> None:
    assert drive(_value(7)) == 7


@both
def test_an_error_of_an_effect_is_raised_where_the_flow_waits_for_it(drive: Drive) -> None:
    def flow() -> Flow[str]:
        try:
            yield from _failing(NotFoundError("gone"))
        except NotFoundError:
            return (yield from _value("caught"))
        return "not raised"

    assert drive(flow()) == "caught"


@both
def test_the_clock_is_aware_and_ids_differ(drive: Drive) -> None:
    def flow() -> Flow[tuple[datetime, str, str]]:
        return (yield from now()), (yield from new_id()), (yield from new_id())

    before = datetime.now(UTC)
    moment, one, other = drive(flow())
    assert before <= moment <= datetime.now(UTC)
    assert one != other


@both
@pytest.mark.parametrize("limit", [1, 3, 50])
def test_gathered_values_come_in_order_whatever_ends_first(drive: Drive, limit: int) -> None:
    def one(n: int) -> Flow[int]:
        yield Sleep(0.002 * (10 - n))
        return n

    assert drive(gather((one(n) for n in range(10)), limit)) == list(range(10))


@both
def test_gathering_nothing_is_an_empty_list(drive: Drive) -> None:
    assert drive(gather([], 4)) == []


@both
def test_gathering_keeps_values_that_are_none(drive: Drive) -> None:
    assert drive(gather([_value(None), _value(1), _value(None)], 2)) == [None, 1, None]


@both
@pytest.mark.parametrize("limit", [1, 4])
def test_no_more_flows_run_at_once_than_the_limit_allows(drive: Drive, limit: int) -> None:
    running, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(limit)  # so many run at once: each waits for the others

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(LONG)
        with lock:
            running -= 1

    drive(gather((blocking("work", work) for _ in range(12)), limit))
    assert most == limit


@both
def test_flows_are_taken_from_a_generator_only_as_they_are_begun(drive: Drive) -> None:
    begun: list[int] = []

    def flows() -> Iterator[Flow[int]]:
        for n in range(1000):
            begun.append(n)
            yield _failing(ValueError("stop")) if n == 5 else _value(n)

    with pytest.raises(ValueError, match="stop"):
        drive(gather(flows(), 2))
    assert len(begun) < 20


@both
def test_the_first_error_is_raised_after_all_that_had_begun_have_ended(drive: Drive) -> None:
    ended: list[str] = []

    def slow() -> Flow[None]:
        yield Sleep(0.05)
        ended.append("slow")

    with pytest.raises(NotFoundError):
        drive(gather([slow(), _failing(NotFoundError("gone"))], 2))
    assert ended == ["slow"]


@both
def test_an_error_of_the_generator_of_flows_is_raised(drive: Drive) -> None:
    def flows() -> Iterator[Flow[int]]:
        yield _value(1)
        raise LookupError("no more")

    with pytest.raises(LookupError):
        drive(gather(flows(), 2))


@both
def test_gathers_nest(drive: Drive) -> None:
    def row(a: int) -> Flow[list[Any]]:
        return gather((_value((a, b)) for b in range(3)), 2)

    assert drive(gather(map(row, range(3)), 2)) == [[(a, b) for b in range(3)] for a in range(3)]


def test_sleeps_go_through_the_injected_sleep() -> None:
    slept: list[float] = []

    def flow() -> Flow[None]:
        yield Sleep(3.0)
        yield Sleep(4.0, jitter=True)

    SyncDriver(sleep=slept.append).run(flow())
    assert slept[0] == 3.0
    assert 0 <= slept[1] <= 4.0

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    asyncio.run(AsyncDriver(sleep=sleep).run(flow()))
    assert slept[2] == 3.0
    assert 0 <= slept[3] <= 4.0


# --- surroundings ---------------------------------------------------------------------------------------------------


def test_the_sync_driver_works_inside_a_running_loop() -> None:
    async def notebook() -> Any:
        return SyncDriver().run(gather([_value(1), _value(2)], 2))

    assert asyncio.run(notebook()) == [1, 2]


def test_blocking_work_leaves_the_loop_free() -> None:
    """It ends only when the loop, which goes round meanwhile, says so."""
    told = threading.Event()

    async def scenario() -> bool:
        task = asyncio.create_task(AsyncDriver().run(blocking("block", told.wait, LONG)))
        asyncio.get_running_loop().call_soon(told.set)
        return await task

    assert asyncio.run(scenario())


def _sleeping(number: int) -> tuple[AsyncDriver, asyncio.Event]:
    """A driver that never ends a sleep, and when so many flows are asleep."""
    asleep, numbers = asyncio.Event(), count(1)

    async def sleep(_: float) -> None:
        if next(numbers) == number:
            asleep.set()
        await asyncio.Event().wait()

    return AsyncDriver(sleep=sleep), asleep


def test_cancelling_reaches_the_flow() -> None:
    seen: list[BaseException] = []

    def flow() -> Flow[None]:
        try:
            yield Sleep(60)
        except BaseException as error:
            seen.append(error)
            raise

    async def scenario() -> None:
        driver, asleep = _sleeping(1)
        task = asyncio.create_task(driver.run(flow()))
        await asleep.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert isinstance(seen[0], asyncio.CancelledError)


def test_cancelling_ends_gathered_flows_too() -> None:
    ended: list[int] = []

    def one(n: int) -> Flow[None]:
        try:
            yield Sleep(60)
        finally:
            ended.append(n)

    async def scenario() -> None:
        driver, asleep = _sleeping(3)
        task = asyncio.create_task(driver.run(gather((one(n) for n in range(3)), 3)))
        await asleep.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert sorted(ended) == [0, 1, 2]


def test_an_interrupt_in_a_thread_reaches_the_caller() -> None:
    with pytest.raises(KeyboardInterrupt):
        SyncDriver().run(gather([_failing(KeyboardInterrupt()), _value(1)], 2))


# --- interrupts -----------------------------------------------------------------------------------------------------


@attrs.frozen
class _Open:
    """A gate that lets everything pass, as those of a run do."""

    def admit(self, effect: Effect) -> None:
        """Nothing is to be done for that."""


def _half_way(done: list[str], interrupt: Callable[[], Any]) -> Flow[None]:
    """Two steps that belong together, and an interrupt between them; then a call."""

    def both_steps() -> Flow[str]:
        yield from blocking("one", interrupt)
        yield from blocking("two", done.append, "both steps")
        return "value"

    done.append((yield from finish(both_steps())))
    yield from blocking("call", done.append, "call", outward=True)


def test_what_must_not_be_left_half_way_ends_before_an_interrupt_is_raised() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    done: list[str] = []
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        signal.pthread_kill(main, signal.SIGINT)
        end = time.monotonic() + LONG
        while scopes.current.get().task.halted is None and time.monotonic() < end:  # type: ignore[union-attr]
            time.sleep(0.001)

    try:
        with pytest.raises(KeyboardInterrupt):
            SyncDriver().run(within(_half_way(done, interrupt), gate=_Open()))
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ["both steps", "value"]


def test_nor_before_a_cancellation_is() -> None:
    done: list[str] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def interrupt() -> None:  # on a thread of the loop's
            told = threading.Event()
            loop.call_soon_threadsafe(lambda: (task.cancel(), told.set()))
            assert told.wait(LONG)

        task = asyncio.create_task(AsyncDriver().run(within(_half_way(done, interrupt), gate=_Open())))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert done == ["both steps", "value"]


def test_an_interrupt_after_the_last_call_reaches_the_caller_all_the_same() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def interrupt() -> None:
            told = threading.Event()
            loop.call_soon_threadsafe(lambda: (task.cancel(), told.set()))
            assert told.wait(LONG)

        task = asyncio.create_task(AsyncDriver().run(within(blocking("last", interrupt), gate=_Open())))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())


def test_a_gather_that_could_not_begin_all_of_its_flows_has_no_values() -> None:
    driver = SyncDriver()

    def flow() -> Flow[Any]:
        scopes.current.get().task.halt(ValueError("over"))  # type: ignore[union-attr]
        return (yield from gather([_value(1), _value(2)], 2))

    with pytest.raises(ValueError, match="over"):
        driver.run(flow())
