"""Flows: generators that yield effects and return a value. Pure; the drivers perform the effects.

A client method, a retry, a whole synchronization is one generator, whether it is driven by threads or by an event
loop. `x = yield from send(port, call)` (see `_io.calling`) is fully typed: an effect's answer is typed by small
functions, which are the only positions that yield.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar, Union

import attrs

__all__ = [
    "Alongside",
    "Await",
    "Blocking",
    "Clocks",
    "Effect",
    "Elapsed",
    "Finish",
    "Flow",
    "Gate",
    "Gather",
    "Halt",
    "NewId",
    "Now",
    "Request",
    "Send",
    "Sleep",
    "Within",
    "alongside",
    "blocking",
    "clocks",
    "elapsed",
    "finish",
    "gather",
    "new_id",
    "now",
    "stop_point",
    "within",
]

T = TypeVar("T")


class Halt(BaseException):
    """Ends a run at the effect where it is raised: nothing new is begun, what was begun is still remembered.

    Attributes:
        error: what the caller is told.
        unsent: whether it is certain that a call which had passed all gates was not sent.
    """

    def __init__(self, error: BaseException, *, unsent: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.unsent = unsent


class Gate(Protocol):
    """What is asked before an effect is performed: a call, a wait. See `Within`."""

    def admit(self, effect: Effect) -> Flow[None] | None:
        """What lets the effect pass, which is performed at once then; `None` where nothing must be done for that.

        The flow raises `Halt` when the effect must not be performed, and the run is over.
        """
        ...


class Request(Protocol):
    """What is known here of a call to a system."""

    @property
    def method(self) -> str:
        """`GET` where it only reads."""
        ...

    @property
    def shown(self) -> str:
        """Where it goes, for anybody to see."""
        ...


@attrs.frozen
class Send:
    """Have a port exchange a call for its answer, or raise an `ApiError`.

    Attributes:
        attempt: 1 for the first one, more where it is a repetition.
        after: what the last attempt failed for.
    """

    port: Any
    call: Request
    attempt: int = 1
    after: str = ""


@attrs.frozen
class Blocking:
    """Run blocking work (the store, a database) where it disturbs nobody.

    Attributes:
        outward: it is a call to one of the two systems, and passes the gates as a `Send` does.
        at_home: it must be done on the thread that began the run, as far as there is one that can wait.
    """

    work: Callable[[], Any]
    label: str
    outward: bool = False
    at_home: bool = False


@attrs.frozen
class Await:
    """Wait for a call to a system that only an event loop can make; a driver without one refuses it."""

    work: Callable[[], Awaitable[Any]]
    label: str


@attrs.frozen
class Gather:
    """Run flows side by side, at most `limit` at a time; answers their values in order."""

    flows: Iterable[Flow[Any]]
    limit: int


@attrs.frozen
class Finish:
    """Run a flow that must not be left half-way when its task is interrupted; answers its value.

    An interrupt (Ctrl-C, a task that is cancelled) is raised at the next call or wait, of the flow itself or after it.
    """

    flow: Flow[Any]


@attrs.frozen
class Within:
    """Run a flow on a stack of its own; answers its value.

    The effects of the flow then do not pass those that wait for it, which are many where a whole run is meant.

    Attributes:
        gate: what its calls and waits pass, and those of all flows that it runs in turn; behind the gates
            of those that run it.
        place: what it does, in two words (`("synchronization", "contacts")`): told with errors that leave it.
    """

    flow: Flow[Any]
    gate: Gate | None = None
    place: tuple[str, str] | None = None


@attrs.frozen
class Alongside:
    """Run a flow, and another one again and again as long as that takes; answers the value of the first.

    Attributes:
        beat: makes the other one, which yields work of the store and looks at clocks, no more. Its errors are dropped.
        every: seconds.
    """

    flow: Flow[Any]
    beat: Callable[[], Flow[None]]
    every: float


@attrs.frozen
class Sleep:
    """Wait for up to `ceiling` seconds: the whole of it, or a random part of it with `jitter`.

    Attributes:
        why: what for, for those who watch; without it they are not told.
        whole: how long it may take in all, where this is the first of several short waits.
    """

    ceiling: float
    jitter: bool = False
    why: str = attrs.field(default="", eq=False, repr=False)
    whole: float | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def is_stop_point(self) -> bool:
        """Whether it waits for nothing; see `stop_point`."""
        return self.ceiling == 0 and not self.why


@attrs.frozen
class Now:
    """The time of day, UTC."""


@attrs.frozen
class Elapsed:
    """Seconds since some moment, by a clock that nobody sets, and that goes on while the machine sleeps."""


@attrs.frozen
class Clocks:
    """Both at once, `Now` and `Elapsed`."""


@attrs.frozen
class NewId:
    """A name that nothing else has."""


Effect: TypeAlias = Union[Send, Blocking, Await, Gather, Finish, Within, Alongside, Sleep, Now, Elapsed, Clocks, NewId]
Flow: TypeAlias = Generator[Effect, Any, T]


def blocking(
    label: str, work: Callable[..., T], *args: Any, outward: bool = False, at_home: bool = False, **kwargs: Any
) -> Flow[T]:
    """Run blocking work; see `Blocking`."""
    result: T = yield Blocking(lambda: work(*args, **kwargs), label, outward, at_home)
    return result


def gather(flows: Iterable[Flow[T]], limit: int) -> Flow[list[T]]:
    """Run flows side by side. The first error is raised when all that had begun have ended."""
    results: list[T] = yield Gather(flows, limit)
    return results


def finish(flow: Flow[T]) -> Flow[T]:
    """Run a flow that an interrupt must not leave half-way; see `Finish`."""
    result: T = yield Finish(flow)
    return result


def within(flow: Flow[T], *, gate: Gate | None = None, place: tuple[str, str] | None = None) -> Flow[T]:
    """Run a flow on a stack of its own, perhaps behind a gate; see `Within`."""
    result: T = yield Within(flow, gate, place)
    return result


def alongside(flow: Flow[T], beat: Callable[[], Flow[None]], every: float) -> Flow[T]:
    """Run a flow, and another one every so many seconds meanwhile."""
    result: T = yield Alongside(flow, beat, every)
    return result


def now() -> Flow[datetime]:
    """The time of day, UTC."""
    moment: datetime = yield Now()
    return moment


def stop_point() -> Flow[None]:
    """A wait for nothing: where long work that calls nobody can be stopped."""
    yield Sleep(0)


def elapsed() -> Flow[float]:
    """Seconds by a clock that nobody sets, and that goes on while the machine sleeps."""
    seconds: float = yield Elapsed()
    return seconds


def clocks() -> Flow[tuple[datetime, float]]:
    """What both clocks say: `now` and `elapsed`."""
    both: tuple[datetime, float] = yield Clocks()
    return both


def new_id() -> Flow[str]:
    """A name that nothing else has."""
    name: str = yield NewId()
    return name
