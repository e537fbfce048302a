"""Flows: generators that yield effects and return a value. Pure; the drivers in `_drive` perform the effects.

A client method, a retry, a whole synchronization is one generator, whether it is driven by threads or by an event
loop. `x = yield from send(port, call)` is fully typed: the effect's answer is typed by the small functions below, which
are the only places that yield.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, Union

import attrs
from msgspec import UNSET, UnsetType

from keapbridge import _retry
from keapbridge.errors import ApiError, ShapeError

__all__ = [
    "UNSET",
    "Answer",
    "Call",
    "Effect",
    "Flow",
    "Gather",
    "Malformed",
    "Maybe",
    "NewId",
    "Now",
    "Page",
    "Port",
    "Run",
    "Send",
    "Sleep",
    "UnsetType",
    "fetch",
    "gather",
    "new_id",
    "now",
    "run",
    "send",
]

T = TypeVar("T")

Maybe: TypeAlias = Union[T, UnsetType, None]
"""A value, `None` (known to be empty) or `UNSET` (not asked for, unknown)."""


@attrs.frozen
class Answer:
    """An HTTP answer with a status below 400, headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)

    @property
    def served_at(self) -> datetime | None:
        """The server's own clock, from its `Date` header."""
        from email.utils import parsedate_to_datetime

        try:
            return parsedate_to_datetime(self.headers["date"])
        except (KeyError, ValueError):
            return None


@attrs.frozen
class Call(Generic[T]):
    """One request as a value, and how its answer is read.

    Attributes:
        path: below the base URL of the port, percent-encoded.
        subject: what it is about, for messages (`"contact 12"`).
        repeatable: whether it may be sent again when the first outcome is unknown.
    """

    method: str
    path: str
    decode: Callable[[Answer], T] = attrs.field(repr=False)
    query: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)
    subject: str = ""
    repeatable: bool = True


@attrs.frozen
class Malformed:
    """An item of a page that could not be read; its neighbours could."""

    id: str | None
    error: ShapeError


@attrs.frozen
class Page(Generic[T]):
    """A part of a list.

    Attributes:
        items: the records that could be read.
        malformed: those that could not.
        deleted: ids that a change list says are gone.
        following: the call for the next part, as the answer told it; `None` at the end.
        next: the same as a flow, bound to where this page came from.
        served_at: the server's clock when it answered.
    """

    items: tuple[T, ...]
    malformed: tuple[Malformed, ...] = ()
    deleted: tuple[str, ...] = ()
    following: Call[Page[T]] | None = None
    next: Callable[[], Flow[Page[T]]] | None = None
    served_at: datetime | None = None


class Port(Protocol):
    """Where calls go: one system, its base URL, its credentials. Its `exchange` belongs to the drivers."""

    @property
    def base_url(self) -> str: ...
    @property
    def retry(self) -> _retry.RetryPolicy: ...


# --- effects ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Send:
    """Perform one HTTP exchange; answers an `Answer` or raises an `ApiError`."""

    port: Any
    call: Call[Any]


@attrs.frozen
class Run:
    """Run blocking work (the store, a database) where it disturbs nobody."""

    work: Callable[[], Any]
    label: str


@attrs.frozen
class Gather:
    """Run flows side by side, at most `limit` at a time; answers their values in order."""

    flows: Iterable[Flow[Any]]
    limit: int


@attrs.frozen
class Sleep:
    """Wait for up to `ceiling` seconds: the whole of it, or a random part of it with `jitter`."""

    ceiling: float
    jitter: bool = False


@attrs.frozen
class Now:
    """The time of day, UTC."""


@attrs.frozen
class NewId:
    """A name that nothing else has."""


Effect: TypeAlias = Union[Send, Run, Gather, Sleep, Now, NewId]
Flow: TypeAlias = Generator[Effect, Any, T]


def send(port: Port, call: Call[T]) -> Flow[T]:
    """Send a call, again after failures that allow it, and read its answer."""
    attempt = 1
    while True:
        try:
            answer: Answer = yield Send(port, call)
            return call.decode(answer)
        except ApiError as error:
            _locate(error, port, call)
            pause = _retry.decide(error, attempt, repeatable=call.repeatable, policy=port.retry)
            if pause is None:
                raise
        yield Sleep(pause.seconds, jitter=pause.jitter)
        attempt += 1


def _locate(error: ApiError, port: Port, call: Call[Any]) -> None:
    """Errors from reading an answer do not know yet which call it answered."""
    if not error.method:
        error.method, error.url = call.method, f"{port.base_url}{call.path}"
        error.args = (f"{call.subject or call.path}: {error} ({error.method} {error.url})",)


def fetch(port: Port, call: Call[Page[T]]) -> Flow[Page[T]]:
    """Send a call for a page; the page knows how to fetch the next one."""
    page = yield from send(port, call)
    for item in page.malformed:
        _locate(item.error, port, call)
    following = page.following
    return page if following is None else attrs.evolve(page, next=lambda: fetch(port, following))


def run(label: str, work: Callable[..., T], *args: Any, **kwargs: Any) -> Flow[T]:
    """Run blocking work."""
    result: T = yield Run(lambda: work(*args, **kwargs), label)
    return result


def gather(flows: Iterable[Flow[T]], limit: int) -> Flow[list[T]]:
    """Run flows side by side. The first error is raised when all that had begun have ended."""
    results: list[T] = yield Gather(flows, limit)
    return results


def now() -> Flow[datetime]:
    """The time of day, UTC."""
    moment: datetime = yield Now()
    return moment


def new_id() -> Flow[str]:
    """A name that nothing else has."""
    name: str = yield NewId()
    return name


if TYPE_CHECKING:  # a Flow is what a generator function returns

    def _typed(port: Port, call: Call[int]) -> Flow[str]:
        number = yield from send(port, call)
        return str(number + 1)
