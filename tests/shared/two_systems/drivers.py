"""Drivers that let something else happen in the middle of a run, or that die in it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from fakes import FakeSystem
from stopping import Clock, CountingDriver

from keapbridge._flow.effects import Blocking, Effect, Flow, Send
from keapbridge.errors import LinkStoreError


def asks_the_store(effect: Effect) -> bool:
    """A runner that stands still is noticed by the store; nobody could call back a request that was just begun."""
    return isinstance(effect, Blocking) and not effect.label.startswith("events.")  # these come after the lease


def updates_something(effect: Effect) -> bool:
    return isinstance(effect, Send) and effect.call.method == "PATCH"


class Interrupted(CountingDriver):
    """Lets something else happen before one of the effects: an edit, another runner.

    Args:
        at: before which effect, at the earliest.
        before: which effects may be the one.
        then: what happens; it is told the effect.
    """

    def __init__(
        self, clock: Clock, *, at: int, then: Callable[[Any], Any], before: Callable[[Effect], bool] = asks_the_store
    ) -> None:
        super().__init__(clock)
        self.next: int | None = at
        self._then = then
        self._before = before

    def _counted(self, effect: Send | Blocking) -> Any:
        if self.next is not None and len(self.log) >= self.next and self._before(effect):
            self.next = None
            self._then(effect)
        return super()._counted(effect)


class Dying(CountingDriver):
    """The process dies with a request that wrote something, or at an effect of a name.

    Args:
        systems: where is written.
        at: with which of these requests or effects.
        named: the name; without one it is any request that wrote.
    """

    def __init__(
        self, clock: Clock, systems: Iterable[FakeSystem], *, at: int, named: str | None = None, after: bool = True
    ) -> None:
        super().__init__(clock, stop_after=after)
        self._systems = tuple(systems)
        self._left = at
        self._named = named

    def _counted(self, effect: Send | Blocking) -> Any:
        if self._named is not None and isinstance(effect, Blocking) and effect.label == self._named:
            if self._left == 0:
                self._stop_at = len(self.log)
            self._left -= 1
        before = self._written()
        try:
            return super()._counted(effect)
        finally:
            if self._named is None and self._written() > before:
                self._left -= 1
                if self._left < 0:
                    self._die()

    def _written(self) -> int:
        return sum(len(system.writes) for system in self._systems)


class Forgetful(CountingDriver):
    """The database of the store does not work for a moment, or refuses what it is to keep.

    Args:
        at: from which effect on.
        times: how often.
        refused: whether it would keep something else.
        named: the name of the effects that fail; by default any.
    """

    def __init__(self, clock: Clock, *, at: int, times: int, refused: bool, named: str | None = None) -> None:
        super().__init__(clock)
        self._from, self._left, self._refused, self._named = at, times, refused, named

    def _counted(self, effect: Send | Blocking) -> Any:
        is_store = isinstance(effect, Blocking) and not effect.outward and self._named in {None, effect.label}
        if is_store and self._left and len(self.log) >= self._from:
            self._left -= 1
            self.log.append(f"{effect.label} fails")
            raise LinkStoreError("the store does not work", refused=self._refused)
        return super()._counted(effect)


class Awaitable:
    """The same for the sessions of an event loop, which then never waits for anything."""

    def __init__(self, driver: CountingDriver) -> None:
        self._driver = driver

    async def run(self, flow: Flow[Any]) -> Any:
        return self._driver.run(flow)


def value_of(answer: Any) -> Any:
    if not inspect.iscoroutine(answer):
        return answer
    try:
        answer.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits for an event loop")
